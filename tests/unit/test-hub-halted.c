/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "hub/halted.h"

static struct slice
nth(char out[16], unsigned n)
{
	return (struct slice){ out, (size_t)snprintf(out, 16, "peer %u", n) };
}

static void
knows_whom_it_was_told_of(void **state)
{
	static struct halted h;
	struct slice none = { "", 0 };

	(void)state;
	memset(&h, 0, sizeof(h));
	assert_false(halted_has(&h, SLICE_LIT("a")));
	halted_add(&h, SLICE_LIT("a"));
	halted_add(&h, SLICE_LIT("a"));
	assert_true(halted_has(&h, SLICE_LIT("a")));
	assert_false(halted_has(&h, SLICE_LIT("ab")));
	assert_false(halted_has(&h, none));
	halted_remove(&h, SLICE_LIT("b"));
	assert_int_equal(h.count, 1);
	halted_remove(&h, SLICE_LIT("a"));
	assert_false(halted_has(&h, SLICE_LIT("a")));
	assert_int_equal(h.count, 0);
	halted_add(&h, none);
	assert_int_equal(h.count, 0);
}

static void
forgets_the_oldest(void **state)
{
	static struct halted h;
	char text[16];
	unsigned n;

	(void)state;
	memset(&h, 0, sizeof(h));
	for (n = 0; n < HALTED_MOST + 2; n++)
		halted_add(&h, nth(text, n));
	assert_int_equal(h.count, HALTED_MOST);
	for (n = 0; n < HALTED_MOST + 2; n++)
		assert_int_equal(halted_has(&h, nth(text, n)), n >= 2);
	halted_remove(&h, nth(text, 10));
	halted_add(&h, nth(text, 0));
	assert_int_equal(h.count, HALTED_MOST);
	assert_true(halted_has(&h, nth(text, 0)));
	assert_true(halted_has(&h, nth(text, 2)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_whom_it_was_told_of),
		cmocka_unit_test(forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
