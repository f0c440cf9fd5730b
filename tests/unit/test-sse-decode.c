/* SPDX-License-Identifier: MIT */
#include "lib/sse/decode.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum { MAX = 1 << 16 };

/* Events as `name|data|id;` in a row. */
static int
write_down(void *user, const struct decoded *e)
{
	struct buf *seen = user;

	assert_int_equal(buf_append_slice(seen, e->name), 0);
	assert_int_equal(buf_append_char(seen, '|'), 0);
	assert_int_equal(buf_append_slice(seen, e->data), 0);
	assert_int_equal(buf_append_char(seen, '|'), 0);
	assert_int_equal(buf_append_slice(seen, e->last_id), 0);
	assert_int_equal(buf_append_char(seen, ';'), 0);
	return 0;
}

static const struct {
	struct slice stream;
	struct slice events;
} streams[] = {
	/* the examples of WHATWG HTML §9.2.6 */
	{ SLICE_LIT("data: YHOO\ndata: +2\ndata: 10\n\n"),
	  SLICE_LIT("message|YHOO\n+2\n10|;") },
	{ SLICE_LIT(": test stream\n\ndata: first event\nid: 1\n\n"
		    "data:second event\nid\n\ndata:  third event\n\n"),
	  SLICE_LIT("message|first event|1;message|second event|;"
		    "message| third event|;") },
	{ SLICE_LIT("data\n\ndata\ndata\n\ndata:\n"),
	  SLICE_LIT("message||;message|\n|;") },
	{ SLICE_LIT("data:test\n\ndata: test\n\n"),
	  SLICE_LIT("message|test|;message|test|;") },
	/* nothing, and nothing whole */
	{ SLICE_LIT(""), SLICE_LIT("") },
	{ SLICE_LIT("\n\n\r\r\r\n\r\n"), SLICE_LIT("") },
	{ SLICE_LIT("data: a"), SLICE_LIT("") },
	{ SLICE_LIT("data: a\n"), SLICE_LIT("") },
	/* line ends: an event is there with the first byte that ends it */
	{ SLICE_LIT("data: a\n\n"), SLICE_LIT("message|a|;") },
	{ SLICE_LIT("data: a\r\r"), SLICE_LIT("message|a|;") },
	{ SLICE_LIT("data: a\r\n\r"), SLICE_LIT("message|a|;") },
	{ SLICE_LIT("data: a\r\n\r\ndata: b\r\n\r\n"),
	  SLICE_LIT("message|a|;message|b|;") },
	{ SLICE_LIT("data: a\n\r\ndata: b\r\ndata: c\rdata: d\n\r"),
	  SLICE_LIT("message|a|;message|b\nc\nd|;") },
	{ SLICE_LIT("data: a\n\r\n\rdata: b\n\n"),
	  SLICE_LIT("message|a|;message|b|;") },
	/* names belong to one block */
	{ SLICE_LIT("event: x\ndata: a\n\ndata: b\n\n"),
	  SLICE_LIT("x|a|;message|b|;") },
	{ SLICE_LIT("event: x\nevent: y\ndata: a\n\n"), SLICE_LIT("y|a|;") },
	{ SLICE_LIT("event: x\nevent\ndata: a\n\n"),
	  SLICE_LIT("message|a|;") },
	{ SLICE_LIT("event: x\n\ndata: a\n\n"), SLICE_LIT("message|a|;") },
	/* ids stay, also without data; NUL spoils one */
	{ SLICE_LIT("id: 7\n\ndata: a\n\n"), SLICE_LIT("message|a|7;") },
	{ SLICE_LIT("id: 7\ndata: a\n\ndata: b\n\n"),
	  SLICE_LIT("message|a|7;message|b|7;") },
	{ SLICE_LIT("id: 7\ndata: a\n\nid:\ndata: b\n\n"),
	  SLICE_LIT("message|a|7;message|b|;") },
	{ SLICE_LIT("id: 7\nid: x\0y\ndata: a\n\n"),
	  SLICE_LIT("message|a|7;") },
	{ SLICE_LIT("id: 7\nid: 8\ndata: a\n\n"), SLICE_LIT("message|a|8;") },
	/* one colon, one space, exact names */
	{ SLICE_LIT("data:  two\ndata::\ndata: a:b\n\n"),
	  SLICE_LIT("message| two\n:\na:b|;") },
	{ SLICE_LIT("data:\tt\n\n"), SLICE_LIT("message|\tt|;") },
	{ SLICE_LIT("Data: a\n data: b\ndata : c\ndatum: d\n:data: e\n\n"),
	  SLICE_LIT("") },
	/* a BOM, once and at the beginning; less than one is a name */
	{ SLICE_LIT("\xef\xbb\xbf" "data: a\n\n"), SLICE_LIT("message|a|;") },
	{ SLICE_LIT("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n"),
	  SLICE_LIT("message|b|;") },
	{ SLICE_LIT("\xef\xbb" "data: a\ndata: b\n\n"),
	  SLICE_LIT("message|b|;") },
	{ SLICE_LIT("\xef\ndata: b\n\n"), SLICE_LIT("message|b|;") },
	{ SLICE_LIT("data: \xef\xbb\xbf\n\n"),
	  SLICE_LIT("message|\xef\xbb\xbf|;") },
	/* bytes */
	{ SLICE_LIT("data: a\0b\n\n"), SLICE_LIT("message|a\0b|;") },
	{ SLICE_LIT("data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n"),
	  SLICE_LIT("message|\xe2\x82\xac\xf0\x9f\x98\x80|;") },
	{ SLICE_LIT("data: \xff\ndata: \xe2\x82\nevent: \xc3\nid: \x80\n\n"),
	  SLICE_LIT("\xef\xbf\xbd|\xef\xbf\xbd\n\xef\xbf\xbd|\xef\xbf\xbd;") },
};

static void
check_pieces(size_t row, const size_t *cuts, size_t count)
{
	struct slice stream = streams[row].stream;
	struct buf seen = { 0 };
	struct decode d;
	size_t i, at = 0;

	decode_init(&d, MAX);
	for (i = 0; i <= count; i++) {
		size_t end = i < count ? cuts[i] : stream.len;
		struct slice piece = { stream.p + at, end - at };

		assert_int_equal(decode_bytes(&d, piece, write_down, &seen), 0);
		at = end;
	}
	unit_check(slice_eq(buf_slice(&seen), streams[row].events),
		   "row %zu, first cut %zu, gave %.*s", row,
		   count ? cuts[0] : 0, (int)seen.len, seen.p ? seen.p : "");
	decode_done(&d);
	buf_done(&seen);
}

static void
reads_streams_however_they_are_cut(void **state)
{
	size_t row, i, j, all[512];

	(void)state;
	for (row = 0; row < COUNT_OF(streams); row++) {
		size_t len = streams[row].stream.len;

		check_pieces(row, NULL, 0);
		for (i = 0; i <= len; i++) {
			all[i] = i;
			for (j = i; j <= len; j++)
				check_pieces(row, (size_t[]){ i, j }, 2);
		}
		check_pieces(row, all, len);
	}
}

static void
keeps_the_last_retry_that_is_a_number(void **state)
{
	static const struct {
		const char *stream;
		int64_t retry_ms;
	} rows[] = {
		{ "data: a\n\n", -1 },
		{ "retry: 3000\n", 3000 },
		{ "retry:0\n", 0 },
		{ "retry: 007\n", 7 },
		{ "retry: 5\nretry: 6\n", 6 },
		{ "retry: 5\nretry: 6x\n", 5 },
		{ "retry: 5\nretry:  6\n", 5 },
		{ "retry: -5\n", -1 },
		{ "retry: +5\n", -1 },
		{ "retry: 5.5\n", -1 },
		{ "retry:\n", -1 },
		{ "retry\n", -1 },
		{ "retry: 9223372036854775807\n", INT64_MAX },
		{ "retry: 9223372036854775808\n", -1 },
		{ "retry: 99999999999999999999999\n", -1 },
	};
	struct buf seen = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct decode d;

		decode_init(&d, MAX);
		assert_int_equal(decode_bytes(&d, slice_of(rows[i].stream),
					      write_down, &seen), 0);
		unit_check(d.retry_ms == rows[i].retry_ms, "%s gave %jd",
			   rows[i].stream, (intmax_t)d.retry_ms);
		decode_done(&d);
	}
	buf_done(&seen);
}

static void
bounds_what_it_keeps(void **state)
{
	static const struct {
		const char *stream;
		size_t max;
		int result;
	} rows[] = {
		{ "data: abcd\n\n", 10, 0 },
		{ "data: abcd\n\n", 9, -EMSGSIZE },
		{ "data: abcd", 9, -EMSGSIZE },	/* its end need not come */
		{ ": abcdefgh", 9, -EMSGSIZE },
		{ "data:a\ndata:b\n\n", 10, 0 },
		{ "data:a\ndata:b\n\n", 7, -EMSGSIZE },
		{ "data:a\n\ndata:b\n\ndata:c\n\n", 6, 0 },
		{ "event:abc\ndata:a\n\n", 9, 0 },
		{ "event:abc\ndata:a\n\n", 8, -EMSGSIZE },
		{ "id:abc\ndata:a\n\n", 8, -EMSGSIZE },
		{ "id:abcd\n\ndata:a\n\n", 7, 0 },
		/* U+FFFD is longer than what it stands for */
		{ "data:\xff\xff\xff\n\n", 9, -EMSGSIZE },
		{ ":\n:\n:\n:\n:\n:\n:\n", 1, 0 },
	};
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct slice s = slice_of(rows[i].stream);

		for (cut = 0; cut <= s.len; cut++) {
			struct slice left = { s.p, cut };
			struct slice right = { s.p + cut, s.len - cut };
			struct buf seen = { 0 };
			struct decode d;
			int r;

			decode_init(&d, rows[i].max);
			r = decode_bytes(&d, left, write_down, &seen);
			if (r == 0)
				r = decode_bytes(&d, right, write_down, &seen);
			unit_check(r == rows[i].result,
				   "%s within %zu, cut at %zu, gave %d",
				   rows[i].stream, rows[i].max, cut, r);
			decode_done(&d);
			buf_done(&seen);
		}
	}
}

static int
stop_at_b(void *user, const struct decoded *e)
{
	int *calls = user;

	(*calls)++;
	return slice_eq(e->data, SLICE_LIT("b")) ? -ECANCELED : 1;
}

static void
ends_when_the_caller_says_so(void **state)
{
	struct decode d;
	int calls = 0;

	(void)state;
	decode_init(&d, MAX);
	assert_int_equal(decode_bytes(&d, SLICE_LIT("data:a\n\ndata:b\n\n"
						    "data:c\n\n"),
				      stop_at_b, &calls), -ECANCELED);
	assert_int_equal(calls, 2);
	decode_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_streams_however_they_are_cut),
		cmocka_unit_test(keeps_the_last_retry_that_is_a_number),
		cmocka_unit_test(bounds_what_it_keeps),
		cmocka_unit_test(ends_when_the_caller_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
