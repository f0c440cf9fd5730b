/* SPDX-License-Identifier: MIT */
/* The installed library against the real libfcgi, over socket pairs. */
#include "config.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fastcgi.h>
#include <fcgiapp.h>

#include <sse-fcgi/fcgx.h>

#include "fcgi/handoff.h"
#include "fcgi/handoff_message.h"
#include "lib/base/buf.h"

enum { PATIENCE_MS = 10000, REQUEST_ID = 7 };

/* ---- a web server ---- */

static void
add_record(struct buf *out, int type, struct slice content)
{
	FCGI_Header h = {
		.version = FCGI_VERSION_1,
		.type = (unsigned char)type,
		.requestIdB0 = REQUEST_ID,
		.contentLengthB1 = (unsigned char)(content.len >> 8),
		.contentLengthB0 = (unsigned char)content.len,
	};

	assert_int_equal(buf_append(out, &h, sizeof(h)), 0);
	assert_int_equal(buf_append_slice(out, content), 0);
}

/* `vars` is NAME=VALUE strings and ends with NULL. */
static void
add_params(struct buf *out, const char *const *vars)
{
	struct buf params = { 0 };

	for (; *vars; vars++) {
		const char *eq = strchr(*vars, '=');
		size_t name = (size_t)(eq - *vars), value = strlen(eq + 1);
		char lengths[5] = { (char)name, (char)(value >> 24 | 0x80),
				    (char)(value >> 16), (char)(value >> 8),
				    (char)value };

		assert_int_equal(buf_append(&params, lengths, 5), 0);
		assert_int_equal(buf_append(&params, *vars, name), 0);
		assert_int_equal(buf_append(&params, eq + 1, value), 0);
	}
	add_record(out, FCGI_PARAMS, buf_slice(&params));
	add_record(out, FCGI_PARAMS, SLICE_NONE);
	buf_done(&params);
}

struct web {
	FCGX_Request request;
	int fd;			/* the web server's end */
	char dir[64], path[108];
	int worker_fd;		/* listening */
	int pipe_fd;		/* what the worker was sent */
	pid_t worker;
};

/* Sends a request and lets libfcgi accept it. stdin_len: -1: no end of it. */
static void
begin(struct web *w, const char *const *vars, long stdin_len)
{
	static const char begin_body[8] = { 0, FCGI_RESPONDER };
	static const char none[1000];
	struct buf out = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	add_record(&out, FCGI_BEGIN_REQUEST,
		   (struct slice){ begin_body, sizeof(begin_body) });
	add_params(&out, vars);
	for (; stdin_len > 0; stdin_len -= (long)sizeof(none))
		add_record(&out, FCGI_STDIN,
			   (struct slice){ none, sizeof(none) });
	if (stdin_len == 0)
		add_record(&out, FCGI_STDIN, SLICE_NONE);
	assert_int_equal(write(pair[1], out.p, out.len), out.len);
	if (stdin_len < 0)
		assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	buf_done(&out);

	w->fd = pair[1];
	FCGX_InitRequest(&w->request, -1, 0);
	w->request.ipcFd = pair[0];
	w->request.keepConnection = 1;	/* so that accepting keeps the fd */
	assert_int_equal(FCGX_Accept_r(&w->request), 0);
}

/* Closes the program's side, and returns all of STDOUT. */
static void
end(struct web *w, struct buf *ret_body)
{
	struct buf raw = { 0 };
	char bytes[4096];
	size_t at = 0;
	ssize_t n;

	if (w->request.ipcFd >= 0) {
		/* libfcgi waits up to 2 s for the web server's end. */
		shutdown(w->fd, SHUT_WR);
		FCGX_Finish_r(&w->request);
		close(w->request.ipcFd);
		w->request.ipcFd = -1;
	}
	while ((n = read(w->fd, bytes, sizeof(bytes))) > 0)
		assert_int_equal(buf_append(&raw, bytes, (size_t)n), 0);
	close(w->fd);
	while (raw.len - at >= FCGI_HEADER_LEN) {
		const unsigned char *h = (const unsigned char *)raw.p + at;
		size_t len = (size_t)h[4] << 8 | h[5];

		assert_true(raw.len - at >= FCGI_HEADER_LEN + len + h[6]);
		if (h[1] == FCGI_STDOUT)
			assert_int_equal(buf_append(ret_body,
						    raw.p + at + 8, len), 0);
		at += FCGI_HEADER_LEN + len + h[6];
	}
	assert_int_equal(buf_append_char(ret_body, '\0'), 0);
	buf_done(&raw);
}

static const char *const plain[] = { "REQUEST_METHOD=GET", NULL };

/* ---- a worker: takes one message and gives one answer ---- */

static void
work(int listen_fd, int pipe_fd, const char *answer)
{
	static char message[HANDOFF_MESSAGE_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec v = { message, sizeof(message) };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct pollfd p = { listen_fd, POLLIN, 0 };
	ssize_t n;
	int s, fd;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		_exit(1);
	s = accept(listen_fd, NULL, NULL);
	n = recvmsg(s, &m, 0);
	if (n <= 0 || !CMSG_FIRSTHDR(&m))
		_exit(2);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	if (answer[0] == '\0')	/* the other side gives up */
		(void)!read(s, message, 1);
	else if (send(s, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		_exit(3);
	if (strcmp(answer, "OK") == 0 && write(fd, "mine", 4) != 4)
		_exit(4);
	_exit(write(pipe_fd, message, (size_t)n) == n ? 0 : 5);
}

static void
start_worker(struct web *w, const char *answer)
{
	char error[256];
	int pipes[2];

	snprintf(w->dir, sizeof(w->dir), "/tmp/test-fcgx-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/handoff", w->dir);
	w->worker_fd = handoff_listen(w->path, error, sizeof(error));
	assert_true(w->worker_fd >= 0);
	assert_int_equal(pipe(pipes), 0);
	w->pipe_fd = pipes[0];
	w->worker = fork();
	assert_true(w->worker >= 0);
	if (w->worker == 0)
		work(w->worker_fd, pipes[1], answer);
	close(pipes[1]);
}

/* What the worker was sent, in `bytes`. */
static void
end_worker(struct web *w, struct buf *ret_message)
{
	char bytes[4096];
	int status;
	ssize_t n;

	while ((n = read(w->pipe_fd, bytes, sizeof(bytes))) > 0)
		assert_int_equal(buf_append(ret_message, bytes, (size_t)n), 0);
	assert_int_equal(waitpid(w->worker, &status, 0), w->worker);
	unit_check(status == 0, "the worker ended with %x", status);
	close(w->pipe_fd);
	handoff_unlisten(w->worker_fd, w->path);
	assert_int_equal(rmdir(w->dir), 0);
}

static const char *const topics[] = { "private/eve/*", "news", NULL };
static const char *const headers[] = { "Set-Cookie: a=b", NULL };

/* ---- handing over ---- */

static void
test_taken(void **state)
{
	static const char *const vars[] = {
		"REQUEST_METHOD=GET", "SSE_TOPIC_PREFIX=site/",
		"HTTP_LAST_EVENT_ID=e-9", "QUERY_STRING=lastEventID=other",
		NULL,
	};
	struct web w = { .fd = -1 };
	struct sse_handoff what = { topics, headers, NULL, w.path };
	struct handoff_message m;
	struct buf message = { 0 };
	struct slice value;
	const char *why;
	char bytes[8];
	size_t at = 0;

	(void)state;
	start_worker(&w, "OK");
	begin(&w, vars, 3000);
	assert_int_equal(sse_handoff(&w.request, &what), 0);
	assert_int_equal(w.request.ipcFd, -1);
	assert_null(w.request.in);
	end_worker(&w, &message);
	/* The worker's bytes and then the end: nothing was shut down or
	 * written here. */
	assert_int_equal(read(w.fd, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "mine", 4);
	assert_int_equal(read(w.fd, bytes, sizeof(bytes)), 0);
	close(w.fd);

	assert_int_equal(handoff_message_decode(buf_slice(&message), &m, &why),
			 0);
	assert_int_equal(m.request_id, REQUEST_ID);
	assert_int_equal(m.role, FCGI_RESPONDER);
	assert_true(slice_eq(m.prefix, SLICE_LIT("site/")));
	assert_true(slice_eq(m.after, SLICE_LIT("e-9")));
	assert_true(handoff_message_next(&m, HANDOFF_TOPIC, &at, &value));
	assert_true(slice_eq(value, SLICE_LIT("private/eve/*")));
	at = 0;
	assert_true(handoff_message_next(&m, HANDOFF_HEADER, &at, &value));
	assert_true(slice_eq(value, SLICE_LIT("Set-Cookie: a=b")));
	buf_done(&message);

	/* The request is good for the next accept. */
	assert_true(FCGX_Accept_r(&w.request) < 0);
}

static void
check_later(const struct buf *body)
{
	const char *retry = strstr(body->p, "\r\n\r\nretry: ");
	long ms;

	assert_null(strstr(body->p, "Status:"));
	assert_non_null(strstr(body->p, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(body->p, "\r\nSet-Cookie: a=b\r\n"));
	assert_non_null(retry);
	ms = strtol(retry + 11, NULL, 10);
	assert_in_range(ms, 3000, 8000);
}

static void
test_not_taken(void **state)
{
	static const char *const answers[] = { "BUSY", "", "What?" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(answers); i++) {
		struct web w = { .fd = -1 };
		struct sse_handoff what = { topics, headers, NULL, w.path };
		struct buf message = { 0 }, body = { 0 };

		start_worker(&w, answers[i]);
		begin(&w, plain, 0);
		assert_int_equal(sse_handoff(&w.request, &what), 1);
		end_worker(&w, &message);
		end(&w, &body);
		check_later(&body);
		buf_done(&message);
		buf_done(&body);
	}
}

static void
test_no_worker(void **state)
{
	struct web w = { .fd = -1 };
	struct sse_handoff what = { topics, headers, NULL, "/nonexistent/x" };
	struct buf body = { 0 };

	(void)state;
	begin(&w, plain, 0);
	assert_int_equal(sse_handoff(&w.request, &what), 1);
	end(&w, &body);
	check_later(&body);
	buf_done(&body);
}

static void
test_refused_by_worker(void **state)
{
	struct web w = { .fd = -1 };
	struct sse_handoff what = { topics, headers, NULL, w.path };
	struct buf message = { 0 }, body = { 0 };

	(void)state;
	start_worker(&w, "ERR too new");
	begin(&w, plain, 0);
	assert_int_equal(sse_handoff(&w.request, &what), -EPROTO);
	end_worker(&w, &message);
	FCGX_PutS("Status: 500\r\n\r\n", w.request.out);
	end(&w, &body);
	assert_string_equal(body.p, "Status: 500\r\n\r\n");
	buf_done(&message);
	buf_done(&body);
}

static void
test_head(void **state)
{
	static const char *const vars[] = { "REQUEST_METHOD=HEAD", NULL };
	struct web w = { .fd = -1 };
	struct sse_handoff what = { topics, headers, NULL, "/nonexistent/x" };
	struct buf body = { 0 };

	(void)state;
	begin(&w, vars, 0);
	assert_int_equal(sse_handoff(&w.request, &what), 1);
	end(&w, &body);
	assert_non_null(strstr(body.p, "text/event-stream"));
	assert_string_equal(strstr(body.p, "\r\n\r\n"), "\r\n\r\n");
	buf_done(&body);
}

static void
put_out(FCGX_Request *r)
{
	FCGX_PutS("x", r->out);
}

static void
put_and_flush(FCGX_Request *r)
{
	FCGX_PutS("x", r->out);
	FCGX_FFlush(r->out);
}

static void
put_err(FCGX_Request *r)
{
	FCGX_PutS("x", r->err);
}

static void
nothing(FCGX_Request *r)
{
	(void)r;
}

static void
test_refused_here(void **state)
{
	static const char *const no_topics[] = { NULL };
	static const char *const bad_topics[] = { "a\nb", NULL };
	static const char *const split[] = { "X: a\r\nY: b", NULL };
	static const char *const ours[] = { "Status: 500", NULL };
	static const struct {
		struct sse_handoff what;
		void (*before)(FCGX_Request *r);
		long stdin_len;
		int want;
	} rows[] = {
		{ { NULL, NULL, NULL, "/nonexistent/x" }, nothing, 0, -EINVAL },
		{ { no_topics, NULL, NULL, "/nonexistent/x" }, nothing, 0, -EINVAL },
		{ { bad_topics, NULL, NULL, "/nonexistent/x" }, nothing, 0, -EINVAL },
		{ { topics, split, NULL, "/nonexistent/x" }, nothing, 0, -EINVAL },
		{ { topics, ours, NULL, "/nonexistent/x" }, nothing, 0, -EINVAL },
		{ { topics, NULL, NULL, "/nonexistent/x" }, put_out, 0, -EINVAL },
		{ { topics, NULL, NULL, "/nonexistent/x" }, put_and_flush, 0, -EINVAL },
		{ { topics, NULL, NULL, "/nonexistent/x" }, put_err, 0, -EINVAL },
		{ { topics, NULL, NULL, "/nonexistent/x" }, nothing, 65000, 1 },
		{ { topics, NULL, NULL, "/nonexistent/x" }, nothing, 66000, -EMSGSIZE },
		{ { topics, NULL, NULL, "/nonexistent/x" }, nothing, -1, -EIO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct web w = { .fd = -1 };
		struct buf body = { 0 };
		int r;

		begin(&w, plain, rows[i].stdin_len);
		rows[i].before(&w.request);
		r = sse_handoff(&w.request, &rows[i].what);
		unit_check(r == rows[i].want, "row %zu gave %d", i, r);
		end(&w, &body);
		buf_done(&body);
	}
}

static void
test_long_path(void **state)
{
	struct web w = { .fd = -1 };
	char path[300];
	struct sse_handoff what = { topics, NULL, NULL, path };
	struct buf body = { 0 };

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	begin(&w, plain, 0);
	assert_int_equal(sse_handoff(&w.request, &what), -ENAMETOOLONG);
	end(&w, &body);
	buf_done(&body);
}

/* Plain CGI has no FastCGI connection to hand over. */
static void
test_no_connection(void **state)
{
	struct sse_handoff what = { topics, NULL, NULL, "/nonexistent/x" };
	FCGX_Request request;

	(void)state;
	FCGX_InitRequest(&request, 0, 0);
	assert_int_equal(sse_handoff(&request, &what), -EINVAL);
}

static void
test_where_it_resumes(void **state)
{
	static const struct {
		const char *given, *header, *query;
		const char *after;	/* NULL: none */
		uint32_t last_n;
	} rows[] = {
		{ NULL, "", "", NULL, 0 },
		{ NULL, "h", "lastEventID=q", "h", 0 },
		{ "g", "h", "lastEventID=q", "g", 0 },
		{ "", "h", "lastEventID=q", NULL, 0 },
		{ NULL, "", "a&lastEventID=q%2D1", "q-1", 0 },
		{ NULL, "", "Last-Event-ID=q", "q", 0 },
		{ NULL, "", "last_event_id=q", "q", 0 },
		{ NULL, "", "lastEventId=q", "q", 0 },
		{ NULL, "", "lastEventId=b&lastEventID=a", "a", 0 },
		{ NULL, "", "lastEventID=&lastEventId=b", "b", 0 },
		{ NULL, "", "lasteventid=b", NULL, 0 },
		{ NULL, "", "last=5", NULL, 5 },
		{ NULL, "", "last=5000000", NULL, 1000 },
		{ NULL, "", "last=0", NULL, 0 },
		{ NULL, "", "last=-1", NULL, 0 },
		{ NULL, "", "last=5&lastEventID=q", "q", 0 },
		{ NULL, "", "lastEventID=earliest", "earliest", 0 },
		{ NULL, "", "lastEventID=a%0Ab", "", 0 },
		{ NULL, "", "lastEventID=%zz", "", 0 },
		{ NULL, "a\xff", "", "", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct web w = { .fd = -1 };
		struct sse_handoff what = { topics, NULL, rows[i].given,
					    w.path };
		struct handoff_message m;
		struct buf message = { 0 }, body = { 0 };
		char header[80], query[80];
		const char *const vars[] = { header, query, NULL };
		const char *why;

		snprintf(header, sizeof(header), "HTTP_LAST_EVENT_ID=%s",
			 rows[i].header);
		snprintf(query, sizeof(query), "QUERY_STRING=%s",
			 rows[i].query);
		start_worker(&w, "BUSY");
		begin(&w, vars, 0);
		assert_int_equal(sse_handoff(&w.request, &what), 1);
		end_worker(&w, &message);
		end(&w, &body);
		assert_int_equal(
		    handoff_message_decode(buf_slice(&message), &m, &why), 0);
		unit_check((m.after.p != NULL) == (rows[i].after != NULL) &&
			   slice_eq(m.after, slice_of(rows[i].after)),
			   "row %zu gave \"%.*s\"", i, (int)m.after.len,
			   m.after.p ? m.after.p : "");
		unit_check(m.last_n == rows[i].last_n, "row %zu gave %u", i,
			   (unsigned)m.last_n);
		buf_done(&message);
		buf_done(&body);
	}
}

/* ---- streaming ---- */

static void
test_stream(void **state)
{
	struct web w = { .fd = -1 };
	struct buf body = { 0 };

	(void)state;
	begin(&w, plain, 0);
	assert_int_equal(sse_fcgx_begin(w.request.out, 2500), 0);
	assert_int_equal(sse_fcgx_send(w.request.out, NULL, NULL, "a\r\nb\rc",
				       6), 0);
	assert_int_equal(sse_fcgx_send(w.request.out, "n", "1", "", 0), 0);
	assert_int_equal(sse_fcgx_heartbeat(w.request.out), 0);
	end(&w, &body);
	assert_string_equal(body.p,
			    "Content-Type: text/event-stream\r\n"
			    "Cache-Control: no-cache, no-transform\r\n"
			    "X-Accel-Buffering: no\r\n"
			    "\r\n"
			    "retry: 2500\n:\n\n"
			    "data: a\ndata: b\ndata: c\n\n"
			    "id: 1\nevent: n\ndata: \n\n"
			    ":\n");
	buf_done(&body);
}

static void
test_stream_refuses(void **state)
{
	static const struct {
		const char *name, *id, *data;
		int want;
	} rows[] = {
		{ "a\nb", NULL, "", -EINVAL },
		{ "a\rb", NULL, "", -EINVAL },
		{ NULL, "a\nb", "", -EINVAL },
		{ NULL, "a\r", "", -EINVAL },
		{ "\xff", NULL, "", -EINVAL },
		{ NULL, "\xc0\x80", "", -EINVAL },
		{ NULL, NULL, "\xed\xa0\x80", -EINVAL },
		{ "", "", "", 0 },
	};
	struct web w = { .fd = -1 };
	struct buf body = { 0 };
	size_t i;

	(void)state;
	begin(&w, plain, 0);
	for (i = 0; i < COUNT_OF(rows); i++) {
		int r = sse_fcgx_send(w.request.out, rows[i].name, rows[i].id,
				      rows[i].data, strlen(rows[i].data));

		unit_check(r == rows[i].want, "row %zu gave %d", i, r);
	}
	end(&w, &body);
	assert_string_equal(body.p, "id: \nevent: \ndata: \n\n");
	buf_done(&body);
}

static void
test_gone_browser(void **state)
{
	struct web w = { .fd = -1 };

	(void)state;
	begin(&w, plain, 0);
	assert_int_equal(sse_fcgx_begin(w.request.out, -1), 0);
	close(w.fd);
	assert_int_equal(sse_fcgx_heartbeat(w.request.out), -EIO);
	assert_int_equal(sse_fcgx_heartbeat(w.request.out), -EIO);
	assert_int_equal(sse_fcgx_send(w.request.out, NULL, NULL, "a", 1),
			 -EIO);
	assert_int_equal(sse_fcgx_begin(w.request.out, -1), -EIO);
	FCGX_Finish_r(&w.request);
	if (w.request.ipcFd >= 0)
		close(w.request.ipcFd);
}

/* Plain CGI: standard output is a pipe, more than a buffer goes into it. */
static void
test_cgi(void **state)
{
	static char big[100000];
	FCGX_Stream *out = sse_fcgx_cgi_out();
	struct buf got = { 0 };
	char bytes[4096];
	int pipes[2], status;
	ssize_t n;
	pid_t child;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		_exit(sse_fcgx_begin(out, 1) != 0 ||
		      sse_fcgx_send(out, NULL, NULL, big, sizeof(big)) != 0);
	}
	close(pipes[1]);
	while ((n = read(pipes[0], bytes, sizeof(bytes))) > 0)
		assert_int_equal(buf_append(&got, bytes, (size_t)n), 0);
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(buf_append_char(&got, '\0'), 0);
	assert_memory_equal(got.p, "Content-Type: text/event-stream\r\n", 33);
	assert_int_equal(strspn(strstr(got.p, "data: ") + 6, "x"), sizeof(big));
	buf_done(&got);
}

static void
test_cgi_gone(void **state)
{
	FCGX_Stream *out = sse_fcgx_cgi_out();
	int pipes[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	close(pipes[0]);	/* gone before the first byte is written */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[1]);
		_exit(sse_fcgx_begin(out, 1) != -EIO ||
		      sse_fcgx_heartbeat(out) != -EIO);
	}
	close(pipes[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_not_taken),
		cmocka_unit_test(test_no_worker),
		cmocka_unit_test(test_refused_by_worker),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_refused_here),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_no_connection),
		cmocka_unit_test(test_where_it_resumes),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_refuses),
		cmocka_unit_test(test_gone_browser),
		cmocka_unit_test(test_cgi),
		cmocka_unit_test(test_cgi_gone),
	};

	FCGX_Init();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
