/* SPDX-License-Identifier: MIT */
#include "fcgi/request.h"

#include <errno.h>

#include "fcgi/params.h"
#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

static const struct request_limits limits = { REQUEST_PARAMS_DEFAULT,
					      REQUEST_BODY_DEFAULT };

static void
whole_in_one_read_allocates_nothing(void **state)
{
	struct request r = { 0 };
	struct buf in = { 0 }, out = { 0 };
	struct slice rest;
	struct params p;
	const char *why;

	(void)state;
	put_get(&in, 1, 0, "/events/news");
	rest = buf_slice(&in);
	assert_true(request_is_idle(&r));
	assert_int_equal(request_feed(&r, &limits, &rest, &out),
			 REQUEST_WHOLE);
	assert_int_equal(rest.len, 0);
	assert_int_equal(r.id, 1);
	assert_false(r.keep);
	assert_null(r.kept.p);
	assert_null(out.p);
	assert_true(r.params.p > in.p && r.params.p < in.p + in.len);
	assert_true(request_has_params(&r));
	assert_int_equal(params_decode(r.params, &p, &why), 0);
	assert_true(slice_eq(p.uri, SLICE_LIT("/events/news")));
	request_done(&r);
	buf_done(&in);
}

/* The PARAMS in three records, cut in the middle of a name. */
static void
put_scattered(struct buf *in, struct buf *params)
{
	struct slice all;

	put_pair(params, "REQUEST_METHOD", "POST");
	put_pair(params, "HTTP_COOKIE", "a=b; c=d");
	all = buf_slice(params);
	put_begin(in, 513, FCGI_RESPONDER, FCGI_KEEP_CONN);
	put_record(in, FCGI_PARAMS, 513, (struct slice){ all.p, 7 }, 1);
	put_record(in, FCGI_PARAMS, 513, (struct slice){ all.p + 7, 1 }, 0);
	put_record(in, FCGI_PARAMS, 513,
		   (struct slice){ all.p + 8, all.len - 8 }, 5);
	put_record(in, FCGI_PARAMS, 513, SLICE_NONE, 0);
	put_record(in, FCGI_STDIN, 513, SLICE_LIT("body "), 3);
	put_record(in, FCGI_STDIN, 513, SLICE_LIT("here"), 0);
	put_record(in, FCGI_STDIN, 513, SLICE_NONE, 4);
}

static int
collect(void *user, struct request *r, struct slice piece)
{
	(void)r;
	return buf_append_slice(user, piece);
}

/* Each part in memory of its own, so that a kept pointer into an earlier one
 * is found by AddressSanitizer and by the scribbling. */
static enum request_result
feed_part(struct request *r, struct slice part, struct buf *hold)
{
	struct buf out = { 0 };
	struct slice in;
	enum request_result result;

	if (hold->p)
		memset(hold->p, '#', hold->len);
	buf_done(hold);
	put(hold, part.p, part.len);
	in = buf_slice(hold);
	result = request_feed(r, &limits, &in, &out);
	assert_int_equal(in.len, 0);
	assert_int_equal(out.len, 0);
	return result;
}

static void
takes_every_split(void **state)
{
	struct buf in = { 0 }, params = { 0 };

	(void)state;
	put_scattered(&in, &params);
	for (size_t i = 0; i < in.len; i++) {
		for (size_t j = i; j < in.len; j++) {
			struct request r = { 0 };
			struct buf body = { 0 }, hold = { 0 };

			r.on_body = collect;
			r.user = &body;
			assert_int_equal(
			    feed_part(&r, (struct slice){ in.p, i }, &hold),
			    REQUEST_MORE);
			assert_int_equal(
			    feed_part(&r, (struct slice){ in.p + i, j - i },
				      &hold), REQUEST_MORE);
			unit_check(feed_part(&r, (struct slice){ in.p + j,
					     in.len - j }, &hold) ==
					   REQUEST_WHOLE,
				   "split at %zu and %zu: %s", i, j,
				   r.why ? r.why : "not whole");
			assert_true(slice_eq(r.params, buf_slice(&params)));
			assert_true(slice_eq(buf_slice(&body),
					     SLICE_LIT("body here")));
			assert_int_equal(r.body_len, 9);
			assert_int_equal(r.id, 513);
			assert_true(r.keep);
			request_done(&r);
			buf_done(&body);
			buf_done(&hold);
		}
	}
	buf_done(&in);
	buf_done(&params);
}

static void
takes_single_bytes(void **state)
{
	struct buf in = { 0 }, params = { 0 }, hold = { 0 };
	struct request r = { 0 };
	enum request_result result = REQUEST_MORE;

	(void)state;
	put_scattered(&in, &params);
	for (size_t i = 0; i < in.len; i++) {
		assert_int_equal(result, REQUEST_MORE);
		result = feed_part(&r, (struct slice){ in.p + i, 1 }, &hold);
	}
	assert_int_equal(result, REQUEST_WHOLE);
	assert_true(slice_eq(r.params, buf_slice(&params)));
	request_done(&r);
	buf_done(&in);
	buf_done(&params);
	buf_done(&hold);
}

static void
knows_when_params_are_complete(void **state)
{
	struct buf in = { 0 }, hold = { 0 };
	struct request r = { 0 };

	(void)state;
	put_get(&in, 1, 0, "/x");
	assert_int_equal(feed_part(&r, (struct slice){ in.p, in.len - 9 },
				   &hold), REQUEST_MORE);
	assert_false(request_has_params(&r));
	assert_false(request_is_idle(&r));
	assert_int_equal(feed_part(&r, (struct slice){ in.p + in.len - 9, 1 },
				   &hold), REQUEST_MORE);
	assert_true(request_has_params(&r));
	request_done(&r);
	buf_done(&in);
	buf_done(&hold);
}

static void
gives_back_the_next_request(void **state)
{
	struct buf in = { 0 }, out = { 0 };
	struct request r = { 0 };
	struct slice rest;

	(void)state;
	put_get(&in, 1, FCGI_KEEP_CONN, "/first");
	put_get(&in, 1, FCGI_KEEP_CONN, "/second");
	put(&in, "\1\2", 2);
	rest = buf_slice(&in);
	assert_int_equal(request_feed(&r, &limits, &rest, &out),
			 REQUEST_WHOLE);
	assert_int_equal(rest.len, (in.len - 2 - 1) / 2 + 2 + 1);
	assert_int_equal(request_feed(&r, &limits, &rest, &out), REQUEST_BAD);
	request_done(&r);
	assert_int_equal(request_feed(&r, &limits, &rest, &out),
			 REQUEST_WHOLE);
	assert_int_equal(rest.len, 2);
	request_done(&r);
	assert_int_equal(request_feed(&r, &limits, &rest, &out), REQUEST_MORE);
	assert_false(request_is_idle(&r));
	buf_done(&in);
	request_done(&r);
}

struct bad_row {
	const char *what;
	void (*put)(struct buf *in);
	int status;
	const char *answer;	/* 16 bytes, or NULL */
};

static void
put_version_2(struct buf *in)
{
	put(in, "\2\1\0\1\0\10\0\0", 8);
}

static void
put_get_values(struct buf *in)
{
	put_record(in, FCGI_GET_VALUES, 0, SLICE_LIT("\16\0FCGI_MAX_CONNS"),
		   0);
}

static void
put_authorizer(struct buf *in)
{
	put_begin(in, 1, FCGI_AUTHORIZER, 1);
}

static void
put_short_begin(struct buf *in)
{
	put_record(in, FCGI_BEGIN_REQUEST, 1, SLICE_LIT("\0\1\0"), 0);
}

static void
put_long_begin(struct buf *in)
{
	put_record(in, FCGI_BEGIN_REQUEST, 1, SLICE_LIT("\0\1\0......"), 0);
}

static void
put_params_first(struct buf *in)
{
	put_record(in, FCGI_PARAMS, 1, SLICE_NONE, 0);
}

static void
put_two_begins(struct buf *in)
{
	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_begin(in, 1, FCGI_RESPONDER, 0);
}

static void
put_stdin_in_params(struct buf *in)
{
	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_record(in, FCGI_STDIN, 1, SLICE_NONE, 0);
}

static void
put_params_in_stdin(struct buf *in)
{
	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_record(in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(in, FCGI_PARAMS, 1, SLICE_NONE, 0);
}

static void
put_many_params(struct buf *in)
{
	static const char zeros[65535];

	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_record(in, FCGI_PARAMS, 1, (struct slice){ zeros, 65535 }, 0);
	put_record(in, FCGI_PARAMS, 1, SLICE_LIT("xx"), 0);
}

static void
put_long_body(struct buf *in)
{
	static const char zeros[65535];

	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_record(in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	for (int i = 0; i < 17; i++)
		put_record(in, FCGI_STDIN, 1, (struct slice){ zeros, 65535 },
			   0);
}

static void
put_many_aborts(struct buf *in)
{
	for (int i = 0; i < REQUEST_STRANGERS_MAX + 1; i++)
		put_record(in, FCGI_ABORT_REQUEST, 9, SLICE_NONE, 0);
}

static const struct bad_row bad_rows[] = {
	{ "version 2", put_version_2, 0, NULL },
	{ "GET_VALUES", put_get_values, 0, NULL },
	{ "authorizer", put_authorizer, 0,
	  "\1\3\0\1\0\10\0\0\0\0\0\0\3\0\0\0" },
	{ "short BEGIN", put_short_begin, 0, NULL },
	{ "long BEGIN", put_long_begin, 0, NULL },
	{ "PARAMS first", put_params_first, 0, NULL },
	{ "BEGIN twice", put_two_begins, 0, NULL },
	{ "STDIN in PARAMS", put_stdin_in_params, 0, NULL },
	{ "PARAMS in STDIN", put_params_in_stdin, 0, NULL },
	{ "many PARAMS", put_many_params, 431, NULL },
	{ "long body", put_long_body, 413, NULL },
	{ "many aborts", put_many_aborts, 0, NULL },
};

static void
check_bad(const struct bad_row *row, const struct buf *in, size_t step)
{
	struct request r = { 0 };
	struct buf out = { 0 };
	enum request_result result = REQUEST_MORE;

	for (size_t at = 0; at < in->len && result == REQUEST_MORE;) {
		struct slice s = { in->p + at,
				   step < in->len - at ? step : in->len - at };

		at += s.len;
		result = request_feed(&r, &limits, &s, &out);
	}
	unit_check(result == REQUEST_BAD, "%s: result %d", row->what, result);
	unit_check(r.why && strlen(r.why) > 10, "%s: no reason", row->what);
	unit_check(r.status == row->status, "%s: %d", row->what, r.status);
	assert_true(r.kept.len <= limits.params);
	unit_check(out.len == (row->answer ? 16u : 0u) &&
		       (!row->answer || memcmp(out.p, row->answer, 16) == 0),
		   "%s: answer of %zu bytes", row->what, out.len);
	request_done(&r);
	buf_done(&out);
}

static void
refuses(void **state)
{
	static const size_t steps[] = { 1, 7, 8, 9, 1000, SIZE_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct buf in = { 0 };

		bad_rows[i].put(&in);
		for (size_t k = 0; k < COUNT_OF(steps); k++)
			check_bad(&bad_rows[i], &in, steps[k]);
		buf_done(&in);
	}
}

static void
answers_a_second_request_and_goes_on(void **state)
{
	struct buf in = { 0 };

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_begin(&in, 2, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 1, SLICE_LIT("\1\1ab"), 0);
	put_record(&in, FCGI_PARAMS, 2, SLICE_LIT("\1\1xy"), 7);
	put_record(&in, FCGI_PARAMS, 2, SLICE_NONE, 0);
	put_record(&in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 2, SLICE_LIT("other body"), 0);
	put_record(&in, FCGI_ABORT_REQUEST, 2, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 1, SLICE_NONE, 0);
	for (size_t i = 0; i < in.len; i++) {
		struct request r = { 0 };
		struct buf out = { 0 };
		struct slice a = { in.p, i }, b = { in.p + i, in.len - i };

		assert_int_equal(request_feed(&r, &limits, &a, &out),
				 REQUEST_MORE);
		assert_int_equal(request_feed(&r, &limits, &b, &out),
				 REQUEST_WHOLE);
		assert_true(slice_eq(r.params, SLICE_LIT("\1\1ab")));
		assert_int_equal(r.body_len, 0);
		assert_int_equal(out.len, 16);
		assert_memory_equal(out.p,
				    "\1\3\0\2\0\10\0\0\0\0\0\0\1\0\0\0", 16);
		request_done(&r);
		buf_done(&out);
	}
	buf_done(&in);
}

static void
is_taken_back_at_any_time(void **state)
{
	struct buf whole = { 0 };

	(void)state;
	put_get(&whole, 1, FCGI_KEEP_CONN, "/x");
	/* After BEGIN, after PARAMS, after their end. */
	for (size_t cut = 16; cut < whole.len; cut = cut == 16 ?
	     whole.len - 16 : cut + 8) {
		struct request r = { 0 };
		struct buf in = { 0 }, out = { 0 };
		struct slice rest;

		put(&in, whole.p, cut);
		put_record(&in, FCGI_ABORT_REQUEST, 1, SLICE_NONE, 0);
		put(&in, "next", 4);
		rest = buf_slice(&in);
		assert_int_equal(request_feed(&r, &limits, &rest, &out),
				 REQUEST_ABORTED);
		assert_false(request_has_params(&r));
		assert_int_equal(rest.len, 4);
		assert_int_equal(out.len, 16);
		assert_memory_equal(out.p,
				    "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0", 16);
		request_done(&r);
		buf_done(&in);
		buf_done(&out);
	}
	buf_done(&whole);
}

static int
refuse_body(void *user, struct request *r, struct slice piece)
{
	(void)user;
	(void)r;
	(void)piece;
	return -EMSGSIZE;
}

static void
body_may_be_refused(void **state)
{
	struct buf in = { 0 }, out = { 0 };
	struct request r = { .on_body = refuse_body };
	struct slice rest;

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 1, SLICE_LIT("x"), 0);
	rest = buf_slice(&in);
	assert_int_equal(request_feed(&r, &limits, &rest, &out), REQUEST_BAD);
	assert_int_equal(r.status, 413);
	request_done(&r);
	buf_done(&in);
}

static void
late_abort_is_skipped(void **state)
{
	struct buf in = { 0 }, out = { 0 };
	struct request r = { 0 };
	struct slice rest;

	(void)state;
	put_record(&in, FCGI_ABORT_REQUEST, 1, SLICE_NONE, 0);
	put_get(&in, 1, 0, "/x");
	rest = (struct slice){ in.p, 8 };
	assert_int_equal(request_feed(&r, &limits, &rest, &out), REQUEST_MORE);
	assert_true(request_is_idle(&r));
	rest = (struct slice){ in.p + 8, in.len - 8 };
	assert_int_equal(request_feed(&r, &limits, &rest, &out),
			 REQUEST_WHOLE);
	request_done(&r);
	buf_done(&in);
}

/* Feeds single bytes while the n-th allocation fails. */
static enum request_result
feed_with_fault(const struct buf *in, size_t n, bool *ret_failed)
{
	struct request r = { 0 };
	struct buf out = { 0 };
	enum request_result result = REQUEST_MORE;

	fault_arm(n);
	for (size_t i = 0; i < in->len && result == REQUEST_MORE; i++) {
		struct slice s = { in->p + i, 1 };

		result = request_feed(&r, &limits, &s, &out);
	}
	*ret_failed = fault_disarm();
	if (result == REQUEST_BAD)
		assert_int_equal(r.status, 0);
	request_done(&r);
	buf_done(&out);
	return result;
}

static void
gives_up_without_memory(void **state)
{
	struct buf in = { 0 };
	bool failed = true;
	enum request_result result;

	(void)state;
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_begin(&in, 2, FCGI_RESPONDER, 0);
	for (int i = 0; i < 40; i++)
		put_record(&in, FCGI_PARAMS, 1, SLICE_LIT("\1\3abcd"), 0);
	put_record(&in, FCGI_ABORT_REQUEST, 1, SLICE_NONE, 0);
	for (size_t n = 1; failed; n++) {
		result = feed_with_fault(&in, n, &failed);
		assert_int_equal(result, failed ? REQUEST_BAD :
						  REQUEST_ABORTED);
		assert_true(n < 100);
	}
	buf_done(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_in_one_read_allocates_nothing),
		cmocka_unit_test(takes_every_split),
		cmocka_unit_test(takes_single_bytes),
		cmocka_unit_test(knows_when_params_are_complete),
		cmocka_unit_test(gives_back_the_next_request),
		cmocka_unit_test(refuses),
		cmocka_unit_test(answers_a_second_request_and_goes_on),
		cmocka_unit_test(is_taken_back_at_any_time),
		cmocka_unit_test(body_may_be_refused),
		cmocka_unit_test(late_abort_is_skipped),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
