/* SPDX-License-Identifier: MIT */
#include "fcgi/publication.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "fcgi/query.h"
#include "lib/auth/cryptoport.h"
#include "lib/base/buf.h"
#include "lib/base/units.h"
#include "lib/json/jsonline.h"
#include "lib/sse/also.h"

struct publication_event {
	struct event event;	/* over the bytes behind */
	unsigned line;
	char bytes[];
};

/* What one event is made of; decoded, borrowed. */
struct fields {
	struct slice topic, data, name, id, key, retry;
	bool is_private;
};

struct work {
	const struct publication_source *source;
	struct publication *p;
	struct buf text;	/* owned: what was decoded; never moves */
	struct buf also;	/* owned: other topics of the next event */
	unsigned line;		/* of the body; 0: it has none */
};

__attribute__((format(printf, 3, 4))) static int
refuse(struct work *w, int status, const char *format, ...)
{
	size_t used = 0;
	va_list args;

	if (w->line > 0)
		used = (size_t)snprintf(w->p->why, sizeof(w->p->why),
					"Line %u: ", w->line);
	va_start(args, format);
	vsnprintf(w->p->why + used, sizeof(w->p->why) - used, format, args);
	va_end(args);
	w->p->status = status;
	return -EINVAL;
}

static int
out_of_memory(struct work *w)
{
	return refuse(w, 503, "There is no memory left for this request.");
}

/* ---- the form of the body ---- */

static bool
is_type(struct slice type, const char *wanted)
{
	size_t len = strlen(wanted);

	return type.len >= len && strncasecmp(type.p, wanted, len) == 0 &&
	       (type.len == len || type.p[len] == ';' || type.p[len] == ' ');
}

enum publication_kind
publication_kind(const struct params *p)
{
	if (is_type(p->content_type, "application/x-ndjson") ||
	    is_type(p->content_type, "application/jsonl"))
		return PUBLICATION_LINES;
	if (is_type(p->content_type, "application/x-www-form-urlencoded"))
		return PUBLICATION_FORM;
	return PUBLICATION_DATA;
}

size_t
publication_body_max(enum publication_kind kind, size_t max_event)
{
	switch (kind) {
	case PUBLICATION_LINES:
		/* JSON writes a byte with six, at most. */
		return 6 * max_event + PUBLICATION_FORM_ROOM >
			       PUBLICATION_LINES_BYTES ?
			   6 * max_event + PUBLICATION_FORM_ROOM :
			   PUBLICATION_LINES_BYTES;
	case PUBLICATION_FORM:
		return 3 * max_event + PUBLICATION_FORM_ROOM;
	case PUBLICATION_DATA:
		break;
	}
	return max_event;
}

/* ---- one event ---- */

static struct slice
put(char **at, struct slice s)
{
	struct slice copy = { s.p ? *at : NULL, s.len };

	if (s.len > 0)
		memcpy(*at, s.p, s.len);
	*at += s.len;
	return copy;
}

static struct slice
put_topic(char **at, struct slice prefix, struct slice topic)
{
	struct slice whole = { *at, prefix.len + topic.len };

	(void)put(at, prefix);
	(void)put(at, topic);
	return whole;
}

static int
make_room(struct publication *p)
{
	size_t room = p->room ? 2 * p->room : 1;
	struct publication_event **grown;

	if (p->count < p->room)
		return 0;
	grown = realloc(p->events, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	p->events = grown;
	p->room = room;
	return 0;
}

static int
read_retry(struct work *w, struct slice text, struct event *e)
{
	uint64_t ms;

	if (!text.p)
		return 0;
	if (parse_u64(text, &ms) < 0 || ms > UINT32_MAX)
		return refuse(w, 400, "`retry` must be whole milliseconds "
			      "from 0 to 4294967295.");
	e->has_retry = true;
	e->retry_ms = (uint32_t)ms;
	return 0;
}

static int
check(struct work *w, const struct event *e)
{
	struct event_fault fault;
	int r = event_check(e, w->source->max_event, false, &fault);

	if (r == -EMSGSIZE)
		return refuse(w, 413, "The data has %zu bytes; an event may "
			      "have %zu here (--max-event). Publish a link to "
			      "it instead.", e->data.len,
			      w->source->max_event);
	if (r < 0)
		return refuse(w, 400, "This cannot be published: %s.",
			      fault.why);
	return 0;
}

/* Another topic of the event that is added next. */
static int
add_other(struct work *w, struct slice topic)
{
	struct slice parts[2] = { w->source->params->topic_prefix, topic };
	char text[TOPIC_MAX + 1], *at = text;

	for (size_t i = 0; i < 2; i++) {
		size_t room = sizeof(text) - (size_t)(at - text);

		/* One byte too many is enough for event_check to refuse it. */
		if (parts[i].len > room)
			parts[i].len = room;
		(void)put(&at, parts[i]);
	}
	topic = (struct slice){ text, (size_t)(at - text) };
	return also_append(&w->also, topic) < 0 ? out_of_memory(w) : 0;
}

/* There the hub speaks for itself, in the protocol. */
static bool
is_of_the_hub(struct slice topic, struct slice prefix)
{
	struct slice own = SLICE_LIT("/.well-known/mercure");

	topic.p += prefix.len;
	topic.len -= prefix.len;
	return slice_starts(topic, own) &&
	       (topic.len == own.len || topic.p[own.len] == '/');
}

static bool
names_the_hub(const struct work *w, const struct event *e)
{
	struct slice prefix = w->source->params->topic_prefix;
	struct slice rest = e->also, topic;
	bool found = is_of_the_hub(e->topic, prefix);

	while (!found && also_next(&rest, &topic))
		found = is_of_the_hub(topic, prefix);
	return found;
}

/*
 * The hub knows keys of all publishers alike. So that nobody uses up the key of an
 * event that he may not publish, it gets one that its topic is a part of. One that
 * is no key stays, and is refused. 0, or refused.
 */
static int
scope_key(struct work *w, struct slice topic, struct slice *key,
	  char text[EVENT_KEY_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char mac[CRYPTO_MAC_MAX];

	if (!w->source->scopes_keys || key->len == 0 ||
	    key->len > EVENT_KEY_MAX)
		return 0;
	if (crypto_mac(CRYPTO_HS256, topic, *key, mac) != EVENT_KEY_MAX / 2)
		return out_of_memory(w);
	for (size_t i = 0; i < EVENT_KEY_MAX / 2; i++) {
		text[2 * i] = digits[mac[i] >> 4];
		text[2 * i + 1] = digits[mac[i] & 15];
	}
	*key = (struct slice){ text, EVENT_KEY_MAX };
	return 0;
}

static int
add(struct work *w, const struct fields *f)
{
	struct slice prefix = w->source->params->topic_prefix, key = f->key;
	size_t size = prefix.len + f->topic.len + f->data.len + f->name.len +
		      f->id.len + EVENT_KEY_MAX + f->key.len + w->also.len;
	char text[EVENT_KEY_MAX];
	struct publication_event *one;
	char *at;
	int r;

	if (!f->topic.p)
		return refuse(w, 400, "No topic is named. Name one in the "
			      "path, as in /events/news, or as `topic`.");
	one = make_room(w->p) < 0 ? NULL : calloc(1, sizeof(*one) + size);
	if (!one)
		return out_of_memory(w);
	w->p->events[w->p->count++] = one;
	w->p->bytes += sizeof(*one) + size;
	one->line = w->line;
	at = one->bytes;
	one->event = (struct event){
		.topic = put_topic(&at, prefix, f->topic),
		.is_private = f->is_private,
	};
	one->event.data = put(&at, f->data.p ? f->data : SLICE_LIT(""));
	one->event.name = put(&at, f->name);
	one->event.id = put(&at, f->id);
	r = scope_key(w, one->event.topic, &key, text);
	if (r < 0)
		return r;
	one->event.key = put(&at, key);
	if (w->also.len > 0)
		one->event.also = put(&at, buf_slice(&w->also));
	buf_clear(&w->also);
	if (names_the_hub(w, &one->event))
		return refuse(w, 403, "/.well-known/mercure and the topics "
			      "below it are the hub's own.");
	r = read_retry(w, f->retry, &one->event);
	return r < 0 ? r : check(w, &one->event);
}

/* ---- pairs ---- */

/* The buffer has room for all there can be, so that it does not move. */
static int
decode(struct work *w, struct slice raw, struct slice *ret_text)
{
	size_t before = w->text.len;

	if (query_decode(raw, QUERY_PLUS_IS_SPACE, &w->text) < 0)
		return -EINVAL;
	ret_text->p = w->text.p + before;
	ret_text->len = w->text.len - before;
	return 0;
}

/* A field that may stand once. */
static int
take_field(struct work *w, const char *name, struct slice raw,
	   struct slice *field)
{
	if (field->p)
		return refuse(w, 400, "`%s` is given twice.", name);
	if (decode(w, raw.p ? raw : SLICE_LIT(""), field) < 0)
		return refuse(w, 400, "`%s` holds a `%%` without two "
			      "hexadecimal digits after it, or a NUL.", name);
	return 0;
}

struct field {
	const char *name;
	struct slice *slot;
};

/* Takes what `fields`, which end with a NULL, name of `pairs`. */
static int
take_pairs(struct work *w, struct slice pairs, const struct field *fields)
{
	struct slice name, value;

	while (query_next(&pairs, &name, &value))
		for (const struct field *f = fields; f->name; f++) {
			int r = 0;

			if (query_name_is(name, f->name))
				r = take_field(w, f->name, value, f->slot);
			if (r < 0)
				return r;
		}
	return 0;
}

/*
 * Takes the topics that `pairs` name so. The first one is the event's own if that
 * has none yet.
 */
static int
take_topics(struct work *w, struct slice pairs, const char *field,
	    struct slice *topic)
{
	struct slice name, value, text;
	unsigned others = 0;
	int r = 0;

	while (r == 0 && query_next(&pairs, &name, &value)) {
		if (!query_name_is(name, field))
			continue;
		text = SLICE_NONE;
		r = take_field(w, field, value, &text);
		if (r == 0 && !topic->p)
			*topic = text;
		else if (r == 0 && ++others > ALSO_MAX)
			r = refuse(w, 400, "The event has more than %d topics.",
				   1 + ALSO_MAX);
		else if (r == 0)
			r = add_other(w, text);
	}
	return r;
}

/* ---- data as it is ---- */

static int
read_private(struct work *w, struct slice text, bool *ret_private)
{
	static const char *const words[] = { "", "1", "on", "yes", "true" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (slice_eq(text, slice_of(words[i]))) {
			*ret_private = text.p != NULL;
			return 0;
		}
	return refuse(w, 400, "`private` is for events that are; leave it "
		      "out, or give it no value.");
}

static struct slice
header_key(const struct work *w)
{
	return w->source->params->idempotency_key;
}

static int
read_data(struct work *w)
{
	struct fields f = { .data = w->source->body, .key = header_key(w) };
	struct slice is_private = SLICE_NONE, topic = SLICE_NONE, key = f.key;
	const struct field fields[] = {
		{ "topic", &topic },	{ "event", &f.name },
		{ "id", &f.id },	{ "retry", &f.retry },
		{ "private", &is_private }, { NULL, NULL },
	};
	const struct field keys[] = { { "key", &key }, { NULL, NULL } };
	struct slice query = w->source->params->query;
	int r = take_pairs(w, query, fields);

	if (r == 0 && !key.p)
		r = take_pairs(w, query, keys);
	if (r == 0)
		r = read_private(w, is_private, &f.is_private);
	if (r == 0 && topic.p && w->source->topic.p)
		return refuse(w, 400, "The topic is named in the path and in "
			      "the query; name it once.");
	f.topic = topic.p ? topic : w->source->topic;
	f.key = key;
	if (r == 0 && f.topic.p)
		r = take_topics(w, query, "also", &f.topic);
	return r < 0 ? r : add(w, &f);
}

/* ---- a form ---- */

/* Whether it has a pair that only a form has. */
static bool
looks_like_form(struct slice body)
{
	struct slice name, value;

	while (query_next(&body, &name, &value))
		if (value.p && (query_name_is(name, "data") ||
				query_name_is(name, "topic")))
			return true;
	return false;
}

/* The protocol's rules beyond those of an event. */
static int
check_form(struct work *w, const struct fields *f)
{
	if (f->id.len > 0 && f->id.p[0] == '#')
		return refuse(w, 400, "An `id` must not begin with `#`.");
	return 0;
}

static struct slice
none_if_empty(struct slice s)
{
	return s.len > 0 ? s : SLICE_NONE;
}

static int
read_form(struct work *w)
{
	struct fields f = { .topic = w->source->topic, .key = header_key(w) };
	struct slice is_private = SLICE_NONE, key = SLICE_NONE;
	const struct field fields[] = {
		{ "data", &f.data },
		{ "private", &is_private }, { "id", &f.id },
		{ "type", &f.name },	 { "retry", &f.retry },
		{ NULL, NULL },
	};
	const struct field keys[] = { { "key", &key }, { NULL, NULL } };
	struct slice body = w->source->body;
	int r = take_pairs(w, body, fields);

	if (r == 0)
		r = take_topics(w, body, "topic", &f.topic);
	if (r == 0 && !f.key.p)
		r = take_pairs(w, w->source->params->query, keys);
	if (r == 0)
		r = check_form(w, &f);
	if (r < 0)
		return r;
	if (!f.key.p)
		f.key = key;
	/* Clients send the fields that they have nothing for, too. */
	f.id = none_if_empty(f.id);
	f.name = none_if_empty(f.name);
	f.retry = none_if_empty(f.retry);
	f.is_private = is_private.p != NULL;
	return add(w, &f);
}

/* ---- JSON lines ---- */

static struct slice
slice_from(struct jsonline_text text)
{
	return (struct slice){ text.p, text.len };
}

/* Without a key of its own, a line has the request's and its number. */
static int
give_key(struct work *w, struct fields *f, char *text, size_t size)
{
	struct slice key = header_key(w);
	int len;

	if (f->key.p || !key.p)
		return 0;
	if (key.len > EVENT_KEY_MAX - 6)
		return refuse(w, 400, "Idempotency-Key has %zu bytes; with "
			      "lines it may have %d.", key.len,
			      EVENT_KEY_MAX - 6);
	len = snprintf(text, size, "%.*s-%u", (int)key.len, key.p, w->line);
	f->key = (struct slice){ text, (size_t)len };
	return 0;
}

static int
add_line(struct work *w, const struct jsonline *j)
{
	char retry[24], key[EVENT_KEY_MAX + 16];
	struct fields f = {
		.topic = j->topic.p ? slice_from(j->topic) : w->source->topic,
		.data = slice_from(j->data),
		.name = slice_from(j->event),
		.id = slice_from(j->id),
		.key = slice_from(j->key),
		.is_private = j->is_private == JSONLINE_PRIVATE_YES,
	};
	int r;

	if (!j->data.p)
		return refuse(w, 400, "`data` is missing.");
	if (j->retry_ms >= 0) {
		snprintf(retry, sizeof(retry), "%lld", (long long)j->retry_ms);
		f.retry = slice_of(retry);
	}
	r = give_key(w, &f, key, sizeof(key));
	for (size_t i = 0; r == 0 && i < j->also_count; i++)
		r = add_other(w, slice_from(j->also[i]));
	return r < 0 ? r : add(w, &f);
}

static int
read_line(struct work *w, struct slice line)
{
	struct jsonline j;
	char error[320];
	int r = jsonline_parse(line.p, line.len, &j, error, sizeof(error));

	if (r == -ENOMEM)
		return out_of_memory(w);
	if (r < 0)
		return refuse(w, 400, "%s.", error);
	r = add_line(w, &j);
	jsonline_done(&j);
	return r;
}

static struct slice
take_line(struct slice *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	struct slice line = { rest->p,
			      end ? (size_t)(end - rest->p) : rest->len };
	size_t used = line.len + (end ? 1 : 0);

	rest->p += used;
	rest->len -= used;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static int
read_lines(struct work *w)
{
	struct slice rest = w->source->body;
	int r = 0;

	while (r == 0 && rest.len > 0) {
		struct slice line = take_line(&rest);

		if (++w->line > PUBLICATION_LINES_MAX)
			return refuse(w, 413, "A POST may have %d lines; send "
				      "the rest in another one.",
				      PUBLICATION_LINES_MAX);
		if (line.len > 0)
			r = read_line(w, line);
	}
	w->line = 0;
	if (r == 0 && w->p->count == 0)
		return refuse(w, 400, "There is no line in the body.");
	return r;
}

/* ---- all of it ---- */

static int
read_as(struct work *w)
{
	const struct publication_source *s = w->source;

	if (is_type(s->params->content_type, "multipart/form-data"))
		return refuse(w, 415, "A form is taken as "
			      "application/x-www-form-urlencoded only.");
	if (s->body.len > publication_body_max(w->p->kind, s->max_event))
		return refuse(w, 413, "The body has %zu bytes; %zu are taken.",
			      s->body.len,
			      publication_body_max(w->p->kind, s->max_event));
	if (w->p->kind == PUBLICATION_FORM && s->topic.p &&
	    !looks_like_form(s->body))
		w->p->kind = PUBLICATION_DATA;
	if (buf_reserve(&w->text, s->body.len + s->params->query.len + 1) < 0)
		return out_of_memory(w);
	switch (w->p->kind) {
	case PUBLICATION_LINES:
		return read_lines(w);
	case PUBLICATION_FORM:
		return read_form(w);
	case PUBLICATION_DATA:
		break;
	}
	return read_data(w);
}

int
publication_read(const struct publication_source *source,
		 struct publication *ret_publication)
{
	struct publication p = { .kind = publication_kind(source->params) };
	struct work w = { .source = source, .p = &p };
	int r = read_as(&w);

	buf_done(&w.text);
	buf_done(&w.also);
	*ret_publication = p;
	return r;
}

const struct event *
publication_event(const struct publication *p, size_t i)
{
	return &p->events[i]->event;
}

unsigned
publication_line(const struct publication *p, size_t i)
{
	return p->events[i]->line;
}

void
publication_done(struct publication *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->events[i]);
	free(p->events);
	*p = (struct publication){ 0 };
}
