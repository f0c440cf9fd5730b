/* SPDX-License-Identifier: MIT */
/*
 * resting: a store on disk while no hub has it open. It is read, and left as
 * it is.
 */
#ifndef HUB_RESTING_H
#define HUB_RESTING_H

#include "hub/disk_meta.h"
#include "hub/examine.h"
#include "hub/store_dir.h"
#include "hub/store_disk.h"

struct resting {
	struct store_dir dir;		/* locked, or lock is -1 */
	char path[STORE_PATH_MAX + 32];		/* of store.mdb */
	char journal[STORE_PATH_MAX + 32];
	/* When resting_check took it: */
	struct disk_meta meta;
	struct lmdbport *port;		/* owned; to read it */
};

struct resting_report {
	struct examine_report file;
	uint64_t journal_events;	/* that the file does not have */
	uint64_t journal_cut;		/* bytes behind its last whole one */
	uint64_t last;			/* with the journal's */
};

/* Whether this user may do something there: not root in another one's place.
 * 0 or -EPERM with a sentence. */
int resting_check_owner(const char *directory, gid_t group,
			struct disk_fault *f);

/*
 * Finds it and takes the lock; resting_close is due in any case. 0; -ENOENT:
 * there is no store; or what store_dir_open says. The sentence is f->why.
 */
int resting_open(struct resting *r, const char *directory, gid_t group,
		 struct disk_fault *f);
void resting_close(struct resting *r);

/*
 * Looks at every byte, in a process of its own. 0, or -EBADMSG, -EINVAL or
 * -EPROTO with a sentence that says what helps; *ret_report as far as it was
 * read.
 */
int resting_check(struct resting *r, struct resting_report *ret_report,
		  struct disk_fault *f);

/* Events that only the journal has, in order, as a hub would take them. 0; what
 * on_record said; -EBADMSG or -errno. *ret_cut may be NULL. */
int resting_journal(const struct resting *r, store_on_record *on_record, void *user,
		    uint64_t *ret_cut);

/* As disk_meta_doubt says: why a hub would begin a new epoch in it, or NULL. */
const char *resting_doubt(const struct resting *r);

#endif
