/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgi/complain.h"
#include "cgi/launch.h"
#include "lib/base/clock.h"

enum {
	/* between two looks whether the service is there */
	NAP_MS = 20,
	/* by one request: one that ended may have served others, and been
	 * idle, before this one came to it */
	STARTS = 3,
};

static int
find(struct reach *r, const char *const *roots, char *error, size_t size)
{
	const struct settings *s = r->settings;
	const char *socket = s->socket;
	int e;

	if (!socket && !s->state &&
	    access(HOME_SYSTEM "/worker.sock", W_OK) == 0)
		socket = HOME_SYSTEM "/worker.sock";
	if (socket) {
		if ((size_t)snprintf(r->socket, sizeof(r->socket), "%s",
				     socket) < sizeof(r->socket))
			return 0;
		snprintf(error, size, "The path of SSE_CGI_SOCKET is too long "
			 "for a socket.");
		return -ENAMETOOLONG;
	}
	e = home_find(s->state, roots, &r->home, error, size);
	if (e == 0)
		e = home_make(&r->home, error, size);
	snprintf(r->socket, sizeof(r->socket), "%s/worker.sock", r->home.path);
	return e;
}

/* What the web server shows, and what must never hold our files. */
static void
find_roots(const char *roots[3])
{
	static const char *const names[] = { "DOCUMENT_ROOT",
					     "CONTEXT_DOCUMENT_ROOT" };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		roots[n] = getenv(names[i]);
		n += roots[n] && roots[n][0];
	}
	roots[n] = NULL;
}

int
reach_find(struct reach *r, char *error, size_t size)
{
	const char *roots[3];
	int e;

	find_roots(roots);
	e = find(r, roots, error, size);
	if (e < 0 || !(r->home.note[0] || reach_is_fleeting(r)) ||
	    !home_is_to_tell(&r->home))
		return e;
	if (r->home.note[0])
		complain("%s", r->home.note);
	if (reach_is_fleeting(r))
		complain("No service may stay (cgi-stay), so every page polls "
			 "what is in the store.");
	return 0;
}

/* The descriptor or -errno; -EAGAIN: it has no room for another one now. */
static int
connect_to(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* The descriptor; -EWOULDBLOCK: a service has it; -errno. */
static int
take_lock(const struct home *h)
{
	char path[sizeof(h->path) + 16];
	int fd, r;

	snprintf(path, sizeof(path), "%s/service.lock", h->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/*
 * Nobody is there. Under the lock that is looked at again: one may have come
 * meanwhile that nobody locks for. 0: one is on its way; or the descriptor.
 */
static int
start(struct reach *r, unsigned *starts, char *error, size_t size)
{
	struct launch l = {
		.settings = r->settings,
		.home = &r->home,
		.way = r->settings->stay ? LAUNCH_STAYS : LAUNCH_ENDS,
		.lock = take_lock(&r->home),
	};
	int e;

	if (l.lock == -EWOULDBLOCK)
		return 0;
	if (l.lock < 0) {
		snprintf(error, size, "%s/service.lock cannot be locked: %s.",
			 r->home.path, strerror(-l.lock));
		return l.lock;
	}
	e = connect_to(r->socket);
	if (e < 0 && *starts == STARTS) {
		snprintf(error, size, "The service ended as soon as it was "
			 "started; %s/log says why.", r->home.path);
		e = -ECHILD;
	} else if (e < 0) {
		++*starts;
		e = launch_service(&l, &r->child, error, size);
	}
	close(l.lock);
	return e;
}

/* What is to be waited for, or started, is not there yet. */
static bool
is_absent(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -EAGAIN;
}

int
reach_worker(struct reach *r, int64_t deadline_ms, char *error, size_t size)
{
	unsigned starts = 0;
	int fd;

	for (;;) {
		fd = connect_to(r->socket);
		if (fd >= 0)
			return fd;
		if (!is_absent(fd) || (fd != -EAGAIN && !r->home.path[0]))
			break;
		if (fd != -EAGAIN) {
			fd = start(r, &starts, error, size);
			if (fd != 0)
				return fd;
		}
		if (clock_mono_ms() >= deadline_ms) {
			fd = -ETIMEDOUT;
			break;
		}
		(void)poll(NULL, 0, NAP_MS);
	}
	snprintf(error, size, "No worker answers at %s: %s.", r->socket,
		 strerror(-fd));
	return is_absent(fd) ? -ECONNREFUSED : fd;
}

int
reach_bus(struct reach *r, int fd, int64_t deadline_ms, char *error,
	  size_t size)
{
	char path[sizeof(r->home.path) + 16];
	int bus;

	close(fd);
	if (!r->home.path[0])
		return 0;
	snprintf(path, sizeof(path), "%s/publish", r->home.path);
	while ((bus = connect_to(path)) < 0 && bus != -EAGAIN) {
		if (clock_mono_ms() >= deadline_ms) {
			snprintf(error, size, "No hub can be published to at "
				 "%s; %s/log may say why.", r->home.path,
				 r->home.path);
			return -ETIMEDOUT;
		}
		(void)poll(NULL, 0, NAP_MS);
	}
	if (bus >= 0)
		close(bus);
	return 0;
}

bool
reach_may_pass(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -ETIMEDOUT ||
	       error == -ECHILD || error == -ECONNREFUSED ||
	       error == -EMFILE || error == -ENFILE;
}

void
reach_done(struct reach *r)
{
	if (r->child <= 0)
		return;
	(void)kill(r->child, SIGTERM);
	while (waitpid(r->child, NULL, 0) < 0 && errno == EINTR)
		;
	r->child = 0;
}
