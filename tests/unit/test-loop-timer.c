/* SPDX-License-Identifier: MIT */
/* Every test here runs with each back-end that is built in. */
#include "config.h"

#include "lib/loop/loop.h"

#include <string.h>

#include "tests/support/loopbench.h"
#include "tests/unit/unit.h"

static void
timers_fire_in_their_order(void **state)
{
	struct alarm alarms[5] = { { .letter = 0 } };
	int64_t now;

	bench_begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&alarms[0], 'd', now - 1);
	alarm_set(&alarms[1], 'b', now - 30);
	alarm_set(&alarms[2], 'c', now - 20);
	alarm_set(&alarms[3], 'a', now - 40);
	alarm_set(&alarms[4], 'z', now + 3600000);
	bench_turns(1);
	assert_string_equal(bench.calls, "abcd");
	loop_timer_stop(bench.l, &alarms[4].timer);
	bench_end();
}

static void
a_timer_fires_once_and_wakes(void **state)
{
	struct alarm a = { .letter = 0 };
	int64_t due;

	bench_begin(state);
	due = loop_now_ms(bench.l) + 20;
	alarm_set(&a, 'a', due);
	bench.turns_most = 3;	/* before the sleep, after it; one more: */
	bench.bound_ms = -1;
	assert_int_equal(loop_timer_set(bench.l, &a.timer, due), 0);
	a.again = 1;
	assert_int_equal(loop_run(bench.l), 0);
	assert_true(loop_now_ms(bench.l) >= due);
	assert_string_equal(bench.calls, "aa");
	bench_end();
}

static void
a_timer_can_be_moved_and_stopped(void **state)
{
	struct alarm a = { .letter = 0 }, b = { .letter = 0 };
	int64_t now;

	bench_begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&a, 'a', now - 2);
	alarm_set(&b, 'b', now - 1);
	alarm_set(&a, 'a', now + 3600000);
	bench_turns(1);
	assert_string_equal(bench.calls, "b");
	alarm_set(&a, 'a', now - 2);
	loop_timer_stop(bench.l, &a.timer);
	loop_timer_stop(bench.l, &a.timer);	/* harmless again */
	loop_timer_stop(bench.l, &b.timer);
	bench_turns(1);
	assert_string_equal(bench.calls, "b");
	bench_end();
}

static void
a_timer_can_stop_another_that_is_due(void **state)
{
	struct alarm a = { .letter = 0 }, b = { .letter = 0 };
	int64_t now;

	bench_begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&a, 'a', now - 2);
	alarm_set(&b, 'b', now - 1);
	a.stop = &b;
	bench_turns(2);
	assert_string_equal(bench.calls, "a");
	bench_end();
}

static void
a_timer_for_now_does_not_starve_descriptors(void **state)
{
	struct alarm a = { .letter = 0 };
	struct peer p;

	bench_begin(state);
	alarm_set(&a, 't', 0);
	a.again = 1 << 30;
	peer_open(&p, 'p', LOOP_READ);
	peer_poke(&p);
	bench_turns(2);
	assert_string_equal(bench.calls, "tptpt");
	loop_timer_stop(bench.l, &a.timer);
	peer_close(&p);
	bench_end();
}

static struct {
	int64_t last_ms;
	size_t count;
} ordered;

static void
on_ordered(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	assert_true(t->due_ms >= ordered.last_ms);
	ordered.last_ms = t->due_ms;
	ordered.count++;
}

/* Sets, moves and stops many in a scrambled order. */
static void
the_heap_keeps_order(void **state)
{
	enum { TIMERS = 1000 };
	static struct loop_timer timers[TIMERS];
	uint32_t scramble = 1;
	size_t i, armed = 0;

	memset(timers, 0, sizeof(timers));
	memset(&ordered, 0, sizeof(ordered));
	bench_begin(state);
	for (i = 0; i < 10 * TIMERS; i++) {
		struct loop_timer *t;

		scramble = scramble * 1664525 + 1013904223;
		t = &timers[(scramble >> 8) % TIMERS];
		t->on_due = on_ordered;
		if (scramble >> 30 == 0)
			loop_timer_stop(bench.l, t);
		else
			assert_int_equal(loop_timer_set(bench.l, t,
				(int64_t)(scramble >> 12) % 5000), 0);
	}
	for (i = 0; i < TIMERS; i++)
		armed += timers[i].heap != 0;
	assert_true(armed > TIMERS / 2 && armed < TIMERS);
	bench_turns(1);
	assert_int_equal(ordered.count, armed);
	bench_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(timers_fire_in_their_order),
		BENCH_TEST(a_timer_fires_once_and_wakes),
		BENCH_TEST(a_timer_can_be_moved_and_stopped),
		BENCH_TEST(a_timer_can_stop_another_that_is_due),
		BENCH_TEST(a_timer_for_now_does_not_starve_descriptors),
		BENCH_TEST(the_heap_keeps_order),
	};

	return bench_run(tests, COUNT_OF(tests));
}
