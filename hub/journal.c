/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/stored.h"

enum { HEAD = 16 };		/* magic and epoch */

static const char magic[8] = "sse-jrn1";

int
journal_open(struct journal *j, const char *path, mode_t mode)
{
	j->bytes = 0;
	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
	return j->fd < 0 ? -errno : 0;
}

void
journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* Returns the bytes of whole records, or what on_record said. */
static ssize_t
walk(struct slice rest, store_on_record *on_record, void *user)
{
	const char *begin = rest.p;
	struct store_record record;
	size_t len;
	int r;

	while ((len = stored_length(rest)) > 0) {
		if (stored_parse((struct slice){ rest.p, len }, true,
				 &record) < 0)
			break;
		r = on_record(user, &record);
		if (r != 0)
			return r;
		rest.p += len;
		rest.len -= len;
	}
	return rest.p - begin;
}

/* What stands behind the head, which is there. Returns as walk does. */
static ssize_t
read_all(int fd, size_t size, uint64_t epoch, store_on_record *on_record,
	 void *user, uint64_t *ret_epoch)
{
	char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	ssize_t n;

	if (p == MAP_FAILED)
		return -errno;
	*ret_epoch = stored_get_u64(p + sizeof(magic));
	if (memcmp(p, magic, sizeof(magic)) != 0)
		n = -EBADMSG;
	else if (*ret_epoch != epoch && size > HEAD)
		n = -EINVAL;
	else
		n = walk((struct slice){ p + HEAD, size - HEAD }, on_record,
			 user);
	munmap(p, size);
	return n;
}

int
journal_load(struct journal *j, uint64_t epoch, store_on_record *on_record,
	     void *user, uint64_t *ret_cut, uint64_t *ret_epoch)
{
	struct stat st;
	ssize_t n;

	*ret_cut = 0;
	*ret_epoch = epoch;
	if (fstat(j->fd, &st) < 0)
		return -errno;
	if (st.st_size < HEAD)	/* new, or cut in its first write */
		return journal_clear(j, epoch);
	n = read_all(j->fd, (size_t)st.st_size, epoch, on_record, user,
		     ret_epoch);
	if (n < 0)
		return (int)n;
	j->bytes = (uint64_t)n;
	*ret_cut = (uint64_t)st.st_size - HEAD - j->bytes;
	if (*ret_cut && ftruncate(j->fd, (off_t)(HEAD + j->bytes)) < 0)
		return -errno;
	return 0;
}

int
journal_read(const char *path, uint64_t epoch, store_on_record *on_record,
	     void *user, uint64_t *ret_cut, uint64_t *ret_epoch)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	ssize_t n = 0;

	*ret_cut = 0;
	*ret_epoch = epoch;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		n = -errno;
	else if (st.st_size >= HEAD)
		n = read_all(fd, (size_t)st.st_size, epoch, on_record, user,
			     ret_epoch);
	if (n >= 0 && st.st_size >= HEAD)
		*ret_cut = (uint64_t)st.st_size - HEAD - (uint64_t)n;
	close(fd);
	return n < 0 ? (int)n : 0;
}

static int
write_at(int fd, const char *p, size_t len, off_t at)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		/* A limit of file size, or a quota, is a full disk as well. */
		if (n == 0 || (n < 0 && (errno == EFBIG || errno == EDQUOT)))
			return -ENOSPC;
		if (n < 0)
			return -errno;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
journal_append(struct journal *j, const char *bytes, size_t len)
{
	off_t at = (off_t)(HEAD + j->bytes);
	int r = write_at(j->fd, bytes, len, at);

	if (r == 0)
		j->bytes += len;
	else
		/* If that fails too: the next one is written over it, and
		 * what is cut is not taken for a record. */
		(void)!ftruncate(j->fd, at);
	return r;
}

int
journal_sync(struct journal *j)
{
	return fsync(j->fd) < 0 ? -errno : 0;
}

int
journal_clear(struct journal *j, uint64_t epoch)
{
	char head[HEAD];
	int r;

	memcpy(head, magic, sizeof(magic));
	stored_put_u64(head + sizeof(magic), epoch);
	/* The head first: a file never begins with anything else. Records that
	 * are still there then have numbers that the store has. */
	r = write_at(j->fd, head, HEAD, 0);
	if (r < 0)
		return r;
	if (ftruncate(j->fd, HEAD) < 0)
		return -errno;
	j->bytes = 0;
	return 0;
}
