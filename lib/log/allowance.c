/* SPDX-License-Identifier: MIT */
#include "lib/log/allowance.h"

#include <errno.h>
#include <stdlib.h>

struct allowance *
allowance_new(size_t room)
{
	struct allowance *a;

	return calloc(1, sizeof(*a) + room * sizeof(*a->items));
}

int
allowance_add(struct allowance *a, struct slice selector, bool is_whole)
{
	struct allowance_item item = { .text = selector, .is_whole = is_whole };
	int r = selector_parse(selector, &item.kind, NULL);

	if (r == 0 && is_whole && item.kind != SELECTOR_SUBTREE &&
	    item.kind != SELECTOR_ALL)
		r = -EINVAL;
	if (r < 0)
		return r;
	a->has_whole |= is_whole;
	a->items[a->count++] = item;
	return 0;
}

static bool
item_covers(const struct allowance_item *item, struct slice topic)
{
	struct slice begin = { item->text.p, item->text.len - 1 };

	if (!item->is_whole)
		return selector_match(item->text, item->kind, topic);
	return slice_starts(topic, begin) &&
	       !slice_starts(topic, SLICE_LIT("$SYS/"));
}

bool
allowance_covers(const struct allowance *a, struct slice topic)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (item_covers(&a->items[i], topic))
			return true;
	return false;
}

uint32_t
allowance_templates(const struct allowance *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->count; i++)
		n += a->items[i].kind == SELECTOR_TEMPLATE;
	return n;
}

int
allowance_append(const struct allowance *a, struct buf *out)
{
	int r = 0;

	for (uint32_t i = 0; i < a->count && r == 0; i++) {
		r = buf_append_slice(out, a->items[i].text);
		if (r == 0)
			r = buf_append_char(out, '\n');
	}
	return r;
}
