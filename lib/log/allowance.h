/* SPDX-License-Identifier: MIT */
/*
 * allowance: what a group's readers may read beside what is open to all.
 *
 * Asked for each event of a selector that reaches further than its reader's
 * rights do: somebody asks for everything and may read what is below `news/`,
 * or asks for `orders/{id}` and may read private events of `orders/17`. Time
 * grows with the number of its selectors.
 *
 * Pure.
 */
#ifndef LIB_LOG_ALLOWANCE_H
#define LIB_LOG_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/sse/selector.h"

struct allowance_item {
	struct slice text;	/* borrowed */
	enum selector_kind kind;
	bool is_whole;		/* a subtree or all: what is guarded, too */
};

struct allowance {
	uint32_t count;
	bool has_whole;		/* an item that is */
	struct allowance_item items[];
};

/* One with room for `room` selectors; NULL: no memory. free() frees it. */
struct allowance *allowance_new(size_t room);

/*
 * Adds a selector, which is lent for its life. One that is whole is a subtree or
 * `*` and means all that it says but what is below $SYS/, guarded or not. 0 or
 * -EINVAL: it is none.
 */
int allowance_add(struct allowance *a, struct slice selector, bool is_whole);

uint32_t allowance_templates(const struct allowance *a);	/* how many */

bool allowance_covers(const struct allowance *a, struct slice topic);

/* Appends the selectors, one a line. 0 or -ENOMEM. */
int allowance_append(const struct allowance *a, struct buf *out);

#endif
