/* SPDX-License-Identifier: MIT */
/* A route with a judge: what is asked for, what is granted, what comes of it. */
#include "config.h"

#include "fcgi/route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

struct row {
	const char *uri;
	const char *prefix;
	const char *grants[4];
	int returns, refuses;	/* what the judge does */
	int status;		/* what comes of it */
	const char *want;	/* the key, or the reason's beginning */
};

static const struct row rows[] = {
	/* Nothing granted: as without a judge. */
	{ "/e/a?topic=b/*", NULL, { NULL }, 0, 0, 200, "-a\n-b/*\n" },
	{ "/e/private/x", NULL, { NULL }, 0, 0, 403, "Topics below" },
	{ "/e", NULL, { NULL }, 0, 0, 400, "No topic was named" },
	/* Granted and asked for. */
	{ "/e/a?topic=b", NULL, { "a" }, 0, 0, 200, "+a\n-b\n" },
	{ "/e/private/x", NULL, { "private/x" }, 0, 0, 200, "+private/x\n" },
	{ "/e/private/x/*", NULL, { "private/x/*" }, 0, 0, 200,
	  "+private/x/*\n" },
	/* Granted and not asked for. */
	{ "/e/a", NULL, { "private/x" }, 0, 0, 200, "-a\n+private/x\n" },
	{ "/e", NULL, { "private/x" }, 0, 0, 200, "+private/x\n" },
	{ "/e/a", NULL, { "b", "b", "a" }, 0, 0, 200, "+a\n+b\n" },
	/* Asked for and meant by what was granted. */
	{ "/e/private/x/y", NULL, { "private/x/*" }, 0, 0, 200,
	  "+private/x/*\n+private/x/y\n" },
	{ "/e/private/x", NULL, { "private/{u}" }, 0, 0, 200,
	  "+private/x\n+private/{u}\n" },
	{ "/e/a", NULL, { "*" }, 0, 0, 200, "+*\n+a\n" },
	/* Not meant by it. */
	{ "/e/private/x", NULL, { "private/x/*" }, 0, 0, 403, "Topics below" },
	{ "/e/private/x", NULL, { "*" }, 0, 0, 403, "Topics below" },
	{ "/e/private/y/z", NULL, { "private/x/*" }, 0, 0, 403,
	  "Topics below" },
	{ "/e/private/*", NULL, { "private/x/*" }, 0, 0, 403, "Topics below" },
	{ "/e/private/x/y/*", NULL, { "private/x/*" }, 0, 0, 403,
	  "Topics below" },
	{ "/e/private/x/private/y", NULL, { "private/x/*" }, 0, 0, 403,
	  "Topics below" },
	{ "/e/$SYS/a", NULL, { "*" }, 0, 0, 403, "Topics below" },
	{ "/e/private/x?topic=private/y", NULL, { "private/x" }, 0, 0, 403,
	  "Topics below" },
	/* The site's prefix goes before both. */
	{ "/e/a", "site/", { "private/x" }, 0, 0, 200,
	  "-site/a\n+site/private/x\n" },
	{ "/e/site/private/x", "site/", { "private/x" }, 0, 0, 403,
	  "Topics below" },
	/* What the judge says beside that. */
	{ "/e/a", NULL, { "a" }, 0, 403, 403, "No." },
	{ "/e/a", NULL, { "a" }, -EBUSY, 403, 403, "No." },
	{ "/e/a", NULL, { NULL }, 0, 204, 204, "No." },
	{ "/e/private/x", NULL, { NULL }, 0, 401, 401, "No." },
	{ "/e/a", NULL, { "a" }, -EBUSY, 0, 200, "" },
	/* It is not asked about what is malformed. */
	{ "/e/a%", NULL, { "a" }, 0, 403, 400, "A topic in the URL" },
	{ "/e/a?last=x", NULL, { "a" }, 0, 403, 400, "`last`" },
	{ "/e/a", "site", { "a" }, 0, 403, 500, "The web server's" },
};

/* What the judge allows beside that, whole names, and whether nothing is open. */
static const struct {
	struct row row;
	const char *allows[4];
	bool is_closed;
} allowing_rows[] = {
	/* Allowed is had for the asking, with what is private of it. */
	{ { "/e/a?topic=b", NULL, { NULL }, 0, 0, 200,
	    "+a\n-b\n" }, { "a" }, false },
	{ { "/e/a", NULL, { NULL }, 0, 0, 200,
	    "-a\n" }, { "b" }, false },
	{ { "/e", NULL, { NULL }, 0, 0, 400,
	    "No topic was named" }, { "a" }, false },
	{ { "/e/private/x", NULL, { NULL }, 0, 0, 200,
	    "+private/x\n" }, { "private/*" }, false },
	{ { "/e/private/y", NULL, { NULL }, 0, 0, 403,
	    "Topics below" }, { "private/x", "*" }, false },
	/* A wildcard is had whole, or as far as it goes. */
	{ { "/e/a/b/*", NULL, { NULL }, 0, 0, 200,
	    "+a/b/*\n" }, { "a/*" }, false },
	{ { "/e/a/*", NULL, { NULL }, 0, 0, 200,
	    "~a/*\n=a/b/*\n" }, { "a/b/*" }, false },
	{ { "/e/*?topic=x", NULL, { NULL }, 0, 0, 200,
	    "~*\n-x\n=a\n=private/x\n" }, { "private/x", "a" }, false },
	{ { "/e/private/*", NULL, { NULL }, 0, 0, 200,
	    "?private/*\n=private/x/*\n" }, { "private/x/*" }, false },
	{ { "/e/private/*", NULL, { NULL }, 0, 0, 403,
	    "Topics below" }, { NULL }, false },
	/* Nothing is open. */
	{ { "/e/a", NULL, { NULL }, 0, 0, 200,
	    "+a\n" }, { "a" }, true },
	{ { "/e/a", NULL, { "a" }, 0, 0, 200,
	    "+a\n" }, { NULL }, true },
	{ { "/e/a?topic=b", NULL, { NULL }, 0, 0, 403,
	    "Topics need" }, { "a" }, true },
	{ { "/e/a/{x}", NULL, { NULL }, 0, 0, 200,
	    "?a/{x}\n=a/b\n" }, { "a/b" }, true },
	{ { "/e/*", NULL, { NULL }, 0, 0, 200,
	    "?*\n=a\n" }, { "a" }, true },
	{ { "/e/*", NULL, { NULL }, 0, 0, 403,
	    "Topics need" }, { NULL }, true },
	{ { "/e/a", NULL, { NULL }, 0, 0, 403,
	    "Topics need" }, { NULL }, true },
	/* Names of what is allowed are whole, the request's are the site's. */
	{ { "/e/a", "site/", { NULL }, 0, 0, 200,
	    "+site/a\n" }, { "site/*" }, false },
	{ { "/e/a", "site/", { NULL }, 0, 0, 200,
	    "-site/a\n" }, { "a" }, false },
	{ { "/e/a", "site/", { NULL }, 0, 0, 403,
	    "Topics need" }, { "a" }, true },
	{ { "/e/*", "site/", { NULL }, 0, 0, 200,
	    "?site/*\n=site/a\n=z\n" }, { "z", "site/a" }, true },
};

static const char *const *allows;
static bool is_closed;

static unsigned asked;
static char topics[200];

/* The list of topics with commas between. */
static void
note_topics(const struct rights_case *c)
{
	size_t at = 0;

	topics[0] = '\0';
	for (size_t i = 0; i < c->n_asked; i++) {
		assert_true(at < c->asked.len);
		strcat(topics, i ? "," : "");
		strcat(topics, c->asked.p + at);
		at += strlen(c->asked.p + at) + 1;
	}
	assert_int_equal(at, c->asked.len);
}

static int
judge(void *user, struct rights_case *c)
{
	const struct row *row = user;
	int r = 0;

	asked++;
	note_topics(c);
	for (size_t i = 0; r == 0 && row->grants[i]; i++)
		r = rights_grant(c, slice_of(row->grants[i]));
	for (size_t i = 0; r == 0 && allows && allows[i]; i++)
		r = grants_add(&c->allowed, GRANTS_SUBSCRIBE,
			       slice_of(allows[i]));
	if (r < 0)
		return r;
	c->is_closed = is_closed;
	c->status = row->refuses;
	c->why = row->refuses ? "No." : NULL;
	return row->returns;
}

static struct params
get(const struct row *row)
{
	const char *mark = strchr(row->uri, '?');

	return (struct params){
		.method = SLICE_LIT("GET"),
		.uri = slice_of(row->uri),
		.query = slice_of(mark ? mark + 1 : NULL),
		.topic_prefix = slice_of(row->prefix),
	};
}

static void
check_row(const struct row *row, size_t i, const char *method)
{
	struct row copy = *row;
	struct route_config c = { .mount = "/e", .max_topics = 100,
				  .judge = judge, .judge_user = &copy };
	struct params p = get(row);
	struct route r;

	p.method = slice_of(method);
	assert_int_equal(route_request(&c, &p, &r), 0);
	unit_check(r.status == row->status, "row %zu (%s): %d %s", i, row->uri,
		   r.status, r.why);
	assert_int_equal(r.later, row->status == 200 && !*row->want);
	if (r.status == 200)
		unit_check(slice_eq(buf_slice(&r.subscription.key),
				    slice_of(row->want)), "row %zu (%s): %.*s",
			   i, row->uri, (int)r.subscription.key.len,
			   r.subscription.key.p);
	else
		unit_check(strncmp(r.why, row->want, strlen(row->want)) == 0 &&
			   !r.subscription.key.p, "row %zu (%s): %s", i,
			   row->uri, r.why);
	route_done(&r);
}

static void
decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(&rows[i], i, "GET");
		check_row(&rows[i], i, "HEAD");
	}
}

static void
gives_what_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(allowing_rows); i++) {
		allows = allowing_rows[i].allows;
		is_closed = allowing_rows[i].is_closed;
		check_row(&allowing_rows[i].row, i, "GET");
	}
	allows = NULL;
	is_closed = false;
}

static void
is_asked_about_streams_only(void **state)
{
	static const char *const methods[] = { "OPTIONS", "POST", "" };
	struct row row = { .uri = "/e/b%20c/*?topic=a", .grants = { "x" } };
	struct route_config c = { .mount = "/e", .max_topics = 100,
				  .judge = judge, .judge_user = &row };
	struct params p = get(&row);
	struct route r;

	(void)state;
	asked = 0;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		p.method = slice_of(methods[i]);
		assert_int_equal(route_request(&c, &p, &r), 0);
		assert_int_not_equal(r.status, 200);
		route_done(&r);
	}
	assert_int_equal(asked, 0);
	p = get(&row);
	assert_int_equal(route_request(&c, &p, &r), 0);
	assert_int_equal(asked, 1);
	assert_string_equal(topics, "b c/*,a");
	route_done(&r);
}

static void
grants_what_is_right(void **state)
{
	struct params p = { .topic_prefix = SLICE_LIT("site/") };
	struct rights_case c = { .params = &p, .granted_max = 2 };
	char longest[256];

	(void)state;
	assert_int_equal(rights_grant(&c, SLICE_LIT("a/{")), -EINVAL);
	assert_int_equal(rights_grant(&c, SLICE_LIT("a\nb")), -EINVAL);
	assert_int_equal(rights_grant(&c, SLICE_LIT("")), -EINVAL);
	assert_int_equal(rights_grant(&c, SLICE_NONE), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(rights_grant(&c, (struct slice){ longest, 251 }),
			 -EMSGSIZE);
	assert_int_equal(c.n_granted, 0);
	assert_int_equal(rights_grant(&c, (struct slice){ longest, 250 }), 0);
	assert_int_equal(rights_grant(&c, SLICE_LIT("a")), 0);
	assert_int_equal(rights_grant(&c, SLICE_LIT("b")), -ENOBUFS);
	assert_int_equal(c.n_granted, 2);
	rights_done(&c);

	/* Templates have a bound of their own. */
	c = (struct rights_case){ .params = &p, .granted_max = 9,
				  .templates_max = 1 };
	assert_int_equal(rights_grant(&c, SLICE_LIT("a/{x}")), 0);
	assert_int_equal(rights_grant(&c, SLICE_LIT("b/{x}")), -ENOBUFS);
	assert_int_equal(rights_grant(&c, SLICE_LIT("b/*")), 0);
	assert_int_equal(c.n_granted, 2);
	rights_done(&c);
}

static void
gives_up_without_memory(void **state)
{
	struct row row = { .uri = "/e/private/a?topic=b&topic=*",
			   .grants = { "private/*", "x" } };
	static const char *const allowed[] = { "b/*", "a", NULL };
	struct route_config c = { .mount = "/e", .max_topics = 100,
				  .judge = judge, .judge_user = &row };
	struct params p = get(&row);
	bool failed = true;

	(void)state;
	allows = allowed;
	for (size_t n = 1; failed; n++) {
		struct route r;
		int e;

		fault_arm(n);
		e = route_request(&c, &p, &r);
		failed = fault_disarm();
		unit_check(e == (failed ? -ENOMEM : 0), "allocation %zu: %d",
			   n, e);
		route_done(&r);
	}
	allows = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides),
		cmocka_unit_test(gives_what_is_allowed),
		cmocka_unit_test(is_asked_about_streams_only),
		cmocka_unit_test(grants_what_is_right),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
