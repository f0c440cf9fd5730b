/* SPDX-License-Identifier: MIT */
/*
 * salvage: reads what a damaged store still has, in processes of its own,
 * because what reads a broken file may end of it.
 *
 * A record proves itself: its checksum is right, and an event stands in it.
 * So records are not only looked for where LMDB has them, but also in the
 * bare bytes of its file: there each lies in one piece, whatever became of the
 * pages around it. Old copies of records may lie there, too, and such as were
 * never committed; which count is the caller's decision.
 */
#ifndef HUB_SALVAGE_H
#define HUB_SALVAGE_H

#include "hub/disk_meta.h"
#include "hub/store.h"

/* What the store says of itself, if that can be read. 0 or -EBADMSG. */
int salvage_meta(const char *path, struct disk_meta *ret_meta);

enum salvage_source {
	SALVAGE_PAGES,		/* as LMDB finds them, in order */
	SALVAGE_BYTES,		/* wherever they lie in its file */
	SALVAGE_JOURNAL,	/* wherever they lie in a journal */
};

/* A good record, and its bytes. 0, or -errno to stop. */
typedef int salvage_on_record(void *user, const struct store_record *record,
			      struct slice bytes);

/*
 * `from`: the least number to look for in PAGES. 0; SALVAGE_CUT: it could not
 * be read to its end; -ENOMEM; or what on_record returned, which is negative.
 */
enum { SALVAGE_CUT = 1 };
int salvage_run(enum salvage_source source, const char *path, uint64_t from,
		salvage_on_record *on_record, void *user);

#endif
