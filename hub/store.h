/* SPDX-License-Identifier: MIT */
/*
 * store: where the hub keeps its events; a seam with one file per way.
 *
 * What is kept is what travels: topic, header and data of the full form
 * (doc/protocol.md), so that a page is made without encoding anything.
 *
 * The rules that every store keeps:
 *  - Records come with numbers that grow by one. What was appended is stored
 *    when commit returned 0, and only then may anybody hear of it. A commit
 *    that fails forgets everything appended since the one before.
 *  - One log has one epoch for its whole life; a number is given once in it.
 */
#ifndef HUB_STORE_H
#define HUB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

struct store;

struct store_limits {		/* 0: no such bound */
	uint64_t events, bytes;
	int64_t age_ms;
};

struct store_state {
	uint64_t epoch;
	uint64_t first;		/* the oldest kept; last + 1: none is kept */
	uint64_t last;		/* the newest given, kept or not; 0: none yet */
	uint64_t events, bytes;	/* what is kept */
};

struct store_record {
	uint64_t number;
	int64_t time_ms;	/* Unix time */
	bool is_private;
	struct slice id;	/* a publisher's own; absent: none */
	struct slice topic, header, data;
};

/* Returns 0 to go on, anything else to stop. */
typedef int store_on_record(void *user, const struct store_record *r);

struct store_ops {
	/* 0; -ENOSPC, -ENOMEM: it has no room for this one (what was appended
	 * before it stays); -EIO. */
	int (*append)(struct store *s, const struct store_record *r);
	int (*commit)(struct store *s);		/* 0, -ENOSPC, -EIO */
	/* Lets go of what is too old at `now_ms` (Unix time), in a bounded
	 * step. True: there is more of it. */
	bool (*trim)(struct store *s, int64_t now_ms);
	/*
	 * Calls on_record for each kept record whose number is above `after`,
	 * in order, until it says stop. Topic, header and data stay good until
	 * the next append, trim or scan. 0 or -EIO.
	 */
	int (*scan)(struct store *s, uint64_t after,
		    store_on_record *on_record, void *user);
	/* The number of the newest kept record with this id of a publisher's
	 * own. 0 or -ENOENT. */
	int (*resolve)(struct store *s, struct slice id, uint64_t *ret_number);
	void (*state)(const struct store *s, struct store_state *ret_state);
	void (*free)(struct store *s);
};

struct store {			/* the first member of each store */
	const struct store_ops *ops;
};

static inline struct store *
store_free(struct store *s)	/* NULL is fine; returns NULL */
{
	if (s)
		s->ops->free(s);
	return NULL;
}

#endif
