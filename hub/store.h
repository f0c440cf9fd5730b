/* SPDX-License-Identifier: MIT */
/*
 * store: where the hub keeps its events; a seam with one file per way.
 *
 * What is kept is what travels: topic, header and data of the full form
 * (doc/protocol.md), so that a page is made without encoding anything. What
 * there is, by topic and by id, and what had to go, is in the catalog
 * (catalog.h), the same for all stores.
 *
 * The rules that every store keeps:
 *  - Records come with numbers that grow by one. What was appended is stored
 *    when commit returned 0, and only then may anybody hear of it. A commit
 *    that fails forgets everything appended since the one before.
 *  - A number is given once in an epoch. A store that cannot be sure which
 *    numbers were given begins a new epoch; what it keeps belongs to that
 *    epoch then, with the same numbers.
 *  - Times are the hub's own clock (monotonic milliseconds), so that a wall
 *    clock that jumps lets nothing go; a store that lives longer than the
 *    process carries them over.
 */
#ifndef HUB_STORE_H
#define HUB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/catalog.h"
#include "lib/base/slice.h"

struct store;

struct store_state {
	uint64_t epoch;
	uint64_t first;		/* the oldest kept; last + 1: none is kept */
	uint64_t last;		/* the newest given, kept or not; 0: none yet */
	uint64_t events, bytes;	/* what is kept */
};

struct store_record {
	uint64_t number;
	int64_t time_ms;	/* the hub's clock */
	struct slice id;	/* a publisher's own; absent: none */
	struct slice key;	/* to be remembered; absent: none */
	struct slice topic, header, data;
};

/* Returns 0 to go on, anything else to stop. */
typedef int store_on_record(void *user, const struct store_record *r);

/* A publish key, and when its event was numbered (may be before 0). */
typedef int store_on_key(void *user, uint64_t number, struct slice key,
			 int64_t time_ms);

struct store_ops {
	/* All of it is gone with the process; memory_file.h carries it over an
	 * orderly end. */
	bool is_volatile;
	/* 0; -ENOSPC, -ENOMEM: it has no room for this one (what was appended
	 * before it stays); -EIO. */
	int (*append)(struct store *s, const struct store_record *r);
	int (*commit)(struct store *s, int64_t now_ms);	/* 0, -ENOSPC, -EIO */
	/*
	 * Lets go of what is too much or too old, and does what else is due,
	 * in a bounded step; not between append and commit. True: there is
	 * more of it at once.
	 */
	bool (*trim)(struct store *s, int64_t now_ms);
	/* When trim is due at the latest; INT64_MAX: when there is time. NULL:
	 * always that. */
	int64_t (*due)(const struct store *s);
	/*
	 * Calls on_record for each kept record whose number is above `after`,
	 * in order, until it says stop. Slices stay good until the next
	 * append, commit, trim or scan. 0 or -EIO.
	 */
	int (*scan)(struct store *s, uint64_t after,
		    store_on_record *on_record, void *user);
	/* Calls on_key for each remembered key, oldest first. 0, -EIO, or what
	 * on_key returned. NULL: the store remembers none. */
	int (*keys)(struct store *s, store_on_key *on_key, void *user);
	/*
	 * Where (epoch, number) of an earlier epoch stands in this one.
	 * False: the epoch is not known. NULL: none is.
	 */
	bool (*translate)(const struct store *s, uint64_t epoch,
			  uint64_t number, uint64_t *ret_number);
	void (*state)(const struct store *s, struct store_state *ret_state);
	/* A sentence about what is wrong when append or commit failed, and
	 * what to do. NULL: errno says it all. */
	const char *(*why)(const struct store *s);
	void (*free)(struct store *s);
};

struct store {			/* the first member of each store */
	const struct store_ops *ops;
	struct catalog catalog;
};

static inline struct store *
store_free(struct store *s)	/* NULL is fine; returns NULL */
{
	if (s)
		s->ops->free(s);
	return NULL;
}

#endif
