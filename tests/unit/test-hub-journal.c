/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/stored.h"
#include "tests/support/diskfault.h"
#include "tests/unit/unit.h"

#define EPOCH UINT64_C(100000000000)

enum { HEAD = 16, RECORDS = 5 };

static char dir[] = "/tmp/journal-XXXXXX", path[64];

static int
make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/j", dir);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static size_t
record_bytes(uint64_t number, char out[256])
{
	char data[16];
	struct store_record r = {
		.number = number, .topic = SLICE_LIT("t"),
		.header = SLICE_LIT("h"),
	};

	r.data.p = data;
	r.data.len = (size_t)snprintf(data, sizeof(data), "data %u",
				      (unsigned)(number * number));
	stored_write(&r, out);
	return stored_size(&r);
}

static int
append(struct journal *j, uint64_t number)
{
	char bytes[256];
	size_t len = record_bytes(number, bytes);

	return journal_append(j, bytes, len);
}

struct seen {
	uint64_t count, stop_at;
};

static int
on_record(void *user, const struct store_record *r)
{
	struct seen *seen = user;

	assert_int_equal(r->number, seen->count + 1);
	seen->count++;
	return seen->stop_at == r->number ? -ENOMEM : 0;
}

static struct journal
open_it(void)
{
	struct journal j;

	assert_int_equal(journal_open(&j, path, 0600), 0);
	return j;
}

/* How many records are there; what is not one is cut off. */
static uint64_t
load(struct journal *j, uint64_t *ret_cut)
{
	struct seen seen = { 0 };
	uint64_t epoch;

	assert_int_equal(journal_load(j, EPOCH, on_record, &seen, ret_cut,
				      &epoch), 0);
	assert_int_equal(epoch, EPOCH);
	return seen.count;
}

/* A new file with that many. Returns its bytes. */
static size_t
make(uint64_t records)
{
	uint64_t cut, i;
	struct journal j;
	struct stat st;

	(void)unlink(path);
	j = open_it();
	assert_int_equal(load(&j, &cut), 0);
	for (i = 1; i <= records; i++)
		assert_int_equal(append(&j, i), 0);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(st.st_size, HEAD + (off_t)j.bytes);
	journal_close(&j);
	journal_close(&j);
	return (size_t)st.st_size;
}

static void
has_what_was_appended(void **state)
{
	struct journal j;
	uint64_t cut;

	(void)state;
	make(RECORDS);
	j = open_it();
	assert_int_equal(load(&j, &cut), RECORDS);
	assert_int_equal(cut, 0);
	assert_int_equal(append(&j, RECORDS + 1), 0);
	assert_int_equal(journal_sync(&j), 0);
	journal_close(&j);
	j = open_it();
	assert_int_equal(load(&j, &cut), RECORDS + 1);
	assert_int_equal(journal_clear(&j, EPOCH), 0);
	assert_int_equal(j.bytes, 0);
	assert_int_equal(append(&j, 1), 0);
	journal_close(&j);
	j = open_it();
	assert_int_equal(load(&j, &cut), 1);
	journal_close(&j);
}

static void
stops_where_it_is_told(void **state)
{
	struct seen seen = { .stop_at = 3 };
	struct journal j;
	uint64_t cut, epoch;

	(void)state;
	make(RECORDS);
	j = open_it();
	assert_int_equal(journal_load(&j, EPOCH, on_record, &seen, &cut,
				      &epoch), -ENOMEM);
	assert_int_equal(seen.count, 3);
	/* Nothing was let go of. */
	assert_int_equal(load(&j, &cut), RECORDS);
	journal_close(&j);
}

/* Torn anywhere: the whole ones before that are there, and it goes on. */
static void
bears_every_tear(void **state)
{
	size_t size = make(RECORDS), at, whole;
	struct journal j;
	uint64_t cut, count, i;
	char bytes[256];

	(void)state;
	for (at = size; at > 0; at--) {
		make(RECORDS);
		assert_int_equal(truncate(path, (off_t)at), 0);
		j = open_it();
		count = load(&j, &cut);
		/* One more would not fit in what is left. */
		for (whole = HEAD, i = 1; i <= count; i++)
			whole += record_bytes(i, bytes);
		assert_true(count == 0 || whole <= at);
		assert_true(count == RECORDS ||
			    whole + record_bytes(count + 1, bytes) > at);
		if (at > HEAD)
			assert_int_equal(cut, at - HEAD - j.bytes);
		assert_int_equal(append(&j, count + 1), 0);
		journal_close(&j);
		j = open_it();
		assert_int_equal(load(&j, &cut), count + 1);
		assert_int_equal(cut, 0);
		journal_close(&j);
	}
}

/* A changed byte: it and what is behind it are not believed. */
static void
believes_no_changed_byte(void **state)
{
	size_t size = make(RECORDS), at, end, k;
	struct journal j;
	uint64_t cut;
	char byte, bytes[256];

	(void)state;
	for (at = HEAD; at < size; at++) {
		make(RECORDS);
		j = open_it();
		assert_int_equal(pread(j.fd, &byte, 1, (off_t)at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(j.fd, &byte, 1, (off_t)at), 1);
		end = HEAD;
		for (k = 0; end <= at; k++)
			end += record_bytes(k + 1, bytes);
		assert_int_equal(load(&j, &cut), k - 1);
		assert_true(cut > 0);
		journal_close(&j);
	}
}

static void
knows_its_epoch(void **state)
{
	struct seen seen = { 0 };
	struct journal j;
	uint64_t cut, epoch;

	(void)state;
	make(RECORDS);
	j = open_it();
	assert_int_equal(journal_load(&j, EPOCH + 1, on_record, &seen, &cut,
				      &epoch), -EINVAL);
	assert_int_equal(epoch, EPOCH);
	assert_int_equal(seen.count, 0);
	/* Nothing of it was changed by that. */
	assert_int_equal(load(&j, &cut), RECORDS);
	assert_int_equal(journal_clear(&j, EPOCH + 1), 0);
	assert_int_equal(journal_load(&j, EPOCH + 1, on_record, &seen, &cut,
				      &epoch), 0);
	/* An empty one is nobody's. */
	assert_int_equal(journal_load(&j, EPOCH, on_record, &seen, &cut,
				      &epoch), 0);
	journal_close(&j);
}

static void
refuses_another_file(void **state)
{
	struct seen seen = { 0 };
	struct journal j;
	uint64_t cut, epoch;
	struct stat st;

	(void)state;
	(void)unlink(path);
	j = open_it();
	assert_int_equal(write(j.fd, "something else altogether", 25), 25);
	assert_int_equal(journal_load(&j, EPOCH, on_record, &seen, &cut,
				      &epoch), -EBADMSG);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal(st.st_size, 25);
	journal_close(&j);
	(void)unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(journal_open(&j, path, 0600), -ELOOP);
}

/* Each call fails once: what was appended is there, and nothing else, and it
 * goes on. */
static void
bears_every_failing_call(int error, int want)
{
	bool has_failed = true;
	uint64_t cut, stored, i;
	struct journal j;
	size_t n;
	int r;

	for (n = 1; has_failed; n++) {
		make(0);
		j = open_it();
		assert_int_equal(load(&j, &cut), 0);
		diskfault_arm(n, error, false, NULL);
		for (stored = 0, i = 0; i < 6; i++) {
			r = append(&j, stored + 1);
			assert_true(r == 0 || r == want);
			stored += r == 0;
			if (i != 3)
				continue;
			r = journal_clear(&j, EPOCH);
			assert_true(r <= 0);
			if (r == 0)
				stored = 0;
		}
		has_failed = diskfault_disarm();
		assert_int_equal(append(&j, stored + 1), 0);
		journal_close(&j);
		j = open_it();
		assert_int_equal(load(&j, &cut), stored + 1);
		assert_int_equal(cut, 0);
		journal_close(&j);
	}
	assert_true(n > 8);
}

static void
bears_failing_calls(void **state)
{
	(void)state;
	bears_every_failing_call(ENOSPC, -ENOSPC);
	bears_every_failing_call(EDQUOT, -ENOSPC);
	bears_every_failing_call(EFBIG, -ENOSPC);
	bears_every_failing_call(EIO, -EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_what_was_appended),
		cmocka_unit_test(stops_where_it_is_told),
		cmocka_unit_test(bears_every_tear),
		cmocka_unit_test(believes_no_changed_byte),
		cmocka_unit_test(knows_its_epoch),
		cmocka_unit_test(refuses_another_file),
		cmocka_unit_test(bears_failing_calls),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
