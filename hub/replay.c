/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/limits.h"
#include "lib/sse/also.h"
#include "lib/sse/id.h"
#include "lib/sse/selector.h"

struct scan {
	struct replay *page;
	const struct follow_request *q;
	enum selector_kind kinds[FOLLOW_SELECTORS_MAX];
	size_t bytes, scanned;
	bool is_cut;		/* the page ends before the store does */
	int error;
};

static bool
scan_matches(const struct scan *s, struct slice topic)
{
	size_t i;

	for (i = 0; i < s->q->n_selectors; i++)
		if (selector_match(s->q->selectors[i], s->kinds[i], topic))
			return true;
	return false;
}

static bool
scan_wants(const struct scan *s, const struct store_record *r)
{
	struct slice also, topic;

	if (s->q->n_selectors == 0 || scan_matches(s, r->topic))
		return true;
	also = frame_header_also(r->header);
	while (also_next(&also, &topic))
		if (scan_matches(s, topic))
			return true;
	return false;
}

/*
 * The header as of the store's epoch. What was stored in an earlier one is
 * copied and mended; there is room for a page's headers from the first one on,
 * so that none of them moves.
 */
static int
mend_header(struct scan *s, struct slice *header)
{
	struct buf *out = &s->page->headers;
	size_t at = out->len;

	if (frame_header_epoch(*header) == s->page->reply.epoch ||
	    header->len < FRAME_HEADER_SIZE)
		return 0;
	if (buf_reserve(out, LIMIT_PAGE_EVENTS * FRAME_HEADER_MAX - at) < 0)
		return -ENOMEM;
	(void)buf_append_slice(out, *header);
	frame_header_set_epoch(out->p + at, s->page->reply.epoch);
	*header = (struct slice){ out->p + at, header->len };
	return 0;
}

static int
scan_stop(struct scan *s, int error)
{
	s->is_cut = true;
	s->error = error;
	return 1;
}

/* Says stop before a record that the page has no room for. */
static int
scan_on_record(void *user, const struct store_record *r)
{
	struct scan *s = user;
	struct follow_reply *reply = &s->page->reply;
	size_t bytes = r->topic.len + r->header.len + r->data.len;
	struct slice *parts;

	if (s->scanned == LIMIT_PAGE_SCANNED || reply->count == s->q->limit)
		return scan_stop(s, 0);
	if (scan_wants(s, r)) {
		if (reply->count > 0 && s->bytes + bytes > LIMIT_PAGE_BYTES)
			return scan_stop(s, 0);
		parts = s->page->events + 3 * reply->count;
		parts[0] = r->topic;
		parts[1] = r->header;
		parts[2] = r->data;
		if (mend_header(s, &parts[1]) < 0)
			return scan_stop(s, -ENOMEM);
		reply->count++;
		s->bytes += bytes;
	}
	s->scanned++;
	reply->to = r->number;
	return 0;
}

static void
refuse(struct replay *p, const char *class, const char *why)
{
	snprintf(p->reason, sizeof(p->reason), "%s", why);
	p->reply.kind = FOLLOW_REFUSED;
	p->reply.class = slice_of(class);
	p->reply.reason = slice_of(p->reason);
}

/* 0, or -EINVAL with the reply made a refusal. */
static int
parse_selectors(struct scan *s)
{
	struct event_fault fault;
	size_t i;

	for (i = 0; i < s->q->n_selectors; i++) {
		if (selector_parse(s->q->selectors[i], &s->kinds[i],
				   &fault) < 0) {
			refuse(s->page, "selector", fault.why);
			return -EINVAL;
		}
	}
	return 0;
}

/*
 * The number that the page follows: what was asked for, an earlier epoch's
 * number as it is now, or the beginning for who comes from elsewhere.
 */
static uint64_t
asked_number(const struct store *s, const struct store_state *state,
	     const struct follow_request *q)
{
	uint64_t number;

	if (q->epoch == state->epoch)
		/* Ahead of us is one that was never given: nothing follows. */
		return q->number < state->last ? q->number : state->last;
	if (q->epoch && s->ops->translate &&
	    s->ops->translate(s, q->epoch, q->number, &number))
		return number;
	return 0;
}

static int
answer_after(struct replay *p, struct store *store,
	     const struct store_state *state, const struct follow_request *q)
{
	struct scan scan = { .page = p, .q = q };
	uint64_t asked = asked_number(store, state, q), after = asked;
	int r;

	/* What is between is gone. */
	if (after < state->first - 1)
		after = state->first - 1;

	if (!p->events) {
		p->events = malloc(3 * LIMIT_PAGE_EVENTS * sizeof(*p->events));
		if (!p->events)
			return -ENOMEM;
	}
	if (parse_selectors(&scan) < 0)
		return 0;
	p->reply.kind = FOLLOW_PAGE;
	p->reply.from = after + 1;
	p->reply.to = after;
	buf_clear(&p->headers);
	r = store->ops->scan(store, after, scan_on_record, &scan);
	if (!scan.is_cut && r == 0)
		p->reply.to = state->last;
	/* After the scan, which may find that something cannot be read. */
	p->reply.lost = catalog_lost(&store->catalog, q->selectors, scan.kinds,
				     q->n_selectors, asked);
	p->reply.events = p->events;
	return r < 0 ? r : scan.error;
}

static bool
is_ours(const struct store *s, const struct store_state *state, uint64_t epoch,
	uint64_t number)
{
	uint64_t now;

	if (epoch == state->epoch)
		return number <= state->last;
	return s->ops->translate &&
	       s->ops->translate(s, epoch, number, &now) && now == number;
}

/* Ours are known by their form alone; a publisher's own are looked up. */
static void
answer_resolve(struct replay *p, struct store *store,
	       const struct store_state *state, const struct follow_request *q)
{
	uint64_t epoch, number;

	p->reply.kind = FOLLOW_UNKNOWN;
	if (id_parse(q->id, &epoch, &number) == 0) {
		if (!is_ours(store, state, epoch, number))
			return;
	} else if (!catalog_find_id(&store->catalog, q->id, &number)) {
		return;
	}
	p->reply.kind = FOLLOW_AT;
	p->reply.number = number;
}

int
replay_answer(struct replay *p, struct store *s, const struct follow_request *q)
{
	struct store_state state;

	s->ops->state(s, &state);
	p->reply = (struct follow_reply){
		.epoch = state.epoch, .last = state.last,
	};
	switch (q->verb) {
	case FOLLOW_AFTER:
		return answer_after(p, s, &state, q);
	case FOLLOW_RESOLVE:
		answer_resolve(p, s, &state, q);
		return 0;
	case FOLLOW_STATS:
	case FOLLOW_HANDOVER:
		break;
	}
	refuse(p, "request", "This verb is not answered here.");
	return 0;
}

void
replay_done(struct replay *p)
{
	free(p->events);
	p->events = NULL;
	buf_done(&p->headers);
}
