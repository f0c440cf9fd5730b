/* SPDX-License-Identifier: MIT */
/* guests: how many streams each client address has. */
#ifndef FCGI_GUESTS_H
#define FCGI_GUESTS_H

#include <stdint.h>

#include "lib/base/map.h"

struct guest;

struct guests {			/* zeroed: empty */
	struct map by_address;
};

/*
 * Counts one more stream of an address. 0 and its guest (NULL for an absent
 * address), -EBUSY: it has `most` already, or -ENOMEM.
 */
int guests_enter(struct guests *g, struct slice address, uint64_t most,
		 struct guest **ret_guest);
void guests_leave(struct guests *g, struct guest *guest);	/* NULL is fine */
void guests_done(struct guests *g);

#endif
