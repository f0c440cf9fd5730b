/* SPDX-License-Identifier: MIT */
/*
 * disk_meta: what a store on disk says of itself: its epochs, its last
 * number, its clock, and how it was left.
 */
#ifndef HUB_DISK_META_H
#define HUB_DISK_META_H

#include "hub/lmdbport.h"

enum { DISK_EPOCHS = 16, DISK_BOOT_MAX = 40 };

struct disk_epoch {
	uint64_t epoch;
	uint64_t end;		/* of an earlier one: its last number */
};

struct disk_meta {
	struct disk_epoch epochs[DISK_EPOCHS];	/* the present one first */
	size_t n_epochs;
	uint64_t last;		/* the newest number that is stored */
	uint64_t floor, lost, blind;		/* of the catalog */
	/* The store's clock counts the milliseconds of its life; what the
	 * system's clocks showed then. */
	int64_t clock_ms, boottime_ms, wall_ms;
	uint64_t file;		/* disk_file_mark: a copy has another */
	bool is_clean;		/* was closed */
	bool is_always;		/* each commit was on the disk for good */
	char boot[DISK_BOOT_MAX];	/* of the system, when it was opened */
};

/* What the system's clocks show, and which boot it is. */
struct disk_now {
	int64_t boottime_ms, wall_ms;
	char boot[DISK_BOOT_MAX];
};
void disk_now(struct disk_now *ret_now);
int64_t disk_boottime_ms(void);	/* goes on while the machine sleeps */

/* What tells a file from a copy of it, and goes with it when it is renamed.
 * Never 0. 0 or -errno. */
int disk_file_mark(const char *path, uint64_t *ret_mark);

/* 0; -ENOENT: the file is new; -EINVAL: it is none of a hub's; -EPROTO: of a
 * later version; -EBADMSG. */
int disk_meta_read(struct lmdbport *p, struct disk_meta *ret_meta);
int disk_meta_write(struct lmdbport *p, const struct disk_meta *m);

/* A new epoch begins behind the last number. */
void disk_meta_begin_epoch(struct disk_meta *m, uint64_t epoch);
/* Where an earlier epoch ended. False: not known. */
bool disk_meta_end_of(const struct disk_meta *m, uint64_t epoch,
		      uint64_t *ret_end);

/* Whether a power cut may have cost what was not yet on the disk for good. */
bool disk_meta_is_cut(const struct disk_meta *m, const struct disk_now *now);

/*
 * Why numbers may have been given that are not in the store: NULL if none can
 * have been. `has_less`: the store and its journal end before the number that
 * store_dir_remembered says. A sentence's end.
 */
const char *disk_meta_doubt(const struct disk_meta *m, uint64_t file,
			    bool has_less, const struct disk_now *now);

/*
 * The store's clock now: what it was, and the time in which nobody looked, as
 * far as that can be known. A clock that was set meanwhile must not make
 * anything old.
 */
int64_t disk_meta_clock(const struct disk_meta *m, const struct disk_now *now);

#endif
