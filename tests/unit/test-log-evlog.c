/* SPDX-License-Identifier: MIT */
/*
 * The log against the plainest thing that could stand for it: an array of all
 * events that ever were, of which a stretch at the end is kept.
 */
#include "lib/log/evlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

enum {
	TOPICS = 7,		/* of the random test */
	IDS = 5,
	EVENTS_MOST = 3000,
	EPOCHS_KEPT = 16,	/* as the log promises */
};

static const char *const topic_names[TOPICS] = {
	"a", "b", "news/x", "news/y", "private/z", "$SYS/hub", "long/topic/q",
};

static const char *const id_names[IDS] = { "i", "j", "order-1", "x/y", "z" };

struct fact {			/* one event that was */
	struct evlog_place place;
	int64_t time_ms;
	int topic;		/* -1: for everybody */
	int id;			/* -1: none */
	size_t len;
	bool is_private;
	uint8_t mark;
};

struct model {
	struct fact *facts;
	uint64_t first, end;
	uint64_t bytes;
	struct evlog_limits limits;
	uint64_t epochs[EVENTS_MOST];	/* of gen */
	struct evlog_place begin;	/* of the first epoch */
	struct evlog_place last;
	struct evlog *log;
	/* what the hooks have seen */
	uint64_t evicted;		/* positions before it */
	int topics_alive;
};

static struct slice
topic_slice(int topic)
{
	return topic < 0 ? SLICE_NONE : slice_of(topic_names[topic]);
}

static char
payload_byte(uint64_t pos, size_t at)
{
	return (char)(pos * 31 + at);
}

static char *
payload_make(uint64_t pos, size_t len)
{
	char *p = malloc(len ? len : 1);

	for (size_t i = 0; p && i < len; i++)
		p[i] = payload_byte(pos, i);
	return p;
}

/* ---- hooks ---- */

static void
on_evict(void *user, uint64_t pos, const struct evlog_entry *e)
{
	struct model *m = user;

	assert_true(pos == m->evicted);
	assert_true(pos == evlog_first(m->log));
	assert_ptr_equal(evlog_at(m->log, pos), e);
	for (size_t i = 0; i < e->len; i++)
		assert_true(e->payload[i] == payload_byte(pos, i));
	m->evicted++;
}

static void
on_topic(void *user, struct evlog_topic *t, bool is_new)
{
	struct model *m = user;

	assert_ptr_equal(evlog_find_topic(m->log, t->name), t);
	m->topics_alive += is_new ? 1 : -1;
	assert_true(m->topics_alive >= 0);
}

static const struct evlog_ops ops = { on_evict, on_topic };

/* ---- the model ---- */

static void
model_begin(struct model *m, struct evlog_limits limits)
{
	*m = (struct model){ .limits = limits };
	m->facts = calloc(EVENTS_MOST, sizeof(*m->facts));
	assert_non_null(m->facts);
	assert_int_equal(evlog_new(&limits, &ops, m, &m->log), 0);
}

static void
model_end(struct model *m)
{
	m->log = evlog_free(m->log);
	assert_null(m->log);
	assert_int_equal(m->topics_alive, 0);
	free(m->facts);
}

static void
model_epoch(struct model *m, uint64_t epoch, uint64_t number)
{
	assert_int_equal(evlog_begin_epoch(m->log, epoch, number), 0);
	m->last.gen++;
	m->last.number = number;
	m->epochs[m->last.gen] = epoch;
	if (m->last.gen == 1)
		m->begin = m->last;
}

static void
model_evict(struct model *m)
{
	m->bytes -= m->facts[m->first].len;
	m->first++;
}

static bool
model_is_over(const struct model *m)
{
	const struct evlog_limits *l = &m->limits;

	return (l->events && m->end - m->first > l->events) ||
	       (l->bytes && m->bytes > l->bytes);
}

static void
model_append(struct model *m, struct fact fact)
{
	struct evlog_item item = {
		.number = fact.place.number,
		.time_ms = fact.time_ms,
		.topic = topic_slice(fact.topic),
		.id = fact.id < 0 ? SLICE_NONE : slice_of(id_names[fact.id]),
		.is_private = fact.is_private,
		.mark = fact.mark,
	};
	uint64_t pos = 0;

	assert_true(m->end < EVENTS_MOST);
	assert_int_equal(evlog_append(m->log, &item,
				      payload_make(m->end, fact.len), fact.len,
				      &pos), 0);
	assert_true(pos == m->end);
	fact.place.gen = m->last.gen;
	m->last = fact.place;
	m->facts[m->end++] = fact;
	m->bytes += fact.len;
	while (model_is_over(m) && m->end - m->first > 1)
		model_evict(m);
}

static void
model_trim(struct model *m, int64_t now_ms, size_t most)
{
	size_t n = 0;

	while (m->limits.age_ms && n < most && m->end - m->first > 1 &&
	       m->facts[m->first].time_ms < now_ms - m->limits.age_ms) {
		model_evict(m);
		n++;
	}
	assert_int_equal(evlog_trim(m->log, now_ms, most), n);
}

/* ---- comparing ---- */

static bool
same_place(struct evlog_place a, struct evlog_place b)
{
	return a.gen == b.gen && a.number == b.number;
}

static void
check_entries(const struct model *m)
{
	assert_true(evlog_first(m->log) == m->first);
	assert_true(evlog_end(m->log) == m->end);
	assert_true(evlog_bytes(m->log) == m->bytes);
	assert_true(m->evicted == m->first);
	for (uint64_t pos = m->first; pos < m->end; pos++) {
		const struct evlog_entry *e = evlog_at(m->log, pos);
		const struct fact *f = &m->facts[pos];

		assert_true(same_place(e->place, f->place));
		assert_true(e->time_ms == f->time_ms);
		assert_true(e->len == f->len);
		assert_true(e->is_private == f->is_private);
		assert_true(e->mark == f->mark);
		assert_true(!e->topic == (f->topic < 0));
		if (e->topic)
			assert_true(slice_eq(e->topic->name,
					     topic_slice(f->topic)));
		assert_true(!e->id == (f->id < 0));
		if (e->len)
			assert_true(e->payload[e->len - 1] ==
				    payload_byte(pos, e->len - 1));
	}
}

static void
check_topic(const struct model *m, int topic)
{
	const struct evlog_topic *t =
	    evlog_find_topic(m->log, topic_slice(topic));
	uint64_t prev = EVLOG_NONE, lost_end = 0, first = EVLOG_NONE;

	for (uint64_t pos = 0; pos < m->end; pos++) {
		if (m->facts[pos].topic != topic)
			continue;
		assert_non_null(t);
		if (pos < m->first) {
			lost_end = pos + 1;
			continue;
		}
		assert_true(evlog_at(m->log, pos)->prev == prev);
		if (prev != EVLOG_NONE)
			assert_true(evlog_at(m->log, prev)->next == pos);
		else
			first = pos;
		prev = pos;
	}
	if (!t)
		return;
	assert_true(t->first == first);
	assert_true(t->last == prev);
	if (prev != EVLOG_NONE)
		assert_true(evlog_at(m->log, prev)->next == EVLOG_NONE);
	assert_true(t->lost_end == lost_end);
	assert_true(same_place(t->lost, lost_end ? m->facts[lost_end - 1].place :
			       (struct evlog_place){ 0, 0 }));
}

/* The place before `pos`, and whether the log has to know it: always for what
 * it keeps, and in the newest stretch of numbers without a hole. */
static void
check_place_before(const struct model *m, uint64_t pos)
{
	struct evlog_place got = { 0, 0 };
	bool known = evlog_place_before(m->log, pos, &got);
	uint64_t run = m->end;

	if (pos > m->end) {
		assert_false(known);
		return;
	}
	if (pos == 0) {
		assert_int_equal(known, m->first == 0);
		if (known)
			assert_true(same_place(got, m->begin));
		return;
	}
	while (run > 1 && m->facts[run - 1].place.gen ==
	       m->facts[run - 2].place.gen &&
	       m->facts[run - 1].place.number ==
	       m->facts[run - 2].place.number + 1)
		run--;
	if (pos >= m->first || (run > 0 && pos > run - 1))
		assert_true(known);
	if (known)
		assert_true(same_place(got, m->facts[pos - 1].place));
}

static void
check_after(const struct model *m, struct evlog_place place)
{
	uint64_t want = m->first;

	while (want < m->end &&
	       evlog_place_cmp(m->facts[want].place, place) <= 0)
		want++;
	assert_true(evlog_after(m->log, place) == want);
}

static void
check_places(const struct model *m)
{
	struct evlog_place blind = m->begin, got;
	uint64_t everyone = EVLOG_NONE, blind_end = 0;

	for (uint64_t pos = 0; pos < m->end; pos++) {
		if (m->facts[pos].topic >= 0)
			continue;
		everyone = pos;
		if (pos < m->first) {
			blind = m->facts[pos].place;
			blind_end = pos + 1;
		}
	}
	assert_true(evlog_everyone(m->log) == everyone);
	assert_true(same_place(evlog_blind(m->log), blind));
	assert_true(evlog_blind_end(m->log) == blind_end);
	assert_true(same_place(evlog_last_place(m->log), m->last));
	got = evlog_evicted(m->log);
	if (m->first == 0)
		assert_true(got.gen == 0);
	else
		assert_true(same_place(got, m->facts[m->first - 1].place));
	assert_true(same_place(evlog_first_place(m->log),
			       m->first ? got : m->begin));
}

static void
check_epochs(const struct model *m)
{
	for (uint32_t gen = 1; gen <= m->last.gen; gen++) {
		bool is_known = m->last.gen - gen < EPOCHS_KEPT;
		struct evlog_place place =
		    evlog_place(m->log, m->epochs[gen], 7);

		assert_true(evlog_epoch(m->log, gen) ==
			    (is_known ? m->epochs[gen] : 0));
		if (is_known)
			assert_true(same_place(place,
			    (struct evlog_place){ gen, 7 }));
		else
			assert_int_equal(place.gen, 0);
	}
	assert_true(evlog_epoch(m->log, 0) == 0);
	assert_true(evlog_epoch(m->log, m->last.gen + 1) == 0);
	assert_int_equal(evlog_place(m->log, 12345, 1).gen, 0);
}

static void
check_ids(const struct model *m)
{
	for (int id = 0; id < IDS; id++) {
		struct evlog_place got = { 0, 0 }, want = { 0, 0 };

		for (uint64_t pos = m->first; pos < m->end; pos++)
			if (m->facts[pos].id == id)
				want = m->facts[pos].place;
		assert_int_equal(evlog_find_id(m->log, slice_of(id_names[id]),
					       &got), want.gen != 0);
		assert_true(same_place(got, want));
	}
}

static void
check_model(const struct model *m)
{
	check_entries(m);
	for (int i = 0; i < TOPICS; i++)
		check_topic(m, i);
	check_places(m);
	check_epochs(m);
	check_ids(m);
	for (int i = 0; i < 20; i++) {
		uint64_t pos = unit_below(m->end + 3);
		struct evlog_place place = {
			(uint32_t)unit_below(m->last.gen + 2),
			unit_below(m->last.number + 20),
		};

		check_place_before(m, pos);
		check_after(m, place);
		if (pos < m->end)
			check_after(m, m->facts[pos].place);
	}
	check_place_before(m, m->first);
	check_place_before(m, m->end);
}

/* ---- the random test ---- */

static struct fact
random_fact(const struct model *m, int64_t now_ms)
{
	struct fact f = {
		.time_ms = now_ms - (int64_t)unit_below(30),
		.topic = unit_chance(40) ? -1 : (int)unit_below(TOPICS),
		.id = unit_chance(6) ? (int)unit_below(IDS) : -1,
		.len = unit_chance(10) ? unit_below(400) : unit_below(40),
		.is_private = unit_chance(5),
		.mark = (uint8_t)unit_below(256),
	};

	/* Topics come and go in phases, so that some have nothing for long. */
	if (f.topic >= 0)
		f.topic = (int)((uint64_t)f.topic % (1 + m->end / 50 % TOPICS));
	f.place.number = m->last.number + 1;
	if (unit_chance(30))
		f.place.number += unit_below(1000);
	if (f.topic < 0 && unit_chance(2))
		f.place.number = m->last.number;
	return f;
}

static void
walk_randomly(struct evlog_limits limits)
{
	struct model m;
	int64_t now_ms = 1000000;

	model_begin(&m, limits);
	model_epoch(&m, 1 + unit_random() / 2, unit_below(100));
	check_model(&m);
	while (m.end < 600) {
		now_ms += (int64_t)unit_below(20);
		if (unit_chance(60))
			model_epoch(&m, 1 + unit_random() / 2, unit_below(100));
		else if (unit_chance(8))
			model_trim(&m, now_ms, 1 + unit_below(20));
		else
			model_append(&m, random_fact(&m, now_ms));
		if (unit_chance(3))
			check_model(&m);
	}
	check_model(&m);
	model_end(&m);
}

static void
agrees_with_a_plain_array(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 60; round++) {
		struct evlog_limits limits = { 0, 0, 0 };

		unit_random_begin(unit_seed() * 1000 + round);
		if (!unit_chance(3))
			limits.events = 1 + unit_below(200);
		if (!unit_chance(3))
			limits.bytes = 1 + unit_below(4000);
		if (!unit_chance(3))
			limits.age_ms = 1 + (int64_t)unit_below(2000);
		walk_randomly(limits);
	}
}

/* ---- bounds, one by one ---- */

static void
put(struct evlog *l, uint64_t number, const char *topic, size_t len)
{
	struct evlog_item item = { .number = number, .topic = slice_of(topic) };
	uint64_t pos;

	assert_int_equal(evlog_append(l, &item, payload_make(0, len), len,
				      &pos), 0);
}

static void
bounds_evict_the_oldest(void **state)
{
	static const struct {
		struct evlog_limits limits;
		size_t sizes[6];
		uint64_t want_first, want_bytes;
	} rows[] = {
		{ { 0, 0, 0 }, { 1, 2, 3, 4, 5, 6 }, 0, 21 },
		{ { 6, 0, 0 }, { 1, 2, 3, 4, 5, 6 }, 0, 21 },
		{ { 5, 0, 0 }, { 1, 2, 3, 4, 5, 6 }, 1, 20 },
		{ { 1, 0, 0 }, { 1, 2, 3, 4, 5, 6 }, 5, 6 },
		{ { 0, 21, 0 }, { 1, 2, 3, 4, 5, 6 }, 0, 21 },
		{ { 0, 20, 0 }, { 1, 2, 3, 4, 5, 6 }, 1, 20 },
		{ { 0, 11, 0 }, { 1, 2, 3, 4, 5, 6 }, 4, 11 },
		/* the newest stays, however large it is */
		{ { 0, 3, 0 }, { 1, 2, 3, 4, 5, 6 }, 5, 6 },
		{ { 0, 3, 0 }, { 1, 1, 1, 9, 1, 1 }, 4, 2 },
		/* nothing to carry costs nothing */
		{ { 0, 1, 0 }, { 0, 0, 0, 0, 0, 0 }, 0, 0 },
		{ { 2, 100, 0 }, { 60, 60, 10, 10, 10, 10 }, 4, 20 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct evlog *l;

		assert_int_equal(evlog_new(&rows[i].limits, NULL, NULL, &l), 0);
		assert_int_equal(evlog_begin_epoch(l, 9, 0), 0);
		for (size_t n = 0; n < COUNT_OF(rows[i].sizes); n++)
			put(l, n + 1, "t", rows[i].sizes[n]);
		unit_check(evlog_first(l) == rows[i].want_first,
			   "row %zu: first %llu", i,
			   (unsigned long long)evlog_first(l));
		unit_check(evlog_bytes(l) == rows[i].want_bytes,
			   "row %zu: bytes %llu", i,
			   (unsigned long long)evlog_bytes(l));
		evlog_free(l);
	}
}

static void
age_trims_in_steps_but_not_the_newest(void **state)
{
	const struct evlog_limits limits = { .age_ms = 100 };
	struct evlog *l;
	uint64_t pos;

	(void)state;
	assert_int_equal(evlog_new(&limits, NULL, NULL, &l), 0);
	assert_int_equal(evlog_begin_epoch(l, 9, 0), 0);
	assert_int_equal(evlog_trim(l, 5000, 10), 0);
	for (uint64_t n = 1; n <= 6; n++) {
		struct evlog_item item = {
			.number = n, .time_ms = (int64_t)n * 10,
			.topic = SLICE_LIT("t"),
		};

		assert_int_equal(evlog_append(l, &item, NULL, 0, &pos), 0);
	}
	assert_int_equal(evlog_trim(l, 110, 10), 0);	/* 100 old: not older */
	assert_int_equal(evlog_trim(l, 131, 2), 2);
	assert_int_equal(evlog_trim(l, 131, 2), 1);
	assert_int_equal(evlog_trim(l, 131, 2), 0);
	assert_true(evlog_first(l) == 3);
	assert_int_equal(evlog_trim(l, INT64_MAX, 100), 2);
	assert_true(evlog_first(l) == 5 && evlog_end(l) == 6);
	evlog_free(l);
}

/* A time is what a stranger's clock says. */
static void
wild_times_overflow_nothing(void **state)
{
	static const int64_t times[] = {
		INT64_MIN, INT64_MAX, -1, 0, INT64_MIN + 1, 1,
	};
	const struct evlog_limits limits = { .age_ms = 3600000 };
	struct evlog *l;
	uint64_t pos;

	(void)state;
	assert_int_equal(evlog_new(&limits, NULL, NULL, &l), 0);
	assert_int_equal(evlog_begin_epoch(l, 9, 0), 0);
	for (uint64_t n = 0; n < COUNT_OF(times); n++) {
		struct evlog_item item = {
			.number = n + 1, .time_ms = times[n],
			.topic = SLICE_LIT("t"),
		};

		assert_int_equal(evlog_append(l, &item, NULL, 0, &pos), 0);
	}
	assert_int_equal(evlog_trim(l, INT64_C(1700000000000), 100), 1);
	evlog_free(l);
}

/* ---- what is refused ---- */

static int
try_append(struct evlog *l, uint64_t number, struct slice topic)
{
	struct evlog_item item = { .number = number, .topic = topic };
	uint64_t pos = 77, end = evlog_end(l);
	int r = evlog_append(l, &item, payload_make(0, 3), 3, &pos);

	if (r < 0) {
		assert_true(pos == 77);
		assert_true(evlog_end(l) == end);
	}
	return r;
}

static void
numbers_only_go_up(void **state)
{
	const struct evlog_limits limits = { 0, 0, 0 };
	struct evlog *l;

	(void)state;
	assert_int_equal(evlog_new(&limits, NULL, NULL, &l), 0);
	/* no epoch: no place to give */
	assert_int_equal(try_append(l, 1, SLICE_LIT("t")), -EINVAL);
	assert_int_equal(evlog_begin_epoch(l, 9, 5), 0);
	assert_int_equal(try_append(l, 4, SLICE_LIT("t")), -EINVAL);
	assert_int_equal(try_append(l, 5, SLICE_LIT("t")), -EINVAL);
	assert_int_equal(try_append(l, 5, SLICE_NONE), 0);
	assert_int_equal(try_append(l, 6, SLICE_LIT("t")), 0);
	assert_int_equal(try_append(l, 6, SLICE_LIT("u")), -EINVAL);
	assert_int_equal(try_append(l, 9, SLICE_LIT("u")), 0);
	assert_int_equal(evlog_begin_epoch(l, 10, 0), 0);
	assert_int_equal(try_append(l, 0, SLICE_LIT("u")), -EINVAL);
	assert_int_equal(try_append(l, 1, SLICE_LIT("u")), 0);
	evlog_free(l);
}

static void
an_epoch_that_comes_back_is_the_newer_one(void **state)
{
	const struct evlog_limits limits = { 0, 0, 0 };
	struct evlog *l;

	(void)state;
	assert_int_equal(evlog_new(&limits, NULL, NULL, &l), 0);
	assert_int_equal(evlog_begin_epoch(l, 9, 0), 0);
	assert_int_equal(evlog_begin_epoch(l, 10, 0), 0);
	assert_int_equal(evlog_begin_epoch(l, 9, 0), 0);
	assert_int_equal(evlog_place(l, 9, 1).gen, 3);
	assert_int_equal(evlog_place(l, 10, 1).gen, 2);
	assert_true(evlog_epoch(l, 1) == 9);
	evlog_free(l);
}

static void
null_is_freed(void **state)
{
	(void)state;
	assert_null(evlog_free(NULL));
}

/* ---- topics without entries ---- */

enum { CROWD = 20000 };		/* more than the log remembers */

static struct slice
crowd_name(int i, char out[24])
{
	snprintf(out, 24, "crowd/%d", i);
	return slice_of(out);
}

static size_t
list_length(const struct list *l)
{
	size_t n = 0;

	for (const struct list *at = l->next; at != l; at = at->next)
		n++;
	return n;
}

/*
 * Each topic has one entry that leaves at once. The log forgets some of them,
 * the oldest first, and says so: up to blind it knows nothing of any.
 */
static void
idle_topics_are_forgotten_in_order(void **state)
{
	const struct evlog_limits limits = { .events = 1 };
	struct model m = { 0 };
	size_t kept;
	char name[24];

	(void)state;
	assert_int_equal(evlog_new(&limits, &ops, &m, &m.log), 0);
	assert_int_equal(evlog_begin_epoch(m.log, 9, 0), 0);
	for (int i = 0; i < CROWD; i++)
		put(m.log, (uint64_t)i + 1, crowd_name(i, name).p, 0);
	kept = list_length(evlog_topics(m.log));
	assert_true(kept < CROWD && kept > 1000);
	assert_int_equal(m.topics_alive, kept);
	assert_true(evlog_blind(m.log).number == CROWD - kept);
	assert_true(evlog_blind_end(m.log) == CROWD - kept);
	for (int i = 0; i < CROWD; i++) {
		const struct evlog_topic *t =
		    evlog_find_topic(m.log, crowd_name(i, name));

		unit_check(!t == ((size_t)i < CROWD - kept), "topic %d", i);
		if (t && i < CROWD - 1)
			assert_true(t->lost.number == (uint64_t)i + 1);
	}
	/* One that is busy again is not idle: it is not the next to go. */
	put(m.log, CROWD + 1, crowd_name(CROWD - (int)kept, name).p, 0);
	put(m.log, CROWD + 2, "new", 0);
	put(m.log, CROWD + 3, "newer", 0);
	assert_non_null(evlog_find_topic(m.log,
					 crowd_name(CROWD - (int)kept, name)));
	assert_null(evlog_find_topic(m.log,
				     crowd_name(CROWD - (int)kept + 1, name)));
	evlog_free(m.log);
	assert_int_equal(m.topics_alive, 0);
}

/* ---- memory runs out ---- */

/* Fills the ring so that the next append has to grow it. */
static void
fill_ring(struct evlog *l)
{
	for (uint64_t n = 1; n <= 64; n++)
		put(l, n, "full", 1);
}

static void
an_append_without_memory_changes_nothing(void **state)
{
	const struct evlog_limits limits = { 0, 0, 0 };
	const struct evlog_item item = {
		.number = 100, .topic = SLICE_LIT("new"), .id = SLICE_LIT("i"),
	};
	size_t failed = 0;

	(void)state;
	for (size_t n = 1;; n++) {
		struct evlog_place place;
		struct model m = { 0 };
		uint64_t pos;
		char *payload;
		int r;

		assert_int_equal(evlog_new(&limits, &ops, &m, &m.log), 0);
		assert_int_equal(evlog_begin_epoch(m.log, 9, 0), 0);
		fill_ring(m.log);
		payload = payload_make(64, 5);
		fault_arm(n);
		r = evlog_append(m.log, &item, payload, 5, &pos);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			evlog_free(m.log);
			break;
		}
		failed++;
		assert_int_equal(r, -ENOMEM);
		assert_true(evlog_end(m.log) == 64);
		assert_true(evlog_bytes(m.log) == 64);
		assert_true(evlog_last_place(m.log).number == 64);
		assert_false(evlog_find_id(m.log, item.id, &place));
		/* and the same works when there is memory again */
		assert_int_equal(evlog_append(m.log, &item,
					      payload_make(64, 5), 5, &pos), 0);
		assert_true(evlog_find_id(m.log, item.id, &place));
		assert_true(place.number == 100 && pos == 64);
		evlog_free(m.log);
		assert_int_equal(m.topics_alive, 0);
	}
	assert_true(failed >= 4);	/* ring, topic, id, its map */
}

static void
a_log_without_memory_is_not_made(void **state)
{
	const struct evlog_limits limits = { 0, 0, 0 };

	(void)state;
	for (size_t n = 1;; n++) {
		struct evlog *l = NULL;
		int r;

		fault_arm(n);
		r = evlog_new(&limits, NULL, NULL, &l);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			evlog_free(l);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_is_freed),
		cmocka_unit_test(bounds_evict_the_oldest),
		cmocka_unit_test(age_trims_in_steps_but_not_the_newest),
		cmocka_unit_test(wild_times_overflow_nothing),
		cmocka_unit_test(numbers_only_go_up),
		cmocka_unit_test(an_epoch_that_comes_back_is_the_newer_one),
		cmocka_unit_test(idle_topics_are_forgotten_in_order),
		cmocka_unit_test(an_append_without_memory_changes_nothing),
		cmocka_unit_test(a_log_without_memory_is_not_made),
		cmocka_unit_test(agrees_with_a_plain_array),
	};

	return cmocka_run_group_tests_name("log-evlog", tests, NULL, NULL);
}
