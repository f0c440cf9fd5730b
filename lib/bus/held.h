/* SPDX-License-Identifier: MIT */
/*
 * held: live events that wait for a repair, oldest first, bounded in bytes.
 *
 * One growing piece of memory, which is given back when the last one leaves.
 */
#ifndef LIB_BUS_HELD_H
#define LIB_BUS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct held {			/* zeroed: empty, and nothing fits */
	struct buf bytes;
	size_t at;		/* the front; what is before it is gone */
	size_t most;		/* bytes that may wait */
};

/* Copies the three parts of an event. 0, -ENOBUFS (no room), -ENOMEM. */
int held_add(struct held *h, uint64_t epoch, uint64_t number,
	     const struct slice parts[3]);

/* The front one; its parts are good until held_add or held_pop. */
bool held_front(const struct held *h, uint64_t *ret_epoch,
		uint64_t *ret_number, struct slice parts[3]);
void held_pop(struct held *h);
void held_done(struct held *h);

static inline bool
held_is_empty(const struct held *h)
{
	return h->at == h->bytes.len;
}

#endif
