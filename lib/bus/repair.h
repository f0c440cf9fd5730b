/* SPDX-License-Identifier: MIT */
/*
 * repair: decides how to have every event of a hub once and in order. Pure.
 *
 * What is heard on the events socket and in pages goes in, with the time;
 * what to do with each event, what to ask and what is gone comes out. The
 * bytes of events stay outside: the shell (follower.c) keeps those that wait.
 *
 *  - Numbers have no holes, so number == last + 1 proves completeness.
 *  - Another epoch is believed only of a page, because only the follow
 *    endpoint knows which log there is now; late events of an old hub and
 *    early ones of a new hub meet on the events socket.
 *  - Whatever is lost on the way, even a held event that found no room, is
 *    found again by `target`: the newest number known to exist.
 */
#ifndef LIB_BUS_REPAIR_H
#define LIB_BUS_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/bus/follower.h"
#include "lib/bus/frame.h"

enum repair_verdict {
	REPAIR_DELIVER,		/* it is the next one: repair has counted it */
	REPAIR_HOLD,		/* keep it if there is room */
	REPAIR_DROP,		/* known already, or of a log that is gone */
};

struct repair {
	bool is_known;		/* there is a position: (epoch, last) */
	bool is_foreign;	/* another epoch was heard since the last page */
	bool is_asked;		/* one page is under way */
	bool is_answered;	/* there was a page */
	bool is_heard;		/* there was something on the events socket */
	bool is_silent;
	bool is_polling;	/* ask though nothing is known to be missing */
	bool is_repairing;	/* this need has been counted */
	unsigned behind;	/* heartbeats in a row with less than `last` */
	uint64_t tail;		/* where to begin, while nothing is known */
	uint64_t epoch, last;	/* what was delivered last */
	uint64_t target;	/* the newest number known to exist */
	uint64_t asked_number;
	uint64_t before_page;
	int64_t heard_ms, asked_ms, poll_ms, not_before_ms;
	uint64_t repairs;	/* how often something was missing */
	uint64_t holes;		/* how often the events socket had lost some */
};

/* See struct follower_config. */
void repair_init(struct repair *r, uint64_t epoch, uint64_t number,
		 uint64_t tail, int64_t now_ms);

/* --- from the events socket --------------------------------------------- */

enum repair_verdict repair_on_live(struct repair *r, uint64_t epoch,
				   uint64_t number, int64_t now_ms);
void repair_on_heartbeat(struct repair *r, uint64_t epoch, uint64_t last,
			 int64_t now_ms);
void repair_on_goodbye(struct repair *r, uint64_t epoch, uint64_t last,
		       int64_t now_ms);

/*
 * For the held ones, oldest first, after every page and after every live
 * delivery while there are any. REPAIR_HOLD: stop here.
 */
enum repair_verdict repair_on_held(struct repair *r, uint64_t epoch,
				   uint64_t number);

/* --- pages -------------------------------------------------------------- */

/* Whether to ask for a page now: then epoch, number and limit are filled in. */
bool repair_wants(const struct repair *r, int64_t now_ms,
		  struct follow_request *ret_request);
void repair_asked(struct repair *r, int64_t now_ms);
/* The connection is gone, or the hub cannot answer now. */
void repair_unanswered(struct repair *r, int64_t now_ms, bool is_busy);

/*
 * The answer to what was asked last: begin, each event, end. Begin, event and
 * end return whether something is gone, which is then told by *ret_gap and
 * before anything else.
 */
bool repair_page_begin(struct repair *r, const struct follow_reply *page,
		       int64_t now_ms, struct follower_gap *ret_gap);
enum repair_verdict repair_page_event(struct repair *r,
				      const struct follow_reply *page,
				      uint64_t epoch, uint64_t number,
				      bool *ret_is_gap,
				      struct follower_gap *ret_gap);
bool repair_page_end(struct repair *r, const struct follow_reply *page,
		     int64_t now_ms, struct follower_gap *ret_gap);

/* --- time --------------------------------------------------------------- */

/* After reading the events socket: silence that was only our own sleep is
 * none. */
void repair_tick(struct repair *r, int64_t now_ms);

/* When to tick or ask again at the latest. */
int64_t repair_due(const struct repair *r);

enum follower_state repair_state(const struct repair *r);

#endif
