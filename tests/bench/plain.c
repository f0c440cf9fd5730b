/* SPDX-License-Identifier: MIT */
#include "tests/bench/plain.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { PLAIN_BACKLOG = 4096, PLAIN_FDS = 1 << 16 };

static int
listen_at(const char *path, int flags)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, PLAIN_BACKLOG) < 0)
		bench_die("start a plain loop");
	return fd;
}

/* True: in the child. */
static bool
fork_child(struct plain *p)
{
	p->pid = fork();
	if (p->pid < 0)
		bench_die("fork");
	if (p->pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return p->pid == 0;
}

/* ---- sends ---- */

static void
run_sends(int listener, int orders, size_t count)
{
	static char bytes[1 << 20];
	int *fds = calloc(count, sizeof(*fds));
	struct plain_order o;

	for (size_t i = 0; fds && i < count; i++)
		fds[i] = accept(listener, NULL, NULL);
	while (fds && read(orders, &o, sizeof(o)) == sizeof(o)) {
		size_t at = o.first;

		for (uint32_t i = 0; i < o.count; i++) {
			if (send(fds[at], bytes, o.len, MSG_DONTWAIT |
				 MSG_NOSIGNAL) != (ssize_t)o.len)
				_exit(1);
			at += o.step;
			at -= at >= count ? count : 0;
		}
	}
	_exit(0);
}

void
plain_start_sends(struct plain *p, const char *path, size_t count)
{
	int listener = listen_at(path, 0), orders[2];

	if (pipe2(orders, O_CLOEXEC) < 0)
		bench_die("pipe");
	if (fork_child(p)) {
		close(orders[1]);
		run_sends(listener, orders[0], count);
	}
	close(orders[0]);
	close(listener);
	p->orders = orders[1];
}

void
plain_order(struct plain *p, const struct plain_order *order)
{
	if (write(p->orders, order, sizeof(*order)) != sizeof(*order))
		bench_die("order the plain loop");
}

/* ---- answers ---- */

struct answers {
	int epoll, listener;
	const char *bytes;
	size_t len;
	struct {
		size_t sent;
		bool is_watched;	/* for room */
	} to[PLAIN_FDS];		/* by descriptor */
};

static void
answer_watch(const struct answers *a, int op, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data = { .fd = fd } };

	if (epoll_ctl(a->epoll, op, fd, &e) < 0)
		_exit(1);
}

/* As much as it takes. */
static void
answer_send(struct answers *a, int fd)
{
	while (a->to[fd].sent < a->len) {
		ssize_t n = send(fd, a->bytes + a->to[fd].sent,
				 a->len - a->to[fd].sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && !a->to[fd].is_watched)
			answer_watch(a, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
		if (n < 0) {
			a->to[fd].is_watched = true;
			return;
		}
		a->to[fd].sent += (size_t)n;
	}
	if (a->to[fd].is_watched)
		answer_watch(a, EPOLL_CTL_MOD, fd, EPOLLIN);
	a->to[fd].is_watched = false;
}

static void
answer_read(struct answers *a, int fd)
{
	char request[8192];
	ssize_t got = recv(fd, request, sizeof(request), MSG_DONTWAIT);

	if (got == 0)
		close(fd);
	else if (got > 0)
		answer_send(a, fd);
}

static void
answer_accept(struct answers *a)
{
	int fd;

	while ((fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= PLAIN_FDS)
			_exit(1);
		a->to[fd].sent = 0;
		a->to[fd].is_watched = false;
		answer_watch(a, EPOLL_CTL_ADD, fd, EPOLLIN);
		answer_read(a, fd);
	}
}

static void
run_answers(int listener, const char *bytes, size_t len)
{
	struct answers *a = calloc(1, sizeof(*a));
	struct epoll_event events[256];

	if (!a)
		_exit(1);
	a->bytes = bytes;
	a->len = len;
	a->listener = listener;
	a->epoll = epoll_create1(0);
	if (a->epoll < 0)
		_exit(1);
	answer_watch(a, EPOLL_CTL_ADD, listener, EPOLLIN);
	for (;;) {
		int n = epoll_wait(a->epoll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				answer_accept(a);
			else if (events[i].events & EPOLLOUT)
				answer_send(a, events[i].data.fd);
			else
				answer_read(a, events[i].data.fd);
		}
	}
}

void
plain_start_answers(struct plain *p, const char *path, const char *bytes,
		    size_t len)
{
	int listener = listen_at(path, SOCK_NONBLOCK);

	if (fork_child(p))
		run_answers(listener, bytes, len);
	close(listener);
	p->orders = -1;
}

void
plain_stop(struct plain *p)
{
	if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
		waitpid(p->pid, NULL, 0);
	if (p->orders >= 0)
		close(p->orders);
	*p = (struct plain){ .orders = -1 };
}
