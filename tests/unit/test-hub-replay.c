/* SPDX-License-Identifier: MIT */
/*
 * A store and the pages out of it, against a model that keeps all; in memory,
 * and on disk.
 */
#include "config.h"

#include "hub/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/stored.h"
#include "lib/base/limits.h"
#include "lib/sse/id.h"
#include "lib/sse/selector.h"
#include "tests/unit/store_rig.h"

/* The store of the test that runs. */
static struct rig rig;
static uint64_t rig_epoch;

static const char *const topics[] = {
	"news", "news/a", "news/b", "news/a/x", "private/p", "clock", "x/private",
};

static const char *const selectors[] = {
	"news", "news/*", "*", "private/*", "news/{v}", "nothing", "{+v}",
};

struct model {
	struct model_event {
		unsigned topic;
		size_t bytes;	/* of header and data */
		int64_t time_ms;
	} events[5001];
	uint64_t last;
};

static struct store *
make_store(struct store_limits limits)
{
	rig = (struct rig){ .kind = rig.kind, .limits = limits };
	rig_open(&rig);
	rig_epoch = rig_state(&rig).epoch;
	return rig.store;
}

static void
append(struct store *s, uint64_t number, const char *topic, size_t len,
       int64_t time_ms, const char *id)
{
	static char data[4 << 20];
	char header[16];
	struct store_record r = {
		.number = number,
		.time_ms = time_ms,
		.id = slice_of(id),
		.topic = slice_of(topic),
		.header = { header, 0 },
		.data = { data, len },
	};

	r.header.len = (size_t)snprintf(header, sizeof(header), "%llu",
					(unsigned long long)number);
	assert_int_equal(s->ops->append(s, &r), 0);
	assert_int_equal(s->ops->commit(s, time_ms), 0);
}

/* A page's numbers, read out of what stands in for headers. */
static uint64_t
number_at(const struct replay *p, size_t i)
{
	char text[24];
	struct slice s = p->reply.events[3 * i + 1];

	snprintf(text, sizeof(text), "%.*s", (int)s.len, s.p);
	return strtoull(text, NULL, 10);
}

static void
ask(struct replay *p, struct store *s, uint64_t epoch, uint64_t number,
    unsigned limit, const struct slice *wanted, size_t n)
{
	const struct follow_request q = {
		.verb = FOLLOW_AFTER, .epoch = epoch, .number = number,
		.limit = limit, .selectors = wanted, .n_selectors = n,
	};

	assert_int_equal(replay_answer(p, s, &q), 0);
	assert_int_equal(p->reply.kind, FOLLOW_PAGE);
	assert_int_equal(p->reply.epoch, rig_epoch);
}

static bool
wanted_topic(const struct slice *wanted, size_t n, const char *topic)
{
	struct event_fault fault;
	enum selector_kind kind;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(selector_parse(wanted[i], &kind, &fault), 0);
		if (selector_match(wanted[i], kind, slice_of(topic)))
			return true;
	}
	return n == 0;
}

/* Everything within the bounds is kept, and nothing that is beyond them. */
static void
check_bounds(struct store *s, const struct model *m,
	     const struct store_limits *limits, int64_t trimmed_ms)
{
	struct store_state state;
	uint64_t i, bytes = 0, events = 0;

	s->ops->state(s, &state);
	assert_int_equal(state.last, m->last);
	for (i = m->last; i >= state.first; i--) {
		bytes += m->events[i].bytes;
		events++;
	}
	assert_int_equal(state.events, events);
	if (events > 1) {
		if (limits->events)
			assert_true(events <= limits->events);
		if (limits->bytes)
			assert_true(state.bytes <= limits->bytes);
		if (limits->age_ms)
			assert_true(trimmed_ms - m->events[state.first].time_ms
				    <= limits->age_ms);
	}
	assert_true(state.bytes >= bytes);
	assert_true(m->last == 0 || events >= 1);
}

/* Follows the pages to the end, as a follower does. */
static void
check_pages(struct replay *p, struct store *s, const struct model *m,
	    uint64_t after, unsigned limit, const struct slice *wanted,
	    size_t n)
{
	struct store_state state;
	uint64_t next = after, number;
	size_t i;

	s->ops->state(s, &state);
	do {
		ask(p, s, rig_epoch, next, limit, wanted, n);
		assert_int_equal(p->reply.last, m->last);
		assert_int_equal(p->reply.from, next + 1 > state.first ?
				 next + 1 : state.first);
		assert_true(p->reply.to >= p->reply.from - 1);
		assert_true(p->reply.count <= limit);
		i = 0;
		for (number = p->reply.from; number <= p->reply.to; number++) {
			if (!wanted_topic(wanted, n,
					  topics[m->events[number].topic]))
				continue;
			assert_true(i < p->reply.count);
			assert_int_equal(number_at(p, i), number);
			i++;
		}
		assert_int_equal(i, p->reply.count);
		/* It always gets on. */
		assert_true(p->reply.to > next || p->reply.to == m->last);
		next = p->reply.to;
	} while (next < m->last);
}

static void
random_round(unsigned seed)
{
	const struct store_limits limits = {
		.events = rand() % 3 ? (uint64_t)(rand() % 300 + 1) : 0,
		.bytes = rand() % 3 ? (uint64_t)(rand() % 20000 + 1) : 0,
		.age_ms = rand() % 3 ? rand() % 5000 + 1 : 0,
	};
	static struct model m;
	struct store *s = make_store(limits);
	struct replay p = { 0 };
	struct slice wanted[3];
	int64_t now_ms = 1000000;
	struct store_state state;
	size_t n, i;
	char digits[24];

	(void)seed;
	m.last = 0;
	while (m.last < 1000) {
		size_t len = (size_t)(rand() % 10 ? rand() % 100 :
						    rand() % 3000);
		unsigned topic = (unsigned)rand() % COUNT_OF(topics);

		now_ms += rand() % 30;
		m.last++;
		append(s, m.last, topics[topic], len, now_ms, NULL);
		m.events[m.last] = (struct model_event){
			.topic = topic, .time_ms = now_ms,
			.bytes = STORED_HEAD + strlen(topics[topic]) + len +
				 (size_t)snprintf(digits, sizeof(digits),
						  "%llu",
						  (unsigned long long)m.last),
		};
		if (rand() % 20)
			continue;
		while (s->ops->trim(s, now_ms))
			continue;
		check_bounds(s, &m, &limits, now_ms);
		n = (size_t)rand() % 3;
		for (i = 0; i < n; i++)
			wanted[i] = slice_of(selectors[(unsigned)rand() %
						       COUNT_OF(selectors)]);
		check_pages(&p, s, &m, (uint64_t)rand() % (m.last + 1),
			    (unsigned)rand() % 50 + 1, wanted, n);
	}
	s->ops->state(s, &state);
	assert_int_equal(state.epoch, rig_epoch);
	replay_done(&p);
	rig_done(&rig);
}

static void
pages_hold_what_the_model_holds(void **state)
{
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 30; seed++) {
		srand(seed);
		random_round(seed);
	}
}

static void
pages_begin_where_they_can(void **state)
{
	struct store *s = make_store((struct store_limits){ .events = 10 });
	struct replay p = { 0 };
	uint64_t i;

	(void)state;
	/* An empty log. */
	ask(&p, s, rig_epoch, 0, 1000, NULL, 0);
	assert_int_equal(p.reply.from, 1);
	assert_int_equal(p.reply.to, 0);
	ask(&p, s, 0, 0, 1000, NULL, 0);
	assert_int_equal(p.reply.to + 1, p.reply.from);
	for (i = 1; i <= 25; i++)
		append(s, i, "t", 5, 0, NULL);
	/* Before what is kept, within it, at its end, beyond it. */
	ask(&p, s, rig_epoch, 3, 1000, NULL, 0);
	assert_int_equal(p.reply.from, 16);
	assert_int_equal(p.reply.to, 25);
	assert_int_equal(p.reply.count, 10);
	ask(&p, s, rig_epoch, 20, 3, NULL, 0);
	assert_int_equal(p.reply.from, 21);
	assert_int_equal(p.reply.to, 23);
	ask(&p, s, rig_epoch, 25, 3, NULL, 0);
	assert_int_equal(p.reply.from, 26);
	assert_int_equal(p.reply.to, 25);
	ask(&p, s, rig_epoch, UINT64_MAX, 3, NULL, 0);
	assert_int_equal(p.reply.from, 26);
	assert_int_equal(p.reply.last, 25);
	/* Another log: all that is kept of this one. */
	ask(&p, s, rig_epoch + 1, 24, 1000, NULL, 0);
	assert_int_equal(p.reply.from, 16);
	assert_int_equal(p.reply.count, 10);
	replay_done(&p);
	rig_done(&rig);
}

static void
pages_are_bounded(void **state)
{
	struct store *s = make_store((struct store_limits){ 0 });
	const struct slice rare = SLICE_LIT("rare");
	struct replay p = { 0 };
	uint64_t i, n = 0;

	(void)state;
	/* By bytes, but one large one goes alone. */
	append(s, ++n, "t", 100, 0, NULL);
	append(s, ++n, "t", 3 << 20, 0, NULL);
	append(s, ++n, "t", 100, 0, NULL);
	ask(&p, s, rig_epoch, 0, 1000, NULL, 0);
	assert_int_equal(p.reply.to, 1);
	ask(&p, s, rig_epoch, 1, 1000, NULL, 0);
	assert_int_equal(p.reply.to, 2);
	assert_int_equal(p.reply.events[2].len, 3 << 20);
	/* By number. */
	for (i = 0; i < 3000; i++)
		append(s, ++n, "t", 10, 0, NULL);
	ask(&p, s, rig_epoch, 2, 1000, NULL, 0);
	assert_int_equal(p.reply.count, 1000);
	/* By what was looked at: an empty page that is not the end. */
	for (i = 0; i < LIMIT_PAGE_SCANNED; i++)
		append(s, ++n, "t", 0, 0, NULL);
	append(s, ++n, "rare", 0, 0, NULL);
	ask(&p, s, rig_epoch, 1, 1000, &rare, 1);
	assert_int_equal(p.reply.count, 0);
	assert_int_equal(p.reply.to, 1 + LIMIT_PAGE_SCANNED);
	ask(&p, s, rig_epoch, p.reply.to, 1000, &rare, 1);
	assert_int_equal(p.reply.count, 1);
	assert_int_equal(p.reply.to, n);
	replay_done(&p);
	rig_done(&rig);
}

static void
refuses_a_bad_selector(void **state)
{
	struct store *s = make_store((struct store_limits){ 0 });
	const struct slice wanted[] = { SLICE_LIT("ok"), SLICE_LIT("a/{") };
	const struct follow_request q = {
		.verb = FOLLOW_AFTER, .limit = 1, .selectors = wanted,
		.n_selectors = 2,
	};
	struct replay p = { 0 };

	(void)state;
	append(s, 1, "ok", 1, 0, NULL);
	assert_int_equal(replay_answer(&p, s, &q), 0);
	assert_int_equal(p.reply.kind, FOLLOW_REFUSED);
	assert_true(slice_eq(p.reply.class, SLICE_LIT("selector")));
	assert_true(p.reply.reason.len > 0);
	assert_int_equal(replay_event_parts(&p), 0);
	replay_done(&p);
	rig_done(&rig);
}

static void
resolves_ids(void **state)
{
	struct store *s = make_store((struct store_limits){ .events = 5 });
	struct replay p = { 0 };
	char ours[2][ID_TEXT_MAX + 1], ahead[ID_TEXT_MAX + 1],
		other[ID_TEXT_MAX + 1];
	struct {
		const char *id;
		bool known;
		uint64_t number;
	} rows[] = {
		{ ours[0], true, 0 },
		{ ours[1], true, 9 },
		{ ahead, false, 0 },
		{ other, false, 0 },
		{ "order-8", true, 8 },
		{ "order-2", false, 0 },	/* left with its event */
		{ "twice", true, 9 },
		{ "x", false, 0 },
		{ "100000000000-1", false, 0 },
	};
	uint64_t i;
	size_t k;

	(void)state;
	id_format(rig_epoch, 0, ours[0]);
	id_format(rig_epoch, 9, ours[1]);
	id_format(rig_epoch, 10, ahead);
	id_format(rig_epoch + 1, 1, other);
	for (i = 1; i <= 9; i++) {
		char id[16];

		snprintf(id, sizeof(id), "order-%u", (unsigned)i);
		append(s, i, "t", 1, 0, i == 7 || i == 9 ? "twice" : id);
	}
	for (k = 0; k < COUNT_OF(rows); k++) {
		const struct follow_request q = {
			.verb = FOLLOW_RESOLVE, .id = slice_of(rows[k].id),
		};

		assert_int_equal(replay_answer(&p, s, &q), 0);
		unit_check(p.reply.kind == (rows[k].known ? FOLLOW_AT :
							    FOLLOW_UNKNOWN),
			   "\"%s\"", rows[k].id);
		if (rows[k].known)
			unit_check(p.reply.number == rows[k].number, "\"%s\"",
				   rows[k].id);
		assert_int_equal(p.reply.epoch, rig_epoch);
		assert_int_equal(p.reply.last, 9);
	}
	replay_done(&p);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_hold_what_the_model_holds),
		cmocka_unit_test(pages_begin_where_they_can),
		cmocka_unit_test(pages_are_bounded),
		cmocka_unit_test(refuses_a_bad_selector),
		cmocka_unit_test(resolves_ids),
	};

	int failed;

	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig.kind = RIG_ALWAYS;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
