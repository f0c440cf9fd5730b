/* SPDX-License-Identifier: MIT */
#include "lib/sse/event.h"

#include <errno.h>

#include "tests/unit/unit.h"

enum { MAX_DATA = 16 };

/* Lengths at and above the bounds. */
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X255 X64 X64 X64 X16 X16 X16 "xxxxxxxxxxxxxxx"

static const struct {
	struct event e;
	bool ours;
	int result;
	const char *field;
	size_t at;
} rows[] = {
	/* topics */
	{ { .topic = SLICE_LIT("a") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT(X255) }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a/*/b*c/**") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("\xc3\xa9 \xf0\x9f\x98\x80") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("private/x") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("/") }, false, 0, NULL, 0 },
	{ { .topic = { NULL, 0 } }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT("") }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT(X255 "x") }, false, -EINVAL, "topic", 255 },
	{ { .topic = SLICE_LIT("*") }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT("a/*") }, false, -EINVAL, "topic", 2 },
	{ { .topic = SLICE_LIT("/*") }, false, -EINVAL, "topic", 1 },
	{ { .topic = SLICE_LIT("a{b") }, false, -EINVAL, "topic", 1 },
	{ { .topic = SLICE_LIT("ab}") }, false, -EINVAL, "topic", 2 },
	{ { .topic = SLICE_LIT("a\nb") }, false, -EINVAL, "topic", 1 },
	{ { .topic = SLICE_LIT("ab\0") }, false, -EINVAL, "topic", 2 },
	{ { .topic = SLICE_LIT("a\x7f") }, false, -EINVAL, "topic", 1 },
	{ { .topic = SLICE_LIT("\xc2\x80") }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT("a\xc2\x9f") }, false, -EINVAL, "topic", 1 },
	{ { .topic = SLICE_LIT("a\xc2\xa0") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("\xff") }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT("abc\xe2\x82") }, false, -EINVAL, "topic", 3 },
	{ { .topic = SLICE_LIT("$SYS/hub") }, false, -EINVAL, "topic", 0 },
	{ { .topic = SLICE_LIT("$SYS/hub") }, true, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("$SYS") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("$sys/x") }, false, 0, NULL, 0 },
	/* other topics */
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\1b\7\0\3a/b") },
	  false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\1a") },
	  false, -EINVAL, "also", 0 },
	{ { .topic = SLICE_LIT("a"),
	    .also = SLICE_LIT("\7\0\1b\7\0\1c\7\0\1b") },
	  false, -EINVAL, "also", 0 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\0") },
	  false, -EINVAL, "also", 0 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\3b/*") },
	  false, -EINVAL, "also", 2 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\2b{") },
	  false, -EINVAL, "also", 1 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\6$SYS/x") },
	  false, -EINVAL, "also", 0 },
	{ { .topic = SLICE_LIT("a"), .also = SLICE_LIT("\7\0\6$SYS/x") },
	  true, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"),
	    .also = SLICE_LIT("\7\0\0011\7\0\0012\7\0\0013\7\0\0014\7\0\0015"
			      "\7\0\0016\7\0\0017\7\0\0018\7\0\0019") },
	  false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"),
	    .also = SLICE_LIT("\7\0\0011\7\0\0012\7\0\0013\7\0\0014\7\0\0015"
			      "\7\0\0016\7\0\0017\7\0\0018\7\0\0019\7\0\0010") },
	  false, -EINVAL, "also", 0 },
	/* names */
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT(X255) }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("") }, false, -EINVAL, "event", 0 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT(X255 "x") }, false, -EINVAL, "event", 255 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("n\ndata: x") }, false, -EINVAL, "event", 1 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("n\r") }, false, -EINVAL, "event", 1 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("nam\0e") }, false, -EINVAL, "event", 3 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("n\xc0\xaf") }, false, -EINVAL, "event", 1 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("sse-gap") }, false, -EINVAL, "event", 0 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("sse-gap") }, true, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .name = SLICE_LIT("sse") }, false, 0, NULL, 0 },
	/* ids */
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("order-42") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT(X255) }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("") }, false, -EINVAL, "id", 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT(X255 "x") }, false, -EINVAL, "id", 255 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("a\0") }, false, -EINVAL, "id", 1 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("12\n") }, false, -EINVAL, "id", 2 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("earliest") }, false, -EINVAL, "id", 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("abcdefgh-12") }, false, -EINVAL, "id", 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("abcdefgh-12") }, true, -EINVAL, "id", 0 },
	{ { .topic = SLICE_LIT("a"), .id = SLICE_LIT("abcdefgh-012") }, false, 0, NULL, 0 },
	/* keys */
	{ { .topic = SLICE_LIT("a"), .key = SLICE_LIT("\0\xff\n") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .key = SLICE_LIT(X64) }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .key = SLICE_LIT("") }, false, -EINVAL, "key", 0 },
	{ { .topic = SLICE_LIT("a"), .key = SLICE_LIT(X64 "x") }, false, -EINVAL, "key", 64 },
	/* data */
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT(X16) }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT("") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT("\0\r\n\x7f\xc2\x80") }, false, 0, NULL, 0 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT(X16 "x") }, false, -EMSGSIZE, "data", 16 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT("abc\xff") }, false, -EINVAL, "data", 3 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT("ab\xed\xa0\x80") }, false, -EINVAL, "data", 2 },
	{ { .topic = SLICE_LIT("a"), .data = SLICE_LIT("abcd\xf0\x9f\x98") }, false, -EINVAL, "data", 4 },
};

static void
says_what_is_wrong_and_where(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct event_fault fault = { .field = "none", .at = 99 };
		int r = event_check(&rows[i].e, MAX_DATA, rows[i].ours, &fault);

		unit_check(r == rows[i].result, "row %zu gave %d: %s", i, r,
			   fault.why);
		assert_int_equal(event_check(&rows[i].e, MAX_DATA, rows[i].ours,
					     NULL), r);
		if (r == 0)
			continue;
		unit_check(slice_eq(slice_of(fault.field),
				    slice_of(rows[i].field)) &&
			   fault.at == rows[i].at, "row %zu: %s at %zu: %s", i,
			   fault.field, fault.at, fault.why);
		assert_in_range(strlen(fault.why), 20, sizeof(fault.why) - 2);
	}
}

static void
checks_topics_from_elsewhere(void **state)
{
	struct event_fault fault;

	(void)state;
	assert_int_equal(topic_check(SLICE_LIT("$SYS/hub"), &fault), 0);
	assert_int_equal(topic_check(SLICE_LIT("a\nb"), &fault), -EINVAL);
	assert_int_equal(fault.at, 1);
	assert_string_equal(fault.field, "topic");
	assert_string_equal(fault.why,
			    "the topic has a control character at byte 1 "
			    "(0x0a); leave out line ends and the like");
	assert_int_equal(topic_check(SLICE_NONE, NULL), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong_and_where),
		cmocka_unit_test(checks_topics_from_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
