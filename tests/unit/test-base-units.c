/* SPDX-License-Identifier: MIT */
#include "lib/base/units.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum { UNTOUCHED = 77 };

static void
reads_numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "x", -EINVAL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_u64(slice_of(rows[i].text), &value);

		unit_check(r == rows[i].result, "\"%s\" gave %d",
			   rows[i].text, r);
		unit_check(value == (r ? UNTOUCHED : rows[i].value),
			   "\"%s\" gave %llu", rows[i].text,
			   (unsigned long long)value);
	}
	assert_int_equal(parse_u64(SLICE_NONE, NULL), -EINVAL);
}

static void
reads_durations(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t ms;
	} rows[] = {
		{ "0", 0, 0 },
		{ "15", 0, 15000 },
		{ "1.5", 0, 1500 },
		{ "0.001", 0, 1 },
		{ "15s", 0, 15000 },
		{ "1.25s", 0, 1250 },
		{ "500ms", 0, 500 },
		{ "2m", 0, 120000 },
		{ "1.5m", 0, 90000 },
		{ "1h", 0, 3600000 },
		{ "7d", 0, 604800000 },
		{ "0.1d", 0, 8640000 },
		{ "36500d", 0, INT64_C(3153600000000) },
		{ "36500.1d", -ERANGE, 0 },
		{ "36501d", -ERANGE, 0 },
		{ "99999999999999999999s", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "0.0001", -EINVAL, 0 },
		{ "0.5ms", -EINVAL, 0 },
		{ "1.0000000000s", -EINVAL, 0 },
		{ "1.000000000s", 0, 1000 },
		{ "", -EINVAL, 0 },
		{ "abc", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 },
		{ "1.s", -EINVAL, 0 },
		{ ".5", -EINVAL, 0 },
		{ "1..5", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1S", -EINVAL, 0 },
		{ "1M", -EINVAL, 0 },
		{ "1w", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 },
		{ "1sx", -EINVAL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		int64_t ms = UNTOUCHED;
		int r = parse_duration(slice_of(rows[i].text), &ms);

		unit_check(r == rows[i].result, "\"%s\" gave %d",
			   rows[i].text, r);
		unit_check(ms == (r ? UNTOUCHED : rows[i].ms),
			   "\"%s\" gave %lld", rows[i].text, (long long)ms);
	}
}

static void
reads_sizes(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1048576", 0, 1048576 },
		{ "64KiB", 0, 65536 },
		{ "64kib", 0, 65536 },
		{ "1MiB", 0, 1048576 },
		{ "2GiB", 0, UINT64_C(2147483648) },
		{ "64k", 0, 65536 },
		{ "64K", 0, 65536 },
		{ "1M", 0, 1048576 },
		{ "2G", 0, UINT64_C(2147483648) },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "17179869183G", 0, UINT64_C(17179869183) << 30 },
		{ "17179869184G", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "k", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1Ki", -EINVAL, 0 },
		{ "1B", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "1 M", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1T", -EINVAL, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t bytes = UNTOUCHED;
		int r = parse_size(slice_of(rows[i].text), &bytes);

		unit_check(r == rows[i].result, "\"%s\" gave %d",
			   rows[i].text, r);
		unit_check(bytes == (r ? UNTOUCHED : rows[i].bytes),
			   "\"%s\" gave %llu", rows[i].text,
			   (unsigned long long)bytes);
	}
}

static void
base36_goes_there_and_back(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "a" },
		{ 35, "z" },
		{ 36, "10" },
		{ 1295, "zz" },
		{ UINT64_MAX, "3w5e11264sgsf" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = UNTOUCHED;
		char out[14];
		size_t len = format_base36(rows[i].value, out);

		assert_string_equal(out, rows[i].text);
		assert_int_equal(len, strlen(out));
		assert_int_equal(parse_base36(slice_of(out), &value), 0);
		assert_true(value == rows[i].value);
	}
}

static void
base36_refuses_the_rest(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ "", -EINVAL }, { "A", -EINVAL }, { "-1", -EINVAL },
		{ "a b", -EINVAL }, { "a-1", -EINVAL },
		{ "3w5e11264sgsg", -ERANGE }, { "zzzzzzzzzzzzz", -ERANGE },
		{ "10000000000000000", -ERANGE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = UNTOUCHED;
		int r = parse_base36(slice_of(rows[i].text), &value);

		unit_check(r == rows[i].result, "\"%s\" gave %d",
			   rows[i].text, r);
		assert_true(value == UNTOUCHED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(reads_durations),
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(base36_goes_there_and_back),
		cmocka_unit_test(base36_refuses_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
