/* SPDX-License-Identifier: MIT */
/*
 * A template is read part by part from left to right, and never held whole. To
 * match is to know, after each part, at which positions of the topic the parts
 * so far may end: a set, carried on in one sweep for each value that the part
 * can have, where trying one way after the other is exponential.
 */
#include "lib/sse/template.h"

#include <errno.h>

#include "lib/sse/fault.h"

/* What a value may hold beside unreserved characters and the comma. */
enum takes {
	TAKES_EQUALS = 1,
	TAKES_RESERVED = 2,
};

struct expression {
	char first;		/* before the first value; 0: nothing */
	char separator;		/* before each other one */
	unsigned takes_first;	/* the first value */
	unsigned takes;		/* the others */
	unsigned variables;
	bool is_exploded;	/* any number of values */
};

struct part {
	bool is_literal;
	struct slice text;	/* of a literal */
	struct expression expression;
};

struct reader {
	struct slice text;
	size_t at;
	struct event_fault *fault;
};

static const struct operator {
	char sign, first, separator;
	unsigned takes;
} operators[] = {
	{ 0, 0, ',', 0 },
	{ '+', 0, ',', TAKES_RESERVED },
	{ '#', '#', ',', TAKES_RESERVED },
	{ '.', '.', '.', 0 },
	{ '/', '/', '/', 0 },
	{ ';', ';', ';', TAKES_EQUALS },
	{ '?', '?', '&', TAKES_EQUALS },
	{ '&', '&', '&', TAKES_EQUALS },
};

/* ---- reading ---- */

/* The byte that is next; 0, which no selector has, at the end. */
static char
peek(const struct reader *r)
{
	return r->at < r->text.len ? r->text.p[r->at] : 0;
}

static int
refuse_end(const struct reader *r)
{
	return fault_refuse(r->fault, "selector", r->text.len,
			    "the selector ends inside `{`; close the "
			    "variable with `}`");
}

static int
refuse_byte(const struct reader *r)
{
	return fault_refuse(r->fault, "selector", r->at,
			    "the variable has byte 0x%02x at byte %zu; its name "
			    "is letters, digits, `_` and `.`, and `:3` or `*` "
			    "may follow",
			    (unsigned char)peek(r), r->at);
}

static const struct operator *
read_operator(struct reader *r)
{
	for (size_t i = 1; i < sizeof(operators) / sizeof(*operators); i++) {
		if (peek(r) == operators[i].sign) {
			r->at++;
			return &operators[i];
		}
	}
	return &operators[0];
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

static bool
is_triplet(struct slice text, size_t at)
{
	return text.len - at >= 3 && text.p[at] == '%' &&
	       is_hex(text.p[at + 1]) && is_hex(text.p[at + 2]);
}

/* How many bytes the next character of a name has; 0: it is none. */
static size_t
name_char(const struct reader *r)
{
	char c = peek(r);

	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_')
		return 1;
	return c == '%' && is_triplet(r->text, r->at) ? 3 : 0;
}

static int
read_name(struct reader *r)
{
	size_t from = r->at, n;

	while ((n = name_char(r)) > 0) {
		r->at += n;
		if (peek(r) == '.')
			r->at++;
	}
	if (r->at > from && r->text.p[r->at - 1] == '.')
		r->at--;
	if (r->at - from > TEMPLATE_NAME_MAX)
		return fault_refuse(
		    r->fault, "selector", from + TEMPLATE_NAME_MAX,
		    "the variable's name has %zu bytes; at most %d are "
		    "allowed",
		    r->at - from, TEMPLATE_NAME_MAX);
	if (r->at > from)
		return 0;
	if (peek(r) != '}' && peek(r) != ',' && peek(r) != 0)
		return refuse_byte(r);
	return r->at == r->text.len ? refuse_end(r) :
	       fault_refuse(r->fault, "selector", r->at,
			    "the variable at byte %zu has no name; write "
			    "{name} or {+name}",
			    r->at);
}

/* The length of a prefix, 1 to 9999. */
static int
read_prefix(struct reader *r)
{
	size_t from = ++r->at;

	while (r->at - from < 4 && peek(r) >= (r->at == from ? '1' : '0') &&
	       peek(r) <= '9')
		r->at++;
	if (r->at > from)
		return 0;
	return fault_refuse(r->fault, "selector", r->at,
			    "the variable's length at byte %zu is not a number "
			    "from 1 to 9999",
			    r->at);
}

static int
read_variable(struct reader *r, bool *ret_exploded)
{
	int result = read_name(r);

	*ret_exploded = false;
	if (result == 0 && peek(r) == ':')
		return read_prefix(r);
	if (result == 0 && peek(r) == '*') {
		*ret_exploded = true;
		r->at++;
	}
	return result;
}

/* Behind the brace that opens it. */
static int
read_expression(struct reader *r, struct expression *e)
{
	const struct operator *op = read_operator(r);
	bool is_exploded;
	int result;

	*e = (struct expression){ op->first, op->separator, op->takes,
				  op->takes, 0, false };
	for (;;) {
		result = read_variable(r, &is_exploded);
		if (result < 0)
			return result;
		if (is_exploded) {
			e->is_exploded = true;
			e->takes |= TAKES_EQUALS;
			if (e->variables == 0)
				e->takes_first |= TAKES_EQUALS;
		}
		e->variables++;
		if (r->at == r->text.len)
			return refuse_end(r);
		if (peek(r) != ',' && peek(r) != '}')
			return refuse_byte(r);
		if (r->text.p[r->at++] == '}')
			return 0;
	}
}

static int
read_literal(struct reader *r, struct slice *ret_text)
{
	size_t from = r->at;

	while (r->at < r->text.len && peek(r) != '{' && peek(r) != '}')
		r->at++;
	if (peek(r) == '}')
		return fault_refuse(
		    r->fault, "selector", r->at,
		    "the selector has a `}` at byte %zu that closes nothing",
		    r->at);
	*ret_text = (struct slice){ r->text.p + from, r->at - from };
	return 0;
}

/* 1; 0: there is no further part; or -EINVAL. */
static int
read_part(struct reader *r, struct part *ret_part)
{
	int result;

	if (r->at == r->text.len)
		return 0;
	ret_part->is_literal = peek(r) != '{';
	if (ret_part->is_literal) {
		result = read_literal(r, &ret_part->text);
	} else {
		r->at++;
		result = read_expression(r, &ret_part->expression);
	}
	return result < 0 ? result : 1;
}

int
template_check(struct slice text, struct event_fault *ret_fault)
{
	struct reader reader = { text, 0, ret_fault };
	struct part part;
	unsigned variables = 0;
	size_t at = 0;
	int r;

	while ((r = read_part(&reader, &part)) > 0) {
		if (!part.is_literal)
			variables += part.expression.variables;
		if (variables > TEMPLATE_VARIABLES_MAX)
			return fault_refuse(
			    ret_fault, "selector", at,
			    "the selector has more than %d variables",
			    TEMPLATE_VARIABLES_MAX);
		at = reader.at;
	}
	return r;
}

/* ---- matching ---- */

/* Positions of the topic. */
struct reach {
	bool at[TOPIC_MAX + 1];
};

struct matcher {
	struct slice topic;
	struct reach reach;	/* where the parts so far may end */
	size_t steps;
};

/* All that are behind the text and were before it. False: none. */
static bool
step_text(struct matcher *m, struct reach *reach, struct slice text)
{
	bool any = false;
	size_t i;

	/* From the end, so that nothing is read after it was written. */
	for (i = m->topic.len + 1; i-- > 0;) {
		bool ends = i >= text.len && reach->at[i - text.len];

		m->steps++;
		if (ends) {
			m->steps += text.len;
			ends = memcmp(m->topic.p + i - text.len, text.p,
				      text.len) == 0;
		}
		reach->at[i] = ends;
		any = any || ends;
	}
	return any;
}

static bool
takes_byte(unsigned takes, char c)
{
	switch (c) {
	case '=':
		return takes != 0;
	case ':': case '/': case '?': case '#': case '[': case ']': case '@':
	case '!': case '$': case '&': case '\'': case '(': case ')': case '*':
	case '+': case ';':
		return takes & TAKES_RESERVED;
	default:
		return true;
	}
}

/*
 * Adds all that a value, or several with their separator (0: none), may end at
 * that begins where the reach is now.
 */
static void
step_value(struct matcher *m, struct reach *reach, unsigned takes,
	   char separator)
{
	struct slice topic = m->topic;

	m->steps += topic.len;
	for (size_t i = 0; i < topic.len; i++) {
		if (!reach->at[i])
			continue;
		if (is_triplet(topic, i))
			reach->at[i + 3] = true;
		else if (takes_byte(takes, topic.p[i]) ||
			 (separator && topic.p[i] == separator))
			reach->at[i + 1] = true;
	}
}

static void
unite(struct matcher *m, const struct reach *with)
{
	m->steps += m->topic.len + 1;
	for (size_t i = 0; i <= m->topic.len; i++)
		m->reach.at[i] |= with->at[i];
}

static void
step_expression(struct matcher *m, const struct expression *e)
{
	struct reach reach = m->reach;
	unsigned others = e->is_exploded ? 1 : e->variables - 1;

	if (e->first && !step_text(m, &reach, (struct slice){ &e->first, 1 }))
		return;
	step_value(m, &reach, e->takes_first, 0);
	unite(m, &reach);
	while (others-- > 0 &&
	       step_text(m, &reach, (struct slice){ &e->separator, 1 })) {
		step_value(m, &reach, e->takes,
			   e->is_exploded ? e->separator : 0);
		unite(m, &reach);
	}
}

bool
template_match(struct slice text, struct slice topic, size_t *ret_steps)
{
	struct matcher m = { .topic = topic, .reach = { { true } } };
	struct reader reader = { text, 0, NULL };
	struct part part;
	bool any = topic.len <= TOPIC_MAX;

	while (any && read_part(&reader, &part) > 0) {
		if (part.is_literal)
			any = step_text(&m, &m.reach, part.text);
		else
			step_expression(&m, &part.expression);
	}
	if (ret_steps)
		*ret_steps = m.steps;
	return any && m.reach.at[topic.len];
}
