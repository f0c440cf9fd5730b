/* SPDX-License-Identifier: MIT */
#include "lib/auth/grants.h"

#include <errno.h>
#include <string.h>

#include "lib/sse/selector.h"

bool
grants_next(struct slice *rest, struct slice *ret_selector)
{
	if (rest->len == 0)
		return false;
	*ret_selector = slice_of(rest->p);
	rest->p += ret_selector->len + 1;
	rest->len -= ret_selector->len + 1;
	return true;
}

static bool
has(const struct grants_list *list, struct slice selector)
{
	struct slice rest = buf_slice(&list->selectors), each;

	while (grants_next(&rest, &each))
		if (slice_eq(each, selector))
			return true;
	return false;
}

int
grants_add_below(struct grants *g, enum grants_action action,
		 struct slice prefix, struct slice selector)
{
	struct grants_list *list = &g->of[action];
	enum selector_kind kind;
	struct slice whole;
	size_t len;
	int r;

	if (selector_parse(selector, &kind, NULL) < 0)
		return -EINVAL;
	if (selector.len > SELECTOR_MAX - prefix.len)
		return -EMSGSIZE;
	len = list->selectors.len;
	r = buf_reserve(&list->selectors, prefix.len + selector.len + 1);
	if (r < 0)
		return r;
	/* It is written where it will stand, and counts when it is new. */
	(void)buf_append_slice(&list->selectors, prefix);
	(void)buf_append_slice(&list->selectors, selector);
	(void)buf_append_char(&list->selectors, '\0');
	whole = slice_of(list->selectors.p + len);
	list->selectors.len = len;
	if (has(list, whole))
		return 0;
	if (list->count >= GRANTS_MOST)
		return -ENOBUFS;
	list->selectors.len += whole.len + 1;
	list->count++;
	return 0;
}

int
grants_add(struct grants *g, enum grants_action action, struct slice selector)
{
	return grants_add_below(g, action, SLICE_NONE, selector);
}

int
grants_add_all(struct grants *g, enum grants_action action,
	       struct slice prefix)
{
	struct grants_list *list = &g->of[action];
	int r;

	buf_clear(&list->all_below);
	r = buf_append_slice(&list->all_below, prefix);
	list->all = r == 0;
	return r;
}

static bool
is_of_all(const struct grants_list *list, struct slice text)
{
	return list->all && slice_starts(text, buf_slice(&list->all_below)) &&
	       !slice_starts(text, SLICE_LIT("$SYS/"));
}

void
grants_end_at(struct grants *g, int64_t unix_ms)
{
	if (unix_ms < 1)	/* 0 would be never */
		unix_ms = 1;
	if (g->expires_ms == 0 || unix_ms < g->expires_ms)
		g->expires_ms = unix_ms;
}

bool
grants_cover(const struct grants *g, enum grants_action action,
	     struct slice topic)
{
	const struct grants_list *list = &g->of[action];
	struct slice rest = buf_slice(&list->selectors), each;
	enum selector_kind kind;

	if (is_of_all(list, topic))
		return true;
	while (grants_next(&rest, &each))
		if (selector_parse(each, &kind, NULL) == 0 &&
		    selector_match(each, kind, topic))
			return true;
	return false;
}

bool
grants_cover_selector(const struct grants *g, enum grants_action action,
		      struct slice selector)
{
	const struct grants_list *list = &g->of[action];
	struct slice rest = buf_slice(&list->selectors), each;
	enum selector_kind kind, its_kind;

	if (selector_parse(selector, &kind, NULL) < 0)
		return false;
	if (is_of_all(list, selector))
		return true;
	while (grants_next(&rest, &each))
		if (selector_parse(each, &its_kind, NULL) == 0 &&
		    selector_covers(each, its_kind, selector, kind))
			return true;
	return false;
}

bool
grants_are_empty(const struct grants *g, enum grants_action action)
{
	return !g->of[action].all && g->of[action].count == 0;
}

void
grants_done(struct grants *g)
{
	for (int i = 0; i < GRANTS_ACTIONS; i++) {
		buf_done(&g->of[i].selectors);
		buf_done(&g->of[i].all_below);
	}
	buf_done(&g->user);
	buf_done(&g->payload);
	memset(g, 0, sizeof(*g));
}
