/* SPDX-License-Identifier: MIT */
#include "fcgi/watchdog.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { LIMIT_MS = 10000, STEP_MS = 1000, PID = 7 };

static const struct watchdog_sight asleep = { .cpu_ms = 0 };
static struct watchdog w;

static void
begin(size_t workers)
{
	assert_int_equal(watchdog_init(&w, LIMIT_MS, workers), 0);
	assert_int_equal(watchdog_interval_ms(&w), STEP_MS);
}

/* Whether it is found to hang by one of so many looks, in a row. */
static bool
is_found(unsigned number, int looks, int64_t *now_ms)
{
	bool is = false;

	while (looks-- > 0) {
		*now_ms += STEP_MS;
		is |= watchdog_look(&w, number, PID, &asleep, *now_ms);
	}
	return is;
}

static void
without_a_limit_nobody_hangs(void **state)
{
	(void)state;
	assert_int_equal(watchdog_init(&w, 0, 3), 0);
	assert_null(watchdog_seat(&w, 1));
	watchdog_tell(watchdog_seat(&w, 1));
	assert_false(watchdog_look(&w, 1, PID, &asleep, 0));
	assert_false(watchdog_look(&w, 1, PID, &asleep, INT64_MAX / 2));
	watchdog_done(&w);
}

static void
who_turns_does_not_hang(void **state)
{
	int64_t now_ms = 5000;

	(void)state;
	begin(2);
	assert_null(watchdog_seat(&w, 0));
	assert_null(watchdog_seat(&w, 3));
	for (int i = 0; i < 100; i++) {
		assert_false(is_found(1, 9, &now_ms));
		watchdog_tell(watchdog_seat(&w, 1));
	}
	watchdog_done(&w);
}

static void
who_stands_still_does(void **state)
{
	int64_t now_ms = 5000, since_ms = 5000;

	(void)state;
	begin(2);
	assert_false(watchdog_look(&w, 1, PID, &asleep, now_ms));
	assert_false(watchdog_look(&w, 2, PID, &asleep, now_ms));
	for (int i = 0; i < 9; i++) {
		assert_false(is_found(1, 1, &now_ms));
		watchdog_tell(watchdog_seat(&w, 2));
		assert_false(is_found(2, 1, &since_ms));
	}
	assert_true(is_found(1, 1, &now_ms));
	assert_false(is_found(2, 1, &since_ms));
	/* Once; and again if that was no use. */
	assert_false(is_found(1, 9, &now_ms));
	assert_true(is_found(1, 1, &now_ms));
	watchdog_done(&w);
}

/* Another process in the seat, or none for a while. */
static void
its_successor_begins_anew(void **state)
{
	int64_t now_ms = 0;

	(void)state;
	begin(1);
	assert_false(is_found(1, 9, &now_ms));
	assert_false(watchdog_look(&w, 1, PID + 1, &asleep, now_ms));
	assert_false(is_found(1, 9, &now_ms));
	assert_false(watchdog_look(&w, 1, 0, &asleep, now_ms));
	assert_false(watchdog_look(&w, 1, 0, &asleep, now_ms + 1000000));
	assert_false(is_found(1, 10, &now_ms));
	watchdog_done(&w);
}

/* A machine that slept, or a supervisor that was stopped as well. */
static void
time_in_which_nobody_looked_does_not_count(void **state)
{
	int64_t now_ms = 0;

	(void)state;
	begin(1);
	assert_false(is_found(1, 3, &now_ms));
	now_ms += 24 * 3600 * 1000;
	assert_false(is_found(1, 1, &now_ms));
	assert_false(is_found(1, 5, &now_ms));
	assert_true(is_found(1, 2, &now_ms));
	watchdog_done(&w);
}

/* It gets a tenth of a processor: a turn of some seconds takes its time. */
static void
waiting_for_a_processor_does_not_count(void **state)
{
	struct watchdog_sight sight = { .is_running = true, .cpu_ms = 50000 };
	int64_t now_ms = 0;

	(void)state;
	begin(1);
	assert_false(watchdog_look(&w, 1, PID, &sight, now_ms));
	for (int i = 0; i < 99; i++) {
		sight.cpu_ms += STEP_MS / 10;
		now_ms += STEP_MS;
		assert_false(watchdog_look(&w, 1, PID, &sight, now_ms));
	}
	/* One that loops is found even so. */
	sight.cpu_ms += STEP_MS / 10;
	assert_true(watchdog_look(&w, 1, PID, &sight, now_ms + STEP_MS));
	watchdog_done(&w);
}

static void
nor_does_time_in_a_debugger(void **state)
{
	struct watchdog_sight sight = { .is_traced = true };

	(void)state;
	begin(1);
	for (int i = 0; i < 1000; i++)
		assert_false(watchdog_look(&w, 1, PID, &sight, i * STEP_MS));
	watchdog_done(&w);
}

static void
it_is_looked_at_often_enough(void **state)
{
	(void)state;
	assert_int_equal(watchdog_init(&w, WATCHDOG_LEAST_MS, 1), 0);
	assert_int_equal(watchdog_interval_ms(&w), 100);
	watchdog_done(&w);
	assert_int_equal(watchdog_init(&w, WATCHDOG_MOST_MS, 1), 0);
	assert_int_equal(watchdog_interval_ms(&w), 1000);
	watchdog_done(&w);
}

static void
a_process_is_seen(void **state)
{
	struct watchdog_sight sight;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			continue;
	assert_true(pid > 0);
	do
		assert_true(watchdog_see(pid, &sight));
	while (!sight.is_running || sight.cpu_ms < 20);
	assert_false(sight.is_traced);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WSTOPPED), 0);
	assert_true(watchdog_see(pid, &sight));
	assert_false(sight.is_running);
	assert_false(sight.is_traced);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(watchdog_see(pid, &sight));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_nobody_hangs),
		cmocka_unit_test(who_turns_does_not_hang),
		cmocka_unit_test(who_stands_still_does),
		cmocka_unit_test(its_successor_begins_anew),
		cmocka_unit_test(time_in_which_nobody_looked_does_not_count),
		cmocka_unit_test(waiting_for_a_processor_does_not_count),
		cmocka_unit_test(nor_does_time_in_a_debugger),
		cmocka_unit_test(it_is_looked_at_often_enough),
		cmocka_unit_test(a_process_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
