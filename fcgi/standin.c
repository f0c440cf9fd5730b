/* SPDX-License-Identifier: MIT */
#include "fcgi/standin.h"

#include <errno.h>

enum {
	/* requests in the middle of arriving; a worker still has to be started */
	HALF_OPEN_MOST = 256,
};

static int
on_stream(void *user, int fd, uint16_t id, const struct route *route,
	  struct slice address)
{
	(void)user, (void)fd, (void)id, (void)route, (void)address;
	return -EBUSY;
}

static uint64_t
retry_later(void *user)
{
	const struct standin *s = user;

	return fanout_later_ms(&s->config->service.fanout);
}

static const struct connections_ops connections_ops = {
	.on_stream = on_stream,
	.retry_later = retry_later,
};

int
standin_init(struct standin *s, const struct settings *config,
	     struct loop *loop)
{
	struct connections_config answering = config->service.connections;

	if (answering.half_open_max > HALF_OPEN_MOST)
		answering.half_open_max = HALF_OPEN_MOST;
	s->config = config;
	return connections_new(loop, &answering, &connections_ops, s,
			       &s->connections);
}

void
standin_done(struct standin *s)
{
	if (s->connections)
		s->connections = connections_free(s->connections);
}

void
standin_abandon(struct standin *s)
{
	connections_abandon(s->connections);
}

void
standin_take(struct standin *s, int fd)
{
	connections_add(s->connections, fd);
}

bool
standin_make_room(struct standin *s)
{
	return connections_make_room(s->connections);
}

bool
standin_is_idle(const struct standin *s)
{
	return connections_count(s->connections) == 0;
}

void
standin_reap(struct standin *s)
{
	connections_reap(s->connections);
}
