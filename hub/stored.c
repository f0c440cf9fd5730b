/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/stored.h"

#include <errno.h>
#include <string.h>

#include "lib/base/be.h"
#include "lib/base/siphash.h"
#include "lib/bus/frame.h"

enum {
	STORED_VERSION = 1,
	AT_VERSION = 8,
	AT_TOPIC = 9,
	AT_ID = 10,
	AT_KEY = 11,
	AT_HEADER = 12,
	AT_DATA = 16,
	AT_TIME = 32,
};

void
stored_put_u64(char *out, uint64_t value)
{
	be_write(out, 8, value);
}

uint64_t
stored_get_u64(const char *p)
{
	return be_read(p, 8);
}

static uint64_t
checksum(struct slice bytes)
{
	static const uint64_t no_secret[2];

	return siphash13(no_secret, (struct slice){ bytes.p + 8,
						    bytes.len - 8 });
}

size_t
stored_size(const struct store_record *r)
{
	return STORED_HEAD + r->topic.len + r->id.len + r->key.len +
	       r->header.len + r->data.len;
}

static char *
copy(char *out, struct slice s)
{
	if (s.len)
		memcpy(out, s.p, s.len);
	return out + s.len;
}

void
stored_write(const struct store_record *r, char *out)
{
	char *p = out + STORED_HEAD;

	memset(out, 0, STORED_HEAD);
	out[AT_VERSION] = STORED_VERSION;
	be_write(out + AT_TOPIC, 1, r->topic.len);
	be_write(out + AT_ID, 1, r->id.len);
	be_write(out + AT_KEY, 1, r->key.len);
	be_write(out + AT_HEADER, 2, r->header.len);
	be_write(out + AT_DATA, 4, r->data.len);
	be_write(out + STORED_AT_NUMBER, 8, r->number);
	be_write(out + AT_TIME, 8, (uint64_t)r->time_ms);
	p = copy(p, r->topic);
	p = copy(p, r->id);
	p = copy(p, r->key);
	p = copy(p, r->header);
	p = copy(p, r->data);
	be_write(out, 8, checksum((struct slice){ out, (size_t)(p - out) }));
}

/* By its head alone. */
static uint64_t
whole_length(const char *p)
{
	return STORED_HEAD + be_read(p + AT_TOPIC, 1) + be_read(p + AT_ID, 1) +
	       be_read(p + AT_KEY, 1) + be_read(p + AT_HEADER, 2) +
	       be_read(p + AT_DATA, 4);
}

bool
stored_begins(const char *p, size_t *ret_len)
{
	uint64_t header;

	if (p[AT_VERSION] != STORED_VERSION || p[AT_HEADER + 2] ||
	    p[AT_HEADER + 3] || be_read(p + AT_DATA + 4, 4))
		return false;
	header = be_read(p + AT_HEADER, 2);
	if (!p[AT_TOPIC] || header < FRAME_HEADER_SIZE ||
	    header > FRAME_HEADER_MAX ||
	    be_read(p + AT_DATA, 4) > LIMIT_EVENT_MOST)
		return false;
	*ret_len = (size_t)whole_length(p);
	return true;
}

size_t
stored_length(struct slice bytes)
{
	const char *p = bytes.p;
	uint64_t len;

	if (bytes.len < STORED_HEAD || p[AT_VERSION] != STORED_VERSION)
		return 0;
	len = whole_length(p);
	return len <= bytes.len ? (size_t)len : 0;
}

static struct slice
next(const char **at, uint64_t len)
{
	struct slice s = { *at, (size_t)len };

	*at += len;
	return s;
}

/* What may be absent is absent when it is empty. */
static struct slice
next_option(const char **at, uint64_t len)
{
	return len ? next(at, len) : SLICE_NONE;
}

int
stored_parse(struct slice bytes, bool is_checked,
	     struct store_record *ret_record)
{
	const char *p = bytes.p, *at;

	if (stored_length(bytes) != bytes.len || bytes.len == 0)
		return -EINVAL;
	/* Who reads a record relies on these. */
	if (be_read(p + AT_KEY, 1) > EVENT_KEY_MAX ||
	    be_read(p + AT_HEADER, 2) > FRAME_HEADER_MAX)
		return -EINVAL;
	at = p + STORED_HEAD;
	if (is_checked && be_read(p, 8) != checksum(bytes))
		return -EBADMSG;
	*ret_record = (struct store_record){
		.number = be_read(p + STORED_AT_NUMBER, 8),
		.time_ms = (int64_t)be_read(p + AT_TIME, 8),
	};
	ret_record->topic = next(&at, be_read(p + AT_TOPIC, 1));
	ret_record->id = next_option(&at, be_read(p + AT_ID, 1));
	ret_record->key = next_option(&at, be_read(p + AT_KEY, 1));
	ret_record->header = next(&at, be_read(p + AT_HEADER, 2));
	ret_record->data = next(&at, be_read(p + AT_DATA, 4));
	return ret_record->number && ret_record->topic.len ? 0 : -EINVAL;
}

bool
stored_is_event(const struct store_record *record)
{
	const struct slice parts[3] = {
		record->topic, record->header, record->data,
	};
	struct frame frame;
	const char *why;

	/* So many are never given; sums of them fit. */
	if (record->number > INT64_MAX)
		return false;
	return frame_parse(parts, 3, &frame, &why) == 0 && frame.is_full &&
	       frame.type == FRAME_EVENT &&
	       frame.event.number == record->number &&
	       slice_eq(frame.event.id, record->id) &&
	       slice_eq(frame.event.key, record->key) &&
	       event_check(&frame.event, LIMIT_EVENT_MOST, false, NULL) == 0;
}
