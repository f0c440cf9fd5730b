/* SPDX-License-Identifier: MIT */
/*
 * What is done with a store while no hub uses it, when calls fail: an error is
 * told, and the store is as it was.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "hub/dump.h"
#include "hub/load.h"
#include "hub/recover.h"
#include "tests/support/diskfault.h"
#include "tests/support/fault.h"
#include "tests/unit/store_rig.h"

enum { EVENTS = 12, MANY = 2000 };

/* Events 1 to EVENTS, some with keys and ids; closed. */
static void
make_store(struct rig *rig)
{
	int64_t now_ms = clock_mono_ms();
	uint64_t n;

	rig_open(rig);
	for (n = 1; n <= EVENTS; n++) {
		assert_int_equal(rig_append(rig, n, n % 3 ? "t" : "u",
					    50, now_ms,
					    n == 2 ? "own" : NULL,
					    n % 2 ? "key" : NULL), 0);
		assert_int_equal(rig_commit(rig, now_ms), 0);
	}
	rig_close(rig);
}

static int
dump_to(const struct rig *rig, FILE *out, struct disk_fault *f)
{
	struct resting_report report;
	struct resting r;
	int e = resting_open(&r, rig->dir, (gid_t)-1, f);

	if (e == 0)
		e = resting_check(&r, &report, f);
	if (e == 0)
		e = dump_run(&r, &report, out, f);
	resting_close(&r);
	return e;
}

static int
load_from(FILE *in, const char *dir, struct disk_fault *f)
{
	struct load_report report;

	assert_int_equal(lseek(fileno(in), 0, SEEK_SET), 0);
	return load_run(fileno(in), dir, (gid_t)-1, false, &report, f);
}

static FILE *
dump_of(const struct rig *rig)
{
	struct disk_fault f;
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(dump_to(rig, file, &f), 0);
	return file;
}

static bool
has_file(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* How many names there are, without the lock. */
static int
count_files(const char *dir)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += entry->d_name[0] != '.' &&
		     strcmp(entry->d_name, STORE_DIR_LOCK) != 0;
	closedir(d);
	return n;
}

/* --- allocations -------------------------------------------------------- */

static void
a_dump_without_memory_is_refused(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	FILE *file = tmpfile();
	struct disk_fault f;
	size_t n, failures = 0;
	bool has_failed;
	int r;

	(void)state;
	make_store(&rig);
	/* A child that had too little says so, and counts by itself. */
	for (n = 1; n < MANY; n++) {
		fault_arm(n);
		r = dump_to(&rig, file, &f);
		has_failed = fault_disarm();
		if (r == 0 && !has_failed)
			break;
		unit_check(r == -ENOMEM && f.why[0], "allocation %zu: %d, %s",
			   n, r, f.why);
		failures++;
	}
	assert_true(failures > 0 && n < MANY);
	fclose(file);
	rig_done(&rig);
}

static void
a_load_without_memory_leaves_nothing(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS }, other = rig;
	struct disk_fault f;
	size_t n, failures = 0;
	bool has_failed;
	FILE *file;
	int r;

	(void)state;
	make_store(&rig);
	file = dump_of(&rig);
	rig_make_directory(other.dir);
	for (n = 1; n < MANY; n++) {
		fault_arm(n);
		r = load_from(file, other.dir, &f);
		has_failed = fault_disarm();
		if (r == 0) {	/* perhaps with a smaller map */
			rig_open(&other);
			rig_check_holds(&other, 1, EVENTS);
			rig_done(&other);
			rig_make_directory(other.dir);
			if (!has_failed)
				break;
			continue;
		}
		unit_check(r == -ENOMEM && f.why[0], "allocation %zu: %d, %s",
			   n, r, f.why);
		assert_int_equal(count_files(other.dir), 0);
		failures++;
	}
	assert_true(failures > 0 && n < MANY);
	fclose(file);
	rig_done(&other);
	rig_done(&rig);
}

/* --- the disk ----------------------------------------------------------- */

static void
a_load_that_cannot_write_leaves_nothing(void **state)
{
	static const int errors[] = { ENOSPC, EIO };
	struct rig rig = { .kind = RIG_ALWAYS };
	struct disk_fault f;
	size_t n, i;
	FILE *file;
	int r;

	(void)state;
	make_store(&rig);
	file = dump_of(&rig);
	for (i = 0; i < COUNT_OF(errors); i++) {
		struct rig other = { .kind = RIG_ALWAYS };

		rig_make_directory(other.dir);
		for (n = 1; n < MANY; n++) {
			diskfault_arm(n, errors[i], false, NULL);
			r = load_from(file, other.dir, &f);
			if (!diskfault_disarm())
				break;
			unit_check(r < 0 && f.why[0], "call %zu: %d", n, r);
			assert_int_equal(count_files(other.dir), 0);
		}
		assert_true(n > 3 && r == 0);
		rig_open(&other);
		rig_check_holds(&other, 1, EVENTS);
		rig_done(&other);
	}
	fclose(file);
	rig_done(&rig);
}

/* Changes the first byte of an event's data, wherever it stands. */
static void
damage(const struct rig *rig, uint64_t number, size_t len)
{
	char path[512], text[64];
	struct stat st;
	char *bytes;
	size_t i, at;
	int fd;

	assert_true(len <= sizeof(text));
	for (i = 0; i < len; i++)
		text[i] = (char)('a' + (number + i) % 26);
	snprintf(path, sizeof(path), "%s/%s", rig->dir, STORE_DIR_EVENTS);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	bytes = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	for (at = 0; at + len <= (size_t)st.st_size; at++)
		if (memcmp(bytes + at, text, len) == 0)
			assert_int_equal(pwrite(fd, "#", 1, (off_t)at), 1);
	free(bytes);
	close(fd);
}

static int
recover(const struct rig *rig, struct recover_report *ret_report,
	struct disk_fault *f)
{
	struct resting_report found;
	struct resting r;
	int e = resting_open(&r, rig->dir, (gid_t)-1, f);

	if (e == 0)
		e = resting_check(&r, &found, f);
	if (e == -EBADMSG)
		e = recover_run(&r, ret_report, f);
	resting_close(&r);
	return e;
}

/* As it was, and nothing beside it. */
static void
check_untouched(const struct rig *rig, ino_t inode)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", rig->dir, STORE_DIR_EVENTS);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, inode);
	assert_int_equal(count_files(rig->dir), 1);
}

static ino_t
inode_of(const struct rig *rig)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", rig->dir, STORE_DIR_EVENTS);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void
a_recovery_that_cannot_write_changes_nothing(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	struct recover_report report;
	struct disk_fault f;
	ino_t inode;
	size_t n;
	int r;

	(void)state;
	make_store(&rig);
	damage(&rig, 5, 50);
	inode = inode_of(&rig);
	for (n = 1; n < MANY; n++) {
		diskfault_arm(n, EIO, false, NULL);
		r = recover(&rig, &report, &f);
		/* The last one says only that all is in its place. */
		if (!diskfault_disarm() || count_files(rig.dir) == 2)
			break;
		unit_check(r < 0 && f.why[0], "call %zu: %d", n, r);
		check_untouched(&rig, inode);
	}
	assert_true(n > 3 && n < MANY);
	assert_int_equal(report.saved, EVENTS - 1);
	assert_int_equal(report.missing, 1);
	assert_true(has_file(rig.dir, STORE_DIR_EVENTS));
	rig_open(&rig);
	assert_int_equal(rig_state(&rig).last, EVENTS);
	assert_int_equal(rig.store->catalog.blind, 5);
	rig_done(&rig);
}

static void
a_recovery_without_memory_changes_nothing(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	struct recover_report report;
	struct disk_fault f;
	ino_t inode;
	size_t n, failures = 0;
	int r;

	(void)state;
	make_store(&rig);
	damage(&rig, 5, 50);
	inode = inode_of(&rig);
	for (n = 1; n < MANY; n++) {
		fault_arm(n);
		r = recover(&rig, &report, &f);
		(void)fault_disarm();
		if (r == 0)
			break;
		unit_check(r == -ENOMEM && f.why[0], "allocation %zu: %d, %s",
			   n, r, f.why);
		check_untouched(&rig, inode);
		failures++;
	}
	assert_true(failures > 0 && n < MANY);
	assert_int_equal(report.saved, EVENTS - 1);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_without_memory_is_refused),
		cmocka_unit_test(a_load_without_memory_leaves_nothing),
		cmocka_unit_test(a_load_that_cannot_write_leaves_nothing),
		cmocka_unit_test(a_recovery_that_cannot_write_changes_nothing),
		cmocka_unit_test(a_recovery_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
