/* SPDX-License-Identifier: MIT */
#include "fcgi/params.h"

#include <errno.h>

#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

static void
finds_every_variable(void **state)
{
	static const char *const names[] = {
		"REQUEST_METHOD", "REQUEST_URI", "SCRIPT_NAME", "PATH_INFO",
		"QUERY_STRING", "HTTP_LAST_EVENT_ID", "HTTP_ORIGIN",
		"HTTP_HOST", "HTTP_REFERER", "HTTP_IDEMPOTENCY_KEY",
		"HTTP_ACCESS_CONTROL_REQUEST_METHOD",
		"HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "HTTP_ACCEPT",
		"HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_USER",
		"REMOTE_ADDR", "CONTENT_LENGTH", "CONTENT_TYPE",
		"SSE_TOPIC_PREFIX", "SSE_MAX_CLIENTS", "SSE_POLL",
		"SERVER_PROTOCOL",
	};
	struct buf in = { 0 };
	struct params p;
	const struct slice *values = (const struct slice *)&p;
	const char *why;

	(void)state;
	/* and all of them as they came */
	assert_int_equal(sizeof(p), (COUNT_OF(names) + 1) * sizeof(*values));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		put_pair(&in, "HTTP_X_OTHER", "same name twice is fine");
		put_pair(&in, names[i], names[i]);
	}
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		unit_check(slice_eq(values[i], slice_of(names[i])),
			   "%s is %.*s", names[i], (int)values[i].len,
			   values[i].p);
	assert_true(slice_eq(p.block, buf_slice(&in)));
	buf_done(&in);
}

static void
empty_is_absent(void **state)
{
	struct buf in = { 0 };
	struct params p;
	const char *why;

	(void)state;
	assert_int_equal(params_decode(SLICE_NONE, &p, &why), 0);
	assert_null(p.method.p);
	put_pair(&in, "REMOTE_USER", "");
	put_pair(&in, "", "");
	put_pair(&in, "", "x");
	put_pair(&in, "REMOTE_USE", "y");
	put_pair(&in, "REMOTE_USERS", "y");
	put_pair(&in, "remote_user", "y");
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), 0);
	assert_null(p.remote_user.p);
	put_pair(&in, "REMOTE_USER", "bob");
	put_pair(&in, "REMOTE_USER", "");
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), 0);
	assert_true(slice_eq(p.remote_user, SLICE_LIT("bob")));
	buf_done(&in);
}

static void
doubles_must_agree(void **state)
{
	struct buf in = { 0 };
	struct params p = { 0 };
	const char *why = NULL;

	(void)state;
	put_pair(&in, "SCRIPT_NAME", "/events");
	put_pair(&in, "SCRIPT_NAME", "/events");
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), 0);
	assert_true(slice_eq(p.script_name, SLICE_LIT("/events")));
	p.script_name = SLICE_NONE;
	put_pair(&in, "SCRIPT_NAME", "/other");
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), -EINVAL);
	assert_non_null(strstr(why, "SCRIPT_NAME"));
	assert_null(p.script_name.p);
	buf_done(&in);
}

static void
takes_long_lengths(void **state)
{
	char value[70000];
	struct buf in = { 0 };
	struct params p;
	const char *why;

	(void)state;
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	put_pair(&in, "HTTP_COOKIE", value);
	/* A short length may stand in four bytes too. */
	put(&in, "\x80\0\0\x0b\x80\0\0\3REMOTE_USERbob", 8 + 14);
	assert_int_equal(params_decode(buf_slice(&in), &p, &why), 0);
	assert_int_equal(p.cookie.len, sizeof(value) - 1);
	assert_true(slice_eq(p.remote_user, SLICE_LIT("bob")));
	buf_done(&in);
}

static void
refuses_every_truncation(void **state)
{
	struct buf in = { 0 };
	struct params p;
	const char *why;

	(void)state;
	put(&in, "\x0b\x80\0\0\3REMOTE_USERbob", 5 + 14);
	for (size_t len = 1; len < in.len; len++) {
		/* On the heap, so that AddressSanitizer sees a byte too far. */
		struct buf part = { 0 };

		put(&part, in.p, len);
		unit_check(params_decode(buf_slice(&part), &p, &why) ==
			       -EINVAL, "%zu bytes", len);
		buf_done(&part);
	}
	buf_done(&in);
}

static void
refuses_hostile_lengths(void **state)
{
	static const struct slice rows[] = {
		SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"),
		SLICE_LIT("\xff\xff\xff\xff\x01" "abc"),
		SLICE_LIT("\x01\xff\xff\xff\xff" "abc"),
		SLICE_LIT("\xff\xff\xff\xfe\x00" "abc"),
		SLICE_LIT("\x80\x00\x00\x04\x00" "abc"),
		SLICE_LIT("\x02\x02" "abc"),
		SLICE_LIT("\x7f\x7f" "abc"),
		SLICE_LIT("\x00"),
		SLICE_LIT("\x80\x00"),
		SLICE_LIT("\x00\x80\x00\x00"),
	};
	struct params p;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		unit_check(params_decode(rows[i], &p, &why) == -EINVAL,
			   "row %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_every_variable),
		cmocka_unit_test(empty_is_absent),
		cmocka_unit_test(doubles_must_agree),
		cmocka_unit_test(takes_long_lengths),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_hostile_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
