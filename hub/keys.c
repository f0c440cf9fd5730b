/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct keys_entry {
	struct list node;
	uint64_t number;
	int64_t seen_ms;
	size_t len;
	char bytes[];
};

static struct slice
entry_key(const struct keys_entry *e)
{
	return (struct slice){ e->bytes, e->len };
}

static void
entry_drop(struct keys *k, struct keys_entry *e)
{
	map_del(&k->map, entry_key(e));
	list_del(&e->node);
	free(e);
}

static struct keys_entry *
oldest(const struct keys *k)
{
	return list_entry(k->order.next, struct keys_entry, node);
}

static struct keys_entry *
newest(const struct keys *k)
{
	return list_entry(k->order.prev, struct keys_entry, node);
}

static bool
is_old(const struct keys *k, const struct keys_entry *e, int64_t now_ms)
{
	return now_ms - e->seen_ms > k->max_age_ms;
}

void
keys_init(struct keys *k, size_t max_count, int64_t max_age_ms)
{
	memset(k, 0, sizeof(*k));
	list_init(&k->order);
	k->max_count = max_count;
	k->max_age_ms = max_age_ms;
}

void
keys_done(struct keys *k)
{
	if (!k->order.next)
		return;
	while (!list_is_empty(&k->order))
		entry_drop(k, oldest(k));
	map_done(&k->map);
}

bool
keys_find(const struct keys *k, struct slice key, int64_t now_ms,
	  uint64_t *ret_number)
{
	const struct keys_entry *e;

	/* Mostly it is asked whether the event before is known. */
	if (!list_is_empty(&k->order) && slice_eq(entry_key(newest(k)), key))
		e = newest(k);
	else
		e = map_get(&k->map, key);
	if (!e || is_old(k, e, now_ms))
		return false;
	*ret_number = e->number;
	return true;
}

int
keys_add(struct keys *k, struct slice key, uint64_t number, int64_t now_ms)
{
	struct keys_entry *e;
	int r;

	/* An entry that is too old to be found may still be in the way. */
	keys_trim(k, now_ms);

	e = malloc(sizeof(*e) + key.len);
	if (!e)
		return -ENOMEM;
	e->number = number;
	e->seen_ms = now_ms;
	e->len = key.len;
	if (key.len)
		memcpy(e->bytes, key.p, key.len);
	r = map_put(&k->map, entry_key(e), e);
	if (r < 0) {
		free(e);
		return r;
	}
	list_add(&k->order, &e->node);
	while (k->map.count > k->max_count)
		entry_drop(k, oldest(k));
	return 0;
}

void
keys_forget(struct keys *k, struct slice key)
{
	struct keys_entry *e = map_get(&k->map, key);

	if (e)
		entry_drop(k, e);
}

void
keys_forget_from(struct keys *k, uint64_t number)
{
	while (!list_is_empty(&k->order) && newest(k)->number >= number)
		entry_drop(k, newest(k));
}

void
keys_trim(struct keys *k, int64_t now_ms)
{
	while (!list_is_empty(&k->order) && is_old(k, oldest(k), now_ms))
		entry_drop(k, oldest(k));
}

size_t
keys_count(const struct keys *k)
{
	return k->map.count;
}

int
keys_walk(const struct keys *k,
	  int (*on_key)(void *user, uint64_t number, struct slice key,
			int64_t seen_ms), void *user)
{
	const struct list *at;
	int r = 0;

	for (at = k->order.next; r == 0 && at != &k->order; at = at->next) {
		const struct keys_entry *e = (const void *)at;

		r = on_key(user, e->number, entry_key(e), e->seen_ms);
	}
	return r;
}
