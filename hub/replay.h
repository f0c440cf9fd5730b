/* SPDX-License-Identifier: MIT */
/*
 * replay: pages of what came after a number, and where an id is. Pure.
 *
 * A page is bounded by events, bytes and by how many records it looked at, so
 * that one request never holds up the publishers for long; whoever asks goes
 * on after the page's `to`.
 */
#ifndef HUB_REPLAY_H
#define HUB_REPLAY_H

#include "hub/store.h"
#include "lib/base/buf.h"
#include "lib/bus/frame.h"

struct replay {			/* zeroed: empty; reused for every request */
	struct follow_reply reply;	/* without tag */
	struct slice *events;	/* owned; the parts of the page's events */
	struct buf headers;	/* of events that had an earlier epoch */
	char reason[256];	/* what reply.reason may point to */
};

/* The page's event parts, behind the reply's head. */
static inline size_t
replay_event_parts(const struct replay *p)
{
	return p->reply.kind == FOLLOW_PAGE ? 3 * p->reply.count : 0;
}

/*
 * Answers an AFTER or RESOLVE out of the store, refusals included. Slices in
 * the answer stay good as the store's scan says. 0, -ENOMEM, -EIO.
 */
int replay_answer(struct replay *p, struct store *s,
		  const struct follow_request *q);
void replay_done(struct replay *p);

#endif
