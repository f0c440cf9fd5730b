/* SPDX-License-Identifier: MIT */
/*
 * disk_make: makes a store's file, under another name until it is whole, so
 * that one that was made in part is never taken for a store.
 */
#ifndef HUB_DISK_MAKE_H
#define HUB_DISK_MAKE_H

#include "hub/disk_entry.h"
#include "hub/disk_meta.h"
#include "hub/store_dir.h"

struct disk_make {		/* zeroed: none is being made */
	const struct store_dir *dir;	/* borrowed */
	struct lmdbport *port;		/* owned; its transaction is open */
	size_t bytes;			/* put since the last commit */
	char path[STORE_PATH_MAX + 32];	/* where it will be */
	char fresh[STORE_PATH_MAX + 40];
};

/* 0 or -errno; disk_make_end or disk_make_drop is due in any case. */
int disk_make_begin(struct disk_make *m, const struct store_dir *dir);

/*
 * Beside what disk_entry puts through `port`: to be called for each, with its
 * bytes, so that a transaction does not grow without bound. 0 or -errno.
 */
int disk_make_next(struct disk_make *m, size_t bytes);

/*
 * All of it is on the disk, as the store of the directory, in place of one
 * that was there (which may be gone after an error, too). 0 or -errno; then
 * nothing is left of what was made.
 */
int disk_make_end(struct disk_make *m, const struct disk_meta *meta);
void disk_make_drop(struct disk_make *m);	/* leaves nothing behind */

#endif
