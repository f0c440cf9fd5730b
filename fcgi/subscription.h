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

/* How much of what a selector matches the stream gets. */
enum subscription_reach {
	REACH_ALL = '+',	/* everything */
	REACH_PUBLIC = '-',	/* events that are not private */
	REACH_ALLOWED = '?',	/* what is allowed, below */
	REACH_OPEN = '~',	/* what is not private, and what is allowed */
};

struct subscription {		/* zeroed: empty */
	/*
	 * Canonical, so that equal subscriptions share a group: one line for
	 * each selector, sorted by it, and then one for each that is allowed.
	 * A line is a sign (enum subscription_reach, or `=` and `!` for what
	 * is allowed), the selector with the site's prefix, and a line feed,
	 * which no selector can hold. Of one that was added twice, the line
	 * that reaches further stays.
	 */
	struct buf key;
	uint32_t count;		/* selectors, without the allowed ones */
	uint32_t allowed;
	enum subscription_from from;
	struct buf after;	/* FROM_ID: 1-EVENT_ID_MAX bytes of UTF-8 */
	uint32_t last_n;
	int64_t expires_ms;	/* Unix time at which it ends; 0: none */
	uint32_t poll_ms;	/* it ends when it has what there is, and its
				 * browser asks again after that; 0: it goes on */
};

/* Adds a selector (checked by selector_parse). 0 or -ENOMEM. */
int subscription_add(struct subscription *s, struct slice prefix,
		     struct slice selector, enum subscription_reach reach);
/* Allows what a selector, whole with its prefix, means: to those of REACH_ALLOWED
 * and _OPEN. 0 or -ENOMEM. */
int subscription_allow(struct subscription *s, struct slice selector);
/* Allows everything that begins with the prefix, but what is below $SYS/. 0 or
 * -ENOMEM. */
int subscription_allow_all(struct subscription *s, struct slice prefix);
/* Sorts and removes doubles; afterwards the key is canonical. 0 or -ENOMEM. */
int subscription_seal(struct subscription *s);
void subscription_done(struct subscription *s);

#endif
