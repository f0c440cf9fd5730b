/* SPDX-License-Identifier: MIT */
/*
 * window: a publisher's events that wait for their acknowledgement, in order.
 *
 * Bounded by number and by bytes, but a single event of any size fits an empty
 * one. The first `sent` of them are on their way on the present connection;
 * after a new connection that is none, and all are sent again. So they are,
 * over the same connection, after one of them was refused for now, as soon as
 * each of them has its answer. Pure.
 *
 * An event that is sent behind another one names that one's key, so that the
 * hub takes none before the one it follows.
 */
#ifndef LIB_BUS_WINDOW_H
#define LIB_BUS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/limits.h"
#include "lib/base/slice.h"
#include "lib/bus/frame.h"
#include "lib/sse/event.h"

struct window {				/* zeroed: empty */
	/* a ring, owned: the oldest is at `head` */
	struct window_entry *entries[LIMIT_PUBLISH_WINDOW];
	unsigned head, count, sent;
	unsigned refused;	/* of the sent ones, for now */
	size_t bytes;
	char header[FRAME_HEADER_MAX];	/* of the one that window_next gave */
};

void window_done(struct window *w);	/* leaves an empty one */
void window_restart(struct window *w);	/* none of them is sent */

/*
 * Puts an event last (copied, with `key`). 0; -EAGAIN: no room now; -EINVAL: a
 * field is longer than event_check allows; -ENOMEM.
 */
int window_add(struct window *w, const struct event *e, struct slice key,
	       uint64_t cookie);

/* The frames of the next one to be sent; w->sent < w->count. They are good
 * until the next call. */
void window_next(struct window *w, struct slice parts[3]);

/*
 * Takes out the oldest sent one with this key (an empty key: the oldest), and
 * tells its cookie. 0, or -ENOENT: an answer that nobody waits for any more.
 */
int window_take(struct window *w, struct slice key, uint64_t *ret_cookie);

/*
 * An acknowledgement of `count` sent ones in a row, the last of which has this
 * key. 0 and where the first of them is; -ENOENT: there are not so many of which
 * nothing was heard yet.
 */
int window_find_row(const struct window *w, struct slice key, unsigned count,
		    unsigned *ret_first);

/* Takes out the one there, and returns its cookie; at < w->count. */
uint64_t window_take_at(struct window *w, unsigned at);

/*
 * Takes out the oldest one with this cookie unless it was sent, over whatever
 * connection, and not refused for now since. 0; -EALREADY: it was; -ENOENT:
 * there is none.
 */
int window_cancel(struct window *w, uint64_t cookie);

enum window_refused {
	WINDOW_STRANGER,	/* nobody waits for this answer any more */
	WINDOW_ALONE,		/* it was sent without the key of another one */
	WINDOW_BEHIND,		/* it named the one before it */
};

/* What an answer with this key that is no acknowledgement is about. */
enum window_refused window_find(const struct window *w, struct slice key);

/*
 * The event that window_find knows is refused for now. Nothing is to be sent
 * then until window_is_refused: all that was sent has its answer, and what is
 * left can be sent again after window_restart.
 */
void window_refuse(struct window *w, struct slice key);
bool window_is_refused(const struct window *w);

#endif
