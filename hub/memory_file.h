/* SPDX-License-Identifier: MIT */
/*
 * memory_file: the content of a memory store in a file, from the orderly end
 * of one hub to the beginning of the next, so that neither a restart nor a
 * hand-over is noticed. Whoever reads it removes it: a hub that is killed
 * leaves none behind, and the next one begins a new epoch.
 */
#ifndef HUB_MEMORY_FILE_H
#define HUB_MEMORY_FILE_H

#include <sys/types.h>

#include "hub/keys.h"
#include "hub/store.h"

#define MEMORY_FILE_NAME "memory"	/* in the bus directory */

/*
 * Writes all of it, or nothing; for a group to read, too, unless that is -1.
 * `now_ms` is the hub's clock. 0 or -errno.
 */
int memory_file_save(const char *path, gid_t group, struct store *s,
		     const struct keys *k, int64_t now_ms);

/*
 * Removes the file, and makes a memory store of it if it is whole. 0; -ENOENT:
 * there is none; -EINVAL: it is not what it should be; -errno.
 */
int memory_file_load(const char *path, const struct store_limits *limits,
		     const struct catalog_rule *rules, size_t n_rules,
		     int64_t now_ms, struct store **ret_store);

#endif
