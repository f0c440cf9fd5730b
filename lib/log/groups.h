/* SPDX-License-Identifier: MIT */
/*
 * groups: who wants what. Equal subscriptions share a group; an event is
 * matched with selectors, not with subscribers, and finds its groups through
 * hash tables, so that its cost grows with its receivers only.
 *
 * A group at the head of the log collects the positions that its members have
 * yet to be sent (`pending`); the caller flushes them and clears it. Readers
 * behind the head ask group_collect for what follows their cursor.
 *
 * Pure.
 */
#ifndef LIB_LOG_GROUPS_H
#define LIB_LOG_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/slice.h"
#include "lib/log/evlog.h"
#include "lib/sse/event.h"

struct allowance;
struct groups;
struct selector;

/* What a group's readers get of what one of its selectors matches. */
enum group_takes {
	GROUP_TAKES_PUBLIC = 1 << 0,	/* events that are not private */
	GROUP_TAKES_PRIVATE = 1 << 1,	/* those that are */
	GROUP_TAKES_ALLOWED = 1 << 2,	/* either, where the allowance says so */
};

struct group_selector {
	struct selector *selector;	/* shared (counted) */
	uint32_t back;			/* place in the selector's list of groups */
	uint8_t takes;			/* enum group_takes */
};

struct group {
	uint32_t refs;
	uint32_t selector_count;
	uint64_t noted;			/* last position put into pending */
	uint64_t *pending;		/* owned; positions, ascending */
	uint32_t pending_count, pending_cap;
	struct list dirty;		/* in groups' dirty list while pending */
	struct list fresh;		/* in groups' list of these: see there */
	struct slice key;		/* owned */
	struct allowance *allowance;	/* owned; NULL: it has none */
	void *user;			/* the caller's */
	struct group_selector selectors[];
};

/* 0 or -ENOMEM. Sets the log's topic hooks through groups_on_topic below. */
int groups_new(struct groups **ret_groups);
void groups_set_log(struct groups *g, struct evlog *log);	/* borrowed */
struct groups *groups_free(struct groups *g);

/* To be called from the log's on_topic. */
void groups_on_topic(struct groups *g, struct evlog_topic *t, bool is_new);

/*
 * The group of a canonical subscription key (fcgi/subscription.h says what
 * that is): found or made, with one more reference. 0, -ENOMEM, or -EINVAL: a
 * line of the key is not a selector.
 */
int groups_get(struct groups *g, struct slice key, struct group **ret_group);

/* Gives a reference back; `on_free` (may be NULL) is called before the last
 * one frees the group. */
void groups_put(struct groups *g, struct group *group,
		void (*on_free)(void *user, struct group *group), void *user);
size_t groups_count(const struct groups *g);

/*
 * Notes a freshly appended position in every group that wants it. 0, or
 * -ENOMEM: some group could not note it; those have `missed` called.
 */
int groups_note(struct groups *g, uint64_t pos,
		void (*missed)(void *user, struct group *group), void *user);

/* Groups with pending positions; the one with the oldest of them first. */
struct list *groups_dirty(struct groups *g);
/* Those among them that got one since the caller took them out of this list (by
 * group->fresh), because they can wait. */
struct list *groups_fresh(struct groups *g);
void group_flushed(struct group *group);	/* clears pending, leaves both lists */

/* Whether the group's readers get this entry. */
bool group_wants(const struct groups *g, const struct group *group,
		 const struct evlog_entry *e);

/* The same for an event that is in no log. */
bool group_wants_event(const struct group *group, const struct event *e);

/* Whether it does for the sake of this one of its topics. */
bool group_wants_entry_for(const struct group *group,
			   const struct evlog_topic *t,
			   const struct evlog_entry *e);
bool group_wants_event_for(const struct group *group, struct slice topic,
			   const struct event *e);

/*
 * Appends selectors that mean at least what it wants, one a line: to ask a hub
 * with. 0 or -ENOMEM.
 */
int group_append_selectors(const struct group *group, struct buf *out);

/*
 * Positions from `from` on that the group wants, at most `max`, scanning at
 * most `scan` entries. *ret_next is where to go on (the end if all was seen).
 */
size_t group_collect(struct groups *g, const struct group *group, uint64_t from,
		     uint64_t *out, size_t max, size_t scan, uint64_t *ret_next);

/*
 * Whether something the group wants has left the log after `place`. A private
 * event counts like any other of its topic, granted or not.
 */
bool group_has_lost(struct groups *g, const struct group *group,
		    struct evlog_place place);

/* The same for a reader whose cursor is `cursor`. */
bool group_has_lost_at(struct groups *g, const struct group *group,
		       uint64_t cursor);

/* Whether there may have been more of the newest `n` of each topic the group wants
 * than the log has of them, as far as that can be told by the topics' names. */
bool group_is_short(struct groups *g, const struct group *group, uint32_t n);

/*
 * The newest `n` kept entries of each topic the group wants, ascending.
 * *ret_positions is malloc'ed (NULL when there are none). 0 or -ENOMEM.
 */
int group_newest(struct groups *g, const struct group *group, uint32_t n,
		 uint64_t **ret_positions, size_t *ret_count);

#endif
