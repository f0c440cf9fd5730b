/* SPDX-License-Identifier: MIT */
#include "fcgi/reply.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

#define END "[STDOUT 258 ][END 258 0]"
#define STREAM                                                                 \
	"Status: 200 OK\r\nContent-Type: text/event-stream\r\n"               \
	"Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n"
#define PLAIN(length)                                                          \
	"Content-Type: text/plain; charset=utf-8\r\n"                         \
	"Content-Length: " length "\r\nX-Content-Type-Options: nosniff\r\n"   \
	"Cache-Control: no-store\r\n"

/* Writes the records as text: [STDOUT id content] and [END id status]. */
static void
check_records(struct buf *b, const char *want)
{
	struct buf out = { 0 };
	size_t at = 0;

	while (at < b->len) {
		const uint8_t *h = (const uint8_t *)b->p + at;
		int len = h[4] << 8 | h[5], id = h[2] << 8 | h[3];

		assert_true(b->len - at >= 8 && h[0] == 1 && h[6] == 0);
		assert_true(b->len - at >= 8 + (size_t)len);
		if (h[1] == FCGI_STDOUT)
			buf_printf(&out, "[STDOUT %d %.*s]", id, len,
				   (const char *)h + 8);
		else
			buf_printf(&out, "[END %d %d]", id, h[12]);
		at += 8 + (size_t)len;
	}
	unit_check(slice_eq(buf_slice(&out), slice_of(want)), "%.*s\nwant %s",
		   (int)out.len, out.p, want);
	buf_done(&out);
	buf_done(b);
}

static void
starts_a_stream_in_one_record(void **state)
{
	struct reply r = { .id = 258 };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(reply_stream(&out, &r, 3000, SLICE_NONE), 0);
	check_records(&out, "[STDOUT 258 " STREAM "\r\n"
			    ":\nretry: 3000\n\n]");
	r.headers = SLICE_LIT("Set-Cookie: a=b\r\n");
	assert_int_equal(reply_stream(&out, &r, 0, SLICE_LIT("e-7")), 0);
	check_records(&out, "[STDOUT 258 " STREAM "Set-Cookie: a=b\r\n\r\n"
			    ":\nretry: 0\nid: e-7\n\n]");
}

static void
head_has_no_body(void **state)
{
	struct reply r = { .id = 258, .head = true };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(reply_stream(&out, &r, 3000, SLICE_LIT("e-7")), 0);
	check_records(&out, "[STDOUT 258 " STREAM "\r\n]" END);
	assert_int_equal(reply_later(&out, &r, 3000), 0);
	check_records(&out, "[STDOUT 258 " STREAM "\r\n]" END);
	assert_int_equal(reply_answer(&out, &r, 403, SLICE_LIT("No.")), 0);
	check_records(&out, "[STDOUT 258 Status: 403 Forbidden\r\n" PLAIN("4")
			    "\r\n]" END);
}

static void
says_come_back_later(void **state)
{
	struct reply r = { .id = 258 };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(reply_later(&out, &r, 4321), 0);
	check_records(&out, "[STDOUT 258 " STREAM
			    "\r\n:\nretry: 4321\n\n]" END);
}

static void
refuses_in_plain_text(void **state)
{
	struct reply r = { .id = 258,
			   .headers = SLICE_LIT("Allow: GET\r\n") };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(reply_answer(&out, &r, 405, SLICE_LIT("Use GET.")),
			 0);
	check_records(&out, "[STDOUT 258 Status: 405 Method Not Allowed\r\n"
			    PLAIN("9") "Allow: GET\r\n\r\nUse GET.\n]" END);
	assert_int_equal(reply_answer(&out, &r, 204, SLICE_NONE), 0);
	check_records(&out, "[STDOUT 258 Status: 204 No Content\r\n"
			    "Allow: GET\r\n\r\n]" END);
	assert_int_equal(reply_answer(&out, &r, 499, SLICE_NONE), 0);
	check_records(&out, "[STDOUT 258 Status: 499 Other\r\n" PLAIN("1")
			    "Allow: GET\r\n\r\n\n]" END);
	assert_int_equal(reply_end(&out, 258), 0);
	check_records(&out, END);
}

static void
leaves_nothing_half_done(void **state)
{
	char *text = calloc(1, 70000);
	struct reply r = { .id = 1, .headers = { text, 70000 } };
	struct buf out = { 0 };

	(void)state;
	assert_non_null(text);
	put(&out, "kept", 4);
	assert_int_equal(reply_stream(&out, &r, 1, SLICE_NONE), -EMSGSIZE);
	assert_int_equal(reply_later(&out, &r, 1), -EMSGSIZE);
	r.headers = SLICE_NONE;
	assert_int_equal(
	    reply_answer(&out, &r, 400, (struct slice){ text, 65535 }),
	    -EMSGSIZE);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("kept")));
	buf_done(&out);
	free(text);
}

static int
make_each(struct buf *out, int which)
{
	struct reply r = { .id = 1, .headers = SLICE_LIT("A: b\r\n") };

	switch (which) {
	case 0:
		return reply_stream(out, &r, 1, SLICE_LIT("e-1"));
	case 1:
		return reply_later(out, &r, 1);
	case 2:
		return reply_answer(out, &r, 400, SLICE_LIT("No."));
	}
	return reply_end(out, 1);
}

static void
gives_up_without_memory(void **state)
{
	(void)state;
	for (int which = 0; which < 4; which++) {
		bool failed = true;

		for (size_t n = 1; failed; n++) {
			struct buf out = { 0 };
			int e;

			fault_arm(n);
			e = make_each(&out, which);
			failed = fault_disarm();
			assert_int_equal(e, failed ? -ENOMEM : 0);
			assert_int_equal(out.len > 0, !failed);
			buf_done(&out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_a_stream_in_one_record),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(says_come_back_later),
		cmocka_unit_test(refuses_in_plain_text),
		cmocka_unit_test(leaves_nothing_half_done),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
