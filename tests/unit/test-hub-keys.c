/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/keys.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static struct slice
key(char out[32], unsigned n)
{
	int len = snprintf(out, 32, "key-%u", n);

	return (struct slice){ out, (size_t)len };
}

static void
finds_what_it_was_given(void **state)
{
	struct keys k;
	uint64_t number = 7;
	char text[32];

	(void)state;
	keys_init(&k, 10, 1000);
	assert_false(keys_find(&k, SLICE_LIT("a"), 0, &number));
	assert_int_equal(number, 7);
	assert_int_equal(keys_add(&k, SLICE_LIT("a"), 1, 0), 0);
	assert_int_equal(keys_add(&k, SLICE_LIT("a\0b"), 2, 0), 0);
	assert_true(keys_find(&k, SLICE_LIT("a"), 0, &number));
	assert_int_equal(number, 1);
	assert_true(keys_find(&k, SLICE_LIT("a\0b"), 0, &number));
	assert_int_equal(number, 2);
	/* The bytes were copied. */
	assert_int_equal(keys_add(&k, key(text, 3), 3, 0), 0);
	text[0] = 'x';
	assert_true(keys_find(&k, SLICE_LIT("key-3"), 0, &number));
	keys_done(&k);
}

static void
forgets_the_oldest_beyond_the_number(void **state)
{
	struct keys k;
	uint64_t number;
	char text[32];
	unsigned n;

	(void)state;
	keys_init(&k, 100, 1000);
	for (n = 1; n <= 1000; n++) {
		assert_int_equal(keys_add(&k, key(text, n), n, 0), 0);
		assert_true(keys_count(&k) <= 100);
		assert_true(keys_find(&k, key(text, n), 0, &number));
		assert_int_equal(number, n);
	}
	for (n = 1; n <= 1000; n++)
		assert_int_equal(keys_find(&k, key(text, n), 0, &number),
				 n > 900);
	keys_done(&k);
}

static void
forgets_the_old(void **state)
{
	struct keys k;
	uint64_t number;

	(void)state;
	keys_init(&k, 100, 1000);
	assert_int_equal(keys_add(&k, SLICE_LIT("a"), 1, 0), 0);
	assert_int_equal(keys_add(&k, SLICE_LIT("b"), 2, 500), 0);
	assert_true(keys_find(&k, SLICE_LIT("a"), 1000, &number));
	assert_false(keys_find(&k, SLICE_LIT("a"), 1001, &number));
	assert_int_equal(keys_count(&k), 2);
	/* One that is too old to be found does not stand in the way. */
	assert_int_equal(keys_add(&k, SLICE_LIT("a"), 3, 1001), 0);
	assert_true(keys_find(&k, SLICE_LIT("a"), 1500, &number));
	assert_int_equal(number, 3);
	keys_trim(&k, 1501);
	assert_int_equal(keys_count(&k), 1);
	keys_trim(&k, 10000);
	assert_int_equal(keys_count(&k), 0);
	keys_done(&k);
}

static void
takes_back_what_was_not_stored(void **state)
{
	struct keys k;
	uint64_t number;
	char text[32];
	unsigned n;

	(void)state;
	keys_init(&k, 100, 1000);
	for (n = 1; n <= 20; n++)
		assert_int_equal(keys_add(&k, key(text, n), n, 0), 0);
	keys_forget_from(&k, 21);
	assert_int_equal(keys_count(&k), 20);
	keys_forget_from(&k, 11);
	for (n = 1; n <= 20; n++)
		assert_int_equal(keys_find(&k, key(text, n), 0, &number),
				 n < 11);
	keys_done(&k);
	keys_done(&k);		/* once more does no harm */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_it_was_given),
		cmocka_unit_test(forgets_the_oldest_beyond_the_number),
		cmocka_unit_test(forgets_the_old),
		cmocka_unit_test(takes_back_what_was_not_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
