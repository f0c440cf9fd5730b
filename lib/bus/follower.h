/* SPDX-License-Identifier: MIT */
/*
 * follower: a hub's events, complete and in order, for an event loop.
 *
 * Connects to a bus address (or to plain PUB sockets), subscribes to
 * everything, and calls on_event once for every number, in order. What is
 * missed (a hole, a heartbeat ahead of us, silence, another epoch) is asked of
 * the hub in pages, while live events wait, bounded. What the hub has no more
 * is told by on_gap. The decisions are in repair.h, which is pure; this is the
 * shell around it.
 *
 * Never blocks. Descriptors are ZeroMQ's, edge-triggered: after one of them is
 * readable, and before every sleep, call follower_run; it drains up to its
 * budget and says when it wants to be called again.
 */
#ifndef LIB_BUS_FOLLOWER_H
#define LIB_BUS_FOLLOWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/bus/address.h"
#include "lib/sse/event.h"

struct follower;

#define FOLLOWER_ALL UINT64_MAX

enum follower_state {
	FOLLOWER_SEARCHING,	/* no hub has answered yet */
	FOLLOWER_REPAIRING,	/* asking for what is missing */
	FOLLOWER_LIVE,		/* all that the hub has is here */
	FOLLOWER_SILENT,	/* no heartbeat for three of its periods */
};

struct follower_gap {
	bool after_known;	/* false: nothing was followed before */
	uint64_t after_epoch, after_number;	/* the last event delivered */
	uint64_t epoch, resumed_at;	/* delivery goes on after this number */
	/*
	 * The hub does not keep the numbers between, and its log is the same:
	 * whoever wants a part of the topics only can ask it (follower_page)
	 * whether one of them is gone.
	 */
	bool is_hole;
	const char *reason;	/* "trimmed": gone from the hub's history;
				 * "restarted": the hub has a new log */
};

/* What came after a number? */
struct follower_question {
	uint64_t epoch, number;
	unsigned limit;		/* events, 1 to 1000 */
	/* One a line, each with its line feed; more than 128, which no request
	 * can hold, and none at all are every topic. */
	struct slice selectors;
};

struct follower_page {		/* see doc/protocol.md, 7 */
	uint64_t epoch, from, to, last, lost;
	const struct event *events;	/* without topic: it was unfit */
	size_t count;
};

struct follower_ops {
	/* Slices are good for the call. epoch/number are 0 for plain events,
	 * whose data was mended to valid UTF-8. */
	void (*on_event)(void *user, const struct event *e);
	/*
	 * Before the first event of a log (epoch, its position before the first
	 * one kept) and whenever something is gone. At the very first start
	 * after_known is false.
	 */
	void (*on_gap)(void *user, const struct follower_gap *g);
	void (*on_state)(void *user, enum follower_state state);
	/*
	 * The hub refuses our keys, or cannot use them; `why` says it in
	 * sentences. NULL: it has let us in after all. The follower goes on
	 * trying. May be NULL.
	 */
	void (*on_refused)(void *user, const char *why);
	/* The answer to follower_resolve. known: the id is (epoch, number). */
	void (*on_resolved)(void *user, uint64_t tag, bool known,
			    uint64_t epoch, uint64_t number);
	/* The answer to follower_page, good for the call. NULL: the hub does
	 * not understand the question. */
	void (*on_page)(void *user, uint64_t tag,
			const struct follower_page *page);
};

struct follower_config {
	struct bus_address bus;
	/*
	 * Where to begin: after (epoch, number), or, with epoch 0, with so
	 * many of the newest numbers. 0: after the hub's last event;
	 * FOLLOWER_ALL: with the oldest kept one.
	 */
	uint64_t epoch, number;
	uint64_t tail;
	size_t max_event;	/* bytes of data; larger ones are dropped and counted */
};

struct follower_stats {
	uint64_t events, repairs, gaps, refused, hub_losses;
	const char *why_refused;	/* the last one, a sentence; NULL: none */
};

/* 0, -ENOMEM, -EMFILE, -EINVAL. ops and user are borrowed. */
int follower_open(const struct follower_config *config,
		  const struct follower_ops *ops, void *user,
		  struct follower **ret_follower);

/* Plain PUB sockets, live only. `endpoints`, `prefixes` end with NULL. */
int follower_open_plain(const char *const *endpoints,
			const char *const *prefixes, size_t max_event,
			const struct follower_ops *ops, void *user,
			struct follower **ret_follower);

struct follower *follower_free(struct follower *f);	/* NULL is fine */

/* The descriptors to wait on (for reading); returns how many. */
enum { FOLLOWER_FDS = 3 };
int follower_fds(const struct follower *f, int fds[FOLLOWER_FDS]);

/*
 * Handles up to `budget` messages, fewer large ones. Returns the time it wants to be called at
 * the latest (now_ms when more is waiting already). now_ms is monotonic.
 */
int64_t follower_run(struct follower *f, int64_t now_ms, unsigned budget);

/*
 * Asks the hub where an id is (ours or a publisher's own). The answer comes by
 * on_resolved, also (known false is never invented) after the hub was away:
 * it is asked again until it answers. 0, -ENOMEM, or -ENOBUFS when 4096
 * questions are open.
 */
int follower_resolve(struct follower *f, uint64_t tag, struct slice id);

/* Asks for what came after a number, in the same way; the answer comes by
 * on_page. A tag is for one question, of either kind. */
int follower_page(struct follower *f, uint64_t tag,
		  const struct follower_question *question);
void follower_forget(struct follower *f, uint64_t tag);	/* no answer wanted */

enum follower_state follower_get_state(const struct follower *f);
const struct follower_stats *follower_get_stats(const struct follower *f);

#endif
