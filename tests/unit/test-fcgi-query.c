/* SPDX-License-Identifier: MIT */
#include "fcgi/query.h"

#include <errno.h>

#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

struct decode_row {
	struct slice raw;
	enum query_plus plus;
	struct slice want;	/* absent: refused */
};

static const struct decode_row decode_rows[] = {
	{ SLICE_LIT(""), QUERY_PLUS_IS_PLUS, SLICE_LIT("") },
	{ SLICE_LIT("news"), QUERY_PLUS_IS_PLUS, SLICE_LIT("news") },
	{ SLICE_LIT("a%20b"), QUERY_PLUS_IS_PLUS, SLICE_LIT("a b") },
	{ SLICE_LIT("a+b"), QUERY_PLUS_IS_PLUS, SLICE_LIT("a+b") },
	{ SLICE_LIT("a+b"), QUERY_PLUS_IS_SPACE, SLICE_LIT("a b") },
	{ SLICE_LIT("a%2Bb"), QUERY_PLUS_IS_SPACE, SLICE_LIT("a+b") },
	{ SLICE_LIT("%2f%2F"), QUERY_PLUS_IS_PLUS, SLICE_LIT("//") },
	{ SLICE_LIT("%C3%a9"), QUERY_PLUS_IS_PLUS, SLICE_LIT("\xc3\xa9") },
	{ SLICE_LIT("%ff"), QUERY_PLUS_IS_PLUS, SLICE_LIT("\xff") },
	{ SLICE_LIT("\xff"), QUERY_PLUS_IS_PLUS, SLICE_LIT("\xff") },
	/* Once, not twice. */
	{ SLICE_LIT("%2541"), QUERY_PLUS_IS_PLUS, SLICE_LIT("%41") },
	{ SLICE_LIT("%25%34%31"), QUERY_PLUS_IS_PLUS, SLICE_LIT("%41") },
	{ SLICE_LIT("%01"), QUERY_PLUS_IS_PLUS, SLICE_LIT("\1") },
	{ SLICE_LIT("%"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%4"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("a%4"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%4g"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%g4"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%+4"), QUERY_PLUS_IS_SPACE, SLICE_NONE },
	{ SLICE_LIT("%-1"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("% 4"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%%41"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%u0041"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("%00"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("a%00b"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
	{ SLICE_LIT("a\0b"), QUERY_PLUS_IS_PLUS, SLICE_NONE },
};

static void
decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(decode_rows); i++) {
		const struct decode_row *row = &decode_rows[i];
		struct buf out = { 0 };
		int r;

		put(&out, "before", 6);
		r = query_decode(row->raw, row->plus, &out);
		unit_check(r == (row->want.p ? 0 : -EINVAL),
			   "\"%.*s\" gave %d", (int)row->raw.len, row->raw.p,
			   r);
		unit_check(out.len == 6 + row->want.len &&
			       slice_eq((struct slice){ out.p + 6,
							out.len - 6 },
					row->want),
			   "\"%.*s\" became \"%.*s\"", (int)row->raw.len,
			   row->raw.p, (int)out.len, out.p);
		buf_done(&out);
	}
}

static void
walks_pairs(void **state)
{
	static const struct {
		const char *query, *want;
	} rows[] = {
		{ "", "" },
		{ "&", "" },
		{ "&&&", "" },
		{ "a", "[a]" },
		{ "a=", "[a=]" },
		{ "=", "[=]" },
		{ "=b", "[=b]" },
		{ "a=b", "[a=b]" },
		{ "a=b=c", "[a=b=c]" },
		{ "a=b&c=d", "[a=b][c=d]" },
		{ "&a=b&&c&", "[a=b][c]" },
		{ "a=%26&b=%3d", "[a=%26][b=%3d]" },
		{ "a;b=c", "[a;b=c]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice rest = slice_of(rows[i].query), name, value;
		struct buf out = { 0 };

		while (query_next(&rest, &name, &value)) {
			put(&out, "[", 1);
			put(&out, name.p, name.len);
			if (value.p)
				put(&out, "=", 1);
			put(&out, value.p, value.len);
			put(&out, "]", 1);
		}
		unit_check(slice_eq(buf_slice(&out), slice_of(rows[i].want)),
			   "\"%s\" gave %.*s", rows[i].query, (int)out.len,
			   out.p);
		buf_done(&out);
	}
}

static void
compares_names(void **state)
{
	static const struct {
		struct slice raw;
		bool want;
	} rows[] = {
		{ SLICE_LIT("topic"), true },
		{ SLICE_LIT("%74opic"), true },
		{ SLICE_LIT("t%6Fpic"), true },
		{ SLICE_LIT(""), false },
		{ SLICE_LIT("topi"), false },
		{ SLICE_LIT("topics"), false },
		{ SLICE_LIT("Topic"), false },
		{ SLICE_LIT("topic%00"), false },
		{ SLICE_LIT("topic\0"), false },
		{ SLICE_LIT("topic%"), false },
		{ SLICE_LIT("%"), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		unit_check(query_name_is(rows[i].raw, "topic") == rows[i].want,
			   "\"%.*s\"", (int)rows[i].raw.len, rows[i].raw.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(walks_pairs),
		cmocka_unit_test(compares_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
