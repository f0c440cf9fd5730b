/* SPDX-License-Identifier: MIT */
/* serve: the hub's three sockets and its loop, for the one with the lock. */
#ifndef HUB_SERVE_H
#define HUB_SERVE_H

#include "hub/hub.h"

/*
 * Binds, serves until a signal or the lifeline's end, says goodbye and closes.
 * The store is made here. An exit status; 0 after an orderly end.
 */
int serve_run(const struct hub_config *config);

#endif
