/* SPDX-License-Identifier: MIT */
/*
 * journal: what was acknowledged since the store was last written to the
 * disk for good (--sync SECONDS).
 *
 * A file that is only appended to. What write(2) took survives the process,
 * however it ends; a power cut may cost the end of it, which is then noticed
 * by the records' own checksums. It is emptied once the store has all of it.
 */
#ifndef HUB_JOURNAL_H
#define HUB_JOURNAL_H

#include <stdint.h>
#include <sys/types.h>

#include "hub/store.h"

struct journal {
	int fd;			/* owned; -1: not open */
	uint64_t bytes;		/* behind the head: good records */
};

/* Opens or makes the file. 0 or -errno. */
int journal_open(struct journal *j, const char *path, mode_t mode);
void journal_close(struct journal *j);

/*
 * Calls on_record for each record that is whole, in order, until it returns
 * not 0, which is returned; lets go of what is behind the last whole one, and
 * says how many bytes that was. The numbers of a journal of another epoch are
 * not those of this store: -EINVAL, with that epoch. -EBADMSG: the file is no
 * journal.
 */
int journal_load(struct journal *j, uint64_t epoch, store_on_record *on_record,
		 void *user, uint64_t *ret_cut, uint64_t *ret_epoch);

/*
 * The same for one that is only looked at; nothing is changed. -ENOENT: there
 * is none. *ret_cut is what stands behind the last whole record.
 */
int journal_read(const char *path, uint64_t epoch, store_on_record *on_record,
		 void *user, uint64_t *ret_cut, uint64_t *ret_epoch);

/* Whole records, all or nothing. 0 or -errno. */
int journal_append(struct journal *j, const char *bytes, size_t len);

/* What was appended is on the disk for good then. 0 or -errno. */
int journal_sync(struct journal *j);

/* Empties it; what is appended from now on is of this epoch. 0 or -errno. */
int journal_clear(struct journal *j, uint64_t epoch);

#endif
