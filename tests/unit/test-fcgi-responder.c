/* SPDX-License-Identifier: MIT */
/* A responder and the web server that it answers, in one process. */
#include "config.h"

#include <sse-fcgi/responder.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

enum { PATIENCE_S = 30 };

static char folder[64], address[160];
static struct sse_responder *r;

/* What the callbacks are to do, and what they were called with. */
static struct {
	int (*on_request)(struct sse_request *q);
	void (*on_tick)(void);
	unsigned requests, ticks, logs;
	int level;
	char text[400];
} hook;

static int
on_request(void *user, struct sse_request *q)
{
	assert_ptr_equal(user, &hook);
	hook.requests++;
	return hook.on_request ? hook.on_request(q) : 0;
}

static void
on_tick(void *user)
{
	assert_ptr_equal(user, &hook);
	hook.ticks++;
	if (hook.on_tick)
		hook.on_tick();
}

static void
on_log(void *user, int level, const char *text)
{
	assert_ptr_equal(user, &hook);
	hook.logs++;
	hook.level = level;
	snprintf(hook.text, sizeof(hook.text), "%s", text);
}

static struct sse_responder_options
options(void)
{
	return (struct sse_responder_options){
		.listen = address, .mount = "/e", .on_request = on_request,
		.on_log = on_log, .user = &hook, .drain_ms = 50,
	};
}

static void
begin(const struct sse_responder_options *o)
{
	int e = sse_responder_new(o, &r);

	unit_check(e == 0, "%d: %s", e, r ? sse_responder_error(r) : "");
}

static int
set_up(void **state)
{
	(void)state;
	memset(&hook, 0, sizeof(hook));
	strcpy(folder, "/tmp/test-responder-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(address, sizeof(address), "unix:%s/s", folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	sse_responder_free(r);
	r = NULL;
	return rmdir(folder);	/* the socket is gone */
}

/* ---- a web server ---- */

struct web {
	int fd;
	bool has_ended;
	struct buf records, text;	/* as it came, and the STDOUT of it */
};

static void
put_variables(struct buf *b, const char *const *vars)
{
	struct buf params = { 0 };

	put_pair(&params, "REQUEST_METHOD", "GET");
	for (; vars && *vars; vars += 2)
		put_pair(&params, vars[0], vars[1]);
	put_begin(b, 1, FCGI_RESPONDER, 0);
	put_record(b, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(b, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(b, FCGI_STDIN, 1, SLICE_NONE, 0);
	buf_done(&params);
}

static void
web_send(struct web *w, struct slice bytes)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	memset(w, 0, sizeof(*w));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", folder);
	w->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(w->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(send(w->fd, bytes.p, bytes.len, 0), bytes.len);
}

/* A GET of `uri` with further variables: name, value, ..., NULL. */
static void
web_get(struct web *w, const char *uri, const char *const *more)
{
	const char *vars[32] = { "REQUEST_URI", uri };
	const char *query = strchr(uri, '?');
	struct buf b = { 0 };
	size_t n = 2;

	if (query) {
		vars[n++] = "QUERY_STRING";
		vars[n++] = query + 1;
	}
	while (more && *more)
		vars[n++] = *more++;
	put_variables(&b, vars);
	web_send(w, buf_slice(&b));
	buf_done(&b);
}

static void
web_close(struct web *w)
{
	close(w->fd);
	buf_done(&w->records);
	buf_done(&w->text);
}

static void
web_read(struct web *w)
{
	char bytes[65536];
	ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	size_t at = 0;

	if (n == 0 || (n < 0 && errno != EAGAIN))
		w->has_ended = true;
	if (n > 0)
		put(&w->records, bytes, (size_t)n);
	while (at + RECORD_HEADER_LEN <= w->records.len) {
		const uint8_t *h = (const uint8_t *)w->records.p + at;
		size_t len = (size_t)h[4] << 8 | h[5];

		if (at + RECORD_HEADER_LEN + len + h[6] > w->records.len)
			break;
		if (h[1] == FCGI_STDOUT)
			put(&w->text, h + RECORD_HEADER_LEN, len);
		at += RECORD_HEADER_LEN + len + h[6];
	}
	buf_consume(&w->records, at);
	put(&w->text, "", 1);	/* for strstr */
	w->text.len--;
}

/* Steps until the text holds `part`, or (NULL) the connection has ended. */
static void
web_wait(struct web *w, const char *part)
{
	time_t end = time(NULL) + PATIENCE_S;

	for (;;) {
		web_read(w);
		if (part ? strstr(w->text.p, part) != NULL : w->has_ended)
			return;
		unit_check(time(NULL) < end && !w->has_ended,
			   "\"%s\" is not in \"%s\"", part ? part : "the end",
			   w->text.p);
		assert_true(sse_responder_step(r, 10) >= 0);
	}
}

/* The whole answer to a GET. */
static void
check_answer(const char *uri, const char *const *more, const char *part)
{
	struct web w;

	web_get(&w, uri, more);
	web_wait(&w, NULL);
	unit_check(strstr(w.text.p, part), "%s: \"%s\" is not in \"%s\"", uri,
		   part, w.text.p);
	web_close(&w);
}

static void
wait_for_count(size_t count)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (sse_responder_count(r) != count) {
		assert_true(time(NULL) < end);
		assert_int_equal(sse_responder_step(r, 10), 1);
	}
}

static int
publish(const char *topic, const char *data)
{
	struct sse_responder_event e = { .topic = topic, .data = data,
					 .len = strlen(data) };

	return sse_responder_publish(r, &e);
}

/* The id: of the event with this data; the caller's for a moment. */
static const char *
id_of(const struct web *w, const char *data)
{
	static char id[64];
	char line[100];
	const char *at, *start;

	snprintf(line, sizeof(line), "\ndata: %s\n", data);
	at = strstr(w->text.p, line);
	assert_non_null(at);
	for (start = at; start > w->text.p && strncmp(start, "id: ", 4) != 0;)
		start--;
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(start + 4, "\n"),
		 start + 4);
	return id;
}

/* ---- making one ---- */

struct bad_row {
	struct sse_responder_options o;
	int error;
	const char *why;
};

static void
says_what_cannot_be(void **state)
{
	static const char *const origin[] = { "example.org", NULL };
	static const char *const topic[] = { "news", "a/{", NULL };
	static const char *const guarded[] = { "private/a", NULL };
	static const struct bad_row rows[] = {
		{ { .listen = NULL }, -EINVAL, "give listen unix:PATH" },
		{ { .listen = "fd:3" }, -EINVAL, "listen fd:3 is neither" },
		{ { .listen = "unix:/x/y", .listen_mode = "9" }, -EINVAL,
		  "listen_mode 9 is not" },
		{ { .listen = "unix:/no-such-folder/s" }, -ENOENT, "folder" },
		{ { .listen = "tcp:127.0.0.1" }, -EINVAL, "HOST:PORT" },
		{ { .mount = "events" }, -EINVAL, "mount must be" },
		{ { .heartbeat_ms = 1 }, -EINVAL, "heartbeat: 1ms is out" },
		{ { .heartbeat_ms = -1 }, -EINVAL, "heartbeat: -1ms is out" },
		{ { .retry_ms = -1 }, -EINVAL, "retry: -1ms is out" },
		{ { .drain_ms = -2 }, -EINVAL, "drain: -2ms is out" },
		{ { .max_lifetime_ms = -2 }, -EINVAL, "max_lifetime: -2ms" },
		{ { .coalesce_ms = -1 }, -EINVAL, "coalesce: -1ms is out" },
		{ { .request_timeout_ms = 5 }, -EINVAL, "request_timeout: 5" },
		{ { .tick_ms = -1 }, -EINVAL, "tick_ms: -1ms is out" },
		{ { .window_age_ms = -2 }, -EINVAL, "window_age_ms: -2ms" },
		{ { .max_event = (8 << 20) + 1 }, -EINVAL, "max_event: the" },
		{ { .max_topics = 10001 }, -EINVAL, "max_topics: 10001" },
		{ { .max_request = 65537 }, -EINVAL, "max_request: 65537" },
		{ { .max_request = 100 }, -EINVAL, "max_request: 100 bytes" },
		{ { .max_request = UINT64_MAX }, -EINVAL, "max_request: " },
		{ { .default_last = 1001 }, -EINVAL, "default_last: 1001" },
		{ { .cors_origins = origin }, -EINVAL, "cors_origin example" },
		{ { .default_topics = topic }, -EINVAL, "default_topic a/{" },
		{ { .default_topics = guarded }, -EINVAL, "guarded" },
		{ { .reserved = { [7] = 1 } }, -EINVAL, "reserved" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *why;
		int e = sse_responder_new(&rows[i].o, &r);

		assert_non_null(r);
		why = sse_responder_error(r);
		unit_check(e == rows[i].error, "row %zu: %d %s", i, e, why);
		unit_check(strstr(why, rows[i].why), "row %zu: %s", i, why);
		unit_check(!strstr(why, "--") && why[strlen(why) - 1] == '.',
			   "row %zu: %s", i, why);
		sse_responder_free(r);
	}
	assert_int_equal(sse_responder_new(NULL, &r), -EINVAL);
}

static void
listens_where_it_says(void **state)
{
	struct sse_responder_options o = options();
	struct sse_responder *other;

	(void)state;
	begin(&o);
	assert_string_equal(sse_responder_address(r), address);
	assert_string_equal(sse_responder_error(r), "");
	assert_int_equal(sse_responder_count(r), 0);

	/* There is one only. */
	assert_int_equal(sse_responder_new(&o, &other), -EADDRINUSE);
	assert_non_null(strstr(sse_responder_error(other), "another path"));
	sse_responder_free(other);

	o.listen = "tcp:127.0.0.1:0";
	assert_int_equal(sse_responder_new(&o, &other), 0);
	assert_memory_equal(sse_responder_address(other), "tcp:127.0.0.1:", 14);
	assert_string_not_equal(sse_responder_address(other),
				"tcp:127.0.0.1:0");
	sse_responder_free(other);
	sse_responder_free(NULL);
}

/* ---- events ---- */

static void
streams_events(void **state)
{
	struct sse_responder_options o = options();
	struct sse_responder_event e = {
		.topic = "a/b", .data = "one\r\ntwo", .len = 8, .name = "tick",
		.id = "order-42", .retry_ms = 7000,
	};
	struct web w, other;

	(void)state;
	begin(&o);
	web_get(&w, "/e/a/*", NULL);
	web_get(&other, "/e/b", NULL);
	web_wait(&w, "\n\n");
	web_wait(&other, "\n\n");
	assert_int_equal(sse_responder_count(r), 2);
	assert_non_null(strstr(w.text.p, "Content-Type: text/event-stream"));
	assert_non_null(strstr(w.text.p, "retry: 3000\n"));

	assert_int_equal(sse_responder_publish(r, &e), 0);
	web_wait(&w, "id: order-42\nevent: tick\n");
	assert_non_null(strstr(w.text.p, "data: one\ndata: two\n"));
	assert_non_null(strstr(w.text.p, "retry: 7000\n"));
	assert_int_equal(publish("b", "for b"), 0);
	web_wait(&other, "\ndata: for b\n\n");
	assert_null(strstr(w.text.p, "for b"));
	assert_null(strstr(other.text.p, "two"));

	web_close(&w);
	wait_for_count(1);
	web_close(&other);
	wait_for_count(0);
}

static void
refuses_wrong_events(void **state)
{
	static const struct {
		struct sse_responder_event e;
		int error;
		const char *why;
	} rows[] = {
		{ { .topic = NULL }, -EINVAL, "topic" },
		{ { .topic = "" }, -EINVAL, "topic" },
		{ { .topic = "$SYS/a" }, -EINVAL, "$SYS/" },
		{ { .topic = "a", .name = "a\nb" }, -EINVAL, "event name" },
		{ { .topic = "a", .name = "sse-gap" }, -EINVAL, "sse-" },
		{ { .topic = "a", .id = "12345678-1" }, -EINVAL, "id" },
		{ { .topic = "a", .data = "\xff", .len = 1 }, -EINVAL, "UTF-8" },
		{ { .topic = "a", .len = 1 }, -EINVAL, "no data" },
		{ { .topic = "a", .data = "12345", .len = 5 }, -EMSGSIZE,
		  "at most 4" },
	};
	struct sse_responder_options o = options();

	(void)state;
	o.max_event = 4;
	begin(&o);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int e = sse_responder_publish(r, &rows[i].e);
		const char *why = sse_responder_error(r);

		unit_check(e == rows[i].error && strstr(why, rows[i].why),
			   "row %zu: %d %s", i, e, why);
		unit_check(why[strlen(why) - 1] == '.', "%s", why);
	}
	assert_int_equal(publish("a", "1234"), 0);
	assert_int_equal(publish("a", ""), 0);
}

static void
resumes(void **state)
{
	struct sse_responder_options o = options();
	struct sse_responder_event own = { .topic = "a", .id = "mine",
					   .data = "3", .len = 1 };
	const char *more[] = { "HTTP_LAST_EVENT_ID", NULL, NULL };
	char unknown[64];
	struct web w;

	(void)state;
	begin(&o);
	assert_int_equal(publish("a", "1"), 0);
	assert_int_equal(publish("a", "2"), 0);
	assert_int_equal(sse_responder_publish(r, &own), 0);
	assert_int_equal(publish("b", "4"), 0);

	web_get(&w, "/e/a?lastEventID=earliest", NULL);
	web_wait(&w, "data: 3\n\n");
	assert_non_null(strstr(w.text.p, "data: 1\n"));
	assert_null(strstr(w.text.p, "data: 4\n"));
	snprintf(unknown, sizeof(unknown), "%s", id_of(&w, "1"));
	more[1] = unknown;
	web_close(&w);

	web_get(&w, "/e/a", more);
	web_wait(&w, "data: 3\n\n");
	assert_non_null(strstr(w.text.p, "data: 2\n"));
	assert_null(strstr(w.text.p, "data: 1\n"));
	assert_null(strstr(w.text.p, "sse-gap"));
	web_close(&w);

	more[1] = "mine";
	web_get(&w, "/e?topic=a&topic=b", more);
	web_wait(&w, "data: 4\n\n");
	assert_null(strstr(w.text.p, "data: 3\n"));
	assert_null(strstr(w.text.p, "sse-gap"));
	web_close(&w);

	/* Of an earlier process, and of nobody. */
	unknown[0] = unknown[0] == 'z' ? 'y' : 'z';
	for (int i = 0; i < 2; i++) {
		more[1] = i ? "never" : unknown;
		web_get(&w, "/e/a", more);
		web_wait(&w, "data: 3\n\n");
		assert_non_null(strstr(w.text.p, "event: sse-gap\n"));
		assert_non_null(strstr(w.text.p, "\"after\":null"));
		assert_non_null(strstr(w.text.p, "data: 1\n"));
		web_close(&w);
	}
}

static void
keeps_what_the_window_holds(void **state)
{
	struct sse_responder_options o = options();
	const char *more[] = { "HTTP_LAST_EVENT_ID", NULL, NULL };
	char first[64], text[8];
	struct web w;

	(void)state;
	o.window_events = 3;
	o.default_last = 2;
	begin(&o);
	web_get(&w, "/e/a", NULL);
	web_wait(&w, "\n\n");
	assert_int_equal(publish("a", "0"), 0);
	web_wait(&w, "data: 0\n\n");
	snprintf(first, sizeof(first), "%s", id_of(&w, "0"));
	/* A burst that is larger: who is there gets all of it. */
	for (int i = 1; i <= 9; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(publish("a", text), 0);
	}
	web_wait(&w, "data: 9\n\n");
	for (int i = 0; i <= 9; i++) {
		snprintf(text, sizeof(text), ": %d\n\n", i);
		assert_non_null(strstr(w.text.p, text));
	}
	web_close(&w);

	more[1] = first;
	web_get(&w, "/e/a", more);
	web_wait(&w, "data: 9\n\n");
	assert_non_null(strstr(w.text.p, "sse-gap"));
	assert_non_null(strstr(w.text.p, "trimmed"));
	assert_null(strstr(w.text.p, "data: 6\n"));
	web_close(&w);

	web_get(&w, "/e/a", NULL);
	web_wait(&w, "data: 9\n\n");
	assert_non_null(strstr(w.text.p, "data: 8\n"));
	assert_null(strstr(w.text.p, "data: 7\n"));
	web_close(&w);
}

/* ---- who may read what ---- */

static const char *const alice[] = {
	"REMOTE_USER", "alice", "REMOTE_ADDR", "192.0.2.1", "HTTP_COOKIE",
	"session=4f1c; theme=dark;x=;session=other ; =y", "EMPTY", "",
	"TWICE", "a", "TWICE", "b", "SAME", "c", "SAME", "c", NULL,
};

static int
look_around(struct sse_request *q)
{
	assert_string_equal(q->method, "GET");
	assert_string_equal(q->remote_user, "alice");
	assert_string_equal(q->remote_addr, "192.0.2.1");
	assert_string_equal(q->topics[0], "a b");
	assert_string_equal(q->topics[1], "news/*");
	assert_null(q->topics[2]);
	assert_string_equal(sse_request_variable(q, "REQUEST_URI"),
			    "/e/a%20b?topic=news/*");
	assert_string_equal(sse_request_variable(q, "SAME"), "c");
	assert_null(sse_request_variable(q, "EMPTY"));
	assert_null(sse_request_variable(q, "REMOTE"));
	assert_null(sse_request_variable(q, ""));
	assert_string_equal(sse_request_cookie(q, "session"), "4f1c");
	assert_string_equal(sse_request_cookie(q, "theme"), "dark");
	assert_string_equal(sse_request_cookie(q, "x"), "");
	assert_null(sse_request_cookie(q, "sess"));
	assert_null(sse_request_cookie(q, "dark"));
	assert_string_equal(sse_request_cookie(q, ""), "y");
	return 0;
}

static int
look_at_ambiguous(struct sse_request *q)
{
	assert_null(sse_request_variable(q, "TWICE"));
	return 0;
}

static int
look_at_nothing(struct sse_request *q)
{
	assert_string_equal(q->method, "HEAD");
	assert_null(q->remote_user);
	assert_null(q->remote_addr);
	assert_null(q->topics[0]);
	assert_null(sse_request_cookie(q, "session"));
	return sse_request_grant(q, "a");
}

static void
shows_the_request(void **state)
{
	const char *head[] = { "REQUEST_METHOD", "HEAD", "REQUEST_URI", "/e",
			       NULL };
	struct sse_responder_options o = options();
	struct buf b = { 0 }, params = { 0 };
	struct web w;

	(void)state;
	begin(&o);
	hook.on_request = look_around;
	web_get(&w, "/e/a%20b?topic=news/*", alice);
	web_wait(&w, "\n\n");
	web_close(&w);
	hook.on_request = look_at_ambiguous;
	check_answer("/e/a", alice, "Status: 400 Bad Request");

	hook.on_request = look_at_nothing;
	put_pair(&params, head[0], head[1]);
	put_pair(&params, head[2], head[3]);
	put_begin(&b, 1, FCGI_RESPONDER, 0);
	put_record(&b, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(&b, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&b, FCGI_STDIN, 1, SLICE_NONE, 0);
	web_send(&w, buf_slice(&b));
	web_wait(&w, NULL);
	assert_non_null(strstr(w.text.p, "Status: 200 OK"));
	assert_null(strstr(w.text.p, "retry:"));
	web_close(&w);
	assert_int_equal(hook.requests, 3);
	buf_done(&params);
	buf_done(&b);
}

/* A NUL would hide the rest of a value from the program. */
static void
refuses_a_nul(void **state)
{
	static const char pair[] = "\x0b\x06REMOTE_USERbob\0ey";
	struct sse_responder_options o = options();
	struct buf b = { 0 }, params = { 0 };
	struct web w;

	(void)state;
	begin(&o);
	put_pair(&params, "REQUEST_METHOD", "GET");
	put_pair(&params, "REQUEST_URI", "/e/a");
	put(&params, pair, sizeof(pair) - 1);
	put_begin(&b, 1, FCGI_RESPONDER, 0);
	put_record(&b, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(&b, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&b, FCGI_STDIN, 1, SLICE_NONE, 0);
	web_send(&w, buf_slice(&b));
	web_wait(&w, NULL);
	assert_non_null(strstr(w.text.p, "Status: 400"));
	assert_int_equal(hook.requests, 0);
	web_close(&w);
	buf_done(&params);
	buf_done(&b);
}

static int
refuse_in_words(struct sse_request *q)
{
	assert_int_equal(sse_request_add_header(q, "WWW-Authenticate: Basic"),
			 0);
	return sse_request_refuse(q, 401, "Log in first.");
}

static int
refuse_and_forget(struct sse_request *q)
{
	(void)sse_request_refuse(q, 403, NULL);
	return 0;
}

static int
refuse_oddly(struct sse_request *q)
{
	return sse_request_refuse(q, 200, "Not a refusal.");
}

static int
refuse_for_good(struct sse_request *q)
{
	return sse_request_refuse(q, 204, NULL);
}

static int
fail_oddly(struct sse_request *q)
{
	(void)q;
	return -ENOMEM;
}

static int
come_back(struct sse_request *q)
{
	(void)q;
	return -EBUSY;
}

static void
answers_what_it_is_told(void **state)
{
	static const struct {
		int (*on_request)(struct sse_request *q);
		const char *parts[3];
	} rows[] = {
		{ refuse_in_words, { "Status: 401 Unauthorized",
				     "WWW-Authenticate: Basic\r\n",
				     "Log in first.\n" } },
		{ refuse_and_forget, { "Status: 403", "was refused", "" } },
		{ refuse_oddly, { "Status: 500", "Not a refusal.", "" } },
		{ refuse_for_good, { "Status: 204", "", "" } },
		{ fail_oddly, { "Status: 500", "could not decide", "" } },
		{ come_back, { "Status: 200", "text/event-stream", "retry:" } },
	};
	struct sse_responder_options o = options();

	(void)state;
	begin(&o);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		hook.on_request = rows[i].on_request;
		for (size_t j = 0; j < 3; j++)
			check_answer("/e/a", NULL, rows[i].parts[j]);
	}
	assert_int_equal(sse_responder_count(r), 0);
}

static int
add_many_headers(struct sse_request *q)
{
	char line[1002];
	int i;

	assert_int_equal(sse_request_add_header(q, "no header"), -EINVAL);
	assert_int_equal(sse_request_add_header(q, "Status: 404"), -EINVAL);
	assert_int_equal(sse_request_add_header(q, "A: b\r\nC: d"), -EINVAL);
	assert_int_equal(sse_request_add_header(q, "Set-Cookie: a=b"), 0);
	memset(line, 'x', sizeof(line));
	memcpy(line, "X-Long: ", 8);
	line[sizeof(line) - 1] = '\0';
	for (i = 0; sse_request_add_header(q, line) == 0; i++)
		;
	assert_int_equal(sse_request_add_header(q, line), -EMSGSIZE);
	assert_int_equal(i, 32);
	return 0;
}

static void
adds_headers(void **state)
{
	struct sse_responder_options o = options();
	struct web w;

	(void)state;
	begin(&o);
	hook.on_request = add_many_headers;
	web_get(&w, "/e/a", NULL);
	web_wait(&w, "\n\n");
	assert_non_null(strstr(w.text.p, "\r\nSet-Cookie: a=b\r\n"));
	web_close(&w);
}

static int
grant_own(struct sse_request *q)
{
	char selector[64];

	if (!q->remote_user)
		return 0;
	snprintf(selector, sizeof(selector), "private/%s/*", q->remote_user);
	assert_int_equal(sse_request_grant(q, "a/{"), -EINVAL);
	return sse_request_grant(q, selector);
}

static void
grants_private_topics(void **state)
{
	const char *const bob[] = { "REMOTE_USER", "bob", NULL };
	struct sse_responder_event e = { .topic = "news", .data = "secret",
					 .len = 6, .is_private = 1 };
	struct sse_responder_options o = options();
	struct web a, b, anybody;

	(void)state;
	begin(&o);
	hook.on_request = grant_own;
	web_get(&a, "/e/news", alice);
	web_get(&b, "/e/private/bob/mail", bob);
	web_get(&anybody, "/e/*", NULL);
	web_wait(&a, "\n\n");
	web_wait(&b, "\n\n");
	web_wait(&anybody, "\n\n");
	check_answer("/e/private/bob/mail", alice, "Status: 403");
	check_answer("/e/private/bob/mail", NULL, "Status: 403");
	check_answer("/e/private/*", bob, "Status: 403");

	assert_int_equal(publish("private/alice/mail", "for alice"), 0);
	assert_int_equal(publish("private/bob/mail", "for bob"), 0);
	assert_int_equal(sse_responder_publish(r, &e), 0);
	assert_int_equal(publish("news", "for all"), 0);
	web_wait(&a, "for all");
	web_wait(&anybody, "for all");
	web_wait(&b, "for bob");
	assert_non_null(strstr(a.text.p, "for alice"));
	assert_null(strstr(a.text.p, "for bob"));
	assert_null(strstr(a.text.p, "secret"));
	assert_null(strstr(b.text.p, "for all"));
	assert_null(strstr(anybody.text.p, "for bob"));
	assert_null(strstr(anybody.text.p, "for alice"));
	assert_null(strstr(anybody.text.p, "secret"));
	web_close(&a);
	web_close(&b);
	web_close(&anybody);
}

static int
publish_and_let_in(struct sse_request *q)
{
	assert_int_equal(sse_responder_step(r, 0), -EDEADLK);
	assert_int_equal(sse_responder_run(r), -EDEADLK);
	assert_int_equal(publish("visits", q->topics[0]), 0);
	return 0;
}

static void
publishes_from_a_callback(void **state)
{
	struct sse_responder_options o = options();
	struct web watcher, w[8];

	(void)state;
	o.window_events = 2;	/* each makes the log flush and let go */
	begin(&o);
	web_get(&watcher, "/e/visits", NULL);
	web_wait(&watcher, "\n\n");
	hook.on_request = publish_and_let_in;
	for (size_t i = 0; i < COUNT_OF(w); i++)
		web_get(&w[i], "/e/other", NULL);
	wait_for_count(1 + COUNT_OF(w));
	assert_int_equal(publish("visits", "all are here"), 0);
	web_wait(&watcher, "all are here");
	assert_non_null(strstr(watcher.text.p, "data: other\n"));
	for (size_t i = 0; i < COUNT_OF(w); i++)
		web_close(&w[i]);
	web_close(&watcher);
}

static void
serves_without_callbacks(void **state)
{
	static const char *const topics[] = { "a", "b", NULL };
	static const char *const origins[] = { "https://example.org", NULL };
	struct sse_responder_options o = { .listen = address, .mount = "/e",
					   .default_topics = topics,
					   .cors_origins = origins };
	const char *const cors[] = { "HTTP_ORIGIN", "https://example.org",
				     NULL };
	struct web w;

	(void)state;
	begin(&o);
	web_get(&w, "/e", cors);
	web_wait(&w, "\n\n");
	assert_non_null(strstr(w.text.p, "Access-Control-Allow-Origin: "
					 "https://example.org"));
	assert_int_equal(publish("b", "default"), 0);
	web_wait(&w, "data: default\n\n");
	web_close(&w);
	check_answer("/e/private/x", NULL, "Status: 403");
	web_send(&w, SLICE_LIT("GET / HTTP/1.0\r\n\r\n"));
	web_wait(&w, NULL);
	web_close(&w);
}

static void
keeps_to_its_limits(void **state)
{
	struct sse_responder_options o = options();
	const char *const here[] = { "REMOTE_ADDR", "192.0.2.1", NULL };
	struct web a, b;

	(void)state;
	o.max_clients = 2;
	o.max_clients_per_address = 1;
	o.max_topics = 2;
	begin(&o);
	web_get(&a, "/e/a", here);
	web_wait(&a, "\n\n");
	check_answer("/e/a", here, "retry: ");
	check_answer("/e/a", here, "retry: ");
	assert_int_equal(hook.logs, 1);	/* not often */
	assert_non_null(strstr(hook.text, "192.0.2.1 has 1 streams, as many "
			       "as max_clients_per_address allows"));
	check_answer("/e/a?topic=b&topic=c", NULL, "more than 2 topics");
	assert_int_equal(hook.logs, 2);
	assert_non_null(strstr(hook.text, "(max_topics)"));
	web_get(&b, "/e/a", NULL);
	web_wait(&b, "\n\n");
	check_answer("/e/a", NULL, "retry: ");
	check_answer("/e/a", NULL, "retry: ");
	assert_int_equal(hook.logs, 3);
	assert_int_equal(hook.level, 4);
	assert_non_null(strstr(hook.text, "all 2 streams of max_clients"));

	/* Who leaves makes room. */
	web_close(&a);
	wait_for_count(1);
	web_get(&a, "/e/a", here);
	web_wait(&a, "\n\n");
	wait_for_count(2);
	web_close(&a);
	web_close(&b);
}

/* ---- running and stopping ---- */

static void
publish_and_stop_later(void)
{
	assert_int_equal(publish("a", "tick"), 0);
	if (hook.ticks == 3)
		sse_responder_stop(r);
}

static void
runs_until_it_is_stopped(void **state)
{
	struct sse_responder_options o = options();
	struct web w;

	(void)state;
	o.on_tick = on_tick;
	o.tick_ms = 5;
	hook.on_tick = publish_and_stop_later;
	begin(&o);
	web_get(&w, "/e/a?lastEventID=earliest", NULL);
	assert_int_equal(sse_responder_run(r), 0);
	assert_int_equal(hook.ticks, 3);
	assert_int_equal(sse_responder_count(r), 0);
	while (!w.has_ended)
		web_read(&w);
	assert_non_null(strstr(w.text.p, "data: tick\n\n"));
	assert_non_null(strstr(strstr(w.text.p, "data: tick"), "retry: 3"));
	web_close(&w);

	/* It does not begin again, and takes what is published. */
	assert_int_equal(sse_responder_run(r), 0);
	assert_int_equal(sse_responder_step(r, -1), 0);
	assert_int_equal(publish("a", "late"), 0);
}

static void
stop_now(int number)
{
	(void)number;
	sse_responder_stop(r);
}

static void
raise_sigterm(void)
{
	raise(SIGTERM);
}

static void
stops_in_a_signal_handler(void **state)
{
	struct sigaction action = { .sa_handler = stop_now }, old;
	struct sse_responder_options o = options();

	(void)state;
	assert_int_equal(sigaction(SIGTERM, &action, &old), 0);
	o.on_tick = on_tick;
	o.tick_ms = 1;
	hook.on_tick = raise_sigterm;
	begin(&o);
	assert_int_equal(sse_responder_run(r), 0);
	sse_responder_free(r);

	/* Before it runs, too. */
	hook.on_tick = NULL;
	begin(&o);
	raise(SIGTERM);
	assert_int_equal(sse_responder_run(r), 0);
	sigaction(SIGTERM, &old, NULL);
}

static void
a_second_stop_does_not_wait(void **state)
{
	struct sse_responder_options o = options();
	struct web w[2];

	(void)state;
	o.drain_ms = 3600000;
	begin(&o);
	for (int i = 0; i < 2; i++) {
		web_get(&w[i], "/e/a", NULL);
		web_wait(&w[i], "\n\n");
	}
	sse_responder_stop(r);
	assert_int_equal(sse_responder_step(r, 0), 1);
	assert_int_equal(sse_responder_count(r), 1);
	sse_responder_stop(r);
	assert_int_equal(sse_responder_run(r), 0);
	sse_responder_free(r);
	r = NULL;
	for (int i = 0; i < 2; i++) {
		while (!w[i].has_ended)
			web_read(&w[i]);
		web_close(&w[i]);
	}
}

static void
lives_in_another_loop(void **state)
{
	struct sse_responder_options o = options();
	time_t end = time(NULL) + PATIENCE_S;
	struct pollfd p;
	struct web w;

	(void)state;
	begin(&o);
	p = (struct pollfd){ sse_responder_fd(r), POLLIN, 0 };
	assert_int_equal(sse_responder_timeout(r), 0);	/* never ran */
	if (p.fd < 0)
		return;		/* SSE_LOOP=poll */
	while (sse_responder_timeout(r) == 0)
		assert_int_equal(sse_responder_step(r, 0), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	web_get(&w, "/e/a", NULL);
	while (web_read(&w), !strstr(w.text.p, "\n\n")) {
		assert_true(time(NULL) < end);
		(void)poll(&p, 1, sse_responder_timeout(r));
		assert_int_equal(sse_responder_step(r, 0), 1);
	}
	/* What is published outside a step asks for one. */
	while (sse_responder_timeout(r) == 0)
		assert_int_equal(sse_responder_step(r, 0), 1);
	assert_int_equal(publish("a", "x"), 0);
	assert_int_equal(sse_responder_timeout(r), 0);
	assert_int_equal(sse_responder_step(r, 0), 1);
	web_read(&w);
	assert_non_null(strstr(w.text.p, "data: x\n\n"));
	assert_int_equal(sse_responder_fd(r), p.fd);
	web_close(&w);
}

/* ---- without memory ---- */

static void
cannot_be_made_without_memory(void **state)
{
	static const char *const topics[] = { "a", "b", NULL };
	struct sse_responder_options o = options();
	bool failed = true;

	(void)state;
	o.default_topics = topics;
	o.cors_origins = (const char *const[]){ "*", NULL };
	o.on_tick = on_tick;
	for (size_t n = 1; failed; n++) {
		int e;

		fault_arm(n);
		e = sse_responder_new(&o, &r);
		failed = fault_disarm();
		unit_check(e == (failed ? -ENOMEM : 0), "allocation %zu: %d",
			   n, e);
		assert_true(failed == !r);
	}
}

/* An event is published whole or not at all, and its number not twice. */
static void
publishes_or_says_no(void **state)
{
	struct sse_responder_options o = options();
	bool failed = true;
	struct web w;
	size_t n;

	(void)state;
	begin(&o);
	web_get(&w, "/e/*", NULL);
	web_wait(&w, "\n\n");
	for (n = 1; failed; n++) {
		char topic[16], line[32];
		int e;

		snprintf(topic, sizeof(topic), "t%zu", n);
		fault_arm(n);
		e = publish(topic, topic);
		failed = fault_disarm();
		assert_true(e == 0 || e == -ENOMEM);
		assert_true(failed || e == 0);
		snprintf(line, sizeof(line), "data: %s\n\n", topic);
		if (e == 0)
			web_wait(&w, line);
		else
			assert_null(strstr(w.text.p, line));
	}
	assert_true(n > 2);
	web_close(&w);
}

static void
lives_through_requests_without_memory(void **state)
{
	struct sse_responder_options o = options();
	bool failed = true;

	(void)state;
	begin(&o);
	hook.on_request = grant_own;
	for (size_t n = 1; failed; n++) {
		struct web w;

		web_get(&w, "/e/news?topic=a", alice);
		fault_arm(n);
		for (int i = 0; i < 3; i++)
			assert_int_equal(sse_responder_step(r, 0), 1);
		failed = fault_disarm();
		web_read(&w);
		if (!failed)
			web_wait(&w, "\n\n");
		web_close(&w);
		wait_for_count(0);
	}
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(says_what_cannot_be),
		WITH_FOLDER(listens_where_it_says),
		WITH_FOLDER(streams_events),
		WITH_FOLDER(refuses_wrong_events),
		WITH_FOLDER(resumes),
		WITH_FOLDER(keeps_what_the_window_holds),
		WITH_FOLDER(shows_the_request),
		WITH_FOLDER(refuses_a_nul),
		WITH_FOLDER(answers_what_it_is_told),
		WITH_FOLDER(adds_headers),
		WITH_FOLDER(grants_private_topics),
		WITH_FOLDER(publishes_from_a_callback),
		WITH_FOLDER(serves_without_callbacks),
		WITH_FOLDER(keeps_to_its_limits),
		WITH_FOLDER(runs_until_it_is_stopped),
		WITH_FOLDER(stops_in_a_signal_handler),
		WITH_FOLDER(a_second_stop_does_not_wait),
		WITH_FOLDER(lives_in_another_loop),
		WITH_FOLDER(cannot_be_made_without_memory),
		WITH_FOLDER(publishes_or_says_no),
		WITH_FOLDER(lives_through_requests_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
