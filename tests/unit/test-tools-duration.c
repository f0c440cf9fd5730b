/* SPDX-License-Identifier: MIT */
#include "tools/duration.h"

#include <errno.h>

#include "tests/unit/unit.h"

static void
reads_times(void **state)
{
	const struct {
		const char *text;
		int r;
		int64_t ms;
	} rows[] = {
		{ "0", 0, 0 }, { "5", 0, 5000 }, { "1.5", 0, 1500 },
		{ ".5", 0, 500 }, { "5.", 0, 5000 }, { "0.0005", 0, 0 },
		{ "0.00000000000000000000000001", 0, 0 },
		{ "500ms", 0, 500 }, { "15s", 0, 15000 }, { "2m", 0, 120000 },
		{ "1h", 0, 3600000 }, { "7d", 0, 604800000 },
		{ "24d", 0, DURATION_MAX_MS }, { "0.5h", 0, 1800000 },
		{ "25d", -ERANGE, 0 }, { "24.1d", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { ".", -EINVAL, 0 }, { "s", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 }, { "1 s", -EINVAL, 0 },
		{ "1x", -EINVAL, 0 }, { "1sec", -EINVAL, 0 },
		{ "1.2.3", -EINVAL, 0 }, { "1e3", -EINVAL, 0 },
		{ "1M", -EINVAL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		int64_t ms = -7;
		int r = duration_parse(rows[i].text, &ms);

		unit_check(r == rows[i].r && ms == (r < 0 ? -7 : rows[i].ms),
			   "\"%s\" gave %d, %lld", rows[i].text, r,
			   (long long)ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
