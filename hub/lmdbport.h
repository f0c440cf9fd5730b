/* SPDX-License-Identifier: MIT */
/*
 * lmdbport: LMDB as the hub sees it; lmdbport.c is the only file that includes
 * <lmdb.h>.
 *
 * One file with four tables of byte strings. There is one writer and no other
 * reader, and whoever opens it has a lock of their own (LMDB's own is off). A
 * reader sees what is committed, or, while a transaction is open, what that has
 * written; lmdbport_rest lets go of the pages that a reader pins, before the
 * next transaction and whenever there is nothing to read for long.
 *
 * Errors are -errno: -ENOSPC (also a quota, or a limit of file size), -ENOMEM,
 * -EIO; -EFBIG: the map is full; -EBADMSG: the file is damaged; -EINVAL: it is
 * none of LMDB's; -EPROTO: of another version of LMDB, or another kind of
 * machine.
 */
#ifndef HUB_LMDBPORT_H
#define HUB_LMDBPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/slice.h"

enum lmdbport_table {
	LMDBPORT_META,
	LMDBPORT_EVENTS,
	LMDBPORT_TOPICS,
	LMDBPORT_KEYS,
	LMDBPORT_TABLES,
};

struct lmdbport;

/*
 * Opens the file, or makes it unless `is_read_only`. `map_size` is address
 * space, not disk; 0, to read: as much as the file is long, whatever who made
 * it had. 0 or an error; -ENOENT: there is none to read.
 */
int lmdbport_open(const char *path, size_t map_size, mode_t mode,
		  bool is_read_only, struct lmdbport **ret_port);
struct lmdbport *lmdbport_close(struct lmdbport *p);	/* NULL is fine */

int lmdbport_begin(struct lmdbport *p);
/* After an error the transaction is gone, and all it did. */
int lmdbport_commit(struct lmdbport *p);
void lmdbport_abort(struct lmdbport *p);	/* harmless without one */

/* Within a transaction. `is_last`: the key is above all others there. */
int lmdbport_put(struct lmdbport *p, enum lmdbport_table table,
		 struct slice key, struct slice value, bool is_last);
int lmdbport_delete(struct lmdbport *p, enum lmdbport_table table,
		    struct slice key);	/* 0 as well when it is not there */

/* What is read stays good until the next change or lmdbport_rest. -ENOENT. */
int lmdbport_get(struct lmdbport *p, enum lmdbport_table table,
		 struct slice key, struct slice *ret_value);
/* The first entry whose key is not below `key` (which may be empty). -ENOENT. */
int lmdbport_from(struct lmdbport *p, enum lmdbport_table table,
		  struct slice key, struct slice *ret_key,
		  struct slice *ret_value);

/* Called for each entry from `key` on, in order, until it returns not 0, which
 * is returned. */
typedef int lmdbport_on_entry(void *user, struct slice key,
			      struct slice value);
int lmdbport_walk(struct lmdbport *p, enum lmdbport_table table,
		  struct slice key, lmdbport_on_entry *on_entry, void *user);

void lmdbport_rest(struct lmdbport *p);

/* How many pages are free to be used again; reads all that says so. */
int lmdbport_free_pages(struct lmdbport *p, uint64_t *ret_pages);

/*
 * Writes what is committed to a new file, without free pages. That is as long
 * as the file at the most, and not yet on the disk for good. 0 or -errno.
 */
int lmdbport_copy(struct lmdbport *p, const char *path, mode_t mode);

/* Goes on with the file that has its name now. 0 or an error, and then the
 * next call tries again. Not within a transaction. */
int lmdbport_open_again(struct lmdbport *p);

/* How many entries a table has, and what the file takes by its own account. */
int lmdbport_count(struct lmdbport *p, enum lmdbport_table table,
		   uint64_t *ret_count);
uint64_t lmdbport_file_bytes(struct lmdbport *p);
uint64_t lmdbport_page_bytes(struct lmdbport *p);

#endif
