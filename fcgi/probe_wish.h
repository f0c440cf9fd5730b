/* SPDX-License-Identifier: MIT */
/*
 * probe_wish: what the query of a probe asks for. Pure.
 *
 *	probe=N		so many events (10), at most 20; 0: only the answer
 *	every=TIME	between two of them (200ms), 20ms to 1s
 *	idle=TIME	the silence after them, before the last event (1s), at
 *			most 10 minutes
 *	beat=TIME	... or not quite silence: a heartbeat each so often,
 *			100ms to 1m (0: none)
 *	key=TEXT	a name for this probe: 1 to 32 letters and digits
 *	about=TEXT	the name of another one, whose fate is to be told
 */
#ifndef FCGI_PROBE_WISH_H
#define FCGI_PROBE_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

enum { PROBE_KEY_MAX = 32 };

struct probe_wish {
	uint32_t count;
	int64_t every_ms, idle_ms, beat_ms;
	char key[PROBE_KEY_MAX + 1];	/* empty: none */
	char about[PROBE_KEY_MAX + 1];
};

/* Whether a query asks for a probe: it has a pair of that name. */
bool probe_is_wished(struct slice query);

/* 0, or -EINVAL with a sentence. */
int probe_wish_parse(struct slice query, struct probe_wish *ret_wish, char *why,
		     size_t size);

#endif
