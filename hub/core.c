/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/limits.h"

static int
on_key(void *user, uint64_t number, struct slice key, int64_t time_ms)
{
	struct core *c = user;

	/* The same key twice: the first one had been forgotten. */
	keys_forget(&c->keys, key);
	return keys_add(&c->keys, key, number, time_ms);
}

int
core_init(struct core *c, struct store *store, size_t max_event)
{
	struct store_state state;

	memset(c, 0, sizeof(*c));
	store->ops->state(store, &state);
	c->store = store;
	c->max_event = max_event;
	c->epoch = state.epoch;
	c->last = c->committed = state.last;
	keys_init(&c->keys, LIMIT_KEYS, LIMIT_KEY_AGE_MS);
	return store->ops->keys ? store->ops->keys(store, on_key, c) : 0;
}

void
core_done(struct core *c)
{
	keys_done(&c->keys);
}

const char *
core_why(const struct core *c, int error)
{
	const char *why = c->store->ops->why ? c->store->ops->why(c->store) :
					       NULL;

	return why && why[0] ? why : strerror(-error);
}

void
core_unstored(const struct core *c, struct core_answer *a, int error)
{
	a->class = ACK_FULL;
	a->is_new = false;
	a->number = 0;
	snprintf(a->reason, sizeof(a->reason),
		 "The hub cannot store the event now (%s); it can be sent again later.",
		 core_why(c, error));
}

/* Gives the next number. 0, or what the store or the keys said. */
static int
take(struct core *c, const struct event *e, int64_t now_ms, int64_t wall_ms)
{
	struct frame frame = {
		.type = FRAME_EVENT, .is_replayed = true, .event = *e,
	};
	char header[FRAME_HEADER_MAX];
	struct store_record record = {
		.number = c->last + 1, .time_ms = now_ms,
		.id = e->id, .key = e->key, .topic = e->topic, .data = e->data,
	};
	int r = 0;

	frame.event.epoch = c->epoch;
	frame.event.number = record.number;
	frame.event.time_ms = wall_ms;
	record.header.p = header;
	record.header.len = frame_write_header(&frame, header);

	if (e->key.len)
		r = keys_add(&c->keys, e->key, record.number, now_ms);
	if (r == 0)
		r = c->store->ops->append(c->store, &record);
	if (r < 0) {
		keys_forget_from(&c->keys, record.number);
		return r;
	}
	c->last = record.number;
	return 0;
}

void
core_offer(struct core *c, const struct event *e, int64_t now_ms,
	   int64_t wall_ms, struct core_answer *ret_answer)
{
	struct core_answer *a = ret_answer;
	struct event_fault fault;
	int r;

	memset(a, 0, offsetof(struct core_answer, reason) + 1);
	r = event_check(e, c->max_event, false, &fault);
	if (r < 0) {
		c->counts.refused++;
		a->class = r == -EMSGSIZE ? ACK_SIZE : ACK_EVENT;
		snprintf(a->reason, sizeof(a->reason), "%s", fault.why);
		return;
	}
	if (e->key.len && keys_find(&c->keys, e->key, now_ms, &a->number)) {
		c->counts.repeated++;
		a->class = ACK_OK;
		return;
	}
	r = take(c, e, now_ms, wall_ms);
	if (r < 0) {
		c->counts.unstored++;
		core_unstored(c, a, r);
		return;
	}
	a->class = ACK_OK;
	a->is_new = true;
	a->number = c->last;
}

bool
core_knows(const struct core *c, struct slice key, int64_t now_ms)
{
	uint64_t number;

	return key.len && keys_find(&c->keys, key, now_ms, &number);
}

int
core_commit(struct core *c, int64_t now_ms)
{
	int r;

	if (c->last == c->committed)
		return 0;
	r = c->store->ops->commit(c->store, now_ms);
	if (r < 0) {
		c->counts.unstored += c->last - c->committed;
		keys_forget_from(&c->keys, c->committed + 1);
		c->last = c->committed;
		return r;
	}
	c->counts.taken += c->last - c->committed;
	c->committed = c->last;
	return 0;
}
