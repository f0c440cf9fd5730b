/* SPDX-License-Identifier: MIT */
/*
 * program: the file that this process runs, by the name it was started by.
 *
 * An upgrade puts another file in that place, so it is the name that counts,
 * not what /proc calls the file that runs (which may be deleted). The folder
 * it was started in and PATH are looked at once, at the start.
 */
#ifndef FCGI_PROGRAM_H
#define FCGI_PROGRAM_H

#include <limits.h>

#include "lib/base/buf.h"

struct program {
	char **argv;		/* borrowed for good */
	char path[PATH_MAX];	/* "": not known */
};

void program_find(struct program *p, char **argv);

/*
 * Writes what tells the file that runs now from any other: device, inode and
 * time of change. 0 or -ENOMEM.
 */
int program_identity(const struct program *p, struct buf *out);

/* Runs it in the place of this process; with `extra` as the first argument,
 * if that is not NULL. Returns only on failure: -errno. */
int program_exec(const struct program *p, const char *extra);

#endif
