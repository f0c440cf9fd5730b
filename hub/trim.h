/* SPDX-License-Identifier: MIT */
/*
 * trim: lets a store's events go when they are too many, too large or too
 * old, in bounded steps. Which ones is the catalog's decision; how they are
 * found and deleted is the store's.
 */
#ifndef HUB_TRIM_H
#define HUB_TRIM_H

#include <stdbool.h>

#include "hub/store.h"

struct trim_ops {
	/* The kept record with the least number that is not below `from`, and
	 * the bytes it takes. One that cannot be read any more has a number, no
	 * topic, and is as old as can be. 0, -ENOENT or -EIO. */
	int (*find)(void *user, uint64_t from, struct store_record *ret_record,
		    uint64_t *ret_bytes);
	int (*drop)(void *user, uint64_t number);	/* 0, -ENOSPC, -EIO */
};

/*
 * Moves past `most` events at the most. `now_ms` is the clock of the records'
 * times. Returns how many it moved past (`most`: there may be more), or
 * -errno; then the caller takes all of it back.
 */
int trim_run(struct catalog *c, int64_t now_ms, unsigned most,
	     const struct trim_ops *ops, void *user);

/* Whether there is something to do; `oldest_ms` is the time of the event at
 * the floor. */
bool trim_is_due(const struct catalog *c, int64_t now_ms, int64_t oldest_ms);

#endif
