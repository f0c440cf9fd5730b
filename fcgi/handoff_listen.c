/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/handoff.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,		/* a burst of programs must not see BUSY */
	/* For the workers of one that was killed to let go of the socket:
	 * nobody tries again later. */
	LET_GO_MS = 500,
	LOOK_MS = 25,
};

static int
set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* Whether the file at `path` is still the one that is open as `fd`. */
static bool
is_same_file(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
	       open_one.st_dev == named.st_dev &&
	       open_one.st_ino == named.st_ino;
}

/*
 * Finding a dead socket, removing it and binding anew are three steps; the
 * lock keeps a second process from doing them in between. The lock's file goes
 * away with the lock, so one that was waited for may be gone: then again.
 */
static int
lock_take(const char *lock_path)
{
	for (;;) {
		int fd = open(lock_path,
			      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		int r;

		if (fd < 0)
			return -errno;
		r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
		if (r == 0 && is_same_file(fd, lock_path))
			return fd;
		close(fd);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

static void
lock_drop(int fd, const char *lock_path)
{
	unlink(lock_path);
	close(fd);
}

enum holder {
	HOLDER_NONE,		/* nobody listens there */
	HOLDER_ORPHANS,		/* children of one that is dead */
	HOLDER_ALIVE,
};

/* Who had the socket listen; another process may have it by now. */
static bool
is_maker_dead(int fd)
{
	struct ucred maker = { 0 };
	socklen_t len = sizeof(maker);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &len) == 0 &&
	       maker.pid > 0 && kill(maker.pid, 0) < 0 && errno == ESRCH;
}

/* A full backlog is somebody too. */
static enum holder
find_holder(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	enum holder holder = HOLDER_ALIVE;

	if (fd < 0)
		return HOLDER_ALIVE;
	if (set_flags(fd) == 0) {
		if (connect(fd, (const struct sockaddr *)address,
			    sizeof(*address)) == 0)
			holder = is_maker_dead(fd) ? HOLDER_ORPHANS :
						     HOLDER_ALIVE;
		/* EPROTOTYPE: a living socket of another kind */
		else if (errno == ECONNREFUSED || errno == ENOENT)
			holder = HOLDER_NONE;
	}
	close(fd);
	return holder;
}

static bool
stays_alive(const struct sockaddr_un *address)
{
	enum holder holder = find_holder(address);
	int left_ms = LET_GO_MS;

	while (holder == HOLDER_ORPHANS && left_ms > 0) {
		(void)poll(NULL, 0, LOOK_MS);
		left_ms -= LOOK_MS;
		holder = find_holder(address);
	}
	return holder != HOLDER_NONE;
}

/* Makes way at `path`. 0 when nothing is left there. */
static int
clear_path(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (stays_alive(address))
		return -EADDRINUSE;
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int
bind_and_listen(const struct sockaddr_un *address)
{
	int fd, r;

	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd < 0)
		return -errno;
	r = set_flags(fd);
	if (r < 0)
		goto out_close;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		r = -errno;
		goto out_close;
	}
	/* Nobody can connect between the two: it does not listen yet. */
	if (chmod(address->sun_path, 0600) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(address->sun_path);
		goto out_close;
	}
	return fd;

out_close:
	close(fd);
	return r;
}

static int
say(char *error, size_t size, const char *path, int r)
{
	switch (r) {
	case -ENAMETOOLONG:
		snprintf(error, size,
			 "The path of a unix socket has at most %zu bytes; "
			 "choose a shorter one with --handoff than %.200s.",
			 sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
			 path);
		break;
	case -EADDRINUSE:
		snprintf(error, size,
			 "Another process listens on the hand-over socket %s; "
			 "stop it or choose another path with --handoff.",
			 path);
		break;
	case -EEXIST:
		snprintf(error, size,
			 "The hand-over socket cannot be made: %s is there and "
			 "is not a socket; remove it or choose another path "
			 "with --handoff.", path);
		break;
	default:
		snprintf(error, size,
			 "The hand-over socket %s cannot be made: %s.", path,
			 strerror(-r));
		break;
	}
	return r;
}

int
handoff_listen(const char *path, char *error, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char lock_path[sizeof(address.sun_path) + sizeof(".lock")];
	int lock, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return say(error, size, path, -ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path) + 1);
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);

	lock = lock_take(lock_path);
	if (lock < 0)
		return say(error, size, path, lock);
	r = clear_path(&address);
	if (r == 0)
		r = bind_and_listen(&address);
	lock_drop(lock, lock_path);
	return r < 0 ? say(error, size, path, r) : r;
}

void
handoff_unlisten(int fd, const char *path)
{
	if (fd < 0)
		return;
	/* Removed first: whoever connects next finds nobody, at once. */
	unlink(path);
	close(fd);
}
