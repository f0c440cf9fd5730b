/* SPDX-License-Identifier: MIT */
/*
 * hub.h: the hub as a process: one order, history, acknowledgements.
 *
 * The only header of this room that other programs see (with options.h).
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/catalog.h"
#include "lib/base/options.h"
#include "lib/bus/address.h"

/* All of it comes from the table of options, the bus and its keys, which is
 * what hub_options_text writes: two that differ must differ there. */
struct hub_config {
	struct bus_address bus;
	const char *store;		/* "memory", a directory, or NULL: the bus's */
	int64_t sync_ms;		/* of a directory; 0: always */
	bool may_start_new;		/* puts a damaged store aside */
	struct store_limits history;
	/* What is held in memory, here or by workers; within the history. */
	struct store_limits window;
	bool has_window;		/* it was given, not just the default */
	const struct catalog_rule *keeps;	/* lent for good */
	size_t n_keeps;
	uint64_t max_event;
	const char *curve_key;		/* files of keys, as given; NULL: none */
	const char *curve_clients;
	const struct option_texts *sources;	/* plain PUB sockets to number */
	bool embedded;			/* the supervisor's child, not sse-hub */
	int lifeline;			/* ends when this becomes readable; -1: none */
	int ready;			/* a byte is written here when it serves; -1: none */
};

/*
 * Makes the bus directory if that is ours to make, and checks that it can be
 * trusted; hub_run does the same. 0 or an exit status, with the reason logged.
 */
int hub_prepare(const struct bus_address *bus);

/*
 * For who has a hub and thinks of another one in its place: hub_prepare, and
 * whether the store that --store names could be used. The same results.
 */
int hub_try(const struct hub_config *config);

/*
 * Runs until SIGTERM, SIGINT or the lifeline's end. While another hub holds
 * the bus it stands by. Returns a process exit status (sysexits.h): 0 after a
 * signal; EX_CANTCREAT, EX_NOPERM, EX_CONFIG with the reason logged.
 */
int hub_run(const struct hub_config *config);

#endif
