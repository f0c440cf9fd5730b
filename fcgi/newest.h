/* SPDX-License-Identifier: MIT */
/*
 * newest: of a sequence of events, the newest few of each topic, bounded in
 * bytes: when those do not suffice, the oldest of all go.
 */
#ifndef FCGI_NEWEST_H
#define FCGI_NEWEST_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/map.h"

enum { NEWEST_BYTES = 1 << 20 };

struct newest {
	uint32_t most;			/* of each topic */
	struct map topics;		/* name -> newest_topic, owned */
	struct list events;		/* in order */
	size_t bytes;			/* of them */
};

struct newest_event {
	struct list node;		/* newest.events */
	struct list of_topic;
	struct newest_topic *topic;	/* borrowed */
	uint64_t number;
	struct slice bytes;		/* behind the struct */
};

struct newest_topic {
	struct list events;		/* newest_event.of_topic, in order */
	uint32_t count, elsewhere;
	struct slice name;		/* behind the struct */
};

void newest_init(struct newest *n, uint32_t most);
void newest_done(struct newest *n);

/* The next event, or the last one again under another of its topics: what has
 * the same number is one. 0 or -ENOMEM. */
int newest_add(struct newest *n, struct slice topic, uint64_t number,
	       struct slice bytes);

/* There is one more of the topic, newer than all of these and not here. */
void newest_count(struct newest *n, struct slice topic);

/* The bytes of the oldest one, and then it is gone; absent: there is none. The
 * caller frees *ret_event. */
struct slice newest_take(struct newest *n, struct newest_event **ret_event);

#endif
