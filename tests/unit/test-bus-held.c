/* SPDX-License-Identifier: MIT */
#include "lib/bus/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static int
add(struct held *h, uint64_t number)
{
	char data[64];
	struct slice parts[3] = { SLICE_LIT("topic"), SLICE_NONE, { data, 0 } };

	parts[2].len = (size_t)snprintf(data, sizeof(data), "%.*s%d",
					(int)(number % 40),
					"........................................",
					(int)number);
	return held_add(h, 7, number, parts);
}

static void
must_be_front(struct held *h, uint64_t number)
{
	struct slice parts[3];
	uint64_t epoch, got;
	char text[24];

	assert_true(held_front(h, &epoch, &got, parts));
	assert_int_equal(epoch, 7);
	assert_int_equal(got, number);
	assert_true(slice_eq(parts[0], SLICE_LIT("topic")));
	assert_int_equal(parts[1].len, 0);
	snprintf(text, sizeof(text), "%d", (int)number);
	assert_memory_equal(parts[2].p + number % 40, text, strlen(text));
	assert_int_equal(parts[2].len, number % 40 + strlen(text));
}

static void
keeps_the_order(void **state)
{
	struct held h = { .most = 100000 };
	uint64_t in = 0, out = 0;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		assert_int_equal(add(&h, ++in), 0);
		if (i % 3 == 0) {
			must_be_front(&h, ++out);
			held_pop(&h);
		}
		if (i % 500 == 499)
			while (out < in) {
				must_be_front(&h, ++out);
				held_pop(&h);
			}
	}
	assert_true(held_is_empty(&h));
	assert_null(h.bytes.p);	/* the memory is given back */
	held_pop(&h);
	held_done(&h);
}

static void
is_bounded(void **state)
{
	struct held h = { .most = 1000 };
	struct slice huge[3] = { SLICE_LIT("t"), { "x", SIZE_MAX }, SLICE_NONE };
	uint64_t n = 0, out = 0;
	int i;

	(void)state;
	assert_int_equal(held_add(&h, 1, 1, huge), -ENOBUFS);
	assert_true(held_is_empty(&h));
	for (i = 0; i < 10; i++) {
		while (add(&h, n + 1) == 0)
			n++;
		assert_true(h.bytes.len - h.at <= 1000);
		must_be_front(&h, ++out);
		held_pop(&h);
		must_be_front(&h, ++out);
		held_pop(&h);
	}
	assert_true(n > 15);
	held_done(&h);
	assert_int_equal(add(&(struct held){ 0 }, 1), -ENOBUFS);
}

static void
stands_failing_allocations(void **state)
{
	struct held h = { .most = 1000 };

	(void)state;
	fault_arm(1);
	assert_int_equal(add(&h, 1), -ENOMEM);
	assert_true(fault_disarm());
	assert_true(held_is_empty(&h));
	assert_int_equal(add(&h, 2), 0);
	must_be_front(&h, 2);
	held_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(stands_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
