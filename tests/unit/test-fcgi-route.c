/* SPDX-License-Identifier: MIT */
#include "fcgi/route.h"

#include <errno.h>
#include <stdio.h>

#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

static char origin_a[] = "https://a.example";
static char origin_b[] = "https://b.example:8443";
static char origin_any[] = "*";
static char topic_clock[] = "clock";
static char topic_news[] = "news/*";
static char *origins_items[] = { origin_a, origin_b };
static char *star_items[] = { origin_a, origin_any };
static char *default_items[] = { topic_clock, topic_news };
static const struct option_texts origins = { .items = origins_items,
					     .count = 2 };
static const struct option_texts star = { .items = star_items, .count = 2 };
static const struct option_texts only_star = { .items = star_items + 1,
					       .count = 1 };
static const struct option_texts defaults = { .items = default_items,
					      .count = 2 };

static struct params
get(const char *uri)
{
	struct params p = { .method = SLICE_LIT("GET"), .uri = slice_of(uri) };
	const char *mark = uri ? strchr(uri, '?') : NULL;

	if (mark && mark[1])
		p.query = slice_of(mark + 1);
	return p;
}

/* ---- which topics ---- */

struct topic_row {
	const char *mount, *uri, *script_name, *path_info;
	const char *want;	/* the key, or the reason's beginning */
	int status;		/* 0: 200 */
};

static const struct topic_row topic_rows[] = {
	/* The mount and its boundary. */
	{ "/events", "/events/news", NULL, NULL, "-news\n", 0 },
	{ "/events/", "/events/news", NULL, NULL, "-news\n", 0 },
	{ "/events", "/events/a/b/c", NULL, NULL, "-a/b/c\n", 0 },
	{ "/events", "/events//a", NULL, NULL, "-/a\n", 0 },
	{ "/events", "/events/../a", NULL, NULL, "-../a\n", 0 },
	{ "/events", "/events", NULL, NULL, "No topic was named", 400 },
	{ "/events", "/events/", NULL, NULL, "No topic was named", 400 },
	{ "/events", "/events?", NULL, NULL, "No topic was named", 400 },
	{ "/events", "/eventsnews", NULL, NULL, "No topic was named", 400 },
	{ "/events", "/eventsnews", "/", "news", "-news\n", 0 },
	{ "/", "/news", NULL, NULL, "-news\n", 0 },
	{ "/a/b", "/a/b/c", NULL, NULL, "-c\n", 0 },
	{ "/events", "/events?topic=a", NULL, NULL, "-a\n", 0 },
	/* Decoded once, not normalised. */
	{ "/events", "/events/a%20b", NULL, NULL, "-a b\n", 0 },
	{ "/events", "/events/a+b", NULL, NULL, "-a+b\n", 0 },
	{ "/events", "/events/a%2541", NULL, NULL, "-a%41\n", 0 },
	{ "/events", "/events/a%2Fb", NULL, NULL, "-a/b\n", 0 },
	{ "/events", "/events/%C3%A9", NULL, NULL, "-\xc3\xa9\n", 0 },
	{ "/events", "/events/a%3Fb?x", NULL, NULL, "-a?b\n", 0 },
	{ "/events", "/events/a%", NULL, NULL, "A topic in the URL", 400 },
	{ "/events", "/events/a%00", NULL, NULL, "A topic in the URL", 400 },
	{ "/events", "/events/a%0Ab", NULL, NULL, "This is not a topic", 400 },
	{ "/events", "/events/%ff", NULL, NULL, "This is not a topic", 400 },
	/* Without a mount SCRIPT_NAME tells, as lighttpd and Apache send it. */
	{ NULL, "/sse/x%20y/z", "/sse", "/x y/z", "-x y/z\n", 0 },
	{ NULL, "/sse/a%2Fb", "/sse", "/a/b", "-a/b\n", 0 },
	{ NULL, "/sse", "/sse", NULL, "No topic was named", 400 },
	{ NULL, "/sse?topic=a", "/sse", NULL, "-a\n", 0 },
	/* ProxyPass and nginx: all of it in SCRIPT_NAME. */
	{ NULL, "/sse/x", "/sse/x", NULL, "No topic was named", 400 },
	{ "/sse", "/sse/x%20y", "/sse/x y", NULL, "-x y\n", 0 },
	/* Caddy: all of it in PATH_INFO. */
	{ NULL, "/sse/x", NULL, "/sse/x", "-sse/x\n", 0 },
	{ "/sse", "/sse/x", NULL, "/sse/x", "-x\n", 0 },
	{ NULL, "/sse/x", NULL, NULL, "No topic was named", 400 },
	/* Rewritten: what the web server decoded is the topic. */
	{ NULL, "/live", "/sse", "/a%41", "-a%41\n", 0 },
	{ "/sse", "/live", "/sse", "/news", "-news\n", 0 },
	{ "/sse", "/live", "/sse/news", NULL, "-news\n", 0 },
	{ "/app/sse", "/live", "/app", "/sse/news", "-news\n", 0 },
	{ "/other", "/live", "/sse", "/news", "-news\n", 0 },
	{ "/sse", "/%73se/a%20b", "/sse", "/a b", "-a b\n", 0 },
	{ NULL, NULL, "/sse", "/news", "-news\n", 0 },
	/* The query. */
	{ "/e", "/e?topic=b&topic=a&topic=b", NULL, NULL, "-a\n-b\n", 0 },
	{ "/e", "/e/c?topic=a", NULL, NULL, "-a\n-c\n", 0 },
	{ "/e", "/e?topic=a+b%2Bc", NULL, NULL, "-a b+c\n", 0 },
	{ "/e", "/e?%74opic=a", NULL, NULL, "-a\n", 0 },
	{ "/e", "/e?topic=", NULL, NULL, "This is not a topic", 400 },
	{ "/e", "/e?topic", NULL, NULL, "This is not a topic", 400 },
	{ "/e", "/e?topic=a%2", NULL, NULL, "A topic in the URL", 400 },
	{ "/e", "/e?topics=a", NULL, NULL, "No topic was named", 400 },
	{ "/e", "/e/a?_=17&utm=%zz&x", NULL, NULL, "-a\n", 0 },
	/* Wildcards and templates. */
	{ "/e", "/e/*", NULL, NULL, "-*\n", 0 },
	{ "/e", "/e/news/*", NULL, NULL, "-news/*\n", 0 },
	{ "/e", "/e/a/%7Bx%7D/b", NULL, NULL, "-a/{x}/b\n", 0 },
	{ "/e", "/e?topic=a/{%2Bx}", NULL, NULL, "-a/{+x}\n", 0 },
	{ "/e", "/e/a{", NULL, NULL, "This is not a topic", 400 },
	/* Guarded. */
	{ "/e", "/e/private/x", NULL, NULL, "Topics below $SYS/", 403 },
	{ "/e", "/e/a/private/x", NULL, NULL, "Topics below $SYS/", 403 },
	{ "/e", "/e/a/privat%65", NULL, NULL, "Topics below $SYS/", 403 },
	{ "/e", "/e/$SYS/x", NULL, NULL, "Topics below $SYS/", 403 },
	{ "/e", "/e?topic=a&topic=private/*", NULL, NULL,
	  "Topics below $SYS/", 403 },
	{ "/e", "/e/{x}/private/b", NULL, NULL, "Topics below $SYS/", 403 },
	{ "/e", "/e/privates", NULL, NULL, "-privates\n", 0 },
};

static void
check_topics(const struct topic_row *row, size_t i)
{
	struct route_config c = { .mount = row->mount, .max_topics = 100 };
	struct params p = get(row->uri);
	struct slice want = slice_of(row->want);
	struct route r;

	p.script_name = slice_of(row->script_name);
	p.path_info = slice_of(row->path_info);
	assert_int_equal(route_request(&c, &p, &r), 0);
	unit_check(r.status == (row->status ? row->status : 200),
		   "row %zu (%s): %d %s", i, row->uri, r.status, r.why);
	if (r.status == 200)
		unit_check(slice_eq(buf_slice(&r.subscription.key), want),
			   "row %zu (%s): %.*s", i, row->uri,
			   (int)r.subscription.key.len, r.subscription.key.p);
	else
		unit_check(slice_starts(slice_of(r.why), want) &&
			       r.subscription.key.p == NULL,
			   "row %zu (%s): %s", i, row->uri, r.why);
	assert_int_equal(r.headers.len, 0);
	route_done(&r);
}

static void
finds_topics(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(topic_rows); i++)
		check_topics(&topic_rows[i], i);
}

static void
puts_the_prefix_before_each(void **state)
{
	static const struct {
		const char *prefix, *uri, *want;
		int status;
	} rows[] = {
		{ "a.example/", "/e/news", "-a.example/news\n", 200 },
		{ "a.example/", "/e/*", "-a.example/*\n", 200 },
		{ "a.example/", "/e/x?topic=y/{z}",
		  "-a.example/x\n-a.example/y/{z}\n", 200 },
		{ "a.example/", "/e", "-a.example/clock\n-a.example/news/*\n",
		  200 },
		{ "a.example/", "/e/private/x", "Topics below", 403 },
		/* The administrator's own part is not judged. */
		{ "private/", "/e/x", "-private/x\n", 200 },
		{ "a.example", "/e/x", "The web server's configuration", 500 },
		{ "{x}/", "/e/x", "The web server's configuration", 500 },
		{ "\xff/", "/e/x", "The web server's configuration", 500 },
		{ "a\n/", "/e/x", "The web server's configuration", 500 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct route_config c = { .mount = "/e", .max_topics = 9,
					  .default_topics = &defaults };
		struct params p = get(rows[i].uri);
		struct route r;
		struct slice got;

		p.topic_prefix = slice_of(rows[i].prefix);
		assert_int_equal(route_request(&c, &p, &r), 0);
		got = r.status == 200 ? buf_slice(&r.subscription.key) :
					slice_of(r.why);
		unit_check(r.status == rows[i].status &&
			       slice_starts(got, slice_of(rows[i].want)),
			   "row %zu: %d %.*s", i, r.status, (int)got.len,
			   got.p);
		route_done(&r);
	}
}

static void
takes_the_streams_a_web_server_can_bear(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
		int status;
	} rows[] = {
		{ "100", 100, 200 }, { "0", 0, 200 }, { "many", 0, 500 },
		{ "-1", 0, 500 }, { "99999999999999999999", 0, 500 },
	};
	struct route_config c = { .mount = "/e", .max_topics = 9 };
	struct params p = get("/e/x");
	struct route r;

	(void)state;
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(r.max_clients, 0);
	route_done(&r);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		p.max_clients = slice_of(rows[i].text);
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == rows[i].status &&
			       r.max_clients == rows[i].want,
			   "row %zu: %d %llu", i, r.status,
			   (unsigned long long)r.max_clients);
		assert_true(r.status == 200 ||
			    strstr(r.why, "SSE_MAX_CLIENTS"));
		route_done(&r);
	}
}

static void
bounds_topics(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 2 };
	char uri[600] = "/e/";
	struct params p = get("/e/a?topic=b");
	struct route r;

	(void)state;
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.subscription.count, 2);
	route_done(&r);
	p = get("/e/a?topic=b&topic=a");
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(r.status, 400);
	assert_non_null(strstr(r.why, "--max-topics"));
	route_done(&r);

	/* 255 bytes with the prefix are fine, 256 are not. */
	memset(uri + 3, 'x', 250);
	for (size_t len = 250; len <= 253; len++) {
		uri[3 + len] = '\0';
		uri[3 + len - 1] = 'x';
		p = get(uri);
		p.topic_prefix = SLICE_LIT("abc/");
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == (len <= 251 ? 200 : 400), "%zu: %d %s",
			   len, r.status, r.why);
		route_done(&r);
	}
}

static void
bounds_templates(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 100 };
	char uri[600] = "/e?topic=a&topic=b";
	struct params p;
	struct route r;

	(void)state;
	for (int i = 1; i <= ROUTE_TEMPLATES_MAX + 1; i++) {
		size_t len = strlen(uri);

		snprintf(uri + len, sizeof(uri) - len, "&topic=n/{x%d}", i);
		p = get(uri);
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == (i <= ROUTE_TEMPLATES_MAX ? 200 : 400),
			   "%d templates: %d %s", i, r.status, r.why);
		route_done(&r);
	}
}

static void
takes_default_topics(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 2,
				  .default_topics = &defaults };
	struct params p = get("/e");
	struct route r;

	(void)state;
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(r.status, 200);
	assert_true(slice_eq(buf_slice(&r.subscription.key),
			     SLICE_LIT("-clock\n-news/*\n")));
	route_done(&r);
	p = get("/e/own");
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_true(slice_eq(buf_slice(&r.subscription.key),
			     SLICE_LIT("-own\n")));
	route_done(&r);
}

/* ---- where to resume ---- */

#define X51 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X51 X51 X51 X51 X51

struct resume_row {
	const char *header, *query;
	enum subscription_from from;
	const char *after;	/* or last_n as text */
};

static const struct resume_row resume_rows[] = {
	{ NULL, "", FROM_NOW, "" },
	{ "a-1", "", FROM_ID, "a-1" },
	{ NULL, "lastEventID=a-1", FROM_ID, "a-1" },
	{ NULL, "Last-Event-ID=a-1", FROM_ID, "a-1" },
	{ NULL, "last_event_id=a-1", FROM_ID, "a-1" },
	{ NULL, "lastEventId=a-1", FROM_ID, "a-1" },
	{ NULL, "lasteventid=a-1", FROM_NOW, "" },
	{ "h", "lastEventID=q", FROM_ID, "h" },
	{ NULL, "lastEventId=4&last_event_id=3&Last-Event-ID=2&lastEventID=1",
	  FROM_ID, "1" },
	{ NULL, "lastEventId=4&last_event_id=3&Last-Event-ID=2&lastEventID=",
	  FROM_ID, "2" },
	{ NULL, "lastEventID=&last=3", FROM_LAST, "3" },
	{ NULL, "lastEventID&last=3", FROM_LAST, "3" },
	{ "earliest", "", FROM_EARLIEST, "" },
	{ NULL, "lastEventID=earliest", FROM_EARLIEST, "" },
	{ NULL, "last=1", FROM_LAST, "1" },
	{ NULL, "last=1000", FROM_LAST, "1000" },
	{ NULL, "%6Cast=%317", FROM_LAST, "17" },
	{ "a-1", "last=5", FROM_ID, "a-1" },
	{ "earliest", "last=5", FROM_EARLIEST, "" },
	{ NULL, "lastEventID=a+b%2Bc", FROM_ID, "a b+c" },
	{ "%41", "", FROM_ID, "%41" },
	{ "\xc3\xa9", "", FROM_ID, "\xc3\xa9" },
	{ X255, "", FROM_ID, X255 },
	/* Not ids: never an error. */
	{ X255 "x", "", FROM_UNKNOWN, "" },
	{ NULL, "lastEventID=" X255 "x", FROM_UNKNOWN, "" },
	{ "\xff", "", FROM_UNKNOWN, "" },
	{ "a\xc3", "", FROM_UNKNOWN, "" },
	{ "a\tb", "", FROM_UNKNOWN, "" },
	{ "a\x7f", "", FROM_UNKNOWN, "" },
	{ "a\xc2\x85", "", FROM_UNKNOWN, "" },
	{ "a\xc2\xa0", "", FROM_ID, "a\xc2\xa0" },
	{ NULL, "lastEventID=%", FROM_UNKNOWN, "" },
	{ NULL, "lastEventID=%00", FROM_UNKNOWN, "" },
	{ NULL, "lastEventID=%0A", FROM_UNKNOWN, "" },
	{ "\xff", "last=5", FROM_UNKNOWN, "" },
};

static void
knows_where_to_resume(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(resume_rows); i++) {
		const struct resume_row *row = &resume_rows[i];
		struct params p = get("/e/t");
		struct subscription *s;
		struct route r;
		char last[8];

		p.last_event_id = slice_of(row->header);
		p.query = slice_of(row->query);
		assert_int_equal(route_request(&c, &p, &r), 0);
		s = &r.subscription;
		unit_check(r.status == 200, "row %zu: %d %s", i, r.status,
			   r.why);
		unit_check(s->from == row->from, "row %zu: from %d", i,
			   s->from);
		snprintf(last, sizeof(last), "%u", (unsigned)s->last_n);
		if (s->from == FROM_LAST)
			assert_string_equal(last, row->after);
		else
			unit_check(slice_eq(buf_slice(&s->after),
					    slice_of(row->after)) &&
				       s->last_n == 0,
				   "row %zu: \"%.*s\"", i, (int)s->after.len,
				   s->after.p);
		route_done(&r);
	}
}

static void
refuses_wrong_last(void **state)
{
	static const char *const rows[] = {
		"last=0",  "last=1001", "last=x",   "last=-1", "last=%",
		"last=1x", "last=%00",	"last=1.5", "last=18446744073709551617",
	};
	struct route_config c = { .mount = "/e", .max_topics = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct params p = get("/e/t");
		struct route r;

		p.query = slice_of(rows[i]);
		p.last_event_id = SLICE_LIT("a-1");
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == 400, "%s: %d", rows[i], r.status);
		assert_non_null(strstr(r.why, "1000"));
		route_done(&r);
	}
}

static void
takes_a_poll_from_the_web_server_only(void **state)
{
	static const struct {
		const char *text;
		int status;
		uint32_t ms;
	} rows[] = {
		{ NULL, 200, 0 },	{ "5s", 200, 5000 },
		{ "100ms", 200, 100 },	{ "1h", 200, 3600000 },
		{ "99ms", 500, 0 },	{ "3601s", 500, 0 },
		{ "0", 500, 0 },	{ "-5s", 500, 0 },
		{ "soon", 500, 0 },	{ "5s\r\nX: y", 500, 0 },
	};
	struct route_config c = { .mount = "/e", .max_topics = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct params p = get("/e/t");
		struct route r;

		p.poll = slice_of(rows[i].text);
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == rows[i].status, "row %zu: %d %s", i,
			   r.status, r.why);
		assert_int_equal(r.subscription.poll_ms, rows[i].ms);
		if (r.status == 500)
			assert_non_null(strstr(r.why, "SSE_POLL"));
		route_done(&r);
	}
}

/* ---- methods and CORS ---- */

static void
answers_methods(void **state)
{
	static const struct {
		const char *method;
		int status;
		bool head;
	} rows[] = {
		{ "GET", 200, false },	 { "HEAD", 200, true },
		{ "OPTIONS", 204, false }, { "POST", 405, false },
		{ "PUT", 405, false },	 { "get", 405, false },
		{ "GETS", 405, false },	 { NULL, 400, false },
	};
	struct route_config c = { .mount = "/e", .max_topics = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct params p = get("/e/t");
		struct route r;

		p.method = slice_of(rows[i].method);
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.status == rows[i].status && r.head == rows[i].head,
			   "%s: %d", rows[i].method, r.status);
		unit_check(slice_eq(buf_slice(&r.headers),
				    r.status == 200 ? SLICE_NONE :
				    SLICE_LIT("Allow: GET, HEAD, OPTIONS\r\n")),
			   "%s: %.*s", rows[i].method, (int)r.headers.len,
			   r.headers.p);
		route_done(&r);
	}
	/* HEAD fails where GET does. */
	struct params p = get("/e");
	struct route r;

	p.method = SLICE_LIT("HEAD");
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(r.status, 400);
	assert_true(r.head);
	route_done(&r);
}

#define ALLOW(origin)                                                          \
	"Access-Control-Allow-Origin: " origin "\r\n"                         \
	"Access-Control-Expose-Headers: Last-Event-ID\r\n"
#define VARY "Vary: Origin\r\n"
#define COOKIES "Access-Control-Allow-Credentials: true\r\n"
#define PREFLIGHT                                                              \
	"Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"                 \
	"Access-Control-Max-Age: 600\r\nAccess-Control-Allow-Headers: "
#define METHODS "Allow: GET, HEAD, OPTIONS\r\n"

struct cors_row {
	const struct option_texts *origins;
	const char *uri, *method, *origin, *headers, *want;
};

static const struct cors_row cors_rows[] = {
	{ NULL, "/e/t", "GET", NULL, NULL, "" },
	{ NULL, "/e/t", "GET", "https://a.example", NULL, "" },
	{ NULL, "/e/t", "OPTIONS", "https://a.example", NULL, METHODS },
	{ &origins, "/e/t", "GET", NULL, NULL, VARY },
	{ &origins, "/e/t", "GET", "https://a.example", NULL,
	  VARY ALLOW("https://a.example") COOKIES },
	{ &origins, "/e/t", "HEAD", "https://b.example:8443", NULL,
	  VARY ALLOW("https://b.example:8443") COOKIES },
	{ &origins, "/e/t", "GET", "https://c.example", NULL, VARY },
	{ &origins, "/e/t", "GET", "https://a.example.evil", NULL, VARY },
	{ &origins, "/e/t", "GET", "https://a.exampl", NULL, VARY },
	{ &origins, "/e/t", "GET", "null", NULL, VARY },
	{ &origins, "/e/t", "GET", "*", NULL, VARY },
	{ &star, "/e/t", "GET", "https://a.example", NULL,
	  VARY ALLOW("https://a.example") COOKIES },
	{ &star, "/e/t", "GET", "https://c.example", NULL, VARY ALLOW("*") },
	{ &only_star, "/e/t", "GET", "null", NULL, ALLOW("*") },
	{ &only_star, "/e/t", "GET", NULL, NULL, "" },
	/* A refusal can be read by the page, too. */
	{ &origins, "/e", "GET", "https://a.example", NULL,
	  VARY ALLOW("https://a.example") COOKIES },
	{ &origins, "/e/t", "OPTIONS", "https://a.example", NULL,
	  VARY ALLOW("https://a.example") COOKIES PREFLIGHT
	  "Last-Event-ID, Cache-Control\r\n" METHODS },
	{ &origins, "/e/t", "OPTIONS", "https://a.example",
	  "authorization, x-y_z", VARY ALLOW("https://a.example") COOKIES
	  PREFLIGHT "authorization, x-y_z\r\n" METHODS },
	{ &origins, "/e/t", "OPTIONS", "https://a.example", "a\r\nSet-Cookie: b",
	  VARY ALLOW("https://a.example") COOKIES PREFLIGHT
	  "Last-Event-ID, Cache-Control\r\n" METHODS },
	{ &origins, "/e/t", "OPTIONS", "https://c.example", "authorization",
	  VARY METHODS },
	{ &only_star, "/e/t", "OPTIONS", "https://c.example", "cache-control",
	  ALLOW("*") PREFLIGHT "cache-control\r\n" METHODS },
};

static void
answers_other_origins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cors_rows); i++) {
		const struct cors_row *row = &cors_rows[i];
		struct route_config c = { .mount = "/e", .max_topics = 1,
					  .cors_origins = row->origins };
		struct params p = get(row->uri);
		struct route r;

		p.method = slice_of(row->method);
		p.origin = slice_of(row->origin);
		p.cors_headers = slice_of(row->headers);
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(slice_eq(buf_slice(&r.headers), slice_of(row->want)),
			   "row %zu: %.*s", i, (int)r.headers.len,
			   r.headers.p);
		route_done(&r);
	}
}

static void
refuses_long_header_lists(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 1,
				  .cors_origins = &only_star };
	struct params p = get("/e/t");
	char list[1100];
	struct route r;

	(void)state;
	memset(list, 'a', sizeof(list));
	p.method = SLICE_LIT("OPTIONS");
	p.origin = SLICE_LIT("https://c.example");
	for (size_t len = 1020; len < 1030; len++) {
		p.cors_headers = (struct slice){ list, len };
		assert_int_equal(route_request(&c, &p, &r), 0);
		assert_int_equal(r.headers.len > 1000, len <= 1024);
		route_done(&r);
	}
}

/* ---- configuration ---- */

static void
checks_the_configuration(void **state)
{
	static const struct {
		const char *mount, *origin, *topic;
		uint64_t max_topics;
		const char *want;	/* in the sentence; NULL: fine */
	} rows[] = {
		{ NULL, NULL, NULL, 1, NULL },
		{ "/", "*", "clock", 1, NULL },
		{ "/e", "https://a.example", "a/{x}", 1, NULL },
		{ "/e", "http://127.0.0.1:8080", "*", 1, NULL },
		{ "/e", "moz-extension://0a1b", "*", 1, NULL },
		{ "events", NULL, NULL, 1, "--mount" },
		{ "", NULL, NULL, 1, "--mount" },
		{ "/a b", NULL, NULL, 1, "--mount" },
		{ "/a?b", NULL, NULL, 1, "--mount" },
		{ "/\xc3\xa9", NULL, NULL, 1, "--mount" },
		{ NULL, "a.example", NULL, 1, "--cors-origin a.example" },
		{ NULL, "https://", NULL, 1, "--cors-origin" },
		{ NULL, "://a", NULL, 1, "--cors-origin" },
		{ NULL, "https://a.example/", NULL, 1, "--cors-origin" },
		{ NULL, "https://A.example", NULL, 1, "--cors-origin" },
		{ NULL, "https://*.example", NULL, 1, "--cors-origin" },
		{ NULL, "https://a\r\nX: y", NULL, 1, "--cors-origin" },
		{ NULL, "null", NULL, 1, "--cors-origin" },
		{ NULL, "", NULL, 1, "--cors-origin" },
		{ NULL, NULL, "", 1, "--default-topic" },
		{ NULL, NULL, "a{", 1, "--default-topic" },
		{ NULL, NULL, "private/x", 1, "--default-topic" },
		{ NULL, NULL, NULL, 0, "--max-topics" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *origin = (char *)(uintptr_t)rows[i].origin;
		char *topic = (char *)(uintptr_t)rows[i].topic;
		struct option_texts o = { .items = &origin, .count = 1 };
		struct option_texts t = { .items = &topic, .count = 1 };
		struct route_config c = {
			.mount = rows[i].mount,
			.default_topics = topic ? &t : NULL,
			.cors_origins = origin ? &o : NULL,
			.max_topics = rows[i].max_topics,
		};
		char error[400] = "";
		int r = route_config_check(&c, error, sizeof(error));

		unit_check(r == (rows[i].want ? -EINVAL : 0) &&
			       (!rows[i].want || strstr(error, rows[i].want)),
			   "row %zu: %d %s", i, r, error);
	}
}

static void
says_why_a_request_is_bad(void **state)
{
	struct route r;

	(void)state;
	route_refuse(&r, 431, "The request's headers are too long");
	assert_int_equal(r.status, 431);
	assert_string_equal(r.why, "The request's headers are too long");
	route_done(&r);
}

static void
knows_a_probe(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 9,
				  .has_probes = true };
	static const struct {
		const char *uri, *method;
		const char *poll;
		bool is_probe;
		int status;
	} rows[] = {
		{ "/e?probe=3", "GET", NULL, true, 200 },
		{ "/e?a=b&probe", "GET", NULL, true, 200 },
		/* of topics nothing is looked at */
		{ "/e/private/x?probe=3", "GET", NULL, true, 200 },
		{ "/e/%zz?topic=%zz&probe=3", "HEAD", NULL, true, 200 },
		{ "/e?probe=3", "POST", NULL, false, 405 },
		{ "/e?probes=3", "GET", NULL, false, 400 },
		{ "/e/probe", "GET", NULL, false, 200 },
		/* of an answer that has to end soon it is no part */
		{ "/e/x?probe=3", "GET", "5s", false, 200 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct params p = get(rows[i / 2].uri);
		struct route r;

		p.method = slice_of(rows[i / 2].method);
		p.poll = slice_of(rows[i / 2].poll);
		c.has_probes = i % 2 == 0;
		assert_int_equal(route_request(&c, &p, &r), 0);
		unit_check(r.is_probe == (rows[i / 2].is_probe && i % 2 == 0),
			   "%s", rows[i / 2].uri);
		if (i % 2 == 0)
			unit_check(r.status == rows[i / 2].status, "%s: %d",
				   rows[i / 2].uri, r.status);
		route_done(&r);
	}
}

static void
gives_up_without_memory(void **state)
{
	struct route_config c = { .mount = "/e", .max_topics = 9,
				  .cors_origins = &origins,
				  .default_topics = &defaults };
	static const char *const uris[] = {
		"/e/a?topic=b&last=3&lastEventID=x", "/live", "/e/a%zz",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(uris); i++) {
		struct params p = get(uris[i]);
		bool failed = true;

		p.origin = SLICE_LIT("https://a.example");
		p.script_name = SLICE_LIT("/e");
		p.topic_prefix = SLICE_LIT("site/");
		for (size_t n = 1; failed; n++) {
			struct route r;
			int e;

			fault_arm(n);
			e = route_request(&c, &p, &r);
			failed = fault_disarm();
			unit_check(e == (failed ? -ENOMEM : 0),
				   "%s: allocation %zu: %d", uris[i], n, e);
			route_done(&r);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_topics),
		cmocka_unit_test(puts_the_prefix_before_each),
		cmocka_unit_test(takes_the_streams_a_web_server_can_bear),
		cmocka_unit_test(bounds_topics),
		cmocka_unit_test(bounds_templates),
		cmocka_unit_test(takes_default_topics),
		cmocka_unit_test(knows_where_to_resume),
		cmocka_unit_test(refuses_wrong_last),
		cmocka_unit_test(takes_a_poll_from_the_web_server_only),
		cmocka_unit_test(answers_methods),
		cmocka_unit_test(answers_other_origins),
		cmocka_unit_test(refuses_long_header_lists),
		cmocka_unit_test(checks_the_configuration),
		cmocka_unit_test(says_why_a_request_is_bad),
		cmocka_unit_test(knows_a_probe),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
