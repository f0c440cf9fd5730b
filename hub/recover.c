/* SPDX-License-Identifier: MIT */
/*
 * Which records count. Those that LMDB finds; and those that lie anywhere in
 * its file and have a number that the store says it keeps: others were let go
 * of, or never acknowledged. Of two with one number the later is right: a
 * number is given again only if its event could not be stored.
 *
 * What topics had lost is not salvaged: a reader who asks for what was before
 * the newest hole is told of a gap, whatever its topics. Nor are keys but those
 * of the events that were saved: a key that a bad disk changed could make an
 * event look as if it had come before.
 */
#include "config.h"

#include "hub/recover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/disk_make.h"
#include "hub/disk_priv.h"
#include "hub/salvage.h"
#include "hub/stored.h"
#include "lib/base/clock.h"
#include "lib/bus/frame.h"
#include "lib/sse/id.h"

enum {
	JOURNAL_HEAD = 16,
	PAGES_TRIES = 200,	/* each is a process: some seconds */
};

struct recover {
	struct resting *resting;
	struct disk_make make;
	enum salvage_source source;
	bool is_meta_read;
	struct disk_meta meta;		/* if so; else what can be guessed */
	uint64_t reached;		/* the newest that PAGES had */
	uint64_t journal_bytes;		/* of records found in it */
	struct recover_report *report;
	uint64_t expected;	/* the next number, if none is missing */
	uint64_t run;		/* the first of those without a hole behind */
};

/* --- collecting --------------------------------------------------------- */

static struct slice
number_key(uint64_t number, char out[8])
{
	stored_put_u64(out, number);
	return (struct slice){ out, 8 };
}

/* Whether it is to be put, perhaps in place of what is there. */
static bool
counts(struct recover *c, const struct store_record *record)
{
	struct store_record other;
	struct slice value;
	char number[8];

	if (c->source == SALVAGE_BYTES && c->is_meta_read &&
	    (record->number < c->meta.floor || record->number > c->meta.last))
		return false;
	if (lmdbport_get(c->make.port, LMDBPORT_EVENTS,
			 number_key(record->number, number), &value) < 0)
		return true;
	return stored_parse(value, false, &other) < 0 ||
	       other.time_ms < record->time_ms;
}

static int
on_record(void *user, const struct store_record *record, struct slice bytes)
{
	struct recover *c = user;
	char number[8];
	int r;

	if (c->source == SALVAGE_JOURNAL)
		c->journal_bytes += bytes.len;
	if (c->source == SALVAGE_PAGES)
		c->reached = record->number;
	if (!counts(c, record))
		return 0;
	r = disk_entry_put_event(c->make.port, record->number, bytes, false);
	if (r == 0 && record->key.p)
		r = disk_entry_put_key(c->make.port,
			&(struct disk_entry_key){ record->number,
				record->time_ms, record->key }, false);
	else if (r == 0)	/* of one that it takes the place of */
		r = lmdbport_delete(c->make.port, LMDBPORT_KEYS,
				    number_key(record->number, number));
	return r < 0 ? r : disk_make_next(&c->make, bytes.len);
}

/*
 * Behind what LMDB cannot read it may go on. Only there is known what --keep
 * held back; all else is found in the bare bytes, too.
 */
static int
collect_pages(struct recover *c)
{
	uint64_t from = 1, step = 1;
	unsigned tries = 0;
	int e;

	c->source = SALVAGE_PAGES;
	do {
		c->reached = 0;
		e = salvage_run(SALVAGE_PAGES, c->resting->path, from,
				on_record, c);
		if (c->reached >= from) {
			from = c->reached + 1;
			step = 1;
		} else {
			from += step;
			step *= 2;
		}
	} while (e == SALVAGE_CUT && ++tries < PAGES_TRIES &&
		 c->is_meta_read && from <= c->meta.last);
	return e < 0 ? e : 0;
}

static int
collect(struct recover *c)
{
	const struct resting *r = c->resting;
	int e = collect_pages(c);

	c->source = SALVAGE_BYTES;
	if (e == 0)
		e = salvage_run(c->source, r->path, 0, on_record, c);
	c->source = SALVAGE_JOURNAL;
	if (e >= 0)
		e = salvage_run(c->source, r->journal, 0, on_record, c);
	return e < 0 ? e : 0;
}

/* --- what there is now -------------------------------------------------- */

/* Without the store's own word: as its events have it. */
static void
guess(struct recover *c, const struct store_record *record)
{
	uint64_t epoch = frame_header_epoch(record->header);

	if (record->time_ms > c->meta.clock_ms)
		c->meta.clock_ms = record->time_ms;
	if (epoch < ID_EPOCH_MIN || epoch > ID_EPOCH_MAX)
		return;
	c->meta.epochs[0].epoch = epoch;
	c->meta.n_epochs = 1;
}

static int
on_saved(void *user, struct slice key, struct slice value)
{
	struct recover *c = user;
	struct recover_report *report = c->report;
	struct store_record record;

	(void)key;
	if (stored_parse(value, false, &record) < 0)
		return -EBADMSG;
	if (!c->is_meta_read)
		guess(c, &record);
	if (report->saved++ == 0) {
		report->first = c->run = record.number;
		/* Below the floor is only what --keep held back. */
		c->expected = c->is_meta_read ? c->meta.floor : record.number;
	} else if (record.number != report->newest + 1) {
		c->run = record.number;
	}
	if (record.number >= c->expected) {
		report->missing += record.number - c->expected;
		c->expected = record.number + 1;
	}
	report->newest = record.number;
	return 0;
}

static bool
is_journal_whole(const struct recover *c)
{
	struct stat st;

	return stat(c->resting->journal, &st) < 0 ||
	       st.st_size <= JOURNAL_HEAD ||
	       (uint64_t)st.st_size == JOURNAL_HEAD + c->journal_bytes;
}

/*
 * The last number that was given, or that counts as such. Where the end may be
 * missing, one more: it is gone, and everybody is told.
 */
static uint64_t
last_of(const struct recover *c)
{
	uint64_t newest = c->report->newest;

	if (!c->report->is_exact)
		newest++;
	return c->meta.last > newest ? c->meta.last : newest;
}

static void
settle(struct recover *c)
{
	struct recover_report *report = c->report;
	struct disk_meta *m = &c->meta;

	report->is_exact = c->is_meta_read && is_journal_whole(c);
	m->last = last_of(c);
	if (!c->is_meta_read) {
		m->floor = report->first;
		m->wall_ms = clock_wall_ms();
		m->boottime_ms = disk_boottime_ms();
	}
	if (report->is_exact && m->last >= c->expected)
		report->missing += m->last - c->expected + 1;
	m->blind = m->last > report->newest ? m->last : c->run - 1;
	m->lost = m->blind;
	m->file = 0;		/* a new file: no copy */
	m->is_clean = true;
	disk_meta_begin_epoch(m, id_new_epoch());
	report->last = m->last;
	report->epoch = m->epochs[0].epoch;
}

/* --- changing places ---------------------------------------------------- */

/* The new file could not take the place: the old one keeps it. */
static void
put_back(const struct resting *r, const char *aside)
{
	struct stat old, now;

	/* Two names of one file: rename(2) would leave both. */
	if (stat(aside, &old) == 0 && stat(r->path, &now) == 0 &&
	    old.st_ino == now.st_ino)
		(void)unlink(aside);
	else
		(void)rename(aside, r->path);
}

static int
replace(struct recover *c)
{
	struct resting *r = c->resting;
	char aside[STORE_PATH_MAX + 128];
	int e = store_dir_put_aside(&r->dir, STORE_DIR_EVENTS, true,
				    c->report->aside,
				    sizeof(c->report->aside));

	if (e < 0)
		return e;
	e = disk_make_end(&c->make, &c->meta);
	if (e < 0) {
		put_back(r, c->report->aside);
		return e;
	}
	/* Its epoch ended: one that stays is emptied at the next start. */
	(void)store_dir_put_aside(&r->dir, STORE_DIR_JOURNAL, false, aside,
				  sizeof(aside));
	return store_dir_sync(&r->dir);
}

static int
say_nothing(struct recover *c, struct disk_fault *f)
{
	snprintf(f->why, sizeof(f->why), "No event could be read in %s; it was left as it is. Let the hub put it aside and begin anew with --on-damage start-new.",
		 c->resting->path);
	return -EBADMSG;
}

static int
make(struct recover *c, struct disk_fault *f)
{
	int e = disk_make_begin(&c->make, &c->resting->dir);

	if (e == 0)
		e = collect(c);
	if (e == 0)
		e = lmdbport_walk(c->make.port, LMDBPORT_EVENTS, SLICE_NONE,
				  on_saved, c);
	if (e == 0 && c->report->saved == 0)
		e = say_nothing(c, f);
	if (e < 0)
		return e;
	settle(c);
	return replace(c);
}

int
recover_run(struct resting *r, struct recover_report *ret_report,
	    struct disk_fault *f)
{
	struct recover c = { .resting = r, .report = ret_report };
	int e;

	memset(ret_report, 0, sizeof(*ret_report));
	f->error = 0;
	f->why[0] = '\0';
	c.is_meta_read = salvage_meta(r->path, &c.meta) == 0;
	if (!c.is_meta_read)
		memset(&c.meta, 0, sizeof(c.meta));
	e = make(&c, f);
	disk_make_drop(&c.make);
	if (e < 0 && !f->why[0])
		(void)disk_say_error(f, e, r->path);
	f->error = e;
	return e;
}
