/* SPDX-License-Identifier: MIT */
/*
 * selector: which topics a subscription means.
 *
 *   news           that topic
 *   news/ and `*`  (a last segment `*`) everything below news/, not news itself
 *   *              everything but $SYS/
 *   a/{x}{?q}      a URI template (template.h): whatever it can expand to
 *
 * Only `*` as a whole selector or as the last segment is special; elsewhere
 * it is itself. A template cannot end in one: {+x} does nearly the same.
 *
 * Guarded topics: those below $SYS/, and those that have a segment `private`
 * anywhere. No wildcard ever stands for that segment: a subtree or template
 * matches a guarded topic only if it spells as many `private` segments itself
 * (and begins with $SYS/ where the topic does), and `*` never does.
 * Matching takes time linear in topic times selector, whatever the two hold.
 */
#ifndef LIB_SSE_SELECTOR_H
#define LIB_SSE_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/slice.h"
#include "lib/sse/event.h"

enum selector_kind {
	SELECTOR_TOPIC,
	SELECTOR_SUBTREE,
	SELECTOR_ALL,
	SELECTOR_TEMPLATE,
};

enum {
	SELECTOR_MAX = 255,		/* bytes */
};

/* Classifies a selector. 0, or -EINVAL with why. */
int selector_parse(struct slice text, enum selector_kind *ret_kind,
		   struct event_fault *ret_fault);

/* Whether a topic or selector is guarded: begins with $SYS/ or has a segment
 * `private` (a template's variables do not count). */
bool selector_is_guarded(struct slice text);

/* How many of its segments guard it: `private`, and $SYS where it begins so. */
size_t selector_count_guards(struct slice text);

/* `text` has passed selector_parse, `topic` topic_check. */
bool selector_match(struct slice text, enum selector_kind kind, struct slice topic);

/*
 * Whether a selector matches everything that another one does. Exact but for
 * templates that are covered by other templates: those it denies.
 */
bool selector_covers(struct slice text, enum selector_kind kind, struct slice other,
		     enum selector_kind other_kind);

#endif
