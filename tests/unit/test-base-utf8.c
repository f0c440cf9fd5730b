/* SPDX-License-Identifier: MIT */
#include "lib/base/utf8.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define FFFD "\xef\xbf\xbd"
#define TEXT(literal) { (literal), sizeof(literal) - 1 }

/* What WHATWG's decoder makes of it: Unicode 15, chapter 3.9, tables 3-8 to
 * 3-11, and the borders of every range. */
static const struct {
	struct slice text;
	size_t valid;
	const char *mended;
} rows[] = {
	{ TEXT(""), 0, "" },
	{ TEXT("plain"), 5, "plain" },
	{ TEXT("a long ASCII text, more than a word"), 35,
	  "a long ASCII text, more than a word" },
	{ TEXT("\x7f"), 1, "\x7f" },
	{ TEXT("\xc2\x80"), 2, "\xc2\x80" },
	{ TEXT("\xdf\xbf"), 2, "\xdf\xbf" },
	{ TEXT("\xe0\xa0\x80"), 3, "\xe0\xa0\x80" },
	{ TEXT("\xed\x9f\xbf"), 3, "\xed\x9f\xbf" },
	{ TEXT("\xee\x80\x80"), 3, "\xee\x80\x80" },
	{ TEXT("\xef\xbf\xbf"), 3, "\xef\xbf\xbf" },
	{ TEXT("\xf0\x90\x80\x80"), 4, "\xf0\x90\x80\x80" },
	{ TEXT("\xf4\x8f\xbf\xbf"), 4, "\xf4\x8f\xbf\xbf" },
	{ TEXT("\xef\xbb\xbf" "bom"), 6, "\xef\xbb\xbf" "bom" },

	/* lone and unknown bytes */
	{ TEXT("\x80"), 0, FFFD },
	{ TEXT("a\xbf""b"), 1, "a" FFFD "b" },
	{ TEXT("\xc0\xaf"), 0, FFFD FFFD },
	{ TEXT("\xc1\xbf"), 0, FFFD FFFD },
	{ TEXT("\xf5\x80\x80\x80"), 0, FFFD FFFD FFFD FFFD },
	{ TEXT("\xff\xfe"), 0, FFFD FFFD },

	/* overlong, surrogates, too high */
	{ TEXT("\xe0\x9f\xbf"), 0, FFFD FFFD FFFD },
	{ TEXT("\xf0\x8f\xbf\xbf"), 0, FFFD FFFD FFFD FFFD },
	{ TEXT("\xed\xa0\x80"), 0, FFFD FFFD FFFD },
	{ TEXT("\xed\xbf\xbf"), 0, FFFD FFFD FFFD },
	{ TEXT("\xf4\x90\x80\x80"), 0, FFFD FFFD FFFD FFFD },

	/* cut short: one mark for the whole part */
	{ TEXT("\xc3"), 0, FFFD },
	{ TEXT("\xe2\x82"), 0, FFFD },
	{ TEXT("\xf0\x9f\x98"), 0, FFFD },
	{ TEXT("\xe2\x82""A"), 0, FFFD "A" },
	{ TEXT("\xf0\x9f\x98\xc3\xa9"), 0, FFFD "\xc3\xa9" },
	{ TEXT("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), 0,
	  FFFD FFFD FFFD FFFD "A" },
	{ TEXT("\xf0\x9f\x98\x80!\xf0\x9f"), 5, "\xf0\x9f\x98\x80!" FFFD },
	{ TEXT("12345678\xff"), 8, "12345678" FFFD },
	{ TEXT("1234567\xff"), 7, "1234567" FFFD },
};

static void
finds_the_first_bad_byte(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t got = utf8_valid_prefix(rows[i].text);

		unit_check(got == rows[i].valid, "row %zu gave %zu", i, got);
		unit_check(utf8_is_valid(rows[i].text) ==
			   (got == rows[i].text.len), "row %zu", i);
	}
	assert_true(utf8_is_valid(SLICE_NONE));
}

/* Each text also ends a heap block, so that a sanitizer sees reads past it. */
static void
mends_like_a_browser(void **state)
{
	size_t i, pad;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		for (pad = 0; pad < 9; pad++) {
			size_t len = pad + rows[i].text.len;
			char *copy = malloc(len + 1);
			struct buf out = { 0 };
			struct slice got;

			assert_non_null(copy);
			memset(copy, '.', len + 1);
			memcpy(copy + 1 + pad, rows[i].text.p,
			       rows[i].text.len);
			assert_int_equal(utf8_append_mended(&out,
				(struct slice){ copy + 1, len }), 0);
			got = buf_slice(&out);
			unit_check(got.len == pad + strlen(rows[i].mended) &&
				   memcmp(got.p ? got.p + pad : "",
					  rows[i].mended, got.len - pad) == 0,
				   "row %zu behind %zu", i, pad);
			assert_true(utf8_is_valid(got));
			buf_done(&out);
			free(copy);
		}
	}
}

/* All two-byte and three-byte beginnings: mending always gives valid text. */
static void
mended_is_always_valid(void **state)
{
	struct buf out = { 0 };
	unsigned a, b, c;

	(void)state;
	for (a = 0x7f; a < 0x100; a++) {
		for (b = 0x7f; b < 0x100; b++) {
			for (c = 0x7f; c < 0x100; c += 8) {
				const char text[3] = { (char)a, (char)b,
						       (char)c };

				buf_clear(&out);
				assert_int_equal(utf8_append_mended(&out,
					(struct slice){ text, 3 }), 0);
				assert_true(utf8_is_valid(buf_slice(&out)));
			}
		}
	}
	buf_done(&out);
}

static void
appends_all_or_nothing(void **state)
{
	size_t n;
	int r;

	(void)state;
	for (n = 1;; n++) {
		struct buf out = { 0 };
		char text[200];

		memset(text, 'x', sizeof(text));
		text[150] = (char)0xff;
		assert_int_equal(buf_append_text(&out, "before"), 0);
		fault_arm(n);
		r = utf8_append_mended(&out, (struct slice){ text, 200 });
		assert_int_equal(r, fault_disarm() ? -ENOMEM : 0);
		assert_int_equal(out.len, r ? 6 : 6 + 202);
		buf_done(&out);
		if (r == 0)
			break;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_first_bad_byte),
		cmocka_unit_test(mends_like_a_browser),
		cmocka_unit_test(mended_is_always_valid),
		cmocka_unit_test(appends_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
