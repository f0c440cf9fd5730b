/* SPDX-License-Identifier: MIT */
/*
 * Events from the floor on stand in a ring, by their numbers; those that are
 * held below it in a list, oldest first.
 */
#include "config.h"

#include "hub/store_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/stored.h"
#include "hub/trim.h"
#include "lib/base/buf.h"

enum {
	TRIM_STEP = 1000,	/* events: well under a millisecond */
	FIRST_CAP = 64,
};

struct kept {
	struct list held;	/* memory->held, below the floor */
	size_t len;
	char bytes[];		/* stored.h */
};

struct memory {
	struct store store;
	struct kept **ring;	/* owned, as what it points to; cap is a power of two */
	uint64_t cap;
	uint64_t first;		/* the first in the ring: the floor */
	uint64_t last;
	struct list held;
	struct map held_by_number;	/* the number's bytes -> kept */
	unsigned appended;	/* since the last commit */
	struct buf keys;	/* restored ones, until the hub has them */
	uint64_t epoch;
};

static struct memory *
memory_of(struct store *s)
{
	return (struct memory *)(void *)s;
}

static struct kept **
slot(const struct memory *m, uint64_t number)
{
	return &m->ring[number & (m->cap - 1)];
}

static void
parse(const struct kept *k, struct store_record *ret_record)
{
	/* We wrote it, and nobody else can. */
	(void)stored_parse((struct slice){ k->bytes, k->len }, false,
			   ret_record);
}

/* --- appending ---------------------------------------------------------- */

static int
grow(struct memory *m)
{
	uint64_t cap = m->cap * 2, number;
	struct kept **ring = calloc(cap, sizeof(struct kept *));

	if (!ring)
		return -ENOMEM;
	for (number = m->first; number <= m->last; number++)
		ring[number & (cap - 1)] = *slot(m, number);
	free(m->ring);
	m->ring = ring;
	m->cap = cap;
	return 0;
}

static int
memory_append(struct store *s, const struct store_record *r)
{
	struct memory *m = memory_of(s);
	const struct catalog_item item = {
		.number = r->number, .topic = r->topic, .id = r->id,
		.bytes = stored_size(r),
	};
	struct kept *k;

	if (m->last + 1 - m->first == m->cap && grow(m) < 0)
		return -ENOMEM;
	k = malloc(sizeof(*k) + item.bytes);
	if (!k)
		return -ENOMEM;
	if (catalog_add(&s->catalog, &item) < 0) {
		free(k);
		return -ENOMEM;
	}
	list_init(&k->held);
	k->len = item.bytes;
	stored_write(r, k->bytes);
	m->last = r->number;
	*slot(m, r->number) = k;
	m->appended++;
	return 0;
}

/* --- letting go --------------------------------------------------------- */

static struct slice
number_of(const struct kept *k)
{
	return (struct slice){ k->bytes + STORED_AT_NUMBER, 8 };
}

static struct kept *
find_held(const struct memory *m, uint64_t number)
{
	char key[8];

	if (number == 0)	/* the oldest */
		return list_is_empty(&m->held) ? NULL :
		       list_entry(m->held.next, struct kept, held);
	stored_put_u64(key, number);
	return map_get(&m->held_by_number, (struct slice){ key, 8 });
}

static int
memory_find(void *user, uint64_t from, struct store_record *ret_record,
	    uint64_t *ret_bytes)
{
	struct memory *m = user;
	struct kept *k = from < m->first ? find_held(m, from) : NULL;

	if (!k && from >= m->first && from <= m->last)
		k = *slot(m, from);
	if (!k)
		return -ENOENT;
	parse(k, ret_record);
	*ret_bytes = k->len;
	return 0;
}

/* The floor has moved: what is not to be dropped is held from now on. */
static int
hold_below(struct memory *m, uint64_t floor)
{
	for (; m->first < floor; m->first++) {
		struct kept *k = *slot(m, m->first);

		if (!k)
			continue;
		if (map_put(&m->held_by_number, number_of(k), k) < 0)
			return -ENOMEM;
		list_add(&m->held, &k->held);
		*slot(m, m->first) = NULL;
	}
	return 0;
}

static int
memory_drop(void *user, uint64_t number)
{
	struct memory *m = user;
	struct kept *k;

	if (number < m->first) {
		k = find_held(m, number);
		(void)map_del(&m->held_by_number, number_of(k));
		list_del(&k->held);
	} else {
		k = *slot(m, number);
		*slot(m, number) = NULL;
	}
	free(k);
	return 0;
}

static const struct trim_ops trim_ops = { memory_find, memory_drop };

/* Returns whether there may be more. */
static bool
trim(struct memory *m, int64_t now_ms, unsigned most)
{
	struct catalog *c = &m->store.catalog;
	int n = 0, one = 1;
	unsigned i;

	/* One by one: what is passed is moved before the next is looked for.
	 * Nothing can be taken back, so each of them is committed. */
	for (i = 0; i < most && one == 1; i++) {
		one = trim_run(c, now_ms, 1, &trim_ops, m);
		if (one == 1 && hold_below(m, c->floor) < 0)
			one = -ENOMEM;
		n += one == 1;
		if (one < 0)
			catalog_undo(c);
		else
			catalog_commit(c);
	}
	catalog_bury(c);
	return (unsigned)n == most;
}

static int
memory_commit(struct store *s, int64_t now_ms)
{
	struct memory *m = memory_of(s);
	unsigned most = 2 * m->appended + 1;

	m->appended = 0;
	catalog_commit(&s->catalog);
	(void)trim(m, now_ms, most);
	return 0;	/* what is in memory is as stored as it gets */
}

static bool
memory_trim(struct store *s, int64_t now_ms)
{
	return trim(memory_of(s), now_ms, TRIM_STEP);
}

/* --- looking ------------------------------------------------------------ */

static int
memory_scan(struct store *s, uint64_t after, store_on_record *on_record,
	    void *user)
{
	struct memory *m = memory_of(s);
	struct store_record record;
	const struct list *at;
	uint64_t number;

	for (at = m->held.next; at != &m->held; at = at->next) {
		parse((const struct kept *)(const void *)at, &record);
		if (record.number > after && on_record(user, &record) != 0)
			return 0;
	}
	number = after < m->first ? m->first : after + 1;
	for (; number <= m->last; number++) {
		parse(*slot(m, number), &record);
		if (on_record(user, &record) != 0)
			return 0;
	}
	return 0;
}

static uint64_t
first_kept(const struct memory *m)
{
	struct store_record record;

	if (list_is_empty(&m->held))
		return m->first;
	parse(list_entry(m->held.next, struct kept, held), &record);
	return record.number;
}

/* Each is 8 bytes of number, 8 of time, a length, and the key. */
static int
memory_keys(struct store *s, store_on_key *on_key, void *user)
{
	struct memory *m = memory_of(s);
	const char *p = m->keys.p, *end = p + m->keys.len;
	int r = 0;

	while (r == 0 && p < end) {
		size_t len = (unsigned char)p[16];

		r = on_key(user, stored_get_u64(p),
			   (struct slice){ p + 17, len },
			   (int64_t)stored_get_u64(p + 8));
		p += 17 + len;
	}
	buf_done(&m->keys);
	return r;
}

static void
memory_state(const struct store *s, struct store_state *ret_state)
{
	const struct memory *m = (const struct memory *)(const void *)s;
	const struct catalog *c = &s->catalog;

	*ret_state = (struct store_state){
		.epoch = m->epoch,
		.first = first_kept(m),
		.last = m->last,
		.events = c->events + c->held_events,
		.bytes = c->bytes + c->held_bytes,
	};
}

static void
memory_free(struct store *s)
{
	struct memory *m = memory_of(s);
	uint64_t number;

	for (number = m->first; m->ring && number <= m->last; number++)
		free(*slot(m, number));
	while (!list_is_empty(&m->held)) {
		struct kept *k = list_entry(m->held.next, struct kept, held);

		list_del(&k->held);
		free(k);
	}
	map_done(&m->held_by_number);
	buf_done(&m->keys);
	catalog_done(&s->catalog);
	free(m->ring);
	free(m);
}

static const struct store_ops memory_ops = {
	.is_volatile = true,
	.append = memory_append,
	.commit = memory_commit,
	.trim = memory_trim,
	.scan = memory_scan,
	.keys = memory_keys,
	.state = memory_state,
	.free = memory_free,
};

int
store_memory_new(const struct store_limits *limits,
		 const struct catalog_rule *rules, size_t n_rules,
		 uint64_t epoch, struct store **ret_store)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->store.ops = &memory_ops;
	m->epoch = epoch;
	m->first = 1;
	m->cap = FIRST_CAP;
	list_init(&m->held);
	catalog_init(&m->store.catalog, limits, rules, n_rules);
	m->ring = calloc(m->cap, sizeof(struct kept *));
	if (!m->ring) {
		memory_free(&m->store);
		return -ENOMEM;
	}
	*ret_store = &m->store;
	return 0;
}

/* --- going on after another one ----------------------------------------- */

int
store_memory_restore(const struct store_limits *limits,
		     const struct catalog_rule *rules, size_t n_rules,
		     const struct memory_past *past, struct store **ret_store)
{
	struct store *s;
	int r;

	if (past->floor < 1 || past->floor > past->last + 1 ||
	    past->last == UINT64_MAX || past->lost > past->last ||
	    past->blind > past->last)
		return -EINVAL;
	r = store_memory_new(limits, rules, n_rules, past->epoch, &s);
	if (r < 0)
		return r;
	memory_of(s)->first = past->floor;
	memory_of(s)->last = past->floor - 1;	/* so far */
	catalog_load_lost(&s->catalog, past->floor, past->lost, past->blind);
	*ret_store = s;
	return 0;
}

int
store_memory_add_topic(struct store *s, struct slice name, uint64_t lost)
{
	return catalog_load_topic(&s->catalog, name, lost);
}

static int
add_held(struct memory *m, struct kept *k)
{
	if (map_put(&m->held_by_number, number_of(k), k) < 0)
		return -ENOMEM;
	list_add(&m->held, &k->held);
	return 0;
}

int
store_memory_add_event(struct store *s, const struct store_record *r)
{
	struct memory *m = memory_of(s);
	const struct catalog_item item = {
		.number = r->number, .topic = r->topic, .id = r->id,
		.bytes = stored_size(r),
	};
	bool is_held = r->number < m->first;
	struct kept *k;
	int e;

	if (!is_held && r->number != m->last + 1)
		return -EINVAL;
	if (m->last + 1 - m->first == m->cap && grow(m) < 0)
		return -ENOMEM;
	k = malloc(sizeof(*k) + item.bytes);
	if (!k)
		return -ENOMEM;
	list_init(&k->held);
	k->len = item.bytes;
	stored_write(r, k->bytes);
	e = is_held ? add_held(m, k) : 0;
	if (e < 0) {
		free(k);
		return e;
	}
	if (!is_held) {
		m->last = r->number;
		*slot(m, r->number) = k;
	}
	return catalog_load(&s->catalog, &item);
}

int
store_memory_add_key(struct store *s, uint64_t number, struct slice key,
		     int64_t time_ms)
{
	struct memory *m = memory_of(s);
	char head[17];

	if (key.len > UINT8_MAX || buf_reserve(&m->keys, 17 + key.len) < 0)
		return key.len > UINT8_MAX ? -EINVAL : -ENOMEM;
	stored_put_u64(head, number);
	stored_put_u64(head + 8, (uint64_t)time_ms);
	head[16] = (char)key.len;
	(void)buf_append(&m->keys, head, 17);
	return buf_append_slice(&m->keys, key);
}
