/* SPDX-License-Identifier: MIT */
/*
 * message: what is inside the public struct sse_event.
 *
 * One kind, two uses: a program makes one and fills it in (sse_event_*), or a
 * subscriber has one of its own that it fills anew for each event and lends.
 */
#ifndef LIB_BUS_MESSAGE_H
#define LIB_BUS_MESSAGE_H

#include "lib/base/buf.h"
#include "lib/sse/event.h"
#include "lib/sse/id.h"

#include <sse-fcgi/event.h>

struct sse_event {		/* zeroed: empty, to be lent */
	struct event event;	/* its slices point into the buffers below */
	struct buf topic, data, name, id, key;	/* each with a NUL behind */
	struct buf also;	/* as they travel */
	struct buf also_texts;	/* the same, with a NUL behind each */
	char hub_id[ID_TEXT_MAX + 1];	/* "": not numbered */
	int broken;		/* topic or data: -EINVAL, -EMSGSIZE, or 0 */
	char error[sizeof(((struct event_fault *)NULL)->why) + 16];
};

/* 0, or why it cannot be published: -EINVAL, -EMSGSIZE (sse_event_error). */
int message_check(const struct sse_event *e);

/* The event as the other rooms know it; slices live as long as `e`. */
const struct event *message_event(const struct sse_event *e);

/* Fills an event to be lent: copies, so that all text ends with a NUL. Keeps
 * its memory for the next one. 0 or -ENOMEM. */
int message_fill(struct sse_event *e, const struct event *from);
void message_done(struct sse_event *e);

#endif
