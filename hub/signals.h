/* SPDX-License-Identifier: MIT */
/*
 * signals: the hub's wish to stop, as a descriptor.
 *
 * SIGTERM and SIGINT make it readable; SIGUSR1 only leaves a mark that the log
 * file is to be opened again. The one piece of state that a signal handler
 * forces on a process to be its own.
 */
#ifndef HUB_SIGNALS_H
#define HUB_SIGNALS_H

#include <stdbool.h>

/* Also unblocks them, after a fork of somebody who had them blocked. 0 or
 * -errno. */
int signals_open(void);
void signals_close(void);	/* back to the default actions */

int signals_fd(void);		/* readable: something came */
bool signals_stop(void);	/* whether a stop was asked for */
bool signals_take_reopen(void);	/* whether the log is to be reopened; once */

#endif
