/* SPDX-License-Identifier: MIT */
#include "fcgi/standin.h"

#include <errno.h>

#include "lib/base/list.h"
#include "lib/base/logging.h"

enum {
	/* no worker ready: how long web servers wait before we answer */
	STARVED_MS = 300,
	/* descriptors are out: how long accepting pauses then */
	ACCEPT_PAUSE_MS = 100,
	/* requests in the middle of arriving; a worker still has to be started */
	HALF_OPEN_MOST = 256,
};

static int
on_stream(void *user, int fd, uint16_t id, struct slice headers,
	  const struct subscription *s, struct slice address)
{
	(void)user, (void)fd, (void)id, (void)headers, (void)s, (void)address;
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

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct standin *s = list_entry(io, struct standin, listening);
	int fd = listen_accept(s->listener);

	(void)ready;
	if (fd >= 0) {
		connections_add(s->connections, fd);
	} else if ((fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ||
		    fd == -ENOBUFS) && !connections_make_room(s->connections)) {
		/* The socket stays readable: asking on would burn the CPU. */
		loop_del(s->loop, io);
		(void)loop_timer_set(s->loop, &s->begin,
				     loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
	}
}

static void
on_begin(struct loop_timer *t, int64_t now_ms)
{
	struct standin *s = list_entry(t, struct standin, begin);

	(void)now_ms;
	if (!s->said)
		log_warning("no worker is ready; browsers are asked to come back later");
	s->said = true;
	standin_begin(s);
}

int
standin_init(struct standin *s, const struct settings *config,
	     const struct listener *listener, struct loop *loop)
{
	struct connections_config answering = config->service.connections;

	if (answering.half_open_max > HALF_OPEN_MOST)
		answering.half_open_max = HALF_OPEN_MOST;
	*s = (struct standin){
		.config = config,
		.listener = listener,
		.loop = loop,
		.listening.fd = -1,
		.listening.on_ready = on_connection,
		.begin.on_due = on_begin,
	};
	return connections_new(loop, &answering, &connections_ops, s,
			       &s->connections);
}

void
standin_done(struct standin *s)
{
	if (!s->connections)
		return;
	standin_end(s);
	s->connections = connections_free(s->connections);
}

void
standin_abandon(struct standin *s)
{
	connections_abandon(s->connections);
}

void
standin_expect(struct standin *s)
{
	if (s->listening.fd < 0 && !s->begin.heap)
		(void)loop_timer_set(s->loop, &s->begin,
				     loop_now_ms(s->loop) + STARVED_MS);
}

void
standin_begin(struct standin *s)
{
	loop_timer_stop(s->loop, &s->begin);
	if (s->listening.fd >= 0)
		return;
	s->listening.fd = s->listener->fd;
	if (loop_add(s->loop, &s->listening, LOOP_READ) < 0) {
		s->listening.fd = -1;
		standin_expect(s);
	}
}

void
standin_end(struct standin *s)
{
	loop_timer_stop(s->loop, &s->begin);
	loop_del(s->loop, &s->listening);
	s->said = false;
}

bool
standin_is_idle(const struct standin *s)
{
	return s->listening.fd < 0 && !s->begin.heap &&
	       connections_count(s->connections) == 0;
}

void
standin_reap(struct standin *s)
{
	connections_reap(s->connections);
}
