/* SPDX-License-Identifier: MIT */
/* Every test here runs with each back-end that is built in. */
#include "config.h"

#include "lib/loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/support/loopbench.h"
#include "tests/unit/unit.h"

static void
the_hook_bounds_the_sleep(void **state)
{
	struct alarm far = { .letter = 0 };

	bench_begin(state);
	alarm_set(&far, 'z', loop_now_ms(bench.l) + 3600000);
	bench.turns_most = 5;
	bench.bound_ms = 1;	/* with -1 the loop would sleep an hour */
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 5);
	assert_string_equal(bench.calls, "");
	loop_timer_stop(bench.l, &far.timer);
	bench_end();
}

static void
stops_before_it_runs(void **state)
{
	bench_begin(state);
	loop_stop(bench.l);
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 1);

	/* and can be run again after that */
	bench.turns_most = 4;
	bench.bound_ms = 0;
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 4);
	bench_end();
}

static void
on_stop(struct loop_io *io, unsigned ready)
{
	(void)io;
	(void)ready;
	bench_called('s');
	loop_stop(bench.l);
}

static void
stops_from_a_callback_after_the_turn(void **state)
{
	struct peer a, b;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_stop;
	peer_poke(&a);
	peer_poke(&b);
	assert_int_equal(loop_run(bench.l), 0);
	assert_string_equal(bench.calls, "ss");
	assert_int_equal(bench.turns, 2);
	peer_close(&a);
	peer_close(&b);
	bench_end();
}

static void
on_signal(int number)
{
	(void)number;
	bench_called('s');
	loop_stop(bench.l);
}

/* The linker gives us the system's waits: a signal can come just before. */
static bool raise_before_wait;
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __real_epoll_wait(int fd, void *events, int most, int timeout_ms);
int __wrap_epoll_wait(int fd, void *events, int most, int timeout_ms);

static void
before_wait(void)
{
	if (raise_before_wait)
		raise(SIGUSR1);
	raise_before_wait = false;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	before_wait();
	return __real_poll(fds, count, timeout_ms);
}

#ifdef HAVE_SYS_EPOLL_H
int
__wrap_epoll_wait(int fd, void *events, int most, int timeout_ms)
{
	before_wait();
	return __real_epoll_wait(fd, events, most, timeout_ms);
}
#endif

static void
a_signal_right_before_the_sleep_is_not_lost(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, old;
	struct alarm late = { .letter = 0 };

	bench_begin(state);
	/* A lost one would let the loop sleep until then. */
	alarm_set(&late, 'z', loop_now_ms(bench.l) + 10000);
	bench.turns_most = 3;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	raise_before_wait = true;
	assert_int_equal(loop_run(bench.l), 0);
	assert_string_equal(bench.calls, "s");
	assert_int_equal(bench.turns, 2);
	sigaction(SIGUSR1, &old, NULL);
	loop_timer_stop(bench.l, &late.timer);
	bench_end();
}

static volatile sig_atomic_t alarms_caught;

static void
on_sigalrm(int number)
{
	(void)number;
	if (++alarms_caught == 3)
		loop_stop(bench.l);
}

/* The first two only interrupt the sleep: the hook runs, the loop goes on. */
static void
signals_wake_but_do_not_end_it(void **state)
{
	struct sigaction action = { .sa_handler = on_sigalrm }, old;
	struct itimerval each = { { 0, 5000 }, { 0, 5000 } };
	struct itimerval none = { { 0, 0 }, { 0, 0 } };

	bench_begin(state);
	alarms_caught = 0;
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &each, NULL), 0);
	assert_int_equal(loop_run(bench.l), 0);
	setitimer(ITIMER_REAL, &none, NULL);
	assert_true(alarms_caught >= 3);
	assert_true(bench.turns >= 2);
	sigaction(SIGALRM, &old, NULL);
	bench_end();
}

static void
stopping_very_often_is_harmless(void **state)
{
	int i;

	bench_begin(state);
	errno = ENOENT;
	for (i = 0; i < 100000; i++)
		loop_stop(bench.l);	/* more than the pipe holds */
	assert_int_equal(errno, ENOENT);
	assert_int_equal(loop_run(bench.l), 0);
	bench_turns(2);
	assert_int_equal(bench.turns, 3);
	bench_end();
}

static void
freeing_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(loop_free(NULL));
}

static void
the_environment_chooses(void **state)
{
	struct loop *l = NULL;

	(void)state;
	setenv("SSE_LOOP", "poll", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	assert_string_equal(loop_backend_name(l), "poll");
	l = loop_free(l);
	setenv("SSE_LOOP", "kqueue", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), -EINVAL);
	assert_null(l);
	setenv("SSE_LOOP", "", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	l = loop_free(l);
	unsetenv("SSE_LOOP");
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	l = loop_free(l);
}

/* Closes all we opened: the lowest free number is the same again. */
static int
lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void
no_descriptors_left(void **state)
{
	struct loop *l = NULL;
	struct rlimit old, few;
	int lowest = lowest_free_fd(), more, r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (more = 0;; more++) {
		few = old;
		few.rlim_cur = (rlim_t)(lowest + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = loop_new(bench_backend(state), &l);
		setrlimit(RLIMIT_NOFILE, &old);
		if (r == 0)
			break;
		assert_int_equal(r, -EMFILE);
		assert_int_equal(lowest_free_fd(), lowest);
	}
	assert_true(more >= 2);
	l = loop_free(l);
	assert_int_equal(lowest_free_fd(), lowest);
}

static void
no_memory_left(void **state)
{
	int lowest = lowest_free_fd();
	struct loop *l = NULL;
	size_t n;
	int r;

	for (n = 1;; n++) {
		fault_arm(n);
		r = loop_new(bench_backend(state), &l);
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(l);
		assert_int_equal(lowest_free_fd(), lowest);
	}
	assert_int_equal(r, 0);
	l = loop_free(l);
}

static void
no_memory_for_more(void **state)
{
	enum { COUNT = 100 };
	static struct loop_timer timers[COUNT];
	static struct peer peers[COUNT];
	size_t n, i, added, armed;

	for (n = 1;; n++) {
		int fds[2], r = 0;
		bool failed;

		memset(timers, 0, sizeof(timers));
		bench_begin(state);
		assert_int_equal(pipe(fds), 0);
		fault_arm(n);
		for (armed = 0; armed < COUNT && r == 0; armed += r == 0)
			r = loop_timer_set(bench.l, &timers[armed], 1);
		for (added = 0; added < COUNT && r == 0; added += r == 0) {
			peers[added].io = (struct loop_io){
				.fd = dup(fds[0]), .on_ready = peer_on_ready,
			};
			peers[added].fd = peers[added].io.fd;
			r = loop_add(bench.l, &peers[added].io, LOOP_READ);
			if (r < 0)
				close(peers[added].fd);
		}
		failed = fault_disarm();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (armed < COUNT)
			assert_int_equal(timers[armed].heap, 0);
		for (i = 0; i < armed; i++)
			loop_timer_stop(bench.l, &timers[i]);
		bench_turns(1);
		for (i = 0; i < added; i++) {
			loop_del(bench.l, &peers[i].io);
			close(peers[i].fd);
		}
		close(fds[0]);
		close(fds[1]);
		bench_end();
		if (!failed)
			break;
	}
	assert_true(n > 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(the_hook_bounds_the_sleep),
		BENCH_TEST(stops_before_it_runs),
		BENCH_TEST(stops_from_a_callback_after_the_turn),
		BENCH_TEST(a_signal_right_before_the_sleep_is_not_lost),
		BENCH_TEST(signals_wake_but_do_not_end_it),
		BENCH_TEST(stopping_very_often_is_harmless),
		BENCH_TEST(freeing_nothing_is_fine),
		BENCH_TEST(the_environment_chooses),
		BENCH_TEST(no_descriptors_left),
		BENCH_TEST(no_memory_left),
		BENCH_TEST(no_memory_for_more),
	};

	return bench_run(tests, COUNT_OF(tests));
}
