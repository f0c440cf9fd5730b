/* SPDX-License-Identifier: MIT */
/*
 * The log is lib/log's; a payload is two bytes with the header's length, the
 * header, and the data. The topic stands in the log's own topic.
 */
#include "config.h"

#include "hub/store_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log/evlog.h"

enum {
	TRIM_STEP = 1000,	/* entries: well under a millisecond */
};

struct memory {
	struct store store;
	struct evlog *log;	/* owned */
	uint64_t epoch;
};

static struct memory *
memory_of(struct store *s)
{
	return (struct memory *)(void *)s;
}

static int
memory_append(struct store *s, const struct store_record *r)
{
	size_t len = 2 + r->header.len + r->data.len;
	struct evlog_item item = {
		.number = r->number,
		.time_ms = r->time_ms,
		.topic = r->topic,
		.id = r->id,
		.is_private = r->is_private,
	};
	uint64_t pos;
	char *payload;

	payload = malloc(len);
	if (!payload)
		return -ENOMEM;
	payload[0] = (char)(r->header.len >> 8);
	payload[1] = (char)r->header.len;
	memcpy(payload + 2, r->header.p, r->header.len);
	if (r->data.len)
		memcpy(payload + 2 + r->header.len, r->data.p, r->data.len);
	return evlog_append(memory_of(s)->log, &item, payload, len, &pos);
}

static int
memory_commit(struct store *s)
{
	(void)s;		/* what is in memory is as stored as it gets */
	return 0;
}

static bool
memory_trim(struct store *s, int64_t now_ms)
{
	return evlog_trim(memory_of(s)->log, now_ms, TRIM_STEP) == TRIM_STEP;
}

static void
record_of(const struct evlog_entry *e, struct store_record *ret_record)
{
	const unsigned char *p = (const unsigned char *)e->payload;
	size_t header_len = (size_t)p[0] << 8 | p[1];

	*ret_record = (struct store_record){
		.number = e->place.number,
		.time_ms = e->time_ms,
		.is_private = e->is_private,
		.id = evlog_entry_id(e),
		.topic = e->topic->name,
		.header = { e->payload + 2, header_len },
		.data = { e->payload + 2 + header_len,
			  e->len - 2 - header_len },
	};
}

static int
memory_scan(struct store *s, uint64_t after, store_on_record *on_record,
	    void *user)
{
	struct memory *m = memory_of(s);
	struct store_record record;
	uint64_t pos;

	pos = evlog_after(m->log, evlog_place(m->log, m->epoch, after));
	for (; pos < evlog_end(m->log); pos++) {
		record_of(evlog_at(m->log, pos), &record);
		if (on_record(user, &record) != 0)
			break;
	}
	return 0;
}

static int
memory_resolve(struct store *s, struct slice id, uint64_t *ret_number)
{
	struct evlog_place place;

	if (!evlog_find_id(memory_of(s)->log, id, &place))
		return -ENOENT;
	*ret_number = place.number;
	return 0;
}

static void
memory_state(const struct store *s, struct store_state *ret_state)
{
	const struct memory *m = (const struct memory *)(const void *)s;

	*ret_state = (struct store_state){
		.epoch = m->epoch,
		.first = evlog_first_place(m->log).number + 1,
		.last = evlog_last_place(m->log).number,
		.events = evlog_end(m->log) - evlog_first(m->log),
		.bytes = evlog_bytes(m->log),
	};
}

static void
memory_free(struct store *s)
{
	struct memory *m = memory_of(s);

	evlog_free(m->log);
	free(m);
}

static const struct store_ops memory_ops = {
	.append = memory_append,
	.commit = memory_commit,
	.trim = memory_trim,
	.scan = memory_scan,
	.resolve = memory_resolve,
	.state = memory_state,
	.free = memory_free,
};

int
store_memory_new(const struct store_limits *limits, uint64_t epoch,
		 struct store **ret_store)
{
	struct evlog_limits bounds = {
		.events = limits->events,
		.bytes = limits->bytes,
		.age_ms = limits->age_ms,
	};
	struct memory *m;
	int r;

	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->store.ops = &memory_ops;
	m->epoch = epoch;
	r = evlog_new(&bounds, NULL, NULL, &m->log);
	if (r == 0)
		r = evlog_begin_epoch(m->log, epoch, 0);
	if (r < 0) {
		memory_free(&m->store);
		return r;
	}
	*ret_store = &m->store;
	return 0;
}
