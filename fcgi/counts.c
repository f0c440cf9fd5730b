/* SPDX-License-Identifier: MIT */
#include "fcgi/counts.h"

#include <inttypes.h>
#include <stddef.h>

/* Members of the JSON object; what is added here needs no other change. */
static const struct {
	const char *name;
	size_t at;
} members[] = {
	{ "accepted", offsetof(struct counts, accepted) },
	{ "requests", offsetof(struct counts, requests) },
	{ "refused", offsetof(struct counts, refused) },
	{ "bad", offsetof(struct counts, bad) },
	{ "later", offsetof(struct counts, later) },
	{ "posts", offsetof(struct counts, posts) },
	{ "published", offsetof(struct counts, published) },
	{ "unpublished", offsetof(struct counts, unpublished) },
	{ "streams", offsetof(struct counts, streams) },
	{ "opened", offsetof(struct counts, opened) },
	{ "closed", offsetof(struct counts, closed) },
	{ "half_open", offsetof(struct counts, half_open) },
	{ "events", offsetof(struct counts, events) },
	{ "flushes", offsetof(struct counts, flushes) },
	{ "writes", offsetof(struct counts, writes) },
	{ "gaps", offsetof(struct counts, gaps) },
	{ "pages", offsetof(struct counts, pages) },
	{ "window_events", offsetof(struct counts, window_events) },
	{ "window_bytes", offsetof(struct counts, window_bytes) },
	{ "held_bytes", offsetof(struct counts, held_bytes) },
};

static const char *const bound_names[BOUND_COUNT] = {
	[BOUND_CLIENTS] = "clients",
	[BOUND_ADDRESS] = "address",
	[BOUND_TOPICS] = "topics",
	[BOUND_REQUEST] = "request",
	[BOUND_TIME] = "time",
	[BOUND_HALF_OPEN] = "half_open",
	[BOUND_DESCRIPTORS] = "descriptors",
	[BOUND_ACCEPT] = "accept",
	[BOUND_MEMORY] = "memory",
	[BOUND_WINDOW] = "window",
};

uint64_t
counts_met(const struct counts *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < BOUND_COUNT; i++)
		sum += c->met[i];
	return sum;
}

int
counts_format(const struct counts *c, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(members) / sizeof(*members);
	     i++) {
		uint64_t value = *(const uint64_t *)(const void *)
				 ((const char *)c + members[i].at);

		r = buf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "{",
			       members[i].name, value);
	}
	for (unsigned i = 0; r == 0 && i < BOUND_COUNT; i++)
		r = buf_printf(out, "%s\"%s\":%" PRIu64,
			       i ? "," : ",\"limits\":{", bound_names[i],
			       c->met[i]);
	return r == 0 ? buf_append_text(out, "}}") : r;
}
