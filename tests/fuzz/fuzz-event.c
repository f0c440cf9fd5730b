/* SPDX-License-Identifier: MIT */
/*
 * The one door: what event_check lets through arrives as it was sent, as one
 * event, with line ends normalised. Input: flags, then topic, name, id, key
 * and data with 0xFF between them; the data may hold more 0xFF.
 */
#include <errno.h>
#include <string.h>

#include "lib/sse/decode.h"
#include "lib/sse/encode.h"
#include "lib/sse/event.h"
#include "tests/fuzz/fuzz.h"

enum {
	HAS_NAME = 1,
	HAS_ID = 2,
	HAS_KEY = 4,
	HAS_RETRY = 8,
	IS_OURS = 16,
	DATA_MAX = 4096,
};

struct expected {
	const struct event *e;
	struct buf data;	/* with line ends normalised */
	int count;
};

static struct slice
take(struct slice *rest)
{
	const char *end = NULL;
	struct slice field = { rest->p, rest->len };

	if (rest->len > 0)
		end = memchr(rest->p, 0xff, rest->len);
	if (end)
		field.len = (size_t)(end - rest->p);
	rest->p += field.len + (end ? 1 : 0);
	rest->len -= field.len + (end ? 1 : 0);
	return field;
}

/* Byte by byte, unlike the code that it checks. */
static void
normalise(struct slice data, struct buf *out)
{
	size_t i;

	for (i = 0; i < data.len; i++) {
		if (data.p[i] == '\r' && i + 1 < data.len &&
		    data.p[i + 1] == '\n')
			continue;
		must(buf_append_char(out, data.p[i] == '\r' ? '\n'
							    : data.p[i]) == 0);
	}
}

static int
on_event(void *user, const struct decoded *got)
{
	struct expected *x = user;

	x->count++;
	must(slice_eq(got->name, x->e->name.p ? x->e->name
					      : SLICE_LIT("message")));
	must(slice_eq(got->data, buf_slice(&x->data)));
	must(slice_eq(got->last_id, x->e->id));
	return 0;
}

static void
check_round_trip(const struct event *e)
{
	struct expected x = { .e = e };
	struct decode d;
	struct buf wire = { 0 };

	normalise(e->data, &x.data);
	must(encode_event(&wire, e, e->id) == 0);
	must(wire.len == encode_size(e, e->id));
	decode_init(&d, wire.len);
	must(decode_bytes(&d, buf_slice(&wire), on_event, &x) == 0);
	must(x.count == 1);
	must(d.retry_ms == (e->has_retry ? (int64_t)e->retry_ms : -1));
	must(d.line.len == 0 && !d.has_data);
	decode_done(&d);
	buf_done(&wire);
	buf_done(&x.data);
}

static void
check_fault(const struct event *e, int r, const struct event_fault *fault)
{
	struct slice field = e->data;

	must(r == -EINVAL || r == -EMSGSIZE);
	if (strcmp(fault->field, "topic") == 0)
		field = e->topic;
	else if (strcmp(fault->field, "event") == 0)
		field = e->name;
	else if (strcmp(fault->field, "id") == 0)
		field = e->id;
	else if (strcmp(fault->field, "key") == 0)
		field = e->key;
	else
		must(strcmp(fault->field, "data") == 0);
	must(fault->at <= field.len);
	must(strlen(fault->why) > 10);
	must(strlen(fault->why) < sizeof(fault->why) - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct event e = { 0 };
	struct event_fault fault = { 0 };
	struct slice rest, name, id, key;
	int r;

	if (len < 1)
		return 0;
	rest = (struct slice){ (const char *)bytes + 1, len - 1 };
	e.topic = take(&rest);
	name = take(&rest);
	id = take(&rest);
	key = take(&rest);
	e.data = rest;
	if (bytes[0] & HAS_NAME)
		e.name = name;
	if (bytes[0] & HAS_ID)
		e.id = id;
	if (bytes[0] & HAS_KEY)
		e.key = key;
	e.has_retry = bytes[0] & HAS_RETRY;
	e.retry_ms = (uint32_t)len * 1000003u;
	r = event_check(&e, DATA_MAX, bytes[0] & IS_OURS, &fault);
	if (r == 0)
		check_round_trip(&e);
	else
		check_fault(&e, r, &fault);
	return 0;
}
