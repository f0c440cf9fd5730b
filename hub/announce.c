/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/announce.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bus/frame.h"

/*
 * ZeroMQ bounds its queues by messages, and one length does not fit all: enough
 * for a burst of small events would be gigabytes of large ones. (To change the
 * length while peers come and go can end the process, libzmq 4.3.) So large
 * ones do not wait in queues: followers hear that they are there, and ask.
 */
enum { EVENT_MOST = ANNOUNCE_FOLLOWER_BYTES / ANNOUNCE_QUEUE };

struct announce_item {
	size_t at, topic_len, header_len, data_len;
};

void
announce_init(struct announce *a, struct zmqport_socket *pub)
{
	memset(a, 0, sizeof(*a));
	a->pub = pub;
}

void
announce_done(struct announce *a)
{
	buf_done(&a->bytes);
	free(a->items);
	memset(a, 0, sizeof(*a));
}

static struct announce_item *
new_item(struct announce *a)
{
	struct announce_item *items;
	size_t cap;

	if (a->count == a->cap) {
		cap = a->cap ? 2 * a->cap : 64;
		items = realloc(a->items, cap * sizeof(*items));
		if (!items)
			return NULL;
		a->items = items;
		a->cap = cap;
	}
	return a->items + a->count;
}

void
announce_add(struct announce *a, const struct event *e)
{
	struct frame frame = { .type = FRAME_EVENT, .event = *e };
	char header[FRAME_HEADER_MAX];
	size_t len = frame_write_header(&frame, header);
	struct announce_item *item;

	if (e->topic.len + len + e->data.len > EVENT_MOST) {
		a->has_large = true;
		return;
	}
	item = new_item(a);
	if (!item || buf_reserve(&a->bytes, e->topic.len + len +
				 e->data.len) < 0) {
		a->unannounced++;
		return;
	}
	item->at = a->bytes.len;
	item->topic_len = e->topic.len;
	item->header_len = len;
	item->data_len = e->data.len;
	/* There is room, so none of these can fail. */
	(void)buf_append_slice(&a->bytes, e->topic);
	(void)buf_append(&a->bytes, header, len);
	(void)buf_append_slice(&a->bytes, e->data);
	a->count++;
}

void
announce_flush(struct announce *a, const struct store *s, int64_t wall_ms)
{
	const struct announce_item *item;
	struct store_state state;
	bool has_large = a->has_large;
	struct slice parts[3];
	const char *p;
	size_t i;

	for (i = 0; i < a->count; i++) {
		item = a->items + i;
		p = a->bytes.p + item->at;
		parts[0] = (struct slice){ p, item->topic_len };
		p += item->topic_len;
		parts[1] = (struct slice){ p, item->header_len };
		p += item->header_len;
		parts[2] = (struct slice){ p, item->data_len };
		/* A PUB socket drops for a reader that is too slow; that one
		 * sees the hole and asks. */
		if (zmqport_send(a->pub, parts, 3) < 0)
			a->unannounced++;
	}
	announce_drop(a);
	if (!has_large)
		return;
	s->ops->state(s, &state);
	announce_heartbeat(a, &state, wall_ms);
}

void
announce_drop(struct announce *a)
{
	enum { KEPT = 1 << 20 };	/* more is given back after a burst */

	a->count = 0;
	a->has_large = false;
	if (a->bytes.cap > KEPT)
		buf_done(&a->bytes);
	else
		buf_clear(&a->bytes);
}

static void
send_state(struct announce *a, enum frame_type type, struct slice topic,
	   const struct store_state *state, int64_t wall_ms)
{
	struct frame frame = {
		.type = type,
		.event = {
			.epoch = state->epoch,
			.number = state->last,
			.time_ms = wall_ms,
		},
		.has_first = true,
		.first = state->first,
	};
	char header[FRAME_HEADER_MAX];
	struct slice parts[3] = { topic, { header, 0 }, SLICE_LIT("") };

	parts[1].len = frame_write_header(&frame, header);
	(void)zmqport_send(a->pub, parts, 3);	/* the next one tells as much */
}

void
announce_heartbeat(struct announce *a, const struct store_state *state,
		   int64_t wall_ms)
{
	send_state(a, FRAME_HEARTBEAT, FRAME_TOPIC_HEARTBEAT, state, wall_ms);
}

void
announce_goodbye(struct announce *a, const struct store_state *state,
		 int64_t wall_ms)
{
	send_state(a, FRAME_GOODBYE, FRAME_TOPIC_GOODBYE, state, wall_ms);
}
