/* SPDX-License-Identifier: MIT */
#include "lib/base/map.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static int values[8];		/* their addresses are what maps hold */

static void
an_empty_map_has_nothing(void **state)
{
	struct map m = { 0 };
	size_t iter = 0;

	(void)state;
	assert_null(map_get(&m, SLICE_LIT("a")));
	assert_null(map_del(&m, SLICE_LIT("a")));
	assert_null(map_next(&m, &iter));
	map_done(&m);
}

static void
keys_are_bytes(void **state)
{
	static const struct slice keys[] = {
		{ "", 0 }, { "a", 1 }, { "a\0", 2 }, { "a\0b", 3 },
		{ "\0", 1 }, { "A", 1 }, { "aa", 2 },
	};
	struct map m = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(keys); i++)
		assert_int_equal(map_put(&m, keys[i], &values[i]), 0);
	assert_int_equal(m.count, COUNT_OF(keys));
	for (i = 0; i < COUNT_OF(keys); i++)
		unit_check(map_get(&m, keys[i]) == &values[i], "key %zu", i);
	assert_ptr_equal(map_get(&m, SLICE_NONE), &values[0]);
	assert_null(map_get(&m, SLICE_LIT("b")));
	map_done(&m);
	assert_int_equal(m.count, 0);
	assert_null(map_get(&m, SLICE_LIT("a")));
}

static void
put_replaces_value_and_key(void **state)
{
	char first[] = "key", second[] = "key";
	struct map m = { 0 };

	(void)state;
	assert_int_equal(map_put(&m, slice_of(first), &values[0]), 0);
	assert_int_equal(map_put(&m, slice_of(second), &values[1]), 0);
	assert_int_equal(m.count, 1);
	first[0] = 'x';		/* no longer borrowed */
	assert_ptr_equal(map_get(&m, SLICE_LIT("key")), &values[1]);
	assert_ptr_equal(map_del(&m, SLICE_LIT("key")), &values[1]);
	assert_null(map_del(&m, SLICE_LIT("key")));
	assert_int_equal(m.count, 0);
	map_done(&m);
}

enum { MANY = 3000 };

/* Number i as a key of its own. */
static struct slice
nth_key(size_t i)
{
	static char keys[MANY][8];

	snprintf(keys[i], sizeof(keys[i]), "%zu", i);
	return slice_of(keys[i]);
}

/* Puts and deletes many in different orders, and compares with an array. */
static void
agrees_with_a_plain_array(void **state)
{
	static char there[MANY];
	struct map m = { 0 };
	size_t round, i, count = 0, seen, iter;
	char *value;

	(void)state;
	for (round = 1; round < 40; round++) {
		for (i = round % 7; i < MANY; i += round) {
			if ((i * round) % 3 == 0) {
				value = map_del(&m, nth_key(i));
				assert_ptr_equal(value, there[i] ? &there[i]
								 : NULL);
				count -= there[i];
				there[i] = 0;
			} else {
				assert_int_equal(map_put(&m, nth_key(i),
							 &there[i]), 0);
				count += !there[i];
				there[i] = 1;
			}
		}
		assert_int_equal(m.count, count);
		for (i = 0; i < MANY; i++)
			assert_ptr_equal(map_get(&m, nth_key(i)),
					 there[i] ? &there[i] : NULL);
	}
	for (iter = 0, seen = 0; (value = map_next(&m, &iter)); seen++)
		assert_true(*value == 1);
	assert_int_equal(seen, count);
	map_done(&m);
}

static void
replacing_while_walking(void **state)
{
	struct map m = { 0 };
	size_t i, iter, seen;
	char *value;

	(void)state;
	for (i = 0; i < 100; i++)
		assert_int_equal(map_put(&m, nth_key(i), &values[0]), 0);
	for (iter = 0, seen = 0; (value = map_next(&m, &iter)); seen++)
		assert_int_equal(map_put(&m, m.slots[iter - 1].key,
					 &values[1]), 0);
	assert_int_equal(seen, 100);
	for (i = 0; i < 100; i++)
		assert_ptr_equal(map_get(&m, nth_key(i)), &values[1]);
	map_done(&m);
}

static void
the_hash_is_steady(void **state)
{
	(void)state;
	assert_true(map_hash(SLICE_LIT("a")) == map_hash(slice_of("a")));
	assert_true(map_hash(SLICE_LIT("a")) != map_hash(SLICE_LIT("b")));
}

static void
stays_whole_without_memory(void **state)
{
	size_t n, i, put;

	(void)state;
	for (n = 1;; n++) {
		struct map m = { 0 };
		int r = 0;

		fault_arm(n);
		for (put = 0; put < 100; put++) {
			r = map_put(&m, nth_key(put), &values[0]);
			if (r < 0)
				break;
		}
		assert_int_equal(r, fault_disarm() ? -ENOMEM : 0);
		assert_int_equal(m.count, put);
		for (i = 0; i < 100; i++)
			assert_true(!map_get(&m, nth_key(i)) == (i >= put));
		map_done(&m);
		if (r == 0)
			break;
	}
	assert_true(n > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(put_replaces_value_and_key),
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(replacing_while_walking),
		cmocka_unit_test(the_hash_is_steady),
		cmocka_unit_test(stays_whole_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
