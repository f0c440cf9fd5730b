/* SPDX-License-Identifier: MIT */
/*
 * core: the hub's decisions about events, without sockets or clocks.
 *
 * What is offered is checked, recognised by its key if it came before, gets
 * the next number and goes to the store. Nobody may be told of an event
 * before core_commit said that it is stored.
 */
#ifndef HUB_CORE_H
#define HUB_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "hub/keys.h"
#include "hub/store.h"
#include "lib/bus/frame.h"

struct core_counts {
	uint64_t taken;		/* numbered and stored */
	uint64_t repeated;	/* known by their key */
	uint64_t refused;	/* broke a rule */
	uint64_t unstored;	/* the store had no room */
};

struct core {
	struct store *store;	/* borrowed */
	struct keys keys;
	size_t max_event;	/* bytes of data */
	uint64_t epoch;
	uint64_t last;		/* the last number given */
	uint64_t committed;	/* the last number that is stored */
	struct core_counts counts;
};

/* What became of an event. */
struct core_answer {
	enum ack_class class;	/* ACK_OK: `number`; else `reason` */
	bool is_new;		/* not known by its key */
	uint64_t number;
	char reason[256];	/* a whole sentence */
};

/* Goes on after what the store holds, with the keys that it remembers. 0,
 * -ENOMEM, or -EIO of the store; core_done is due in any case. */
int core_init(struct core *c, struct store *store, size_t max_event);
void core_done(struct core *c);

/*
 * Offers one event from outside. An OK is a promise only after core_commit.
 * now_ms is monotonic, wall_ms Unix time.
 */
void core_offer(struct core *c, const struct event *e, int64_t now_ms,
		int64_t wall_ms, struct core_answer *ret_answer);

/* Whether an event with this key was taken, or offered since the last commit. */
bool core_knows(const struct core *c, struct slice key, int64_t now_ms);

/*
 * Stores what was offered since the last commit. 0, or what the store said;
 * then the numbers are taken back (nobody has seen them).
 */
int core_commit(struct core *c, int64_t now_ms);

/* Makes `a` the answer to an offer whose commit failed with `error`. */
void core_unstored(const struct core *c, struct core_answer *a, int error);

/* Why the store could not take it, in words. */
const char *core_why(const struct core *c, int error);

#endif
