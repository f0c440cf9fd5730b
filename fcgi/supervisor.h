/* SPDX-License-Identifier: MIT */
/*
 * supervisor: owns the listening socket for its whole life and keeps a hub
 * and some workers running, so that no web server ever sees a connection
 * refused.
 *
 * Children hold the read end of a pipe whose write end is here only: when the
 * supervisor is gone, however it went, they see its end and stop. A child that
 * dies is replaced, at longer and longer intervals while it keeps dying. With
 * no worker ready for a while the supervisor answers for them: come back later.
 */
#ifndef FCGI_SUPERVISOR_H
#define FCGI_SUPERVISOR_H

#include "fcgi/settings.h"
#include "fcgi/listen.h"

/* Runs until SIGTERM or SIGINT. Returns an exit status. */
int supervisor_run(const struct settings *config, struct listener *listener);

#endif
