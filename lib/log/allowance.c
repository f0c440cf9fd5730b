/* SPDX-License-Identifier: MIT */
#include "lib/log/allowance.h"

#include <stdlib.h>

struct allowance *
allowance_new(size_t room)
{
	struct allowance *a;

	return calloc(1, sizeof(*a) + room * sizeof(*a->items));
}

int
allowance_add(struct allowance *a, struct slice selector)
{
	struct allowance_item item = { .text = selector };
	int r = selector_parse(selector, &item.kind, NULL);

	if (r == 0)
		a->items[a->count++] = item;
	return r;
}

bool
allowance_covers(const struct allowance *a, struct slice topic)
{
	if (a->is_all && !slice_starts(topic, SLICE_LIT("$SYS/")))
		return true;
	for (uint32_t i = 0; i < a->count; i++)
		if (selector_match(a->items[i].text, a->items[i].kind, topic))
			return true;
	return false;
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
