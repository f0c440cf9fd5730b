/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/limits.h"
#include "lib/sse/id.h"
#include "lib/sse/selector.h"

struct scan {
	struct replay *page;
	const struct follow_request *q;
	enum selector_kind kinds[FOLLOW_SELECTORS_MAX];
	size_t bytes, scanned;
};

static bool
scan_wants(const struct scan *s, struct slice topic)
{
	size_t i;

	for (i = 0; i < s->q->n_selectors; i++)
		if (selector_match(s->q->selectors[i], s->kinds[i], topic))
			return true;
	return s->q->n_selectors == 0;
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
		return 1;
	if (scan_wants(s, r->topic)) {
		if (reply->count > 0 && s->bytes + bytes > LIMIT_PAGE_BYTES)
			return 1;
		parts = s->page->events + 3 * reply->count++;
		parts[0] = r->topic;
		parts[1] = r->header;
		parts[2] = r->data;
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

/* The number before the first one that the page may hold. */
static uint64_t
start_after(const struct store_state *state, const struct follow_request *q)
{
	uint64_t before_first = state->first - 1;

	if (q->epoch != state->epoch || q->number < before_first)
		return before_first;
	/* Ahead of us is a number that was never given: nothing follows. */
	return q->number < state->last ? q->number : state->last;
}

static int
answer_after(struct replay *p, struct store *store,
	     const struct store_state *state, const struct follow_request *q)
{
	struct scan scan = { .page = p, .q = q };
	uint64_t after = start_after(state, q);
	int r;

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
	p->reply.lost = state->first - 1;
	r = store->ops->scan(store, after, scan_on_record, &scan);
	p->reply.events = p->events;
	return r;
}

/* Ours are known by their form alone; a publisher's own are looked up. */
static void
answer_resolve(struct replay *p, struct store *store,
	       const struct store_state *state, const struct follow_request *q)
{
	uint64_t epoch, number;

	p->reply.kind = FOLLOW_UNKNOWN;
	if (id_parse(q->id, &epoch, &number) == 0) {
		if (epoch != state->epoch || number > state->last)
			return;
	} else if (store->ops->resolve(store, q->id, &number) < 0) {
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
}
