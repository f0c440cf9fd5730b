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
};

struct allowance {
	bool is_all;		/* every topic but those below $SYS/ */
	uint32_t count;
	struct allowance_item items[];
};

/* One with room for `room` selectors; NULL: no memory. free() frees it. */
struct allowance *allowance_new(size_t room);

/* Adds a selector, which is lent for its life. 0 or -EINVAL: it is none. */
int allowance_add(struct allowance *a, struct slice selector);

bool allowance_covers(const struct allowance *a, struct slice topic);

/* Appends the selectors, one a line. 0 or -ENOMEM. */
int allowance_append(const struct allowance *a, struct buf *out);

#endif
