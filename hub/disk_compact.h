/* SPDX-License-Identifier: MIT */
/*
 * disk_compact: a store's file that has become mostly empty is made small.
 *
 * LMDB uses free pages again, but a large event needs a row of them: with
 * events of many sizes there is always one for which no row is long enough, and
 * the file would grow for months.
 */
#ifndef HUB_DISK_COMPACT_H
#define HUB_DISK_COMPACT_H

#include "hub/disk_priv.h"

/*
 * Looks whether it is time, and does it; rarely, and cheap in between. While
 * the hub serves, only if what is in use is little enough to be copied between
 * two publishes (`is_serving`), or if nothing can be stored any more. A file
 * that cannot be made smaller stays as it is. -errno: the store can neither be
 * read nor written.
 */
int disk_compact(struct disk *d, bool is_serving);

/*
 * Sees that after a power cut the file has the name that it has now. Nothing is
 * stored in it before that. 0 or -errno.
 */
int disk_compact_settle(struct disk *d);

#endif
