/* SPDX-License-Identifier: MIT */
#include "lib/auth/grants.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static void
covers_what_its_selectors_mean(void **state)
{
	struct grants g = { 0 };

	(void)state;
	assert_true(grants_are_empty(&g, GRANTS_SUBSCRIBE));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("news")));
	assert_int_equal(grants_add(&g, GRANTS_SUBSCRIBE, slice_of("news/*")),
			 0);
	assert_int_equal(grants_add(&g, GRANTS_SUBSCRIBE,
				    slice_of("private/ann/{x}")), 0);
	assert_int_equal(grants_add(&g, GRANTS_PUBLISH, slice_of("chat")), 0);
	assert_false(grants_are_empty(&g, GRANTS_SUBSCRIBE));
	assert_true(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("news/a")));
	assert_true(grants_cover(&g, GRANTS_SUBSCRIBE,
				 slice_of("private/ann/x")));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("news")));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE,
				  slice_of("news/private/a")));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE,
				  slice_of("private/bob/x")));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("chat")));
	assert_true(grants_cover(&g, GRANTS_PUBLISH, slice_of("chat")));
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("news/a")));
	grants_done(&g);
}

static void
all_is_all_but_the_hubs_own(void **state)
{
	struct grants g = { 0 };

	(void)state;
	assert_int_equal(grants_add_all(&g, GRANTS_PUBLISH, SLICE_NONE), 0);
	assert_false(grants_are_empty(&g, GRANTS_PUBLISH));
	assert_true(grants_are_empty(&g, GRANTS_SUBSCRIBE));
	assert_true(grants_cover(&g, GRANTS_PUBLISH, slice_of("private/x")));
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("$SYS/hub")));
	assert_true(grants_cover_selector(&g, GRANTS_PUBLISH, slice_of("*")));
	assert_int_equal(grants_add_all(&g, GRANTS_PUBLISH, slice_of("site/")),
			 0);
	assert_true(grants_cover(&g, GRANTS_PUBLISH,
				 slice_of("site/private/x")));
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("other/x")));
	assert_false(grants_cover_selector(&g, GRANTS_PUBLISH, slice_of("*")));
	grants_done(&g);
}

static void
a_prefix_goes_before_each(void **state)
{
	struct grants g = { 0 };
	char long_name[251];

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(grants_add_below(&g, GRANTS_PUBLISH,
					  slice_of("site/"), slice_of("*")), 0);
	assert_true(grants_cover(&g, GRANTS_PUBLISH, slice_of("site/news")));
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("other/news")));
	assert_int_equal(grants_add_below(&g, GRANTS_PUBLISH,
					  slice_of("site/"),
					  slice_of(long_name)), 0);
	assert_int_equal(grants_add_below(&g, GRANTS_PUBLISH,
					  slice_of("site/x"),
					  slice_of(long_name)), -EMSGSIZE);
	grants_done(&g);
}

static void
refuses_what_is_no_selector_and_too_many(void **state)
{
	struct grants g = { 0 };
	char name[16];

	(void)state;
	assert_int_equal(grants_add(&g, GRANTS_PUBLISH, slice_of("a{")),
			 -EINVAL);
	assert_int_equal(grants_add(&g, GRANTS_PUBLISH, SLICE_NONE), -EINVAL);
	for (int i = 0; i < GRANTS_MOST; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		assert_int_equal(grants_add(&g, GRANTS_PUBLISH,
					    slice_of(name)), 0);
	}
	assert_int_equal(grants_add(&g, GRANTS_PUBLISH, slice_of("t0")), 0);
	assert_int_equal(grants_add(&g, GRANTS_PUBLISH, slice_of("more")),
			 -ENOBUFS);
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("more")));
	assert_int_equal(grants_add(&g, GRANTS_SUBSCRIBE, slice_of("more")), 0);
	grants_done(&g);
}

static void
the_earliest_end_counts(void **state)
{
	struct grants g = { 0 };

	(void)state;
	grants_end_at(&g, 2000);
	grants_end_at(&g, 3000);
	assert_int_equal(g.expires_ms, 2000);
	grants_end_at(&g, 1000);
	assert_int_equal(g.expires_ms, 1000);
	grants_end_at(&g, 0);
	assert_int_equal(g.expires_ms, 1);	/* long ago, and not never */
	grants_done(&g);
}

static void
without_memory_it_stays_as_it_was(void **state)
{
	struct grants g = { 0 };
	int r;

	(void)state;
	fault_arm(1);
	r = grants_add(&g, GRANTS_PUBLISH, slice_of("a"));
	assert_true(fault_disarm());
	assert_int_equal(r, -ENOMEM);
	assert_true(grants_are_empty(&g, GRANTS_PUBLISH));
	grants_done(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(covers_what_its_selectors_mean),
		cmocka_unit_test(all_is_all_but_the_hubs_own),
		cmocka_unit_test(a_prefix_goes_before_each),
		cmocka_unit_test(refuses_what_is_no_selector_and_too_many),
		cmocka_unit_test(the_earliest_end_counts),
		cmocka_unit_test(without_memory_it_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
