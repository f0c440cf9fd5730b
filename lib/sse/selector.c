/* SPDX-License-Identifier: MIT */
#include "lib/sse/selector.h"

#include <errno.h>

#include "lib/sse/fault.h"
#include "lib/sse/template.h"

/* Whether the last segment is `*`. */
static bool
ends_in_star(struct slice text)
{
	return text.len > 0 && text.p[text.len - 1] == '*' &&
	       (text.len == 1 || text.p[text.len - 2] == '/');
}

int
selector_parse(struct slice text, enum selector_kind *ret_kind,
	       struct event_fault *ret_fault)
{
	bool star = ends_in_star(text);
	int r;

	r = fault_check_text("selector", "the selector", text, SELECTOR_MAX,
			     ret_fault);
	if (r < 0)
		return r;
	if (!memchr(text.p, '{', text.len) && !memchr(text.p, '}', text.len)) {
		*ret_kind = !star	    ? SELECTOR_TOPIC
			    : text.len == 1 ? SELECTOR_ALL
					    : SELECTOR_SUBTREE;
		return 0;
	}
	r = template_check(text, ret_fault);
	if (r < 0)
		return r;
	if (star)
		return fault_refuse(
		    ret_fault, "selector", text.len - 1,
		    "a template cannot end in `*`; end it in {+rest}");
	*ret_kind = SELECTOR_TEMPLATE;
	return 0;
}

/* How many segments are `private`, spelt out. */
static size_t
count_private(struct slice text)
{
	const struct slice word = SLICE_LIT("private");
	const char *p = text.p, *end = text.p + text.len, *slash;
	size_t count = 0;

	while (p < end) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!slash)
			slash = end;
		if (slice_eq((struct slice){p, (size_t)(slash - p)}, word))
			count++;
		p = slash + 1;
	}
	return count;
}

static bool
is_sys(struct slice text)
{
	return slice_starts(text, SLICE_LIT("$SYS/"));
}

size_t
selector_count_guards(struct slice text)
{
	return text.len > 0 ? count_private(text) + is_sys(text) : 0;
}

bool
selector_is_guarded(struct slice text)
{
	return selector_count_guards(text) > 0;
}

/*
 * Whether a wildcard would stand for a guarded segment. A segment that the
 * selector spells matches one that the topic spells, so fewer of them in the
 * selector means that a wildcard took one.
 */
static bool
is_out_of_reach(struct slice text, struct slice topic)
{
	return (is_sys(topic) && !is_sys(text)) ||
	       count_private(topic) > count_private(text);
}

bool
selector_match(struct slice text, enum selector_kind kind, struct slice topic)
{
	switch (kind) {
	case SELECTOR_TOPIC:
		return slice_eq(text, topic);
	case SELECTOR_ALL:
		return !selector_is_guarded(topic);
	case SELECTOR_SUBTREE:
		text.len--; /* up to the slash */
		return topic.len > text.len && slice_starts(topic, text) &&
		       !is_out_of_reach(text, topic);
	case SELECTOR_TEMPLATE:
		return template_match(text, topic, NULL) &&
		       !is_out_of_reach(text, topic);
	}
	return false;
}

/* What every topic that the selector matches begins with. */
static struct slice
literal_beginning(struct slice text, enum selector_kind kind)
{
	const char *brace;

	if (kind == SELECTOR_TEMPLATE) {
		brace = memchr(text.p, '{', text.len);
		text.len = (size_t)(brace - text.p);
	} else if (kind != SELECTOR_TOPIC) {
		text.len--;
	}
	return text;
}

/* `text` is a subtree. */
static bool
subtree_covers(struct slice text, struct slice other,
	       enum selector_kind other_kind)
{
	struct slice inner = literal_beginning(other, other_kind);

	text.len--;
	if (!slice_starts(inner, text))
		return false;
	/* A variable may stand for nothing, which is not below. */
	if (other_kind == SELECTOR_TEMPLATE && inner.len == text.len)
		return false;
	return is_sys(other) == is_sys(text) &&
	       count_private(other) == count_private(text);
}

bool
selector_covers(struct slice text, enum selector_kind kind, struct slice other,
		enum selector_kind other_kind)
{
	if (slice_eq(text, other))
		return true;
	if (other_kind == SELECTOR_TOPIC)
		return selector_match(text, kind, other);
	switch (kind) {
	case SELECTOR_ALL:
		return !selector_is_guarded(other);
	case SELECTOR_SUBTREE:
		return subtree_covers(text, other, other_kind);
	default:
		return false;
	}
}
