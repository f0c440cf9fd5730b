/* SPDX-License-Identifier: MIT */
#include "fcgi/rights.h"

#include <errno.h>
#include <stdbool.h>

#include "lib/sse/selector.h"

int
rights_ask(struct buf *asked, struct slice selector)
{
	int r = buf_reserve(asked, selector.len + 1);

	if (r == 0)
		r = buf_append_slice(asked, selector);
	return r < 0 ? r : buf_append_char(asked, '\0');
}

int
rights_grant(struct rights_case *c, struct slice selector)
{
	enum selector_kind kind;
	int r;

	if (selector_parse(selector, &kind, NULL) < 0)
		return -EINVAL;
	if (selector.len > SELECTOR_MAX - c->params->topic_prefix.len)
		return -EMSGSIZE;
	if (c->n_granted >= c->granted_max ||
	    (kind == SELECTOR_TEMPLATE && c->n_templates >= c->templates_max))
		return -ENOBUFS;
	r = rights_ask(&c->granted, selector);
	if (r < 0)
		return r;
	c->n_granted++;
	c->n_templates += kind == SELECTOR_TEMPLATE;
	return 0;
}

/* Whether a selector was granted itself or, a topic, is meant by one. */
static bool
is_granted(const struct rights_case *c, struct slice selector)
{
	struct slice rest = buf_slice(&c->granted), granted;
	enum selector_kind kind = SELECTOR_ALL, granted_kind;

	(void)selector_parse(selector, &kind, NULL);
	while (grants_next(&rest, &granted)) {
		if (slice_eq(granted, selector))
			return true;
		if (kind == SELECTOR_TOPIC &&
		    selector_parse(granted, &granted_kind, NULL) == 0 &&
		    selector_match(granted, granted_kind, selector))
			return true;
	}
	return false;
}

static int
refuse(struct rights_case *c, int status, const char *why)
{
	c->status = status;
	c->why = why;
	return -EACCES;
}

/* Whether what is not private of it is everybody's. */
static bool
is_open(const struct rights_case *c, struct slice selector)
{
	/* The stream's own words are judged; the prefix is the
	 * administrator's. */
	return !c->is_closed && !selector_is_guarded(selector);
}

static int
refuse_asked(struct rights_case *c, struct slice selector)
{
	if (!selector_is_guarded(selector))
		return refuse(c, 403,
			      "Topics need an access rule here, and there is "
			      "none that lets you read this one.");
	return refuse(c, 403,
		      "Topics below $SYS/ and private topics need an access "
		      "rule, and there is none for this one.");
}

/* How much of a selector, with its prefix in `whole`, the stream may have. */
static int
find_reach(struct rights_case *c, struct slice selector, struct slice whole,
	   enum subscription_reach *ret_reach)
{
	enum selector_kind kind = SELECTOR_TOPIC;
	bool open = is_open(c, selector);

	(void)selector_parse(selector, &kind, NULL);
	if (is_granted(c, selector) ||
	    grants_cover_selector(&c->allowed, GRANTS_SUBSCRIBE, whole))
		*ret_reach = REACH_ALL;
	else if (kind == SELECTOR_TOPIC ||
		 grants_are_empty(&c->allowed, GRANTS_SUBSCRIBE))
		*ret_reach = REACH_PUBLIC;
	else
		*ret_reach = open ? REACH_OPEN : REACH_ALLOWED;
	return *ret_reach == REACH_PUBLIC && !open ?
	       refuse_asked(c, selector) : 0;
}

/* What the filters of wildcards are told (lib/log/allowance.h). */
static int
add_allowed(const struct rights_case *c, struct subscription *sub)
{
	const struct grants_list *list = &c->allowed.of[GRANTS_SUBSCRIBE];
	struct slice rest = grants_selectors(&c->allowed, GRANTS_SUBSCRIBE);
	struct slice selector;
	int r = 0;

	if (list->all)
		r = subscription_allow_all(sub, buf_slice(&list->all_below));
	while (r == 0 && grants_next(&rest, &selector))
		r = subscription_allow(sub, selector);
	return r;
}

static int
add_asked(struct rights_case *c, struct subscription *sub)
{
	struct slice rest = c->asked, selector, prefix = c->params->topic_prefix;
	enum subscription_reach reach = REACH_PUBLIC;
	bool is_filtered = false;
	struct buf whole = { 0 };
	int r = 0;

	while (r == 0 && grants_next(&rest, &selector)) {
		buf_clear(&whole);
		r = buf_append_slice(&whole, prefix);
		if (r == 0)
			r = buf_append_slice(&whole, selector);
		if (r == 0)
			r = find_reach(c, selector, buf_slice(&whole), &reach);
		if (r < 0)
			break;
		is_filtered |= reach == REACH_OPEN || reach == REACH_ALLOWED;
		r = subscription_add(sub, prefix, selector, reach);
	}
	buf_done(&whole);
	return r == 0 && is_filtered ? add_allowed(c, sub) : r;
}

static int
add_granted(const struct rights_case *c, struct subscription *sub)
{
	struct slice rest = buf_slice(&c->granted), selector;
	int r = 0;

	while (r == 0 && grants_next(&rest, &selector))
		r = subscription_add(sub, c->params->topic_prefix, selector,
				     REACH_ALL);
	return r;
}

int
rights_decide(struct rights_case *c, rights_judge *judge, void *user,
	      struct subscription *ret_sub)
{
	int r = judge ? judge(user, c) : 0;

	if (c->status != 0)
		return -EACCES;
	if (r == 0)
		r = add_asked(c, ret_sub);
	if (r == 0)
		r = add_granted(c, ret_sub);
	ret_sub->expires_ms = c->allowed.expires_ms;
	return r;
}

void
rights_done(struct rights_case *c)
{
	buf_done(&c->granted);
	grants_done(&c->allowed);
}
