/* SPDX-License-Identifier: MIT */
/*
 * supervisor: owns the listening socket for its whole life and keeps a hub
 * and some workers running, so that no web server ever sees a connection
 * refused.
 *
 * Children hold the read end of a pipe whose write end is here only: when the
 * supervisor is gone, however it went, they see its end and stop. A child that
 * dies is replaced (child.h). With no worker ready for a while, and while it
 * stops, the supervisor answers for them (standin.h).
 *
 * At SIGHUP the program on disk is tried with the configuration on disk
 * (trial.h). If it would serve, it takes the place of this one in the same
 * process, with the sockets, the pipe and the children (reload.h). It starts
 * workers of its own, and only when these are ready are the old ones told to
 * end (elders.h). The hub goes on if it is the one that would be started.
 */
#ifndef FCGI_SUPERVISOR_H
#define FCGI_SUPERVISOR_H

#include "fcgi/settings.h"
#include "fcgi/listen.h"
#include "fcgi/program.h"
#include "fcgi/reload.h"

struct supervisor_start {	/* all borrowed */
	const struct settings *config;
	const struct program *program;
	struct listener *listener;
	struct listener *former;	/* closed when nobody serves it */
	struct listener *local;		/* of --publish-listen; fd -1: none */
	struct reload *reload;		/* what was passed on */
};

/* Runs until SIGTERM or SIGINT. Returns an exit status. */
int supervisor_run(const struct supervisor_start *start);

#endif
