/* SPDX-License-Identifier: MIT */
/*
 * probe: streams that a worker makes by itself, for who wants to see what the
 * web servers on the way do to a stream (sse-doctor).
 *
 * A GET with a pair `probe` in its query, anywhere below the mount, is one
 * (probe_wish.h: what it may ask for). It carries no topic's events and passes
 * no right to any. Its events are called `sse-probe`; the data is JSON:
 *
 *	{"probe":"hello",...}	at once: what the worker is and what it saw
 *	{"probe":"event","n":N,"since_ms":T,"mono_ms":T,"wall_ms":T}
 *	{"probe":"last",...}	after the silence; then the stream ends
 *
 * The times are of the moment when the event was sent; since_ms counts from
 * the hello. Who probes is a stranger, so a few probes at a time are served and
 * so many in a minute; others get 429. They cost the other streams nothing: the
 * fan-out does not know of them.
 */
#ifndef FCGI_PROBE_H
#define FCGI_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi/params.h"
#include "fcgi/route.h"
#include "lib/loop/loop.h"

struct probes;

enum probes_hub {
	PROBES_HUB_NONE,	/* plain sockets, no hub */
	PROBES_HUB_AWAY,	/* out of reach now */
	PROBES_HUB_FOLLOWED,
};

struct probes_view {		/* what a hello tells of the worker */
	enum probes_hub hub;
	size_t streams;
	int64_t heartbeat_ms;
	int64_t retry_ms;
};

typedef void probes_look(void *user, struct probes_view *ret_view);

/* 0 or -ENOMEM. Loop and user are borrowed. */
int probes_new(struct loop *loop, probes_look *look, void *user,
	       struct probes **ret_probes);
struct probes *probes_free(struct probes *p);	/* ends all of them */

/*
 * Begins a probe on fd, with the further header lines of `route`. 0: fd is
 * taken; -EINVAL: what was asked for is wrong, -EBUSY: not now; `route` holds
 * the answer then. -ENOMEM or -errno of the loop.
 */
int probes_open(struct probes *p, int fd, uint16_t id,
		const struct params *params, struct route *route);

/* Frees what has ended; at the end of each turn. */
void probes_reap(struct probes *p);

/* Ends all of them. */
void probes_drain(struct probes *p);

size_t probes_count(const struct probes *p);

#endif
