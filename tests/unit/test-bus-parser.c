/* SPDX-License-Identifier: MIT */
/* The public parser and matcher; what they rest on is tested in its room. */
#include <sse-fcgi/parser.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sse-fcgi/event.h>

#include "tests/unit/unit.h"

static const char stream[] =
"retry: 250\n\n:hello\nid: a1\n\ndata: one\ndata: two\n\n"
"event: tick\nid: a2\ndata:\xff\r\n\r\n";

static char seen[1024];

static int
note(void *user, const struct sse_parsed *e)
{
	size_t len = strlen(seen);

	snprintf(seen + len, sizeof(seen) - len, "[%.*s|%.*s|%.*s]",
		 (int)e->name_len, e->name, (int)e->data_len, e->data,
		 (int)e->last_id_len, e->last_id);
	return user != NULL ? *(int *)user : 0;
}

static void
reads_a_stream_cut_anywhere(void **state)
{
	struct sse_parser *p;
	size_t cut, len;

	(void)state;
	for (cut = 0; cut < sizeof(stream); cut++) {
		seen[0] = '\0';
		assert_int_equal(sse_parser_new(100, note, NULL, &p), 0);
		assert_int_equal(sse_parser_retry(p), -1);
		assert_null(sse_parser_last_id(p, &len));
		assert_int_equal(sse_parser_push(p, stream, cut), 0);
		assert_int_equal(sse_parser_push(p, stream + cut,
						 sizeof(stream) - 1 - cut), 0);
		assert_string_equal(seen, "[message|one\ntwo|a1]"
				    "[tick|\xef\xbf\xbd|a2]");
		assert_int_equal(sse_parser_retry(p), 250);
		assert_string_equal(sse_parser_last_id(p, &len), "a2");
		assert_int_equal(len, 2);
		sse_parser_free(p);
	}
}

static void
forgets_half_an_event_when_the_connection_ends(void **state)
{
	static const char half[] = "\xef\xbb\xbfid: b\ndata: x\n\nid: c\n"
				   "data: half";
	static const char rest[] = "data: y\n\n";
	struct sse_parser *p;
	size_t len;

	(void)state;
	seen[0] = '\0';
	assert_int_equal(sse_parser_new(100, note, NULL, &p), 0);
	assert_int_equal(sse_parser_set_last_id(p, "a"), 0);
	assert_string_equal(sse_parser_last_id(p, &len), "a");
	assert_int_equal(sse_parser_push(p, half, sizeof(half) - 1), 0);
	sse_parser_restart(p);
	assert_string_equal(sse_parser_last_id(p, &len), "b");
	assert_int_equal(sse_parser_push(p, rest, sizeof(rest) - 1), 0);
	assert_string_equal(seen, "[message|x|b][message|y|b]");
	sse_parser_free(p);
}

static void
says_what_went_wrong(void **state)
{
	static const char two[] = "data: 1\n\ndata: 2\n\n";
	int stop = -ECANCELED;
	struct sse_parser *p;

	(void)state;
	seen[0] = '\0';
	assert_int_equal(sse_parser_new(10, note, &stop, &p), 0);
	assert_int_equal(sse_parser_push(p, two, sizeof(two) - 1), -ECANCELED);
	assert_string_equal(seen, "[message|1|]");
	sse_parser_restart(p);
	assert_int_equal(sse_parser_push(p, "data: 0123456789", 16), -EMSGSIZE);
	sse_parser_free(p);
	sse_parser_free(NULL);
}

static void
matches_topics(void **state)
{
	const struct {
		const char *selector, *topic;
		int want;
	} rows[] = {
		{ "news", "news", 1 },
		{ "news", "newsroom", 0 },
		{ "news/*", "news/a/b", 1 },
		{ "news/*", "news", 0 },
		{ "*", "news/a", 1 },
		{ "*", "$SYS/hub", 0 },
		{ "*", "private/a", 0 },
		{ "private/*", "private/a", 1 },
		{ "$SYS/*", "$SYS/hub", 1 },
		{ "a/{x}/c", "a/b/c", 1 },
		{ "a/{x}/c", "a/b/b/c", 0 },
		{ "a/{x", "a/b", -EINVAL },
		{ "a", "", -EINVAL },
		{ "", "a", -EINVAL },
	};
	char error[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		unit_check(sse_topic_matches(rows[i].selector, rows[i].topic) ==
			   rows[i].want, "%s, %s", rows[i].selector,
			   rows[i].topic);
	assert_int_equal(sse_selector_check("a/{x}", error, sizeof(error)), 0);
	assert_int_equal(sse_selector_check("a/{x", error, sizeof(error)),
			 -EINVAL);
	assert_true(strlen(error) > 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_stream_cut_anywhere),
		cmocka_unit_test(forgets_half_an_event_when_the_connection_ends),
		cmocka_unit_test(says_what_went_wrong),
		cmocka_unit_test(matches_topics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
