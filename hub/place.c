/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/logging.h"

static bool
is_fallback(const struct bus_address *bus)
{
	return bus->origin == BUS_XDG || bus->origin == BUS_TMP;
}

int
place_prepare(const struct bus_address *bus)
{
	char why[1024];
	int r;

	if (bus->is_tcp)
		return 0;
	if (is_fallback(bus) && mkdir(bus->path, 0700) < 0 && errno != EEXIST) {
		log_error("cannot make the bus directory %s: %s; name another one with --bus",
			  bus->path, strerror(errno));
		return EX_CANTCREAT;
	}
	r = bus_address_check_directory(bus, why, sizeof(why));
	if (r == -ENOENT) {
		log_error("the bus directory %s does not exist; make it (mkdir -m 0750 %s), or \"sudo sse-fcgi --setup\" for the common one",
			  bus->path, bus->path);
		return EX_CANTCREAT;
	}
	if (r < 0) {
		log_error("%s", why);
		return r == -EPERM || r == -EACCES ? EX_NOPERM : EX_CANTCREAT;
	}
	return 0;
}

static int
refuse(const char *path, int error)
{
	struct stat st;

	if (error == EACCES && lstat(path, &st) == 0 && st.st_uid != geteuid())
		log_error("cannot lock %s: a hub of another user made it; let that user run this one, or give it a bus directory of its own with --bus",
			  path);
	else
		log_error("cannot lock %s: %s; the hub needs a directory in which it may write",
			  path, strerror(error));
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_CANTCREAT;
}

gid_t
place_directory_group(const struct bus_address *bus)
{
	struct stat st;

	if (bus->is_tcp || stat(bus->path, &st) < 0 || !(st.st_mode & S_IWGRP))
		return (gid_t)-1;
	return st.st_gid;
}

static int
lock_file(const struct bus_address *bus, struct place_lock *ret_lock)
{
	char path[BUS_PATH_MAX + 16];
	gid_t group = place_directory_group(bus);
	int fd;

	snprintf(path, sizeof(path), "%s/hub.lock", bus->path);
	/* Only who may write here may open it: who can open it can hold it. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return refuse(path, errno);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;

		close(fd);
		return error == EWOULDBLOCK ? PLACE_HELD : refuse(path, error);
	}
	/* It stays behind, and the next hub may be another member's. */
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) == 0)
		(void)fchmod(fd, 0660);
	ret_lock->fd = fd;
	return 0;
}

static int
lock_name(const struct bus_address *bus, struct place_lock *ret_lock)
{
#ifdef __linux__
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, len;

	len = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1,
		       "sse-hub %.80s:%u", bus->host, bus->port);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(bus->path, errno);
	if (bind(fd, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)len)) < 0) {
		int error = errno;

		close(fd);
		return error == EADDRINUSE ? PLACE_HELD :
					     refuse(bus->path, error);
	}
	ret_lock->fd = fd;
#else
	(void)bus;		/* the ports themselves have to do */
	(void)ret_lock;
#endif
	return 0;
}

int
place_lock(const struct bus_address *bus, struct place_lock *ret_lock)
{
	ret_lock->fd = -1;
	return bus->is_tcp ? lock_name(bus, ret_lock) :
			     lock_file(bus, ret_lock);
}

void
place_unlock(struct place_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}

gid_t
place_group(void)
{
	const struct group *group = getgrnam(PLACE_GROUP);

	return group ? group->gr_gid : (gid_t)-1;
}

void
place_notice(const struct bus_address *bus, gid_t group, bool has_group)
{
	const struct passwd *me = getpwuid(geteuid());
	char name[64];

	if (bus->is_tcp || (!is_fallback(bus) && has_group) ||
	    (bus->origin == BUS_GIVEN && group == (gid_t)-1))
		return;
	if (me)
		snprintf(name, sizeof(name), "%s", me->pw_name);
	else
		snprintf(name, sizeof(name), "%lu", (unsigned long)geteuid());
	log_notice("only user %s%s and root can publish at %s; to let the members of group "
		   PLACE_GROUP " publish, run once: sudo sse-fcgi --setup",
		   name, is_fallback(bus) ? "" : ", its group", bus->path);
}
