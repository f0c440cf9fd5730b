/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgi/gateway.h"

enum {
	CHUNK = 16384,		/* one reading */
	LINGER_MS = 1000,	/* for a web server to see that we are done */
};

/* Not on the stack: pages that were touched once stay as long as the stream. */
static char chunk[CHUNK];

int
relay_write(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.p, bytes.len);

		if (n < 0 && errno == EAGAIN) {
			/* A web server may hand down what does not block. */
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			(void)poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return -errno;
		} else if (n > 0) {
			bytes.p += n;
			bytes.len -= (size_t)n;
		}
	}
	return 0;
}

static bool
may_pass(ssize_t n)
{
	return n < 0 && (errno == EINTR || errno == EAGAIN);
}

/* ---- to the worker ---- */

static void
send_up(struct relay *r)
{
	ssize_t n = send(r->worker, r->up.p, r->up.len, MSG_NOSIGNAL);

	if (n > 0)
		buf_consume(&r->up, (size_t)n);
	/* It may have answered and closed; then its answer is what counts. */
	else if (!may_pass(n))
		buf_clear(&r->up);
	if (r->up.len == 0)
		buf_done(&r->up);
}

static int
read_body(struct relay *r)
{
	size_t most = r->body < sizeof(chunk) ? (size_t)r->body : sizeof(chunk);
	ssize_t n = read(r->in, chunk, most);
	int e = 0;

	if (may_pass(n))
		return 0;
	if (n <= 0) {		/* there is less than was announced */
		r->body = 0;
	} else {
		r->body -= (uint64_t)n;
		r->has_read = true;
		e = gateway_body((struct slice){ chunk, (size_t)n }, &r->up);
	}
	if (e == 0 && r->body == 0)
		e = gateway_body(SLICE_NONE, &r->up);
	return e;
}

/* ---- from the worker ---- */

/* What it says in the head is kept until that is whole, so this is at most
 * one reading and a head. */
static int
pass_on(struct relay *r, size_t len)
{
	struct buf out = { NULL, 0, 0 }, err = { NULL, 0, 0 };
	int e = answer_feed(r->answer, (struct slice){ chunk, len }, &out,
			    &err);

	if (out.len && relay_write(r->out, buf_slice(&out)) < 0)
		e = -EPIPE;
	if (err.len)
		(void)relay_write(STDERR_FILENO, buf_slice(&err));
	buf_done(&out);
	buf_done(&err);
	return e;
}

/* 1: goes on; else a result or -errno. */
static int
read_worker(struct relay *r)
{
	ssize_t n = recv(r->worker, chunk, sizeof(chunk), 0);
	int e;

	if (may_pass(n))
		return 1;
	if (n <= 0)
		return r->answer->has_head ? RELAY_DONE : RELAY_UNANSWERED;
	e = pass_on(r, (size_t)n);
	if (e == -EPIPE)
		return RELAY_GONE;
	if (e < 0)
		return e;
	if (!r->answer->is_over)
		return 1;
	return r->answer->has_head ? RELAY_DONE : RELAY_UNANSWERED;
}

/* ---- both ---- */

static int
step(struct relay *r)
{
	struct pollfd p[] = {
		{ .fd = r->worker, .events = POLLIN },
		/* No events: only whether the other end is gone. */
		{ .fd = r->out, .events = 0 },
		{ .fd = r->body && !r->up.len ? r->in : -1, .events = POLLIN },
	};

	if (r->up.len)
		p[0].events |= POLLOUT;
	if (poll(p, 3, -1) < 0)
		return errno == EINTR ? 1 : -errno;
	if (p[1].revents)
		return RELAY_GONE;
	if (p[0].revents & POLLOUT)
		send_up(r);
	if (p[2].revents && read_body(r) < 0)
		return -ENOMEM;
	if (p[0].revents & ~POLLOUT)
		return read_worker(r);
	return 1;
}

int
relay_run(struct relay *r)
{
	int result = 1;

	if (r->body == 0 && gateway_body(SLICE_NONE, &r->up) < 0)
		return -ENOMEM;
	while (result == 1)
		result = step(r);
	return result;
}

void
relay_done(struct relay *r)
{
	buf_done(&r->up);
}

/* ---- between two sockets ---- */

struct side {
	int fd;
	char bytes[CHUNK / 2];	/* read here, for the other side */
	size_t at, len;
	bool is_over;		/* nothing more is read here */
	bool is_deaf;		/* nothing more is written here */
};

static void
side_read(struct side *s)
{
	ssize_t n = recv(s->fd, s->bytes, sizeof(s->bytes), MSG_DONTWAIT);

	s->at = 0;
	s->len = n > 0 ? (size_t)n : 0;
	s->is_over = n == 0 || (n < 0 && !may_pass(n));
}

/* What was read at `from` is written to `s`; its end, too. */
static void
side_write(struct side *s, struct side *from)
{
	ssize_t n = 0;

	if (from->len && !s->is_deaf)
		n = send(s->fd, from->bytes + from->at, from->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		from->at += (size_t)n;
		from->len -= (size_t)n;
	} else if (n < 0 && !may_pass(n)) {
		s->is_deaf = true;
	}
	if (s->is_deaf)
		from->len = 0;
	if (from->is_over && from->len == 0 && !s->is_deaf) {
		(void)shutdown(s->fd, SHUT_WR);
		s->is_deaf = true;
	}
}

static struct pollfd
side_wants(const struct side *s, const struct side *other)
{
	struct pollfd p = { .fd = -1 };

	if (!s->is_over && s->len == 0)
		p.events |= POLLIN;
	if (other->len)
		p.events |= POLLOUT;
	if (p.events)
		p.fd = s->fd;
	return p;
}

void
relay_linger(int web_server)
{
	struct pollfd p = { .fd = web_server, .events = POLLIN };

	(void)shutdown(web_server, SHUT_WR);
	while (poll(&p, 1, LINGER_MS) > 0)
		if (recv(web_server, chunk, sizeof(chunk), MSG_DONTWAIT) <= 0)
			break;
}

enum relay_result
relay_sockets(int web_server, int worker)
{
	static struct side web, back;
	bool is_answered = false;

	web = (struct side){ .fd = web_server };
	back = (struct side){ .fd = worker };
	while (!back.is_over || back.len) {
		struct pollfd p[] = { side_wants(&web, &back),
				      side_wants(&back, &web) };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return RELAY_GONE;
		if (p[0].revents && web.len == 0 && !web.is_over)
			side_read(&web);
		if (p[1].revents && back.len == 0 && !back.is_over)
			side_read(&back);
		is_answered = is_answered || back.len > 0;
		side_write(&back, &web);
		if (!is_answered)
			continue;	/* its end is for the caller then */
		side_write(&web, &back);
		if (web.is_deaf && !back.is_over)
			return RELAY_GONE;
	}
	return is_answered ? RELAY_DONE : RELAY_UNANSWERED;
}
