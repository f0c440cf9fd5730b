/* SPDX-License-Identifier: MIT */
#include "fcgi/idle.h"

#include "tests/unit/unit.h"

static void
without_a_limit_it_never_is(void **state)
{
	struct idle i;

	(void)state;
	assert_int_equal(idle_init(&i, 0, 3), 0);
	assert_null(idle_seat(&i, 1));
	idle_tell(idle_seat(&i, 1), false);
	assert_false(idle_look(&i, false, 0));
	assert_false(idle_look(&i, false, INT64_MAX / 2));
	idle_done(&i);
}

static void
it_is_after_all_of_the_limit(void **state)
{
	struct idle i;

	(void)state;
	assert_int_equal(idle_init(&i, 800, 2), 0);
	assert_int_equal(idle_interval_ms(&i), 100);
	assert_null(idle_seat(&i, 0));
	assert_null(idle_seat(&i, 3));
	/* Who has not said anything yet is busy. */
	assert_false(idle_look(&i, false, 1000));
	idle_tell(idle_seat(&i, 1), false);
	assert_false(idle_look(&i, false, 5000));
	idle_tell(idle_seat(&i, 2), false);
	assert_false(idle_look(&i, false, 6000));
	assert_false(idle_look(&i, false, 6799));
	assert_true(idle_look(&i, false, 6800));
	idle_done(&i);
}

/* It begins anew whenever anybody is seen busy, whoever that is. */
static void
anything_begins_it_anew(void **state)
{
	struct idle i;

	(void)state;
	assert_int_equal(idle_init(&i, 800, 2), 0);
	idle_tell(idle_seat(&i, 1), false);
	idle_tell(idle_seat(&i, 2), false);
	assert_false(idle_look(&i, false, 0));
	idle_tell(idle_seat(&i, 2), true);
	assert_false(idle_look(&i, false, 700));
	idle_tell(idle_seat(&i, 2), false);
	assert_false(idle_look(&i, false, 800));
	assert_false(idle_look(&i, true, 1500));
	assert_false(idle_look(&i, false, 1600));
	assert_false(idle_look(&i, false, 2399));
	assert_true(idle_look(&i, false, 2400));
	idle_done(&i);
}

static void
it_is_looked_at_now_and_then(void **state)
{
	struct idle i;

	(void)state;
	assert_int_equal(idle_init(&i, IDLE_LEAST_MS, 1), 0);
	assert_in_range(idle_interval_ms(&i), 1, IDLE_LEAST_MS);
	idle_done(&i);
	assert_int_equal(idle_init(&i, IDLE_MOST_MS, 1), 0);
	assert_int_equal(idle_interval_ms(&i), 10000);
	idle_done(&i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_it_never_is),
		cmocka_unit_test(it_is_after_all_of_the_limit),
		cmocka_unit_test(anything_begins_it_anew),
		cmocka_unit_test(it_is_looked_at_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
