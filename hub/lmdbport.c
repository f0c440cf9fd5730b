/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/lmdbport.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lmdbport {
	char *path;		/* owned */
	size_t map_size;
	mode_t mode;
	bool is_read_only;
	MDB_env *env;		/* NULL: it could not be opened again */
	MDB_dbi tables[LMDBPORT_TABLES];
	MDB_txn *writer;	/* NULL: no transaction is open */
	MDB_txn *reader;	/* NULL: not made yet */
	bool is_reading;	/* the reader pins pages */
};

static const char *const names[] = {
	[LMDBPORT_META] = "meta",
	[LMDBPORT_EVENTS] = "events",
	[LMDBPORT_TOPICS] = "topics",
	[LMDBPORT_KEYS] = "keys",
};

static int
error_of(int r)
{
	switch (r) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -EFBIG;
	case MDB_INVALID:
		return -EINVAL;
	case MDB_VERSION_MISMATCH:
		return -EPROTO;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INCOMPATIBLE:
		return -EBADMSG;
	case EDQUOT:
	case EFBIG:		/* a limit of file size */
		return -ENOSPC;
	default:
		return r > 0 ? -r : -EIO;
	}
}

static MDB_val
val_of(struct slice s)
{
	return (MDB_val){ .mv_size = s.len,
			  .mv_data = (void *)(uintptr_t)s.p };
}

static struct slice
slice_of_val(MDB_val v)
{
	return (struct slice){ v.mv_data, v.mv_size };
}

/* --- opening ------------------------------------------------------------ */

static int
open_tables(struct lmdbport *p)
{
	MDB_txn *txn;
	int r, i;

	r = mdb_txn_begin(p->env, NULL, p->is_read_only ? MDB_RDONLY : 0, &txn);
	for (i = 0; r == 0 && i < LMDBPORT_TABLES; i++) {
		r = mdb_dbi_open(txn, names[i],
				 p->is_read_only ? 0 : MDB_CREATE,
				 &p->tables[i]);
		if (r != 0)
			mdb_txn_abort(txn);
	}
	/* Committed, for a reader too: handles live only so. */
	return r == 0 ? mdb_txn_commit(txn) : r;
}

static void
close_env(struct lmdbport *p)
{
	lmdbport_abort(p);
	if (p->reader)
		mdb_txn_abort(p->reader);
	p->reader = NULL;
	p->is_reading = false;
	if (p->env)
		mdb_env_close(p->env);
	p->env = NULL;
}

/*
 * To read: LMDB's own default is what is written in the file, which may be more
 * than this machine has, or nonsense. What a damaged page says lies a little
 * behind the end is still in the map, and no other memory of ours.
 */
static size_t
size_to_read(const char *path)
{
	enum { BEHIND = 16 << 20 };
	struct stat st;

	return stat(path, &st) == 0 ? (size_t)st.st_size + BEHIND : BEHIND;
}

/* 0 or LMDB's error; then nothing is open. */
static int
open_env(struct lmdbport *p)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS |
			 (p->is_read_only ? MDB_RDONLY : 0);
	int r = mdb_env_create(&p->env);

	if (r == 0)
		r = mdb_env_set_mapsize(p->env, p->map_size);
	if (r == 0)
		r = mdb_env_set_maxdbs(p->env, LMDBPORT_TABLES);
	if (r == 0)
		r = mdb_env_open(p->env, p->path, flags, p->mode);
	if (r == 0)
		r = open_tables(p);
	if (r != 0)
		close_env(p);
	return r;
}

int
lmdbport_open(const char *path, size_t map_size, mode_t mode,
	      bool is_read_only, struct lmdbport **ret_port)
{
	struct lmdbport *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->map_size = map_size ? map_size : size_to_read(path);
	p->mode = mode;
	p->is_read_only = is_read_only;
	p->path = strdup(path);
	r = p->path ? open_env(p) : ENOMEM;
	if (r != 0) {
		lmdbport_close(p);
		/* A file of LMDB's without our tables is somebody else's. */
		return r == MDB_NOTFOUND ? -EINVAL : error_of(r);
	}
	*ret_port = p;
	return 0;
}

struct lmdbport *
lmdbport_close(struct lmdbport *p)
{
	if (!p)
		return NULL;
	close_env(p);
	free(p->path);
	free(p);
	return NULL;
}

/*
 * When the last page of a commit cannot be written, LMDB neither reads nor
 * writes any more. The file is as it was before; opened again, it is as good.
 */
static void
recover(struct lmdbport *p)
{
	MDB_txn *txn;
	int r = mdb_txn_begin(p->env, NULL, MDB_RDONLY, &txn);

	if (r == 0)
		mdb_txn_abort(txn);
	if (r != MDB_PANIC)
		return;
	(void)lmdbport_open_again(p);
}

/* --- transactions ------------------------------------------------------- */

int
lmdbport_begin(struct lmdbport *p)
{
	int r = 0;

	/* Without LMDB's lock it does not know of our reader, and would write
	 * over what that sees. */
	lmdbport_rest(p);
	if (!p->env)
		r = open_env(p);
	return error_of(r ? r : mdb_txn_begin(p->env, NULL, 0, &p->writer));
}

int
lmdbport_commit(struct lmdbport *p)
{
	int r = mdb_txn_commit(p->writer);

	p->writer = NULL;
	if (r != 0)
		recover(p);
	return error_of(r);
}

void
lmdbport_abort(struct lmdbport *p)
{
	if (p->writer)
		mdb_txn_abort(p->writer);
	p->writer = NULL;
}

void
lmdbport_rest(struct lmdbport *p)
{
	if (p->is_reading)
		mdb_txn_reset(p->reader);
	p->is_reading = false;
}

/* What to read by. */
static int
reader_of(struct lmdbport *p, MDB_txn **ret_txn)
{
	int r = 0;

	*ret_txn = p->writer;
	if (p->writer)
		return 0;
	if (!p->env)
		r = open_env(p);
	if (r == 0 && !p->reader)
		r = mdb_txn_begin(p->env, NULL, MDB_RDONLY, &p->reader);
	else if (r == 0 && !p->is_reading)
		r = mdb_txn_renew(p->reader);
	if (r != 0)
		return error_of(r);
	p->is_reading = true;
	*ret_txn = p->reader;
	return 0;
}

/* --- entries ------------------------------------------------------------ */

int
lmdbport_put(struct lmdbport *p, enum lmdbport_table table, struct slice key,
	     struct slice value, bool is_last)
{
	MDB_val k = val_of(key), v = val_of(value);

	return error_of(mdb_put(p->writer, p->tables[table], &k, &v,
				is_last ? MDB_APPEND : 0));
}

int
lmdbport_delete(struct lmdbport *p, enum lmdbport_table table,
		struct slice key)
{
	MDB_val k = val_of(key);
	int r = mdb_del(p->writer, p->tables[table], &k, NULL);

	return r == MDB_NOTFOUND ? 0 : error_of(r);
}

int
lmdbport_get(struct lmdbport *p, enum lmdbport_table table, struct slice key,
	     struct slice *ret_value)
{
	MDB_val k = val_of(key), v;
	MDB_txn *txn;
	int r = reader_of(p, &txn);

	if (r == 0)
		r = error_of(mdb_get(txn, p->tables[table], &k, &v));
	if (r == 0)
		*ret_value = slice_of_val(v);
	return r;
}

static int
open_cursor(struct lmdbport *p, enum lmdbport_table table,
	    MDB_cursor **ret_cursor)
{
	MDB_txn *txn;
	int r = reader_of(p, &txn);

	return r < 0 ? r : error_of(mdb_cursor_open(txn, p->tables[table],
						    ret_cursor));
}

/* LMDB has no empty keys: one stands for the first entry. */
static int
seek(MDB_cursor *cursor, struct slice key, MDB_val *k, MDB_val *v)
{
	*k = val_of(key);
	return error_of(mdb_cursor_get(cursor, k, v, key.len ? MDB_SET_RANGE :
							       MDB_FIRST));
}

int
lmdbport_from(struct lmdbport *p, enum lmdbport_table table, struct slice key,
	      struct slice *ret_key, struct slice *ret_value)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = open_cursor(p, table, &cursor);

	if (r < 0)
		return r;
	r = seek(cursor, key, &k, &v);
	mdb_cursor_close(cursor);
	if (r == 0) {
		*ret_key = slice_of_val(k);
		*ret_value = slice_of_val(v);
	}
	return r;
}

int
lmdbport_walk(struct lmdbport *p, enum lmdbport_table table, struct slice key,
	      lmdbport_on_entry *on_entry, void *user)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	int r = open_cursor(p, table, &cursor);

	if (r < 0)
		return r;
	r = seek(cursor, key, &k, &v);
	while (r == 0) {
		r = on_entry(user, slice_of_val(k), slice_of_val(v));
		if (r == 0)
			r = error_of(mdb_cursor_get(cursor, &k, &v, MDB_NEXT));
	}
	mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

int
lmdbport_count(struct lmdbport *p, enum lmdbport_table table,
	       uint64_t *ret_count)
{
	MDB_stat stat;
	MDB_txn *txn;
	int r = reader_of(p, &txn);

	if (r == 0)
		r = error_of(mdb_stat(txn, p->tables[table], &stat));
	if (r == 0)
		*ret_count = stat.ms_entries;
	return r;
}

int
lmdbport_free_pages(struct lmdbport *p, uint64_t *ret_pages)
{
	enum { FREE_TABLE = 0 };	/* LMDB's own */
	MDB_cursor *cursor = NULL;
	MDB_val k, v;
	MDB_txn *txn;
	int r = reader_of(p, &txn);

	*ret_pages = 0;
	if (r == 0)
		r = error_of(mdb_cursor_open(txn, FREE_TABLE, &cursor));
	/* Each entry begins with the number of pages that it lists. */
	while (r == 0) {
		r = error_of(mdb_cursor_get(cursor, &k, &v, MDB_NEXT));
		if (r == 0 && (v.mv_size < sizeof(size_t) ||
			       v.mv_size / sizeof(size_t) - 1 <
			       *(const size_t *)v.mv_data))
			r = -EBADMSG;
		if (r == 0)
			*ret_pages += *(const size_t *)v.mv_data;
	}
	if (cursor)
		mdb_cursor_close(cursor);
	return r == -ENOENT ? 0 : r;
}

int
lmdbport_copy(struct lmdbport *p, const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r = fd < 0 ? errno : 0;

	lmdbport_rest(p);
	if (r == 0 && !p->env)
		r = open_env(p);
	if (r == 0)
		r = mdb_env_copyfd2(p->env, fd, MDB_CP_COMPACT);
	if (fd >= 0)
		close(fd);
	return error_of(r);
}

int
lmdbport_open_again(struct lmdbport *p)
{
	close_env(p);
	return error_of(open_env(p));
}

uint64_t
lmdbport_page_bytes(struct lmdbport *p)
{
	MDB_stat stat;

	return p->env && mdb_env_stat(p->env, &stat) == 0 ? stat.ms_psize : 0;
}

uint64_t
lmdbport_file_bytes(struct lmdbport *p)
{
	MDB_envinfo info;

	if (!p->env || mdb_env_info(p->env, &info) != 0)
		return 0;
	return ((uint64_t)info.me_last_pgno + 1) * lmdbport_page_bytes(p);
}
