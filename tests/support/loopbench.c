/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/support/loopbench.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct bench bench;

void
bench_called(char c)
{
	if (bench.calls_len < sizeof(bench.calls) - 1)
		bench.calls[bench.calls_len++] = c;
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	assert_ptr_equal(user, &bench);
	assert_true(now_ms == loop_now_ms(bench.l));
	if (++bench.turns >= bench.turns_most)
		loop_stop(bench.l);
	return bench.bound_ms;
}

enum loop_backend
bench_backend(void **state)
{
	return *(const enum loop_backend *)*state;
}

void
bench_begin(void **state)
{
	memset(&bench, 0, sizeof(bench));
	bench.turns_most = 1000;
	bench.bound_ms = -1;
	assert_int_equal(loop_new(bench_backend(state), &bench.l), 0);
	loop_on_turn(bench.l, on_turn, &bench);
}

void
bench_end(void)
{
	bench.l = loop_free(bench.l);
	assert_null(bench.l);
}

void
bench_turns(unsigned turns)
{
	bench.turns = 0;
	bench.turns_most = turns + 1;	/* one before the first sleep */
	bench.bound_ms = 0;
	assert_int_equal(loop_run(bench.l), 0);
}

void
peer_on_ready(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;

	p->ready = ready;
	bench_called(p->letter);
	if (p->kill)
		loop_del(bench.l, &p->kill->io);
}

void
peer_open(struct peer *p, char letter, unsigned want)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*p = (struct peer){
		.io = { .fd = fds[0], .on_ready = peer_on_ready },
		.fd = fds[0], .other = fds[1], .letter = letter,
	};
	assert_int_equal(loop_add(bench.l, &p->io, want), 0);
}

void
peer_close(struct peer *p)
{
	loop_del(bench.l, &p->io);
	assert_int_equal(p->io.fd, -1);
	close(p->fd);
	if (p->other >= 0)
		close(p->other);
}

void
peer_poke(const struct peer *p)
{
	assert_int_equal(write(p->other, "x", 1), 1);
}

static void
on_alarm(struct loop_timer *t, int64_t now_ms)
{
	struct alarm *a = (struct alarm *)(void *)t;

	assert_true(now_ms >= t->due_ms);
	assert_int_equal(t->heap, 0);
	bench_called(a->letter);
	if (a->stop)
		loop_timer_stop(bench.l, &a->stop->timer);
	if (a->again-- > 0)
		assert_int_equal(loop_timer_set(bench.l, t, now_ms), 0);
}

void
alarm_set(struct alarm *a, char letter, int64_t due_ms)
{
	a->timer.on_due = on_alarm;
	a->letter = letter;
	assert_int_equal(loop_timer_set(bench.l, &a->timer, due_ms), 0);
}

int
bench_run(const struct CMUnitTest *tests, size_t count)
{
	static enum loop_backend backends[] = {
		LOOP_BACKEND_POLL,
#ifdef HAVE_SYS_EPOLL_H
		LOOP_BACKEND_EPOLL,
#endif
	};
	struct CMUnitTest with[64];
	int failed = 0;
	size_t i, k;

	if (count > COUNT_OF(with))
		return 1;
	for (i = 0; i < COUNT_OF(backends); i++) {
		memcpy(with, tests, count * sizeof(with[0]));
		for (k = 0; k < count; k++)
			with[k].initial_state = &backends[i];
		failed += _cmocka_run_group_tests(
			backends[i] == LOOP_BACKEND_POLL ? "poll" : "epoll",
			with, count, NULL, NULL);
	}
	return failed != 0;
}
