/* SPDX-License-Identifier: MIT */
#include "tests/bench/crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum {
	CROWD_WAIT_S = 60,
	CROWD_OPEN_BATCH = 64,
	/* under way at a time: a little less than what the kernel lets wait to
	 * be accepted; beyond that it drops them, and they come again a
	 * second later */
	CROWD_UNDER_WAY = 4000,
	CROWD_PATH = 4096,
};

void
crowd_begin(struct crowd *c)
{
	c->readers = calloc(c->count, sizeof(*c->readers));
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!c->readers || c->epoll < 0)
		bench_die("set up readers");
	for (size_t i = 0; i < c->count; i++)
		c->readers[i].fd = -1;
}

static void
watch(struct crowd *c, size_t i, int op, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .u64 = i } };

	if (epoll_ctl(c->epoll, op, c->readers[i].fd, &e) < 0)
		bench_die("epoll_ctl");
}

static void
send_request(struct crowd *c, size_t i)
{
	char path[CROWD_PATH], out[READER_REQUEST];
	struct reader *r = &c->readers[i];
	size_t len;

	c->path(c->user, i, path, sizeof(path));
	len = reader_request(r, path, c->resumes, out);
	if (send(r->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
		bench_die("send a request");
}

static int
connect_http(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 &&
	    errno != EINPROGRESS)
		bench_die("connect over HTTP");
	return fd;
}

bool
crowd_open_next(struct crowd *c)
{
	size_t i = c->opened;
	int fd = c->unix_path ?
		 bench_connect_unix(c->unix_path, SOCK_NONBLOCK) :
		 connect_http(c->port);

	if (fd < 0 && c->unix_path && errno == EAGAIN)
		return false;
	if (fd < 0)
		bench_die("connect");
	reader_begin(&c->readers[i], fd, !c->unix_path);
	c->opened++;
	/* Over TCP the request follows when the connection is there. */
	watch(c, i, EPOLL_CTL_ADD, c->unix_path ? EPOLLIN : EPOLLOUT);
	if (c->unix_path && c->path)
		send_request(c, i);
	return true;
}

static void
count_bytes(struct crowd *c, struct reader *r, size_t len)
{
	r->bytes += len;
	c->bytes += len;
	if (r->bytes > c->wait_bytes) {
		errno = 0;
		bench_die("more came than was sent");
	}
	c->done += r->bytes == c->wait_bytes;
}

static void
keep_on_tape(struct crowd *c, const char *bytes, size_t len)
{
	if (c->tape_len + len > c->tape_cap) {
		c->tape_cap = 2 * (c->tape_len + len);
		c->tape = realloc(c->tape, c->tape_cap);
		if (!c->tape)
			bench_die("keep what a reader got");
	}
	memcpy(c->tape + c->tape_len, bytes, len);
	c->tape_len += len;
}

static void
read_one(struct crowd *c, struct reader *r)
{
	static char bytes[1 << 18];
	ssize_t got = recv(r->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	bool was_placed = r->is_placed;
	const char *wrong;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		bench_die("a stream ended");
	if (c->is_raw) {
		count_bytes(c, r, (size_t)got);
		return;
	}
	if (c->has_tape && r == c->readers)
		keep_on_tape(c, bytes, (size_t)got);
	wrong = reader_feed(r, bytes, (size_t)got, c->on_event, c->user);
	if (wrong) {
		errno = 0;
		bench_die(wrong);
	}
	c->placed += r->is_placed && !was_placed;
}

void
crowd_poll(struct crowd *c, int timeout_ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(c->epoll, events, 512, timeout_ms);

	for (int i = 0; i < n; i++) {
		size_t at = events[i].data.u64;

		if (events[i].events & EPOLLOUT) {
			send_request(c, at);
			watch(c, at, EPOLL_CTL_MOD, EPOLLIN);
		} else {
			read_one(c, &c->readers[at]);
		}
	}
}

void
crowd_open_all(struct crowd *c)
{
	double deadline = bench_now_s() + CROWD_WAIT_S;

	c->tape_len = 0;
	while (c->placed < c->count) {
		unsigned n = 0;

		while (c->opened < c->count && n < CROWD_OPEN_BATCH &&
		       c->opened - c->placed < CROWD_UNDER_WAY &&
		       crowd_open_next(c))
			n++;
		crowd_poll(c, n == CROWD_OPEN_BATCH ? 0 : 1);
		errno = 0;
		if (bench_now_s() > deadline)
			bench_die("streams do not open");
	}
}

void
crowd_wait_bytes(struct crowd *c, uint64_t bytes)
{
	double deadline = bench_now_s() + CROWD_WAIT_S;

	c->wait_bytes += bytes;
	c->done = 0;
	while (c->done < c->count) {
		crowd_poll(c, 1000);
		errno = 0;
		if (bench_now_s() > deadline)
			bench_die("bytes are missing");
	}
}

void
crowd_close_all(struct crowd *c)
{
	for (size_t i = 0; i < c->opened; i++) {
		close(c->readers[i].fd);
		c->readers[i].fd = -1;
	}
	c->opened = c->placed = c->done = 0;
	c->wait_bytes = 0;
}

void
crowd_end(struct crowd *c)
{
	crowd_close_all(c);
	close(c->epoll);
	free(c->readers);
	free(c->tape);
	c->readers = NULL;
	c->tape = NULL;
}
