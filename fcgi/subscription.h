/* SPDX-License-Identifier: MIT */
/*
 * subscription: what one stream asked for, already checked and authorised.
 *
 * Both doors make one: a request through the web server (route.h) and a
 * hand-over from another program (handoff.h).
 */
#ifndef FCGI_SUBSCRIPTION_H
#define FCGI_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/sse/event.h"

enum subscription_from {
	FROM_NOW,		/* what comes from now on */
	FROM_ID,		/* what follows `after` */
	FROM_EARLIEST,		/* everything kept */
	FROM_LAST,		/* the newest last_n of each topic, then live */
	FROM_UNKNOWN,		/* an id that no event can have: as FROM_ID with
				 * one that the hub does not know */
};

struct subscription {		/* zeroed: empty */
	/*
	 * Canonical, so that equal subscriptions share a group: one line for
	 * each selector, sorted by it; of one that was added both granted and
	 * not, the granted line stays. A line is `+` (granted: private events
	 * too) or `-`, the selector with the site's prefix, and a line feed,
	 * which no selector can hold.
	 */
	struct buf key;
	uint32_t count;
	enum subscription_from from;
	struct buf after;	/* FROM_ID: 1-EVENT_ID_MAX bytes of UTF-8 */
	uint32_t last_n;
	uint32_t poll_ms;	/* it ends when it has what there is, and its
				 * browser asks again after that; 0: it goes on */
};

/* Adds a selector (checked by selector_parse). 0 or -ENOMEM. */
int subscription_add(struct subscription *s, struct slice prefix,
		     struct slice selector, bool granted);
/* Sorts and removes doubles; afterwards the key is canonical. 0 or -ENOMEM. */
int subscription_seal(struct subscription *s);
void subscription_done(struct subscription *s);

#endif
