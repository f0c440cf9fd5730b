/* SPDX-License-Identifier: MIT */
/* epoll(7), level-triggered: nothing is copied per turn but what is ready. */
#include "config.h"

#include "lib/loop/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/loop/loop.h"

enum { EPOLL_BATCH = 256 };

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

struct epoll_state {
	int fd;			/* owned */
};

static int
epoll_backend_open(void **ret_state)
{
	struct epoll_state *ep = malloc(sizeof(*ep));
	int r;

	if (!ep)
		return -ENOMEM;
	ep->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ep->fd < 0) {
		r = -errno;
		free(ep);
		return r;
	}
	*ret_state = ep;
	return 0;
}

static void
epoll_backend_close(void *state)
{
	struct epoll_state *ep = state;

	close(ep->fd);
	free(ep);
}

static int
epoll_control(struct epoll_state *ep, int op, struct loop_io *io,
	      unsigned want, uint32_t flags)
{
	struct epoll_event event = { .events = flags, .data.ptr = io };

	if (want & LOOP_READ)
		event.events |= EPOLLIN;
	if (want & LOOP_WRITE)
		event.events |= EPOLLOUT;
	return epoll_ctl(ep->fd, op, io->fd, &event) < 0 ? -errno : 0;
}

static int
epoll_backend_add(void *state, struct loop_io *io, unsigned want)
{
	int r;

	if (!(want & LOOP_EXCLUSIVE))
		return epoll_control(state, EPOLL_CTL_ADD, io, want, 0);
	r = epoll_control(state, EPOLL_CTL_ADD, io, want, EPOLLEXCLUSIVE);
	if (r == -EINVAL)	/* before Linux 4.5 */
		r = epoll_control(state, EPOLL_CTL_ADD, io, want, 0);
	return r;
}

static void
epoll_backend_del(void *state, struct loop_io *io)
{
	/* Refused when it is closed already: gone is gone. */
	(void)epoll_control(state, EPOLL_CTL_DEL, io, 0, 0);
}

static int
epoll_backend_change(void *state, struct loop_io *io, unsigned want)
{
	if (!(want & LOOP_EXCLUSIVE))
		return epoll_control(state, EPOLL_CTL_MOD, io, want, 0);
	/* epoll_ctl(2): an exclusive one cannot be modified. */
	epoll_backend_del(state, io);
	return epoll_backend_add(state, io, want);
}

static unsigned
epoll_ready(uint32_t events)
{
	unsigned ready = 0;

	if (events & EPOLLIN)
		ready |= LOOP_READ;
	if (events & EPOLLOUT)
		ready |= LOOP_WRITE;
	if (events & (EPOLLERR | EPOLLHUP))
		ready |= LOOP_READ | LOOP_WRITE | LOOP_CLOSED;
	return ready;
}

static int
epoll_backend_fd(const void *state)
{
	const struct epoll_state *ep = state;

	return ep->fd;
}

static int
epoll_backend_wait(void *state, int timeout_ms, struct loop_event *events,
		   size_t cap)
{
	struct epoll_state *ep = state;
	struct epoll_event batch[EPOLL_BATCH];
	int n, i;

	n = epoll_wait(ep->fd, batch,
		       (int)(cap < EPOLL_BATCH ? cap : EPOLL_BATCH),
		       timeout_ms);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		events[i].io = batch[i].data.ptr;
		events[i].ready = epoll_ready(batch[i].events);
	}
	return n;
}

const struct loop_backend_ops loop_epoll_ops = {
	.name = "epoll",
	.open = epoll_backend_open,
	.close = epoll_backend_close,
	.add = epoll_backend_add,
	.change = epoll_backend_change,
	.del = epoll_backend_del,
	.fd = epoll_backend_fd,
	.wait = epoll_backend_wait,
};
