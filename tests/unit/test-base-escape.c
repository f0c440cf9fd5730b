/* SPDX-License-Identifier: MIT */
#include "lib/base/escape.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static void
shows_what_cannot_be_printed(void **state)
{
	static const struct {
		struct slice text;
		const char *want;
	} rows[] = {
		{ SLICE_LIT(""), "" },
		{ { NULL, 0 }, "" },
		{ SLICE_LIT("plain text"), "plain text" },
		{ SLICE_LIT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
		  "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80" },
		{ SLICE_LIT("a\nb\rc\td"), "a\\nb\\rc\\td" },
		{ SLICE_LIT("\x1b[31mred"), "\\x1b[31mred" },
		{ SLICE_LIT("a\0b"), "a\\x00b" },
		{ SLICE_LIT("\x7f"), "\\x7f" },
		{ SLICE_LIT("\xc2\x85" "\xc2\x9b" "\xc2\xa0"),
		  "\\xc2\\x85\\xc2\\x9b\xc2\xa0" },
		{ SLICE_LIT("\xff\xc3"), "\\xff\\xc3" },
		{ SLICE_LIT("\xe2\x82" "A"), "\\xe2\\x82A" },
		{ SLICE_LIT("\x80\x80\x80\x80\x80"),
		  "\\x80\\x80\\x80\\x80\\x80" },
		{ SLICE_LIT("\xc3\xa9\x80"), "\xc3\xa9\\x80" },
		{ SLICE_LIT("\xf0\x9f\x98\x80\xbf"),
		  "\xf0\x9f\x98\x80\\xbf" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char out[100];
		size_t len = escape_text(out, sizeof(out), rows[i].text);

		unit_check(strcmp(out, rows[i].want) == 0,
			   "row %zu gave %s", i, out);
		assert_int_equal(len, strlen(out));
	}
}

static void
cuts_between_characters(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *want;
	} rows[] = {
		{ "abc", 4, "abc" },
		{ "abcd", 4, "..." },
		{ "abcd", 5, "abcd" },
		{ "abcde", 5, "a..." },
		{ "a\nbcde", 6, "a..." },
		{ "a\nbcde", 7, "a\\n..." },
		{ "\xc3\xbc\xc3\xbc\xc3\xbc", 6, "\xc3\xbc..." },
		{ "\xc3\xbc\xc3\xbc\xc3\xbc", 7, "\xc3\xbc\xc3\xbc\xc3\xbc" },
		{ "\n\n", 4, "..." },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		char *out = malloc(rows[i].size);
		size_t len;

		assert_non_null(out);
		len = escape_text(out, rows[i].size, slice_of(rows[i].text));
		unit_check(strcmp(out, rows[i].want) == 0,
			   "row %zu gave %s", i, out);
		assert_int_equal(len, strlen(out));
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_what_cannot_be_printed),
		cmocka_unit_test(cuts_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
