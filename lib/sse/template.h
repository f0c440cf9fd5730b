/* SPDX-License-Identifier: MIT */
/*
 * template: URI templates (RFC 6570, levels 1 to 4), matched backwards: whether
 * a topic can be what a template expands to.
 *
 *   {x}   {x,y}    values, between commas
 *   {+x}  {#x}     that may hold reserved characters; # goes before
 *   {.x}  {/x}     each with its sign before it
 *   {;x}  {?x,y}  {&x}   parameters: ;x=1  ?x=1&y=2  &x=1
 *
 * A variable can be undefined or empty, so each expression may stand for
 * nothing. A value holds no reserved character (one of :/?#[]@!$&'()*+;=) but
 * the comma, parameters and exploded ({x*}) values `=` too, {+x} and {#x} all of
 * them. A percent sign and two hex digits are one character, never parted.
 * Whatever else a URI would have percent-encoded, UTF-8 above all, stands for
 * itself, because topics need not be URIs. An expression takes as many values as
 * it has variables, and any number if one is exploded. Names of parameters and
 * the length of a prefix ({x:3}) are read, and nothing is made of them: an
 * expression is no filter.
 */
#ifndef LIB_SSE_TEMPLATE_H
#define LIB_SSE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/slice.h"
#include "lib/sse/event.h"

enum {
	TEMPLATE_VARIABLES_MAX = 16,	/* of one template */
	TEMPLATE_NAME_MAX = 64,		/* bytes */
};

/*
 * Whether the text is a template. Names are of [A-Za-z0-9_] and percent-encoded
 * bytes, with single dots between them. 0, or -EINVAL with why, of the field
 * "selector".
 */
int template_check(struct slice text, struct event_fault *ret_fault);

/*
 * `text` has passed template_check. Takes time linear in topic times template,
 * whatever the two hold: *ret_steps, which may be NULL, is how many bytes were
 * looked at, at most 2 * (topic.len + 1) * text.len.
 */
bool template_match(struct slice text, struct slice topic, size_t *ret_steps);

#endif
