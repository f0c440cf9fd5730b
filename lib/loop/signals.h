/* SPDX-License-Identifier: MIT */
/*
 * signals: what was asked of this process, through a pipe for its loop.
 *
 * The one piece of state that a signal handler forces on a process to be its
 * own. A forked child has to open it again.
 */
#ifndef LIB_LOOP_SIGNALS_H
#define LIB_LOOP_SIGNALS_H

enum {
	SIGNALS_STOP = 1,	/* SIGTERM, SIGINT */
	SIGNALS_REOPEN = 2,	/* SIGUSR1 */
	SIGNALS_CHILD = 4,	/* SIGCHLD */
	SIGNALS_RELOAD = 8,	/* SIGHUP */
};

/*
 * Catches the signals, also if they were blocked, and ignores SIGPIPE. A
 * forked child calls it again, to have a pipe of its own. 0 or -errno.
 */
int signals_open(void);
void signals_close(void);	/* back to the default actions */
int signals_fd(void);		/* readable when signals_take has something */
unsigned signals_take(void);	/* what came since the last call; never blocks */

/*
 * Holds back what comes, also over an exec, until signals_release or the new
 * program's signals_open.
 */
void signals_hold(void);
void signals_release(void);

#endif
