/* SPDX-License-Identifier: MIT */
/*
 * watch: follows a hub or plain PUB sockets and shows what the selectors mean.
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include <stdint.h>

#include "tools/show.h"

struct watch_options {
	const char *bus;		/* NULL: the default */
	const char *const *endpoints;	/* plain PUB sockets, ends with NULL */
	const char *after;		/* an id, "earliest", or NULL */
	const char *const *selectors;	/* ends with NULL; none: everything */
	int64_t until_ms;		/* of duration_now; -1: for ever */
};

/* Returns the exit code. */
int watch_run(const struct watch_options *o, struct show *show);

#endif
