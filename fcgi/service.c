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
#include "fcgi/probe.h"
#include "lib/base/escape.h"
#include "lib/base/list.h"

enum {
	ACCEPTS_PER_TURN = 256,
	/* descriptors are out: how long accepting pauses */
	ACCEPT_PAUSE_MS = 100,
	/* of each bound it is said this often at most that it was met */
	COMPLAIN_MS = 10000,
	/* refusals of the rights' that are told one by one in that time; a
	 * stranger can have as many as he likes */
	DENIALS_MOST = 20,
	/* a request that is not whole by so long after the drain will not be */
	LAST_REQUESTS_MS = 1000,
	HALF_OPEN_DEFAULT = 1024,
	HALF_OPEN_MOST = 1000000,
	/* descriptors that streams leave free, or an eighth if that is less:
	 * for the bus, the log and requests */
	DESCRIPTORS_KEPT = 32,
	GATES = 2,
};

/* A socket that connections come from. */
struct gate {
	struct loop_io io;
	const struct listener *listener;	/* borrowed */
	struct service *service;
};

struct service {
	struct loop *loop;			/* borrowed */
	struct service_config config;
	struct gate gates[GATES];
	const struct service_ops *ops;		/* borrowed */
	struct fanout_ops fanout_ops;
	void *user;				/* borrowed */
	struct fanout *fanout;
	struct connections *connections;
	struct probes *probes;			/* NULL: there are none */
	bool is_followed;
	struct guests guests;
	struct loop_timer accept_again;
	int fd_most;				/* of streams: lower than this */
	uint64_t met[BOUND_COUNT];
	int64_t complained_ms[BOUND_COUNT];
	int64_t denials_from_ms;	/* when they began to be counted */
	uint64_t denials, denials_silent;
	uint64_t seen_poor, seen_slow;		/* of what the fan-out counts */
	bool is_draining;
	int64_t over_ms;			/* when half a request is no reason
						 * to stay any more */
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

/* Counts that a bound was met. Whether it is time to say so, once more. */
static bool
meet(struct service *s, enum bound bound, uint64_t times)
{
	int64_t now_ms = loop_now_ms(s->loop);

	s->met[bound] += times;
	if (now_ms - s->complained_ms[bound] < COMPLAIN_MS)
		return false;
	s->complained_ms[bound] = now_ms;
	return true;
}

static unsigned long long
met(const struct service *s, enum bound bound)
{
	return (unsigned long long)s->met[bound];
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
		{ "max-half-open", (int64_t)c->connections.half_open_max, 1,
		  HALF_OPEN_MOST, "" },
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
		if (meet(s, BOUND_DESCRIPTORS, 1))
			say(s, LOGGING_ERROR,
			    "nearly all descriptors are taken, with %zu "
			    "streams; browsers are asked to come back later. "
			    "Raise the limit of open files (ulimit -n), or "
			    "set --max-clients", fanout_count(s->fanout));
		return -EBUSY;
	}
	if (most == 0 || fanout_count(s->fanout) < most)
		return 0;
	if (meet(s, BOUND_CLIENTS, 1))
		say(s, LOGGING_WARNING,
		    "all %llu streams of --max-clients are taken; browsers "
		    "are asked to come back later (%llu so far)",
		    (unsigned long long)most, met(s, BOUND_CLIENTS));
	return -EBUSY;
}

/* What the web server can bear, which may be less than we can. */
static int
ask_web_server(struct service *s, uint64_t most)
{
	if (most == 0 || fanout_count(s->fanout) < most)
		return 0;
	if (meet(s, BOUND_CLIENTS, 1))
		say(s, LOGGING_WARNING,
		    "all %llu streams that the web server allows "
		    "(SSE_MAX_CLIENTS) are taken; browsers are asked to come "
		    "back later (%llu so far)",
		    (unsigned long long)most, met(s, BOUND_CLIENTS));
	return -EBUSY;
}

static int
ask_guest(struct service *s, struct slice address, struct guest **ret_guest)
{
	uint64_t most = s->config.max_clients_per_address;
	int r = guests_enter(&s->guests, address, most, ret_guest);
	char text[64];

	if (r != -EBUSY || !meet(s, BOUND_ADDRESS, 1))
		return r;
	escape_text(text, sizeof(text), address);
	say(s, LOGGING_WARNING,
	    "%s has %llu streams, as many as --max-clients-per-address "
	    "allows; browsers there are asked to come back later (%llu so "
	    "far, of all addresses)", text, (unsigned long long)most,
	    met(s, BOUND_ADDRESS));
	return r;
}

static void
say_no_memory(struct service *s, uint64_t times)
{
	if (meet(s, BOUND_MEMORY, times))
		say(s, LOGGING_ERROR,
		    "memory is out: streams or requests were closed, or "
		    "events left out (%llu so far); the others go on, and "
		    "browsers come back and resume", met(s, BOUND_MEMORY));
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
	if (e == -ENOMEM)
		say_no_memory(s, 1);
	else if (e < 0 && meet(s, BOUND_DESCRIPTORS, 1))
		say(s, LOGGING_WARNING, "a stream could not be opened: %s",
		    strerror(-e));
	return e;
}

static int
on_stream(void *user, int fd, uint16_t id, const struct route *route,
	  struct slice address)
{
	struct service *s = user;
	struct fanout_request request = {
		.fd = fd,
		.id = id,
		.headers = buf_slice(&route->headers),
		.subscription = &route->subscription,
	};
	struct guest *guest;
	int r = service_ask_room(s, fd);

	if (r == 0)
		r = ask_web_server(s, route->max_clients);
	if (r == 0)
		r = ask_guest(s, address, &guest);
	if (r == -ENOMEM)
		say_no_memory(s, 1);
	if (r < 0)
		return r;
	request.owner = guest;
	r = service_open(s, &request);
	if (r < 0)
		guests_leave(&s->guests, guest);
	return r;
}

/* ---- probes ---- */

static void
look(void *user, struct probes_view *ret_view)
{
	const struct service *s = user;
	const struct fanout_config *f = &s->config.fanout;

	*ret_view = (struct probes_view){
		.hub = f->is_plain    ? PROBES_HUB_NONE :
		       s->is_followed ? PROBES_HUB_FOLLOWED :
					PROBES_HUB_AWAY,
		.streams = fanout_count(s->fanout),
		.heartbeat_ms = f->heartbeat_ms,
		.retry_ms = f->retry_ms,
	};
}

void
service_note_hub(struct service *s, bool is_followed)
{
	s->is_followed = is_followed;
}

/* While streams are asked to come back later, so are probes. */
static int
on_probe(void *user, int fd, uint16_t id, const struct params *params,
	 struct route *route)
{
	struct service *s = user;

	if (service_ask_room(s, fd) < 0) {
		route->status = 503;
		snprintf(route->why, sizeof(route->why), "All streams of this "
			 "worker are taken, or it is about to end; its log says "
			 "which.");
		return -EBUSY;
	}
	return probes_open(s->probes, fd, id, params, route);
}

/* ---- requests ---- */

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

/* Whether there is room in the log for one more refusal. */
static bool
may_tell_denial(struct service *s)
{
	int64_t now_ms = loop_now_ms(s->loop);

	if (now_ms - s->denials_from_ms >= COMPLAIN_MS) {
		if (s->denials_silent)
			say(s, LOGGING_NOTICE, "%llu more requests were refused "
			    "for want of rights",
			    (unsigned long long)s->denials_silent);
		s->denials = s->denials_silent = 0;
		s->denials_from_ms = now_ms;
	}
	if (s->denials++ < DENIALS_MOST)
		return true;
	s->denials_silent++;
	return false;
}

/* What came from outside goes through the log's own escapes. Never a URL: its
 * query may hold a secret. */
static void
on_denied(void *user, const struct params *p, const struct route *route)
{
	struct slice who = p->remote_user.p ? p->remote_user :
			   SLICE_LIT("somebody who is not logged in");

	if (!may_tell_denial(user))
		return;
	say(user, LOGGING_NOTICE, "%.*s at %.*s was refused (%d): %s",
	    who.len < 80 ? (int)who.len : 80, who.p,
	    p->remote_addr.len < 50 ? (int)p->remote_addr.len : 50,
	    p->remote_addr.p ? p->remote_addr.p : "", route->status,
	    route->detail ? route->detail : route->why);
}

static void
on_bound(void *user, enum bound bound, const char *why)
{
	struct service *s = user;
	const struct connections_config *c = &s->config.connections;

	if (bound == BOUND_MEMORY) {
		say_no_memory(s, 1);
		return;
	}
	if (!meet(s, bound, 1))
		return;
	if (bound == BOUND_TIME)
		say(s, LOGGING_WARNING,
		    "a request was not whole within the %lld ms of "
		    "--request-timeout; it was closed (%llu so far)",
		    (long long)c->request_timeout_ms, met(s, bound));
	else if (bound == BOUND_HALF_OPEN)
		say(s, LOGGING_WARNING,
		    "the %zu requests of --max-half-open are under way, and "
		    "none is whole; the oldest goes for each new one (%llu "
		    "so far)", c->half_open_max, met(s, bound));
	else
		say(s, LOGGING_WARNING, "a request was refused (%llu so far): "
		    "%s", met(s, bound), why);
}

static size_t
post_max(void *user, const struct params *params, struct route *route)
{
	struct service *s = user;

	return s->ops->post_max(s->user, params, route);
}

static int
on_post(void *user, int fd, const struct request *r,
	const struct params *params, struct route *route)
{
	struct service *s = user;

	return s->ops->on_post(s->user, fd, r, params, route);
}

void
service_return(struct service *s, int fd)
{
	connections_add(s->connections, fd);
}

static const struct connections_ops reading_ops = {
	.on_stream = on_stream,
	.on_probe = on_probe,
	.retry_later = retry_later,
	.on_bad = on_bad,
	.on_denied = on_denied,
	.on_bound = on_bound,
};

static const struct connections_ops publishing_ops = {
	.on_stream = on_stream,
	.on_probe = on_probe,
	.post_max = post_max,
	.on_post = on_post,
	.retry_later = retry_later,
	.on_bad = on_bad,
	.on_denied = on_denied,
	.on_bound = on_bound,
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

static int
page(void *user, uint64_t tag, const struct follower_question *question)
{
	struct service *s = user;

	return s->ops->page(s->user, tag, question);
}

static void
on_close(void *user, void *owner)
{
	struct service *s = user;

	guests_leave(&s->guests, owner);
}

/* ---- accepting ---- */

static void
want_all(struct service *s, unsigned want)
{
	for (size_t i = 0; i < GATES; i++)
		if (s->gates[i].io.fd >= 0)
			(void)loop_want(s->loop, &s->gates[i].io, want);
}

static void
close_gates(struct service *s)
{
	for (size_t i = 0; i < GATES; i++)
		loop_del(s->loop, &s->gates[i].io);
}

static void
pause_accepting(struct service *s, int why)
{
	if (meet(s, BOUND_ACCEPT, 1))
		say(s, LOGGING_ERROR,
		    "cannot accept connections: %s; %zu streams go on, new "
		    "ones wait. Raise the limit of open files (ulimit -n) or "
		    "set --max-clients below it",
		    strerror(-why), fanout_count(s->fanout));
	want_all(s, 0);
	(void)loop_timer_set(s->loop, &s->accept_again,
			     loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
}

/* Closes a request that stalls. False: there is none. */
static bool
make_room(struct service *s)
{
	if (!connections_make_room(s->connections))
		return false;
	if (meet(s, BOUND_DESCRIPTORS, 1))
		say(s, LOGGING_ERROR,
		    "descriptors are out, with %zu streams; requests that are "
		    "not whole are closed for new ones. Raise the limit of "
		    "open files (ulimit -n), or set --max-clients",
		    fanout_count(s->fanout));
	return true;
}

void
service_accept(struct service *s)
{
	if (s->is_draining)
		return;
	loop_timer_stop(s->loop, &s->accept_again);
	want_all(s, LOOP_READ);
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
	const struct gate *g = list_entry(io, struct gate, io);
	struct service *s = g->service;

	(void)ready;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = listen_accept(g->listener);

		if (fd >= 0) {
			connections_add(s->connections, fd);
		} else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ||
			   fd == -ENOBUFS) {
			if (make_room(s))
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
gate_open(struct service *s, struct gate *g, const struct listener *l)
{
	int r;

	g->listener = l;
	g->service = s;
	g->io.fd = l->fd;
	g->io.on_ready = on_connection;
	r = loop_add(s->loop, &g->io, LOOP_EXCLUSIVE);
	if (r < 0)
		g->io.fd = -1;
	return r;
}

static int
start_listening(struct service *s, const struct listener *const *listeners,
		int64_t accept_in_ms)
{
	int r = 0;

	s->accept_again.on_due = on_accept_again;
	for (size_t i = 0; r == 0 && i < GATES && listeners[i]; i++)
		r = gate_open(s, &s->gates[i], listeners[i]);
	if (r < 0 || accept_in_ms < 0)
		return r;
	return loop_timer_set(s->loop, &s->accept_again,
			      loop_now_ms(s->loop) + accept_in_ms);
}

int
service_new(struct loop *loop, const struct service_config *config,
	    const struct listener *const listeners[2], int64_t accept_in_ms,
	    const struct service_ops *ops, void *user,
	    struct service **ret_service)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->config = *config;
	s->ops = ops;
	s->user = user;
	for (unsigned i = 0; i < GATES; i++)
		s->gates[i].io.fd = -1;
	s->fd_most = find_fd_most();
	for (unsigned i = 0; i < BOUND_COUNT; i++)
		s->complained_ms[i] = loop_now_ms(loop) - COMPLAIN_MS;
	s->fanout_ops = (struct fanout_ops){
		.ask = ask,
		.forget = forget,
		.page = ops->page ? page : NULL,
		.on_close = on_close,
	};
	r = fanout_new(loop, &s->config.fanout, &s->fanout_ops, s, &s->fanout);
	if (r == 0)
		r = connections_new(loop, &s->config.connections,
				    ops->on_post ? &publishing_ops :
						   &reading_ops,
				    s, &s->connections);
	if (r == 0 && s->config.connections.route.has_probes)
		r = probes_new(loop, look, s, &s->probes);
	if (r == 0)
		r = start_listening(s, listeners, accept_in_ms);
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
	close_gates(s);
	s->connections = connections_free(s->connections);
	s->probes = probes_free(s->probes);
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

/* What the fan-out has only counted. */
static void
complain_of_fanout(struct service *s)
{
	const struct fanout_stats *f = fanout_get_stats(s->fanout);
	uint64_t poor = f->dropped + f->starved - s->seen_poor;
	uint64_t slow = f->slow + f->cut - s->seen_slow;

	s->seen_poor += poor;
	s->seen_slow += slow;
	if (poor > 0)
		say_no_memory(s, poor);
	if (slow > 0 && meet(s, BOUND_WINDOW, slow))
		say(s, LOGGING_WARNING,
		    "streams read so slowly that events they have not got are "
		    "kept no more; they are told, or closed in the middle of "
		    "one (%llu so far)", met(s, BOUND_WINDOW));
}

int64_t
service_turn(struct service *s, int64_t now_ms)
{
	int64_t sleep_ms = fanout_turn(s->fanout, now_ms);

	connections_reap(s->connections);
	probes_reap(s->probes);
	complain_of_fanout(s);
	return sleep_ms;
}

void
service_leave(struct service *s)
{
	if (!s->is_draining)
		loop_timer_stop(s->loop, &s->accept_again);
	close_gates(s);
}

void
service_drain(struct service *s)
{
	if (s->is_draining)
		return;
	s->is_draining = true;
	s->over_ms = loop_now_ms(s->loop) + s->config.fanout.drain_ms +
		     LAST_REQUESTS_MS;
	/* There is nothing to accept any more: it only wakes the loop. */
	(void)loop_timer_set(s->loop, &s->accept_again, s->over_ms);
	close_gates(s);
	fanout_drain(s->fanout);
	probes_drain(s->probes);
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
	       (connections_count(s->connections) == 0 ||
		loop_now_ms(s->loop) >= s->over_ms);
}

size_t
service_count(const struct service *s)
{
	return fanout_count(s->fanout);
}

bool
service_is_busy(const struct service *s)
{
	return fanout_count(s->fanout) > 0 ||
	       connections_count(s->connections) > 0;
}

void
service_get_counts(const struct service *s, struct counts *ret_counts)
{
	const struct connections_stats *c =
	    connections_get_stats(s->connections);
	const struct fanout_stats *f = fanout_get_stats(s->fanout);
	const struct evlog *log = fanout_log(s->fanout);

	*ret_counts = (struct counts){
		.accepted = c->accepted,
		.requests = c->requests,
		.refused = c->refused,
		.bad = c->bad,
		.later = c->later,
		.streams = fanout_count(s->fanout),
		.opened = f->opened,
		.closed = f->closed,
		.half_open = connections_count(s->connections),
		.events = f->events,
		.flushes = f->flushes,
		.writes = f->writes,
		.gaps = f->gaps,
		.pages = f->pages,
		.window_events = evlog_end(log) - evlog_first(log),
		.window_bytes = evlog_bytes(log),
		.held_bytes = f->held_bytes,
	};
	memcpy(ret_counts->met, s->met, sizeof(s->met));
}
