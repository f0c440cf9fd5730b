/* SPDX-License-Identifier: MIT */
/* serve: the hub's three sockets and its loop, for the one with the lock. */
#ifndef HUB_SERVE_H
#define HUB_SERVE_H

#include "hub/hub.h"

enum { SERVE_HANDED_OVER = -1 };	/* another hub has asked for the place */

/*
 * Binds, serves until a signal or the lifeline's end, says goodbye and closes.
 * The store is opened here. An exit status; 0 after an orderly end.
 */
int serve_run(const struct hub_config *config);

#endif
