/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/source.h"

#include <errno.h>
#include <string.h>

#include "lib/base/utf8.h"

enum {
	BATCH_MESSAGES = 1024,
	BATCH_BYTES = 4 << 20,
};

int
source_init(struct source *s, struct core *core, struct announce *announce,
	    struct zmqport_socket *sub)
{
	memset(s, 0, sizeof(*s));
	s->core = core;
	s->announce = announce;
	s->sub = sub;
	return zmqport_message_new(FRAME_PARTS_MAX, &s->message);
}

void
source_done(struct source *s)
{
	zmqport_message_free(s->message);
	buf_done(&s->mended);
	memset(s, 0, sizeof(*s));
}

/* 0, or -ENOMEM. */
static int
mend(struct source *s, struct slice *data)
{
	int r;

	if (utf8_is_valid(*data))
		return 0;
	buf_clear(&s->mended);
	r = utf8_append_mended(&s->mended, *data);
	*data = buf_slice(&s->mended);
	return r;
}

/*
 * Offers the message at hand. A source may be another hub: what belongs to its
 * log (numbers, keys, heartbeats) means nothing here.
 */
static size_t
take_message(struct source *s, int64_t now_ms, int64_t wall_ms)
{
	struct core_answer a;
	const struct slice *parts;
	struct frame f;
	const char *why;
	size_t n;

	parts = zmqport_parts(s->message, &n);
	why = "The message has too many frames.";
	if (zmqport_message_is_cut(s->message) ||
	    frame_parse(parts, n, &f, &why) < 0) {
		junk_note(&s->junk, now_ms, "source", why);
		return 0;
	}
	if (f.type != FRAME_EVENT || frame_topic_is_ours(f.event.topic))
		return 0;
	f.event.key = SLICE_NONE;
	if (f.event.data.len <= s->core->max_event &&
	    mend(s, &f.event.data) < 0) {
		junk_note(&s->junk, now_ms, "source", strerror(ENOMEM));
		return 0;
	}
	core_offer(s->core, &f.event, now_ms, wall_ms, &a);
	if (a.class != ACK_OK) {
		junk_note(&s->junk, now_ms, "source", a.reason);
		return 0;
	}
	f.event.epoch = s->core->epoch;
	f.event.number = a.number;
	f.event.time_ms = wall_ms;
	announce_add(s->announce, &f.event);
	return f.event.data.len;
}

bool
source_run(struct source *s, int64_t now_ms, int64_t wall_ms)
{
	size_t bytes = 0;
	unsigned i;
	int r = 1, stored;

	for (i = 0; i < BATCH_MESSAGES && bytes < BATCH_BYTES; i++) {
		r = zmqport_receive(s->sub, s->message);
		if (r <= 0)
			break;
		bytes += take_message(s, now_ms, wall_ms);
	}
	stored = core_commit(s->core, now_ms);
	unstored_note(&s->unstored, now_ms,
		      stored < 0 ? core_why(s->core, stored) : NULL);
	if (stored < 0)
		announce_drop(s->announce);
	announce_flush(s->announce, s->core->store, wall_ms);
	return r > 0 || r == -ENOMEM;
}
