/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define HOST "Host: localhost\r\n"
#define POST "POST /news?a=b HTTP/1.1\r\n" HOST

enum { BODY_MAX = 20 };

/* Feeds one part, in memory of its own and that is gone afterwards. */
static enum http_result
feed_part(struct http_request *r, struct slice part, size_t *ret_left)
{
	char *copy = malloc(part.len ? part.len : 1);
	struct slice in = { copy, part.len };
	enum http_result result;

	assert_non_null(copy);
	memcpy(copy, part.p, part.len);
	result = http_feed(r, &in);
	if (result == HTTP_HEAD) {
		r->body_max = BODY_MAX;
		result = http_feed(r, &in);
	}
	*ret_left = in.len;
	free(copy);
	return result;
}

/* All of it, cut into two at `at`. */
static enum http_result
feed_at(struct http_request *r, struct slice all, size_t at, size_t *ret_left)
{
	struct slice first = { all.p, at };
	struct slice second = { all.p + at, all.len - at };
	enum http_result result = feed_part(r, first, ret_left);

	if (result == HTTP_MORE)
		return feed_part(r, second, ret_left);
	*ret_left += second.len;
	return result;
}

struct whole {
	const char *text, *body;
	bool keep, wants_continue;
	size_t left;
};

static const struct whole wholes[] = {
	{ POST "\r\n", "", true, false, 0 },
	{ POST "Content-Length: 0\r\n\r\n", "", true, false, 0 },
	{ POST "content-length: 5\r\n\r\nhello", "hello", true, false, 0 },
	{ POST "Content-Length:5\r\n\r\nhelloPOST", "hello", true, false, 4 },
	{ POST "Content-Length: 20\r\n\r\n01234567890123456789",
	  "01234567890123456789", true, false, 0 },
	{ POST "Transfer-Encoding: Chunked\r\n\r\n"
	  "3\r\nhel\r\n02\r\nlo\r\n0\r\n\r\nmore", "hello", true, false, 4 },
	{ POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", true, false,
	  0 },
	{ POST "Connection: close\r\nContent-Length: 1\r\n\r\nx", "x", false,
	  false, 0 },
	{ POST "Connection: x, Close \r\n\r\n", "", false, false, 0 },
	{ POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx", "x", true,
	  true, 0 },
	{ "POST /news?a=b HTTP/1.0\r\nContent-Length: 1\r\n\r\nx", "x", false,
	  false, 0 },
	{ "POST /news?a=b HTTP/1.0\r\nConnection: keep-alive\r\n"
	  "Expect: 100-continue\r\n\r\n", "", true, false, 0 },
	{ POST "X-Other: a\r\nX-Other: b\r\nEmpty:\r\n\r\n", "", true, false,
	  0 },
};

static void
reads_requests_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wholes); i++) {
		const struct whole *w = &wholes[i];
		struct slice all = slice_of(w->text);

		for (size_t at = 0; at <= all.len; at++) {
			struct http_request r = { 0 };
			size_t left;
			enum http_result result = feed_at(&r, all, at, &left);

			unit_check(result == HTTP_WHOLE,
				   "row %zu cut at %zu: %d %s", i, at, result,
				   r.why ? r.why : "");
			unit_check(slice_eq(buf_slice(&r.body),
					    slice_of(w->body)) &&
				   r.keep == w->keep && left == w->left &&
				   r.wants_continue == w->wants_continue,
				   "row %zu cut at %zu", i, at);
			assert_true(slice_eq(r.params.method,
					     SLICE_LIT("POST")));
			assert_true(slice_eq(r.params.query,
					     SLICE_LIT("a=b")));
			assert_int_equal(feed_part(&r, all, &left), HTTP_BAD);
			http_done(&r);
		}
	}
}

static const struct {
	const char *text;
	int status;
} bads[] = {
	{ "\r\n", 400 },
	{ "\n", 400 },
	{ "POST /x HTTP/1.1\n", 400 },
	{ "POST  /x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "POST /x HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ "POST /x HTTP/2.0\r\n" HOST "\r\n", 400 },
	{ "POST /x\r\n\r\n", 400 },
	{ "POST x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "POST http://localhost/x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "POST /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "P(ST /x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "POST /x HTTP/1.1\r\n\r\n", 400 },		/* no Host */
	{ POST HOST "\r\n", 400 },			/* two */
	{ POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
	{ POST "Content-Length: +5\r\n\r\n", 400 },
	{ POST "Content-Length: 5, 5\r\n\r\n", 400 },
	{ POST "Content-Length: \r\n\r\n", 400 },
	{ POST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
	{ POST "Content-Length: 21\r\n\r\n", 413 },
	{ POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
	  "\r\n", 400 },
	{ "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding : chunked\r\n\r\n", 400 },
	{ POST " folded\r\n\r\n", 400 },
	{ POST "X: a\r\n\tfolded\r\n\r\n", 400 },
	{ POST "X: a\rContent-Length: 1\r\n\r\n", 400 },
	{ POST "X: a\x01\r\n\r\n", 400 },
	{ POST "Nothing\r\n\r\n", 400 },
	{ POST ": value\r\n\r\n", 400 },
	{ POST "Content-Type: a\r\ncontent-type: b\r\n\r\n", 400 },
	{ POST "Expect: more\r\n\r\n", 417 },
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
	{ CHUNKED "\r\n", 400 },
	{ CHUNKED "x\r\n", 400 },
	{ CHUNKED "-1\r\n", 400 },
	{ CHUNKED "1;a=b\r\n", 400 },
	{ CHUNKED "1\n", 400 },
	{ CHUNKED "000000001\r\n", 400 },
	{ CHUNKED "15\r\n", 413 },
	{ CHUNKED "ffffffff\r\n", 413 },
	{ CHUNKED "1\r\nxy\r\n", 400 },
	{ CHUNKED "0\r\nTrailer: x\r\n\r\n", 400 },
};

static void
refuses_what_is_not_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bads); i++) {
		struct slice all = slice_of(bads[i].text);

		for (size_t at = 0; at <= all.len; at++) {
			struct http_request r = { 0 };
			size_t left;
			enum http_result result = feed_at(&r, all, at, &left);

			unit_check(result == HTTP_BAD &&
				   r.status == bads[i].status && r.why,
				   "row %zu cut at %zu: %d, %d %s", i, at,
				   result, r.status, r.why ? r.why : "");
			http_done(&r);
		}
	}
}

/* Neither a long line, nor many of them, nor many fields. */
static void
is_bounded(void **state)
{
	static char text[2 * HTTP_HEAD_MAX];
	struct http_request r = { 0 };
	size_t left, len;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(feed_part(&r, (struct slice){ text, sizeof(text) },
				   &left), HTTP_BAD);
	assert_int_equal(r.status, 431);
	http_done(&r);
	len = (size_t)snprintf(text, sizeof(text), POST);
	for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"A: b\r\n");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
	assert_int_equal(feed_part(&r, (struct slice){ text, len }, &left),
			 HTTP_BAD);
	assert_int_equal(r.status, 431);
	http_done(&r);
}

static void
passes_fields_on(void **state)
{
	static const char text[] = POST
	    "Content-Type:  text/plain \r\nIdempotency-Key: k 1\r\n"
	    "Origin: http://a\r\nReferer: http://a/b\r\n\r\n";
	struct http_request r = { 0 };
	size_t left;

	(void)state;
	assert_int_equal(feed_part(&r, slice_of(text), &left), HTTP_WHOLE);
	assert_true(slice_eq(r.params.content_type, SLICE_LIT("text/plain")));
	assert_true(slice_eq(r.params.idempotency_key, SLICE_LIT("k 1")));
	assert_true(slice_eq(r.params.origin, SLICE_LIT("http://a")));
	assert_true(slice_eq(r.params.referer, SLICE_LIT("http://a/b")));
	assert_true(slice_eq(r.params.host, SLICE_LIT("localhost")));
	http_done(&r);
}

static void
says_when_memory_is_out(void **state)
{
	struct slice all = slice_of(POST "Content-Length: 5\r\n\r\nhello");
	enum http_result result = HTTP_BAD;

	(void)state;
	for (int n = 1; result != HTTP_WHOLE; n++) {
		struct http_request r = { 0 };
		struct slice in = all;

		assert_true(n < 100);
		fault_arm(n);
		result = http_feed(&r, &in);
		if (result == HTTP_HEAD) {
			r.body_max = BODY_MAX;
			result = http_feed(&r, &in);
		}
		fault_disarm();
		if (result != HTTP_WHOLE)
			assert_int_equal(r.status, 503);
		http_done(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_requests_cut_anywhere),
		cmocka_unit_test(refuses_what_is_not_one),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(passes_fields_on),
		cmocka_unit_test(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
