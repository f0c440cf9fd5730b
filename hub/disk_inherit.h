/* SPDX-License-Identifier: MIT */
/*
 * disk_inherit: a store on disk from what a hub in memory has left, so that
 * nothing is lost when a hub gets a directory for its events.
 */
#ifndef HUB_DISK_INHERIT_H
#define HUB_DISK_INHERIT_H

#include "hub/store.h"
#include "hub/store_dir.h"

/*
 * Makes the store of the directory, which is locked and has none, with all
 * that `from` has: the same epoch, numbers and keys. `now_ms` is the hub's
 * clock. 0 or -errno; then nothing is there.
 */
int disk_inherit(const struct store_dir *dir, struct store *from,
		 int64_t now_ms);

#endif
