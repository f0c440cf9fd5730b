/* SPDX-License-Identifier: MIT */
/*
 * Linear probing; a removal moves the entries behind it back, so that there
 * are no tombstones and a table that lives for months stays as fast as a new
 * one.
 */
#include "lib/base/map.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/random.h"
#include "lib/base/siphash.h"

enum { MAP_FIRST = 16 };

static uint64_t map_seed[2];
static atomic_int map_seeded;	/* 0 not yet, 1 somebody is at it, 2 done */

/* The installed library has callers with threads: the seed is drawn once. */
static void
map_draw_seed(void)
{
	int expected = 0;

	if (atomic_compare_exchange_strong(&map_seeded, &expected, 1)) {
		random_bytes(map_seed, sizeof(map_seed));
		atomic_store(&map_seeded, 2);
	}
	while (atomic_load(&map_seeded) != 2)
		;	/* as long as one system call of another thread */
}

uint64_t
map_hash(struct slice key)
{
	if (atomic_load_explicit(&map_seeded, memory_order_acquire) != 2)
		map_draw_seed();
	return siphash13(map_seed, key);
}

void
map_done(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}

/* The slot that holds `key`, or the free one where it belongs. cap > 0. */
static struct map_slot *
map_find(const struct map *m, uint64_t hash, struct slice key)
{
	size_t mask = m->cap - 1;
	size_t i = hash & mask;

	for (;; i = (i + 1) & mask) {
		struct map_slot *slot = &m->slots[i];

		if (!slot->value)
			return slot;
		if (slot->hash == hash && slice_eq(slot->key, key))
			return slot;
	}
}

static int
map_grow(struct map *m)
{
	struct map bigger = { .cap = m->cap ? m->cap * 2 : MAP_FIRST };
	size_t i;

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (i = 0; i < m->cap; i++) {
		const struct map_slot *slot = &m->slots[i];

		if (slot->value)
			*map_find(&bigger, slot->hash, slot->key) = *slot;
	}
	bigger.count = m->count;
	free(m->slots);
	*m = bigger;
	return 0;
}

void *
map_get(const struct map *m, struct slice key)
{
	if (m->count == 0)
		return NULL;
	return map_find(m, map_hash(key), key)->value;
}

int
map_put(struct map *m, struct slice key, void *value)
{
	uint64_t hash = map_hash(key);
	struct map_slot *slot = NULL;
	int r;

	if (m->cap > 0)
		slot = map_find(m, hash, key);
	if (!slot || !slot->value) {
		/* Three quarters full at most: runs stay short. */
		if (m->count >= m->cap / 4 * 3) {
			r = map_grow(m);
			if (r < 0)
				return r;
			slot = map_find(m, hash, key);
		}
		m->count++;
	}
	*slot = (struct map_slot){ hash, key, value };
	return 0;
}

/* Closes the hole at `hole` with entries that probed past it. */
static void
map_close_hole(struct map *m, size_t hole)
{
	size_t mask = m->cap - 1;
	size_t i = hole;

	for (;;) {
		size_t home;

		i = (i + 1) & mask;
		if (!m->slots[i].value)
			break;
		home = m->slots[i].hash & mask;
		/* One that is nearer to its home than the hole is stays. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct map_slot){ 0 };
}

void *
map_del(struct map *m, struct slice key)
{
	struct map_slot *slot;
	void *value;

	if (m->count == 0)
		return NULL;
	slot = map_find(m, map_hash(key), key);
	value = slot->value;
	if (!value)
		return NULL;
	map_close_hole(m, (size_t)(slot - m->slots));
	m->count--;
	return value;
}

void *
map_next(const struct map *m, size_t *iter)
{
	while (*iter < m->cap) {
		void *value = m->slots[(*iter)++].value;

		if (value)
			return value;
	}
	return NULL;
}
