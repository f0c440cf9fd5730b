/* SPDX-License-Identifier: MIT */
#include "lib/log/evlog.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/map.h"
#include "lib/sse/also.h"
#include "lib/sse/selector.h"

enum {
	/* topics without entries that are remembered, so that their readers
	 * hear of a gap only if there is one; 16384 of them take some 3 MiB */
	EVLOG_IDLE_TOPICS = 16384,
	/* epochs whose ids can still be placed; a hub with a store never
	 * changes its epoch, one without does so when it restarts */
	EVLOG_EPOCHS = 16,
	EVLOG_FIRST_CAP = 64,
	/* stretches of numbers without a hole that are remembered, for readers
	 * that the log has moved past */
	EVLOG_RUNS = 64,
};

/* A stretch of positions whose numbers count up by one. */
struct run {
	uint64_t pos;
	struct evlog_place place;	/* of the entry at pos */
};

struct evlog_id {
	uint64_t pos;
	struct slice text;		/* points behind the struct */
};

struct evlog {
	struct evlog_limits limits;
	const struct evlog_ops *ops;	/* borrowed, may be NULL */
	void *user;			/* borrowed */

	struct evlog_entry *ring;	/* owned; cap is a power of two */
	uint64_t cap;
	uint64_t first, end;
	uint64_t bytes;
	uint64_t everyone;		/* last entry without a topic */

	uint64_t epochs[EVLOG_EPOCHS];	/* of gen, at gen % EVLOG_EPOCHS */
	struct evlog_place began, last;
	struct evlog_place evicted;
	struct evlog_place blind;
	uint64_t blind_end;

	struct run runs[EVLOG_RUNS];	/* the newest: of n at n % EVLOG_RUNS */
	uint64_t run_count;
	bool is_skipped;		/* the next entry begins one */

	struct map topics;		/* name -> evlog_topic, owned */
	struct list topic_list;
	struct list idle;
	size_t idle_count;
	struct map ids;			/* text -> evlog_id of the newest */
};

static struct evlog_entry *
slot(const struct evlog *l, uint64_t pos)
{
	return &l->ring[pos & (l->cap - 1)];
}

int
evlog_new(const struct evlog_limits *limits, const struct evlog_ops *ops,
	  void *user, struct evlog **ret_log)
{
	struct evlog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->ring = calloc(EVLOG_FIRST_CAP, sizeof(*l->ring));
	if (!l->ring) {
		free(l);
		return -ENOMEM;
	}
	l->cap = EVLOG_FIRST_CAP;
	l->limits = *limits;
	l->ops = ops;
	l->user = user;
	l->everyone = EVLOG_NONE;
	list_init(&l->topic_list);
	list_init(&l->idle);
	*ret_log = l;
	return 0;
}

/* Nobody can tell any more what stood up to `place`, before `end`. */
static void
lose_sight(struct evlog *l, struct evlog_place place, uint64_t end)
{
	if (evlog_place_cmp(place, l->blind) > 0)
		l->blind = place;
	if (end > l->blind_end)
		l->blind_end = end;
}

static void
topic_forget(struct evlog *l, struct evlog_topic *t)
{
	lose_sight(l, t->lost, t->lost_end);
	if (l->ops && l->ops->on_topic)
		l->ops->on_topic(l->user, t, false);
	(void)map_del(&l->topics, t->name);
	list_del(&t->all);
	list_del(&t->idle);
	free(t);
}

struct evlog *
evlog_free(struct evlog *l)
{
	if (!l)
		return NULL;
	for (uint64_t pos = l->first; pos < l->end; pos++) {
		free(slot(l, pos)->payload);
		free(slot(l, pos)->id);
		if (slot(l, pos)->also)
			free(slot(l, pos)->also);
	}
	while (!list_is_empty(&l->topic_list))
		topic_forget(l, list_entry(l->topic_list.next,
					   struct evlog_topic, all));
	map_done(&l->topics);
	map_done(&l->ids);
	free(l->ring);
	free(l);
	return NULL;
}

int
evlog_begin_epoch(struct evlog *l, uint64_t epoch, uint64_t number)
{
	l->last.gen++;
	l->last.number = number;
	l->epochs[l->last.gen % EVLOG_EPOCHS] = epoch;
	if (l->last.gen == 1)
		l->began = l->blind = l->last;
	return 0;
}

void
evlog_skip(struct evlog *l, uint64_t number)
{
	if (number < l->last.number)
		return;
	l->last.number = number;
	l->is_skipped = true;
	lose_sight(l, l->last, l->end);
}

/* ---- topics ---- */

struct evlog_topic *
evlog_find_topic(const struct evlog *l, struct slice name)
{
	return map_get(&l->topics, name);
}

struct list *
evlog_topics(struct evlog *l)
{
	return &l->topic_list;
}

static int
topic_make(struct evlog *l, struct slice name, struct evlog_topic **ret_topic)
{
	struct evlog_topic *t = calloc(1, sizeof(*t) + name.len + 1);
	char *text;

	if (!t)
		return -ENOMEM;
	text = (char *)(t + 1);
	memcpy(text, name.p, name.len);
	t->name = (struct slice){ text, name.len };
	t->first = t->last = EVLOG_NONE;
	t->is_guarded = selector_is_guarded(t->name);
	list_init(&t->idle);
	if (map_put(&l->topics, t->name, t) < 0) {
		free(t);
		return -ENOMEM;
	}
	list_add(&l->topic_list, &t->all);
	if (l->ops && l->ops->on_topic)
		l->ops->on_topic(l->user, t, true);
	*ret_topic = t;
	return 0;
}

static void
topic_becomes_idle(struct evlog *l, struct evlog_topic *t)
{
	list_add(&l->idle, &t->idle);
	if (++l->idle_count > EVLOG_IDLE_TOPICS) {
		l->idle_count--;
		topic_forget(l, list_entry(l->idle.next, struct evlog_topic,
					   idle));
	}
}

/* Where an entry has what comes behind it, and before it, in a topic's chain. */
static uint64_t *
next_of(struct evlog_entry *e, const struct evlog_topic *t)
{
	if (e->topic == t)
		return &e->next;
	return &((struct evlog_link *)(uintptr_t)evlog_link_of(e, t))->next;
}

static uint64_t *
prev_of(struct evlog_entry *e, const struct evlog_topic *t)
{
	if (e->topic == t)
		return &e->prev;
	return &((struct evlog_link *)(uintptr_t)evlog_link_of(e, t))->prev;
}

/* Puts the entry at `pos` last into the chain of a topic of it. Returns the one
 * before it. */
static uint64_t
topic_link(struct evlog *l, struct evlog_topic *t, uint64_t pos)
{
	uint64_t before = t->last;

	if (t->last != EVLOG_NONE) {
		*next_of(slot(l, t->last), t) = pos;
	} else {
		t->first = pos;
		if (!list_is_empty(&t->idle)) {
			list_del(&t->idle);
			l->idle_count--;
		}
	}
	t->last = pos;
	return before;
}

/* The entry before `end`, which is the first one, leaves. */
static void
topic_loses_first(struct evlog *l, struct evlog_topic *t,
		  const struct evlog_entry *e, uint64_t end)
{
	t->lost = e->place;
	t->lost_end = end;
	t->first = evlog_next(e, t);
	if (t->first == EVLOG_NONE) {
		t->last = EVLOG_NONE;
		topic_becomes_idle(l, t);
	} else {
		*prev_of(slot(l, t->first), t) = EVLOG_NONE;
	}
}

/* ---- the other topics ---- */

const struct evlog_link *
evlog_link_of(const struct evlog_entry *e, const struct evlog_topic *t)
{
	const struct evlog_link *link = e->also->links;

	while (link->topic != t)
		link++;
	return link;
}

/* Those that could not be used are as idle as others without entries. */
static void
also_undo(struct evlog *l, const struct evlog_item *item)
{
	struct slice rest = item->also, name = item->topic;
	struct evlog_topic *t;

	do {
		t = evlog_find_topic(l, name);
		if (t && t->last == EVLOG_NONE && list_is_empty(&t->idle))
			topic_becomes_idle(l, t);
	} while (also_next(&rest, &name));
}

static bool
also_has(const struct evlog_also *also, const struct evlog_topic *first,
	 const struct evlog_topic *t)
{
	for (uint32_t i = 0; i < also->count; i++)
		if (also->links[i].topic == t)
			return true;
	return first == t;
}

/* Finds or makes the other topics of what is to be appended. 0 or -ENOMEM. */
static int
also_make(struct evlog *l, const struct evlog_item *item,
	  const struct evlog_topic *first, struct evlog_also **ret_also)
{
	struct slice rest = item->also, name;
	struct evlog_also *also;
	struct evlog_topic *t;

	*ret_also = NULL;
	if (!first || !also_next(&rest, &name))
		return 0;
	also = malloc(sizeof(*also) + ALSO_MAX * sizeof(*also->links));
	if (!also)
		return -ENOMEM;
	also->count = 0;
	do {
		t = evlog_find_topic(l, name);
		if (!t && topic_make(l, name, &t) < 0) {
			free(also);
			return -ENOMEM;
		}
		if (!also_has(also, first, t))
			also->links[also->count++].topic = t;
	} while (also->count < ALSO_MAX && also_next(&rest, &name));
	*ret_also = also;
	return 0;
}

static void
also_link(struct evlog *l, struct evlog_topic *first, struct evlog_also *also,
	  uint64_t pos)
{
	first->is_shared = true;
	for (uint32_t i = 0; i < also->count; i++) {
		struct evlog_link *link = &also->links[i];

		link->next = EVLOG_NONE;
		link->prev = topic_link(l, link->topic, pos);
		link->topic->is_shared = true;
	}
}

/* ---- entries ---- */

static void
evict_first(struct evlog *l)
{
	struct evlog_entry *e = slot(l, l->first);
	struct evlog_topic *t = e->topic;

	if (l->ops && l->ops->on_evict)
		l->ops->on_evict(l->user, l->first, e);
	l->evicted = e->place;
	if (e->id) {
		if (map_get(&l->ids, e->id->text) == e->id)
			(void)map_del(&l->ids, e->id->text);
		free(e->id);
	}
	l->bytes -= e->len;
	free(e->payload);
	l->first++;
	if (!t) {
		/* What everybody should have read is gone, and with it what
		 * it said of what was before. */
		lose_sight(l, e->place, l->first);
		return;
	}
	for (uint32_t i = 0; (t = evlog_topic_at(e, i)); i++)
		topic_loses_first(l, t, e, l->first);
	if (e->also)
		free(e->also);
}

static bool
is_over(const struct evlog *l)
{
	uint64_t count = l->end - l->first;

	return (l->limits.events && count > l->limits.events) ||
	       (l->limits.bytes && l->bytes > l->limits.bytes);
}

static int
ring_grow(struct evlog *l)
{
	uint64_t cap = l->cap * 2;
	struct evlog_entry *ring = calloc(cap, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (uint64_t pos = l->first; pos < l->end; pos++)
		ring[pos & (cap - 1)] = *slot(l, pos);
	free(l->ring);
	l->ring = ring;
	l->cap = cap;
	return 0;
}

static int
id_make(struct evlog *l, struct slice text, uint64_t pos, struct evlog_id **ret_id)
{
	struct evlog_id *id = malloc(sizeof(*id) + text.len);

	if (!id)
		return -ENOMEM;
	memcpy(id + 1, text.p, text.len);
	id->text = (struct slice){ (char *)(id + 1), text.len };
	id->pos = pos;
	if (map_put(&l->ids, id->text, id) < 0) {
		free(id);
		return -ENOMEM;
	}
	*ret_id = id;
	return 0;
}

/* The entry at `pos` is going to have this number. */
static void
note_run(struct evlog *l, uint64_t pos, uint64_t number)
{
	const struct run *newest = NULL;

	if (l->run_count > 0)
		newest = &l->runs[(l->run_count - 1) % EVLOG_RUNS];
	if (newest && !l->is_skipped && newest->place.gen == l->last.gen &&
	    number == l->last.number + 1)
		return;
	l->is_skipped = false;
	l->runs[l->run_count++ % EVLOG_RUNS] = (struct run){
		pos, { l->last.gen, number },
	};
}

int
evlog_append(struct evlog *l, const struct evlog_item *item,
	     char *take_payload, size_t len, uint64_t *ret_pos)
{
	struct evlog_topic *t = NULL;
	struct evlog_also *also = NULL;
	struct evlog_id *id = NULL;
	struct evlog_entry *e;
	uint64_t pos = l->end;
	int r = -EINVAL;

	if (len > UINT32_MAX || l->last.gen == 0 ||
	    item->number < l->last.number ||
	    (item->topic.p && item->number == l->last.number))
		goto fail;
	r = -ENOMEM;
	if (l->end - l->first == l->cap && ring_grow(l) < 0)
		goto fail;
	if (item->topic.p) {
		t = evlog_find_topic(l, item->topic);
		if (!t && topic_make(l, item->topic, &t) < 0)
			goto fail;
	}
	if ((item->also.len > 0 && also_make(l, item, t, &also) < 0) ||
	    (item->id.p && id_make(l, item->id, pos, &id) < 0)) {
		free(also);
		also_undo(l, item);
		goto fail;
	}

	note_run(l, pos, item->number);
	l->last.number = item->number;
	e = slot(l, pos);
	*e = (struct evlog_entry){
		.place = l->last,
		.time_ms = item->time_ms,
		.topic = t,
		.prev = EVLOG_NONE,
		.next = EVLOG_NONE,
		.also = also,
		.id = id,
		.payload = take_payload,
		.len = (uint32_t)len,
		.is_private = item->is_private,
		.mark = item->mark,
	};
	l->end++;
	l->bytes += len;
	if (t)
		e->prev = topic_link(l, t, pos);
	else
		l->everyone = pos;
	if (also)
		also_link(l, t, also, pos);
	while (is_over(l) && l->end - l->first > 1)
		evict_first(l);
	*ret_pos = pos;
	return 0;
fail:
	free(take_payload);
	return r;
}

size_t
evlog_trim(struct evlog *l, int64_t now_ms, size_t most)
{
	size_t n = 0;

	if (!l->limits.age_ms)
		return 0;
	/* The times are strangers': nothing is subtracted from them. */
	while (n < most && l->end - l->first > 1 &&
	       slot(l, l->first)->time_ms < now_ms - l->limits.age_ms) {
		evict_first(l);
		n++;
	}
	return n;
}

/* ---- looking ---- */

uint64_t
evlog_first(const struct evlog *l)
{
	return l->first;
}

uint64_t
evlog_end(const struct evlog *l)
{
	return l->end;
}

uint64_t
evlog_bytes(const struct evlog *l)
{
	return l->bytes;
}

const struct evlog_entry *
evlog_at(const struct evlog *l, uint64_t pos)
{
	assert(pos >= l->first && pos < l->end);
	return slot(l, pos);
}

uint64_t
evlog_everyone(const struct evlog *l)
{
	return l->everyone;
}

/* The place of a position that has left. */
static bool
run_place(const struct evlog *l, uint64_t pos, struct evlog_place *ret_place)
{
	uint64_t n = l->run_count;
	uint64_t oldest = n > EVLOG_RUNS ? n - EVLOG_RUNS : 0;

	while (n-- > oldest) {
		const struct run *run = &l->runs[n % EVLOG_RUNS];

		if (run->pos > pos)
			continue;
		*ret_place = run->place;
		ret_place->number += pos - run->pos;
		return true;
	}
	return false;
}

bool
evlog_place_before(const struct evlog *l, uint64_t pos,
		   struct evlog_place *ret_place)
{
	if (pos > l->first && pos <= l->end) {
		*ret_place = slot(l, pos - 1)->place;
		return true;
	}
	if (pos == l->first) {
		*ret_place = evlog_first_place(l);
		return true;
	}
	return pos > 0 && pos < l->first && run_place(l, pos - 1, ret_place);
}

struct evlog_place
evlog_last_place(const struct evlog *l)
{
	return l->last;
}

struct evlog_place
evlog_first_place(const struct evlog *l)
{
	if (l->evicted.gen)
		return l->evicted;
	return l->began;
}

uint64_t
evlog_epoch(const struct evlog *l, uint32_t gen)
{
	if (gen == 0 || gen > l->last.gen || l->last.gen - gen >= EVLOG_EPOCHS)
		return 0;
	return l->epochs[gen % EVLOG_EPOCHS];
}

struct evlog_place
evlog_place(const struct evlog *l, uint64_t epoch, uint64_t number)
{
	for (uint32_t i = 0; i < EVLOG_EPOCHS && i < l->last.gen; i++) {
		uint32_t gen = l->last.gen - i;

		if (l->epochs[gen % EVLOG_EPOCHS] == epoch)
			return (struct evlog_place){ gen, number };
	}
	return (struct evlog_place){ 0, 0 };
}

int
evlog_place_cmp(struct evlog_place a, struct evlog_place b)
{
	if (a.gen != b.gen)
		return a.gen < b.gen ? -1 : 1;
	return a.number < b.number ? -1 : a.number > b.number;
}

uint64_t
evlog_after(const struct evlog *l, struct evlog_place place)
{
	uint64_t low = l->first, high = l->end;

	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (evlog_place_cmp(slot(l, mid)->place, place) > 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

bool
evlog_find_id(const struct evlog *l, struct slice id, struct evlog_place *ret_place)
{
	const struct evlog_id *found = map_get(&l->ids, id);

	if (!found)
		return false;
	*ret_place = slot(l, found->pos)->place;
	return true;
}

struct evlog_place
evlog_blind(const struct evlog *l)
{
	return l->blind;
}

uint64_t
evlog_blind_end(const struct evlog *l)
{
	return l->blind_end;
}

struct evlog_place
evlog_evicted(const struct evlog *l)
{
	return l->evicted;
}
