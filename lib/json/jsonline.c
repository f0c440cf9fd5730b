/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/json/jsonline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

/*
 * The library says what a value means but not where it stands, so a cursor
 * walks the same line beside it. It may trust the syntax: the library has
 * accepted the whole line before the cursor moves.
 */
struct cursor {
	const char *line;
	size_t len;
	size_t at;
};

struct member {
	const char *name;
	json_t *value;		/* borrowed from the object */
	const char *text;	/* the value as it stands on the line */
	size_t len;
	size_t at;		/* its first byte, counted from 0 */
};

static void
skip_blanks(struct cursor *c)
{
	while (c->at < c->len && strchr(" \t\r\n", c->line[c->at]) != NULL &&
	       c->line[c->at] != '\0')
		c->at++;
}

static void
skip_string(struct cursor *c)
{
	for (c->at++; c->at < c->len && c->line[c->at] != '"'; c->at++) {
		if (c->line[c->at] == '\\')
			c->at++;
	}
	c->at++;
}

/* Passes one value: nesting is counted, so that depth costs no stack. */
static void
skip_value(struct cursor *c)
{
	size_t depth = 0;

	while (c->at < c->len) {
		char byte = c->line[c->at];

		if (byte == '"') {
			skip_string(c);
			if (depth == 0)
				return;
			continue;
		}
		if (byte == '{' || byte == '[') {
			depth++;
		} else if (byte == '}' || byte == ']') {
			if (depth == 0)
				return;
			if (--depth == 0) {
				c->at++;
				return;
			}
		} else if (depth == 0 && strchr(", \t\r\n", byte) != NULL &&
			   byte != '\0') {
			return;
		}
		c->at++;
	}
}

/* Moves over `{` or `,`, a name and `:`, and takes the value's place. */
static void
take_place(struct cursor *c, struct member *m)
{
	skip_blanks(c);
	c->at++;
	skip_blanks(c);
	skip_string(c);
	skip_blanks(c);
	c->at++;
	skip_blanks(c);
	m->at = c->at;
	skip_value(c);
	if (c->at > c->len)
		c->at = c->len;
	m->text = c->line + m->at;
	m->len = c->at - m->at;
}

/* A member, or what stands in one, that must be text. */
static int
take_string(const struct member *m, const json_t *value,
	    struct jsonline_text *ret_text, char *error, size_t size)
{
	struct jsonline_text text;
	const char *nul;

	if (!json_is_string(value)) {
		snprintf(error, size, "\"%s\" (byte %zu of the line) must be "
			 "text in double quotes", m->name, m->at);
		return -EINVAL;
	}
	text.p = json_string_value(value);
	text.len = json_string_length(value);
	nul = memchr(text.p, '\0', text.len);
	if (nul != NULL) {
		snprintf(error, size, "\"%s\" (byte %zu of the line) has a NUL "
			 "as its byte %zu; only data may have one", m->name,
			 m->at, (size_t)(nul - text.p));
		return -EINVAL;
	}
	*ret_text = text;
	return 0;
}

static int
take_text(const struct member *m, struct jsonline_text *ret_text, char *error,
	  size_t size)
{
	if (json_is_null(m->value))
		return 0;
	return take_string(m, m->value, ret_text, error, size);
}

static int
take_also(struct jsonline *j, const struct member *m, char *error, size_t size)
{
	size_t n = json_array_size(m->value), i;
	int r = 0;

	if (json_is_null(m->value))
		return 0;
	if (!json_is_array(m->value) || n > JSONLINE_ALSO_MAX) {
		snprintf(error, size, "\"also\" (byte %zu of the line) must be "
			 "a list of at most %d topics, such as "
			 "[\"news\",\"sport\"]", m->at, JSONLINE_ALSO_MAX);
		return -EINVAL;
	}
	for (i = 0; i < n && r == 0; i++)
		r = take_string(m, json_array_get(m->value, i), &j->also[i],
				error, size);
	j->also_count = n;
	return r;
}

static int
take_retry(const struct member *m, int64_t *ret_ms, char *error, size_t size)
{
	int64_t ms = 0;
	size_t i;

	if (json_is_null(m->value))
		return 0;
	for (i = 0; i < m->len && m->text[i] >= '0' && m->text[i] <= '9'; i++) {
		ms = ms * 10 + (m->text[i] - '0');
		if (ms > UINT32_MAX)
			break;
	}
	if (i == 0 || i < m->len) {
		snprintf(error, size, "\"retry\" (byte %zu of the line) must be "
			 "whole milliseconds from 0 to 4294967295, not %.*s",
			 m->at, m->len > 40 ? 40 : (int)m->len, m->text);
		return -EINVAL;
	}
	*ret_ms = ms;
	return 0;
}

static int
take_private(const struct member *m, enum jsonline_private *ret_private,
	     char *error, size_t size)
{
	if (json_is_null(m->value))
		return 0;
	if (!json_is_boolean(m->value)) {
		snprintf(error, size, "\"private\" (byte %zu of the line) must "
			 "be true or false", m->at);
		return -EINVAL;
	}
	*ret_private = json_is_true(m->value) ? JSONLINE_PRIVATE_YES
					      : JSONLINE_PRIVATE_NO;
	return 0;
}

static int
take_member(struct jsonline *j, const struct member *m, char *error, size_t size)
{
	if (strcmp(m->name, "data") == 0) {
		if (json_is_string(m->value))
			j->data = (struct jsonline_text){
				json_string_value(m->value),
				json_string_length(m->value) };
		else
			j->data = (struct jsonline_text){ m->text, m->len };
		return 0;
	}
	if (strcmp(m->name, "topic") == 0)
		return take_text(m, &j->topic, error, size);
	if (strcmp(m->name, "also") == 0)
		return take_also(j, m, error, size);
	if (strcmp(m->name, "event") == 0)
		return take_text(m, &j->event, error, size);
	if (strcmp(m->name, "id") == 0)
		return take_text(m, &j->id, error, size);
	if (strcmp(m->name, "key") == 0)
		return take_text(m, &j->key, error, size);
	if (strcmp(m->name, "retry") == 0)
		return take_retry(m, &j->retry_ms, error, size);
	if (strcmp(m->name, "private") == 0)
		return take_private(m, &j->is_private, error, size);
	snprintf(error, size, "\"%.60s\" (its value is byte %zu of the line) is "
		 "not a member of an event; these are: topic, also, data, "
		 "event, id, retry, key, private", m->name, m->at);
	return -EINVAL;
}

static int
take_members(struct jsonline *j, const char *line, size_t len, char *error,
	     size_t size)
{
	struct cursor c = { line, len, 0 };
	void *place;
	int r;

	/* The object keeps its members in the line's order (jansson 2.8). */
	for (place = json_object_iter(j->root); place != NULL;
	     place = json_object_iter_next(j->root, place)) {
		struct member m = {
			.name = json_object_iter_key(place),
			.value = json_object_iter_value(place),
		};

		take_place(&c, &m);
		r = take_member(j, &m, error, size);
		if (r < 0)
			return r;
	}
	return 0;
}

int
jsonline_parse(const char *line, size_t len, struct jsonline *ret_line,
	       char *error, size_t size)
{
	/* Whole numbers as reals: one of 30 digits is good data, too. */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
			     JSON_DECODE_INT_AS_REAL;
	struct jsonline j = { .retry_ms = -1 };
	json_error_t why;
	int r;

	j.root = json_loadb(line, len, flags, &why);
	if (j.root == NULL) {
		snprintf(error, size, "not a JSON object: %s (byte %d of the "
			 "line)", why.text, why.position);
		return json_error_code(&why) == json_error_out_of_memory
			       ? -ENOMEM : -EINVAL;
	}
	if (!json_is_object((json_t *)j.root)) {
		snprintf(error, size, "not a JSON object such as "
			 "{\"topic\":\"news\",\"data\":\"hello\"}");
		r = -EINVAL;
	} else {
		r = take_members(&j, line, len, error, size);
	}
	if (r < 0) {
		jsonline_done(&j);
		return r;
	}
	*ret_line = j;
	return 0;
}

void
jsonline_done(struct jsonline *j)
{
	json_decref(j->root);
	*j = (struct jsonline){ .retry_ms = -1 };
}
