/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/dumpline.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/units.h"
#include "lib/sse/also.h"
#include "lib/sse/id.h"

#define FORMAT "sse-hub dump"
enum { DUMP_VERSION = 1 };

#define TIME_MOST ((INT64_C(1) << 56) - 1)	/* as the store's own */

enum type {
	TYPE_NUMBER,		/* uint64_t, from 1 */
	TYPE_COUNT,		/* uint64_t */
	TYPE_TIME,		/* int64_t, not below 0 */
	TYPE_EPOCH,		/* uint64_t, in base 36 */
	TYPE_TEXT,		/* struct slice */
	TYPE_KEY,		/* struct slice, in hexadecimal */
	TYPE_ALSO,		/* of the event */
	TYPE_RETRY,		/* of the event */
	TYPE_PRIVATE,
};

struct member {
	const char *name;
	enum type type;
	size_t at;
	bool is_optional;
};

#define AT(field) offsetof(struct dumpline, field)

static const struct member head[] = {
	{ "epoch", TYPE_EPOCH, AT(epoch), false },
	{ "last", TYPE_COUNT, AT(last), false },
	{ "floor", TYPE_NUMBER, AT(floor), false },
	{ "lost", TYPE_COUNT, AT(lost), false },
	{ "blind", TYPE_COUNT, AT(blind), false },
	{ "clock", TYPE_TIME, AT(clock_ms), false },
	{ "wall", TYPE_TIME, AT(wall_ms), false },
	{ 0 },
};

static const struct member epoch[] = {
	{ "epoch", TYPE_EPOCH, AT(epoch), false },
	{ "end", TYPE_COUNT, AT(end), false },
	{ 0 },
};

static const struct member topic[] = {
	{ "topic", TYPE_TEXT, AT(event.topic), false },
	{ "lost", TYPE_COUNT, AT(lost), false },
	{ 0 },
};

static const struct member key[] = {
	{ "number", TYPE_NUMBER, AT(event.number), false },
	{ "clock", TYPE_TIME, AT(clock_ms), false },
	{ "key", TYPE_KEY, AT(event.key), false },
	{ 0 },
};

static const struct member event[] = {
	{ "number", TYPE_NUMBER, AT(event.number), false },
	{ "clock", TYPE_TIME, AT(clock_ms), false },
	{ "time", TYPE_TIME, AT(event.time_ms), false },
	{ "topic", TYPE_TEXT, AT(event.topic), false },
	{ "also", TYPE_ALSO, AT(event.also), true },
	{ "event", TYPE_TEXT, AT(event.name), true },
	{ "id", TYPE_TEXT, AT(event.id), true },
	{ "retry", TYPE_RETRY, AT(event.retry_ms), true },
	{ "private", TYPE_PRIVATE, AT(event.is_private), true },
	{ "key", TYPE_KEY, AT(event.key), true },
	{ "data", TYPE_TEXT, AT(event.data), false },
	{ 0 },
};

static const struct member end[] = {
	{ "lines", TYPE_NUMBER, AT(lines), false },
	{ 0 },
};

static const struct kind {
	const char *name;
	const struct member *members;
} kinds[DUMPLINE_KINDS] = {
	[DUMPLINE_HEAD] = { "head", head },
	[DUMPLINE_EPOCH] = { "epoch", epoch },
	[DUMPLINE_TOPIC] = { "topic", topic },
	[DUMPLINE_KEY] = { "key", key },
	[DUMPLINE_EVENT] = { "event", event },
	[DUMPLINE_END] = { "end", end },
};

/* --- writing ------------------------------------------------------------ */

static json_t *
number_of(uint64_t n)
{
	return n > INT64_MAX ? NULL : json_integer((json_int_t)n);
}

static json_t *
epoch_of(uint64_t n)
{
	char text[14];

	(void)format_base36(n, text);
	return json_string(text);
}

static json_t *
key_of(struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * EVENT_KEY_MAX];
	size_t i;

	if (s.len > EVENT_KEY_MAX)
		return NULL;
	for (i = 0; i < s.len; i++) {
		text[2 * i] = digits[(unsigned char)s.p[i] >> 4];
		text[2 * i + 1] = digits[(unsigned char)s.p[i] & 15];
	}
	return json_stringn(text, 2 * s.len);
}

static bool
is_absent(const struct dumpline *l, const struct member *m)
{
	switch (m->type) {
	case TYPE_RETRY:
		return !l->event.has_retry;
	case TYPE_PRIVATE:
		return !l->event.is_private;
	case TYPE_ALSO:
		return l->event.also.len == 0;
	case TYPE_TEXT:
	case TYPE_KEY:
		return m->is_optional &&
		       !((const struct slice *)(const void *)
			 ((const char *)l + m->at))->p;
	default:
		return false;
	}
}

static json_t *
also_of(struct slice rest)
{
	json_t *list = json_array();
	struct slice name;

	while (list && also_next(&rest, &name)) {
		/* Appending frees what cannot be appended. */
		if (json_array_append_new(list, json_stringn(name.p,
							     name.len)) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *
value_of(const struct dumpline *l, const struct member *m)
{
	const void *p = (const char *)l + m->at;
	const struct slice *s = p;

	switch (m->type) {
	case TYPE_EPOCH:
		return epoch_of(*(const uint64_t *)p);
	case TYPE_TEXT:
		return json_stringn(s->p ? s->p : "", s->len);
	case TYPE_KEY:
		return key_of(*s);
	case TYPE_ALSO:
		return also_of(*s);
	case TYPE_RETRY:
		return json_integer(l->event.retry_ms);
	case TYPE_PRIVATE:
		return json_true();
	default:
		return number_of(*(const uint64_t *)p);
	}
}

struct sink {
	struct buf *out;
	bool is_cut;	/* the library does not pass on every error */
};

static int
append(const char *bytes, size_t len, void *user)
{
	struct sink *sink = user;

	if (buf_append(sink->out, bytes, len) < 0)
		sink->is_cut = true;
	return sink->is_cut ? -1 : 0;
}

static int
fill(json_t *root, const struct dumpline *l)
{
	const struct member *m = kinds[l->kind].members;
	json_t *value;

	for (; m->name; m++) {
		if (is_absent(l, m))
			continue;
		value = value_of(l, m);
		if (!value)
			return m->type == TYPE_TEXT || m->type == TYPE_ALSO ?
				       -EINVAL : -ERANGE;
		if (json_object_set_new(root, m->name, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
dumpline_write(const struct dumpline *l, struct buf *out)
{
	json_t *root = json_object();
	struct sink sink = { .out = out };
	int r = 0;

	if (!root || json_object_set_new(root, "kind",
					 json_string(kinds[l->kind].name)) < 0)
		r = -ENOMEM;
	if (r == 0 && l->kind == DUMPLINE_HEAD &&
	    (json_object_set_new(root, "format", json_string(FORMAT)) < 0 ||
	     json_object_set_new(root, "version", json_integer(DUMP_VERSION)) < 0))
		r = -ENOMEM;
	if (r == 0)
		r = fill(root, l);
	if (r == 0 &&
	    (json_dump_callback(root, append, &sink, JSON_COMPACT) < 0 ||
	     sink.is_cut))
		r = -ENOMEM;
	json_decref(root);
	return r < 0 ? r : buf_append_char(out, '\n');
}

/* --- reading ------------------------------------------------------------ */

static bool
take_integer(const json_t *value, json_int_t least, json_int_t most, void *p)
{
	json_int_t n = json_integer_value(value);
	int64_t number = (int64_t)n;

	if (!json_is_integer(value) || n < least || n > most)
		return false;
	memcpy(p, &number, sizeof(number));
	return true;
}

static bool
take_epoch(const json_t *value, uint64_t *p)
{
	const struct slice s = { json_string_value(value),
				 json_string_length(value) };

	return s.p && s.len == 8 && parse_base36(s, p) == 0 &&
	       *p >= ID_EPOCH_MIN && *p <= ID_EPOCH_MAX;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_key(const json_t *value, struct dumpline *l)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value), i;
	int high, low;

	if (!text || len < 2 || len % 2 || len > 2 * EVENT_KEY_MAX)
		return false;
	for (i = 0; i < len; i += 2) {
		high = digit(text[i]);
		low = digit(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		l->key[i / 2] = (char)(high << 4 | low);
	}
	l->event.key = (struct slice){ l->key, len / 2 };
	return true;
}

static bool
take_also(const json_t *list, struct dumpline *l)
{
	size_t i, n = json_array_size(list);
	const json_t *value;
	struct slice name;

	if (!json_is_array(list) || n == 0 || n > ALSO_MAX)
		return false;
	for (i = 0; i < n; i++) {
		value = json_array_get(list, i);
		name = (struct slice){ json_string_value(value),
				       json_string_length(value) };
		if (!name.p || name.len > TOPIC_MAX ||
		    also_append(&l->also, name) < 0)
			return false;
	}
	l->event.also = buf_slice(&l->also);
	return true;
}

static bool
take_retry(const json_t *value, struct event *e)
{
	int64_t n;

	if (!take_integer(value, 0, UINT32_MAX, &n))
		return false;
	e->has_retry = true;
	e->retry_ms = (uint32_t)n;
	return true;
}

static bool
take(const json_t *value, const struct member *m, struct dumpline *l)
{
	void *p = (char *)l + m->at;
	struct slice *s = p;

	switch (m->type) {
	case TYPE_NUMBER:
		return take_integer(value, 1, INT64_MAX, p);
	case TYPE_COUNT:
		return take_integer(value, 0, INT64_MAX, p);
	case TYPE_TIME:
		return take_integer(value, 0, TIME_MOST, p);
	case TYPE_EPOCH:
		return take_epoch(value, p);
	case TYPE_KEY:
		return take_key(value, l);
	case TYPE_ALSO:
		return take_also(value, l);
	case TYPE_RETRY:
		return take_retry(value, &l->event);
	case TYPE_PRIVATE:
		l->event.is_private = json_is_true(value);
		return json_is_boolean(value);
	case TYPE_TEXT:
		break;
	}
	*s = (struct slice){ json_string_value(value),
			     json_string_length(value) };
	return s->p != NULL;
}

static const char *
form_of(enum type type)
{
	switch (type) {
	case TYPE_NUMBER:
		return "a whole number from 1";
	case TYPE_COUNT:
		return "a whole number from 0";
	case TYPE_TIME:
		return "whole milliseconds from 0";
	case TYPE_EPOCH:
		return "an epoch, which has eight digits of 0-9a-z";
	case TYPE_TEXT:
		return "text";
	case TYPE_KEY:
		return "1 to 64 bytes in hexadecimal";
	case TYPE_ALSO:
		return "a list of 1 to 9 texts of at most 255 bytes";
	case TYPE_RETRY:
		return "whole milliseconds from 0 to 4294967295";
	case TYPE_PRIVATE:
		return "true or false";
	}
	return "";
}

static int
find_kind(const char *name)
{
	int kind;

	for (kind = 0; kind < DUMPLINE_KINDS; kind++)
		if (name && strcmp(kinds[kind].name, name) == 0)
			return kind;
	return -1;
}

/* A later version may have other members: it is looked at before them. */
static int
check_version(const json_t *root, char *error, size_t size)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *version = json_object_get(root, "version");

	if (!format || strcmp(format, FORMAT) != 0 ||
	    !json_is_integer(version)) {
		snprintf(error, size, "it is not the first line of a dump");
		return -EINVAL;
	}
	if (json_integer_value(version) == DUMP_VERSION)
		return 0;
	snprintf(error, size, "it is a dump of version %" PRId64 ", and only version %d can be read here; use the program that made it, or a later one",
		 (int64_t)json_integer_value(version), DUMP_VERSION);
	return -EPROTO;
}

static int
check_names(json_t *root, const struct kind *kind, char *error, size_t size)
{
	bool is_head = kind->members == head;
	const struct member *m;
	const char *name;
	json_t *value;

	json_object_foreach(root, name, value) {
		for (m = kind->members; m->name; m++)
			if (strcmp(m->name, name) == 0)
				break;
		if (m->name || strcmp(name, "kind") == 0 ||
		    (is_head && (strcmp(name, "format") == 0 ||
				 strcmp(name, "version") == 0)))
			continue;
		snprintf(error, size, "\"%.60s\" is not a member of kind \"%s\"",
			 name, kind->name);
		return -EINVAL;
	}
	return 0;
}

static int
take_members(const json_t *root, struct dumpline *l, char *error, size_t size)
{
	const struct member *m = kinds[l->kind].members;
	const json_t *value;

	for (; m->name; m++) {
		value = json_object_get(root, m->name);
		if (!value && m->is_optional)
			continue;
		if (value && take(value, m, l))
			continue;
		snprintf(error, size, "\"%s\" must be %s", m->name,
			 form_of(m->type));
		return -EINVAL;
	}
	return 0;
}

static int
read_object(json_t *root, struct dumpline *l, char *error, size_t size)
{
	int kind = find_kind(json_string_value(json_object_get(root, "kind")));
	int r = 0;

	if (kind < 0) {
		snprintf(error, size, "it is not a line of a dump: no \"kind\" of one stands in it");
		return -EINVAL;
	}
	l->kind = (enum dumpline_kind)kind;
	if (kind == DUMPLINE_HEAD)
		r = check_version(root, error, size);
	if (r == 0)
		r = check_names(root, &kinds[kind], error, size);
	return r < 0 ? r : take_members(root, l, error, size);
}

int
dumpline_parse(struct slice line, struct dumpline *ret_line, char *error,
	       size_t size)
{
	json_error_t why;
	json_t *root = json_loadb(line.p, line.len,
				  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
				  &why);
	int r;

	memset(ret_line, 0, sizeof(*ret_line));
	if (!root) {
		r = json_error_code(&why) == json_error_out_of_memory ?
			-ENOMEM : -EINVAL;
		snprintf(error, size, "it is not a JSON object: %s (byte %d)",
			 why.text, why.position);
		return r;
	}
	r = read_object(root, ret_line, error, size);
	ret_line->root = root;
	if (r < 0)
		dumpline_done(ret_line);
	return r;
}

void
dumpline_done(struct dumpline *l)
{
	json_decref(l->root);
	buf_done(&l->also);
	l->root = NULL;
}
