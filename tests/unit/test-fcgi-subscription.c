/* SPDX-License-Identifier: MIT */
#include "fcgi/subscription.h"

#include <stdio.h>

#include "tests/unit/unit.h"

struct added {
	const char *prefix;
	const char *selector;
	bool granted;
};

static const struct {
	struct added added[6];	/* to the first without a selector */
	uint32_t count;
	const char *key;
} rows[] = {
	{ { { 0 } }, 0, "" },
	{ { { "", "news", false } }, 1, "-news\n" },
	{ { { NULL, "news", true } }, 1, "+news\n" },
	{ { { "site/", "*", false } }, 1, "-site/*\n" },
	{ { { "", "b", false }, { "", "a", false } }, 2, "-a\n-b\n" },
	{ { { "", "a", false }, { "", "a", false } }, 1, "-a\n" },
	/* sorted by selector, not by sign; a shorter one first */
	{ { { "", "b", true }, { "", "ab", false }, { "", "a", false } }, 3,
	  "-a\n-ab\n+b\n" },
	/* granted stands for both, in whichever order they came */
	{ { { "", "a", false }, { "", "a", true } }, 1, "+a\n" },
	{ { { "", "a", true }, { "", "a", false } }, 1, "+a\n" },
	{ { { "", "a", false }, { "", "b", false }, { "", "a", true },
	    { "", "a", false }, { "", "b", false } }, 2, "+a\n-b\n" },
	/* the prefix counts as part of the selector */
	{ { { "x/", "a", false }, { "", "x/a", false } }, 1, "-x/a\n" },
	/* bytes, unsigned */
	{ { { "", "\xc3\xa9", false }, { "", "z", false } }, 2,
	  "-z\n-\xc3\xa9\n" },
};

static void
makes_equal_keys_of_equal_wishes(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct subscription s = { 0 };

		for (j = 0; rows[i].added[j].selector; j++) {
			const struct added *a = &rows[i].added[j];

			assert_int_equal(subscription_add(&s,
			    slice_of(a->prefix), slice_of(a->selector),
			    a->granted ? REACH_ALL :
					  REACH_PUBLIC), 0);
		}
		assert_int_equal(subscription_seal(&s), 0);
		assert_int_equal(subscription_seal(&s), 0); /* once is enough */
		unit_check(slice_eq(buf_slice(&s.key), slice_of(rows[i].key)) &&
			   s.count == rows[i].count, "row %zu: %u: %.*s", i,
			   s.count, (int)s.key.len, s.key.p);
		subscription_done(&s);
		assert_null(s.key.p);
	}
}

static void
sorts_many(void **state)
{
	struct subscription s = { 0 };
	char name[16];
	unsigned i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "%03u", i * 7 % 1000);
		assert_int_equal(subscription_add(&s, SLICE_NONE,
						  slice_of(name), i % 2 ?
						  REACH_ALL : REACH_PUBLIC),
				 0);
	}
	assert_int_equal(subscription_seal(&s), 0);
	assert_int_equal(s.count, 1000);
	assert_int_equal(s.key.len, 5000);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "%03u\n", i);
		assert_memory_equal(s.key.p + i * 5 + 1, name, 4);
	}
	subscription_done(&s);
}

static void
keeps_what_is_allowed_apart(void **state)
{
	struct subscription s = { 0 };

	(void)state;
	assert_int_equal(subscription_allow(&s, slice_of("b/*")), 0);
	assert_int_equal(subscription_allow_all(&s, slice_of("s/")),
			 0);
	assert_int_equal(subscription_allow(&s, slice_of("a")), 0);
	assert_int_equal(subscription_add(&s, SLICE_NONE, slice_of("b/*"),
					  REACH_OPEN), 0);
	assert_int_equal(subscription_allow(&s, slice_of("b/*")), 0);
	assert_int_equal(subscription_add(&s, SLICE_NONE, slice_of("c/*"),
					  REACH_ALLOWED), 0);
	assert_int_equal(subscription_add(&s, SLICE_NONE, slice_of("c/*"),
					  REACH_ALL), 0);
	assert_int_equal(subscription_seal(&s), 0);
	unit_check(slice_eq(buf_slice(&s.key),
			    slice_of("~b/*\n+c/*\n=a\n=b/*\n!s/*\n")),
		   "%.*s", (int)s.key.len, s.key.p);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.allowed, 3);
	subscription_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_equal_keys_of_equal_wishes),
		cmocka_unit_test(sorts_many),
		cmocka_unit_test(keeps_what_is_allowed_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
