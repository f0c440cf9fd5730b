/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_compact.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FACTOR = 2,		/* of what is in use, the file may take */
	SLACK = 8 << 20,	/* and so much more */
	QUICK = 32 << 20,	/* is copied within a second by slow disks */
};

/* Whether a copy would be much smaller. */
static bool
is_worth_it(struct disk *d, bool is_serving)
{
	const struct catalog *c = &d->store.catalog;
	uint64_t file = lmdbport_file_bytes(d->port), free_pages, used;
	uint64_t events = c->bytes + c->held_bytes;

	if (events > d->compact_events)
		d->compact_events = events;
	/* Only when it grew, or much of what it held has gone. */
	if (file < d->compact_at && events >= d->compact_events / 2 &&
	    !d->is_cramped)
		return false;
	d->compact_at = file + file / 8;
	d->compact_events = events;
	if (lmdbport_free_pages(d->port, &free_pages) < 0)
		return false;
	used = file - free_pages * lmdbport_page_bytes(d->port);
	if (d->is_cramped)
		return used < file / 2;
	return file > FACTOR * used + SLACK && (used <= QUICK || !is_serving);
}

/* The copy is a file of its own, and has to know that it is the store. */
static int
settle_copy(const char *path, uint64_t *ret_mark)
{
	struct lmdbport *copy;
	struct disk_meta meta;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return -errno;
	r = lmdbport_open(path, (size_t)st.st_size + SLACK, 0600, false, &copy);
	if (r < 0)
		return r;
	r = disk_meta_read(copy, &meta);
	if (r == 0)
		r = disk_file_mark(path, &meta.file);
	if (r == 0)
		r = lmdbport_begin(copy);
	if (r == 0)
		r = disk_meta_write(copy, &meta);
	/* With this all of it is on the disk for good. */
	if (r == 0)
		r = lmdbport_commit(copy);
	lmdbport_close(copy);
	*ret_mark = meta.file;
	return r;
}

int
disk_compact_settle(struct disk *d)
{
	int r = d->is_renamed ? store_dir_sync(&d->dir) : 0;

	if (r == 0)
		d->is_renamed = false;
	return r;
}

int
disk_compact(struct disk *d, bool is_serving)
{
	char path[STORE_PATH_MAX + 32], fresh[STORE_PATH_MAX + 40];
	uint64_t mark = 0;
	int r;

	if (!is_worth_it(d, is_serving))
		return 0;
	r = store_dir_path(&d->dir, STORE_DIR_EVENTS, path, sizeof(path));
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	(void)unlink(fresh);
	if (r == 0)
		r = lmdbport_copy(d->port, fresh, 0600);
	if (r == 0)
		r = settle_copy(fresh, &mark);
	store_dir_share(&d->dir, fresh);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(fresh);
		return 0;
	}
	d->meta.file = mark;
	d->is_cramped = false;
	d->compact_at = 0;
	/* The old file has no name any more: whatever fails, the next ones who
	 * read and write do so in the new one. */
	d->is_renamed = true;
	r = lmdbport_open_again(d->port);
	return r < 0 ? r : disk_compact_settle(d);
}
