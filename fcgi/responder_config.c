/* SPDX-License-Identifier: MIT */
#include "fcgi/responder_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"

enum {
	TICK_DEFAULT_MS = 1000,
	WINDOW_EVENTS = 10000,	/* these three as the hub's --history */
	WINDOW_BYTES = 8 << 20,
	WINDOW_AGE_MS = 3600000,
};

static int
copy_texts(const char *const *from, struct option_texts *to)
{
	size_t n = 0;

	while (from && from[n])
		n++;
	if (n == 0)
		return 0;
	to->items = calloc(n, sizeof(*to->items));
	if (!to->items)
		return -ENOMEM;
	for (; to->count < n; to->count++) {
		to->items[to->count] = strdup(from[to->count]);
		if (!to->items[to->count])
			return -ENOMEM;
	}
	return 0;
}

static void
free_texts(struct option_texts *texts)
{
	while (texts->count > 0)
		free(texts->items[--texts->count]);
	free(texts->items);
	texts->items = NULL;
}

/* 0 is the default. */
static int64_t
or_default(int64_t value, int64_t instead)
{
	return value ? value : instead;
}

/* The same where -1 says that there is to be none. */
static int64_t
or_none(int64_t value, int64_t instead)
{
	return value == -1 ? 0 : or_default(value, instead);
}

static uint64_t
count_or_default(uint64_t value, uint64_t instead)
{
	return value ? value : instead;
}

static void
fill_in(struct service_config *c, const struct sse_responder_options *o)
{
	struct fanout_config *f = &c->fanout;
	struct connections_config *n = &c->connections;

	f->heartbeat_ms = or_default(o->heartbeat_ms, f->heartbeat_ms);
	f->retry_ms = or_default(o->retry_ms, f->retry_ms);
	f->drain_ms = or_none(o->drain_ms, f->drain_ms);
	f->max_lifetime_ms = or_none(o->max_lifetime_ms, f->max_lifetime_ms);
	f->coalesce_ms = o->coalesce_ms;
	f->window.events = count_or_default(o->window_events, WINDOW_EVENTS);
	f->window.bytes = count_or_default(o->window_bytes, WINDOW_BYTES);
	f->window.age_ms = or_none(o->window_age_ms, WINDOW_AGE_MS);
	n->request_timeout_ms = or_default(o->request_timeout_ms,
					   n->request_timeout_ms);
	n->route.max_topics = count_or_default(o->max_topics,
					       n->route.max_topics);
	if (o->max_half_open > 0)
		n->half_open_max = o->max_half_open < SIZE_MAX ?
				   (size_t)o->max_half_open : SIZE_MAX;
	if (o->max_request > 0)
		n->limits.params = o->max_request < SIZE_MAX ?
				   (size_t)o->max_request : SIZE_MAX;
	c->max_clients = o->max_clients;
	c->max_clients_per_address = o->max_clients_per_address;
	c->default_last = o->default_last;
}

/* What service_check does not know of. */
static int
check(const struct sse_responder_options *o, char *error, size_t size)
{
	for (size_t i = 0; i < sizeof(o->reserved) / sizeof(*o->reserved); i++)
		if (o->reserved[i]) {
			snprintf(error, size, "reserved must be zero: zero "
				 "the options before they are filled in.");
			return -EINVAL;
		}
	if (o->tick_ms < 0) {
		snprintf(error, size, "--tick-ms: %lldms is out of range; "
			 "write 1 or more.", (long long)o->tick_ms);
		return -EINVAL;
	}
	if (o->window_age_ms < -1) {
		snprintf(error, size, "--window-age-ms: %lldms is out of "
			 "range; write 1 or more, or -1.",
			 (long long)o->window_age_ms);
		return -EINVAL;
	}
	if (o->max_event > LIMIT_EVENT_MOST) {
		snprintf(error, size, "--max-event: the most bytes of an "
			 "event are 1 to %d (8 MiB).", LIMIT_EVENT_MOST);
		return -EINVAL;
	}
	return 0;
}

static int
copy_all(struct responder_config *c, const struct sse_responder_options *o)
{
	if (o->mount) {
		c->mount = strdup(o->mount);
		if (!c->mount)
			return -ENOMEM;
	}
	if (copy_texts(o->default_topics, &c->default_topics) < 0)
		return -ENOMEM;
	return copy_texts(o->cors_origins, &c->cors_origins);
}

int
responder_config_read(struct responder_config *c,
		      const struct sse_responder_options *o, char *error,
		      size_t size)
{
	struct route_config *route = &c->service.connections.route;
	int r = check(o, error, size);

	if (r == 0)
		r = copy_all(c, o);
	if (r < 0)
		return r;
	c->service = service_defaults;
	fill_in(&c->service, o);
	route->mount = c->mount;
	route->default_topics = &c->default_topics;
	route->cors_origins = &c->cors_origins;
	c->tick_ms = or_default(o->tick_ms, TICK_DEFAULT_MS);
	c->max_event = (size_t)count_or_default(o->max_event,
						LIMIT_EVENT_DEFAULT);
	return service_check(&c->service, error, size);
}

void
responder_config_done(struct responder_config *c)
{
	free_texts(&c->default_topics);
	free_texts(&c->cors_origins);
	free(c->mount);
	c->mount = NULL;
}
