/* SPDX-License-Identifier: MIT */
/*
 * id: `<epoch>-<number>`, the event ids that the hub gives.
 *
 * The epoch is a random number that always has eight base-36 digits, so that
 * few ids of other people look like ours (an `order-42` does not).
 */
#ifndef LIB_SSE_ID_H
#define LIB_SSE_ID_H

#include <stdint.h>

#include "lib/base/slice.h"

#define ID_EPOCH_MIN UINT64_C(78364164096)	/* 36^7 */
#define ID_EPOCH_MAX UINT64_C(2821109907455)	/* 36^8 - 1 */

enum { ID_TEXT_MAX = 8 + 1 + 20 };

uint64_t id_new_epoch(void);	/* random, never from the clock */

/*
 * Writes the text and a NUL; returns its length. An epoch out of range cannot
 * overflow `out`, but what is written then means nothing.
 */
size_t id_format(uint64_t epoch, uint64_t number, char out[ID_TEXT_MAX + 1]);

/*
 * Exactly eight base-36 digits of which the first is not 0, a dash, and a
 * decimal number without leading zeros that fits 64 bits (0 itself is fine:
 * the position before the first event). 0 or -EINVAL.
 */
int id_parse(struct slice s, uint64_t *ret_epoch, uint64_t *ret_number);

#endif
