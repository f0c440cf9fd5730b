/* SPDX-License-Identifier: MIT */
/*
 * A turn: the timers that are due, the owner's hook, the sleep, and the calls
 * of the ios that are ready. Timers are a binary heap of pointers, each timer
 * knows its place in it.
 */
#include "config.h"

#include "lib/loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/loop/backend.h"

enum {
	LOOP_BATCH = 256,	/* ios called before timers get their chance */
	LOOP_TIMERS_FIRST = 16,
};

struct loop {
	const struct loop_backend_ops *ops;
	void *backend;			/* owned */
	int64_t now_ms;

	struct loop_event batch[LOOP_BATCH];
	int batch_at, batch_end;	/* what is still to be called */

	struct loop_timer **timers;	/* owned heap of borrowed timers */
	size_t timers_count;
	size_t timers_cap;

	int64_t (*turn)(void *user, int64_t now_ms);
	void *turn_user;		/* borrowed */
	int64_t turn_due_ms;		/* when it wants to run again; -1: never,
					 * 0: it has not run yet */

	volatile sig_atomic_t stopped;
	struct loop_io wake;		/* of a pipe: a signal between the last
					 * look at `stopped` and the sleep */
	int wake_write;			/* owned, -1: none */
};

static const struct {
	enum loop_backend id;
	const struct loop_backend_ops *ops;
} loop_backends[] = {			/* the best first */
#ifdef HAVE_SYS_EPOLL_H
	{ LOOP_BACKEND_EPOLL, &loop_epoll_ops },
#endif
	{ LOOP_BACKEND_POLL, &loop_poll_ops },
};

/* Chooses a back-end; `id` BEST asks the environment first. */
static int
choose_backend(enum loop_backend id, const struct loop_backend_ops **ret_ops)
{
	const char *name = getenv("SSE_LOOP");
	size_t i;

	if (id == LOOP_BACKEND_BEST && (!name || !*name))
		id = loop_backends[0].id;
	else if (id == LOOP_BACKEND_BEST && strcmp(name, "epoll") == 0)
		id = LOOP_BACKEND_EPOLL;
	else if (id == LOOP_BACKEND_BEST && strcmp(name, "poll") == 0)
		id = LOOP_BACKEND_POLL;
	else if (id == LOOP_BACKEND_BEST)
		return -EINVAL;
	for (i = 0; i < sizeof(loop_backends) / sizeof(loop_backends[0]); i++) {
		if (loop_backends[i].id == id) {
			*ret_ops = loop_backends[i].ops;
			return 0;
		}
	}
	return -ENOSYS;
}

static void
on_wake(struct loop_io *io, unsigned ready)
{
	char drop[64];

	(void)ready;
	while (read(io->fd, drop, sizeof(drop)) == sizeof(drop))
		;
}

static int
open_wake(struct loop *l)
{
	int fds[2], i, r;

	if (pipe(fds) < 0)
		return -errno;
	l->wake_write = fds[1];
	l->wake = (struct loop_io){ .fd = fds[0], .on_ready = on_wake };
	for (i = 0; i < 2; i++) {
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0 ||
		    fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
			goto fail;
	}
	r = loop_add(l, &l->wake, LOOP_READ);
	if (r == 0)
		return 0;
	errno = -r;
fail:
	r = -errno;
	close(fds[0]);
	l->wake.fd = -1;
	return r;
}

int
loop_new(enum loop_backend backend, struct loop **ret_loop)
{
	struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->wake.fd = l->wake_write = -1;
	l->now_ms = clock_mono_ms();
	r = choose_backend(backend, &l->ops);
	if (r == 0)
		r = l->ops->open(&l->backend);
	if (r == 0)
		r = open_wake(l);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret_loop = l;
	return 0;
}

struct loop *
loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	if (l->backend)
		l->ops->close(l->backend);
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	if (l->wake_write >= 0)
		close(l->wake_write);
	free(l->timers);
	free(l);
	return NULL;
}

const char *
loop_backend_name(const struct loop *l)
{
	return l->ops->name;
}

int64_t
loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

/* --- descriptors -------------------------------------------------------- */

int
loop_add(struct loop *l, struct loop_io *io, unsigned want)
{
	int r = l->ops->add(l->backend, io, want);

	if (r == 0)
		io->want = (uint8_t)want;
	return r;
}

int
loop_want(struct loop *l, struct loop_io *io, unsigned want)
{
	int r;

	want |= io->want & LOOP_EXCLUSIVE;
	if (io->want == want)
		return 0;
	r = l->ops->change(l->backend, io, want);
	if (r == 0)
		io->want = (uint8_t)want;
	return r;
}

void
loop_del(struct loop *l, struct loop_io *io)
{
	int i;

	if (io->fd < 0)
		return;
	l->ops->del(l->backend, io);
	io->fd = -1;
	io->want = 0;
	for (i = l->batch_at; i < l->batch_end; i++)
		if (l->batch[i].io == io)
			l->batch[i].io = NULL;
}

static void
call_ready(struct loop *l)
{
	while (l->batch_at < l->batch_end) {
		struct loop_event *e = &l->batch[l->batch_at++];
		unsigned ready;

		if (!e->io)
			continue;
		/* What was wanted before the sleep may not be any more. */
		ready = e->ready & (e->io->want | LOOP_CLOSED);
		if (ready)
			e->io->on_ready(e->io, ready);
	}
}

/* --- timers ------------------------------------------------------------- */

static void
heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->timers[i] = t;
	t->heap = i + 1;
}

/* Moves `t`, which would stand at `i`, to where it belongs. */
static void
heap_sift(struct loop *l, size_t i, struct loop_timer *t)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (l->timers[parent]->due_ms <= t->due_ms)
			break;
		heap_put(l, i, l->timers[parent]);
		i = parent;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->timers_count)
			break;
		if (child + 1 < l->timers_count &&
		    l->timers[child + 1]->due_ms < l->timers[child]->due_ms)
			child++;
		if (t->due_ms <= l->timers[child]->due_ms)
			break;
		heap_put(l, i, l->timers[child]);
		i = child;
	}
	heap_put(l, i, t);
}

int
loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_ms)
{
	if (t->heap == 0 && l->timers_count == l->timers_cap) {
		size_t cap = l->timers_cap ? l->timers_cap * 2
					   : LOOP_TIMERS_FIRST;
		struct loop_timer **timers;

		timers = realloc(l->timers, cap * sizeof(*timers));
		if (!timers)
			return -ENOMEM;
		l->timers = timers;
		l->timers_cap = cap;
	}
	if (t->heap == 0)
		t->heap = ++l->timers_count;
	t->due_ms = due_ms;
	heap_sift(l, t->heap - 1, t);
	return 0;
}

void
loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	size_t i = t->heap - 1;
	struct loop_timer *last;

	if (t->heap == 0)
		return;
	t->heap = 0;
	last = l->timers[--l->timers_count];
	if (last != t)
		heap_sift(l, i, last);
}

static void
call_due(struct loop *l)
{
	/* One that arms itself for now again must not keep us here. */
	size_t most = l->timers_count;

	while (most-- > 0 && l->timers_count > 0 &&
	       l->timers[0]->due_ms <= l->now_ms) {
		struct loop_timer *t = l->timers[0];

		loop_timer_stop(l, t);
		t->on_due(t, l->now_ms);
	}
}

/* --- turns -------------------------------------------------------------- */

void
loop_on_turn(struct loop *l, int64_t (*turn)(void *user, int64_t now_ms),
	     void *user)
{
	l->turn = turn;
	l->turn_user = user;
}

/* How long to sleep from `now_ms` on; -1 is for ever. */
static int
sleep_ms(const struct loop *l, int64_t now_ms)
{
	int64_t due_ms = l->turn_due_ms;

	if (l->timers_count > 0 &&
	    (due_ms < 0 || l->timers[0]->due_ms < due_ms))
		due_ms = l->timers[0]->due_ms;
	if (due_ms < 0)
		return -1;
	if (due_ms <= now_ms)
		return 0;
	return due_ms - now_ms < INT_MAX ? (int)(due_ms - now_ms) : INT_MAX;
}

/* All that is to be done before a sleep. */
static void
call_before_sleep(struct loop *l)
{
	int64_t most_ms;

	call_due(l);
	most_ms = l->turn ? l->turn(l->turn_user, l->now_ms) : -1;
	l->turn_due_ms = most_ms < 0 ? -1 : l->now_ms + most_ms;
}

/* Sleeps and calls what is ready then. 0 or what the back-end failed with. */
static int
sleep_and_call(struct loop *l, int timeout_ms)
{
	int n = l->ops->wait(l->backend, timeout_ms, l->batch, LOOP_BATCH);

	l->now_ms = clock_mono_ms();
	l->batch_at = 0;
	l->batch_end = n > 0 ? n : 0;
	call_ready(l);
	return n < 0 ? n : 0;
}

int
loop_run(struct loop *l)
{
	int r = 0;

	l->now_ms = clock_mono_ms();
	for (;;) {
		call_before_sleep(l);
		if (l->stopped || (r < 0 && r != -EINTR))
			break;
		r = sleep_and_call(l, sleep_ms(l, l->now_ms));
	}
	l->stopped = 0;
	return r == -EINTR ? 0 : r;
}

int
loop_step(struct loop *l, int timeout_ms)
{
	int ms, r;

	l->now_ms = clock_mono_ms();
	call_before_sleep(l);
	ms = l->stopped ? 0 : sleep_ms(l, l->now_ms);
	if (timeout_ms >= 0 && (ms < 0 || timeout_ms < ms))
		ms = timeout_ms;
	r = sleep_and_call(l, ms);
	call_before_sleep(l);
	l->stopped = 0;
	return r;
}

int
loop_fd(const struct loop *l)
{
	return l->ops->fd(l->backend);
}

int
loop_timeout_ms(const struct loop *l)
{
	return sleep_ms(l, clock_mono_ms());
}

void
loop_stop(struct loop *l)
{
	int saved_errno = errno;

	l->stopped = 1;
	/* A full pipe wakes as well as one byte more. */
	(void)!write(l->wake_write, "", 1);
	errno = saved_errno;
}
