/* SPDX-License-Identifier: MIT */
/*
 * door: the sockets that web servers connect to: who comes in is passed on to a
 * worker (pass.h), or answered here while no worker can (standin.h). Workers
 * that share the socket accept by themselves, and only what they cannot take
 * is the door's.
 *
 * When the workers have no room, nobody more is let in; the backlog of the
 * socket is where web servers wait.
 */
#ifndef FCGI_DOOR_H
#define FCGI_DOOR_H

#include <stdbool.h>

#include "fcgi/listen.h"
#include "fcgi/pass.h"
#include "fcgi/settings.h"
#include "fcgi/standin.h"
#include "lib/loop/loop.h"

enum door_mode {
	DOOR_CLOSED,		/* whoever comes waits */
	DOOR_PASSING,
	DOOR_ANSWERING,
};

struct door_side {
	struct loop_io io;
	const struct listener *listener;	/* borrowed; NULL: none */
	bool is_shared;				/* with the workers */
	struct door *door;
};

struct door {
	struct loop *loop;	/* borrowed, as pass */
	const struct pass *pass;
	enum door_mode mode;
	struct door_side sides[2];	/* the address served, the one before */
	struct loop_io room;	/* the way to the workers, while it is full */
	struct loop_timer starved, again;
	struct standin standin;
	int held;		/* let in, and not passed on yet; -1: none */
	bool said;		/* that nobody else answers */
	bool was_used;		/* somebody came since door_is_quiet */
};

/*
 * Whether the workers accept by themselves, which takes a third off what a new
 * stream costs us. Not on a socket that the web server has made (see pass.h),
 * nor where the supervisor must see who comes (--idle-exit).
 */
bool door_is_shared(const struct settings *config, const struct listener *l);

/* `former` may be NULL; it is not shared. 0 or -ENOMEM. */
int door_init(struct door *d, const struct settings *config, struct loop *loop,
	      const struct pass *pass, const struct listener *listener,
	      const struct listener *former);
void door_done(struct door *d);

/* In a forked child: closes what was let in. */
void door_abandon(struct door *d);

void door_pass(struct door *d);		/* a worker can take them */
void door_expect(struct door *d);	/* none can; answers from a moment on */
void door_answer(struct door *d);	/* answers at once */
void door_close(struct door *d);	/* lets nobody in */

/* The former address is given up: its listener is not used any more. */
void door_forget_former(struct door *d);

/* None of the listeners is used any more. */
void door_forget_all(struct door *d);

/* Whether nobody waits to come in, or has come in since this was asked last. */
bool door_is_quiet(struct door *d);

/* Whether nobody is let in, and all who were have gone on. */
bool door_is_idle(const struct door *d);

void door_reap(struct door *d);		/* at the end of each turn */

#endif
