/* SPDX-License-Identifier: MIT */
/*
 * store_disk: keeps events in a directory, in LMDB: store.mdb, with a lock
 * (store.lock) and, for --sync SECONDS, a journal (store.journal) beside it.
 *
 * What commit promises depends on the policy. Always: it is on the disk when
 * commit returns. Seconds: it is in the journal, which survives the process;
 * the disk has it at most so many seconds later.
 */
#ifndef HUB_STORE_DISK_H
#define HUB_STORE_DISK_H

#include <sys/types.h>

#include "hub/store.h"

struct disk_config {
	const char *directory;		/* borrowed, as the rules */
	struct store_limits limits;
	const struct catalog_rule *rules;
	size_t n_rules;
	int64_t sync_ms;		/* 0: always */
	gid_t group;			/* that may write, too; -1: none */
};

struct disk_fault {
	/*
	 * -EBUSY: another hub has it; -EBADMSG: damaged; -EINVAL: foreign;
	 * -EPROTO: of a later version or another kind of machine; -EREMOTE: on
	 * a network file system; else what the system said.
	 */
	int error;
	char why[3072];			/* sentences, with a remedy */
	char note[2048];		/* opened: what is worth a line; or "" */
};

/* 0, or fault->error. */
int store_disk_open(const struct disk_config *c, struct store **ret_store,
		    struct disk_fault *ret_fault);

#endif
