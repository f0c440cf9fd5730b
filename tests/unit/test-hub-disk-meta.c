/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define DAY INT64_C(86400000)
#define YEAR (365 * DAY)

/* What the store's clock showed in all of these, at what wall clock, and how
 * long the machine had been up. */
#define CLOCK_MS (3 * DAY)
#define WALL_MS (56 * YEAR)
#define UP_MS (2 * DAY)

static void
counts_what_time_has_passed(void **state)
{
	static const struct {
		const char *what;
		const char *boot;	/* then it was "one" */
		int64_t up_ms, wall_ms;
		int64_t rest_ms;
	} rows[] = {
		{ "at once", "one", UP_MS, WALL_MS, 0 },
		{ "an hour later", "one", UP_MS + 3600000, WALL_MS + 3600000,
		  3600000 },
		{ "the clock was set to 1970", "one", UP_MS + 5000, 5000,
		  5000 },
		{ "the clock was set ahead", "one", UP_MS + 5000,
		  WALL_MS + 9 * YEAR, 5000 },
		{ "it slept for a week", "one", UP_MS + 7 * DAY,
		  WALL_MS + 7 * DAY, 7 * DAY },
		{ "it was up for less than before", "one", 1000, WALL_MS, 0 },
		{ "a reboot of a minute", "two", 20000, WALL_MS + 60000,
		  60000 },
		{ "a reboot of a year", "two", 20000, WALL_MS + YEAR, YEAR },
		{ "a reboot, and it is 1970", "two", 20000, 20000, 0 },
		{ "a reboot, and it is 1970, and up for long", "two",
		  30 * DAY, 30 * DAY, 0 },
		{ "a reboot, and it is 2100", "two", 20000, 130 * YEAR, 0 },
		{ "no boot is known", "", UP_MS + 5000, WALL_MS + 7000,
		  7000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct disk_meta m = {
			.clock_ms = CLOCK_MS, .boottime_ms = UP_MS,
			.wall_ms = WALL_MS, .boot = "one",
		};
		struct disk_now now = {
			.boottime_ms = rows[i].up_ms,
			.wall_ms = rows[i].wall_ms,
		};

		strcpy(now.boot, rows[i].boot);
		unit_check(disk_meta_clock(&m, &now) ==
			   CLOCK_MS + rows[i].rest_ms, "%s", rows[i].what);
	}
}

/* Boxes that were in 1970 when they stopped, and know the time now. */
static void
does_not_take_a_clock_that_was_set_for_time(void **state)
{
	struct disk_meta m = {
		.clock_ms = CLOCK_MS, .wall_ms = 40000, .boot = "one",
	};
	struct disk_now now = { .wall_ms = WALL_MS, .boot = "two" };

	(void)state;
	assert_int_equal(disk_meta_clock(&m, &now), CLOCK_MS);
}

static void
doubts_what_may_lack_numbers(void **state)
{
	static const struct {
		bool is_clean, is_always, is_same_boot, is_copy;
		bool has_doubt;
	} rows[] = {
		{ true, true, true, false, false },
		{ true, false, true, false, false },
		{ true, false, false, false, false },
		{ false, true, true, false, false },
		{ false, true, false, false, false },	/* power cut, always */
		{ false, false, true, false, false },	/* kill -9 */
		{ false, false, false, false, true },	/* power cut, seconds */
		{ true, true, true, true, true },
		{ true, false, false, true, true },
		{ false, true, false, true, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct disk_meta m = {
			.is_clean = rows[i].is_clean,
			.is_always = rows[i].is_always,
			.file = rows[i].is_copy ? 6 : 7, .boot = "one",
		};
		struct disk_now now = { 0 };

		strcpy(now.boot, rows[i].is_same_boot ? "one" : "two");
		unit_check(!!disk_meta_doubt(&m, 7, false, &now) == rows[i].has_doubt,
			   "row %zu", i);
	}
}

/* Where nothing is known of boots, none is the same. */
static void
doubts_an_unknown_boot(void **state)
{
	struct disk_meta m = { .file = 7 };
	struct disk_now now = { 0 };

	(void)state;
	assert_non_null(disk_meta_doubt(&m, 7, false, &now));
	m.is_clean = true;
	assert_null(disk_meta_doubt(&m, 7, false, &now));
	assert_non_null(disk_meta_doubt(&m, 7, true, &now));
}

static void
remembers_the_last_epochs(void **state)
{
	struct disk_meta m = { 0 };
	uint64_t e, end = 0;

	(void)state;
	for (e = 1; e <= 40; e++) {
		disk_meta_begin_epoch(&m, 1000 + e);
		assert_int_equal(m.epochs[0].epoch, 1000 + e);
		m.last = 10 * e;
	}
	assert_int_equal(m.n_epochs, DISK_EPOCHS);
	for (e = 1; e <= 40; e++) {
		/* The present one has no end. */
		assert_int_equal(disk_meta_end_of(&m, 1000 + e, &end),
				 e > 40 - DISK_EPOCHS && e < 40);
		if (e > 40 - DISK_EPOCHS && e < 40)
			assert_int_equal(end, 10 * e);
	}
}

/* Not in the same tick of the clock of files as the one before. */
static void
make_file(const char *path)
{
	struct timespec now, last;
	int fd;

	clock_gettime(CLOCK_REALTIME_COARSE, &last);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	while (now.tv_sec == last.tv_sec && now.tv_nsec == last.tv_nsec);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* Where the number of a file that was deleted is given to the next one, too. */
static void
tells_a_file_from_one_in_its_place(void **state)
{
	char path[256], other[300];
	uint64_t first, moved, then;
	size_t i;

	(void)state;
	snprintf(path, sizeof(path), "%s/mark-%ld",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
	snprintf(other, sizeof(other), "%s.moved", path);
	assert_int_equal(disk_file_mark(path, &first), -ENOENT);
	make_file(path);
	assert_int_equal(disk_file_mark(path, &first), 0);
	assert_int_not_equal(first, 0);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(disk_file_mark(other, &moved), 0);
	assert_int_equal(moved, first);
	for (i = 0; i < 20; i++) {
		assert_int_equal(unlink(other), 0);
		make_file(other);
		assert_int_equal(disk_file_mark(other, &then), 0);
		assert_int_not_equal(then, first);
		first = then;
	}
	assert_int_equal(unlink(other), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_what_time_has_passed),
		cmocka_unit_test(does_not_take_a_clock_that_was_set_for_time),
		cmocka_unit_test(doubts_what_may_lack_numbers),
		cmocka_unit_test(doubts_an_unknown_boot),
		cmocka_unit_test(remembers_the_last_epochs),
		cmocka_unit_test(tells_a_file_from_one_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
