/* SPDX-License-Identifier: MIT */
#include "cgi/gateway.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>

#include "fcgi/params.h"
#include "fcgi/request.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static const struct request_limits limits = { 1 << 20, 1 << 20 };

/* What a worker reads of it. */
static enum request_result
read_back(struct buf *out, struct request *r, struct params *p)
{
	struct slice in = buf_slice(out);
	struct buf back = { 0 };
	enum request_result result = request_feed(r, &limits, &in, &back);
	const char *why;

	assert_int_equal(back.len, 0);
	if (result == REQUEST_WHOLE)
		assert_int_equal(params_decode(r->params, p, &why), 0);
	return result;
}

static char *env_of_request[] = {
	(char[]){ "REQUEST_METHOD=GET" },
	(char[]){ "GATEWAY_INTERFACE=CGI/1.1" },
	(char[]){ "REQUEST_URI=/cgi/s/t?a=b=c" },
	(char[]){ "SCRIPT_NAME=/cgi/s" },
	(char[]){ "PATH_INFO=/t" },
	(char[]){ "QUERY_STRING=a=b=c" },
	(char[]){ "HTTP_LAST_EVENT_ID=x-1" },
	(char[]){ "HTTP_COOKIE=" },
	(char[]){ "SSE_TOPIC_PREFIX=a/" },
	(char[]){ "SSE_CGI_STATE=/secret" },
	(char[]){ "LD_PRELOAD=/x" },
	(char[]){ "PATH=/bin" },
	(char[]){ "HOME=/root" },
	(char[]){ "=strange" },
	(char[]){ "stranger" },
	NULL,
};

static void
a_worker_reads_the_request(void **state)
{
	struct buf out = { 0 };
	struct request r = { 0 };
	struct params p;
	struct slice rest, name, value;

	(void)state;
	assert_int_equal(gateway_begin(env_of_request, "5s", &out), 0);
	assert_int_equal(gateway_body(SLICE_NONE, &out), 0);
	assert_int_equal(read_back(&out, &r, &p), REQUEST_WHOLE);
	assert_int_equal(r.id, GATEWAY_ID);
	assert_false(r.keep);
	assert_true(slice_eq(p.uri, SLICE_LIT("/cgi/s/t?a=b=c")));
	assert_true(slice_eq(p.query, SLICE_LIT("a=b=c")));
	assert_true(slice_eq(p.last_event_id, SLICE_LIT("x-1")));
	assert_true(slice_eq(p.topic_prefix, SLICE_LIT("a/")));
	assert_true(slice_eq(p.poll, SLICE_LIT("5s")));
	for (rest = p.block; params_next(&rest, &name, &value) > 0;)
		unit_check(gateway_passes(name) &&
			       !slice_starts(name, SLICE_LIT("SSE_CGI")),
			   "%.*s", (int)name.len, name.p);
	request_done(&r);
	buf_done(&out);
}

/* One value of it, or a worker could not tell which is meant. */
static void
the_web_servers_poll_goes_first(void **state)
{
	char *env[] = { (char[]){ "SSE_POLL=1s" }, NULL };
	struct buf out = { 0 };
	struct request r = { 0 };
	struct params p;

	(void)state;
	assert_int_equal(gateway_begin(env, "5s", &out), 0);
	assert_int_equal(gateway_body(SLICE_NONE, &out), 0);
	assert_int_equal(read_back(&out, &r, &p), REQUEST_WHOLE);
	assert_true(slice_eq(p.poll, SLICE_LIT("1s")));
	request_done(&r);
	buf_done(&out);
}

static void
passes_what_describes_a_request(void **state)
{
	static const char *const yes[] = {
		"AUTH_TYPE", "CONTENT_TYPE", "HTTPS", "HTTP_X", "PATH_INFO",
		"QUERY_STRING", "REDIRECT_STATUS", "REMOTE_USER", "REQUEST_URI",
		"SCRIPT_NAME", "SERVER_NAME", "SSE_MAX_CLIENTS", "SSE_POLL",
		"SSE_TOPIC_PREFIX", "SSL_CLIENT_S_DN",
	};
	static const char *const no[] = {
		"", "PATH", "HOME", "LD_PRELOAD", "SSE_BUS", "SSE_CGI_STATE",
		"SSE_POLLS", "http_x", "XHTTP_A", "QUERY_STRINGS", "TMPDIR",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(yes); i++)
		unit_check(gateway_passes(slice_of(yes[i])), "%s", yes[i]);
	for (size_t i = 0; i < COUNT_OF(no); i++)
		unit_check(!gateway_passes(slice_of(no[i])), "%s", no[i]);
}

/* Every length, around those where its form and the record change. */
static void
values_of_any_length_arrive(void **state)
{
	static const size_t lengths[] = { 0, 1, 126, 127, 128, 129, 255, 256,
					  65500, 65535, 65536, 200000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		size_t len = lengths[i], head = strlen("HTTP_COOKIE=");
		char *text = malloc(head + len + 1);
		char *env[] = { text, NULL };
		struct buf out = { 0 };
		struct request r = { 0 };
		struct params p;

		assert_non_null(text);
		memcpy(text, "HTTP_COOKIE=", head);
		memset(text + head, 'c', len);
		text[head + len] = '\0';
		assert_int_equal(gateway_begin(env, NULL, &out), 0);
		assert_int_equal(gateway_body(SLICE_NONE, &out), 0);
		assert_int_equal(read_back(&out, &r, &p), REQUEST_WHOLE);
		assert_int_equal(p.cookie.len, len);
		assert_null(p.poll.p);
		request_done(&r);
		buf_done(&out);
		free(text);
	}
}

static void
refuses_what_is_too_long(void **state)
{
	size_t len = GATEWAY_PARAMS_MAX;
	char *text = calloc(1, len + 8);
	char *env[] = { text, NULL };
	struct buf out = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, 'A', len);
	memcpy(text, "HTTP_A=", 7);
	assert_int_equal(gateway_begin(env, NULL, &out), -E2BIG);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	free(text);
}

static void
reads_what_concerns_us(void **state)
{
	static const struct {
		const char *length, *file, *name;
		int result;
		uint64_t body;
		bool is_nph;
	} rows[] = {
		{ "CONTENT_LENGTH=", "X=", "X=", 0, 0, false },
		{ "CONTENT_LENGTH=12", "X=", "SCRIPT_NAME=/nph-x", 0, 12, true },
		{ "X=", "X=", "SCRIPT_NAME=nph-x", 0, 0, true },
		{ "X=", "X=", "SCRIPT_NAME=/nph-x/y", 0, 0, false },
		{ "X=", "X=", "SCRIPT_NAME=/x-nph-", 0, 0, false },
		{ "X=", "SCRIPT_FILENAME=/c/x", "SCRIPT_NAME=/nph-x", 0, 0, false },
		{ "X=", "SCRIPT_FILENAME=/c/nph-x", "X=", 0, 0, true },
		{ "CONTENT_LENGTH=-1", "X=", "X=", -EINVAL, 0, false },
		{ "CONTENT_LENGTH=1x", "X=", "X=", -EINVAL, 0, false },
		{ "CONTENT_LENGTH=99999999999999999999", "X=", "X=", -EINVAL, 0,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *env[] = { strdup(rows[i].length), strdup(rows[i].file),
				strdup(rows[i].name),
				strdup("REQUEST_METHOD=PUT"), NULL };
		struct gateway g;

		unit_check(gateway_read(env, &g) == rows[i].result &&
			       g.is_nph == rows[i].is_nph &&
			       g.body == rows[i].body &&
			       strcmp(g.method, "PUT") == 0,
			   "row %zu", i);
		for (size_t k = 0; k < 4; k++)
			free(env[k]);
	}
}

static void
says_when_memory_is_out(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct buf out = { 0 };
		int r;

		fault_arm(n);
		r = gateway_begin(env_of_request, "5s", &out);
		if (r == 0)
			r = gateway_body(SLICE_LIT("body"), &out);
		buf_done(&out);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ENOMEM);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_reads_the_request),
		cmocka_unit_test(the_web_servers_poll_goes_first),
		cmocka_unit_test(passes_what_describes_a_request),
		cmocka_unit_test(values_of_any_length_arrive),
		cmocka_unit_test(refuses_what_is_too_long),
		cmocka_unit_test(reads_what_concerns_us),
		cmocka_unit_test(says_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
