/* SPDX-License-Identifier: MIT */
/*
 * The catalog alone: what is taken back leaves nothing behind, also when memory
 * is short; what it shows is what was loaded; topics that are forgotten. With
 * events that come and go it is tested through the stores (test-hub-store).
 */
#include "config.h"

#include "hub/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/sse/also.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

enum { EVENTS = 400, TOPICS = 12, IDLE_TOPICS = 16384 };

static struct catalog_rule rules[] = {
	{ .selector = SLICE_LIT("t1/*"), .kind = SELECTOR_SUBTREE, .keep = 2 },
};

/* What the store would know of its events. */
struct book {
	struct catalog_item items[EVENTS + 1];
	char topics[EVENTS + 1][8], ids[EVENTS + 1][8];
	char also[EVENTS + 1][32];
	bool is_gone[EVENTS + 1];
	uint64_t last;
};

static struct book book;

/* Up to three other topics, as they travel. */
static struct slice
new_also(char out[32])
{
	size_t len = 0, n = unit_chance(3) ? 1 + unit_below(3) : 0;

	while (n-- > 0) {
		char *at = out + len;
		int text = snprintf(at + 3, 6, "t%u/%u",
				    (unsigned)unit_below(2),
				    (unsigned)unit_below(TOPICS));

		at[0] = ALSO_TYPE;
		at[1] = 0;
		at[2] = (char)text;
		len += 3 + (size_t)text;
	}
	return len ? (struct slice){ out, len } : SLICE_NONE;
}

static struct catalog_item *
new_item(uint64_t number)
{
	struct catalog_item *item = book.items + number;

	snprintf(book.topics[number], 8, "t%u/%u", (unsigned)unit_below(2),
		 (unsigned)unit_below(TOPICS));
	snprintf(book.ids[number], 8, "i%u", (unsigned)unit_below(EVENTS));
	*item = (struct catalog_item){
		.number = number, .topic = slice_of(book.topics[number]),
		.id = slice_of(unit_chance(2) ? book.ids[number] : NULL),
		.bytes = 1 + unit_below(100),
		.also = new_also(book.also[number]),
	};
	return item;
}

static uint64_t
oldest_kept(void)
{
	uint64_t i = 1;

	while (book.is_gone[i])
		i++;
	return i;
}

/* One step of what a store does. 0, 1: nothing was to do, -ENOMEM. */
static int
let_go(struct catalog *c)
{
	uint64_t number = c->floor;
	enum catalog_need need = catalog_need(c, &number);
	int r;

	if (need == CATALOG_FITS)
		return 1;
	if (need == CATALOG_HELD)
		number = oldest_kept();
	if (need == CATALOG_FRONT)
		r = catalog_pass(c, book.items + number);
	else
		r = catalog_evict(c, book.items + number) < 0 ? -ENOMEM : 1;
	if (r == 1)
		book.is_gone[number] = true;
	return r < 0 ? r : 0;
}

/* All that can be asked of a catalog. */
struct view {
	uint64_t floor, events, bytes, held_events, held_bytes, lost, topics;
	uint64_t by_topic[2 * TOPICS], kept[2 * TOPICS], by_id[EVENTS];
};

static struct view
look(const struct catalog *c)
{
	struct view v;
	const struct catalog_topic *t;
	enum selector_kind kind = SELECTOR_TOPIC;
	struct slice name;
	char text[8];
	size_t i;

	memset(&v, 0, sizeof(v));
	v.floor = c->floor;
	v.events = c->events;
	v.bytes = c->bytes;
	v.held_events = c->held_events;
	v.held_bytes = c->held_bytes;
	v.lost = c->lost;
	v.topics = c->topics.count;
	for (i = 0; i < 2 * TOPICS; i++) {
		snprintf(text, sizeof(text), "t%zu/%zu", i / TOPICS,
			 i % TOPICS);
		name = slice_of(text);
		v.by_topic[i] = catalog_lost(c, &name, &kind, 1, 0);
		t = map_get(&c->topics, name);
		v.kept[i] = t ? t->kept : 0;
	}
	for (i = 0; i < EVENTS; i++) {
		snprintf(text, sizeof(text), "i%zu", i);
		(void)catalog_find_id(c, slice_of(text), &v.by_id[i]);
	}
	return v;
}

/* No topic has lost more than those behind it say; each is idle or keeps
 * something. */
static void
check_lists(const struct catalog *c)
{
	const struct list *at;
	uint64_t before = 0, n = 0, idle = 0;

	for (at = c->by_lost.next; at != &c->by_lost; at = at->next, n++) {
		const struct catalog_topic *t =
			(const void *)((const char *)at -
				       offsetof(struct catalog_topic, by_lost));

		if (t->lost > before)
			before = t->lost;
		assert_true(t->bound >= before);
		assert_int_equal(t->kept == 0, t->idle.next != &t->idle);
		idle += t->kept == 0;
		/* One that has nothing and lost nothing is not there. */
		assert_true(t->kept > 0 || t->lost > 0);
	}
	assert_int_equal(n, c->topics.count);
	assert_int_equal(idle, c->idle_count);
}

/* A batch of what comes and goes. Whether it ran out of memory; then it goes
 * on after it, as a store does with an event that did not fit. */
static bool
some_steps(struct catalog *c)
{
	bool has_failed = false;
	uint64_t n = 1 + unit_below(12);

	for (; n > 0 && book.last < EVENTS; n--) {
		if (unit_chance(2)) {
			if (catalog_add(c, new_item(book.last + 1)) < 0)
				has_failed = true;
			else
				book.last++;
		} else if (let_go(c) < 0) {
			has_failed = true;
		}
	}
	return has_failed;
}

static void
take_back(struct catalog *c, const struct view *want, const struct book *was)
{
	struct view have;
	size_t i;

	catalog_undo(c);
	book = *was;
	/* The slices point into the book, which is the same one again. */
	have = look(c);
	/* An id that stood for an older event may be unknown now. */
	for (i = 0; i < EVENTS; i++)
		if (!have.by_id[i])
			have.by_id[i] = want->by_id[i];
	assert_memory_equal(&have, want, sizeof(have));
	check_lists(c);
}

static const struct store_limits limits = { .events = 30, .bytes = 1200 };

static void
takes_back(uint64_t seed, bool is_short)
{
	static struct book was;
	struct catalog c;
	struct view before;
	unsigned faults = 0;

	unit_random_begin(seed);
	memset(&book, 0, sizeof(book));
	catalog_init(&c, &limits, rules, COUNT_OF(rules));
	while (book.last < EVENTS) {
		was = book;
		before = look(&c);
		if (is_short)
			fault_arm(1 + unit_below(6));
		(void)some_steps(&c);
		if (is_short)
			faults += fault_disarm();
		if (unit_chance(2)) {
			take_back(&c, &before, &was);
		} else {
			catalog_commit(&c);
			catalog_bury(&c);
			check_lists(&c);
		}
	}
	assert_true(!is_short || faults > 3);
	catalog_done(&c);
}

/* The other topics of an event hear of it when it goes, and not before. */
static void
tells_the_other_topics(void **state)
{
	static const struct slice names[] = {
		SLICE_LIT("a"), SLICE_LIT("b"), SLICE_LIT("c"), SLICE_LIT("d"),
	};
	const struct store_limits most = { .events = 1 };
	enum selector_kind kind = SELECTOR_TOPIC;
	struct catalog c;

	(void)state;
	catalog_init(&c, &most, NULL, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		struct catalog_item item = {
			.number = i, .topic = names[0], .bytes = 1,
			.also = i == 2 ? SLICE_LIT("\7\0\1b\7\0\1c") :
					 SLICE_NONE,
		};

		assert_int_equal(catalog_add(&c, &item), 0);
		assert_int_equal(c.topics.count, i == 3 ? 3 : 1);
		if (i == 2) {
			item = (struct catalog_item){ .number = 1, .bytes = 1,
						      .topic = names[0],
				.also = SLICE_LIT("\7\0\1b\7\0\1c") };
			assert_int_equal(catalog_pass(&c, &item), 1);
		}
		catalog_commit(&c);
	}
	for (size_t i = 0; i < COUNT_OF(names); i++)
		assert_int_equal(catalog_lost(&c, &names[i], &kind, 1, 0),
				 i < 3);
	assert_int_equal(catalog_lost(&c, &names[1], &kind, 1, 1), 0);
	check_lists(&c);
	catalog_done(&c);
}

static void
what_is_taken_back_leaves_nothing(void **state)
{
	uint64_t round;

	(void)state;
	for (round = 0; round < 40; round++)
		takes_back(unit_seed() + round, false);
}

static void
nor_does_a_lack_of_memory(void **state)
{
	uint64_t round;

	(void)state;
	for (round = 0; round < 40; round++)
		takes_back(unit_seed() + round, true);
}

/* A catalog that is read back shows the same as the one that was written. */
static void
shows_what_was_loaded(void **state)
{
	uint64_t round, i;

	(void)state;
	for (round = 0; round < 20; round++) {
		struct catalog c, again;
		const struct catalog_topic *t;
		struct view a, b;
		size_t iter = 0;

		unit_random_begin(unit_seed() + round);
		memset(&book, 0, sizeof(book));
		catalog_init(&c, &limits, rules, COUNT_OF(rules));
		while (book.last < EVENTS - round) {
			(void)some_steps(&c);
			catalog_commit(&c);
		}
		catalog_init(&again, &limits, rules, COUNT_OF(rules));
		while (round % 2 == 0 && (t = map_next(&c.topics, &iter)))
			if (t->lost)
				assert_int_equal(catalog_load_topic(&again,
						 t->name, t->lost), 0);
		/* In any order. */
		iter = 0;
		catalog_load_lost(&again, c.floor, c.lost, c.blind);
		while (round % 2 && (t = map_next(&c.topics, &iter)))
			if (t->lost)
				assert_int_equal(catalog_load_topic(&again,
						 t->name, t->lost), 0);
		for (i = 1; i <= book.last; i++)
			if (!book.is_gone[i])
				assert_int_equal(catalog_load(&again,
						 book.items + i), 0);
		a = look(&c);
		b = look(&again);
		/* An older event of the same id may be found again. */
		for (i = 0; i < EVENTS; i++)
			if (!a.by_id[i])
				b.by_id[i] = 0;
		assert_memory_equal(&a, &b, sizeof(a));
		check_lists(&again);
		catalog_done(&again);
		catalog_done(&c);
	}
}

/* Of more topics without events than are remembered, those that were idle first
 * are forgotten; who asks for one of them is told of what may be gone. */
static void
forgets_topics_and_says_so(void **state)
{
	enum { MANY = IDLE_TOPICS + 500 };
	const struct store_limits one = { .events = 1 };
	enum selector_kind kind = SELECTOR_TOPIC;
	struct catalog c;
	struct slice name;
	uint64_t i, forgotten = 0, number;
	const struct list *at;
	char text[16], last[16];

	(void)state;
	catalog_init(&c, &one, NULL, 0);
	for (i = 1; i <= MANY; i++) {
		struct catalog_item item = { .number = i, .bytes = 1 };

		snprintf(text, sizeof(text), "t%u", (unsigned)i);
		item.topic = slice_of(text);
		assert_int_equal(catalog_add(&c, &item), 0);
		if (catalog_need(&c, &number) == CATALOG_FRONT) {
			struct catalog_item old = {
				.number = i - 1, .bytes = 1,
			};

			snprintf(last, sizeof(last), "t%u", (unsigned)i - 1);
			old.topic = slice_of(last);
			assert_int_equal(catalog_pass(&c, &old), 1);
		}
		catalog_commit(&c);
	}
	assert_int_equal(c.idle_count, IDLE_TOPICS);
	for (at = c.forgotten.next; at != &c.forgotten; at = at->next)
		forgotten++;
	assert_int_equal(forgotten, MANY - 1 - IDLE_TOPICS);
	assert_int_equal(c.blind, forgotten);
	/* One that is forgotten, and one that there never was: maybe. */
	name = SLICE_LIT("t3");
	assert_int_equal(catalog_lost(&c, &name, &kind, 1, 0), forgotten);
	name = SLICE_LIT("never");
	assert_int_equal(catalog_lost(&c, &name, &kind, 1, 0), forgotten);
	assert_int_equal(catalog_lost(&c, &name, &kind, 1, forgotten), 0);
	snprintf(text, sizeof(text), "t%u", MANY - 10);
	name = slice_of(text);
	assert_int_equal(catalog_lost(&c, &name, &kind, 1, 0), MANY - 10);
	catalog_bury(&c);
	assert_true(c.forgotten.next == &c.forgotten);
	catalog_done(&c);
}

/* Refused events, each of a topic of its own, with a full disk: nothing. */
static void
refused_events_leave_no_topics(void **state)
{
	struct catalog c;
	char text[16];
	unsigned i;

	(void)state;
	catalog_init(&c, &limits, NULL, 0);
	for (i = 0; i < 1000; i++) {
		struct catalog_item item = { .number = 1, .bytes = 1 };

		snprintf(text, sizeof(text), "t%u", i);
		item.topic = item.id = slice_of(text);
		assert_int_equal(catalog_add(&c, &item), 0);
		catalog_undo(&c);
	}
	assert_int_equal(c.topics.count, 0);
	assert_int_equal(c.ids.count, 0);
	assert_int_equal(c.idle_count, 0);
	catalog_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_other_topics),
		cmocka_unit_test(what_is_taken_back_leaves_nothing),
		cmocka_unit_test(nor_does_a_lack_of_memory),
		cmocka_unit_test(shows_what_was_loaded),
		cmocka_unit_test(forgets_topics_and_says_so),
		cmocka_unit_test(refused_events_leave_no_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
