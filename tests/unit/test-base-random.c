/* SPDX-License-Identifier: MIT */
#include "lib/base/random.h"

#include <stdbool.h>
#include <string.h>

#include "tests/unit/unit.h"

/* Every byte of a long block changes at some time, also past one chunk. */
static void
fills_all_of_it(void **state)
{
	unsigned char block[700], any[700] = { 0 };
	size_t round, i;

	(void)state;
	for (round = 0; round < 20; round++) {
		memset(block, 0, sizeof(block));
		random_bytes(block, sizeof(block));
		for (i = 0; i < sizeof(block); i++)
			any[i] |= block[i];
	}
	for (i = 0; i < sizeof(any); i++)
		unit_check(any[i] != 0, "byte %zu stays 0", i);
	random_bytes(NULL, 0);
}

static void
does_not_repeat(void **state)
{
	uint64_t a = random_u64(), b = random_u64();

	(void)state;
	assert_true(a != b);
}

static void
stays_below_its_bound(void **state)
{
	static const uint64_t bounds[] = {
		1, 2, 3, 10, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1,
		UINT64_MAX,
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT_OF(bounds); i++)
		for (n = 0; n < 100; n++)
			assert_true(random_below(bounds[i]) < bounds[i] &&
				    random_spread(bounds[i]) < bounds[i]);
}

static void
check_reach(uint64_t (*draw)(uint64_t bound))
{
	bool seen[5] = { false };
	size_t n, missing = 5;

	for (n = 0; n < 10000 && missing > 0; n++) {
		uint64_t value = draw(5);

		missing -= !seen[value];
		seen[value] = true;
	}
	assert_int_equal(missing, 0);
}

static void
reaches_every_value(void **state)
{
	(void)state;
	check_reach(random_below);
	check_reach(random_spread);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_all_of_it),
		cmocka_unit_test(does_not_repeat),
		cmocka_unit_test(stays_below_its_bound),
		cmocka_unit_test(reaches_every_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
