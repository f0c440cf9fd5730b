/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/bus/window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/bus/frame.h"
#include "tests/unit/unit.h"

static int
add(struct window *w, const char *key, size_t data_len, uint64_t cookie)
{
	static char data[2 << 20];
	const struct event e = {
		.topic = SLICE_LIT("topic"), .data = { data, data_len },
	};

	return window_add(w, &e, slice_of(key), cookie);
}

/* What the next one would send. */
static struct frame
next(struct window *w, struct slice parts[3])
{
	const char *why;
	struct frame f;

	window_next(w, parts);
	assert_int_equal(frame_parse(parts, 3, &f, &why), 0);
	return f;
}

static void
sends_in_order_and_again(void **state)
{
	struct window w = { 0 };
	struct slice parts[3];
	uint64_t cookie;
	unsigned round;

	(void)state;
	assert_int_equal(add(&w, "a", 3, 10), 0);
	assert_int_equal(add(&w, "b", 0, 20), 0);
	assert_int_equal(add(&w, "c", 5, 30), 0);
	for (round = 0; round < 2; round++) {
		w.sent = 0;	/* a new connection */
		assert_true(slice_eq(next(&w, parts).event.key,
				     SLICE_LIT("a")));
		assert_int_equal(parts[2].len, 3);
		w.sent++;
		assert_true(slice_eq(next(&w, parts).event.key,
				     SLICE_LIT("b")));
		w.sent++;
		/* Nobody has heard of c yet. */
		assert_int_equal(window_take(&w, SLICE_LIT("c"), &cookie),
				 -ENOENT);
	}
	assert_int_equal(window_take(&w, SLICE_LIT("b"), &cookie), 0);
	assert_int_equal(cookie, 20);
	assert_int_equal(window_take(&w, SLICE_LIT("b"), &cookie), -ENOENT);
	assert_int_equal(w.sent, 1);
	assert_int_equal(w.count, 2);
	/* A refusal without a key is about the oldest. */
	assert_int_equal(window_take(&w, SLICE_NONE, &cookie), 0);
	assert_int_equal(cookie, 10);
	assert_true(slice_eq(next(&w, parts).event.key, SLICE_LIT("c")));
	window_done(&w);
	assert_int_equal(w.count, 0);
	assert_int_equal(w.bytes, 0);
}

/* Each names the one before it, but for the first. */
static void
names_the_one_before(void **state)
{
	struct window w = { 0 };
	struct slice parts[3];
	uint64_t cookie;

	(void)state;
	assert_int_equal(add(&w, "a", 3, 10), 0);
	assert_int_equal(add(&w, "b", 0, 20), 0);
	assert_int_equal(add(&w, "c", 0, 30), 0);
	assert_int_equal(window_find(&w, SLICE_LIT("a")), WINDOW_STRANGER);
	assert_int_equal(window_find(&w, SLICE_NONE), WINDOW_STRANGER);
	assert_null(next(&w, parts).previous.p);
	w.sent++;
	assert_true(slice_eq(next(&w, parts).previous, SLICE_LIT("a")));
	w.sent++;
	assert_true(slice_eq(next(&w, parts).previous, SLICE_LIT("b")));
	w.sent++;
	assert_int_equal(window_find(&w, SLICE_LIT("a")), WINDOW_ALONE);
	assert_int_equal(window_find(&w, SLICE_LIT("b")), WINDOW_BEHIND);
	assert_int_equal(window_find(&w, SLICE_NONE), WINDOW_ALONE);
	/* What follows one that was answered stands for itself when it is
	 * sent again. */
	assert_int_equal(window_take(&w, SLICE_LIT("a"), &cookie), 0);
	w.sent = 0;
	assert_null(next(&w, parts).previous.p);
	w.sent++;
	assert_int_equal(window_find(&w, SLICE_LIT("b")), WINDOW_ALONE);
	window_done(&w);
}

/* What is refused for now is sent again when all have their answer. */
static void
waits_for_all_answers(void **state)
{
	struct window w = { 0 };
	struct slice parts[3];
	uint64_t cookie;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(add(&w, "same", 1, i), 0);
	for (w.sent = 0; w.sent < 3; w.sent++)
		window_next(&w, parts);
	assert_false(window_is_refused(&w));
	window_refuse(&w, SLICE_LIT("other"));
	window_refuse(&w, SLICE_LIT("same"));
	assert_int_equal(w.refused, 1);
	assert_false(window_is_refused(&w));
	/* The next answer is that of the next one, if it has the same key. */
	assert_int_equal(window_take(&w, SLICE_LIT("same"), &cookie), 0);
	assert_int_equal(cookie, 1);
	window_refuse(&w, SLICE_NONE);
	assert_true(window_is_refused(&w));
	assert_int_equal(window_find(&w, SLICE_LIT("same")), WINDOW_STRANGER);
	window_restart(&w);
	assert_int_equal(w.sent, 0);
	assert_false(window_is_refused(&w));
	w.sent = 2;
	assert_int_equal(window_take(&w, SLICE_LIT("same"), &cookie), 0);
	assert_int_equal(cookie, 0);
	window_done(&w);
}

/* One answer for several is about those that end with its key. */
static void
finds_a_row(void **state)
{
	static const char *const keys[] = { "a", "b", "c", "d", "b" };
	struct window w = { 0 };
	unsigned i, first = 99;
	struct slice parts[3];
	uint64_t cookie;

	(void)state;
	for (i = 0; i < 5; i++)
		assert_int_equal(add(&w, keys[i], 1, i), 0);
	assert_true(next(&w, parts).may_share);
	w.sent = 4;
	assert_int_equal(window_find_row(&w, SLICE_LIT("c"), 3, &first), 0);
	assert_int_equal(first, 0);
	assert_int_equal(window_find_row(&w, SLICE_LIT("d"), 2, &first), 0);
	assert_int_equal(first, 2);
	/* Not so many, not that one, and the last b is not sent. */
	assert_int_equal(window_find_row(&w, SLICE_LIT("b"), 3, &first),
			 -ENOENT);
	assert_int_equal(window_find_row(&w, SLICE_LIT("x"), 1, &first),
			 -ENOENT);
	assert_int_equal(window_find_row(&w, SLICE_LIT("d"), 5, &first),
			 -ENOENT);
	assert_int_equal(window_find_row(&w, SLICE_LIT("d"), 0, &first),
			 -ENOENT);
	assert_int_equal(window_find_row(&w, SLICE_NONE, 1, &first), -ENOENT);
	/* Of one that was refused is known what became of it. */
	window_refuse(&w, SLICE_LIT("b"));
	assert_int_equal(window_find_row(&w, SLICE_LIT("c"), 3, &first),
			 -ENOENT);
	w.sent = 5;
	assert_int_equal(window_find_row(&w, SLICE_LIT("b"), 3, &first), 0);
	assert_int_equal(first, 2);
	assert_int_equal(window_take_at(&w, 2), 2);
	assert_int_equal(window_take_at(&w, 2), 3);
	assert_int_equal(w.sent, 3);
	assert_int_equal(window_take(&w, SLICE_LIT("a"), &cookie), 0);
	assert_int_equal(cookie, 0);
	assert_int_equal(window_take_at(&w, 1), 4);
	assert_int_equal(window_take_at(&w, 0), 1);
	assert_int_equal(w.count, 0);
	window_done(&w);
}

/* Through the ring, and round it. */
static void
goes_round(void **state)
{
	struct window w = { 0 };
	struct slice parts[3];
	uint64_t cookie;
	char key[16];
	unsigned i;

	(void)state;
	for (i = 0; i < 3 * LIMIT_PUBLISH_WINDOW; i++) {
		snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(add(&w, key, 1, i), 0);
		assert_true(slice_eq(next(&w, parts).event.key,
				     slice_of(key)));
		w.sent++;
		if (w.count < 100)
			continue;
		snprintf(key, sizeof(key), "%u", i - 50);
		assert_int_equal(window_take(&w, slice_of(key), &cookie), 0);
		assert_int_equal(cookie, i - 50);
	}
	window_restart(&w);
	for (i = 0; i < w.count; i++) {
		(void)next(&w, parts);
		w.sent++;
	}
	window_done(&w);
	assert_int_equal(w.bytes, 0);
}

static void
is_bounded(void **state)
{
	struct window w = { 0 };
	uint64_t cookie;
	unsigned i;

	(void)state;
	for (i = 0; i < LIMIT_PUBLISH_WINDOW; i++)
		assert_int_equal(add(&w, "k", 1, i), 0);
	assert_int_equal(add(&w, "k", 1, i), -EAGAIN);
	w.sent = w.count;
	for (i = 0; i < LIMIT_PUBLISH_WINDOW; i++) {
		assert_int_equal(window_take(&w, SLICE_LIT("k"), &cookie), 0);
		assert_int_equal(cookie, i);
	}
	assert_int_equal(w.bytes, 0);
	/* A large one goes alone; small ones share the bytes. */
	assert_int_equal(add(&w, "k", 2 << 20, 1), 0);
	assert_int_equal(add(&w, "k", 1, 1), -EAGAIN);
	w.sent = 1;
	assert_int_equal(window_take(&w, SLICE_LIT("k"), &cookie), 0);
	assert_int_equal(add(&w, "k", 600 << 10, 1), 0);
	assert_int_equal(add(&w, "k", 600 << 10, 1), -EAGAIN);
	assert_int_equal(add(&w, "k", 300 << 10, 1), 0);
	window_done(&w);
}

/* What a hub may have is not taken back, over however many connections. */
static void
takes_back_what_was_never_sent(void **state)
{
	struct window w = { 0 };
	struct slice parts[3];

	(void)state;
	assert_int_equal(add(&w, "a", 3, 10), 0);
	assert_int_equal(add(&w, "b", 4, 20), 0);
	assert_int_equal(add(&w, "c", 5, 30), 0);
	(void)next(&w, parts);
	w.sent = 1;
	assert_int_equal(window_cancel(&w, 10), -EALREADY);
	window_restart(&w);
	assert_int_equal(window_cancel(&w, 10), -EALREADY);
	assert_int_equal(window_cancel(&w, 20), 0);
	assert_int_equal(window_cancel(&w, 20), -ENOENT);
	assert_int_equal(w.count, 2);
	(void)next(&w, parts);
	w.sent = 1;
	assert_true(slice_eq(next(&w, parts).event.key, SLICE_LIT("c")));
	assert_true(slice_eq(next(&w, parts).previous, SLICE_LIT("a")));
	window_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_in_order_and_again),
		cmocka_unit_test(names_the_one_before),
		cmocka_unit_test(waits_for_all_answers),
		cmocka_unit_test(finds_a_row),
		cmocka_unit_test(goes_round),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(takes_back_what_was_never_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
