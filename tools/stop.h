/* SPDX-License-Identifier: MIT */
/*
 * stop: the signals that ask a tool to finish, as a descriptor to poll.
 *
 * The first SIGINT, SIGTERM or SIGHUP is noted; a second one of its kind ends
 * the process as if nothing was caught. SIGPIPE is ignored: a write says so.
 */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

int stop_catch(void);	/* the descriptor to read from, or negative errno */
int stop_signal(void);	/* the signal that came; 0: none */

#endif
