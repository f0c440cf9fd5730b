/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/examine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/disk_entry.h"
#include "hub/disk_meta.h"
#include "hub/stored.h"

/* What the child writes into the pipe at its end. */
struct message {
	int result;
	struct examine_report report;
	char what[256];
};

struct reader {
	struct message *m;
	struct disk_meta meta;
	bool is_whole;
	uint64_t before;	/* the number of the entry before */
};

/* --- in the child ------------------------------------------------------- */

static int
say(struct message *m, int result, const char *what)
{
	snprintf(m->what, sizeof(m->what), "%s", what);
	m->result = result;
	return result;
}

/* From the floor on only what is known to be gone may be missing. */
static int
check_missing(struct reader *r, uint64_t next)
{
	struct examine_report *report = &r->m->report;
	uint64_t first = r->before + 1;

	if (first < r->meta.floor)
		first = r->meta.floor;
	if (!r->is_whole || first >= next || next - 1 <= r->meta.blind)
		return 0;
	report->bad = next - first;
	report->first_bad = first;
	return say(r->m, -EBADMSG, "events in it are missing");
}

static int
on_event(void *user, struct slice key, struct slice value)
{
	struct reader *r = user;
	struct examine_report *report = &r->m->report;
	struct store_record record;
	uint64_t number;

	if (key.len != 8)
		return say(r->m, -EBADMSG, "an event has no number");
	number = stored_get_u64(key.p);
	if (number <= r->before || number > r->meta.last)
		return say(r->m, -EBADMSG, "the order of events is broken");
	if (check_missing(r, number) < 0)
		return -EBADMSG;
	r->before = number;
	if (report->events++ == 0)
		report->first = number;
	/* The end of a large one may be where the file is not. */
	if (value.len > 0 && value.len <= STORED_MOST)
		(void)*(const volatile char *)(value.p + value.len - 1);
	report->bytes += value.len;
	if (stored_parse(value, r->is_whole, &record) == 0 &&
	    record.number == number &&
	    (!r->is_whole || stored_is_event(&record)))
		return 0;
	if (report->bad++ == 0)
		report->first_bad = number;
	return 0;
}

static int
on_topic(void *user, struct slice key, struct slice value)
{
	struct reader *r = user;
	uint64_t lost;

	if (disk_entry_read_topic(key, value, &lost) < 0)
		return say(r->m, -EBADMSG, "the table of topics is broken");
	r->m->report.topics++;
	return 0;
}

static int
on_key(void *user, struct slice key, struct slice value)
{
	struct reader *r = user;
	struct disk_entry_key k;

	if (disk_entry_read_key(key, value, &k) < 0 ||
	    k.number > r->meta.last)
		return say(r->m, -EBADMSG, "the table of keys is broken");
	r->m->report.keys++;
	return 0;
}

static int
walk_all(struct reader *r, struct lmdbport *p)
{
	uint64_t free_pages;
	int e = lmdbport_walk(p, LMDBPORT_EVENTS, SLICE_NONE, on_event, r);

	if (e == 0)
		e = check_missing(r, r->meta.last + 1);
	if (e == 0)
		e = lmdbport_walk(p, LMDBPORT_TOPICS, SLICE_NONE, on_topic, r);
	if (e == 0)
		e = lmdbport_walk(p, LMDBPORT_KEYS, SLICE_NONE, on_key, r);
	if (e == 0)
		e = lmdbport_free_pages(p, &free_pages);
	if (e < 0 && r->m->result == 0)
		return say(r->m, e, "its pages do not fit together");
	return e;
}

static int
look(struct reader *r, struct lmdbport *p)
{
	struct message *m = r->m;
	int e;

	/* More than the file has, when its last pages have been free since
	 * they were first taken; what it lacks of others, reading shows. */
	m->report.file_bytes = lmdbport_file_bytes(p);
	e = disk_meta_read(p, &r->meta);
	if (e == -EINVAL || e == -ENOENT)
		return say(m, -EINVAL, "it is not a store of a hub");
	if (e == -EPROTO)
		return say(m, -EPROTO, "it was made by a later version");
	if (e < 0)
		return say(m, e, "its first entry is broken");
	m->report.epoch = r->meta.epochs[0].epoch;
	m->report.last = r->meta.last;
	m->report.first = r->meta.last + 1;
	e = walk_all(r, p);
	if (e == 0 && m->report.bad)
		e = say(m, -EBADMSG, "events in it cannot be read");
	return e;
}

static void
read_through(const char *path, bool is_whole, struct message *m)
{
	struct reader r = { .m = m, .is_whole = is_whole };
	struct lmdbport *p;
	int e = lmdbport_open(path, 0, 0, true, &p);

	if (e == -EINVAL)
		(void)say(m, e, "it is not a store of a hub");
	else if (e == -EPROTO)
		(void)say(m, e, "it was made on another kind of machine, or by another version of LMDB");
	else if (e < 0)
		(void)say(m, e, e == -EBADMSG ? "its pages do not fit together" :
						strerror(-e));
	else
		m->result = look(&r, p);
	if (e == 0)
		lmdbport_close(p);
}

void
examine_be_child(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
	size_t i;

	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		(void)signal(numbers[i], SIG_DFL);
}

static void
be_child(const char *path, bool is_whole, int out)
{
	struct message m = { 0 };

	examine_be_child();
	read_through(path, is_whole, &m);
	_exit(write(out, &m, sizeof(m)) == sizeof(m) ? 0 : 1);
}

/* --- in the parent ------------------------------------------------------ */

static int
wait_for(pid_t pid, int in, struct message *m)
{
	ssize_t n;
	int status;

	do
		n = read(in, m, sizeof(*m));
	while (n < 0 && errno == EINTR);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			break;
	if (n == sizeof(*m))
		return m->result;
	memset(m, 0, sizeof(*m));
	return say(m, -EBADMSG, "reading it ends the program that does");
}

int
examine_run(const char *path, bool is_whole, struct examine_report *ret_report,
	    char *what, size_t size)
{
	struct message m = { 0 };
	int fds[2], r;
	struct stat st;
	pid_t pid;

	memset(ret_report, 0, sizeof(*ret_report));
	snprintf(what, size, "it cannot be looked at");
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		snprintf(what, size, "it is %s", st.st_size ? "no file" :
							      "empty");
		return -EBADMSG;
	}
	if (pipe(fds) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_child(path, is_whole, fds[1]);
	r = pid < 0 ? -errno : 0;
	close(fds[1]);
	if (pid > 0) {
		r = wait_for(pid, fds[0], &m);
		*ret_report = m.report;
		snprintf(what, size, "%s", m.what);
	}
	close(fds[0]);
	return r;
}
