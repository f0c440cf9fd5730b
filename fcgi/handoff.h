/* SPDX-License-Identifier: MIT */
/*
 * handoff: the worker's door for requests that other programs hand over
 * (sse_handoff in include/sse-fcgi/fcgx.h).
 *
 * A program connects to a unix socket of packets, sends one message with the
 * request's descriptor and gets one answer: "OK", "BUSY" or "ERR reason". Only
 * our own user and root may.
 *
 * The request changes hands in the moment OK is sent: a program that gave up
 * waiting has shut its socket before, sending fails then, and nothing has
 * touched the descriptor. That is why `ask` and `take` are two calls. A peer
 * that says nothing costs a descriptor until its deadline, and when too many
 * wait the oldest goes.
 */
#ifndef FCGI_HANDOFF_H
#define FCGI_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/loop/loop.h"

#include "fcgi/subscription.h"

enum {
	HANDOFF_WAITING_MAX = 64,	/* peers that have not sent yet */
	HANDOFF_DEADLINE_MS = 2000,	/* ten times what the library waits */
};

struct handoff {
	int fd;			/* owned; not blocking; -1: none */
	uint16_t request_id;
	uint16_t role;		/* that of a responder */
	/*
	 * The web server would send its next request here. Close it at the end
	 * all the same: the program cannot take the connection back.
	 */
	bool keep;
	struct buf headers;	/* whole lines, each ends with CR LF */
	struct subscription subscription;	/* sealed; granted throughout */
};

void handoff_done(struct handoff *h);	/* closes the descriptor too */

struct handoff_ops {
	/* Whether this one can be taken: 0, or -EBUSY. It changes nothing. */
	int (*ask)(void *user, const struct handoff *h);
	/*
	 * It is ours now, and must be answered. Move out of `h` what is to stay
	 * (and set h->fd = -1); the rest is freed on return.
	 */
	void (*take)(void *user, struct handoff *h);
	/* A peer was turned away, as half a sentence says. May be NULL. */
	void (*refused)(void *user, const char *why);
};

/*
 * Makes the listening socket: mode 0600, not blocking, closed on exec. The
 * file of a dead process is replaced, that of a living one never. Returns the
 * descriptor, or with a whole sentence in `error`: -ENAMETOOLONG (a unix
 * socket takes 107 bytes), -EADDRINUSE (somebody listens there), -EEXIST (it
 * is there and not a socket), or -errno.
 */
int handoff_listen(const char *path, char *error, size_t size);

/* Closes what handoff_listen made and removes its file. */
void handoff_unlisten(int fd, const char *path);

struct handoff_server;

/*
 * Serves `listen_fd` (borrowed, it may be shared with other processes) from
 * the loop (borrowed). `ops` and `user` are borrowed. 0, -ENOMEM or -errno.
 */
int handoff_server_new(struct loop *l, int listen_fd,
		       const struct handoff_ops *ops, void *user,
		       struct handoff_server **ret_server);

/* Stops serving; waiting peers are turned away. At the end of a turn
 * (loop_on_turn) or outside the loop only. NULL is fine; returns NULL. */
struct handoff_server *handoff_server_free(struct handoff_server *s);

#endif
