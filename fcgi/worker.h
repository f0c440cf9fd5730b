/* SPDX-License-Identifier: MIT */
/*
 * worker: one process that holds streams: a loop, the web servers' socket, a
 * follower of the bus, and the fan-out between them.
 */
#ifndef FCGI_WORKER_H
#define FCGI_WORKER_H

#include "fcgi/idle.h"
#include "fcgi/settings.h"
#include "fcgi/listen.h"
#include "fcgi/watchdog.h"

struct worker_config {
	const struct settings *config;
	/* Both closed when the lifeline ends: what the supervisor passes on, and
	 * the web servers' own socket, or NULL. */
	struct listener *passed, *listener;
	int handoff;		/* a socket, closed when it drains; -1: none */
	struct listener *local;	/* of --publish-listen, closed when it drains;
				 * NULL: none */
	int lifeline;		/* ends when the supervisor is gone */
	bool accepts_when_live;	/* serves nobody before it follows the hub */
	int ready;		/* a byte is written when it serves */
	struct idle_seat *seat;	/* where it tells of its connections, or NULL */
	struct watchdog_seat *turns;	/* ... and that it turns, or NULL */
	int64_t turn_most_ms;	/* how often it does, at least; -1: as it likes */
};

/* Runs until SIGTERM or the end of the lifeline, then drains. Returns an exit
 * status. */
int worker_run(const struct worker_config *config);

#endif
