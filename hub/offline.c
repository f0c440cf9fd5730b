/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/offline.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/disk_entry.h"
#include "hub/disk_priv.h"
#include "hub/dump.h"
#include "hub/load.h"
#include "hub/place.h"
#include "hub/recover.h"
#include "hub/resting.h"
#include "hub/store_open.h"
#include "hub/stored.h"
#include "lib/base/units.h"
#include "lib/sse/id.h"

enum {
	/* address space beside what the file has: for the journal, which is
	 * at most what waits in the hub's memory, and for page changes */
	EPOCH_ROOM = 256 << 20,
};

struct offline {
	char directory[STORE_PATH_MAX];
	gid_t group;
	bool is_new_epoch;
	struct disk_fault fault;
};

static int
status_of(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -ENOENT:
		return EX_NOINPUT;
	case -EPIPE:
	case -EIO:
		return EX_IOERR;
	default:
		return store_open_status(error);
	}
}

/* What was printed has arrived. */
static int
flush(struct offline *o, int r)
{
	if (r < 0 || (fflush(stdout) == 0 && !ferror(stdout)))
		return r;
	snprintf(o->fault.why, sizeof(o->fault.why), "Cannot write to standard output: %s.",
		 strerror(errno));
	return -EIO;
}

/* --- check -------------------------------------------------------------- */

static void
print_report(const struct resting *r, const struct resting_report *report)
{
	const struct examine_report *e = &report->file;
	char epoch[14];

	(void)format_base36(e->epoch, epoch);
	printf("%s is whole.\n"
	       "epoch    %s", r->path, epoch);
	if (r->meta.n_epochs > 1)
		printf(", and %zu before it", r->meta.n_epochs - 1);
	if (report->last >= e->first)
		printf("\nnumbers  %" PRIu64 " to %" PRIu64 "\n", e->first,
		       report->last);
	else
		printf("\nnumbers  none kept; the last one given was %" PRIu64 "\n",
		       report->last);
	printf("events   %" PRIu64 ", %" PRIu64 " bytes\n"
	       "topics   %" PRIu64 " of which events are gone\n"
	       "keys     %" PRIu64 "\n"
	       "file     %" PRIu64 " bytes\n",
	       e->events, e->bytes, e->topics, e->keys, e->file_bytes);
	printf("journal  %" PRIu64 " events more", report->journal_events);
	if (report->journal_cut)
		printf(", and %" PRIu64 " bytes that are no whole event",
		       report->journal_cut);
	putchar('\n');
	if (resting_doubt(r))
		printf("A hub will begin a new epoch in it: %s.\n",
		       resting_doubt(r));
}

static int
check(struct offline *o)
{
	struct resting_report report;
	struct resting r;
	int e = resting_open(&r, o->directory, o->group, &o->fault);

	if (e == 0)
		e = resting_check(&r, &report, &o->fault);
	if (e == 0)
		print_report(&r, &report);
	resting_close(&r);
	return flush(o, e);
}

/* --- dump and load ------------------------------------------------------ */

static int
dump(struct offline *o)
{
	struct resting_report report;
	struct resting r;
	int e = resting_open(&r, o->directory, o->group, &o->fault);

	if (e == 0)
		e = resting_check(&r, &report, &o->fault);
	if (e == 0)
		e = dump_run(&r, &report, stdout, &o->fault);
	resting_close(&r);
	return e;
}

static int
load(struct offline *o)
{
	struct load_report report;
	char epoch[14];
	int e = load_run(STDIN_FILENO, o->directory, o->group, o->is_new_epoch,
			 &report, &o->fault);

	if (e < 0)
		return e;
	(void)format_base36(report.epoch, epoch);
	printf("Loaded %" PRIu64 " events and %" PRIu64 " keys into %s; epoch %s goes on behind number %" PRIu64 ".\n",
	       report.events, report.keys, o->directory, epoch, report.last);
	return flush(o, 0);
}

/* --- recover ------------------------------------------------------------ */

static void
print_recovered(const struct offline *o, const struct recover_report *r)
{
	char epoch[14];

	(void)format_base36(r->epoch, epoch);
	printf("Saved %" PRIu64 " events, numbers %" PRIu64 " to %" PRIu64 ", into %s/%s.\n",
	       r->saved, r->first, r->newest, o->directory, STORE_DIR_EVENTS);
	if (r->is_exact)
		printf("%" PRIu64 " events could not be read.\n", r->missing);
	else
		printf("How many could not be read is not known; %" PRIu64 " are missing between those.\n",
		       r->missing);
	printf("The damaged file is %s now.\n"
	       "A new epoch, %s, begins behind number %" PRIu64 "; streams that resume where events are missing are told of a gap.\n",
	       r->aside, epoch, r->last);
}

static int
recover(struct offline *o)
{
	struct resting_report found;
	struct recover_report report;
	struct resting r;
	int e = resting_open(&r, o->directory, o->group, &o->fault);

	if (e == 0)
		e = resting_check(&r, &found, &o->fault);
	if (e == 0)
		printf("%s is whole: there is nothing to save, and nothing was done.\n",
		       r.path);
	/* A file that is damaged may seem to need any amount of memory. */
	if (e == -EBADMSG || e == -EINVAL || e == -ENOMEM) {
		r.port = lmdbport_close(r.port);
		e = recover_run(&r, &report, &o->fault);
		if (e == 0)
			print_recovered(o, &report);
	}
	resting_close(&r);
	return flush(o, e);
}

/* --- a new epoch -------------------------------------------------------- */

/* What the journal has goes to the store while their epoch is the same. */
static int
on_journal(void *user, const struct store_record *record)
{
	struct lmdbport *port = user;
	const struct disk_entry_key key = { record->number, record->time_ms,
					    record->key };
	struct buf bytes = { 0 };
	size_t size = stored_size(record);
	int r = buf_reserve(&bytes, size);

	if (r == 0) {
		stored_write(record, bytes.p);
		r = disk_entry_put_event(port, record->number,
					 (struct slice){ bytes.p, size }, true);
	}
	if (r == 0 && record->key.p)
		r = disk_entry_put_key(port, &key, true);
	buf_done(&bytes);
	return r;
}

/* All in one transaction. The file is this one from now on, copy or not. */
static int
write_epoch(struct resting *r, struct lmdbport *port, struct disk_meta *m)
{
	int e = disk_file_mark(r->path, &m->file);

	if (e < 0)
		return e;
	m->is_clean = true;
	disk_meta_begin_epoch(m, id_new_epoch());
	e = lmdbport_begin(port);
	if (e == 0)
		e = resting_journal(r, on_journal, port, NULL);
	if (e == 0)
		e = disk_meta_write(port, m);
	return e < 0 ? e : lmdbport_commit(port);
}

static int
change_epoch(struct offline *o, struct resting *r,
	     const struct resting_report *report)
{
	struct disk_meta m = r->meta;
	struct lmdbport *port = NULL;
	char old[14], new[14];
	int e;

	m.last = report->last;
	r->port = lmdbport_close(r->port);
	e = lmdbport_open(r->path, (size_t)report->file.file_bytes +
				   EPOCH_ROOM, 0600, false, &port);
	if (e == 0)
		e = write_epoch(r, port, &m);
	lmdbport_close(port);
	if (e < 0)
		return disk_say_error(&o->fault, e, r->path);
	(void)format_base36(r->meta.epochs[0].epoch, old);
	(void)format_base36(m.epochs[0].epoch, new);
	printf("Epoch %s ended with number %" PRIu64 "; %s begins behind it.\n",
	       old, m.last, new);
	return 0;
}

static int
new_epoch(struct offline *o)
{
	struct resting_report report;
	struct resting r;
	int e = resting_open(&r, o->directory, o->group, &o->fault);

	if (e == 0)
		e = resting_check(&r, &report, &o->fault);
	if (e == 0)
		e = change_epoch(o, &r, &report);
	resting_close(&r);
	return flush(o, e);
}

/* --- all of them -------------------------------------------------------- */

int
offline_run(enum offline_action action, const struct hub_config *config,
	    bool is_new_epoch, char *error, size_t size)
{
	static int (*const actions[])(struct offline *o) = {
		[OFFLINE_CHECK] = check,
		[OFFLINE_DUMP] = dump,
		[OFFLINE_LOAD] = load,
		[OFFLINE_RECOVER] = recover,
		[OFFLINE_NEW_EPOCH] = new_epoch,
	};
	struct offline o = { .is_new_epoch = is_new_epoch };
	int r;

	if (!store_open_directory(config, o.directory, sizeof(o.directory))) {
		snprintf(error, size, "the events of this hub are kept in memory; name the directory of a store with --store");
		return EX_USAGE;
	}
	o.group = place_directory_group(&config->bus);
	/* Both are errors of write(2) then, which are told. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	r = actions[action](&o);
	if (r < 0)
		snprintf(error, size, "%s", o.fault.why);
	return status_of(r);
}
