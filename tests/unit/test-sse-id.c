/* SPDX-License-Identifier: MIT */
#include "lib/sse/id.h"

#include <errno.h>

#include "tests/unit/unit.h"

static const struct {
	struct slice text;
	uint64_t epoch, number;	/* 0 and 0: refused */
} rows[] = {
	{ SLICE_LIT("10000000-0"), ID_EPOCH_MIN, 0 },
	{ SLICE_LIT("10000001-1"), ID_EPOCH_MIN + 1, 1 },
	{ SLICE_LIT("zzzzzzzz-18446744073709551615"), ID_EPOCH_MAX,
	  UINT64_MAX },
	{ SLICE_LIT("a0000000-10"), 783641640960, 10 },
	{ SLICE_LIT("zzzzzzzz-18446744073709551616"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-99999999999999999999"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-184467440737095516150"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-01"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-00"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-+1"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz--1"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz- 1"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-1 "), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-1a"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-1\n"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz-1\0"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz1"), 0, 0 },
	{ SLICE_LIT("zzzzzzzz"), 0, 0 },
	{ SLICE_LIT("zzzzzzz-12"), 0, 0 },
	{ SLICE_LIT("zzzzzzzzz-1"), 0, 0 },
	{ SLICE_LIT("0zzzzzzz-1"), 0, 0 },
	{ SLICE_LIT("Zzzzzzzz-1"), 0, 0 },
	{ SLICE_LIT("zzzz_zzz-1"), 0, 0 },
	{ SLICE_LIT("zzz\xc3\xa9zzz-1"), 0, 0 },
	{ SLICE_LIT("order-42"), 0, 0 },
	{ SLICE_LIT("-"), 0, 0 },
	{ SLICE_LIT(""), 0, 0 },
	{ { NULL, 0 }, 0, 0 },
};

static void
reads_only_what_it_writes(void **state)
{
	char text[ID_TEXT_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t epoch = 1, number = 2;
		int r = id_parse(rows[i].text, &epoch, &number);

		if (rows[i].epoch == 0) {
			unit_check(r == -EINVAL && epoch == 1 && number == 2,
				   "row %zu gave %d", i, r);
			continue;
		}
		unit_check(r == 0 && epoch == rows[i].epoch &&
			   number == rows[i].number, "row %zu gave %d", i, r);
		assert_int_equal(id_format(epoch, number, text),
				 rows[i].text.len);
		assert_true(slice_eq(slice_of(text), rows[i].text));
	}
}

static void
makes_epochs_of_eight_digits(void **state)
{
	char text[ID_TEXT_MAX + 1];
	uint64_t first = id_new_epoch(), epoch, number;
	int i, others = 0;

	(void)state;
	for (i = 0; i < 1000; i++) {
		uint64_t made = id_new_epoch();

		assert_true(made >= ID_EPOCH_MIN && made <= ID_EPOCH_MAX);
		assert_int_equal(id_format(made, 1, text), 10);
		assert_int_equal(id_parse(slice_of(text), &epoch, &number), 0);
		assert_true(epoch == made && number == 1);
		others += made != first;
	}
	assert_true(others > 990);
}

static void
stays_within_its_text(void **state)
{
	char text[ID_TEXT_MAX + 2] = { 0 };

	(void)state;
	text[ID_TEXT_MAX + 1] = '!';
	assert_int_equal(id_format(UINT64_MAX, UINT64_MAX, text), ID_TEXT_MAX);
	assert_int_equal(text[ID_TEXT_MAX + 1], '!');
	assert_int_equal(id_format(0, 0, text), 10);
	assert_string_equal(text, "00000000-0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_only_what_it_writes),
		cmocka_unit_test(makes_epochs_of_eight_digits),
		cmocka_unit_test(stays_within_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
