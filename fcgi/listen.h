/* SPDX-License-Identifier: MIT */
/*
 * listen: the socket that web servers connect to, found or made.
 *
 * Found: fd 0 when it is a listening socket (lighttpd's bin-path, spawn-fcgi,
 * mod_fcgid, systemd's StandardInput=socket), or fd 3 when LISTEN_FDS and
 * LISTEN_PID say so (systemd). Else made as --listen says. A socket that was
 * handed down goes before --listen, so that a line in /etc/sse-fcgi.conf does
 * not break a worker that the web server starts, and so that a program can
 * exec itself anew.
 *
 * Whoever reaches the socket can claim any REMOTE_USER. So a TCP socket that
 * is open beyond the loopback needs FCGI_WEB_SERVER_ADDRS, the addresses of
 * the web servers (FastCGI 1.0 §3.2).
 */
#ifndef FCGI_LISTEN_H
#define FCGI_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
	LISTEN_BACKLOG = 4096,	/* a full one is a 500 or 502 at once */
	LISTEN_PEERS_MAX = 64,
};

struct listen_config {
	const char *option;	/* what gave the address; NULL: --listen */
	const char *address;	/* --listen; NULL: none given */
	const char *mode;	/* --listen-mode, octal; NULL: 0660 */
	const char *group;	/* --listen-group, name or number; NULL: ours */
	const char *web_servers;	/* FCGI_WEB_SERVER_ADDRS; NULL: unset */
};

enum listen_origin {
	LISTEN_STDIN,		/* fd 0 */
	LISTEN_SYSTEMD,		/* LISTEN_FDS */
	LISTEN_MADE,		/* --listen */
	LISTEN_PASSED,		/* pass.h: a worker's, from its supervisor */
};

struct listener {
	int fd;			/* owned; non-blocking, close-on-exec, not 0-2 */
	enum listen_origin origin;
	bool is_tcp;
	char name[160];		/* "unix:/run/x.sock", "tcp:127.0.0.1:9000" */
	char *path;		/* owned: the file we made; NULL: none */
	char *address;		/* owned: --listen, if we made it; else NULL */
	struct in6_addr *peers;	/* owned: who may connect, IPv4 as mapped */
	size_t n_peers;		/* 0: everybody */
};

struct listen_fault {
	int status;		/* EX_USAGE, EX_CONFIG, EX_NOPERM ... */
	char why[400];		/* a whole sentence with a remedy */
};

/*
 * Finds or makes the socket. An old file of a unix socket is removed only if
 * nobody accepts on it; one in use is waited for, a second at most, because the
 * workers of a supervisor that was killed need a moment to let go. 0, or
 * negative errno with *ret_fault.
 */
int listen_open(const struct listen_config *c, struct listener *ret_listener,
		struct listen_fault *ret_fault);

/* As listen_open, for a socket that is never handed down. */
int listen_make(const struct listen_config *c, struct listener *ret_listener,
		struct listen_fault *ret_fault);

/*
 * Takes over a socket that listen_open of an earlier program in this process
 * made or found. `address` is that of a LISTEN_MADE one. Takes fd also when it
 * fails. 0, or negative errno with *ret_fault.
 */
int listen_adopt(int fd, enum listen_origin origin, const char *address,
		 const struct listen_config *c, struct listener *ret_listener,
		 struct listen_fault *ret_fault);

/* Closes. `remove` deletes a socket file that listen_open made. */
void listen_close(struct listener *l, bool remove);

/*
 * Accepts one connection: non-blocking, close-on-exec, without Nagle's delay.
 * Returns the descriptor; -EAGAIN: none waits; -EPERM: one came from elsewhere
 * and was closed, go on; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: none to spare.
 */
int listen_accept(const struct listener *l);

/* Whether that peer may connect. Unix sockets have permissions instead. */
bool listen_peer_allowed(const struct listener *l, const struct sockaddr *peer);

/*
 * Reads FCGI_WEB_SERVER_ADDRS: numeric addresses with commas between. 0,
 * -ENOMEM, or -EINVAL with *ret_fault.
 */
int listen_parse_peers(const char *text, struct in6_addr **ret_peers,
		       size_t *ret_count, struct listen_fault *ret_fault);

#endif
