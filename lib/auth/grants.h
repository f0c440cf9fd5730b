/* SPDX-License-Identifier: MIT */
/*
 * grants: what somebody may do, wherever that was learnt: from a rule, a token
 * or a ticket.
 *
 * A grant is a selector (lib/sse/selector.h) for one action. A wildcard in it
 * covers no guarded topic that it does not spell; grants_add_all does, all of a
 * site but what is below $SYS/. Several sources may fill one: the sum counts, and the
 * earliest end.
 *
 * Pure.
 */
#ifndef LIB_AUTH_GRANTS_H
#define LIB_AUTH_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum grants_action {
	GRANTS_SUBSCRIBE,
	GRANTS_PUBLISH,
	GRANTS_ACTIONS,		/* how many there are */
};

enum {
	/* of one action: each is tried for each event of a wildcard */
	GRANTS_MOST = 100,
};

struct grants_list {
	struct buf selectors;	/* a NUL after each; all valid */
	unsigned count;
	bool all;		/* every topic but those below $SYS/ ... */
	struct buf all_below;	/* ... that begins so */
};

struct grants {			/* zeroed: nothing */
	struct grants_list of[GRANTS_ACTIONS];
	int64_t expires_ms;	/* Unix time; 0: never */
	struct buf user;	/* who it is; empty: not known */
	struct buf payload;	/* JSON text about the subscriber; empty: none */
};

/*
 * 0; -EINVAL: not a selector; -ENOBUFS: more than GRANTS_MOST; -ENOMEM. One
 * that is there already is not added again.
 */
int grants_add(struct grants *g, enum grants_action action,
	       struct slice selector);

/* As grants_add with `prefix`, which topic_check takes or which is absent,
 * before the selector; -EMSGSIZE: too long then. */
int grants_add_below(struct grants *g, enum grants_action action,
		     struct slice prefix, struct slice selector);

/* All topics that begin with the prefix, which is the same at each call and may
 * be absent. 0 or -ENOMEM. */
int grants_add_all(struct grants *g, enum grants_action action,
		   struct slice prefix);

/* Ends at `unix_ms`, if it did not end earlier. */
void grants_end_at(struct grants *g, int64_t unix_ms);

/* Whether one of them means this topic. */
bool grants_cover(const struct grants *g, enum grants_action action,
		  struct slice topic);

/* Whether one of them means every topic that a selector means. */
bool grants_cover_selector(const struct grants *g, enum grants_action action,
			   struct slice selector);

bool grants_are_empty(const struct grants *g, enum grants_action action);

/*
 * Goes through the selectors of an action: *rest begins as
 * grants_selectors(...). false: there is none left.
 */
static inline struct slice
grants_selectors(const struct grants *g, enum grants_action action)
{
	return buf_slice(&g->of[action].selectors);
}
bool grants_next(struct slice *rest, struct slice *ret_selector);

void grants_done(struct grants *g);	/* frees; leaves an empty one */

#endif
