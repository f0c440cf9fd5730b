/* SPDX-License-Identifier: MIT */
/* disk_priv: what store_disk.c, which works with an open store, and
 * disk_open.c, which opens it, share. */
#ifndef HUB_DISK_PRIV_H
#define HUB_DISK_PRIV_H

#include "hub/disk_meta.h"
#include "hub/journal.h"
#include "hub/store_dir.h"
#include "hub/store_disk.h"
#include "lib/base/buf.h"

enum { DISK_TRIM_STEP = 1000 };	/* events; a few milliseconds */

struct disk {
	struct store store;
	struct store_dir dir;
	struct lmdbport *port;		/* owned */
	struct journal journal;
	struct disk_meta meta;		/* as it is written next */
	int64_t sync_ms;		/* 0: always */
	int64_t clock_offset;		/* the store's clock less the hub's */

	struct buf tail;		/* records that LMDB does not have yet */
	size_t *tail_at;		/* owned: where each of them begins */
	size_t tail_count, tail_cap;
	size_t tail_stored;		/* of them are committed: in the journal */
	uint64_t last;			/* the newest that was appended */
	int64_t due_ms;			/* when the tail is to be written */
	/* The file says that it is open, and the journal is of its epoch. Until
	 * then nothing is acknowledged out of the journal. */
	bool is_in_use;
	uint64_t compact_at;		/* bytes of the file: look then, */
	/* or at half of these bytes of events, the most since the last look */
	uint64_t compact_events;
	bool is_cramped;		/* there were no pages for the last write */
	bool is_renamed;		/* the file; not yet for good */
	char why[STORE_PATH_MAX + 128];	/* the last write failed: why; or "" */
};

extern const struct store_ops disk_ops;

static inline struct disk *
disk_of(struct store *s)
{
	return (struct disk *)(void *)s;
}

/* The times are the hub's clock; what is appended waits in the tail. 0,
 * -ENOSPC, -ENOMEM. */
int disk_append(struct store *s, const struct store_record *r);

/*
 * Everything in one transaction: the tail comes, up to `most` events go.
 * Returns how many went, or -errno: then LMDB is as it was, and the catalog as
 * at its last commit.
 */
int disk_write(struct disk *d, int64_t now_ms, unsigned most, bool is_clean);

/* LMDB has the tail: the journal begins anew. 0 or -errno. */
int disk_begin_journal(struct disk *d);

/* Event `key` cannot be read. */
void disk_note_bad(struct disk *d, struct slice key);

/* Fills the fault in, with the command that helps, and returns the error. */
int disk_say_damage(struct disk_fault *f, int error, const char *path,
		    const char *what, const char *directory);
int disk_say_error(struct disk_fault *f, int error, const char *path);

#endif
