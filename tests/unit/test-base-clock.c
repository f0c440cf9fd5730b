/* SPDX-License-Identifier: MIT */
#include "lib/base/clock.h"

#include <time.h>

#include "tests/unit/unit.h"

static void
mono_never_goes_back(void **state)
{
	int64_t last = clock_mono_ms();
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		int64_t now = clock_mono_ms();

		assert_true(now >= last);
		last = now;
	}
}

static void
wall_agrees_with_the_system(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t now = clock_wall_ms();

	(void)state;
	/* time(2) may lag behind by a tick of the kernel. */
	assert_true(now >= before * 1000);
	assert_true(now / 1000 <= (int64_t)time(NULL) + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mono_never_goes_back),
		cmocka_unit_test(wall_agrees_with_the_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
