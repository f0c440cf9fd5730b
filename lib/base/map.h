/* SPDX-License-Identifier: MIT */
/*
 * map: from byte strings to pointers.
 *
 * Open addressing with a per-process random seed, because keys (topics, ids,
 * keys of publishers) are chosen by strangers. Key bytes are borrowed: they
 * must live in the value or elsewhere for as long as the entry stays.
 */
#ifndef LIB_BASE_MAP_H
#define LIB_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

struct map_slot {
	uint64_t hash;
	struct slice key;	/* borrowed: must outlive the entry */
	void *value;		/* borrowed; NULL marks a free slot */
};

struct map {			/* zeroed: empty */
	struct map_slot *slots;	/* owned */
	size_t cap;		/* a power of two, or 0 */
	size_t count;
};

void map_done(struct map *m);			/* forgets all; values stay */
void *map_get(const struct map *m, struct slice key);	/* NULL: not there */

/* Adds or replaces (key bytes too). `value` is not NULL. 0 or -ENOMEM. */
int map_put(struct map *m, struct slice key, void *value);

/* Removes and returns the value; NULL when it was not there. */
void *map_del(struct map *m, struct slice key);

/*
 * Walks all entries in no order: start with *iter = 0; returns the next value
 * or NULL at the end. The map must not change meanwhile, except that the
 * entry just returned may be replaced.
 */
void *map_next(const struct map *m, size_t *iter);

/* The seeded hash itself (SipHash-1-3), for other tables. */
uint64_t map_hash(struct slice key);

#endif
