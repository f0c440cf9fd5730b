/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_make.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	COMMIT_BYTES = 8 << 20,
	ENTRY_BYTES = 64,	/* what an entry takes beside its bytes */
	MAP_LEAST = 64 << 20,
};

/* Address space, more than any store needs: how much comes is not known. */
#define MAP_MOST (sizeof(size_t) > 4 ? (size_t)UINT64_C(1) << 38 : \
				       (size_t)1 << 29)

/* Where address space is limited, as much as there is. */
static int
open_file(struct disk_make *m)
{
	size_t size = MAP_MOST;
	int r;

	for (;;) {
		(void)unlink(m->fresh);
		r = lmdbport_open(m->fresh, size, 0600, false, &m->port);
		if (r != -ENOMEM || size <= MAP_LEAST)
			return r;
		size /= 2;
	}
}

int
disk_make_begin(struct disk_make *m, const struct store_dir *dir)
{
	int r;

	memset(m, 0, sizeof(*m));
	r = store_dir_path(dir, STORE_DIR_EVENTS, m->path, sizeof(m->path));
	if (r < 0)
		return r;
	m->dir = dir;
	snprintf(m->fresh, sizeof(m->fresh), "%s.new", m->path);
	r = open_file(m);
	return r < 0 ? r : lmdbport_begin(m->port);
}

static int
commit(struct disk_make *m)
{
	int r = lmdbport_commit(m->port);
	struct stat st;

	/* What does not fit any more may also be written in part. */
	if (r == -EIO && stat(m->fresh, &st) == 0 &&
	    store_dir_is_full(m->dir, (uint64_t)st.st_size))
		r = -ENOSPC;
	return r;
}

int
disk_make_next(struct disk_make *m, size_t bytes)
{
	int r;

	m->bytes += bytes + ENTRY_BYTES;
	if (m->bytes < COMMIT_BYTES)
		return 0;
	m->bytes = 0;
	r = commit(m);
	return r < 0 ? r : lmdbport_begin(m->port);
}

int
disk_make_end(struct disk_make *m, const struct disk_meta *meta)
{
	int r = disk_meta_write(m->port, meta);

	if (r == 0)
		r = commit(m);
	m->port = lmdbport_close(m->port);
	if (r == 0) {
		store_dir_share(m->dir, m->fresh);
		if (rename(m->fresh, m->path) < 0)
			r = -errno;
	}
	if (r == 0) {
		r = store_dir_sync(m->dir);
		/* It might be gone after a power cut: it is gone at once. */
		if (r < 0)
			(void)unlink(m->path);
	}
	if (r < 0)
		(void)unlink(m->fresh);
	m->dir = NULL;
	return r;
}

void
disk_make_drop(struct disk_make *m)
{
	if (!m->dir)
		return;
	m->port = lmdbport_close(m->port);
	(void)unlink(m->fresh);
	m->dir = NULL;
}
