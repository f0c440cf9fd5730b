/* SPDX-License-Identifier: MIT */
#include "lib/bus/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/sse/also.h"

/* Copies `value` and a NUL. On failure the old bytes are gone. */
static int
keep(struct buf *b, struct slice value, struct slice *ret_slice)
{
	buf_clear(b);
	if (!value.p) {
		*ret_slice = SLICE_NONE;
		return 0;
	}
	if (buf_reserve(b, value.len + 1) < 0)
		return -ENOMEM;
	(void)buf_append_slice(b, value);
	(void)buf_append_char(b, '\0');
	*ret_slice = (struct slice){ b->p, value.len };
	return 0;
}

static int
blame(struct sse_event *e, int r, const struct event_fault *fault)
{
	snprintf(e->error, sizeof(e->error), "%s", fault->why);
	return r;
}

int
message_check(const struct sse_event *e)
{
	return e->broken;
}

const struct event *
message_event(const struct sse_event *e)
{
	return &e->event;
}

void
message_done(struct sse_event *e)
{
	buf_done(&e->topic);
	buf_done(&e->data);
	buf_done(&e->name);
	buf_done(&e->id);
	buf_done(&e->key);
	if (e->also.cap > 0) {	/* which is rare */
		buf_done(&e->also);
		buf_done(&e->also_texts);
	}
}

/* Adds another topic. On failure there may be a part of it. */
static int
add_also(struct sse_event *e, struct slice topic)
{
	if (also_append(&e->also, topic) < 0 ||
	    buf_append_slice(&e->also_texts, topic) < 0 ||
	    buf_append_char(&e->also_texts, '\0') < 0)
		return -ENOMEM;
	e->event.also = buf_slice(&e->also);
	return 0;
}

static int
keep_also(struct sse_event *e, struct slice rest)
{
	struct slice topic;
	int r = 0;

	e->event.also = SLICE_NONE;
	if (rest.len == 0)
		return 0;
	buf_clear(&e->also);
	buf_clear(&e->also_texts);
	while (r == 0 && also_next(&rest, &topic))
		r = add_also(e, topic);
	return r;
}

int
message_fill(struct sse_event *e, const struct event *from)
{
	e->event = *from;
	e->hub_id[0] = '\0';
	if (from->epoch != 0)
		(void)id_format(from->epoch, from->number, e->hub_id);
	if (keep(&e->topic, from->topic, &e->event.topic) < 0 ||
	    keep(&e->data, from->data.p ? from->data : SLICE_LIT(""),
		 &e->event.data) < 0 ||
	    keep(&e->name, from->name, &e->event.name) < 0 ||
	    keep(&e->id, from->id, &e->event.id) < 0 ||
	    keep(&e->key, from->key, &e->event.key) < 0 ||
	    keep_also(e, from->also) < 0)
		return -ENOMEM;
	return 0;
}

int
sse_event_new(const char *topic, const void *data, size_t len,
	      struct sse_event **ret_event)
{
	struct event_fault fault;
	struct sse_event *e;
	struct event given = {
		.topic = slice_of(topic ? topic : ""),
		.data = { data && len > 0 ? data : "", data ? len : 0 },
	};

	*ret_event = NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	if (message_fill(e, &given) < 0) {
		sse_event_free(e);
		return -ENOMEM;
	}
	e->broken = event_check(&e->event, LIMIT_EVENT_MOST, false, &fault);
	if (e->broken < 0)
		(void)blame(e, e->broken, &fault);
	*ret_event = e;
	return e->broken;
}

void
sse_event_free(struct sse_event *e)
{
	if (!e)
		return;
	message_done(e);
	free(e);
}

/* Checks `tried`, which has one optional field, and then keeps that field. */
static int
set(struct sse_event *e, struct event *tried, struct slice value,
    struct buf *b, struct slice *field)
{
	struct event_fault fault;
	struct buf old = *b;
	int r;

	tried->topic = SLICE_LIT("x");
	tried->data = SLICE_LIT("");
	r = event_check(tried, 0, false, &fault);
	if (r < 0)
		return blame(e, r, &fault);
	*b = (struct buf){ 0 };
	r = keep(b, value, field);
	if (r < 0) {
		*b = old;
		return r;
	}
	buf_done(&old);
	return 0;
}

int
sse_event_set_name(struct sse_event *e, const char *name)
{
	struct event tried = { .name = slice_of(name) };

	return set(e, &tried, tried.name, &e->name, &e->event.name);
}

int
sse_event_set_id(struct sse_event *e, const char *id)
{
	struct event tried = { .id = slice_of(id) };

	return set(e, &tried, tried.id, &e->id, &e->event.id);
}

int
sse_event_set_key(struct sse_event *e, const char *key)
{
	struct event tried = { .key = slice_of(key) };

	return set(e, &tried, tried.key, &e->key, &e->event.key);
}

int
sse_event_add_topic(struct sse_event *e, const char *topic)
{
	size_t len = e->also.len, texts_len = e->also_texts.len;
	struct slice name = slice_of(topic ? topic : "");
	struct event_fault fault;
	struct event tried;
	int r = -ENOMEM;

	/* What is too long would not fit its field's length. */
	if (name.len > TOPIC_MAX)
		name.len = TOPIC_MAX + 1;
	if (add_also(e, name) == 0) {
		tried = (struct event){ .topic = e->event.topic,
					.also = buf_slice(&e->also),
					.data = SLICE_LIT("") };
		r = event_check(&tried, 0, false, &fault);
		if (r == 0)
			return 0;
		(void)blame(e, r, &fault);
	}
	e->also.len = len;
	e->also_texts.len = texts_len;
	e->event.also = len > 0 ? buf_slice(&e->also) : SLICE_NONE;
	return r;
}

void
sse_event_set_retry(struct sse_event *e, int64_t retry_ms)
{
	e->event.has_retry = retry_ms >= 0;
	e->event.retry_ms = retry_ms > (int64_t)UINT32_MAX ? UINT32_MAX :
			    retry_ms > 0 ? (uint32_t)retry_ms : 0;
}

void
sse_event_set_private(struct sse_event *e, int is_private)
{
	e->event.is_private = is_private != 0;
}

static const char *
give(struct slice s, size_t *ret_len)
{
	if (ret_len)
		*ret_len = s.len;
	return s.p;
}

const char *
sse_event_topic(const struct sse_event *e, size_t *ret_len)
{
	return give(e->event.topic, ret_len);
}

const char *
sse_event_also(const struct sse_event *e, size_t i, size_t *ret_len)
{
	const char *p = e->also_texts.p;
	struct slice rest = e->event.also, topic;

	while (also_next(&rest, &topic)) {
		if (i-- == 0)
			return give((struct slice){ p, topic.len }, ret_len);
		p += topic.len + 1;
	}
	return give(SLICE_NONE, ret_len);
}

const char *
sse_event_data(const struct sse_event *e, size_t *ret_len)
{
	return give(e->event.data, ret_len);
}

const char *
sse_event_name(const struct sse_event *e, size_t *ret_len)
{
	return give(e->event.name, ret_len);
}

const char *
sse_event_id(const struct sse_event *e, size_t *ret_len)
{
	if (e->event.id.p && e->event.epoch != 0)
		return give(e->event.id, ret_len);
	return give(slice_of(e->hub_id[0] ? e->hub_id : NULL), ret_len);
}

int64_t
sse_event_retry(const struct sse_event *e)
{
	return e->event.has_retry ? (int64_t)e->event.retry_ms : -1;
}

int
sse_event_is_private(const struct sse_event *e)
{
	return e->event.is_private;
}

int64_t
sse_event_time(const struct sse_event *e)
{
	return e->event.time_ms;
}

const char *
sse_event_error(const struct sse_event *e)
{
	return e->error;
}
