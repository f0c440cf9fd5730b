/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sse/id.h"

enum {
	BATCH_REQUESTS = 1024,	/* beyond this a commit gets no cheaper */
	BATCH_BYTES = 4 << 20,	/* what the batch may hold of large events */
	/* peer, delimiter, and one part more than an event has */
	REQUEST_PARTS = 2 + FRAME_PARTS_MAX,
	AT_VERSION = 2,		/* where a header has its version */
};

struct intake_note {
	size_t peer_at, peer_len, key_at, key_len;
	bool is_delimited;
	bool is_behind;		/* it names the event before it */
	bool may_share;		/* one answer for a row of them is fine */
	struct core_answer answer;
};

int
intake_init(struct intake *i, struct core *core, struct announce *announce,
	    struct zmqport_socket *router)
{
	memset(i, 0, sizeof(*i));
	i->core = core;
	i->announce = announce;
	i->router = router;
	i->notes = calloc(BATCH_REQUESTS, sizeof(*i->notes));
	if (!i->notes)
		return -ENOMEM;
	return zmqport_message_new(REQUEST_PARTS, &i->message);
}

void
intake_done(struct intake *i)
{
	zmqport_message_free(i->message);
	free(i->notes);
	buf_done(&i->bytes);
	memset(i, 0, sizeof(*i));
}

static void
refuse(struct intake *i, struct core_answer *a, enum ack_class class,
       int64_t now_ms, const char *why)
{
	a->class = class;
	snprintf(a->reason, sizeof(a->reason), "%s", why);
	junk_note(&i->junk, now_ms, "publish", why);
}

/* Reads an event as a publisher may send it. False: refused. */
static bool
parse_event(struct intake *i, const struct slice *parts, size_t n,
	    int64_t now_ms, struct frame *f, struct core_answer *a)
{
	const char *why;
	char text[160];
	int r;

	if (zmqport_message_is_cut(i->message) || n < 2) {
		refuse(i, a, ACK_EVENT, now_ms,
		       "An event has two frames, topic and data, or three: topic, header and data.");
		return false;
	}
	r = frame_parse(parts, n, f, &why);
	if (r == -EPROTO) {
		snprintf(text, sizeof(text),
			 "The event's header has version %u of the protocol; this hub speaks version %d.",
			 (unsigned char)parts[1].p[AT_VERSION], FRAME_VERSION);
		refuse(i, a, ACK_VERSION, now_ms, text);
	} else if (r < 0) {
		refuse(i, a, ACK_EVENT, now_ms, why);
	} else if (f->type != FRAME_EVENT || (!f->is_full && n != 2)) {
		refuse(i, a, ACK_EVENT, now_ms,
		       f->is_full ? "Only events can be published." :
		       "A plain event has two frames: topic and data.");
	} else {
		return true;
	}
	return false;
}

/*
 * An event may name the one that it was sent behind. When that was refused,
 * because there was no room for it, the next ones must not overtake it: its
 * publisher sends all of them again. That the one before is known says nothing
 * then: it may be an old one that is published twice.
 */
static bool
is_in_order(struct intake *i, const struct frame *f, struct slice peer,
	    int64_t now_ms)
{
	if (!f->previous.p)
		halted_remove(&i->halted, peer);
	else if (halted_has(&i->halted, peer))
		return false;
	return !f->previous.p || core_knows(i->core, f->previous, now_ms) ||
	       core_knows(i->core, f->event.key, now_ms);
}

static void
refuse_order(struct core_answer *a)
{
	a->class = ACK_ORDER;
	snprintf(a->reason, sizeof(a->reason),
		 "The event before it, whose key it names, is not stored; send both again, in order.");
}

static void
take_event(struct intake *i, struct frame *f, struct slice peer,
	   int64_t now_ms, int64_t wall_ms, struct core_answer *a)
{
	if (!is_in_order(i, f, peer, now_ms)) {
		refuse_order(a);
		halted_add(&i->halted, peer);
		return;
	}
	core_offer(i->core, &f->event, now_ms, wall_ms, a);
	if (a->class == ACK_FULL || a->class == ACK_BUSY)
		halted_add(&i->halted, peer);
	if (a->class == ACK_EVENT || a->class == ACK_SIZE)
		junk_note(&i->junk, now_ms, "publish", a->reason);
	if (!a->is_new)
		return;
	f->event.epoch = i->core->epoch;
	f->event.number = a->number;
	f->event.time_ms = wall_ms;
	announce_add(i->announce, &f->event);
}

/* Makes a note of one request. Returns the bytes of its event. */
static size_t
take_request(struct intake *i, int64_t now_ms, int64_t wall_ms)
{
	struct intake_note *note = i->notes + i->count;
	struct frame f = { .type = FRAME_EVENT };
	const struct slice *parts;
	size_t n, skip;

	parts = zmqport_parts(i->message, &n);
	skip = n > 1 ? frame_delimiter(parts + 1, n - 1) : 0;
	memset(note, 0, offsetof(struct intake_note, answer.reason) + 1);
	note->is_delimited = skip;
	if (parse_event(i, parts + 1 + skip, n - 1 - skip, now_ms, &f,
			&note->answer))
		take_event(i, &f, parts[0], now_ms, wall_ms, &note->answer);

	note->is_behind = f.previous.p != NULL;
	note->may_share = f.may_share && f.event.key.len > 0;
	if (f.event.key.len > EVENT_KEY_MAX)
		f.event.key.len = 0;
	note->peer_at = i->bytes.len;
	note->peer_len = parts[0].len;
	note->key_at = note->peer_at + note->peer_len;
	note->key_len = f.event.key.len;
	/* Without memory for the address there is no answer; the publisher
	 * sends again, and its key finds the event. */
	if (buf_reserve(&i->bytes, note->peer_len + note->key_len) == 0) {
		(void)buf_append_slice(&i->bytes, parts[0]);
		(void)buf_append_slice(&i->bytes, f.event.key);
		i->count++;
	}
	return f.event.data.len;
}

static struct slice
peer_of(const struct intake *i, const struct intake_note *note)
{
	return (struct slice){ i->bytes.p + note->peer_at, note->peer_len };
}

/* Of `count` notes in a row this is the last. */
static void
answer(struct intake *i, const struct intake_note *note, size_t count)
{
	const struct core_answer *a = &note->answer;
	char id[ID_TEXT_MAX + 1];
	struct slice head[2] = { peer_of(i, note), { "", 0 } };
	struct slice parts[ACK_PARTS_MAX];
	struct ack ack = {
		.class = a->class,
		.reason = slice_of(a->reason),
		.key = { i->bytes.p + note->key_at, note->key_len },
		.count = (unsigned)count,
	};

	if (a->class == ACK_OK) {
		ack.id.len = id_format(i->core->epoch, a->number, id);
		ack.id.p = id;
	}
	/* A ROUTER drops what a peer does not read: its own loss. */
	(void)zmqport_send2(i->router, head, note->is_delimited ? 2 : 1, parts,
			    ack_parts(&ack, parts));
}

/* Whether one answer can tell both. */
static bool
is_row(const struct intake *i, const struct intake_note *a,
       const struct intake_note *b)
{
	return a->may_share && b->may_share && a->answer.class == ACK_OK &&
	       b->answer.class == ACK_OK &&
	       b->answer.number == a->answer.number + 1 &&
	       a->is_delimited == b->is_delimited &&
	       slice_eq(peer_of(i, a), peer_of(i, b));
}

/*
 * Answers all. An answer costs both sides about as much as an event does, and
 * one by one they would come back as many small batches: one for a whole batch
 * of a publisher's events nearly doubles what it gets stored in a second.
 */
static void
answer_all(struct intake *i)
{
	size_t k, count = 1;

	for (k = 0; k < i->count; k++, count++) {
		if (k + 1 < i->count && is_row(i, i->notes + k, i->notes + k + 1))
			continue;
		answer(i, i->notes + k, count);
		count = 0;
	}
}

/* Nothing of a batch is stored. What was published before, and is again, is
 * acknowledged, but not behind an event that is not. */
static void
take_back(struct intake *i, struct intake_note *note, uint64_t stored, int r)
{
	struct core_answer *a = &note->answer;

	if (a->class != ACK_OK)
		return;
	if (a->number > stored) {
		core_unstored(i->core, a, r);
		halted_add(&i->halted, peer_of(i, note));
	} else if (note->is_behind &&
		   halted_has(&i->halted, peer_of(i, note))) {
		refuse_order(a);
	}
}

static void
finish(struct intake *i, int64_t now_ms, int64_t wall_ms)
{
	uint64_t stored = i->core->committed;
	int r = core_commit(i->core, now_ms);
	size_t k;

	unstored_note(&i->unstored, now_ms,
		      r < 0 ? core_why(i->core, r) : NULL);
	if (r < 0)
		announce_drop(i->announce);
	for (k = 0; r < 0 && k < i->count; k++)
		take_back(i, i->notes + k, stored, r);
	answer_all(i);
	announce_flush(i->announce, i->core->store, wall_ms);
}

bool
intake_run(struct intake *i, int64_t now_ms, int64_t wall_ms)
{
	size_t bytes = 0;
	int r = 1;

	i->count = 0;
	buf_clear(&i->bytes);
	while (i->count < BATCH_REQUESTS && bytes < BATCH_BYTES) {
		r = zmqport_receive(i->router, i->message);
		if (r <= 0)
			break;
		bytes += take_request(i, now_ms, wall_ms);
	}
	if (r < 0)
		junk_note(&i->junk, now_ms, "publish", strerror(-r));
	if (i->count > 0 || i->core->last != i->core->committed)
		finish(i, now_ms, wall_ms);
	/* An answer that was sent may have swallowed the news of a request. */
	return r > 0 || r == -ENOMEM || i->count > 0;
}
