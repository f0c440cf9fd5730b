/* SPDX-License-Identifier: MIT */
/* random: from the kernel. Never from the clock. */
#ifndef LIB_BASE_RANDOM_H
#define LIB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t len);	/* aborts when there are none */
uint64_t random_u64(void);
uint64_t random_below(uint64_t bound);		/* uniform; bound > 0 */
/* The same and cheaper, to spread things in time; for nothing that has to be
 * secret or unique: after fork(2) both may get the same. */
uint64_t random_spread(uint64_t bound);

#endif
