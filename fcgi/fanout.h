/* SPDX-License-Identifier: MIT */
/*
 * fanout: from one event to every stream that wants it.
 *
 * The event log is the only queue. A stream is a cursor into it: at the head
 * (it has everything, and is written to together with its group) or behind
 * (it is served by itself whenever its socket takes bytes, until it is at the
 * head again). An event is encoded once, as FastCGI records for request id 1,
 * and the same bytes go to everybody.
 *
 * The log is a window: it may hold less than the hub keeps. Who needs what is
 * older gets it from the hub, page by page, until it has reached the window.
 *
 * The files: fanout.c takes events in and flushes groups; stream.c is one
 * stream; placing.c finds where a stream begins; paging.c is for streams that
 * are older than the window; pulse.c is all that happens by time.
 * fanout_priv.h is what they share.
 */
#ifndef FCGI_FANOUT_H
#define FCGI_FANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/subscription.h"
#include "lib/bus/follower.h"
#include "lib/log/evlog.h"
#include "lib/loop/loop.h"

struct fanout;

struct fanout_config {
	int64_t heartbeat_ms;
	int64_t retry_ms;
	int64_t drain_ms;
	int64_t max_lifetime_ms;	/* 0: for ever */
	int64_t coalesce_ms;		/* 0: none */
	struct evlog_limits window;
	bool is_plain;			/* no hub behind: no ids, live only */
};

struct fanout_ops {
	/* follower_resolve and follower_forget; not called when is_plain */
	int (*ask)(void *user, uint64_t tag, struct slice id);
	void (*forget)(void *user, uint64_t tag);
	/* follower_page. NULL: the window is all that there is */
	int (*page)(void *user, uint64_t tag,
		    const struct follower_question *question);
	/* a stream is over; `owner` is its request's. May be NULL. */
	void (*on_close)(void *user, void *owner);
};

struct fanout_stats {
	uint64_t opened, closed;	/* streams */
	uint64_t events, flushes, writes;
	uint64_t gaps;			/* streams told of one */
	uint64_t pages;			/* that came for streams */
	uint64_t cut;			/* closed in the middle of an event */
	uint64_t dropped;		/* events that memory did not suffice for */
	uint64_t slow;			/* streams told of a gap because they read
					 * too slowly */
	uint64_t starved;		/* streams closed for want of memory */
	uint64_t held_bytes;		/* copies, now, for who took only a part */
};

/* What a stream starts from; all lent but the descriptor. */
struct fanout_request {
	int fd;				/* taken on success */
	uint16_t id;			/* the FastCGI request's */
	struct slice headers;		/* further response header lines */
	const struct subscription *subscription;
	void *owner;			/* for on_close */
};

/* 0 or -ENOMEM. `config` is copied; loop, ops and user are borrowed. */
int fanout_new(struct loop *loop, const struct fanout_config *config,
	       const struct fanout_ops *ops, void *user,
	       struct fanout **ret_fanout);
struct fanout *fanout_free(struct fanout *f);	/* closes all streams */

/* Starts a stream. 0; -ENOMEM or -errno of the loop: the fd stays the caller's. */
int fanout_open(struct fanout *f, const struct fanout_request *request);

/* From the follower, in its order. */
void fanout_event(struct fanout *f, const struct event *e);
void fanout_gap(struct fanout *f, const struct follower_gap *g);
void fanout_state(struct fanout *f, enum follower_state state);
void fanout_resolved(struct fanout *f, uint64_t tag, bool known,
		     uint64_t epoch, uint64_t number);

void fanout_page(struct fanout *f, uint64_t tag,
		 const struct follower_page *page);

/*
 * At the end of each turn of the loop: flushes what may be flushed and frees
 * what was closed. Returns how long the loop may sleep at the most; -1: no
 * bound.
 */
int64_t fanout_turn(struct fanout *f, int64_t now_ms);

/*
 * Ends all streams with a jittered retry:, spread over drain_ms. After
 * drain_ms the last one is gone.
 */
void fanout_drain(struct fanout *f);

/* The retry: of a stream that cannot begin now, with its jitter. */
uint64_t fanout_later_ms(const struct fanout_config *config);

size_t fanout_count(const struct fanout *f);
const struct fanout_stats *fanout_get_stats(const struct fanout *f);
const struct evlog *fanout_log(const struct fanout *f);

#endif
