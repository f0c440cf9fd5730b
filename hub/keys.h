/* SPDX-License-Identifier: MIT */
/*
 * keys: which publish keys were seen lately, and what number each event got.
 *
 * A publisher that had no answer sends its events again; the key tells that it
 * is the same event. Bounded by number and by age, whichever comes first: the
 * oldest key is forgotten. Pure: the time is given (monotonic milliseconds).
 */
#ifndef HUB_KEYS_H
#define HUB_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"

struct keys {
	struct map map;		/* key bytes -> struct keys_entry */
	struct list order;	/* oldest first; owned */
	size_t max_count;
	int64_t max_age_ms;
};

void keys_init(struct keys *k, size_t max_count, int64_t max_age_ms);
void keys_done(struct keys *k);

/* Whether `key` was seen and is not too old; *ret_number is what it got. */
bool keys_find(const struct keys *k, struct slice key, int64_t now_ms,
	       uint64_t *ret_number);

/*
 * Remembers a key (copied) that is not known; forgets the oldest when there
 * are too many. Numbers and times do not go down from one call to the next.
 * 0 or -ENOMEM.
 */
int keys_add(struct keys *k, struct slice key, uint64_t number, int64_t now_ms);

/* Forgets this key, if it is known. */
void keys_forget(struct keys *k, struct slice key);

/* Forgets the keys of all numbers from `number` on: they were not stored. */
void keys_forget_from(struct keys *k, uint64_t number);

/* Forgets what is too old. */
void keys_trim(struct keys *k, int64_t now_ms);

size_t keys_count(const struct keys *k);

/* Calls on_key for each, oldest first, until it returns not 0, which is
 * returned. */
int keys_walk(const struct keys *k,
	      int (*on_key)(void *user, uint64_t number, struct slice key,
			    int64_t seen_ms), void *user);

#endif
