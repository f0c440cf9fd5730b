/* SPDX-License-Identifier: MIT */
/* recover: a new store of what can be read of a damaged one. */
#ifndef HUB_RECOVER_H
#define HUB_RECOVER_H

#include "hub/resting.h"

struct recover_report {
	uint64_t saved, missing;	/* events */
	uint64_t first, newest;		/* their numbers */
	uint64_t epoch, last;		/* the new epoch begins behind `last` */
	bool is_exact;			/* `missing` are all of them */
	char aside[STORE_PATH_MAX + 128];	/* where the damaged file is */
};

/*
 * The store was found to be damaged; its file is put aside. 0; -EBADMSG:
 * nothing could be read, and nothing was done; or -errno; with a sentence.
 */
int recover_run(struct resting *r, struct recover_report *ret_report,
		struct disk_fault *f);

#endif
