/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "hub/stored.h"
#include "lib/base/clock.h"
#include "lib/base/netfs.h"

enum {
	LOCK_AGAIN_MS = 20,
	ROOM_LEAST = 1 << 20,	/* less free than this is a full disk */
	MEMORY_SIZE = 24,	/* magic, epoch, number */
};

static const char memory_magic[8] = "sse-last";

int
store_dir_path(const struct store_dir *d, const char *name, char *out,
	       size_t size)
{
	int n = snprintf(out, size, "%s/%s", d->path, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

void
store_dir_share(const struct store_dir *d, const char *path)
{
	struct stat st;
	int fd;

	if (d->group == (gid_t)-1)
		return;
	/* The group may write in the directory: what is there now under this
	 * name may be a link to somebody else's file. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    fchown(fd, (uid_t)-1, d->group) == 0)
		(void)fchmod(fd, 0660);
	close(fd);
}

int
store_dir_sync(const struct store_dir *d)
{
	int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return r;
}

bool
store_dir_is_full(const struct store_dir *d, uint64_t file_bytes)
{
	struct rlimit limit;
	struct statvfs fs;

	if (statvfs(d->path, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < ROOM_LEAST)
		return true;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY &&
	       file_bytes + ROOM_LEAST > limit.rlim_cur;
}

int
store_dir_put_aside(const struct store_dir *d, const char *name, bool is_kept,
		    char *ret_path, size_t size)
{
	char from[STORE_PATH_MAX + 32], when[32];
	time_t now = time(NULL);
	struct tm tm;

	if (store_dir_path(d, name, from, sizeof(from)) < 0)
		return -ENAMETOOLONG;
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", gmtime_r(&now, &tm));
	if ((size_t)snprintf(ret_path, size, "%s.damaged-%s-%ld", from, when,
			     (long)getpid()) >= size)
		return -ENAMETOOLONG;
	/* Not every file system has links; then there is a moment without. */
	if (is_kept && link(from, ret_path) == 0)
		return 0;
	return rename(from, ret_path) < 0 ? -errno : 0;
}

/* Whether files there are somebody else's as well, over a network. */
static bool
is_remote(int fd)
{
#ifdef __linux__
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       netfs_of_type((unsigned long)fs.f_type) == NETFS_REMOTE;
#else
	(void)fd;
	return false;
#endif
}

static int
fail(int error, const char *what, const char *path, char *why, size_t size)
{
	snprintf(why, size, "Cannot %s %s: %s. Make it a directory in which this user may write, name another one with --store, or say --store memory.",
		 what, path, strerror(error));
	return -error;
}

static int
fail_lock(int error, const char *what, const struct store_dir *d,
	  const char *path, char *why, size_t size)
{
	/* One that is there is somebody's: the directory is not what is wrong. */
	if (access(path, F_OK) < 0)
		return fail(error, "write in", d->path, why, size);
	snprintf(why, size, "Cannot %s %s: %s. Let the user whose store it is run this, name another directory with --store, or say --store memory.",
		 what, path, strerror(error));
	return -error;
}

static int
take_lock(struct store_dir *d, int wait_ms, char *why, size_t size)
{
	int64_t until_ms = clock_mono_ms() + wait_ms;
	char path[STORE_PATH_MAX + 32];

	if (store_dir_path(d, STORE_DIR_LOCK, path, sizeof(path)) < 0)
		return fail(ENAMETOOLONG, "lock", d->path, why, size);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return fail_lock(errno, "open", d, path, why, size);
	store_dir_share(d, path);
	while (flock(d->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_lock(errno, "lock", d, path, why, size);
		if (clock_mono_ms() >= until_ms) {
			snprintf(why, size, "The store in %s is in use by another hub. Each hub has a store of its own: end that one, or name another directory with --store.",
				 d->path);
			return -EBUSY;
		}
		(void)poll(NULL, 0, LOCK_AGAIN_MS);
	}
	return 0;
}

/* Opens a directory that can hold a store, for a look. 0 or -errno. */
static int
look(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool remote;

	if (fd < 0)
		return fail(errno, "open", path, why, size);
	remote = is_remote(fd);
	close(fd);
	if (!remote)
		return 0;
	snprintf(why, size, "%s is on a network file system, where a store cannot be kept safely. Name a directory on a local disk with --store, or say --store memory.",
		 path);
	return -EREMOTE;
}

int
store_dir_check(const char *path, char *why, size_t size)
{
	char parent[STORE_PATH_MAX];
	size_t len = strlen(path);
	struct stat st;

	if (len >= sizeof(parent))
		return fail(ENAMETOOLONG, "use", path, why, size);
	if (stat(path, &st) == 0 || errno != ENOENT)
		return access(path, R_OK | W_OK | X_OK) < 0 ?
			       fail(errno, "use", path, why, size) :
			       look(path, why, size);
	strcpy(parent, path);
	while (len > 1 && parent[len - 1] == '/')
		parent[--len] = '\0';
	while (len > 1 && parent[len - 1] != '/')
		parent[--len] = '\0';
	return access(parent, W_OK | X_OK) < 0 ?
		       fail(errno, "make", path, why, size) :
		       look(parent, why, size);
}

/* Of a directory that was just made, and not of what was put in its place. */
static void
share_directory(const char *path, gid_t group)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) == 0)
		(void)fchmod(fd, 02770);
	close(fd);
}

int
store_dir_open(struct store_dir *d, const char *path, gid_t group, int wait_ms,
	       char *why, size_t size)
{
	bool is_made;
	int r;

	d->lock = -1;
	d->group = group;
	if (strlen(path) >= sizeof(d->path))
		return fail(ENAMETOOLONG, "use", path, why, size);
	strcpy(d->path, path);
	is_made = mkdir(path, group == (gid_t)-1 ? 0700 : 0770) == 0;
	if (!is_made && errno != EEXIST)
		return fail(errno, "make", path, why, size);
	if (is_made)
		share_directory(path, group);
	r = look(path, why, size);
	if (r < 0)
		return r;
	r = take_lock(d, wait_ms, why, size);
	if (r < 0)
		store_dir_close(d);
	return r;
}

void
store_dir_remember(const struct store_dir *d, uint64_t epoch, uint64_t last)
{
	char text[MEMORY_SIZE];

	memcpy(text, memory_magic, sizeof(memory_magic));
	stored_put_u64(text + 8, epoch);
	stored_put_u64(text + 16, last);
	(void)!pwrite(d->lock, text, sizeof(text), 0);
}

uint64_t
store_dir_remembered(const struct store_dir *d, uint64_t epoch)
{
	char text[MEMORY_SIZE];

	if (pread(d->lock, text, sizeof(text), 0) != sizeof(text) ||
	    memcmp(text, memory_magic, sizeof(memory_magic)) != 0 ||
	    stored_get_u64(text + 8) != epoch)
		return 0;
	return stored_get_u64(text + 16);
}

void
store_dir_close(struct store_dir *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}
