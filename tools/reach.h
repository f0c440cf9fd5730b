/* SPDX-License-Identifier: MIT */
/*
 * reach: whether a web server of this machine gets to the worker's socket, and
 * whether the hub is there.
 */
#ifndef TOOLS_REACH_H
#define TOOLS_REACH_H

#include "tools/seen.h"

struct reach_options {
	const char *socket;	/* the worker's; NULL: the usual places */
	const char *user;	/* the web server's; NULL: www-data if there is one */
	const char *bus;	/* NULL: the default */
};

void reach_look_at_socket(const struct reach_options *o,
			  struct seen_reach *ret_reach);
void reach_look_for_hub(const struct reach_options *o,
			struct seen_reach *ret_reach);

#endif
