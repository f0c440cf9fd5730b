/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/listen_make.h"
#include "lib/base/units.h"

enum {
	UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

static int
parse_mode(const char *text, mode_t *ret_mode, struct listen_fault *f)
{
	mode_t mode = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '7' && p - text < 5; p++)
		mode = mode << 3 | (mode_t)(*p - '0');
	if (p == text || *p || mode > 0777)
		return listen_refuse(f, EINVAL, EX_USAGE,
			     "--listen-mode %.40s is not an octal mode such "
			     "as 0660.", text);
	*ret_mode = mode;
	return 0;
}

static int
parse_group(const char *text, gid_t *ret_gid, struct listen_fault *f)
{
	struct group *g = getgrnam(text);
	uint64_t number;

	if (g)
		*ret_gid = g->gr_gid;
	else if (parse_u64(slice_of(text), &number) == 0 && number < UINT32_MAX)
		*ret_gid = (gid_t)number;
	else
		return listen_refuse(f, EINVAL, EX_CONFIG,
			     "--listen-group: there is no group %.80s. The "
			     "group of the web server is www-data on Debian.",
			     text);
	return 0;
}

/* A file is in the way: removes it if it is a socket that nobody serves. */
static int
clear_path(const struct sockaddr_un *un, const char *option,
	   struct listen_fault *f)
{
	const char *path = un->sun_path;
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 :
			listen_refuse(f, errno, EX_CANTCREAT,
			      "The path %s cannot be looked up: %s.", path,
			      strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return listen_refuse(f, EEXIST, EX_CANTCREAT,
			     "%s is there and is not a socket. Remove it, or "
			     "choose another path for %s.", path, option);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return listen_refuse(f, errno, EX_OSERR, "Cannot make a socket: %s.",
			     strerror(errno));
	r = connect(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 ? errno :
								       0;
	close(fd);
	if (r == ENOENT)
		return 0;
	if (r == EACCES)
		return listen_refuse(f, r, EX_NOPERM,
			     "%s belongs to another user's program, which may "
			     "be using it. Stop that one, or remove the file "
			     "if it has ended, or choose another path for "
			     "%s.", path, option);
	if (r != ECONNREFUSED)
		return listen_refuse(f, EADDRINUSE, EX_CANTCREAT,
			     "%s belongs to another program, which may be "
			     "using it. Stop that one, or choose another path "
			     "for %s.", path, option);
	if (unlink(path) < 0 && errno != ENOENT)
		return listen_refuse(f, errno, EX_CANTCREAT,
			     "The old socket %s cannot be removed: %s.", path,
			     strerror(errno));
	return 0;
}

static int
bind_path(int fd, const struct sockaddr_un *un, mode_t mode,
	  struct listen_fault *f)
{
	mode_t old = umask(0777 & ~mode);
	int r = bind(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 ?
			errno : 0;

	umask(old);
	if (r == 0)
		return 0;
	return listen_refuse(f, r, r == EACCES || r == EROFS ? EX_NOPERM :
						       EX_CANTCREAT,
		     "Cannot make the socket %s: %s.%s", un->sun_path,
		     strerror(r),
		     r == ENOENT ? " Its folder must be there first." :
		     r == EACCES ? " This user must be able to write into its "
				   "folder." : "");
}

/*
 * The folder is locked from the check to listen(), so that of two programs
 * that start at once one does not remove the other's new socket. Without a
 * lock (a folder that may not be read) the rest still holds.
 */
static int
lock_folder(const char *path)
{
	char folder[UNIX_PATH_MAX_BYTES + 1];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 0;
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", (int)len, path);
	fd = open(len ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
make_in_folder(struct listener *l, const struct listen_config *c,
	       const struct sockaddr_un *un, struct listen_fault *f)
{
	mode_t mode = 0660;
	gid_t gid = (gid_t)-1;
	int r;

	r = c->mode ? parse_mode(c->mode, &mode, f) : 0;
	if (r == 0 && c->group)
		r = parse_group(c->group, &gid, f);
	if (r == 0)
		r = clear_path(un, listen_option(c), f);
	if (r == 0)
		r = bind_path(l->fd, un, mode, f);
	if (r < 0)
		return r;
	l->path = strdup(un->sun_path);
	if (!l->path)
		return listen_refuse(f, ENOMEM, EX_OSERR, "Out of memory.");
	if (c->group && lchown(un->sun_path, (uid_t)-1, gid) < 0)
		return listen_refuse(f, errno, EX_NOPERM,
			     "The socket %s cannot be given to group %.80s: "
			     "%s. This user must be a member of it.",
			     un->sun_path, c->group, strerror(errno));
	return listen_finish(l, c, f);
}

int
listen_make_unix(struct listener *l, const struct listen_config *c, const char *path,
	  struct listen_fault *f)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int lock, r;

	if (*path == '\0' || strlen(path) > UNIX_PATH_MAX_BYTES)
		return listen_refuse(f, *path ? ENAMETOOLONG : EINVAL, EX_USAGE,
			     *path ? "The path in %s has %zu bytes; a "
				     "unix socket may have %d. Choose a "
				     "shorter one." :
				     "%s unix: needs a path (%zu of at "
				     "most %d bytes).",
			     listen_option(c), strlen(path),
			     (int)UNIX_PATH_MAX_BYTES);
	memcpy(un.sun_path, path, strlen(path));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return listen_refuse(f, errno, EX_OSERR, "Cannot make a socket: %s.",
			     strerror(errno));
	lock = lock_folder(path);
	r = make_in_folder(l, c, &un, f);
	if (lock >= 0)
		close(lock);
	return r;
}
