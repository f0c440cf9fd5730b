/* SPDX-License-Identifier: MIT */
/* One turn at a time, as in a program with a loop of its own. */
#include "config.h"

#include "lib/loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/loopbench.h"
#include "tests/unit/unit.h"

enum { LONG_MS = 10000 };	/* a test that sleeps so long is seen */

static void
calls_what_is_ready_and_due(void **state)
{
	struct alarm due = { .letter = 0 };
	struct peer p;

	bench_begin(state);
	bench.turns_most = 100;
	peer_open(&p, 'p', LOOP_READ);
	peer_poke(&p);
	alarm_set(&due, 't', loop_now_ms(bench.l));
	assert_int_equal(loop_step(bench.l, LONG_MS), 0);
	assert_string_equal(bench.calls, "tp");
	assert_int_equal(bench.turns, 2);	/* before and after the sleep */
	peer_close(&p);
	bench_end();
}

static void
does_not_sleep_longer_than_asked(void **state)
{
	bench_begin(state);
	assert_int_equal(loop_step(bench.l, 0), 0);
	assert_int_equal(loop_step(bench.l, 1), 0);
	bench.bound_ms = 1;	/* nor than the hook says */
	assert_int_equal(loop_step(bench.l, -1), 0);
	assert_string_equal(bench.calls, "");
	assert_int_equal(bench.turns, 6);
	bench_end();
}

static void
a_timer_ends_the_sleep(void **state)
{
	struct alarm soon = { .letter = 0 };

	bench_begin(state);
	alarm_set(&soon, 't', loop_now_ms(bench.l) + 5);
	/* The system's sleep may be a little shorter than asked. */
	while (bench.calls_len == 0)
		assert_int_equal(loop_step(bench.l, -1), 0);
	assert_string_equal(bench.calls, "t");
	bench_end();
}

static void
a_stop_keeps_it_from_sleeping(void **state)
{
	bench_begin(state);
	loop_stop(bench.l);
	assert_int_equal(loop_step(bench.l, -1), 0);
	bench.bound_ms = 0;
	bench.turns_most = 5;
	assert_int_equal(loop_run(bench.l), 0);	/* it was used up */
	assert_int_equal(bench.turns, 5);
	bench_end();
}

static void
on_sigalrm(int number)
{
	(void)number;
}

static void
says_that_a_signal_came(void **state)
{
	struct sigaction action = { .sa_handler = on_sigalrm }, old;
	struct itimerval once = { { 0, 0 }, { 0, 5000 } };

	bench_begin(state);
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &once, NULL), 0);
	assert_int_equal(loop_step(bench.l, LONG_MS), -EINTR);
	sigaction(SIGALRM, &old, NULL);
	bench_end();
}

static void
says_when_it_wants_the_next(void **state)
{
	struct alarm far = { .letter = 0 };
	int ms;

	bench_begin(state);
	assert_int_equal(loop_timeout_ms(bench.l), 0);	/* it never ran */
	assert_int_equal(loop_step(bench.l, 0), 0);
	assert_int_equal(loop_timeout_ms(bench.l), -1);

	bench.bound_ms = 3600000;
	assert_int_equal(loop_step(bench.l, 0), 0);
	ms = loop_timeout_ms(bench.l);
	assert_true(ms > 0 && ms <= 3600000);

	alarm_set(&far, 'z', loop_now_ms(bench.l) + 60000);
	ms = loop_timeout_ms(bench.l);
	assert_true(ms > 0 && ms <= 60000);
	alarm_set(&far, 'z', loop_now_ms(bench.l) - 1);
	assert_int_equal(loop_timeout_ms(bench.l), 0);
	loop_timer_stop(bench.l, &far.timer);

	bench.bound_ms = 0;
	assert_int_equal(loop_step(bench.l, 0), 0);
	assert_int_equal(loop_timeout_ms(bench.l), 0);
	bench_end();
}

static int
is_readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0);
}

static void
its_descriptor_tells(void **state)
{
	struct peer p;
	int fd;

	bench_begin(state);
	fd = loop_fd(bench.l);
	if (bench_backend(state) == LOOP_BACKEND_POLL) {
		assert_int_equal(fd, -1);
		bench_end();
		return;
	}
	peer_open(&p, 'p', LOOP_READ);
	assert_int_equal(is_readable(fd), 0);
	peer_poke(&p);
	assert_int_equal(is_readable(fd), 1);
	loop_stop(bench.l);	/* wakes, too */
	peer_close(&p);
	assert_int_equal(is_readable(fd), 1);
	assert_int_equal(loop_step(bench.l, 0), 0);
	assert_int_equal(is_readable(fd), 0);
	bench_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(calls_what_is_ready_and_due),
		BENCH_TEST(does_not_sleep_longer_than_asked),
		BENCH_TEST(a_timer_ends_the_sleep),
		BENCH_TEST(a_stop_keeps_it_from_sleeping),
		BENCH_TEST(says_that_a_signal_came),
		BENCH_TEST(says_when_it_wants_the_next),
		BENCH_TEST(its_descriptor_tells),
	};

	return bench_run(tests, COUNT_OF(tests));
}
