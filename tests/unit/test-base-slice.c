/* SPDX-License-Identifier: MIT */
#include "lib/base/slice.h"

#include "tests/unit/unit.h"

static void
compares_bytes(void **state)
{
	static const struct {
		struct slice a, b;
		bool equal, starts;
	} rows[] = {
		{ { NULL, 0 }, { NULL, 0 }, true, true },
		{ { NULL, 0 }, { "", 0 }, true, true },
		{ { "a", 1 }, { NULL, 0 }, false, true },
		{ { NULL, 0 }, { "a", 1 }, false, false },
		{ { "a", 1 }, { "a", 1 }, true, true },
		{ { "ab", 2 }, { "a", 1 }, false, true },
		{ { "ab", 2 }, { "b", 1 }, false, false },
		{ { "a\0b", 3 }, { "a\0c", 3 }, false, false },
		{ { "a\0b", 3 }, { "a\0", 2 }, false, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		unit_check(slice_eq(rows[i].a, rows[i].b) == rows[i].equal,
			   "row %zu", i);
		unit_check(slice_starts(rows[i].a, rows[i].b) ==
			   rows[i].starts, "row %zu", i);
	}
}

static void
is_made_from_text(void **state)
{
	(void)state;
	assert_int_equal(slice_of("abc").len, 3);
	assert_null(slice_of(NULL).p);
	assert_int_equal(slice_of(NULL).len, 0);
	assert_int_equal(SLICE_LIT("a\0b").len, 3);
	assert_null(SLICE_NONE.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_bytes),
		cmocka_unit_test(is_made_from_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
