/* SPDX-License-Identifier: MIT */
#include "fcgi/service.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fcgi/guests.h"
#include "lib/base/list.h"

enum {
	ACCEPTS_PER_TURN = 256,
	/* descriptors are out: how long accepting pauses */
	ACCEPT_PAUSE_MS = 100,
	/* the same complaint is said this often at most */
	COMPLAIN_MS = 10000,
	HALF_OPEN_DEFAULT = 1024,
	/* descriptors that streams leave free, or an eighth if that is less:
	 * for the bus, the log and requests */
	DESCRIPTORS_KEPT = 32,
};

struct service {
	struct loop *loop;			/* borrowed */
	struct service_config config;
	const struct listener *listener;	/* borrowed */
	const struct service_ops *ops;		/* borrowed */
	void *user;				/* borrowed */
	struct fanout *fanout;
	struct connections *connections;
	struct guests guests;
	struct loop_io listening;
	struct loop_timer accept_again;
	int fd_most;				/* of streams: lower than this */
	int64_t complained_ms;
	bool is_draining;
};

const struct service_config service_defaults = {
	.fanout = {
		.heartbeat_ms = 15000,
		.retry_ms = 3000,
		.drain_ms = 5000,
		.max_lifetime_ms = 3600000,
	},
	.connections = {
		.route.max_topics = ROUTE_TOPICS_DEFAULT,
		.limits.params = REQUEST_PARAMS_DEFAULT,
		.limits.body = REQUEST_BODY_DEFAULT,
		.request_timeout_ms = 5000,
		.half_open_max = HALF_OPEN_DEFAULT,
	},
};

__attribute__((format(printf, 3, 4))) static void
say(struct service *s, enum logging_level level, const char *format, ...)
{
	char text[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	s->ops->say(s->user, level, text);
}

/* Whether it is time to complain once more. */
static bool
may_complain(struct service *s)
{
	int64_t now_ms = loop_now_ms(s->loop);

	if (now_ms - s->complained_ms < COMPLAIN_MS)
		return false;
	s->complained_ms = now_ms;
	return true;
}

/* ---- limits ---- */

struct range {
	const char *name;
	int64_t value, least, most;
	const char *unit;
};

int
service_check(const struct service_config *c, char *error, size_t size)
{
	const struct range ranges[] = {
		{ "heartbeat", c->fanout.heartbeat_ms, 100, 3600000, "ms" },
		{ "retry", c->fanout.retry_ms, 0, 3600000, "ms" },
		{ "drain", c->fanout.drain_ms, 0, 3600000, "ms" },
		{ "max-lifetime", c->fanout.max_lifetime_ms, 0,
		  INT64_C(31536000000), "ms" },
		{ "coalesce", c->fanout.coalesce_ms, 0, 60000, "ms" },
		{ "request-timeout", c->connections.request_timeout_ms, 100,
		  3600000, "ms" },
		{ "max-topics", (int64_t)c->connections.route.max_topics, 1,
		  10000, "" },
		{ "max-request", (int64_t)c->connections.limits.params, 1024,
		  65536, " bytes" },
		{ "default-last", (int64_t)c->default_last, 0, ROUTE_LAST_MAX,
		  "" },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		const struct range *r = &ranges[i];

		if (r->value >= r->least && r->value <= r->most)
			continue;
		snprintf(error, size, "--%s: %lld%s is out of range; write "
			 "%lld to %lld%s.", r->name, (long long)r->value,
			 r->unit, (long long)r->least, (long long)r->most,
			 r->unit);
		return -EINVAL;
	}
	return route_config_check(&c->connections.route, error, size);
}

/* A new descriptor is the lowest that is free, so it tells how many are left. */
static int
find_fd_most(void)
{
	struct rlimit limit;
	rlim_t kept;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur > INT_MAX)
		return INT_MAX;
	kept = limit.rlim_cur / 8;
	if (kept > DESCRIPTORS_KEPT)
		kept = DESCRIPTORS_KEPT;
	return (int)(limit.rlim_cur - kept);
}

int
service_ask_room(struct service *s, int fd)
{
	uint64_t most = s->config.max_clients;

	if (s->is_draining)
		return -EBUSY;
	if (fd >= s->fd_most) {
		if (may_complain(s))
			say(s, LOGGING_ERROR,
			    "nearly all descriptors are taken, with %zu "
			    "streams; browsers are asked to come back later. "
			    "Raise the limit of open files (ulimit -n), or "
			    "set --max-clients", fanout_count(s->fanout));
		return -EBUSY;
	}
	if (most == 0 || fanout_count(s->fanout) < most)
		return 0;
	if (may_complain(s))
		say(s, LOGGING_WARNING,
		    "all %llu streams of --max-clients are taken; browsers "
		    "are asked to come back later", (unsigned long long)most);
	return -EBUSY;
}

/* ---- streams ---- */

int
service_open(struct service *s, const struct fanout_request *request)
{
	struct subscription sub = *request->subscription;
	struct fanout_request r = *request;
	int e;

	r.subscription = &sub;
	if (sub.from == FROM_NOW && s->config.default_last > 0) {
		sub.from = FROM_LAST;
		sub.last_n = (uint32_t)s->config.default_last;
	}
	e = fanout_open(s->fanout, &r);
	if (e < 0)
		say(s, LOGGING_WARNING, "a stream could not be opened: %s",
		    strerror(-e));
	return e;
}

static int
on_stream(void *user, int fd, uint16_t id, struct slice headers,
	  const struct subscription *sub, struct slice address)
{
	struct service *s = user;
	struct fanout_request request = {
		.fd = fd,
		.id = id,
		.headers = headers,
		.subscription = sub,
	};
	struct guest *guest;
	int r = service_ask_room(s, fd);

	if (r == 0)
		r = guests_enter(&s->guests, address,
				 s->config.max_clients_per_address, &guest);
	if (r < 0)
		return r;
	request.owner = guest;
	r = service_open(s, &request);
	if (r < 0)
		guests_leave(&s->guests, guest);
	return r;
}

static uint64_t
retry_later(void *user)
{
	const struct service *s = user;

	return fanout_later_ms(&s->config.fanout);
}

static void
on_bad(void *user, const char *why)
{
	say(user, LOGGING_INFO, "a request was refused: %s", why);
}

static const struct connections_ops connections_ops = {
	.on_stream = on_stream,
	.retry_later = retry_later,
	.on_bad = on_bad,
};

static int
ask(void *user, uint64_t tag, struct slice id)
{
	struct service *s = user;

	return s->ops->ask(s->user, tag, id);
}

static void
forget(void *user, uint64_t tag)
{
	struct service *s = user;

	s->ops->forget(s->user, tag);
}

static void
on_close(void *user, void *owner)
{
	struct service *s = user;

	guests_leave(&s->guests, owner);
}

static const struct fanout_ops fanout_ops = {
	.ask = ask,
	.forget = forget,
	.on_close = on_close,
};

/* ---- accepting ---- */

static void
pause_accepting(struct service *s, int why)
{
	if (may_complain(s))
		say(s, LOGGING_ERROR,
		    "cannot accept connections: %s; %zu streams go on, new "
		    "ones wait. Raise the limit of open files (ulimit -n) or "
		    "set --max-clients below it",
		    strerror(-why), fanout_count(s->fanout));
	(void)loop_want(s->loop, &s->listening, 0);
	(void)loop_timer_set(s->loop, &s->accept_again,
			     loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
}

void
service_accept(struct service *s)
{
	loop_timer_stop(s->loop, &s->accept_again);
	if (!s->is_draining)
		(void)loop_want(s->loop, &s->listening, LOOP_READ);
}

static void
on_accept_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	service_accept(list_entry(t, struct service, accept_again));
}

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct service *s = list_entry(io, struct service, listening);

	(void)ready;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = listen_accept(s->listener);

		if (fd >= 0) {
			connections_add(s->connections, fd);
		} else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ||
			   fd == -ENOBUFS) {
			if (connections_make_room(s->connections))
				continue;
			pause_accepting(s, fd);
			return;
		} else if (fd != -EPERM && fd != -EINTR && fd != -ECONNABORTED) {
			return;
		}
	}
}

/* ---- the beginning and the end ---- */

static int
start_listening(struct service *s, int64_t accept_in_ms)
{
	int r;

	s->listening.fd = s->listener->fd;
	s->listening.on_ready = on_connection;
	s->accept_again.on_due = on_accept_again;
	r = loop_add(s->loop, &s->listening, LOOP_EXCLUSIVE);
	if (r < 0) {
		s->listening.fd = -1;
		return r;
	}
	return loop_timer_set(s->loop, &s->accept_again,
			      loop_now_ms(s->loop) + accept_in_ms);
}

int
service_new(struct loop *loop, const struct service_config *config,
	    const struct listener *listener, int64_t accept_in_ms,
	    const struct service_ops *ops, void *user,
	    struct service **ret_service)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->config = *config;
	s->listener = listener;
	s->ops = ops;
	s->user = user;
	s->listening.fd = -1;
	s->fd_most = find_fd_most();
	s->complained_ms = loop_now_ms(loop) - COMPLAIN_MS;
	r = fanout_new(loop, &s->config.fanout, &fanout_ops, s, &s->fanout);
	if (r == 0)
		r = connections_new(loop, &s->config.connections,
				    &connections_ops, s, &s->connections);
	if (r == 0)
		r = start_listening(s, accept_in_ms);
	if (r < 0) {
		service_free(s);
		return r;
	}
	*ret_service = s;
	return 0;
}

struct service *
service_free(struct service *s)
{
	if (!s)
		return NULL;
	loop_timer_stop(s->loop, &s->accept_again);
	loop_del(s->loop, &s->listening);
	s->connections = connections_free(s->connections);
	s->fanout = fanout_free(s->fanout);
	guests_done(&s->guests);
	free(s);
	return NULL;
}

struct fanout *
service_fanout(struct service *s)
{
	return s->fanout;
}

int64_t
service_turn(struct service *s, int64_t now_ms)
{
	int64_t sleep_ms = fanout_turn(s->fanout, now_ms);

	connections_reap(s->connections);
	return sleep_ms;
}

void
service_drain(struct service *s)
{
	if (s->is_draining)
		return;
	s->is_draining = true;
	loop_timer_stop(s->loop, &s->accept_again);
	loop_del(s->loop, &s->listening);
	fanout_drain(s->fanout);
}

bool
service_is_draining(const struct service *s)
{
	return s->is_draining;
}

bool
service_is_over(const struct service *s)
{
	return s->is_draining && fanout_count(s->fanout) == 0 &&
	       connections_count(s->connections) == 0;
}

size_t
service_count(const struct service *s)
{
	return fanout_count(s->fanout);
}
