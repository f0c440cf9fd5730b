/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/handoff.h"
#include "fcgi/handoff_call.h"
#include "fcgi/handoff_message.h"
#include "lib/base/clock.h"

enum { PATIENCE_MS = 10000 };	/* then something is broken */

/* ---- the message ---- */

static void
make_message(struct buf *m)
{
	assert_int_equal(handoff_message_begin(m, 513, 1, true), 0);
	assert_int_equal(handoff_message_add(m, HANDOFF_PREFIX,
					     SLICE_LIT("site/")), 0);
	assert_int_equal(handoff_message_add(m, HANDOFF_TOPIC,
					     SLICE_LIT("private/eve/*")), 0);
	assert_int_equal(handoff_message_add(m, HANDOFF_HEADER,
					     SLICE_LIT("Set-Cookie: a=b")), 0);
	assert_int_equal(handoff_message_add(m, HANDOFF_TOPIC,
					     SLICE_LIT("news")), 0);
	assert_int_equal(handoff_message_add(m, HANDOFF_AFTER,
					     SLICE_LIT("x-1")), 0);
	assert_int_equal(handoff_message_add_last(m, 70000), 0);
}

static void
assert_slice(struct slice got, const char *want)
{
	unit_check(slice_eq(got, slice_of(want)), "got \"%.*s\", not \"%s\"",
		   (int)got.len, got.p, want);
}

static void
test_round_trip(void **state)
{
	struct handoff_message m;
	struct buf bytes = { 0 };
	struct slice value;
	const char *why;
	size_t at = 0;

	(void)state;
	make_message(&bytes);
	assert_int_equal(
	    handoff_message_decode(buf_slice(&bytes), &m, &why), 0);
	assert_int_equal(m.request_id, 513);
	assert_int_equal(m.role, 1);
	assert_true(m.keep);
	assert_int_equal(m.last_n, 70000);
	assert_slice(m.after, "x-1");
	assert_slice(m.prefix, "site/");
	assert_true(handoff_message_next(&m, HANDOFF_TOPIC, &at, &value));
	assert_slice(value, "private/eve/*");
	assert_true(handoff_message_next(&m, HANDOFF_TOPIC, &at, &value));
	assert_slice(value, "news");
	assert_false(handoff_message_next(&m, HANDOFF_TOPIC, &at, &value));
	at = 0;
	assert_true(handoff_message_next(&m, HANDOFF_HEADER, &at, &value));
	assert_slice(value, "Set-Cookie: a=b");
	assert_false(handoff_message_next(&m, HANDOFF_HEADER, &at, &value));
	buf_done(&bytes);
}

/* Cut anywhere it is refused, unless the cut is between two fields. */
static void
test_every_cut_and_flip(void **state)
{
	struct handoff_message m;
	struct buf bytes = { 0 };
	const char *why;
	size_t i, good = 0;
	int bit;

	(void)state;
	make_message(&bytes);
	for (i = 0; i < bytes.len; i++) {
		char *exact = malloc(i + 1); /* so that ASan sees its end */

		assert_non_null(exact);
		memcpy(exact, bytes.p, i);
		why = NULL;
		if (handoff_message_decode((struct slice){ exact, i }, &m,
					   &why) == 0)
			good++;
		else
			assert_non_null(why);
		free(exact);
	}
	assert_int_equal(good, 4); /* after a topic and what follows it */

	for (i = 0; i < bytes.len; i++)
		for (bit = 0; bit < 8; bit++) {
			bytes.p[i] = (char)(bytes.p[i] ^ 1 << bit);
			(void)handoff_message_decode(buf_slice(&bytes), &m,
						     &why);
			bytes.p[i] = (char)(bytes.p[i] ^ 1 << bit);
		}
	buf_done(&bytes);
}

#define HEAD "SSEH\1"
#define REQUEST "\1\0\5\0\1\0\1\0"
#define TOPIC "\2\0\1a"
#define BYTES(text) text, sizeof(text) - 1

static void
test_decode_table(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		bool good;
	} rows[] = {
		{ BYTES(HEAD REQUEST TOPIC), true },
		{ BYTES(HEAD REQUEST TOPIC "\x7f\0\2zz"), true },
		{ BYTES(HEAD REQUEST TOPIC "\4\0\0"), true },
		{ BYTES(HEAD REQUEST TOPIC "\4\0\10earliest"), true },
		{ BYTES(""), false },
		{ BYTES("SSEH"), false },
		{ BYTES(HEAD), false },
		{ BYTES(HEAD REQUEST), false },
		{ BYTES("SSEH\2" REQUEST TOPIC), false },
		{ BYTES("sseh\1" REQUEST TOPIC), false },
		{ BYTES(HEAD TOPIC REQUEST), false },
		{ BYTES(HEAD REQUEST REQUEST TOPIC), false },
		{ BYTES(HEAD "\1\0\5\0\0\0\1\0" TOPIC), false },
		{ BYTES(HEAD "\1\0\5\0\1\0\2\0" TOPIC), false },
		{ BYTES(HEAD "\1\0\4\0\1\0\1" TOPIC), false },
		{ BYTES(HEAD REQUEST "\2\0\0"), false },
		{ BYTES(HEAD REQUEST "\2\0\1\n"), false },
		{ BYTES(HEAD REQUEST "\2\0\1\xff"), false },
		{ BYTES(HEAD REQUEST "\2\0\2{x"), false },
		{ BYTES(HEAD REQUEST TOPIC "\2\xff\xff" "a"), false },
		{ BYTES(HEAD REQUEST TOPIC "\3\0\4a: \n"), false },
		{ BYTES(HEAD REQUEST TOPIC "\4\0\3a\nb"), false },
		{ BYTES(HEAD REQUEST TOPIC "\4\0\1\0"), false },
		{ BYTES(HEAD REQUEST TOPIC "\4\0\1a\4\0\1a"), false },
		{ BYTES(HEAD REQUEST TOPIC "\5\0\4\0\0\0\0"), false },
		{ BYTES(HEAD REQUEST TOPIC "\5\0\3\0\0\1"), false },
		{ BYTES(HEAD REQUEST TOPIC "\5\0\4\0\0\0\1\5\0\4\0\0\0\1"),
		  false },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\0"), false },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\1\r"), false },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\2a/"), true },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\1a"), false },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\2{/"), false },
		{ BYTES(HEAD REQUEST TOPIC "\6\0\2a/\6\0\2a/"), false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct slice bytes = { rows[i].p, rows[i].len };
		struct handoff_message m;
		const char *why = NULL;
		int r = handoff_message_decode(bytes, &m, &why);

		unit_check((r == 0) == rows[i].good, "row %zu gave %d (%s)", i,
			   r, why);
	}
}

static void
test_header_table(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		bool good;
	} rows[] = {
		{ BYTES("Set-Cookie: a=b; HttpOnly"), true },
		{ BYTES("X:"), true },
		{ BYTES("X:\ta\tb"), true },
		{ BYTES("X: gr\xc3\xbc\xc3\x9f" "e"), true },
		{ BYTES("Content-Typ: a"), true },
		{ BYTES("Content-Types: a"), true },
		{ BYTES("Content-Security-Policy: x"), true },
		{ BYTES(""), false },
		{ BYTES(":"), false },
		{ BYTES("X"), false },
		{ BYTES(" X: a"), false },
		{ BYTES("X : a"), false },
		{ BYTES("X\0: a"), false },
		{ BYTES("X: a\0"), false },
		{ BYTES("X: a\r\nY: b"), false },
		{ BYTES("X: a\n"), false },
		{ BYTES("X: a\r"), false },
		{ BYTES("X: \x7f"), false },
		{ BYTES("(X): a"), false },
		{ BYTES("Content-Type: text/html"), false },
		{ BYTES("content-type:text/html"), false },
		{ BYTES("CONTENT-LENGTH: 1"), false },
		{ BYTES("Status: 500"), false },
		{ BYTES("Transfer-Encoding: chunked"), false },
		{ BYTES("Connection: close"), false },
		{ BYTES("Location: /x"), false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct slice line = { rows[i].p, rows[i].len };
		const char *why = NULL;

		unit_check(handoff_header_check(line, &why) == rows[i].good,
			   "\"%s\" gave %s", rows[i].p, why);
		unit_check(rows[i].good || why, "row %zu says nothing", i);
	}
}

static void
test_message_is_bounded(void **state)
{
	char line[1024];
	struct buf bytes = { 0 };
	int r = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[1] = ':';
	assert_int_equal(handoff_message_begin(&bytes, 1, 1, false), 0);
	while (r == 0)
		r = handoff_message_add(&bytes, HANDOFF_HEADER,
					(struct slice){ line, sizeof(line) });
	assert_int_equal(r, -EMSGSIZE);
	assert_true(bytes.len <= HANDOFF_MESSAGE_MAX);
	assert_true(bytes.len + 2 * sizeof(line) > HANDOFF_MESSAGE_MAX);
	buf_done(&bytes);
}

/* ---- the server ---- */

struct scene {
	char dir[64];
	char path[108];
	int listen_fd;
	struct loop *loop;
	struct handoff_server *server;
	int busy;		/* what ask says */
	unsigned asked, taken, refused;
	struct handoff last;	/* the one taken last */
	char why[128];
	bool (*is_done)(struct scene *s);
	int wait_fd;		/* for until_answered */
	pid_t child;
	int64_t until_ms;
};

static int
on_ask(void *user, const struct handoff *h)
{
	struct scene *s = user;

	assert_true(h->fd >= 0);
	s->asked++;
	return s->busy;
}

static void
on_take(void *user, struct handoff *h)
{
	struct scene *s = user;

	handoff_done(&s->last);
	s->last = *h;
	*h = (struct handoff){ .fd = -1 };
	s->taken++;
}

static void
on_refused(void *user, const char *why)
{
	struct scene *s = user;

	s->refused++;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

static const struct handoff_ops ops = { on_ask, on_take, on_refused };

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct scene *s = user;

	(void)now_ms;
	if (s->is_done(s) || clock_mono_ms() > s->until_ms)
		loop_stop(s->loop);
	return 10;
}

static void
run_until(struct scene *s, bool (*is_done)(struct scene *s))
{
	s->is_done = is_done;
	s->until_ms = clock_mono_ms() + PATIENCE_MS;
	assert_int_equal(loop_run(s->loop), 0);
	assert_true(clock_mono_ms() <= s->until_ms);
}

static int
set_up(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char error[256];

	if (!s)
		return -1;
	snprintf(s->dir, sizeof(s->dir), "/tmp/test-handoff-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/handoff", s->dir);
	s->last.fd = -1;
	s->listen_fd = handoff_listen(s->path, error, sizeof(error));
	*state = s;
	if (s->listen_fd < 0 || loop_new(LOOP_BACKEND_BEST, &s->loop) < 0)
		return -1;
	loop_on_turn(s->loop, on_turn, s);
	return handoff_server_new(s->loop, s->listen_fd, &ops, s, &s->server);
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	handoff_server_free(s->server);
	loop_free(s->loop);
	handoff_unlisten(s->listen_fd, s->path);
	handoff_done(&s->last);
	if (rmdir(s->dir) < 0)	/* nothing is left in it */
		return -1;
	free(s);
	return 0;
}

static int
dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert_true(fd >= 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
post(int s, struct slice message, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(32 * sizeof(int))];
	} control = { { 0 } };
	char *copy = malloc(message.len + 1);
	struct iovec v = { copy, message.len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	assert_non_null(copy);
	if (message.len > 0)
		memcpy(copy, message.p, message.len);
	if (n > 0) {
		struct cmsghdr *c;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	assert_int_equal(sendmsg(s, &m, MSG_NOSIGNAL), message.len);
	free(copy);
}

static bool
until_answered(struct scene *s)
{
	struct pollfd p = { s->wait_fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* Runs the loop until an answer is there, and reads it. */
static void
hear(struct scene *s, int fd, char text[256])
{
	ssize_t n;

	s->wait_fd = fd;
	run_until(s, until_answered);
	n = recv(fd, text, 255, 0);
	assert_true(n >= 0);
	text[n] = '\0';
}

static void
test_take(void **state)
{
	struct scene *s = *state;
	struct buf message = { 0 };
	char text[256];
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_message(&message);
	fd = dial(s->path);
	post(fd, buf_slice(&message), pair, 1);
	hear(s, fd, text);
	assert_string_equal(text, "OK");
	assert_int_equal(s->taken, 1);
	assert_int_equal(s->last.request_id, 513);
	assert_true(s->last.keep);
	assert_slice(buf_slice(&s->last.headers), "Set-Cookie: a=b\r\n");
	assert_slice(buf_slice(&s->last.subscription.key),
		     "+site/news\n+site/private/eve/*\n");
	assert_int_equal(s->last.subscription.count, 2);
	assert_int_equal(s->last.subscription.from, FROM_ID);
	assert_slice(buf_slice(&s->last.subscription.after), "x-1");
	assert_true(fcntl(s->last.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(s->last.fd, F_GETFD) & FD_CLOEXEC);

	/* It is the very connection. */
	assert_int_equal(write(s->last.fd, "x", 1), 1);
	assert_int_equal(read(pair[1], text, 1), 1);
	close(pair[0]);
	close(pair[1]);
	close(fd);
	buf_done(&message);
}

static void
test_where_it_resumes(void **state)
{
	static const struct {
		const char *after;	/* NULL: none */
		uint32_t last_n;
		enum subscription_from want;
	} rows[] = {
		{ NULL, 0, FROM_NOW },
		{ NULL, 3, FROM_LAST },
		{ "earliest", 3, FROM_EARLIEST },
		{ "", 0, FROM_UNKNOWN },
		{ "e1", 3, FROM_ID },
	};
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		struct buf m = { 0 };
		char text[256];
		int pair[2], fd;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(handoff_message_begin(&m, 1, 1, false), 0);
		assert_int_equal(handoff_message_add(&m, HANDOFF_TOPIC,
						     SLICE_LIT("a")), 0);
		if (rows[i].after)
			assert_int_equal(
			    handoff_message_add(&m, HANDOFF_AFTER,
						slice_of(rows[i].after)), 0);
		if (rows[i].last_n > 0)
			assert_int_equal(
			    handoff_message_add_last(&m, rows[i].last_n), 0);
		fd = dial(s->path);
		post(fd, buf_slice(&m), pair, 1);
		hear(s, fd, text);
		assert_string_equal(text, "OK");
		unit_check(s->last.subscription.from == rows[i].want,
			   "row %zu gave %d", i,
			   (int)s->last.subscription.from);
		close(fd);
		close(pair[0]);
		close(pair[1]);
		buf_done(&m);
	}
}

static unsigned
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
test_hostile(void **state)
{
	struct scene *s = *state;
	struct buf good = { 0 };
	char *big = calloc(1, HANDOFF_MESSAGE_MAX + 1);
	int pair[2], pipes[2], many[20], listens, fd;
	unsigned before;
	size_t i;

	assert_non_null(big);
	make_message(&good);
	memcpy(big, good.p, good.len);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	listens = socket(AF_UNIX, SOCK_STREAM, 0);
	for (i = 0; i < COUNT_OF(many); i++)
		many[i] = pair[0];
	before = count_descriptors();

	const struct {
		struct slice message;
		const int *fds;
		size_t n;
		const char *want;
	} rows[] = {
		{ buf_slice(&good), NULL, 0, "ERR not exactly" },
		{ buf_slice(&good), pair, 2, "ERR not exactly" },
		{ buf_slice(&good), many, 8, "ERR not exactly" },
		{ buf_slice(&good), many, 20, "ERR not exactly" },
		{ buf_slice(&good), pipes, 1, "ERR the descriptor" },
		{ { big, HANDOFF_MESSAGE_MAX + 1 }, pair, 1,
		  "ERR the message is too long" },
		{ { big, HANDOFF_MESSAGE_MAX }, pair, 1, "ERR " },
		{ SLICE_LIT("junk"), pair, 1, "ERR this is not" },
		{ SLICE_LIT(""), pair, 1, "ERR this is not" },
		{ SLICE_LIT("SSEH\2"), pair, 1, "ERR the message is of" },
	};
	for (i = 0; i < COUNT_OF(rows); i++) {
		char text[256];

		fd = dial(s->path);
		post(fd, rows[i].message, rows[i].fds, rows[i].n);
		hear(s, fd, text);
		unit_check(strncmp(text, rows[i].want, strlen(rows[i].want)) ==
			   0, "row %zu gave \"%s\"", i, text);
		assert_int_equal(s->refused, i + 1);
		close(fd);
	}
	assert_int_equal(s->taken, 0);
	assert_int_equal(s->asked, 0);
	assert_int_equal(count_descriptors(), before);

	close(listens);
	close(pair[0]);
	close(pair[1]);
	close(pipes[0]);
	close(pipes[1]);
	buf_done(&good);
	free(big);
}

/* Without a descriptor to spare the worker is busy, and the message fine. */
static void
test_no_descriptor(void **state)
{
	struct scene *s = *state;
	struct buf message = { 0 };
	struct rlimit old, limit;
	char text[256];
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_message(&message);
	fd = dial(s->path);
	post(fd, buf_slice(&message), pair, 1);

	/* One is left, for the peer itself. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)dup(fd) + 1;
	close((int)limit.rlim_cur - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	hear(s, fd, text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(text, "BUSY");
	assert_int_equal(s->refused, 0);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	buf_done(&message);
}

static bool
until_asked(struct scene *s)
{
	return s->asked > 0;
}

/* One that gave up before OK was said has its request back. */
static void
test_gave_up(void **state)
{
	struct scene *s = *state;
	struct buf message = { 0 };
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_message(&message);
	fd = dial(s->path);
	post(fd, buf_slice(&message), pair, 1);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	run_until(s, until_asked);
	assert_int_equal(s->taken, 0);
	assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	buf_done(&message);
}

static void
test_busy(void **state)
{
	struct scene *s = *state;
	struct buf message = { 0 };
	char text[256];
	int pair[2], fd;

	s->busy = -EBUSY;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_message(&message);
	fd = dial(s->path);
	post(fd, buf_slice(&message), pair, 1);
	hear(s, fd, text);
	assert_string_equal(text, "BUSY");
	assert_int_equal(s->taken, 0);
	assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	buf_done(&message);
}

/* One too many, and one whose time is over; those that left count nothing. */
static void
test_silent_peers(void **state)
{
	struct scene *s = *state;
	int fds[HANDOFF_WAITING_MAX + 1];
	char text[256];
	size_t i;

	for (i = 0; i < 100; i++)
		close(dial(s->path));
	for (i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial(s->path);
	hear(s, fds[0], text);
	assert_string_equal(text, "ERR too many wait without a word");
	hear(s, fds[1], text);
	assert_string_equal(text, "ERR nothing was sent in time");
	for (i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
}

/* ---- the library's side against it ---- */

static bool
until_child_is_done(struct scene *s)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)s->child, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* What handoff_call returns in a process of its own, served from here. */
static int
call_as(struct scene *s, const char *path, uid_t uid)
{
	struct buf message = { 0 };
	int pair[2], status;

	make_message(&message);
	s->child = fork();
	assert_true(s->child >= 0);
	if (s->child == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
		    (uid != geteuid() && setuid(uid) < 0))
			_exit(100);
		_exit(50 + handoff_call(path, pair[0], buf_slice(&message),
					20000));
	}
	run_until(s, until_child_is_done);
	assert_int_equal(waitpid(s->child, &status, 0), s->child);
	assert_true(WIFEXITED(status));
	buf_done(&message);
	return (signed char)(WEXITSTATUS(status) - 50);
}

static int
call(struct scene *s, const char *path)
{
	return call_as(s, path, geteuid());
}

static void
test_call(void **state)
{
	struct scene *s = *state;
	char away[160];
	char longer[300];

	assert_int_equal(call(s, s->path), 0);
	assert_int_equal(s->taken, 1);
	s->busy = -EBUSY;
	assert_int_equal(call(s, s->path), 1);
	assert_int_equal(s->taken, 1);
	snprintf(away, sizeof(away), "%s/nobody", s->dir);
	assert_int_equal(call(s, away), 1);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(call(s, longer), -ENAMETOOLONG);
}

enum { SOMEBODY = 65534 };

/* Neither takes a request from a stranger, nor gives him one. */
static void
test_other_users(void **state)
{
	struct scene *s = *state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(s->dir, 0755), 0);
	assert_int_equal(call_as(s, s->path, SOMEBODY), -EPERM);
	assert_int_equal(chmod(s->path, 0666), 0);
	assert_int_equal(call_as(s, s->path, SOMEBODY), -EPROTO);
	assert_string_equal(s->why, "another user may not hand over");
	assert_int_equal(s->asked, 0);

	/* A socket where root looks for its worker, made by somebody else. */
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/false", s->dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(call(s, a.sun_path), -EPERM);
	close(fd);
	unlink(a.sun_path);
}

/* Nobody accepts: the call ends by itself, and the worker is too late. */
static void
test_call_in_vain(void **state)
{
	struct scene *s = *state;
	struct buf message = { 0 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	make_message(&message);
	assert_int_equal(
	    handoff_call(s->path, pair[0], buf_slice(&message), 50), 1);
	run_until(s, until_asked);
	assert_int_equal(s->taken, 0);
	assert_false(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
	close(pair[0]);
	close(pair[1]);
	buf_done(&message);
}

/* ---- the socket's file ---- */

static void
test_listen(void **state)
{
	struct scene *s = *state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char error[256], path[100], longer[300];
	struct stat st;
	int fd;

	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(handoff_listen(s->path, error, sizeof(error)),
			 -EADDRINUSE);
	assert_non_null(strstr(error, s->path));

	/* A dead one's file is replaced. */
	snprintf(path, sizeof(path), "%s/dead", s->dir);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	fd = handoff_listen(path, error, sizeof(error));
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	handoff_unlisten(fd, path);
	assert_int_equal(access(path, F_OK), -1);

	/* A living one of another kind is not. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(handoff_listen(path, error, sizeof(error)),
			 -EADDRINUSE);
	close(fd);
	unlink(path);

	/* What is no socket is left alone. */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(handoff_listen(path, error, sizeof(error)), -EEXIST);
	assert_int_equal(unlink(path), 0);

	snprintf(path, sizeof(path), "%s/none/x", s->dir);
	assert_int_equal(handoff_listen(path, error, sizeof(error)), -ENOENT);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(handoff_listen(longer, error, sizeof(error)),
			 -ENAMETOOLONG);
	assert_non_null(strstr(error, "107"));
}

/* Listens, leaves the socket to a child that lets go of it once somebody has
 * looked, and is gone. */
static void
listen_and_die(const char *path)
{
	char error[256];
	int fd = handoff_listen(path, error, sizeof(error));
	struct pollfd looked = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && fork() == 0)
		(void)poll(&looked, 1, 10000);
	_exit(fd < 0);
}

/* Whoever was killed has workers that let go of the socket a moment later; one
 * that lives keeps it. */
static void
test_listen_where_one_just_ends(void **state)
{
	struct scene *s = *state;
	char error[256], path[100];
	int fd, status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/ending", s->dir);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		listen_and_die(path);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd = handoff_listen(path, error, sizeof(error));
	assert_true(fd >= 0);
	assert_int_equal(handoff_listen(path, error, sizeof(error)),
			 -EADDRINUSE);
	handoff_unlisten(fd, path);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_cut_and_flip),
		cmocka_unit_test(test_decode_table),
		cmocka_unit_test(test_header_table),
		cmocka_unit_test(test_message_is_bounded),
		SERVED(test_take),
		SERVED(test_where_it_resumes),
		SERVED(test_hostile),
		SERVED(test_no_descriptor),
		SERVED(test_gave_up),
		SERVED(test_busy),
		SERVED(test_silent_peers),
		SERVED(test_call),
		SERVED(test_other_users),
		SERVED(test_call_in_vain),
		SERVED(test_listen),
		SERVED(test_listen_where_one_just_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
