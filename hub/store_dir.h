/* SPDX-License-Identifier: MIT */
/*
 * store_dir: the directory of a store on disk: that it is there and can be
 * trusted with one, and the lock in it.
 */
#ifndef HUB_STORE_DIR_H
#define HUB_STORE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { STORE_PATH_MAX = 1024 };

struct store_dir {
	char path[STORE_PATH_MAX];
	int lock;		/* owned; -1: not locked */
	gid_t group;		/* of what is made in it; -1: ours */
};

/* Names in the directory. */
#define STORE_DIR_EVENTS "store.mdb"
#define STORE_DIR_JOURNAL "store.journal"
#define STORE_DIR_LOCK "store.lock"

/*
 * Makes the last part of the path if it is missing, and takes the lock; while
 * somebody else has it, waits for wait_ms. 0; -EBUSY; -EREMOTE: on a network
 * file system, where locks and maps cannot be relied on; or -errno. `why` is a
 * sentence with a remedy.
 */
int store_dir_open(struct store_dir *d, const char *path, gid_t group,
		   int wait_ms, char *why, size_t size);
void store_dir_close(struct store_dir *d);

/* Whether that could make it and write there, without doing so. 0, or as it. */
int store_dir_check(const char *path, char *why, size_t size);

/* "DIRECTORY/NAME". 0 or -ENAMETOOLONG. */
int store_dir_path(const struct store_dir *d, const char *name, char *out,
		   size_t size);

/*
 * The lock's file remembers the last number of the store beside it, and of its
 * journal: a store that has less has gone back, to a backup that was written
 * over it, or lost its journal.
 * It is no promise: what cannot be written is not remembered. 0: nothing is
 * known of this epoch.
 */
void store_dir_remember(const struct store_dir *d, uint64_t epoch,
			uint64_t last);
uint64_t store_dir_remembered(const struct store_dir *d, uint64_t epoch);

/* Gives a file the directory's group, and that group the right to write. */
void store_dir_share(const struct store_dir *d, const char *path);

/* What was made or renamed in it is there after a power cut, too. 0 or -errno. */
int store_dir_sync(const struct store_dir *d);

/* Whether there is no room to write: on the disk, or for a file of this size
 * within what this process may make one. */
bool store_dir_is_full(const struct store_dir *d, uint64_t file_bytes);

/*
 * Gives what is there under this name another one, with the time in it, and
 * says which; `is_kept`: the old name stays, for what will replace it. 0;
 * -ENOENT: there is nothing; -errno.
 */
int store_dir_put_aside(const struct store_dir *d, const char *name,
			bool is_kept, char *ret_path, size_t size);

#endif
