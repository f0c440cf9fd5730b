/* SPDX-License-Identifier: MIT */
/*
 * poll(2): for systems without epoll. Every turn costs as much as there are
 * descriptors. The arrays are dense: a deleted one is replaced by the last.
 */
#include "lib/loop/backend.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/loop/loop.h"

enum { POLL_FIRST = 16 };

struct poll_state {
	struct pollfd *fds;	/* owned, [cap] */
	struct loop_io **ios;	/* owned array [cap] of borrowed ios */
	size_t count;
	size_t cap;
	uint32_t *places;	/* owned, by descriptor: 1 + index, or 0 */
	size_t places_cap;
	size_t next;		/* where to look first: all get a turn */
};

static int
poll_backend_open(void **ret_state)
{
	*ret_state = calloc(1, sizeof(struct poll_state));
	return *ret_state ? 0 : -ENOMEM;
}

static void
poll_backend_close(void *state)
{
	struct poll_state *ps = state;

	free(ps->fds);
	free(ps->ios);
	free(ps->places);
	free(ps);
}

static short
poll_events(unsigned want)
{
	return (short)((want & LOOP_READ ? POLLIN : 0) |
		       (want & LOOP_WRITE ? POLLOUT : 0));
}

/* Makes room for one more io. */
static int
grow_ios(struct poll_state *ps)
{
	size_t cap = ps->cap ? ps->cap * 2 : POLL_FIRST;
	struct loop_io **ios;
	struct pollfd *fds;

	if (ps->count < ps->cap)
		return 0;
	fds = realloc(ps->fds, cap * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	ps->fds = fds;
	ios = realloc(ps->ios, cap * sizeof(*ios));
	if (!ios)
		return -ENOMEM;
	ps->ios = ios;
	ps->cap = cap;
	return 0;
}

/* Makes room for descriptor `fd`. */
static int
grow_places(struct poll_state *ps, size_t fd)
{
	size_t cap = ps->places_cap ? ps->places_cap : POLL_FIRST;
	uint32_t *places;

	while (cap <= fd)
		cap *= 2;
	if (cap == ps->places_cap)
		return 0;
	places = realloc(ps->places, cap * sizeof(*places));
	if (!places)
		return -ENOMEM;
	while (ps->places_cap < cap)
		places[ps->places_cap++] = 0;
	ps->places = places;
	return 0;
}

/* Where `io` is, or ps->count when it is not there. */
static size_t
find_place(const struct poll_state *ps, const struct loop_io *io)
{
	size_t fd = (size_t)io->fd, i;

	if (io->fd < 0 || fd >= ps->places_cap || ps->places[fd] == 0)
		return ps->count;
	i = ps->places[fd] - 1;
	return ps->ios[i] == io ? i : ps->count;
}

static int
poll_backend_add(void *state, struct loop_io *io, unsigned want)
{
	struct poll_state *ps = state;
	int r;

	if (io->fd < 0)
		return -EBADF;
	r = grow_places(ps, (size_t)io->fd);
	if (r < 0)
		return r;
	if (ps->places[io->fd] != 0)
		return -EEXIST;
	r = grow_ios(ps);
	if (r < 0)
		return r;
	ps->fds[ps->count] = (struct pollfd){ io->fd, poll_events(want), 0 };
	ps->ios[ps->count] = io;
	ps->places[io->fd] = (uint32_t)++ps->count;
	return 0;
}

static int
poll_backend_change(void *state, struct loop_io *io, unsigned want)
{
	struct poll_state *ps = state;
	size_t i = find_place(ps, io);

	if (i == ps->count)
		return -ENOENT;
	ps->fds[i].events = poll_events(want);
	return 0;
}

static void
poll_backend_del(void *state, struct loop_io *io)
{
	struct poll_state *ps = state;
	size_t i = find_place(ps, io);

	if (i == ps->count)
		return;
	ps->places[io->fd] = 0;
	ps->count--;
	if (i == ps->count)
		return;
	ps->fds[i] = ps->fds[ps->count];
	ps->ios[i] = ps->ios[ps->count];
	ps->places[ps->fds[i].fd] = (uint32_t)i + 1;
}

static unsigned
poll_ready(short events)
{
	unsigned ready = 0;

	if (events & POLLIN)
		ready |= LOOP_READ;
	if (events & POLLOUT)
		ready |= LOOP_WRITE;
	if (events & (POLLERR | POLLHUP | POLLNVAL))
		ready |= LOOP_READ | LOOP_WRITE | LOOP_CLOSED;
	return ready;
}

static int
poll_backend_fd(const void *state)
{
	(void)state;
	return -1;
}

static int
poll_backend_wait(void *state, int timeout_ms, struct loop_event *events,
		  size_t cap)
{
	struct poll_state *ps = state;
	size_t left, i = ps->next;
	int n, found = 0;

	n = poll(ps->fds, (nfds_t)ps->count, timeout_ms);
	if (n < 0)
		return -errno;
	for (left = ps->count; left > 0 && found < n; left--, i++) {
		if (i >= ps->count)
			i = 0;
		if (ps->fds[i].revents == 0)
			continue;
		if ((size_t)found == cap)
			break;
		events[found].io = ps->ios[i];
		events[found++].ready = poll_ready(ps->fds[i].revents);
	}
	ps->next = i;
	return found;
}

const struct loop_backend_ops loop_poll_ops = {
	.name = "poll",
	.open = poll_backend_open,
	.close = poll_backend_close,
	.add = poll_backend_add,
	.change = poll_backend_change,
	.del = poll_backend_del,
	.fd = poll_backend_fd,
	.wait = poll_backend_wait,
};
