/* SPDX-License-Identifier: MIT */
/*
 * announce: tells everybody, on the PUB socket, what is stored.
 *
 * Events wait here, copied, while their batch is being stored: flushed after
 * the commit, dropped if it fails. An event that cannot be announced for want
 * of memory is found missing by the followers, who ask for it.
 */
#ifndef HUB_ANNOUNCE_H
#define HUB_ANNOUNCE_H

#include "hub/store.h"
#include "lib/base/buf.h"
#include "lib/bus/zmqport.h"
#include "lib/sse/event.h"

struct announce {
	struct zmqport_socket *pub;	/* borrowed */
	struct buf bytes;
	struct announce_item *items;	/* owned */
	size_t count, cap;
	bool has_large;			/* a heartbeat is to speak of it */
	uint64_t unannounced;		/* for want of memory */
};

enum {
	/* Messages that may wait for each follower: a fraction of a second of a
	 * very busy hub. One that falls further behind misses some, and asks. */
	ANNOUNCE_QUEUE = 4096,
	ANNOUNCE_FOLLOWER_BYTES = 128 << 20,	/* that a stopped one may cost */
};

void announce_init(struct announce *a, struct zmqport_socket *pub);
void announce_done(struct announce *a);

/* `e` has its epoch, number and time. */
void announce_add(struct announce *a, const struct event *e);
/* A heartbeat speaks of those that are too large to be sent. `s` is the store
 * that has them all. */
void announce_flush(struct announce *a, const struct store *s, int64_t wall_ms);
void announce_drop(struct announce *a);

void announce_heartbeat(struct announce *a, const struct store_state *state,
			int64_t wall_ms);
void announce_goodbye(struct announce *a, const struct store_state *state,
		      int64_t wall_ms);

#endif
