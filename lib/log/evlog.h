/* SPDX-License-Identifier: MIT */
/*
 * evlog: the recent events, in order, bounded, in memory.
 *
 * What an entry's payload is (SSE bytes, in a worker) is the owner's. An entry
 * is found by its position, by the place of its number in an epoch, by a
 * publisher's own id, or along the chain of each of its topics. Positions count up by one and are never used again, so a
 * reader is nothing but a position: a cursor. The oldest entries leave when a
 * bound is reached, but the newest always stays; each topic remembers the
 * place of the last one that left, so that a reader is told of a gap only if
 * something it wanted is gone.
 *
 * Pure: no clock, no I/O.
 */
#ifndef LIB_LOG_EVLOG_H
#define LIB_LOG_EVLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/slice.h"

#define EVLOG_NONE UINT64_MAX		/* no such position */

struct evlog;

struct evlog_limits {			/* 0: no such bound */
	uint64_t events;
	uint64_t bytes;			/* of payload */
	int64_t age_ms;
};

/*
 * A point in the order over several epochs: `gen` counts the epochs this log
 * has seen, from 1. Compared by evlog_place_cmp.
 */
struct evlog_place {
	uint32_t gen;
	uint64_t number;
};

struct evlog_topic {
	uint64_t first, last;		/* positions kept, or EVLOG_NONE */
	/* of the last entry that left, a private one too; gen 0: none */
	struct evlog_place lost;
	uint64_t lost_end;		/* its position plus one; 0: none */
	bool is_guarded;		/* selector_is_guarded(name) */
	bool is_shared;			/* an entry of it had other topics, too */
	void *exact;			/* groups.c: the selector that names it */
	void *templates;		/* groups.c: templates that match it, owned */
	uint64_t templates_turn;	/* groups.c: when that was worked out */
	struct list all;		/* evlog: every topic */
	struct list idle;		/* evlog: topics without entries, oldest first */
	struct slice name;		/* points behind the struct */
};

/* Where an entry stands in the chain of another topic of it. */
struct evlog_link {
	struct evlog_topic *topic;
	uint64_t prev, next;		/* along the topic, or EVLOG_NONE */
};

struct evlog_also {			/* of few entries */
	uint32_t count;
	struct evlog_link links[];
};

struct evlog_entry {
	struct evlog_place place;
	int64_t time_ms;
	struct evlog_topic *topic;	/* NULL: meant for every reader */
	uint64_t prev, next;		/* along the topic, or EVLOG_NONE */
	struct evlog_also *also;	/* owned; NULL: no other topics */
	struct evlog_id *id;		/* a publisher's own id; NULL: none */
	char *payload;			/* owned */
	uint32_t len;
	bool is_private;
	uint8_t mark;			/* the owner's */
};

struct evlog_item {			/* what to append */
	uint64_t number;		/* in the epoch that has begun last */
	int64_t time_ms;
	struct slice topic;		/* absent: meant for every reader */
	struct slice also;		/* its other topics (lib/sse/also.h) */
	struct slice id;		/* absent: none */
	bool is_private;
	uint8_t mark;
};

struct evlog_ops {			/* either may be NULL */
	/* An entry is about to leave; it is still whole. */
	void (*on_evict)(void *user, uint64_t pos, const struct evlog_entry *e);
	/* A topic came into being, or is about to be forgotten. */
	void (*on_topic)(void *user, struct evlog_topic *t, bool is_new);
};

/* 0 or -ENOMEM. `ops` and `user` are borrowed; ops may be NULL. */
int evlog_new(const struct evlog_limits *limits, const struct evlog_ops *ops,
	      void *user, struct evlog **ret_log);
struct evlog *evlog_free(struct evlog *l);	/* NULL is fine; returns NULL */

/*
 * Begins an epoch (also the first, before which nothing can be appended). What
 * stands before `number` in it was never here. A log without ids has the epoch
 * 0. 0 or -ENOMEM.
 */
int evlog_begin_epoch(struct evlog *l, uint64_t epoch, uint64_t number);

/*
 * What there may have been up to `number` (of the epoch that has begun last)
 * and is not here is unknown: nobody reads on across it without asking.
 */
void evlog_skip(struct evlog *l, uint64_t number);

/*
 * Appends an entry and evicts what the bounds no longer allow. `payload`
 * (malloc'ed) is taken, on failure too. Returns 0, -ENOMEM, or -EINVAL: no
 * epoch has begun, or the number is not above the last one (one without a topic
 * may have the same number as the last one).
 */
int evlog_append(struct evlog *l, const struct evlog_item *item,
		 char *take_payload, size_t len, uint64_t *ret_pos);

/* Evicts at most `most` entries older than the age bound; returns how many. */
size_t evlog_trim(struct evlog *l, int64_t now_ms, size_t most);

/* Kept positions are first <= pos < end. Equal: nothing is kept. */
uint64_t evlog_first(const struct evlog *l);
uint64_t evlog_end(const struct evlog *l);
uint64_t evlog_bytes(const struct evlog *l);
const struct evlog_entry *evlog_at(const struct evlog *l, uint64_t pos);	/* kept ones only */

/* The topics of an entry, its first one at 0; NULL: there are no more. */
static inline struct evlog_topic *
evlog_topic_at(const struct evlog_entry *e, uint32_t i)
{
	if (i == 0)
		return e->topic;
	return e->also && i <= e->also->count ? e->also->links[i - 1].topic :
						NULL;
}

/* The entry's place in the chain of a topic; one that it has. */
const struct evlog_link *evlog_link_of(const struct evlog_entry *e,
				       const struct evlog_topic *t);

/* Along the chain of one of its topics. */
static inline uint64_t
evlog_prev(const struct evlog_entry *e, const struct evlog_topic *t)
{
	return e->topic == t ? e->prev : evlog_link_of(e, t)->prev;
}

static inline uint64_t
evlog_next(const struct evlog_entry *e, const struct evlog_topic *t)
{
	return e->topic == t ? e->next : evlog_link_of(e, t)->next;
}

/* Position of the newest entry meant for every reader, kept or not; NONE. */
uint64_t evlog_everyone(const struct evlog *l);

/*
 * The place just before a position, kept or not: what a reader with that
 * cursor has seen. False: it left so long ago that it is not known.
 */
bool evlog_place_before(const struct evlog *l, uint64_t pos,
			struct evlog_place *ret_place);

/* The newest place (of the last entry, or where the epoch began). */
struct evlog_place evlog_last_place(const struct evlog *l);
/* The place just before the first kept entry. */
struct evlog_place evlog_first_place(const struct evlog *l);
/* The epoch of a place's gen; 0 when it is no longer known. */
uint64_t evlog_epoch(const struct evlog *l, uint32_t gen);
/* The place of (epoch, number); gen 0 when the epoch is not known. */
struct evlog_place evlog_place(const struct evlog *l, uint64_t epoch, uint64_t number);
int evlog_place_cmp(struct evlog_place a, struct evlog_place b);

/* Position of the first kept entry whose place is above `place`; end if none. */
uint64_t evlog_after(const struct evlog *l, struct evlog_place place);

/* The place of the newest entry with a publisher's own id. False: not kept. */
bool evlog_find_id(const struct evlog *l, struct slice id, struct evlog_place *ret_place);

struct evlog_topic *evlog_find_topic(const struct evlog *l, struct slice name);
struct list *evlog_topics(struct evlog *l);	/* of evlog_topic.all */

/*
 * Up to this place nothing is known of any topic (from before the log's
 * beginning or a skip, or of topics that were forgotten). gen 0: all is known.
 */
struct evlog_place evlog_blind(const struct evlog *l);
/* The same as a position: entries before it may have been of any topic. */
uint64_t evlog_blind_end(const struct evlog *l);
/* The place of the newest entry that left. gen 0: none. */
struct evlog_place evlog_evicted(const struct evlog *l);

#endif
