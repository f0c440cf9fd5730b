/* SPDX-License-Identifier: MIT */
#include "lib/bus/repair.h"

#include <string.h>

#include "lib/base/limits.h"

enum {
	ANSWER_MS = 2000,	/* a page later than this is asked for again */
	BUSY_MS = 1000,
	/* A page that helped nothing is not asked for again at once: the hub
	 * may be about to say more on the events socket. */
	FRUITLESS_MS = 100,
	/* Before the first word from the events socket its subscription may
	 * not be there yet; afterwards, in silence, pages are all we have. */
	POLL_FIRST_MS = 100,
	POLL_MS = LIMIT_HUB_HEARTBEAT_MS,
	BEHIND_MOST = 3,
};

void
repair_init(struct repair *r, uint64_t epoch, uint64_t number, uint64_t tail,
	    int64_t now_ms)
{
	memset(r, 0, sizeof(*r));
	r->is_known = epoch != 0;
	r->epoch = epoch;
	r->last = r->target = number;
	r->tail = tail;
	r->is_polling = true;
	r->heard_ms = r->poll_ms = r->not_before_ms = now_ms;
}

/* Whether something is known to be missing. */
static bool
is_needed(const struct repair *r)
{
	return !r->is_known || r->is_foreign || r->last < r->target ||
	       r->behind >= BEHIND_MOST;
}

static void
settle(struct repair *r)
{
	bool needed = r->is_answered && is_needed(r);

	if (needed && !r->is_repairing)
		r->repairs++;
	r->is_repairing = needed;
}

static void
hear(struct repair *r, int64_t now_ms)
{
	r->heard_ms = now_ms;
	r->is_heard = true;
	r->is_silent = false;
}

/* The log has this number too. */
static void
raise_target(struct repair *r, uint64_t number)
{
	if (number <= r->target)
		return;
	if (r->last == r->target)
		r->holes++;
	r->target = number;
	settle(r);
}

static void
advance(struct repair *r, uint64_t number)
{
	r->last = number;
	if (r->target < number)
		r->target = number;
}

/* --- from the events socket --------------------------------------------- */

enum repair_verdict
repair_on_live(struct repair *r, uint64_t epoch, uint64_t number,
	       int64_t now_ms)
{
	hear(r, now_ms);
	if (r->is_known && epoch == r->epoch) {
		if (number <= r->last)
			return REPAIR_DROP;
		if (number == r->last + 1) {
			advance(r, number);
			if (r->is_repairing)
				settle(r);
			return REPAIR_DELIVER;
		}
		raise_target(r, number);
		return REPAIR_HOLD;
	}
	if (r->is_known) {
		r->is_foreign = true;
		settle(r);
	}
	return REPAIR_HOLD;
}

void
repair_on_heartbeat(struct repair *r, uint64_t epoch, uint64_t last,
		    int64_t now_ms)
{
	hear(r, now_ms);
	if (!r->is_known)
		return;
	if (epoch != r->epoch) {
		r->is_foreign = true;
	} else {
		/* Now and then a page runs ahead of the events socket; a log
		 * that has gone back stays behind. */
		r->behind = last < r->last ? r->behind + 1 : 0;
		raise_target(r, last);
	}
	settle(r);
}

void
repair_on_goodbye(struct repair *r, uint64_t epoch, uint64_t last,
		  int64_t now_ms)
{
	repair_on_heartbeat(r, epoch, last, now_ms);
	r->is_silent = true;
	r->poll_ms = now_ms + POLL_MS;
}

enum repair_verdict
repair_on_held(struct repair *r, uint64_t epoch, uint64_t number)
{
	if (!r->is_known)
		return REPAIR_HOLD;
	if (epoch != r->epoch)
		return r->is_foreign ? REPAIR_HOLD : REPAIR_DROP;
	if (number <= r->last)
		return REPAIR_DROP;
	if (number != r->last + 1) {
		raise_target(r, number);
		return REPAIR_HOLD;
	}
	advance(r, number);
	settle(r);
	return REPAIR_DELIVER;
}

/* --- pages -------------------------------------------------------------- */

bool
repair_wants(const struct repair *r, int64_t now_ms,
	     struct follow_request *ret_request)
{
	if (r->is_asked || now_ms < r->not_before_ms ||
	    (!is_needed(r) && !r->is_polling))
		return false;
	ret_request->verb = FOLLOW_AFTER;
	ret_request->epoch = r->is_known ? r->epoch : 0;
	ret_request->number = r->is_known ? r->last : 0;
	/* To learn where the tail begins the head of a page is enough. */
	ret_request->limit = r->is_known || r->tail == FOLLOWER_ALL ?
			     LIMIT_PAGE_EVENTS : 1;
	return true;
}

void
repair_asked(struct repair *r, int64_t now_ms)
{
	r->is_asked = true;
	r->asked_ms = now_ms;
	r->asked_number = r->is_known ? r->last : 0;
}

void
repair_unanswered(struct repair *r, int64_t now_ms, bool is_busy)
{
	r->is_asked = false;
	if (is_busy)
		r->not_before_ms = now_ms + BUSY_MS;
}

/* The number before the first one of the tail, of what is kept. */
static uint64_t
tail_after(const struct repair *r, const struct follow_reply *page)
{
	uint64_t kept_after = page->from - 1;

	if (page->last < kept_after || page->last - kept_after <= r->tail)
		return kept_after;
	return page->last - r->tail;
}

/* Moves to (epoch, number), and says from where. */
static bool
tell_gap(struct repair *r, uint64_t epoch, uint64_t number, const char *reason,
	 struct follower_gap *ret_gap)
{
	*ret_gap = (struct follower_gap){
		.after_known = r->is_known,
		.after_epoch = r->is_known ? r->epoch : 0,
		.after_number = r->is_known ? r->last : 0,
		.epoch = epoch,
		.resumed_at = number,
		.reason = reason,
	};
	r->is_known = true;
	r->epoch = epoch;
	r->last = number;
	return true;
}

/* The hub says that it does not keep what is between. */
static bool
tell_hole(struct repair *r, uint64_t number, struct follower_gap *ret_gap)
{
	(void)tell_gap(r, r->epoch, number, "trimmed", ret_gap);
	ret_gap->is_hole = true;
	return true;
}

bool
repair_page_begin(struct repair *r, const struct follow_reply *page,
		  int64_t now_ms, struct follower_gap *ret_gap)
{
	bool is_gap = false;

	if (!r->is_answered && !r->is_heard) {
		/* The hub was just found: its silence begins now. */
		r->heard_ms = now_ms;
		r->is_silent = false;
	}
	r->is_asked = r->is_foreign = r->is_polling = false;
	r->is_answered = true;
	r->behind = 0;
	r->poll_ms = now_ms + (r->is_heard ? POLL_MS : POLL_FIRST_MS);
	r->before_page = r->last;
	if (!r->is_known) {
		is_gap = tell_gap(r, page->epoch, tail_after(r, page),
				  "trimmed", ret_gap);
		r->target = r->last;
	} else if (page->epoch != r->epoch) {
		is_gap = tell_gap(r, page->epoch, page->from - 1, "restarted",
				  ret_gap);
		r->target = r->last;
	} else if (page->last < r->asked_number) {
		/* The same log with less in it than we have had: a backup that
		 * was put back. Its next events are new ones. */
		is_gap = tell_gap(r, page->epoch, page->last, "restarted",
				  ret_gap);
		r->target = r->last;
	} else if (page->from - 1 > r->last) {
		is_gap = tell_hole(r, page->from - 1, ret_gap);
	}
	if (r->target < page->last)
		r->target = page->last;
	return is_gap;
}

enum repair_verdict
repair_page_event(struct repair *r, const struct follow_reply *page,
		  uint64_t epoch, uint64_t number, bool *ret_is_gap,
		  struct follower_gap *ret_gap)
{
	*ret_is_gap = false;
	if (epoch != r->epoch || number <= r->last || number > page->to)
		return REPAIR_DROP;
	if (number > r->last + 1)
		*ret_is_gap = tell_hole(r, number - 1, ret_gap);
	advance(r, number);
	return REPAIR_DELIVER;
}

bool
repair_page_end(struct repair *r, const struct follow_reply *page,
		int64_t now_ms, struct follower_gap *ret_gap)
{
	bool is_gap = false;

	if (page->to > r->last && page->epoch == r->epoch)
		is_gap = tell_hole(r, page->to, ret_gap);
	advance(r, r->last);
	if (r->last == r->before_page && is_needed(r))
		r->not_before_ms = now_ms + FRUITLESS_MS;
	settle(r);
	return is_gap;
}

/* --- time --------------------------------------------------------------- */

void
repair_tick(struct repair *r, int64_t now_ms)
{
	if (r->is_asked && now_ms - r->asked_ms >= ANSWER_MS)
		repair_unanswered(r, now_ms, false);
	if (now_ms - r->heard_ms >= LIMIT_HUB_SILENCE_MS)
		r->is_silent = true;
	if ((r->is_silent || !r->is_heard) && now_ms >= r->poll_ms)
		r->is_polling = true;
}

int64_t
repair_due(const struct repair *r)
{
	int64_t due = r->heard_ms + LIMIT_HUB_SILENCE_MS;

	if (r->is_asked)
		due = r->asked_ms + ANSWER_MS;
	else if (is_needed(r) || r->is_polling)
		due = r->not_before_ms;
	else if (r->is_silent || !r->is_heard)
		due = r->poll_ms;
	if (!r->is_silent && due > r->heard_ms + LIMIT_HUB_SILENCE_MS)
		due = r->heard_ms + LIMIT_HUB_SILENCE_MS;
	return due;
}

enum follower_state
repair_state(const struct repair *r)
{
	if (!r->is_answered)
		return FOLLOWER_SEARCHING;
	if (r->is_silent)
		return FOLLOWER_SILENT;
	return is_needed(r) ? FOLLOWER_REPAIRING : FOLLOWER_LIVE;
}
