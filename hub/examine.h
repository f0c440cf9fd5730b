/* SPDX-License-Identifier: MIT */
/*
 * examine: reads a store's file through, in a process of its own.
 *
 * LMDB trusts its file: what a bad disk, or a strange hand, made of it can end
 * the process that reads it. So a child reads it first, and how that ends tells.
 */
#ifndef HUB_EXAMINE_H
#define HUB_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct examine_report {
	uint64_t epoch, first, last;
	uint64_t events, bytes, topics, keys;
	uint64_t file_bytes;		/* by the file's own account */
	uint64_t bad;			/* records that cannot be read */
	uint64_t first_bad;		/* the number of the first of these */
};

/*
 * Looks at every entry; at every byte if `is_whole`. 0; -ENOENT: there is no
 * file; -EBADMSG: it is damaged; -EINVAL: it is none of a hub's; -EPROTO: of a
 * later version, or another kind of machine; -errno. `what` says what was
 * found, without a full stop.
 */
int examine_run(const char *path, bool is_whole,
		struct examine_report *ret_report, char *what, size_t size);

/* In a child that reads a file which may be damaged: to die of it is one of
 * the answers, and leaves nothing behind. */
void examine_be_child(void);

#endif
