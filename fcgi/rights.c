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

/* Takes the next selector off a list. */
static bool
take(struct slice *list, struct slice *ret_selector)
{
	if (list->len == 0)
		return false;
	*ret_selector = slice_of(list->p);
	list->p += ret_selector->len + 1;
	list->len -= ret_selector->len + 1;
	return true;
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
	while (take(&rest, &granted)) {
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

static int
add_asked(struct rights_case *c, struct subscription *sub)
{
	struct slice rest = c->asked, selector;
	int r = 0;

	while (r == 0 && take(&rest, &selector)) {
		bool granted = is_granted(c, selector);

		/* The stream's own words are judged; the prefix is the
		 * administrator's. */
		if (!granted && selector_is_guarded(selector))
			return refuse(c, 403,
				      "Topics below $SYS/ and private topics "
				      "need an access rule, and there is none "
				      "for this one.");
		r = subscription_add(sub, c->params->topic_prefix, selector,
				     granted);
	}
	return r;
}

static int
add_granted(const struct rights_case *c, struct subscription *sub)
{
	struct slice rest = buf_slice(&c->granted), selector;
	int r = 0;

	while (r == 0 && take(&rest, &selector))
		r = subscription_add(sub, c->params->topic_prefix, selector,
				     true);
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
	return r;
}

void
rights_done(struct rights_case *c)
{
	buf_done(&c->granted);
}
