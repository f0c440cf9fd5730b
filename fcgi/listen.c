/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/listen_make.h"
#include "fcgi/pass.h"
#include "lib/base/units.h"

enum {
	SYSTEMD_FIRST_FD = 3,	/* sd_listen_fds(3) */
	IN_USE_MS = 1000,	/* how long a socket that is in use is waited for */
	NAP_MS = 20,
};

int
listen_refuse(struct listen_fault *f, int error, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
	f->status = status;
	return -error;
}

const char *
listen_option(const struct listen_config *c)
{
	return c->option ? c->option : "--listen";
}

union address {
	struct sockaddr sa;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

static void
name_listener(struct listener *l, const union address *a)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
		snprintf(l->name, sizeof(l->name), "tcp:[%s]:%u", host,
			 (unsigned)ntohs(a->in6.sin6_port));
	} else if (a->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
		snprintf(l->name, sizeof(l->name), "tcp:%s:%u", host,
			 (unsigned)ntohs(a->in.sin_port));
	} else {
		snprintf(l->name, sizeof(l->name), "unix:%.*s",
			 (int)sizeof(a->un.sun_path), a->un.sun_path);
	}
}

/* The last steps, the same for a socket found and one made. */
int
listen_finish(struct listener *l, const struct listen_config *c,
	      struct listen_fault *f)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(l->fd, &a.sa, &len) < 0)
		return listen_refuse(f, errno, EX_OSERR,
			     "The listening socket cannot be asked for its "
			     "address: %s.", strerror(errno));
	l->is_tcp = a.sa.sa_family == AF_INET || a.sa.sa_family == AF_INET6;
	name_listener(l, &a);
	if (l->is_tcp && c->web_servers) {
		int r = listen_parse_peers(c->web_servers, &l->peers,
					   &l->n_peers, f);

		if (r < 0)
			return r;
	}
	if (l->is_tcp && l->n_peers == 0 && !listen_is_loopback(&a.sa))
		return listen_refuse(f, EPERM, EX_CONFIG,
			     "%s can be reached from other machines, and "
			     "whoever reaches it can claim to be any user. "
			     "Listen on 127.0.0.1 or a unix socket, or set "
			     "FCGI_WEB_SERVER_ADDRS to the addresses of the "
			     "web servers.", l->name);
	if (listen(l->fd, LISTEN_BACKLOG) < 0)
		return listen_refuse(f, errno, EX_OSERR, "Cannot listen on %s: %s.",
			     l->name, strerror(errno));
	return 0;
}

static bool
is_listening(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 &&
	       yes;
}

/* Moves the socket above 2 and puts /dev/null in its place. */
static int
take_stdin(void)
{
	int fd, null;

	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, SYSTEMD_FIRST_FD);
	if (fd < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		/* dup2 leaves close-on-exec off, as fd 0 should have it. */
		(void)dup2(null, STDIN_FILENO);
		close(null);
	}
	return fd;
}

/* The variables are for this process only, not for what it starts. */
static bool
take_systemd(unsigned *ret_count)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t for_pid = 0, count = 0;
	bool ours;

	ours = pid && fds && parse_u64(slice_of(pid), &for_pid) == 0 &&
	       parse_u64(slice_of(fds), &count) == 0 &&
	       for_pid == (uint64_t)getpid() && count > 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret_count = count > 1000 ? 1000 : (unsigned)count;
	return ours;
}

static int
find_systemd(struct listener *l, struct listen_fault *f)
{
	unsigned count;

	if (!take_systemd(&count))
		return 0;
	if (count != 1)
		return listen_refuse(f, EINVAL, EX_CONFIG,
			     "LISTEN_FDS hands down %u sockets, and this "
			     "program serves one. Give the systemd .socket "
			     "unit a single ListenStream=.", count);
	if (!is_listening(SYSTEMD_FIRST_FD))
		return listen_refuse(f, EINVAL, EX_CONFIG,
			     "LISTEN_FDS hands down a descriptor that is not "
			     "a listening stream socket. Use ListenStream= "
			     "and Accept=no in the systemd .socket unit.");
	l->fd = SYSTEMD_FIRST_FD;
	l->origin = LISTEN_SYSTEMD;
	return 1;
}

/* 1: found; 0: none was handed down. */
static int
find(struct listener *l, struct listen_fault *f)
{
	if (!is_listening(STDIN_FILENO))
		return find_systemd(l, f);
	l->origin = LISTEN_STDIN;
	l->fd = take_stdin();
	if (l->fd < 0)
		return listen_refuse(f, -l->fd, EX_OSERR,
			     "The listening socket on descriptor 0 cannot be "
			     "moved: %s.", strerror(-l->fd));
	return 1;
}

static int
make_of(struct listener *l, const struct listen_config *c,
	struct listen_fault *f)
{
	struct slice address = slice_of(c->address);

	if (!c->address)
		return listen_refuse(f, EINVAL, EX_USAGE,
			     "There is no socket to serve: descriptor 0 is "
			     "not a listening one, and LISTEN_FDS is not set. "
			     "Start this from a web server or spawn-fcgi, or "
			     "give --listen unix:PATH.");
	if (slice_starts(address, SLICE_LIT("unix:")))
		return listen_make_unix(l, c, c->address + 5, f);
	if (slice_starts(address, SLICE_LIT("tcp:")))
		return listen_make_tcp(l, c, c->address + 4, f);
	return listen_refuse(f, EINVAL, EX_USAGE,
		     "%s %.100s is neither unix:PATH nor tcp:HOST:PORT.",
		     listen_option(c), c->address);
}

static int
make(struct listener *l, const struct listen_config *c,
     struct listen_fault *f)
{
	int r = make_of(l, c, f), left;

	/* The workers of a supervisor that was killed may have it still. */
	for (left = IN_USE_MS; r == -EADDRINUSE && left > 0; left -= NAP_MS) {
		listen_close(l, false);
		(void)poll(NULL, 0, NAP_MS);
		r = make_of(l, c, f);
	}
	l->origin = LISTEN_MADE;
	if (r < 0)
		return r;
	l->address = strdup(c->address);
	return l->address ? 0 : listen_refuse(f, ENOMEM, EX_OSERR,
					      "Out of memory.");
}

static int
set_flags(const struct listener *l, struct listen_fault *f)
{
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) == 0 &&
	    fcntl(l->fd, F_SETFD, FD_CLOEXEC) == 0)
		return 0;
	return listen_refuse(f, errno, EX_OSERR,
			     "The listening socket cannot be set up: %s.",
			     strerror(errno));
}

int
listen_make(const struct listen_config *c, struct listener *ret_listener,
	    struct listen_fault *ret_fault)
{
	struct listener l = { .fd = -1 };
	int r = make(&l, c, ret_fault);

	if (r == 0)
		r = set_flags(&l, ret_fault);
	if (r < 0)
		listen_close(&l, true);
	else
		*ret_listener = l;
	return r;
}

int
listen_open(const struct listen_config *c, struct listener *ret_listener,
	    struct listen_fault *ret_fault)
{
	struct listener l = { .fd = -1 };
	int r;

	r = find(&l, ret_fault);
	if (r > 0)
		r = listen_finish(&l, c, ret_fault);
	else if (r == 0)
		r = make(&l, c, ret_fault);
	if (r == 0)
		r = set_flags(&l, ret_fault);
	if (r < 0) {
		listen_close(&l, true);
		return r;
	}
	*ret_listener = l;
	return 0;
}

/* What is to be removed at the end, and compared with another --listen. */
static int
remember(struct listener *l, const char *address, struct listen_fault *f)
{
	bool is_file = strncmp(address, "unix:", 5) == 0;

	l->address = strdup(address);
	if (l->address && is_file)
		l->path = strdup(address + 5);
	if (l->address && (l->path || !is_file))
		return 0;
	return listen_refuse(f, ENOMEM, EX_OSERR, "Out of memory.");
}

int
listen_adopt(int fd, enum listen_origin origin, const char *address,
	     const struct listen_config *c, struct listener *ret_listener,
	     struct listen_fault *ret_fault)
{
	struct listener l = { .fd = fd, .origin = origin };
	int r;

	r = set_flags(&l, ret_fault);
	if (r == 0)
		r = listen_finish(&l, c, ret_fault);
	if (r == 0 && origin == LISTEN_MADE)
		r = remember(&l, address, ret_fault);
	if (r < 0) {
		listen_close(&l, false);
		return r;
	}
	*ret_listener = l;
	return 0;
}

void
listen_close(struct listener *l, bool remove)
{
	if (l->path && remove)
		(void)unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l->address);
	free(l->peers);
	*l = (struct listener){ .fd = -1 };
}

int
listen_accept(const struct listener *l)
{
	union address peer = { 0 };
	socklen_t len = sizeof(peer);
	int on = 1, fd;

	if (l->origin == LISTEN_PASSED)
		return pass_receive(l->fd);
	do {
		fd = accept4(l->fd, &peer.sa, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (!listen_peer_allowed(l, &peer.sa)) {
		close(fd);
		return -EPERM;
	}
	if (l->is_tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				 sizeof(on));
	return fd;
}
