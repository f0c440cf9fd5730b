/* SPDX-License-Identifier: MIT */
/*
 * The store on disk when things go wrong: calls that fail, a disk that is full,
 * processes that are killed, machines that stop, copies, and years of use.
 */
#include "config.h"

#include "hub/store_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "hub/disk_meta.h"
#include "hub/examine.h"
#include "hub/stored.h"
#include "lib/sse/id.h"
#include "tests/support/diskfault.h"
#include "tests/support/fault.h"
#include "tests/unit/store_rig.h"
#include "tests/unit/unit_random.h"

static const enum rig_kind kinds[] = { RIG_ALWAYS, RIG_TIME };

/* One event and its commit. What commit or append said. */
static int
publish(struct rig *rig, uint64_t number, size_t len, int64_t now_ms)
{
	int r = rig_append(rig, number, number % 3 ? "t" : "u", len, now_ms,
			   NULL, number % 2 ? "key" : NULL);

	return r < 0 ? r : rig_commit(rig, now_ms);
}

static void
file_path(const struct rig *rig, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", rig->dir, name);
}

static void
copy_file(const char *from, const char *to)
{
	static char bytes[1 << 16];
	int in = open(from, O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	if (in < 0) {		/* there is no journal */
		close(out);
		(void)unlink(to);
		return;
	}
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* --- calls that fail ---------------------------------------------------- */

struct course {			/* of a store that has to bear faults */
	struct rig rig;
	uint64_t stored;	/* the last number that was committed */
	bool is_failing;	/* a call of ours was refused */
};

static void
course_events(struct course *c, unsigned count, int64_t *now_ms)
{
	unsigned i;
	int r;

	for (i = 0; i < count; i++) {
		*now_ms += 30;
		r = publish(&c->rig, c->stored + 1, i % 7 == 3 ? 9000 : 50,
			    *now_ms);
		if (r == 0) {
			c->stored++;
		} else {
			c->is_failing = true;
			/* It says why, in words. */
			assert_true(c->rig.store->ops->why(c->rig.store)[0]);
		}
		(void)c->rig.store->ops->trim(c->rig.store, *now_ms);
		/* What is stored can be read, and nothing else. */
		rig_check_holds(&c->rig, 1, c->stored);
	}
}

/* Opens, stores, closes, opens again, with the n-th call failing somewhere. */
static bool
course_run(struct course *c, size_t n, int error, bool is_lasting)
{
	int64_t now_ms = clock_mono_ms();
	bool has_failed;

	diskfault_arm(n, error, is_lasting, NULL);
	if (rig_try_open(&c->rig) < 0) {
		assert_true(diskfault_disarm());
		assert_true(c->rig.fault.why[0]);
		c->rig.store = NULL;
		return true;
	}
	course_events(c, 12, &now_ms);
	has_failed = diskfault_disarm();
	/* Nothing fails any more: it goes on. */
	now_ms += 2000;
	c->is_failing = false;
	course_events(c, 3, &now_ms);
	assert_false(c->is_failing);
	rig_close(&c->rig);
	return has_failed;
}

static void
course_check(struct course *c, uint64_t *epoch)
{
	rig_open(&c->rig);
	rig_check_holds(&c->rig, 1, c->stored);
	assert_int_equal(rig_state(&c->rig).last, c->stored);
	if (*epoch)
		assert_int_equal(rig_state(&c->rig).epoch, *epoch);
	*epoch = rig_state(&c->rig).epoch;
	assert_int_equal(publish(&c->rig, c->stored + 1, 10, clock_mono_ms()),
			 0);
	c->stored++;
	rig_close(&c->rig);
}

static void
bears_calls_that_fail(enum rig_kind kind, int error, bool is_lasting)
{
	bool has_failed = true;
	size_t n;

	for (n = 1; has_failed; n++) {
		struct course c = { .rig = { .kind = kind } };
		uint64_t epoch = 0;

		has_failed = course_run(&c, n, error, is_lasting);
		course_check(&c, &epoch);
		/* And the same with a store that was there before. */
		has_failed |= course_run(&c, n, error, is_lasting);
		course_check(&c, &epoch);
		rig_done(&c.rig);
	}
	assert_true(n > 30);
}

static void
bears_every_failing_write(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		bears_calls_that_fail(kinds[k], ENOSPC, false);
		bears_calls_that_fail(kinds[k], EIO, false);
		bears_calls_that_fail(kinds[k], ENOSPC, true);
	}
}

/* The n-th allocation fails, in an open store or while it is opened. */
static bool
run_without_memory(struct course *c, size_t n)
{
	int64_t now_ms = clock_mono_ms();
	struct store_state state;
	unsigned i;
	int r;

	fault_arm(n);
	if (rig_try_open(&c->rig) < 0) {
		assert_true(fault_disarm());
		c->rig.store = NULL;
		return true;
	}
	for (i = 0; i < 40; i++) {
		char id[8], topic[8];

		snprintf(id, sizeof(id), "i%u", i);
		snprintf(topic, sizeof(topic), "t%u", i % 9);
		r = rig_append(&c->rig, c->stored + 1, topic, 500, now_ms, id,
			       id);
		if (r == 0 && i % 3 == 0)
			r = rig_append(&c->rig, c->stored + 2, topic, 20,
				       now_ms, id, NULL);
		else if (r == 0)
			r = 1;
		/* One that there was no room for leaves those before it. */
		state = rig_state(&c->rig);
		if (rig_commit(&c->rig, now_ms) == 0)
			c->stored = state.last;
		assert_int_equal(rig_state(&c->rig).last, c->stored);
	}
	return fault_disarm();
}

static void
bears_every_failing_allocation(void **state)
{
	bool has_failed = true;
	size_t k, n;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		has_failed = true;
		for (n = 1; has_failed; n++) {
			struct course c = { .rig = {
				.kind = kinds[k], .limits = { .events = 25 },
			} };
			struct rig_seen seen = { 0 };

			has_failed = run_without_memory(&c, n);
			if (c.rig.store)
				rig_close(&c.rig);
			rig_open(&c.rig);
			assert_int_equal(rig_state(&c.rig).last, c.stored);
			assert_int_equal(c.rig.store->ops->scan(c.rig.store, 0,
					 rig_on_record, &seen), 0);
			rig_trim(&c.rig, clock_mono_ms());
			assert_int_equal(rig_state(&c.rig).events,
					 c.stored < 25 ? c.stored : 25);
			rig_done(&c.rig);
		}
		assert_true(n > 30);
	}
}

/* --- a full disk -------------------------------------------------------- */

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
goes_on_when_there_is_room(void **state)
{
	uint64_t round;
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		for (round = 0; round < 20; round++) {
			struct course c = { .rig = { .kind = kinds[k] } };
			int64_t now_ms = clock_mono_ms();
			uint64_t epoch = 0;
			unsigned i;

			unit_random_begin(unit_seed() + round);
			rig_open(&c.rig);
			limit_file_size(100000 + unit_below(300000));
			for (i = 0; i < 200 && !c.is_failing; i++) {
				now_ms += 30;
				c.is_failing = publish(&c.rig, c.stored + 1,
						       unit_below(20000),
						       now_ms) < 0;
				c.stored += !c.is_failing;
				(void)c.rig.store->ops->trim(c.rig.store,
							     now_ms);
				rig_check_holds(&c.rig, 1, c.stored);
			}
			assert_true(c.is_failing);
			assert_non_null(strstr(c.rig.store->ops->why(
				c.rig.store), "disk full on "));
			/* A second hub would see the same now. */
			if (unit_chance(2)) {
				rig_close(&c.rig);
				rig_open(&c.rig);
				rig_check_holds(&c.rig, 1, c.stored);
			}
			limit_file_size(RLIM_INFINITY);
			now_ms += 2000;
			c.is_failing = false;
			course_events(&c, 5, &now_ms);
			assert_false(c.is_failing);
			rig_close(&c.rig);
			course_check(&c, &epoch);
			rig_done(&c.rig);
		}
	}
}

/* With a time, LMDB's part may be full and the journal's not, and the other
 * way round; from the beginning, too. */
static void
does_without_either_file(void **state)
{
	static const char *const names[] = { "store.mdb", "store.journal" };
	size_t k, n;

	(void)state;
	for (k = 0; k < 2; k++) {
		for (n = 1; n < 12; n++) {
			struct course c = { .rig = { .kind = RIG_TIME } };
			int64_t now_ms = clock_mono_ms();
			uint64_t epoch = 0;

			course_check(&c, &epoch);
			diskfault_arm(n, ENOSPC, true, names[k]);
			rig_open(&c.rig);
			course_events(&c, 8, &now_ms);
			rig_close(&c.rig);
			/* Again, and nothing else has changed. */
			rig_open(&c.rig);
			rig_check_holds(&c.rig, 1, c.stored);
			course_events(&c, 8, &now_ms);
			rig_close(&c.rig);
			assert_true(diskfault_disarm());
			course_check(&c, &epoch);
			rig_done(&c.rig);
		}
	}
}

/* --- killed ------------------------------------------------------------- */

static void
publish_for_ever(struct rig *rig, int out)
{
	uint64_t number, i, batch;

	if (rig_try_open(rig) < 0)
		_exit(1);
	for (number = rig_state(rig).last + 1;;) {
		int64_t now_ms = clock_mono_ms();

		batch = 1 + unit_below(5);
		for (i = 0; i < batch; i++)
			if (rig_append(rig, number + i, "t",
				       unit_below(unit_chance(9) ? 20000 : 99),
				       now_ms, NULL, NULL) < 0)
				_exit(2);
		if (rig_commit(rig, now_ms) < 0)
			_exit(3);
		number += batch;
		i = number - 1;
		if (write(out, &i, sizeof(i)) != sizeof(i))
			_exit(4);
		(void)rig->store->ops->trim(rig->store, now_ms);
	}
}

/* Starts one, lets it commit `count` times and some more, and kills it. Returns
 * the last number that it said was stored. */
static uint64_t
kill_one(struct rig *rig, uint64_t count, uint64_t seed)
{
	uint64_t number, last = 0;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		unit_random_begin(seed);
		publish_for_ever(rig, fds[1]);
	}
	close(fds[1]);
	while (count-- > 0 &&
	       read(fds[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	kill(pid, SIGKILL);
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(fds[0]);
	return last;
}

static void
survives_kill(void **state)
{
	size_t k;
	int round;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		struct rig rig = { .kind = kinds[k] };
		uint64_t epoch, last, said;

		unit_random_begin(unit_seed());
		rig_open(&rig);
		epoch = rig_state(&rig).epoch;
		rig_close(&rig);
		for (round = 0; round < 40; round++) {
			said = kill_one(&rig, 1 + unit_below(100),
					unit_random());
			rig_open(&rig);
			last = rig_state(&rig).last;
			assert_string_equal(rig.fault.note, "");
			assert_int_equal(rig_state(&rig).epoch, epoch);
			/* At most the batch that it did not get to say. */
			assert_in_range(last, said, said + 5);
			rig_check_holds(&rig, 1, last);
			/* Sometimes it is a killed one that comes next. */
			rig_close(&rig);
		}
		rig_done(&rig);
	}
}

/* --- copies and machines that stop -------------------------------------- */

static void
copy_store(const struct rig *from, const struct rig *to)
{
	static const char *const names[] = { "store.mdb", "store.journal" };
	char a[128], b[128];
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++) {
		file_path(from, names[i], a);
		file_path(to, names[i], b);
		copy_file(a, b);
	}
}

/* A copy that was made between two commits has all events, and ids of its
 * own from there on. */
static void
begins_an_epoch_in_a_copy(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		struct rig rig = { .kind = kinds[k] };
		struct rig copy = { .kind = kinds[k] };
		int64_t now_ms = clock_mono_ms();
		uint64_t i, epoch, number = 0;
		unsigned round;

		rig_open(&rig);
		epoch = rig_state(&rig).epoch;
		for (i = 1; i <= 30; i++) {
			now_ms += 20;
			assert_int_equal(publish(&rig, i, 100, now_ms), 0);
			(void)rig.store->ops->trim(rig.store, now_ms);
			if (i % 3)
				continue;
			rig_make_directory(copy.dir);
			copy_store(&rig, &copy);
			for (round = 0; round < 2; round++) {
				rig_open(&copy);
				rig_check_holds(&copy, 1, i);
				assert_int_equal(copy.fault.note[0] != '\0',
						 round == 0);
				assert_true(rig_state(&copy).epoch != epoch);
				assert_int_equal(rig_state(&copy).last, i);
				/* Old ids stand where they stood. */
				assert_true(copy.store->ops->translate(
					copy.store, epoch, 2, &number));
				assert_int_equal(number, 2);
				/* These were given elsewhere. */
				assert_true(copy.store->ops->translate(
					copy.store, epoch, 99, &number));
				assert_int_equal(number, i);
				assert_false(copy.store->ops->translate(
					copy.store, epoch + 1, 2, &number));
				rig_close(&copy);
			}
			rig_done(&copy);
		}
		rig_done(&rig);
	}
}

/* Makes the file say that another boot left it open. */
static void
stop_the_machine(const struct rig *rig)
{
	struct lmdbport *port;
	struct disk_meta meta;
	char path[128];

	file_path(rig, "store.mdb", path);
	assert_int_equal(lmdbport_open(path, 1 << 28, 0600, false, &port), 0);
	assert_int_equal(disk_meta_read(port, &meta), 0);
	meta.is_clean = false;
	strcpy(meta.boot, "another");
	assert_int_equal(lmdbport_begin(port), 0);
	assert_int_equal(disk_meta_write(port, &meta), 0);
	assert_int_equal(lmdbport_commit(port), 0);
	lmdbport_close(port);
}

static void
never_gives_a_number_twice(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		struct rig rig = { .kind = kinds[k] };
		int64_t now_ms = clock_mono_ms();
		uint64_t i, epoch, number = 0;

		rig_open(&rig);
		epoch = rig_state(&rig).epoch;
		for (i = 1; i <= 10; i++)
			assert_int_equal(publish(&rig, i, 100, now_ms), 0);
		rig_close(&rig);
		stop_the_machine(&rig);
		rig_open(&rig);
		rig_check_holds(&rig, 1, 10);
		/* With "always" none can have been given that is not there. */
		assert_int_equal(rig_state(&rig).epoch == epoch,
				 kinds[k] == RIG_ALWAYS);
		if (kinds[k] == RIG_TIME) {
			assert_non_null(strstr(rig.fault.note,
					       "the machine stopped"));
			assert_true(rig.store->ops->translate(rig.store, epoch,
							      7, &number));
			assert_int_equal(number, 7);
		}
		rig_done(&rig);
	}
}

/* The first time that --sync has a time, after "always", and the disk is full
 * just then: nothing is acknowledged that a power cut could make one forget
 * without a new epoch. */
static void
says_that_it_is_open_first(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	int64_t now_ms = clock_mono_ms();
	char journal[128];
	uint64_t epoch;
	int r;

	(void)state;
	rig_open(&rig);
	epoch = rig_state(&rig).epoch;
	assert_int_equal(publish(&rig, 1, 10, now_ms), 0);
	rig_close(&rig);
	rig.kind = RIG_TIME;
	diskfault_arm(1, ENOSPC, true, "store.mdb");
	rig_open(&rig);
	r = publish(&rig, 2, 10, now_ms);
	if (r == 0)
		r = publish(&rig, 3, 10, now_ms);
	rig_close(&rig);
	assert_true(diskfault_disarm());
	/* The power goes, and the journal with it. */
	file_path(&rig, "store.journal", journal);
	(void)unlink(journal);
	if (r == 0)
		stop_the_machine(&rig);
	rig_open(&rig);
	assert_true(r < 0 || rig_state(&rig).epoch != epoch);
	assert_true(r < 0);
	rig_check_holds(&rig, 1, 1);
	rig_done(&rig);
}

/* A journal that was read at the start and cannot go to LMDB yet, and then a
 * batch that cannot either: the numbers of the journal stay given. */
static void
keeps_what_the_journal_had(void **state)
{
	struct rig rig = { .kind = RIG_TIME };
	struct rig again = { .kind = RIG_ALWAYS };
	int64_t now_ms = clock_mono_ms();
	uint64_t i;

	(void)state;
	rig_open(&rig);
	for (i = 1; i <= 5; i++)
		assert_int_equal(publish(&rig, i, 100, now_ms), 0);
	rig_make_directory(again.dir);
	copy_store(&rig, &again);
	rig_done(&rig);

	diskfault_arm(1, ENOSPC, true, "store.mdb");
	rig_open(&again);
	rig_check_holds(&again, 1, 5);
	assert_true(publish(&again, 6, 100, now_ms) < 0);
	assert_int_equal(rig_state(&again).last, 5);
	rig_check_holds(&again, 1, 5);
	assert_true(diskfault_disarm());
	assert_int_equal(publish(&again, 6, 100, now_ms), 0);
	rig_check_holds(&again, 1, 6);
	rig_close(&again);
	rig_open(&again);
	rig_check_holds(&again, 1, 6);
	rig_done(&again);
}

/* What a power cut can make of the journal does not stop the next hub; the
 * same with a machine that did not stop is damage. */
static void
bears_a_torn_journal(void **state)
{
	char path[128], events[128], saved[128], damage[64];
	unsigned way, is_stopped;

	(void)state;
	for (way = 0; way < 4; way++) {
		for (is_stopped = 0; is_stopped < 2; is_stopped++) {
			struct rig rig = { .kind = RIG_TIME };
			int64_t now_ms = clock_mono_ms();
			struct stat st;
			uint64_t i;
			int fd, r;

			rig_open(&rig);
			file_path(&rig, "store.journal", path);
			file_path(&rig, "store.mdb", events);
			file_path(&rig, "saved", saved);
			for (i = 1; i <= 4; i++)
				assert_int_equal(publish(&rig, i, 100, now_ms),
						 0);
			/* LMDB has four, and its journal is lost. */
			now_ms += 1000;
			(void)rig.store->ops->trim(rig.store, now_ms);
			assert_int_equal(publish(&rig, 5, 100, now_ms), 0);
			assert_int_equal(stat(path, &st), 0);
			if (way == 3)	/* the first of the next two */
				assert_int_equal(publish(&rig, 6, 100, now_ms),
						 0);
			copy_file(path, saved);
			rig_close(&rig);
			/* What the files were before it was closed. */
			copy_file(saved, path);
			fd = open(path, O_RDWR);
			memset(damage, 0, sizeof(damage));
			if (way == 1)	/* zeros, whose length is all there is */
				assert_int_equal(pwrite(fd, damage, 64, 0), 64);
			else if (way == 2)
				assert_int_equal(ftruncate(fd, 5), 0);
			close(fd);
			if (is_stopped)
				stop_the_machine(&rig);
			r = rig_try_open(&rig);
			if (way == 1 && !is_stopped) {
				assert_int_equal(r, -EBADMSG);
				rig.store = NULL;
			} else {
				assert_int_equal(r, 0);
				/* It was closed well, and has them all. */
				rig_check_holds(&rig, 1, way == 3 ? 6 : 5);
			}
			rig_done(&rig);
		}
	}
}

/* --- damage ------------------------------------------------------------- */

/* A file that was cut short anywhere is refused, or nothing of it is lost. */
static void
refuses_a_file_that_was_cut(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	int64_t now_ms = clock_mono_ms();
	char path[128], saved[128];
	unsigned refused = 0, taken = 0;
	struct stat st;
	uint64_t i;
	off_t at;

	(void)state;
	rig_open(&rig);
	for (i = 1; i <= 40; i++)
		assert_int_equal(publish(&rig, i, i % 5 ? 300 : 40000, now_ms),
				 0);
	rig_close(&rig);
	file_path(&rig, "store.mdb", path);
	file_path(&rig, "saved", saved);
	copy_file(path, saved);
	assert_int_equal(stat(path, &st), 0);
	for (at = st.st_size; at > 0; at -= st.st_size / 50) {
		copy_file(saved, path);
		assert_int_equal(truncate(path, at), 0);
		if (rig_try_open(&rig) < 0) {
			rig.store = NULL;
			/* Without its first pages it is no store at all. */
			assert_non_null(strstr(rig.fault.why, "--on-damage"));
			refused++;
			continue;
		}
		rig_check_holds(&rig, 1, 40);
		rig_close(&rig);
		taken++;
	}
	assert_true(refused > 10 && taken > 0);
	rig_done(&rig);
}

/* Bytes that a bad disk changed: refused at the start, or found when they are
 * read, and then told; never handed out. */
static void
never_hands_out_changed_bytes(void **state)
{
	struct rig rig = { .kind = RIG_ALWAYS };
	int64_t now_ms = clock_mono_ms();
	char path[128], saved[128];
	unsigned told = 0, round;
	struct stat st;
	uint64_t i;

	(void)state;
	unit_random_begin(unit_seed());
	rig_open(&rig);
	for (i = 1; i <= 40; i++)
		assert_int_equal(publish(&rig, i, i % 5 ? 300 : 40000, now_ms),
				 0);
	rig_close(&rig);
	file_path(&rig, "store.mdb", path);
	file_path(&rig, "saved", saved);
	copy_file(path, saved);
	assert_int_equal(stat(path, &st), 0);
	for (round = 0; round < 150; round++) {
		struct rig_seen seen = { 0 };
		char byte;
		off_t at = (off_t)unit_below((uint64_t)st.st_size);
		int fd, status;
		pid_t pid;

		copy_file(saved, path);
		fd = open(path, O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte = (char)(byte ^ (1 << unit_below(8)));
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		/* LMDB may still fall over pages that it trusts. */
		pid = fork();
		if (pid == 0) {
			uint64_t lost;

			if (rig_try_open(&rig) < 0)
				_exit(0);
			if (rig.store->ops->scan(rig.store, 0, rig_on_record,
						 &seen) < 0)
				_exit(0);
			lost = catalog_lost(&rig.store->catalog, NULL, NULL, 0,
					    0);
			_exit(seen.count == rig_state(&rig).last ? 0 :
			      lost > 0 ? 1 : 2);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		unit_check(WIFEXITED(status) && WEXITSTATUS(status) < 2,
			   "byte %lld: %x", (long long)at, status);
		told += WEXITSTATUS(status) == 1;
	}
	assert_true(told > 0);
	rig_done(&rig);
}

/* Changes a byte of event `number` wherever it stands in the file: of its head,
 * or the last one of its topic. */
static void
damage_event(const struct rig *rig, uint64_t number, bool is_topic)
{
	char path[128], want[8];
	struct stat st;
	unsigned found = 0;
	char *p;
	off_t at;
	int fd;

	stored_put_u64(want, number);
	file_path(rig, "store.mdb", path);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, 0);
	assert_true(p != MAP_FAILED);
	for (at = 0; at + STORED_HEAD < st.st_size; at++) {
		size_t len;

		if (memcmp(p + at + STORED_AT_NUMBER, want, 8) != 0 ||
		    !stored_begins(p + at, &len))
			continue;
		p[at + (is_topic ? STORED_HEAD : 8)] ^= 64;
		found++;
	}
	munmap(p, (size_t)st.st_size);
	close(fd);
	assert_true(found > 0);
}

/* Events come and go, and while they do, `bad` is made unreadable. Returns how
 * many there are in the end, of which all can be read. */
static uint64_t
go_on_over(uint64_t bad, bool is_topic, bool is_opened_again)
{
	static const struct catalog_rule rule = {
		.selector = SLICE_LIT("h"), .kind = SELECTOR_TOPIC, .keep = 3,
	};
	struct rig rig = {
		.kind = RIG_ALWAYS, .limits = { .events = 5 },
		.rules = &rule, .n_rules = 1,
	};
	int64_t now_ms = clock_mono_ms();
	struct rig_seen seen = { 0 };
	uint64_t i;

	rig_open(&rig);
	for (i = 1; i <= 80; i++) {
		assert_int_equal(rig_append(&rig, i, i % 3 ? "t" : "h", 50,
					    now_ms, NULL, NULL), 0);
		assert_int_equal(rig_commit(&rig, now_ms), 0);
		if (i != 20 || bad == 0)
			continue;
		rig_trim(&rig, now_ms);
		damage_event(&rig, bad, is_topic);
		if (!is_opened_again)
			continue;
		rig_close(&rig);
		rig_open(&rig);
	}
	rig_trim(&rig, now_ms);
	assert_int_equal(rig.store->ops->scan(rig.store, 0, rig_on_record,
					      &seen), 0);
	rig_close(&rig);
	rig_open(&rig);
	assert_int_equal(rig_state(&rig).last, 80);
	assert_int_equal(rig_state(&rig).events, seen.count);
	rig_done(&rig);
	return seen.count;
}

/* What a bad disk made unreadable while the store is in use, from the floor on
 * or among what is held, is in the way of no others. */
static void
goes_on_over_unreadable_events(void **state)
{
	uint64_t want = go_on_over(0, false, false), bad;
	unsigned way;

	(void)state;
	for (bad = 12; bad <= 20; bad++) {
		if (bad == 13 || bad == 14)	/* gone already */
			continue;
		/* A start would refuse a head that is none. */
		for (way = 0; way < 3; way++) {
			uint64_t n = go_on_over(bad, way > 0, way > 1);

			/* Whose it was is not known: of its topic, which still
			 * counts it, one less is held until the next start. */
			unit_check(n == want || (bad == 18 && n + 1 == want),
				   "event %d, way %u", (int)bad, way);
		}
	}
}

/* --- years of use ------------------------------------------------------- */

static uint64_t
file_bytes(const struct rig *rig)
{
	struct stat st;
	char path[128];

	file_path(rig, "store.mdb", path);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static size_t
mixed_size(void)
{
	switch (unit_below(40)) {
	case 0:
		return unit_below(1 << 20);
	case 1:
	case 2:
	case 3:
		return unit_below(100000);
	default:
		return unit_below(2000);
	}
}

static void
does_not_grow(void **state)
{
	enum { HISTORY = 8 << 20, TIMES = 60 };
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		struct rig rig = {
			.kind = kinds[k], .limits = { .bytes = HISTORY },
		};
		uint64_t number = 0, written = 0, early = 0, most = 0;
		int64_t now_ms = clock_mono_ms();

		unit_random_begin(unit_seed());
		rig_open(&rig);
		while (written < (uint64_t)HISTORY * TIMES) {
			size_t len = mixed_size();

			now_ms += 10;
			assert_int_equal(publish(&rig, ++number, len, now_ms),
					 0);
			written += len;
			if (unit_chance(20))
				rig_trim(&rig, now_ms);
			if (file_bytes(&rig) > most)
				most = file_bytes(&rig);
			if (!early && written > (uint64_t)HISTORY * TIMES / 4)
				early = most;
		}
		print_message("# %s: history %d MiB, %llu MiB written, file %.1f MiB, %.1f at a quarter\n",
			      rig_names[kinds[k]], HISTORY >> 20,
			      (unsigned long long)written >> 20,
			      (double)most / (1 << 20),
			      (double)early / (1 << 20));
		assert_true(most < (uint64_t)5 * HISTORY);
		rig_trim(&rig, now_ms);
		assert_true(rig_state(&rig).bytes <= HISTORY);
		rig_done(&rig);
	}
}

/* What was large once has room enough when it has to be small. */
static void
bears_smaller_bounds(void **state)
{
	size_t k;

	(void)state;
	for (k = 0; k < COUNT_OF(kinds); k++) {
		struct rig rig = {
			.kind = kinds[k], .limits = { .bytes = 1 << 30 },
		};
		int64_t now_ms = clock_mono_ms();
		uint64_t i;

		rig_open(&rig);
		for (i = 1; i <= 400; i++)
			assert_int_equal(publish(&rig, i, 1 << 20, now_ms), 0);
		rig_close(&rig);
		rig.limits.bytes = 1 << 20;
		rig_open(&rig);
		for (; i <= 450; i++)
			assert_int_equal(publish(&rig, i, 1000, now_ms += 60),
					 0);
		rig_trim(&rig, now_ms);
		assert_true(rig_state(&rig).bytes <= 1 << 20);
		/* And the disk gets back what it took, also by the hub after
		 * it, without a new epoch. */
		(void)rig.store->ops->trim(rig.store, now_ms);
		assert_true(file_bytes(&rig) < 16 << 20);
		rig_check_holds(&rig, rig_state(&rig).first, 450);
		rig_done(&rig);
	}
}

/* More than there is address space for is refused, and what that leaves of the
 * file is made small. */
static void
makes_room_when_it_is_cramped(void **state)
{
	enum { FIRST = 200, MUCH = 300, THEN = 100 };
	struct rig rig = {
		.kind = RIG_ALWAYS, .limits = { .bytes = 1 << 20 },
	};
	int64_t now_ms = clock_mono_ms();
	uint64_t i;

	(void)state;
	rig_open(&rig);
	for (i = 1; i <= FIRST; i++)
		assert_int_equal(rig_append(&rig, i, "t", 1 << 20, now_ms,
					    NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), 0);
	for (; i <= FIRST + MUCH; i++)
		assert_int_equal(rig_append(&rig, i, "t", 1 << 20, now_ms,
					    NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), -ENOSPC);
	assert_non_null(strstr(rig.store->ops->why(rig.store), " is full"));
	rig_check_holds(&rig, FIRST, FIRST);
	(void)rig.store->ops->trim(rig.store, now_ms);
	assert_true(file_bytes(&rig) < 16 << 20);
	for (i = FIRST + 1; i <= FIRST + THEN; i++)
		assert_int_equal(rig_append(&rig, i, "t", 1 << 20, now_ms,
					    NULL, NULL), 0);
	assert_int_equal(rig_commit(&rig, now_ms), 0);
	rig_close(&rig);
	rig_open(&rig);
	rig_check_holds(&rig, FIRST + THEN, FIRST + THEN);
	rig_done(&rig);
}

/* The same at the start; a foreign copy is one nevertheless. */
static void
is_made_small_at_the_start(void **state)
{
	unsigned is_copy;

	(void)state;
	for (is_copy = 0; is_copy < 2; is_copy++) {
		struct rig rig = {
			.kind = RIG_ALWAYS, .limits = { .bytes = 200 << 20 },
		};
		struct rig other = { .kind = RIG_ALWAYS };
		int64_t now_ms = clock_mono_ms();
		uint64_t i, epoch, first;

		rig_open(&rig);
		epoch = rig_state(&rig).epoch;
		for (i = 1; i <= 100; i++)
			assert_int_equal(publish(&rig, i, 1 << 20, now_ms), 0);
		rig_close(&rig);
		assert_true(file_bytes(&rig) > 100 << 20);
		rig.limits.bytes = 1 << 20;
		if (is_copy) {
			rig_make_directory(other.dir);
			copy_store(&rig, &other);
			rig_done(&rig);
			rig.limits.bytes = 1 << 20;
			memcpy(rig.dir, other.dir, sizeof(rig.dir));
		}
		rig_open(&rig);
		assert_true(file_bytes(&rig) < 16 << 20);
		assert_int_equal(rig_state(&rig).epoch != epoch, is_copy);
		first = rig_state(&rig).first;
		assert_true(first > 90);
		rig_check_holds(&rig, first, 100);
		assert_int_equal(publish(&rig, 101, 1000, now_ms), 0);
		epoch = rig_state(&rig).epoch;
		rig_close(&rig);
		rig_open(&rig);
		assert_int_equal(rig_state(&rig).epoch, epoch);
		assert_int_equal(rig_state(&rig).last, 101);
		rig_done(&rig);
	}
}

/* Whatever of it fails: the store is there, and small sooner or later. */
static void
bears_faults_while_it_is_made_small(void **state)
{
	struct rig rig = {
		.kind = RIG_ALWAYS, .limits = { .bytes = 200 << 20 },
	};
	int64_t now_ms = clock_mono_ms();
	bool has_failed = true;
	uint64_t epoch;
	size_t n;

	(void)state;
	rig_open(&rig);
	for (n = 1; n <= 30; n++)
		assert_int_equal(publish(&rig, n, 1 << 20, now_ms), 0);
	rig_close(&rig);
	for (n = 1; has_failed; n++) {
		struct rig other = {
			.kind = RIG_ALWAYS, .limits = { .bytes = 3 << 20 },
		};

		rig_make_directory(other.dir);
		copy_store(&rig, &other);
		diskfault_arm(n, EIO, false, NULL);
		if (rig_try_open(&other) < 0)
			other.store = NULL;
		has_failed = diskfault_disarm();
		if (!other.store)
			rig_open(&other);
		epoch = rig_state(&other).epoch;
		assert_int_equal(publish(&other, 31, 99, now_ms), 0);
		rig_check_holds(&other, rig_state(&other).first, 31);
		rig_close(&other);
		rig_open(&other);
		assert_int_equal(rig_state(&other).epoch, epoch);
		assert_int_equal(rig_state(&other).last, 31);
		assert_true(rig_state(&other).events > 2);
		assert_true(file_bytes(&other) < 16 << 20);
		rig_done(&other);
	}
	assert_true(n > 10);
	rig_done(&rig);
}

/* The same while it is in use: what is acknowledged afterwards is in the file
 * that the next one opens. */
static void
bears_faults_while_it_is_made_small_in_use(void **state)
{
	enum { FIRST = 16 };
	bool has_failed = true;
	size_t n;

	(void)state;
	for (n = 1; has_failed; n++) {
		struct rig rig = {
			.kind = RIG_ALWAYS, .limits = { .bytes = 64 << 20 },
		};
		int64_t now_ms = clock_mono_ms();
		uint64_t i;

		rig_open(&rig);
		for (i = 1; i <= FIRST; i++)
			assert_int_equal(publish(&rig, i, 1 << 20, now_ms), 0);
		rig.store->catalog.limits.bytes = 1000;
		assert_int_equal(publish(&rig, i, 10, now_ms), 0);
		rig_trim(&rig, now_ms);
		diskfault_arm(n, EIO, false, NULL);
		rig_trim(&rig, now_ms);
		has_failed = diskfault_disarm();
		assert_int_equal(publish(&rig, i + 1, 10, now_ms), 0);
		rig_close(&rig);
		rig_open(&rig);
		assert_int_equal(rig_state(&rig).last, i + 1);
		rig_check_holds(&rig, rig_state(&rig).first, i + 1);
		rig_done(&rig);
	}
	assert_true(n > 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bears_every_failing_write),
		cmocka_unit_test(bears_every_failing_allocation),
		cmocka_unit_test(goes_on_when_there_is_room),
		cmocka_unit_test(does_without_either_file),
		cmocka_unit_test(survives_kill),
		cmocka_unit_test(begins_an_epoch_in_a_copy),
		cmocka_unit_test(never_gives_a_number_twice),
		cmocka_unit_test(says_that_it_is_open_first),
		cmocka_unit_test(keeps_what_the_journal_had),
		cmocka_unit_test(bears_a_torn_journal),
		cmocka_unit_test(refuses_a_file_that_was_cut),
		cmocka_unit_test(never_hands_out_changed_bytes),
		cmocka_unit_test(goes_on_over_unreadable_events),
		cmocka_unit_test(does_not_grow),
		cmocka_unit_test(bears_smaller_bounds),
		cmocka_unit_test(makes_room_when_it_is_cramped),
		cmocka_unit_test(is_made_small_at_the_start),
		cmocka_unit_test(bears_faults_while_it_is_made_small),
		cmocka_unit_test(bears_faults_while_it_is_made_small_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
