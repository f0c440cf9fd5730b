/* SPDX-License-Identifier: MIT */
#include "lib/sse/encode.h"

#include <stdlib.h>

#include "lib/sse/decode.h"
#include "tests/unit/unit.h"

#define NONE { NULL, 0 }

static const struct {
	struct event e;
	struct slice id;
	struct slice wire;
} rows[] = {
	{ { .data = SLICE_LIT("hello") }, NONE,
	  SLICE_LIT("data: hello\n\n") },
	{ { .data = SLICE_LIT("a"), .name = SLICE_LIT("tick"),
	    .has_retry = true, .retry_ms = 4294967295 },
	  SLICE_LIT("abcdefgh-1"),
	  SLICE_LIT("id: abcdefgh-1\nevent: tick\nretry: 4294967295\n"
		    "data: a\n\n") },
	{ { .data = SLICE_LIT("a"), .has_retry = true }, NONE,
	  SLICE_LIT("retry: 0\ndata: a\n\n") },
	/* empty data is one line: absent lines would dispatch nothing */
	{ { .data = SLICE_LIT("") }, NONE, SLICE_LIT("data: \n\n") },
	{ { .data = NONE }, NONE, SLICE_LIT("data: \n\n") },
	/* every kind of line end, also last */
	{ { .data = SLICE_LIT("a\nb\rc\r\nd") }, NONE,
	  SLICE_LIT("data: a\ndata: b\ndata: c\ndata: d\n\n") },
	{ { .data = SLICE_LIT("a\n") }, NONE, SLICE_LIT("data: a\ndata: \n\n") },
	{ { .data = SLICE_LIT("a\r") }, NONE, SLICE_LIT("data: a\ndata: \n\n") },
	{ { .data = SLICE_LIT("a\r\n") }, NONE,
	  SLICE_LIT("data: a\ndata: \n\n") },
	{ { .data = SLICE_LIT("\n\r\r\n\n\r") }, NONE,
	  SLICE_LIT("data: \ndata: \ndata: \ndata: \ndata: \ndata: \n\n") },
	/* what could be taken for something else */
	{ { .data = SLICE_LIT("  two\n:c\nid: 9\n\nevent: x") }, NONE,
	  SLICE_LIT("data:   two\ndata: :c\ndata: id: 9\ndata: \n"
		    "data: event: x\n\n") },
	{ { .data = SLICE_LIT("\xef\xbb\xbf" "a\0b") }, NONE,
	  SLICE_LIT("data: \xef\xbb\xbf" "a\0b\n\n") },
	/* an id that cannot stand in a line has none */
	{ { .data = SLICE_LIT("a") }, SLICE_LIT("x\ndata: y"),
	  SLICE_LIT("data: a\n\n") },
	{ { .data = SLICE_LIT("a") }, SLICE_LIT("x\ry"),
	  SLICE_LIT("data: a\n\n") },
	{ { .data = SLICE_LIT("a") }, SLICE_LIT("x\0y"),
	  SLICE_LIT("data: a\n\n") },
};

static void
writes_the_fields(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = { 0 };

		assert_int_equal(buf_append_text(&out, "before"), 0);
		assert_int_equal(encode_event(&out, &rows[i].e, rows[i].id), 0);
		unit_check(encode_size(&rows[i].e, rows[i].id) == out.len - 6,
			   "row %zu: size %zu", i,
			   encode_size(&rows[i].e, rows[i].id));
		buf_consume(&out, 6);
		unit_check(slice_eq(buf_slice(&out), rows[i].wire),
			   "row %zu: %.*s", i, (int)out.len, out.p);
		buf_done(&out);
	}
}

struct expected {
	struct slice data, name, id;
	int count;
};

static int
compare(void *user, const struct decoded *got)
{
	struct expected *x = user;

	x->count++;
	assert_true(slice_eq(got->data, x->data));
	assert_true(slice_eq(got->name, x->name));
	assert_true(slice_eq(got->last_id, x->id));
	return 0;
}

static void
check_round_trip(struct slice data)
{
	struct event e = { .data = data, .name = SLICE_LIT("n") };
	struct buf wire = { 0 }, plain = { 0 };
	struct expected x = { .name = e.name, .id = SLICE_LIT("7") };
	struct decode d;
	size_t i;

	for (i = 0; i < data.len; i++)
		if (data.p[i] != '\r')
			assert_int_equal(buf_append_char(&plain, data.p[i]), 0);
		else if (i + 1 == data.len || data.p[i + 1] != '\n')
			assert_int_equal(buf_append_char(&plain, '\n'), 0);
	x.data = buf_slice(&plain);
	assert_int_equal(encode_event(&wire, &e, x.id), 0);
	decode_init(&d, wire.len);
	assert_int_equal(decode_bytes(&d, buf_slice(&wire), compare, &x), 0);
	assert_int_equal(x.count, 1);
	decode_done(&d);
	buf_done(&wire);
	buf_done(&plain);
}

/* All texts of up to six of these bytes. */
static void
comes_back_as_it_went(void **state)
{
	static const char bytes[] = { '\r', '\n', ' ', ':', 'x' };
	char text[6];
	size_t len, n, count = 1;

	(void)state;
	for (len = 0; len <= sizeof(text); len++) {
		for (n = 0; n < count; n++) {
			size_t i, rest = n;

			for (i = 0; i < len; i++) {
				text[i] = bytes[rest % sizeof(bytes)];
				rest /= sizeof(bytes);
			}
			check_round_trip((struct slice){ text, len });
		}
		count *= sizeof(bytes);
	}
}

static void
comes_back_when_it_is_large(void **state)
{
	static const char *const lines[] = { "x\n", "x\r\n", "\r", "\n", "x" };
	struct buf data = { 0 };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT_OF(lines); i++) {
		buf_clear(&data);
		for (n = 0; n < 10000; n++)
			assert_int_equal(buf_append_text(&data, lines[i]), 0);
		check_round_trip(buf_slice(&data));
	}
	buf_done(&data);
}

static void
writes_what_is_no_event(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(encode_retry(&out, 3000), 0);
	assert_int_equal(encode_retry(&out, UINT64_MAX), 0);
	assert_int_equal(encode_position(&out, SLICE_LIT("abcdefgh-7")), 0);
	assert_int_equal(encode_position(&out, SLICE_LIT("a\nb")), 0);
	assert_int_equal(encode_position(&out, SLICE_NONE), 0);
	assert_true(slice_eq(buf_slice(&out),
			     SLICE_LIT("retry: 3000\n"
				       "retry: 18446744073709551615\n"
				       "id: abcdefgh-7\n\n")));
	buf_done(&out);
}

static void
tells_of_gaps(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(encode_gap(&out, SLICE_NONE, SLICE_LIT("abcdefgh-7"),
				    "the hub does not know it"), 0);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT(
	    "id: abcdefgh-7\nevent: sse-gap\ndata: {\"after\":null,"
	    "\"resumed_at\":\"abcdefgh-7\","
	    "\"reason\":\"the hub does not know it\"}\n\n")));
	buf_clear(&out);
	assert_int_equal(encode_gap(&out, SLICE_LIT("a\"\r\n\ndata: b\xff"),
				    SLICE_LIT("o\\k"), "r"), 0);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT(
	    "id: o\\k\nevent: sse-gap\ndata: {\"after\":\"a\\\"\\u000d\\u000a"
	    "\\u000adata: b\xef\xbf\xbd\",\"resumed_at\":\"o\\\\k\","
	    "\"reason\":\"r\"}\n\n")));
	buf_done(&out);
}

static void
writes_json_strings(void **state)
{
	static const struct {
		struct slice text, json;
	} strings[] = {
		{ SLICE_LIT(""), SLICE_LIT("\"\"") },
		{ NONE, SLICE_LIT("\"\"") },
		{ SLICE_LIT("a/b"), SLICE_LIT("\"a/b\"") },
		{ SLICE_LIT("\"\\"), SLICE_LIT("\"\\\"\\\\\"") },
		{ SLICE_LIT("\0\x01\t\n\x1f\x7f"),
		  SLICE_LIT("\"\\u0000\\u0001\\u0009\\u000a\\u001f\x7f\"") },
		{ SLICE_LIT("\xe2\x82\xac"), SLICE_LIT("\"\xe2\x82\xac\"") },
		{ SLICE_LIT("a\xf0\x9f\x98" "b\xed\xa0\x80"),
		  SLICE_LIT("\"a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd"
			    "\xef\xbf\xbd\"") },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(strings); i++) {
		struct buf out = { 0 };

		assert_int_equal(encode_json_string(&out, strings[i].text), 0);
		unit_check(slice_eq(buf_slice(&out), strings[i].json),
			   "row %zu: %.*s", i, (int)out.len, out.p);
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_fields),
		cmocka_unit_test(comes_back_as_it_went),
		cmocka_unit_test(comes_back_when_it_is_large),
		cmocka_unit_test(writes_what_is_no_event),
		cmocka_unit_test(tells_of_gaps),
		cmocka_unit_test(writes_json_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
