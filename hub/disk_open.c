/* SPDX-License-Identifier: MIT */
/* disk_open: a store on disk from its files, and what is wrong with them. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/disk_compact.h"
#include "hub/disk_make.h"
#include "hub/disk_priv.h"
#include "hub/examine.h"
#include "hub/stored.h"
#include "lib/base/clock.h"
#include "lib/base/logging.h"
#include "lib/base/units.h"
#include "lib/sse/id.h"

enum {
	LOCK_WAIT_MS = 5000,	/* for a hub that is just ending */
	/* address space beyond what the bounds ask for: keys, topics, pages
	 * that are half full, a tail that had to wait (TAIL_MOST), and room
	 * to change things in */
	MAP_RESERVE = sizeof(size_t) > 4 ? 256 << 20 : 128 << 20,
	MAP_FACTOR = 8,
};

/* Without a bound in bytes. */
#define MAP_UNBOUNDED (sizeof(size_t) > 4 ? (uint64_t)1 << 38 : (uint64_t)1 << 29)

/* --- what is wrong ------------------------------------------------------ */

int
disk_say_damage(struct disk_fault *f, int error, const char *path,
		const char *what, const char *directory)
{
	f->error = error;
	if (error == -EINVAL)
		snprintf(f->why, sizeof(f->why), "%s cannot be used: %s. Name another directory with --store, or let the hub put it aside with --on-damage start-new.",
			 path, what);
	else if (error == -EPROTO)
		snprintf(f->why, sizeof(f->why), "%s cannot be used: %s. Take what is in it with \"sse-hub --dump\" of the program that made it, and give that to \"sse-hub --load\" here, with --store and another directory.",
			 path, what);
	else
		snprintf(f->why, sizeof(f->why), "%s is damaged: %s. Save what can be read of it with \"sse-hub --store %s --recover\", or let the hub put it aside and begin anew with --on-damage start-new.",
			 path, what, directory);
	return error;
}

int
disk_say_error(struct disk_fault *f, int error, const char *path)
{
	f->error = error;
	if (error == -ENOSPC)
		snprintf(f->why, sizeof(f->why), "Cannot open the store %s: disk full on its file system; make room there.",
			 path);
	else
		snprintf(f->why, sizeof(f->why), "Cannot open the store %s: %s.",
			 path, strerror(-error));
	return error;
}

/* `used`: what the file takes already. Its bounds were larger once, maybe, and
 * what goes is only room after it has gone. */
static size_t
map_size(const struct store_limits *l, uint64_t used)
{
	uint64_t size = l->bytes ? l->bytes * MAP_FACTOR + MAP_RESERVE :
				   MAP_UNBOUNDED;

	if (l->bytes > MAP_UNBOUNDED / MAP_FACTOR)
		size = MAP_UNBOUNDED;
	if (size < used + MAP_RESERVE)
		size = used + MAP_RESERVE;
	return (size_t)(size + 0xffff) & ~(size_t)0xffff;
}

static int
on_topic(void *user, struct slice key, struct slice value)
{
	struct disk *d = user;
	uint64_t lost;
	int r = disk_entry_read_topic(key, value, &lost);

	return r < 0 ? r : catalog_load_topic(&d->store.catalog, key, lost);
}

static int
on_event(void *user, struct slice key, struct slice value)
{
	struct disk *d = user;
	struct store_record record = { 0 };
	struct catalog_item item;

	if (key.len != 8)
		return -EBADMSG;
	if (disk_entry_read_event(key, value, false, &record) < 0)
		disk_note_bad(d, key);
	item = (struct catalog_item){
		.number = stored_get_u64(key.p), .topic = record.topic,
		.id = record.id, .bytes = value.len,
	};
	return catalog_load(&d->store.catalog, &item);
}

static int
load_catalog(struct disk *d)
{
	const struct disk_meta *m = &d->meta;
	int r = lmdbport_walk(d->port, LMDBPORT_TOPICS, SLICE_NONE, on_topic,
			      d);

	catalog_load_lost(&d->store.catalog, m->floor, m->lost, m->blind);
	if (r == 0)
		r = lmdbport_walk(d->port, LMDBPORT_EVENTS, SLICE_NONE,
				  on_event, d);
	lmdbport_rest(d->port);
	return r;
}

/* What the journal has that LMDB has not. */
static int
on_journal(void *user, const struct store_record *r)
{
	struct disk *d = user;
	struct store_record record = *r;

	if (r->number <= d->last)
		return 0;
	if (r->number != d->last + 1)
		return -EBADMSG;
	record.time_ms -= d->clock_offset;
	return disk_append(&d->store, &record);
}

static int
open_journal(struct disk *d, const struct disk_now *now, struct disk_fault *f)
{
	char path[STORE_PATH_MAX + 32];
	uint64_t cut, epoch, end;
	struct stat st;
	int r = store_dir_path(&d->dir, STORE_DIR_JOURNAL, path, sizeof(path));

	/* One that is there is read whatever the policy is now. */
	if (r == 0 && d->sync_ms == 0 &&
	    (stat(path, &st) < 0 || st.st_size == 0))
		return 0;
	if (r == 0)
		r = journal_open(&d->journal, path, 0600);
	store_dir_share(&d->dir, path);
	if (r == 0)
		r = store_dir_sync(&d->dir);
	if (r < 0)
		return disk_say_error(f, r, path);
	r = journal_load(&d->journal, d->meta.epochs[0].epoch, on_journal, d,
			 &cut, &epoch);
	/* An epoch that ended while the journal could not be emptied. */
	if (r == -EINVAL && disk_meta_end_of(&d->meta, epoch, &end))
		r = 0;
	/* Of what was written last a power cut may leave the end without the
	 * beginning. That is what the new epoch is for. */
	if (r == -EBADMSG && disk_meta_is_cut(&d->meta, now)) {
		log_warning("%s does not go on where the store ends: the machine stopped while it was written; what is behind event %" PRIu64 " is lost",
			    path, d->last);
		r = 0;
	}
	if (r == -EINVAL)
		return disk_say_damage(f, -EBADMSG, path, "it belongs to another log",
				  d->dir.path);
	if (r == -EBADMSG)
		return disk_say_damage(f, r, path, "it does not go on where the store ends",
				  d->dir.path);
	if (r < 0)
		return disk_say_error(f, r, path);
	catalog_commit(&d->store.catalog);
	d->tail_stored = d->tail_count;
	return 0;
}

/* The epoch that goes on, or one that begins. */
static void
settle_epoch(struct disk *d, uint64_t mark, const struct disk_now *now,
	     struct disk_fault *f)
{
	uint64_t remembered = store_dir_remembered(&d->dir,
						   d->meta.epochs[0].epoch);
	const char *doubt = disk_meta_doubt(&d->meta, mark,
					    remembered > d->last, now);
	char old[14], new[14];

	d->meta.file = mark;
	d->meta.is_always = d->sync_ms == 0;
	memcpy(d->meta.boot, now->boot, sizeof(d->meta.boot));
	if (!doubt)
		return;
	d->meta.last = d->last;
	format_base36(d->meta.epochs[0].epoch, old);
	disk_meta_begin_epoch(&d->meta, id_new_epoch());
	format_base36(d->meta.epochs[0].epoch, new);
	snprintf(f->note, sizeof(f->note), "the store in %s may lack numbers that were given (%s): after %s comes a new epoch, %s",
		 d->dir.path, doubt, old, new);
}

/* Its first epoch begins. */
static int
make_new(struct disk *d)
{
	struct disk_meta meta = {
		.floor = 1,
		.clock_ms = clock_mono_ms(),
		.boottime_ms = disk_boottime_ms(),
		.wall_ms = clock_wall_ms(),
		.is_clean = true,
	};
	struct disk_make make;
	int r = disk_make_begin(&make, &d->dir);

	disk_meta_begin_epoch(&meta, id_new_epoch());
	if (r == 0)
		return disk_make_end(&make, &meta);
	disk_make_drop(&make);
	return r;
}

/* Sees that the file is one that can be used. */
static int
check_file(struct disk *d, const char *path, struct disk_fault *f)
{
	struct examine_report report;
	char what[256];
	int r = examine_run(path, false, &report, what, sizeof(what));

	if (r == -ENOENT) {
		r = make_new(d);
		return r < 0 ? disk_say_error(f, r, path) : 0;
	}
	if (r == -EBADMSG || r == -EINVAL || r == -EPROTO)
		return disk_say_damage(f, r, path, what, d->dir.path);
	return r < 0 ? disk_say_error(f, r, path) : 0;
}

static int
open_file(struct disk *d, struct disk_fault *f)
{
	char path[STORE_PATH_MAX + 32];
	struct disk_now now;
	uint64_t mark = 0;
	struct stat st;
	int r = store_dir_path(&d->dir, STORE_DIR_EVENTS, path, sizeof(path));

	if (r == 0)
		r = check_file(d, path, f);
	if (r < 0)
		return f->error ? r : disk_say_error(f, r, path);
	if (stat(path, &st) < 0)
		return disk_say_error(f, -errno, path);
	r = lmdbport_open(path,
			  map_size(&d->store.catalog.limits,
				   (uint64_t)st.st_size),
			  0600, false, &d->port);
	store_dir_share(&d->dir, path);
	if (r == 0)
		r = disk_meta_read(d->port, &d->meta);
	if (r == 0)
		r = disk_file_mark(path, &mark);
	if (r < 0)
		return disk_say_error(f, r, path);
	disk_now(&now);
	if (d->meta.file == 0)		/* new */
		d->meta.file = mark;
	d->clock_offset = disk_meta_clock(&d->meta, &now) - clock_mono_ms();
	d->last = d->meta.last;
	r = load_catalog(d);
	if (r == 0)
		r = open_journal(d, &now, f);
	if (r < 0)
		return f->error ? r : disk_say_error(f, r, path);
	settle_epoch(d, mark, &now, f);
	/* From here on it is in use, and says so. Without room for that it
	 * can still be read; what is appended tries again. */
	r = disk_write(d, clock_mono_ms(), DISK_TRIM_STEP, false);
	if (r >= 0)
		r = disk_begin_journal(d);
	if (r == 0)
		r = disk_compact(d, false);
	return r < 0 && r != -ENOSPC ? disk_say_error(f, r, path) : 0;
}

int
store_disk_open(const struct disk_config *c, struct store **ret_store,
		struct disk_fault *ret_fault)
{
	struct disk *d = calloc(1, sizeof(*d));
	int r;

	ret_fault->error = 0;
	ret_fault->why[0] = ret_fault->note[0] = '\0';
	if (!d)
		return disk_say_error(ret_fault, -ENOMEM, c->directory);
	/* A file that may not grow any more is an error, not the end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	d->store.ops = &disk_ops;
	d->sync_ms = c->sync_ms;
	d->journal.fd = -1;
	catalog_init(&d->store.catalog, &c->limits, c->rules, c->n_rules);
	r = store_dir_open(&d->dir, c->directory, c->group, LOCK_WAIT_MS,
			   ret_fault->why, sizeof(ret_fault->why));
	ret_fault->error = r;
	if (r == 0)
		r = open_file(d, ret_fault);
	if (r < 0) {
		/* It was not opened, so it is not closed: nothing is written. */
		d->meta.n_epochs = 0;
		store_free(&d->store);
		return r;
	}
	*ret_store = &d->store;
	return 0;
}
