/* SPDX-License-Identifier: MIT */
/* topic: the selectors of lib/sse/selector.h for users of the library. */
#include <sse-fcgi/event.h>

#include <errno.h>
#include <stdio.h>

#include "lib/sse/selector.h"

int
sse_selector_check(const char *selector, char *error, size_t size)
{
	enum selector_kind kind;
	struct event_fault fault;
	int r;

	r = selector_parse(slice_of(selector), &kind, &fault);
	if (r < 0 && size > 0)
		snprintf(error, size, "%s", fault.why);
	return r;
}

int
sse_topic_matches(const char *selector, const char *topic)
{
	enum selector_kind kind;
	struct event_fault fault;

	if (selector_parse(slice_of(selector), &kind, &fault) < 0 ||
	    topic_check(slice_of(topic), &fault) < 0)
		return -EINVAL;
	return selector_match(slice_of(selector), kind, slice_of(topic));
}
