/* SPDX-License-Identifier: MIT */
#include "cgi/answer.h"

#include <errno.h>

#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"

#define HEAD "Status: 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define HTTP_HEAD                                                              \
	"HTTP/1.1 200 OK\r\nConnection: close\r\n"                             \
	"Content-Type: text/event-stream\r\n\r\n"

static void
put_end(struct buf *b, uint8_t status)
{
	const char body[8] = { 0, 0, 0, 0, (char)status };

	put_record(b, FCGI_END_REQUEST, 1, (struct slice){ body, 8 }, 3);
}

/* What comes out when `in` comes in two pieces, cut at `cut`. */
static int
feed(struct answer *a, struct slice in, size_t cut, struct buf *out,
     struct buf *err)
{
	int r = answer_feed(a, (struct slice){ in.p, cut }, out, err);

	if (r == 0)
		r = answer_feed(a, (struct slice){ in.p + cut, in.len - cut },
				out, err);
	return r;
}

static void
check(const struct buf *in, bool is_nph, const char *want)
{
	for (size_t cut = 0; cut <= in->len; cut++) {
		struct answer a = { .is_nph = is_nph };
		struct buf out = { 0 }, err = { 0 };

		assert_int_equal(feed(&a, buf_slice(in), cut, &out, &err), 0);
		assert_true(a.is_over && !a.is_refused && a.has_head);
		unit_check(slice_eq(buf_slice(&out), slice_of(want)),
			   "cut at %zu: %.*s", cut, (int)out.len, out.p);
		assert_true(slice_eq(buf_slice(&err), SLICE_LIT("said")));
		buf_done(&out);
		buf_done(&err);
		answer_done(&a);
	}
}

static void
goes_on_as_it_comes(void **state)
{
	struct buf in = { 0 };

	(void)state;
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT(HEAD ":\n\n"), 0);
	put_record(&in, FCGI_STDERR, 1, SLICE_LIT("said"), 1);
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT("data: x\n\n"), 255);
	put_record(&in, FCGI_STDOUT, 1, SLICE_NONE, 0);
	put_end(&in, FCGI_REQUEST_COMPLETE);
	check(&in, false, HEAD ":\n\ndata: x\n\n");
	check(&in, true, HTTP_HEAD ":\n\ndata: x\n\n");
	buf_done(&in);
}

/* The head of an nph- program in pieces, and its Status: anywhere in it. */
static void
writes_the_status_line(void **state)
{
	struct buf in = { 0 };

	(void)state;
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT("Allow: GET\r\nstat"), 0);
	put_record(&in, FCGI_STDERR, 1, SLICE_LIT("said"), 0);
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT("us:405 No\r\n\r\nno\r\n\r\n"),
		   0);
	put_end(&in, FCGI_REQUEST_COMPLETE);
	check(&in, true, "HTTP/1.1 405 No\r\nConnection: close\r\n"
	      "Allow: GET\r\n\r\nno\r\n\r\n");
	buf_done(&in);
}

static void
takes_nothing_behind_the_end(void **state)
{
	struct answer a = { 0 };
	struct buf in = { 0 }, out = { 0 };

	(void)state;
	put_end(&in, FCGI_OVERLOADED);
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT("more"), 0);
	assert_int_equal(answer_feed(&a, buf_slice(&in), &out, NULL), 0);
	assert_true(a.is_over && a.is_refused && !a.has_head);
	assert_int_equal(out.len, 0);
	buf_done(&in);
}

static void
refuses_what_no_worker_sends(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t id;
		size_t len;
	} rows[] = {
		{ FCGI_BEGIN_REQUEST, 1, 8 }, { FCGI_PARAMS, 1, 3 },
		{ FCGI_STDIN, 1, 0 },	      { FCGI_STDOUT, 0, 3 },
		{ FCGI_END_REQUEST, 1, 7 },   { FCGI_END_REQUEST, 1, 9 },
		{ FCGI_END_REQUEST, 1, 0 },   { 99, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct answer a = { 0 };
		struct buf in = { 0 }, out = { 0 };

		put_record(&in, rows[i].type, rows[i].id,
			   (struct slice){ "123456789", rows[i].len }, 0);
		unit_check(answer_feed(&a, buf_slice(&in), &out, NULL) ==
			       -EPROTO, "row %zu", i);
		assert_int_equal(out.len, 0);
		buf_done(&in);
	}
}

static void
keeps_a_bounded_head(void **state)
{
	static const char zeros[32768];
	struct answer a = { .is_nph = true };
	struct buf in = { 0 }, out = { 0 };
	int r = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		put_record(&in, FCGI_STDOUT, 1,
			   (struct slice){ zeros, sizeof(zeros) }, 0);
	r = answer_feed(&a, buf_slice(&in), &out, NULL);
	assert_int_equal(r, -EPROTO);
	assert_true(a.head.len <= ANSWER_HEAD_MAX);
	answer_done(&a);
	buf_done(&in);
}

static void
has_answers_of_its_own(void **state)
{
	struct answer plain = { 0 }, nph = { .is_nph = true };
	struct answer head = { .no_body = true };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(answer_later(&plain, 5000, &out), 0);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT(
		"Status: 200 OK\r\nContent-Type: text/event-stream\r\n"
		"Cache-Control: no-cache, no-transform\r\n"
		"Access-Control-Allow-Origin: *\r\n\r\n"
		":\nretry: 5000\n\n")));
	buf_clear(&out);
	assert_int_equal(answer_later(&nph, 5000, &out), 0);
	assert_true(slice_starts(buf_slice(&out), SLICE_LIT(
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: ")));
	buf_clear(&out);
	assert_int_equal(answer_status(&head, "503 Later", "why", &out), 0);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT(
		"Status: 503 Later\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"X-Content-Type-Options: nosniff\r\n"
		"Cache-Control: no-store\r\n\r\n")));
	buf_clear(&out);
	assert_int_equal(answer_status(&nph, "503 Later", "why", &out), 0);
	assert_true(slice_starts(buf_slice(&out),
				 SLICE_LIT("HTTP/1.1 503 Later\r\n")));
	assert_memory_equal(out.p + out.len - 8, "\r\n\r\nwhy\n", 8);
	buf_done(&out);
}

static void
pages_of_all_origins_may_come_back(void **state)
{
	static const struct {
		const char *origin, *allowed;
	} rows[] = {
		{ "https://a.example:8443",
		  "Allow-Origin: https://a.example:8443\r\n"
		  "Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n\r\n" },
		{ "null", "Allow-Origin: null\r\nAccess-Control-Allow-Cred" },
		{ NULL, "Allow-Origin: *\r\n\r\n" },
		{ "", "Allow-Origin: *\r\n\r\n" },
		{ "https://a\r\nSet-Cookie: x", "Allow-Origin: *\r\n\r\n" },
		{ "https://a b", "Allow-Origin: *\r\n\r\n" },
		{ "https://\xc3\xa4", "Allow-Origin: *\r\n\r\n" },
	};
	struct buf out = { 0 };
	char longest[302];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct answer a = { .origin = rows[i].origin };

		answer_restart(&a);
		assert_int_equal(answer_later(&a, 1, &out), 0);
		assert_int_equal(buf_append_char(&out, '\0'), 0);
		unit_check(strstr(out.p, rows[i].allowed), "%s: %s",
			   rows[i].origin ? rows[i].origin : "-", out.p);
		buf_clear(&out);
	}
	memset(longest, 'x', sizeof(longest));
	for (size_t len = 300; len <= 301; len++) {
		struct answer a = { .origin = longest };

		longest[len] = '\0';
		assert_int_equal(answer_later(&a, 1, &out), 0);
		assert_int_equal(buf_append_char(&out, '\0'), 0);
		assert_true(!strstr(out.p, "Origin: *") == (len <= 300));
		buf_clear(&out);
		longest[len] = 'x';
	}
	buf_done(&out);
}

static void
says_when_memory_is_out(void **state)
{
	struct buf in = { 0 };

	(void)state;
	put_record(&in, FCGI_STDOUT, 1, SLICE_LIT(HEAD "x"), 0);
	put_end(&in, FCGI_REQUEST_COMPLETE);
	for (size_t n = 1;; n++) {
		struct answer a = { .is_nph = true };
		struct buf out = { 0 };
		int r;

		fault_arm(n);
		r = answer_feed(&a, buf_slice(&in), &out, NULL);
		if (r == 0)
			r = answer_later(&a, 1, &out);
		if (r == 0)
			r = answer_status(&a, "1", "2", &out);
		answer_done(&a);
		buf_done(&out);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ENOMEM);
	}
	buf_done(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_as_it_comes),
		cmocka_unit_test(writes_the_status_line),
		cmocka_unit_test(takes_nothing_behind_the_end),
		cmocka_unit_test(refuses_what_no_worker_sends),
		cmocka_unit_test(keeps_a_bounded_head),
		cmocka_unit_test(has_answers_of_its_own),
		cmocka_unit_test(pages_of_all_origins_may_come_back),
		cmocka_unit_test(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
