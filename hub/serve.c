/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/announce.h"
#include "hub/core.h"
#include "hub/follow.h"
#include "hub/gate.h"
#include "hub/intake.h"
#include "hub/place.h"
#include "hub/source.h"
#include "hub/spare.h"
#include "hub/store_open.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/logging.h"
#include "lib/base/units.h"
#include "lib/bus/zmqport.h"
#include "lib/loop/loop.h"
#include "lib/loop/signals.h"

enum {
	/* acknowledgements for a peer that sends a lot before it reads */
	ACK_QUEUE = 4096,
	/* pages and answers for a follower; it asks for one page at a time */
	REPLY_QUEUE = 256,
	REQUEST_QUEUE = 1024,
	REQUEST_FRAME = 4096,
	/* what a source may send while we are busy */
	SOURCE_QUEUE = 4096,
	LAST_BATCHES = 64,	/* taken in when we stop, then no more */
	LINGER_MS = 500,	/* for the last acknowledgements */
	CROWDED_MS = 10000,	/* how often it is said */
	QUESTION_FRAME = 1024,	/* of ZeroMQ itself, to the gate */
	SOCKETS = 5,
};

struct serve {
	const struct hub_config *config;	/* borrowed */
	struct zmqport *port;			/* owned, as all below */
	struct zmqport_socket *publish, *follow, *events, *sources;
	struct zmqport_socket *zap;		/* NULL: the bus has no keys */
	struct loop *loop;
	struct loop_io ios[SOCKETS], signal_io, lifeline_io;
	struct loop_timer heartbeat;
	int64_t crowded_ms;			/* when it may be said again */
	bool is_trimming;			/* the store has more to let go */
	char bound[3][BUS_ENDPOINT_MAX];	/* socket files; "": none */
	struct store *store;
	struct core core;
	struct announce announce;
	struct intake intake;
	struct follow follower;
	struct source source;
	struct gate gate;
};

#define serve_of(pointer, member) \
	((struct serve *)(void *)((char *)(pointer) - \
				  offsetof(struct serve, member)))

/* --- opening ------------------------------------------------------------ */

static int
fail(const char *what, int error)
{
	log_error("cannot %s: %s", what, strerror(-error));
	return EX_OSERR;
}

static int
fail_bind(const char *endpoint, int error)
{
	if (error == -EADDRINUSE)
		log_error("cannot listen on %s: another program has that port; end it, or choose another --bus address",
			  endpoint);
	else if (error == -EADDRNOTAVAIL || error == -ENODEV)
		log_error("cannot listen on %s: this machine has no such address; a hub listens on an address of its own machine, and who follows one elsewhere runs none (sse-fcgi --hub off)",
			  endpoint);
	else
		log_error("cannot listen on %s: %s", endpoint,
			  strerror(-error));
	return error == -EACCES || error == -EPERM ? EX_NOPERM : EX_CANTCREAT;
}

/*
 * Before all others, and open until they are closed: without it ZeroMQ would
 * let in every key there is.
 */
static int
open_gate(struct serve *s)
{
	const struct hub_config *c = s->config;
	struct zmqport_options options = {
		.kind = ZMQPORT_ROUTER,
		.max_frame = QUESTION_FRAME,
		.send_queue = REPLY_QUEUE,
		.receive_queue = REQUEST_QUEUE,
	};
	char error[1024];
	int r;

	if (c->curve_key && !c->bus.is_tcp)
		log_notice("%s is not used: on %s the permissions of the directory say who may do what",
			   c->curve_key, c->bus.path);
	if (!bus_address_curve(&c->bus))
		return 0;
	r = zmqport_open(s->port, &options, &s->zap);
	if (r == 0)
		r = zmqport_bind(s->zap, ZMQPORT_GATE, 0, (gid_t)-1);
	if (r < 0)
		return fail("make the socket that checks keys", r);
	r = gate_init(&s->gate, s->zap, c->curve_clients, c->bus.curve.public,
		      error, sizeof(error));
	if (r == 0)
		return 0;
	log_error("%s", error);
	return r == -EPERM ? EX_NOPERM : EX_CONFIG;
}

/* 0, or an exit status with the reason logged. */
static int
bind_socket(struct serve *s, enum bus_endpoint which,
	    struct zmqport_options *options, gid_t group,
	    struct zmqport_socket **ret_socket)
{
	const struct bus_address *bus = &s->config->bus;
	char endpoint[BUS_ENDPOINT_MAX];
	int r;

	options->curve = bus_address_curve(bus);
	options->domain = gate_domain(which);
	bus_address_endpoint(bus, which, endpoint);
	r = zmqport_open(s->port, options, ret_socket);
	if (r < 0)
		return fail("make a socket", r);
	r = zmqport_bind(*ret_socket, endpoint, 0660, group);
	if (which == BUS_PUBLISH)
		place_notice(bus, group, r == 0 && group != (gid_t)-1);
	if (r == -EPERM && !bus->is_tcp && group != (gid_t)-1)
		/* Bound, and only the group is not to be had. */
		r = chmod(endpoint + strlen("ipc://"), 0660) < 0 ? -errno : 0;
	if (r < 0)
		return fail_bind(endpoint, r);
	if (!bus->is_tcp)
		strcpy(s->bound[which], endpoint + strlen("ipc://"));
	return 0;
}

static int
bind_sockets(struct serve *s)
{
	size_t most = s->config->max_event > LIMIT_EVENT_MOST ?
			      s->config->max_event : LIMIT_EVENT_MOST;
	/* Frames up to the most that any hub takes are read, so that whoever
	 * goes above this hub's bound is told so and not just cut off. */
	struct zmqport_options publish = {
		.kind = ZMQPORT_ROUTER,
		.max_frame = zmqport_max_frame(most),
		.send_queue = ACK_QUEUE,
		.receive_queue = zmqport_queue(s->config->max_event),
	};
	struct zmqport_options follow = {
		.kind = ZMQPORT_ROUTER,
		.max_frame = REQUEST_FRAME,
		.send_queue = REPLY_QUEUE,
		.receive_queue = REQUEST_QUEUE,
	};
	struct zmqport_options events = {
		.kind = ZMQPORT_PUB,
		.max_frame = REQUEST_FRAME,
		.send_queue = ANNOUNCE_QUEUE,
	};
	gid_t followers = place_directory_group(&s->config->bus);
	int r;

	/* Followers first: who may publish finds them already there. */
	r = bind_socket(s, BUS_EVENTS, &events, followers, &s->events);
	if (r == 0)
		r = bind_socket(s, BUS_FOLLOW, &follow, followers, &s->follow);
	if (r == 0)
		r = bind_socket(s, BUS_PUBLISH, &publish, place_group(),
				&s->publish);
	return r;
}

static int
connect_sources(struct serve *s)
{
	const struct option_texts *texts = s->config->sources;
	struct zmqport_options options = {
		.kind = ZMQPORT_SUB,
		.max_frame = zmqport_max_frame(LIMIT_EVENT_MOST),
		.receive_queue = SOURCE_QUEUE,
	};
	size_t i;
	int r;

	if (!texts || texts->count == 0)
		return 0;
	r = zmqport_open(s->port, &options, &s->sources);
	if (r == 0)
		r = zmqport_subscribe(s->sources, SLICE_LIT(""));
	if (r < 0)
		return fail("make a socket", r);
	for (i = 0; i < texts->count; i++) {
		r = zmqport_connect(s->sources, texts->items[i]);
		if (r < 0) {
			log_error("--source \"%s\" is not an endpoint to connect to (%s); write ipc:///PATH or tcp://HOST:PORT",
				  texts->items[i], strerror(-r));
			return EX_CONFIG;
		}
	}
	return 0;
}

/* --- running ------------------------------------------------------------ */

/* All sockets are looked at in every turn: their descriptors only wake us. */
static void
on_socket(struct loop_io *io, unsigned ready)
{
	(void)io;
	(void)ready;
}

/* The most milliseconds until the store wants its turn; -1: any. */
static int64_t
store_due_in(const struct serve *s, int64_t now_ms)
{
	int64_t due_ms = s->store->ops->due ? s->store->ops->due(s->store) :
					      INT64_MAX;

	if (due_ms == INT64_MAX)
		return -1;
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct serve *s = user;
	int64_t wall_ms = clock_wall_ms();
	bool more;

	more = s->zap && gate_run(&s->gate, now_ms);
	more |= intake_run(&s->intake, now_ms, wall_ms);
	if (s->sources)
		more |= source_run(&s->source, now_ms, wall_ms);
	more |= follow_run(&s->follower, now_ms);
	if (s->follower.is_handing_over)
		loop_stop(s->loop);
	/* A step in each turn, between publishers and followers. */
	if (s->is_trimming || store_due_in(s, now_ms) == 0)
		more |= s->is_trimming = s->store->ops->trim(s->store, now_ms);
	/* Lets the PUB socket see who came and went. */
	(void)zmqport_events(s->events);
	return more ? 0 : store_due_in(s, now_ms);
}

/* Connections that there was no descriptor for have been turned away. */
static void
complain_of_crowd(struct serve *s, int64_t now_ms)
{
	if (now_ms < s->crowded_ms || !spare_take_news())
		return;
	s->crowded_ms = now_ms + CROWDED_MS;
	log_error("too many connections: descriptors or memory are out, and new ones are turned away; raise the limit of open files (ulimit -n), or look for a program that connects and never leaves");
}

static void
on_heartbeat(struct loop_timer *t, int64_t now_ms)
{
	struct serve *s = serve_of(t, heartbeat);
	int64_t wall_ms = clock_wall_ms();
	struct store_state state;

	s->is_trimming = true;
	keys_trim(&s->core.keys, now_ms);
	complain_of_crowd(s, now_ms);
	s->store->ops->state(s->store, &state);
	announce_heartbeat(&s->announce, &state, wall_ms);
	(void)loop_timer_set(s->loop, t, now_ms + LIMIT_HUB_HEARTBEAT_MS);
}

static void
on_signal(struct loop_io *io, unsigned ready)
{
	struct serve *s = serve_of(io, signal_io);
	unsigned seen = signals_take();

	(void)ready;
	if (seen & SIGNALS_STOP)
		loop_stop(s->loop);
	if (seen & (SIGNALS_REOPEN | SIGNALS_RELOAD))
		(void)logging_reopen();	/* the old file goes on otherwise */
}

static void
on_lifeline(struct loop_io *io, unsigned ready)
{
	(void)ready;
	loop_stop(serve_of(io, lifeline_io)->loop);
}

static int
watch(struct serve *s, struct loop_io *io, int fd,
      void (*on_ready)(struct loop_io *io, unsigned ready))
{
	io->fd = fd;
	io->on_ready = on_ready;
	return loop_add(s->loop, io, LOOP_READ);
}

static int
open_loop(struct serve *s)
{
	struct zmqport_socket *sockets[SOCKETS] = {
		s->publish, s->follow, s->events, s->sources, s->zap,
	};
	int i, r;

	r = loop_new(LOOP_BACKEND_BEST, &s->loop);
	for (i = 0; i < SOCKETS && r == 0; i++)
		if (sockets[i])
			r = watch(s, &s->ios[i], zmqport_fd(sockets[i]),
				  on_socket);
	if (r == 0)
		r = watch(s, &s->signal_io, signals_fd(), on_signal);
	if (r == 0 && s->config->lifeline >= 0)
		r = watch(s, &s->lifeline_io, s->config->lifeline, on_lifeline);
	if (r < 0)
		return fail("start the event loop", r);
	s->heartbeat.on_due = on_heartbeat;
	loop_on_turn(s->loop, on_turn, s);
	return 0;
}

static int
open_parts(struct serve *s)
{
	int r;

	announce_init(&s->announce, s->events);
	r = core_init(&s->core, s->store, s->config->max_event);
	if (r == 0)
		r = intake_init(&s->intake, &s->core, &s->announce, s->publish);
	if (r == 0)
		r = follow_init(&s->follower, &s->core, &s->intake.junk,
				s->follow);
	s->follower.may_hand_over = s->config->embedded &&
				    !s->config->bus.is_tcp;
	if (r == 0 && s->sources)
		r = source_init(&s->source, &s->core, &s->announce, s->sources);
	return r < 0 ? fail("start", r) : 0;
}

static int
run(struct serve *s)
{
	char epoch[14];
	int r;

	format_base36(s->core.epoch, epoch);
	log_notice("serving the bus at %s, epoch %s", s->config->bus.path,
		   epoch);
	if (s->zap)
		log_notice("%zu keys of %s may connect",
			   s->gate.clients.count, s->gate.path);
	if (s->config->ready >= 0 && write(s->config->ready, "", 1) < 0)
		log_warning("nobody waits for this hub any more: %s",
			    strerror(errno));
	on_heartbeat(&s->heartbeat, clock_mono_ms());
	r = loop_run(s->loop);
	return r < 0 ? fail("go on", r) : 0;
}

/* --- ending ------------------------------------------------------------- */

/* Answers what has come in, tells the followers, and lets both leave. */
static void
say_goodbye(struct serve *s)
{
	struct store_state state;
	unsigned i;

	for (i = 0; i < LAST_BATCHES; i++)
		if (!intake_run(&s->intake, clock_mono_ms(), clock_wall_ms()))
			break;
	store_leave(s->config, s->store, &s->core.keys);
	s->store->ops->state(s->store, &state);
	announce_goodbye(&s->announce, &state, clock_wall_ms());
	zmqport_set_linger(s->publish, LINGER_MS);
	zmqport_set_linger(s->follow, LINGER_MS);
	zmqport_set_linger(s->events, LINGER_MS);
	log_notice("stopped serving the bus at %s after event %" PRIu64,
		   s->config->bus.path, state.last);
}

static void
close_all(struct serve *s)
{
	int i;

	source_done(&s->source);
	follow_done(&s->follower);
	intake_done(&s->intake);
	announce_done(&s->announce);
	core_done(&s->core);
	loop_free(s->loop);
	zmqport_close(s->sources);
	zmqport_close(s->events);
	zmqport_close(s->follow);
	zmqport_close(s->publish);
	gate_done(&s->gate);
	zmqport_close(s->zap);
	zmqport_free(s->port);
	/* Nobody else has bound these: the lock is still ours. */
	for (i = 0; i < 3; i++)
		if (s->bound[i][0])
			(void)unlink(s->bound[i]);
	store_free(s->store);
}

int
serve_run(const struct hub_config *config)
{
	struct serve *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fail("start", -ENOMEM);
	s->config = config;
	if (spare_open() < 0)
		log_warning("no descriptor to keep in reserve: %s",
			    strerror(errno));
	r = zmqport_new(&s->port) < 0 ? fail("start ZeroMQ", -ENOMEM) : 0;
	if (r == 0)
		r = store_open(config, &s->store);
	if (r == 0)
		r = open_gate(s);
	if (r == 0)
		r = bind_sockets(s);
	if (r == 0)
		r = connect_sources(s);
	if (r == 0)
		r = open_parts(s);
	if (r == 0)
		r = open_loop(s);
	if (r == 0)
		r = run(s);
	if (r == 0)
		say_goodbye(s);
	if (r == 0 && s->follower.is_handing_over)
		r = SERVE_HANDED_OVER;
	close_all(s);
	spare_close();
	free(s);
	return r;
}
