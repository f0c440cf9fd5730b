/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/publication.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sse/also.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define FORM "application/x-www-form-urlencoded"
#define LINES "application/x-ndjson"

enum { MAX_EVENT = 40 };

struct row {
	const char *type, *topic, *query, *key, *body;
	/* one event as topic(+others)|data|name|id|key|retry|private; or, with a status,
	 * a part of why */
	const char *want;
	int status;
	const char *prefix;
};

static const struct row rows[] = {
	/* as it is */
	{ "text/plain", "news", NULL, NULL, "hello", "news|hello||||-|0", 0,
	  NULL },
	{ NULL, "news", NULL, NULL, "", "news|||||-|0", 0, NULL },
	{ "application/json", "a/b", "event=t%20x&id=7&retry=9&private&x=1",
	  "k", "{}", "a/b|{}|t x|7|k|9|1", 0, NULL },
	{ "text/plain", NULL, "topic=a+b&private=on&key=q", NULL, "x",
	  "a b|x|||q|-|1", 0, NULL },
	{ "text/plain", "x", "key=q", "header", "x", "x|x|||header|-|0", 0,
	  NULL },
	{ "text/plain", "x", NULL, NULL, "y", "site/x|y||||-|0", 0, "site/" },
	{ "text/plain", NULL, NULL, NULL, "x", "No topic", 400, NULL },
	{ "text/plain", "a", "topic=b", NULL, "x", "once", 400, NULL },
	{ "text/plain", "a", "id=1&id=2", NULL, "x", "`id` is given twice",
	  400, NULL },
	{ "text/plain", "a", "also=b&also=c%2Fd", NULL, "x",
	  "s/a+s/b+s/c/d|x||||-|0", 0, "s/" },
	{ "text/plain", NULL, "also=b", NULL, "x", "No topic", 400, NULL },
	{ "text/plain", "a", "also=" X64 X64 X64 X64, NULL, "x", "256 bytes",
	  400, NULL },
	{ "text/plain", "a", "also=" X64 X64 X64 X64, NULL, "x", "256 bytes",
	  400, X64 X64 X64 },
	{ "text/plain", "a", "event=%4", NULL, "x", "`event` holds", 400,
	  NULL },
	{ "text/plain", "a", "event=sse-x", NULL, "x", "cannot be published",
	  400, NULL },
	{ "text/plain", "a", "retry=-1", NULL, "x", "`retry`", 400, NULL },
	{ "text/plain", "a", "retry=4294967296", NULL, "x", "`retry`", 400,
	  NULL },
	{ "text/plain", "a", "private=0", NULL, "x", "`private`", 400, NULL },
	{ "text/plain", "a", "id=", NULL, "x", "id", 400, NULL },
	{ "text/plain", "a/*", NULL, NULL, "x", "topic", 400, NULL },
	{ "text/plain", "$SYS/x", NULL, NULL, "x", "SYS", 400, NULL },
	{ "text/plain", "a", NULL, NULL, "\xff", "data", 400, NULL },
	{ "text/plain", "a", NULL, NULL,
	  "01234567890123456789012345678901234567890", "41 bytes", 413, NULL },
	{ "multipart/form-data; boundary=x", "a", NULL, NULL, "x", "form", 415,
	  NULL },
	/* what curl -d calls a form */
	{ FORM, "news", NULL, NULL, "hello", "news|hello||||-|0", 0, NULL },
	{ FORM, "news", "event=e", NULL, "a=b&c", "news|a=b&c|e|||-|0", 0,
	  NULL },
	{ FORM, "news", NULL, NULL, "data", "news|data||||-|0", 0, NULL },
	{ FORM, "news", NULL, NULL, "data=a%26b", "news|a&b||||-|0", 0, NULL },
	/* forms */
	{ FORM "; charset=utf-8", NULL, NULL, NULL,
	  "topic=https%3A%2F%2Fa%2Fb&data=x+y&type=t&id=urn%3A1&retry=1"
	  "&private=on&other=1", "https://a/b|x y|t|urn:1||1|1", 0, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&private&data=", "a|||||-|1", 0,
	  NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&type=&id=&retry=", "a|||||-|0", 0,
	  NULL },
	{ FORM, NULL, "key=q&id=no", "k", "topic=a", "a||||k|-|0", 0, NULL },
	{ FORM, NULL, "key=q", NULL, "topic=a", "a||||q|-|0", 0, NULL },
	{ FORM, NULL, NULL, NULL, "topic=x&data=y", "s/x|y||||-|0", 0, "s/" },
	{ FORM, NULL, NULL, NULL, "data=x", "No topic", 400, NULL },
	{ FORM, NULL, NULL, NULL, "", "No topic", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&data=x&topic=b%2Fc&topic=d",
	  "a+b/c+d|x||||-|0", 0, NULL },
	{ FORM, "a", NULL, NULL, "topic=b&data=x", "s/a+s/b|x||||-|0", 0,
	  "s/" },
	{ FORM, NULL, NULL, NULL, "topic=a&topic=a", "twice", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&topic=b/*", "last segment", 400,
	  NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&topic=$SYS/x", "SYS", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&topic=%zz", "`topic`", 400, NULL },
	{ FORM, NULL, NULL, NULL,
	  "topic=a&topic=b&topic=c&topic=d&topic=e&topic=f&topic=g&topic=h"
	  "&topic=i&topic=j&topic=k", "more than 10 topics", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&data=1&data=2", "twice", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&id=%23x", "`#`", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&id=earliest", "id", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&data=%zz", "`data`", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=a&data=%00", "`data`", 400, NULL },
	{ FORM, NULL, NULL, NULL, "topic=*", "topic", 400, NULL },
	/* lines */
	{ LINES, NULL, NULL, NULL, "{\"topic\":\"a\",\"data\":[1]}",
	  "a|[1]||||-|0", 0, NULL },
	{ "application/jsonl", "p", NULL, "k",
	  "\n{\"data\":\"x\",\"event\":\"e\",\"id\":\"i\",\"retry\":3,"
	  "\"private\":true}\r\n", "p|x|e|i|k-2|3|1", 0, NULL },
	{ LINES, NULL, NULL, "k", "{\"topic\":\"a\",\"data\":1,\"key\":\"z\"}",
	  "s/a|1|||z|-|0", 0, "s/" },
	{ LINES, "a", NULL, NULL, "{\"data\":1,\"also\":[\"b\",\"c\"]}",
	  "s/a+s/b+s/c|1||||-|0", 0, "s/" },
	{ LINES, "a", NULL, NULL, "{\"data\":1,\"also\":\"b\"}", "Line 1:", 400,
	  NULL },
	{ LINES, "a", NULL, NULL, "{\"data\":1,\"also\":[\"a\"]}", "twice", 400,
	  NULL },
	{ LINES, NULL, NULL, NULL, "{\"data\":1}", "Line 1: No topic", 400,
	  NULL },
	{ LINES, "a", NULL, NULL, "{\"topic\":\"b\"}", "Line 1: `data`", 400,
	  NULL },
	{ LINES, "a", NULL, NULL, "{\"data\":1}\n{", "Line 2: not a JSON", 400,
	  NULL },
	{ LINES, "a", NULL, NULL, "{\"data\":1,\"x\":1}", "Line 1: \"x\"", 400,
	  NULL },
	{ LINES, "a", NULL, NULL, "\n\n", "no line", 400, NULL },
	{ LINES, "a", NULL,
	  "01234567890123456789012345678901234567890123456789012345678",
	  "{\"data\":1}", "Idempotency-Key", 400, NULL },
};

static int
read_row(const struct row *row, struct publication *p)
{
	const struct params params = {
		.content_type = slice_of(row->type),
		.query = slice_of(row->query),
		.idempotency_key = slice_of(row->key),
		.topic_prefix = slice_of(row->prefix),
	};
	const struct publication_source source = {
		.params = &params,
		.topic = slice_of(row->topic),
		.body = slice_of(row->body),
		.max_event = MAX_EVENT,
	};

	return publication_read(&source, p);
}

static void
write_event(const struct event *e, char *out, size_t size)
{
	char retry[24] = "-", topics[100];
	struct slice rest = e->also, topic;
	size_t len = (size_t)snprintf(topics, sizeof(topics), "%.*s",
				      (int)e->topic.len, e->topic.p);

	while (also_next(&rest, &topic))
		len += (size_t)snprintf(topics + len, sizeof(topics) - len,
					"+%.*s", (int)topic.len, topic.p);
	if (e->has_retry)
		snprintf(retry, sizeof(retry), "%u", (unsigned)e->retry_ms);
	snprintf(out, size, "%s|%.*s|%.*s|%.*s|%.*s|%s|%d",
		 topics, (int)e->data.len, e->data.p,
		 (int)e->name.len, e->name.p ? e->name.p : "",
		 (int)e->id.len, e->id.p ? e->id.p : "",
		 (int)e->key.len, e->key.p ? e->key.p : "", retry,
		 e->is_private);
}

static void
reads_each_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct publication p;
		char got[200] = "";
		int r = read_row(row, &p);

		unit_check((r < 0) == (row->status != 0), "row %zu: %d %s", i,
			   p.status, p.why);
		if (r < 0) {
			unit_check(p.status == row->status &&
				   strstr(p.why, row->want), "row %zu: %d %s",
				   i, p.status, p.why);
		} else {
			assert_int_equal(p.count, 1);
			write_event(publication_event(&p, 0), got,
				    sizeof(got));
			unit_check(strcmp(got, row->want) == 0, "row %zu: %s",
				   i, got);
		}
		publication_done(&p);
	}
}

/* All are there, in order, with the lines they stood on. */
static void
reads_many_lines(void **state)
{
	enum { N = PUBLICATION_LINES_MAX };
	static char body[(N + 1) * 12];
	const struct row row = { LINES, "a", NULL, "k", body, NULL, 0, NULL };
	struct publication p;
	size_t len = 0;
	char want[8];

	(void)state;
	for (unsigned i = 0; i < N; i++)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					"{\"data\":%u}\n", i % 10);
	assert_int_equal(read_row(&row, &p), 0);
	assert_int_equal(p.count, N);
	for (unsigned i = 0; i < N; i++) {
		snprintf(want, sizeof(want), "%u", i % 10);
		assert_true(slice_eq(publication_event(&p, i)->data,
				     slice_of(want)));
		assert_int_equal(publication_line(&p, i), i + 1);
	}
	assert_true(slice_eq(publication_event(&p, N - 1)->key,
			     SLICE_LIT("k-10000")));
	publication_done(&p);
	snprintf(body + len, sizeof(body) - len, "{}\n");
	assert_int_equal(read_row(&row, &p), -EINVAL);
	assert_int_equal(p.status, 413);
	publication_done(&p);
}

static void
says_when_memory_is_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		bool failed = row->status == 0;

		for (size_t n = 1; failed; n++) {
			struct publication p;
			int r;

			fault_arm(n);
			r = read_row(row, &p);
			failed = fault_disarm();
			assert_int_equal(r < 0, failed);
			if (failed)
				assert_int_equal(p.status, 503);
			publication_done(&p);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_form),
		cmocka_unit_test(reads_many_lines),
		cmocka_unit_test(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
