/* SPDX-License-Identifier: MIT */
#include "fcgi/handoff_message.h"

#include <errno.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/sse/event.h"
#include "lib/sse/selector.h"

enum {
	HEAD_LEN = 5,		/* "SSEH" and the version */
	FIELD_LEN = 3,		/* kind and length */
	REQUEST_LEN = 5,
	LAST_LEN = 4,
	ROLE_RESPONDER = 1,	/* FastCGI 1.0 §5.1 */
};

static const char magic[] = { 'S', 'S', 'E', 'H' };

static unsigned
get16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void
put16(char *p, unsigned value)
{
	p[0] = (char)(value >> 8 & 0xff);
	p[1] = (char)(value & 0xff);
}

static bool
is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool
eq_ignoring_case(struct slice s, const char *lower)
{
	size_t i;

	for (i = 0; i < s.len && lower[i] != '\0'; i++) {
		char c = s.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != lower[i])
			return false;
	}
	return i == s.len && lower[i] == '\0';
}

/* The worker and the web server say these; a second voice breaks the answer. */
static bool
is_ours(struct slice name)
{
	static const char *const ours[] = {
		"connection", "content-encoding", "content-length",
		"content-type", "location", "status", "transfer-encoding",
		"upgrade",
	};
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (eq_ignoring_case(name, ours[i]))
			return true;
	return false;
}

static bool
has_control(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		/* C1: U+0080 to U+009F are two bytes, C2 80 to C2 9F */
		if (c == 0xc2 && i + 1 < s.len &&
		    (unsigned char)s.p[i + 1] >= 0x80 &&
		    (unsigned char)s.p[i + 1] <= 0x9f)
			return true;
	}
	return false;
}

bool
handoff_header_check(struct slice line, const char **ret_why)
{
	size_t i = 0;

	while (i < line.len && is_token_char(line.p[i]))
		i++;
	if (i == 0 || i == line.len || line.p[i] != ':') {
		*ret_why = "a header line is not \"Name: value\"";
		return false;
	}
	if (is_ours((struct slice){ line.p, i })) {
		*ret_why = "a header line is one that the worker writes itself";
		return false;
	}
	for (i++; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			*ret_why = "a header line has a control character";
			return false;
		}
	}
	return true;
}

bool
handoff_after_check(struct slice id)
{
	return id.len > 0 && id.len <= EVENT_ID_MAX && utf8_is_valid(id) &&
	       !has_control(id);
}

static bool
topic_field_check(struct slice value, const char **ret_why)
{
	enum selector_kind kind;
	struct event_fault fault;

	if (selector_parse(value, &kind, &fault) < 0) {
		*ret_why = "a topic is not a selector";
		return false;
	}
	return true;
}

/* The rule of route.h: whole segments, so that no wildcard is made by it. */
static bool
prefix_field_check(struct slice value, const char **ret_why)
{
	struct event_fault fault;

	*ret_why = "the topic prefix is not the beginning of a topic";
	return value.len > 0 && value.p[value.len - 1] == '/' &&
	       topic_check(value, &fault) == 0;
}

static bool
request_field_check(struct slice value, const char **ret_why)
{
	if (value.len != REQUEST_LEN || get16(value.p) == 0) {
		*ret_why = "the request field is malformed";
		return false;
	}
	if (get16(value.p + 2) != ROLE_RESPONDER) {
		*ret_why = "the request's role is not that of a responder";
		return false;
	}
	return true;
}

static bool
field_check(unsigned kind, struct slice value, const char **ret_why)
{
	switch (kind) {
	case 0:
		*ret_why = "a field has no kind";
		return false;
	case HANDOFF_REQUEST:
		return request_field_check(value, ret_why);
	case HANDOFF_TOPIC:
		return topic_field_check(value, ret_why);
	case HANDOFF_HEADER:
		return handoff_header_check(value, ret_why);
	case HANDOFF_AFTER:
		*ret_why = "the last event id is not one";
		return value.len == 0 || handoff_after_check(value);
	case HANDOFF_LAST:
		*ret_why = "the number of last events is malformed";
		return value.len == LAST_LEN &&
		       (get16(value.p) != 0 || get16(value.p + 2) != 0);
	case HANDOFF_PREFIX:
		return prefix_field_check(value, ret_why);
	default:
		return true;
	}
}

int
handoff_message_add(struct buf *out, enum handoff_field kind, struct slice value)
{
	char head[FIELD_LEN];
	const char *why;
	int r;

	if (!field_check(kind, value, &why))
		return -EINVAL;
	if (value.len > HANDOFF_MESSAGE_MAX ||
	    out->len + FIELD_LEN + value.len > HANDOFF_MESSAGE_MAX)
		return -EMSGSIZE;

	r = buf_reserve(out, FIELD_LEN + value.len);
	if (r < 0)
		return r;
	head[0] = (char)kind;
	put16(head + 1, (unsigned)value.len);
	(void)buf_append(out, head, sizeof(head)); /* reserved above */
	return buf_append_slice(out, value);
}

int
handoff_message_begin(struct buf *out, uint16_t request_id, uint16_t role,
		      bool keep)
{
	char head[HEAD_LEN];
	char request[REQUEST_LEN];
	int r;

	memcpy(head, magic, sizeof(magic));
	head[4] = HANDOFF_VERSION;
	r = buf_append(out, head, sizeof(head));
	if (r < 0)
		return r;

	put16(request, request_id);
	put16(request + 2, role);
	request[4] = keep;
	return handoff_message_add(out, HANDOFF_REQUEST,
				   (struct slice){ request, sizeof(request) });
}

int
handoff_message_add_last(struct buf *out, uint32_t last_n)
{
	char value[LAST_LEN];

	put16(value, last_n >> 16);
	put16(value + 2, last_n & 0xffff);
	return handoff_message_add(out, HANDOFF_LAST,
				   (struct slice){ value, sizeof(value) });
}

/* Takes the field at *at. False: there is no whole one. */
static bool
field_next(struct slice fields, size_t *at, unsigned *ret_kind,
	   struct slice *ret_value)
{
	size_t left = fields.len - *at;
	const char *p = fields.p + *at;
	size_t len;

	if (left < FIELD_LEN)
		return false;
	len = get16(p + 1);
	if (left - FIELD_LEN < len)
		return false;
	*ret_kind = (unsigned char)p[0];
	*ret_value = (struct slice){ p + FIELD_LEN, len };
	*at += FIELD_LEN + len;
	return true;
}

bool
handoff_message_next(const struct handoff_message *m, enum handoff_field kind,
		     size_t *at, struct slice *ret_value)
{
	unsigned found;

	while (field_next(m->fields, at, &found, ret_value))
		if (found == (unsigned)kind)
			return true;
	return false;
}

/* Keeps the fields that stand at most once; false: this one stood before. */
static bool
keep_single(struct handoff_message *m, unsigned kind, struct slice value)
{
	switch (kind) {
	case HANDOFF_REQUEST:
		if (m->request_id != 0)
			return false;
		m->request_id = (uint16_t)get16(value.p);
		m->role = (uint16_t)get16(value.p + 2);
		m->keep = value.p[4] != 0;
		return true;
	case HANDOFF_AFTER:
		if (m->after.p)
			return false;
		m->after = value;
		return true;
	case HANDOFF_PREFIX:
		if (m->prefix.p)
			return false;
		m->prefix = value;
		return true;
	case HANDOFF_LAST:
		if (m->last_n != 0)
			return false;
		m->last_n = (uint32_t)get16(value.p) << 16 |
			    get16(value.p + 2);
		return true;
	default:
		return true;
	}
}

static int
decode_fields(struct handoff_message *m, const char **ret_why)
{
	size_t at = 0;
	bool has_topic = false;

	while (at < m->fields.len) {
		struct slice value;
		unsigned kind;

		*ret_why = "the message ends within a field";
		if (!field_next(m->fields, &at, &kind, &value))
			return -EINVAL;
		if (!field_check(kind, value, ret_why))
			return -EINVAL;
		*ret_why = "a field stands twice";
		if (!keep_single(m, kind, value))
			return -EINVAL;
		*ret_why = "the request does not come first";
		if (m->request_id == 0)
			return -EINVAL;
		has_topic = has_topic || kind == HANDOFF_TOPIC;
	}
	*ret_why = "there is no topic";
	return has_topic ? 0 : -EINVAL;
}

int
handoff_message_decode(struct slice bytes, struct handoff_message *ret,
		       const char **ret_why)
{
	struct handoff_message m = { 0 };
	int r;

	*ret_why = "the message is too long";
	if (bytes.len > HANDOFF_MESSAGE_MAX)
		return -EINVAL;
	*ret_why = "this is not a hand-over message";
	if (bytes.len < HEAD_LEN || memcmp(bytes.p, magic, sizeof(magic)) != 0)
		return -EINVAL;
	*ret_why = "the message is of another version; "
		   "worker and library must be of the same release";
	if (bytes.p[4] != HANDOFF_VERSION)
		return -EINVAL;

	m.fields = (struct slice){ bytes.p + HEAD_LEN, bytes.len - HEAD_LEN };
	r = decode_fields(&m, ret_why);
	if (r == 0)
		*ret = m;
	return r;
}
