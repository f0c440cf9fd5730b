/* SPDX-License-Identifier: MIT */
#include "lib/sse/selector.h"

#include <errno.h>

#include "lib/sse/fault.h"

enum { VARIABLE_NAME_MAX = 64 };

/* One piece of a template. */
struct piece {
	enum { LITERAL, SEGMENT_PART, ANYTHING } kind;
	struct slice text; /* of a literal; of a variable: its name */
};

/*
 * Takes the first piece off *rest, which is not empty. A brace that is not
 * closed makes a variable that reaches to the end; check_variable sees that.
 */
static struct piece
take_piece(struct slice *rest)
{
	struct piece piece = {LITERAL, {rest->p, 0}};
	const char *stop;
	size_t len;

	if (*rest->p == '{') {
		stop = memchr(rest->p, '}', rest->len);
		len = stop ? (size_t)(stop - rest->p) + 1 : rest->len;
		piece.kind = SEGMENT_PART;
		piece.text.p++;
		piece.text.len = len - (stop ? 2 : 1);
		if (piece.text.len > 0 && *piece.text.p == '+') {
			piece.kind = ANYTHING;
			piece.text.p++;
			piece.text.len--;
		}
	} else {
		stop = memchr(rest->p, '{', rest->len);
		len = stop ? (size_t)(stop - rest->p) : rest->len;
		piece.text.len = len;
	}
	rest->p += len;
	rest->len -= len;
	return piece;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static int
check_variable(struct slice text, struct slice name,
	       struct event_fault *ret_fault)
{
	size_t at = (size_t)(name.p - text.p), i;

	if (at + name.len == text.len)
		return fault_refuse(ret_fault, "selector", text.len,
				    "the selector ends inside `{`; close the "
				    "variable with `}`");
	if (name.len == 0)
		return fault_refuse(
		    ret_fault, "selector", at,
		    "the variable at byte %zu has no name; write "
		    "{name} or {+name}",
		    at);
	for (i = 0; i < name.len; i++)
		if (!is_name_char(name.p[i]))
			return fault_refuse(
			    ret_fault, "selector", at + i,
			    "the variable's name has byte 0x%02x at "
			    "byte %zu; names are letters, digits "
			    "and `_`",
			    (unsigned char)name.p[i], at + i);
	if (name.len > VARIABLE_NAME_MAX)
		return fault_refuse(
		    ret_fault, "selector", at + VARIABLE_NAME_MAX,
		    "the variable's name has %zu bytes; at most %d "
		    "are allowed",
		    name.len, VARIABLE_NAME_MAX);
	return 0;
}

static int
check_literal(struct slice text, struct slice literal,
	      struct event_fault *ret_fault)
{
	const char *brace = memchr(literal.p, '}', literal.len);

	if (!brace)
		return 0;
	return fault_refuse(
	    ret_fault, "selector", (size_t)(brace - text.p),
	    "the selector has a `}` at byte %zu that closes nothing",
	    (size_t)(brace - text.p));
}

static int
check_template(struct slice text, struct event_fault *ret_fault)
{
	struct slice rest = text;
	unsigned variables = 0;
	int r;

	while (rest.len > 0) {
		size_t at = (size_t)(rest.p - text.p);
		struct piece piece = take_piece(&rest);

		if (piece.kind == LITERAL) {
			r = check_literal(text, piece.text, ret_fault);
		} else if (++variables > SELECTOR_VARIABLES_MAX) {
			r = fault_refuse(
			    ret_fault, "selector", at,
			    "the selector has more than %d variables",
			    SELECTOR_VARIABLES_MAX);
		} else {
			r = check_variable(text, piece.text, ret_fault);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

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
	r = check_template(text, ret_fault);
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

bool
selector_is_guarded(struct slice text)
{
	return text.len > 0 && (is_sys(text) || count_private(text) > 0);
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

/*
 * The positions of the topic that the template's pieces so far may end at.
 * Carried piece by piece from left to right, each in one sweep: linear in
 * topic times selector, where trying one way after the other is exponential.
 */
struct reach {
	bool at[TOPIC_MAX + 1];
};

static bool
step_literal(struct reach *reach, struct slice topic, struct slice text)
{
	bool any = false;
	size_t i;

	/* From the end, so that nothing is read after it was written. */
	for (i = topic.len + 1; i-- > 0;) {
		bool ends =
		    i >= text.len && reach->at[i - text.len] &&
		    memcmp(topic.p + i - text.len, text.p, text.len) == 0;

		reach->at[i] = ends;
		any = any || ends;
	}
	return any;
}

static bool
step_variable(struct reach *reach, struct slice topic, bool takes_slash)
{
	bool inside = false, any = false;
	size_t i;

	/* inside: a variable that began before byte i may go on to it */
	for (i = 0; i <= topic.len; i++) {
		bool starts = reach->at[i];

		reach->at[i] = inside;
		any = any || inside;
		inside = (inside || starts) && i < topic.len &&
			 (takes_slash || topic.p[i] != '/');
	}
	return any;
}

static bool
match_template(struct slice text, struct slice topic)
{
	struct reach reach = {{true}};
	struct slice rest = text;
	bool any = true;

	if (topic.len > TOPIC_MAX)
		return false;
	while (any && rest.len > 0) {
		struct piece piece = take_piece(&rest);

		if (piece.kind == LITERAL)
			any = step_literal(&reach, topic, piece.text);
		else
			any = step_variable(&reach, topic,
					    piece.kind == ANYTHING);
	}
	return any && reach.at[topic.len];
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
		return match_template(text, topic) &&
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
