/* SPDX-License-Identifier: MIT */
#include "fcgi/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/connection.h"
#include "fcgi/fanout.h"
#include "fcgi/guests.h"
#include "fcgi/handoff.h"
#include "lib/base/logging.h"
#include "lib/base/random.h"
#include "lib/bus/follower.h"
#include "lib/loop/loop.h"
#include "lib/loop/signals.h"

enum {
	ACCEPTS_PER_TURN = 256,
	/* descriptors are out: how long accepting pauses */
	ACCEPT_PAUSE_MS = 100,
	/* how long the first requests wait for the bus to be followed: a
	 * stream that opens earlier misses what is published until then */
	FIRST_ACCEPT_MS = 1000,
	/* the same complaint is logged this often at most */
	COMPLAIN_MS = 10000,
	/* messages taken from the bus before the next flush, and how often
	 * that is done again while more wait */
	BUS_BUDGET = 1024,
	BUS_ROUNDS = 4,
};

struct worker {
	const struct worker_config *setup;	/* borrowed */
	const struct settings *config;		/* borrowed */
	struct loop *loop;
	struct fanout *fanout;
	struct connections *connections;
	struct follower *follower;
	struct handoff_server *handoff;
	struct guests guests;
	struct loop_io listener, lifeline, signals, bus[2];
	struct loop_timer accept_again;
	int64_t complained_ms;
	bool is_draining;
	bool said_silent;
};

/* ---- limits ---- */

/* Whether a worker may hold one more stream. 0 or -EBUSY, logged. */
static int
check_room(struct worker *w)
{
	uint64_t most = w->config->max_clients;
	int64_t now_ms = loop_now_ms(w->loop);

	if (w->is_draining)
		return -EBUSY;
	if (most == 0 || fanout_count(w->fanout) < most)
		return 0;
	if (now_ms - w->complained_ms >= COMPLAIN_MS) {
		w->complained_ms = now_ms;
		log_warning("all %llu streams of --max-clients are taken; "
			    "browsers are asked to come back later",
			    (unsigned long long)most);
	}
	return -EBUSY;
}

/* Opens a stream that has passed check_room; with --default-last applied. */
static int
open_stream(struct worker *w, int fd, uint16_t id, struct slice headers,
	    const struct subscription *asked, struct guest *guest)
{
	struct subscription s = *asked;
	struct fanout_request request = {
		.fd = fd,
		.id = id,
		.headers = headers,
		.subscription = &s,
		.owner = guest,
	};
	int r;

	if (s.from == FROM_NOW && w->config->default_last > 0) {
		s.from = FROM_LAST;
		s.last_n = (uint32_t)w->config->default_last;
	}
	r = fanout_open(w->fanout, &request);
	if (r < 0)
		log_warning("a stream could not be opened: %s", strerror(-r));
	return r;
}

static int
on_stream(void *user, int fd, uint16_t id, struct slice headers,
	  const struct subscription *s, struct slice address)
{
	struct worker *w = user;
	struct guest *guest;
	int r = check_room(w);

	if (r == 0)
		r = guests_enter(&w->guests, address,
				 w->config->max_clients_per_address, &guest);
	if (r < 0)
		return r;
	r = open_stream(w, fd, id, headers, s, guest);
	if (r < 0)
		guests_leave(&w->guests, guest);
	return r;
}

static uint64_t
retry_later(void *user)
{
	const struct worker *w = user;
	const struct fanout_config *c = &w->config->fanout;

	return (uint64_t)c->retry_ms +
	       random_below((uint64_t)c->drain_ms + 1);
}

static const struct connections_ops connections_ops = {
	.on_stream = on_stream,
	.retry_later = retry_later,
};

static int
handoff_ask(void *user, const struct handoff *h)
{
	(void)h;
	return check_room(user);
}

static void
handoff_take(void *user, struct handoff *h)
{
	struct worker *w = user;

	if (open_stream(w, h->fd, h->request_id, buf_slice(&h->headers),
			&h->subscription, NULL) == 0)
		h->fd = -1;
}

static void
handoff_refused(void *user, const char *why)
{
	(void)user;
	log_info("a hand-over was refused: %s", why);
}

static const struct handoff_ops handoff_ops = {
	.ask = handoff_ask,
	.take = handoff_take,
	.refused = handoff_refused,
};

/* ---- accepting ---- */

static void
pause_accepting(struct worker *w, int why)
{
	int64_t now_ms = loop_now_ms(w->loop);

	if (now_ms - w->complained_ms >= COMPLAIN_MS) {
		w->complained_ms = now_ms;
		log_error("cannot accept connections: %s; %zu streams go on, "
			  "new ones wait. Raise the limit of open files "
			  "(ulimit -n) or set --max-clients below it",
			  strerror(-why), fanout_count(w->fanout));
	}
	(void)loop_want(w->loop, &w->listener, 0);
	(void)loop_timer_set(w->loop, &w->accept_again,
			     now_ms + ACCEPT_PAUSE_MS);
}

static void
accept_now(struct worker *w)
{
	loop_timer_stop(w->loop, &w->accept_again);
	if (!w->is_draining)
		(void)loop_want(w->loop, &w->listener, LOOP_READ);
}

static void
on_accept_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	accept_now(list_entry(t, struct worker, accept_again));
}

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct worker *w = list_entry(io, struct worker, listener);

	(void)ready;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = listen_accept(w->setup->listener);

		if (fd >= 0) {
			connections_add(w->connections, fd);
		} else if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ||
			   fd == -ENOBUFS) {
			pause_accepting(w, fd);
			return;
		} else if (fd != -EPERM && fd != -EINTR && fd != -ECONNABORTED) {
			return;
		}
	}
}

/* ---- the bus ---- */

static void
on_event(void *user, const struct event *e)
{
	struct worker *w = user;

	fanout_event(w->fanout, e);
}

static void
on_gap(void *user, const struct follower_gap *g)
{
	struct worker *w = user;

	if (g->after_known)
		log_warning("events are gone (%s): the bus goes on after "
			    "number %llu, we had %llu; every stream is told",
			    g->reason, (unsigned long long)g->resumed_at,
			    (unsigned long long)g->after_number);
	fanout_gap(w->fanout, g);
}

static void
on_state(void *user, enum follower_state state)
{
	struct worker *w = user;

	if (state == FOLLOWER_SILENT && !w->said_silent) {
		w->said_silent = true;
		log_warning("the hub at %s is silent; streams stay open",
			    w->config->bus.path);
	} else if (state == FOLLOWER_LIVE && w->said_silent) {
		w->said_silent = false;
		log_notice("the hub is back");
	}
	fanout_state(w->fanout, state);
	if (state == FOLLOWER_LIVE)
		accept_now(w);
}

static void
on_resolved(void *user, uint64_t tag, bool known, uint64_t epoch,
	    uint64_t number)
{
	struct worker *w = user;

	fanout_resolved(w->fanout, tag, known, epoch, number);
}

static const struct follower_ops follower_ops = {
	.on_event = on_event,
	.on_gap = on_gap,
	.on_state = on_state,
	.on_resolved = on_resolved,
};

static int
ask(void *user, uint64_t tag, struct slice id)
{
	struct worker *w = user;

	return follower_resolve(w->follower, tag, id);
}

static void
forget(void *user, uint64_t tag)
{
	struct worker *w = user;

	follower_forget(w->follower, tag);
}

static void
on_close(void *user, void *owner)
{
	struct worker *w = user;

	guests_leave(&w->guests, owner);
}

static const struct fanout_ops fanout_ops = {
	.ask = ask,
	.forget = forget,
	.on_close = on_close,
};

/* The descriptor only wakes the loop; the end of the turn drains the bus. */
static void
on_bus_wakes(struct loop_io *io, unsigned ready)
{
	(void)io;
	(void)ready;
}

/* ---- the turn ---- */

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct worker *w = user;
	int64_t due_ms = now_ms, sleep_ms, flush_ms;

	for (unsigned i = 0; i < BUS_ROUNDS && due_ms <= now_ms; i++)
		due_ms = follower_run(w->follower, now_ms, BUS_BUDGET);
	sleep_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	flush_ms = fanout_turn(w->fanout, now_ms);
	if (flush_ms >= 0 && flush_ms < sleep_ms)
		sleep_ms = flush_ms;
	connections_reap(w->connections);
	if (w->is_draining)
		w->handoff = handoff_server_free(w->handoff);
	if (w->is_draining && fanout_count(w->fanout) == 0 &&
	    connections_count(w->connections) == 0)
		loop_stop(w->loop);
	return sleep_ms;
}

static void
drain(struct worker *w)
{
	if (w->is_draining)
		return;
	w->is_draining = true;
	log_info("draining %zu streams", fanout_count(w->fanout));
	loop_timer_stop(w->loop, &w->accept_again);
	loop_del(w->loop, &w->listener);
	fanout_drain(w->fanout);
}

static void
on_signal(struct loop_io *io, unsigned ready)
{
	struct worker *w = list_entry(io, struct worker, signals);
	unsigned seen = signals_take();

	(void)ready;
	if (seen & SIGNALS_REOPEN)
		(void)logging_reopen();
	if (seen & SIGNALS_STOP)
		drain(w);
}

static void
on_lifeline(struct loop_io *io, unsigned ready)
{
	struct worker *w = list_entry(io, struct worker, lifeline);

	(void)ready;
	loop_del(w->loop, io);
	log_warning("the supervisor is gone; ending");
	drain(w);
}

/* ---- set-up ---- */

static int
watch(struct worker *w, struct loop_io *io, int fd, unsigned want,
      void (*on_ready)(struct loop_io *io, unsigned ready))
{
	io->fd = fd;
	io->on_ready = on_ready;
	return loop_add(w->loop, io, want);
}

static int
open_follower(struct worker *w)
{
	const struct settings *c = w->config;
	struct follower_config fc = {
		.bus = c->bus,
		.max_event = (size_t)c->hub.max_event,
	};
	int fds[2], n, r;

	if (c->is_plain)
		r = follower_open_plain((const char *const *)c->connect.items,
					c->prefixes.count ?
					(const char *const *)c->prefixes.items :
					(const char *const[]){ NULL },
					fc.max_event, &follower_ops, w,
					&w->follower);
	else
		r = follower_open(&fc, &follower_ops, w, &w->follower);
	if (r < 0)
		return r;
	n = follower_fds(w->follower, fds);
	for (int i = 0; i < n && r == 0; i++)
		r = watch(w, &w->bus[i], fds[i], LOOP_READ, on_bus_wakes);
	return r;
}

static int
set_up(struct worker *w)
{
	const struct worker_config *s = w->setup;
	const struct settings *c = w->config;
	int r = loop_new(LOOP_BACKEND_BEST, &w->loop);

	if (r == 0)
		r = fanout_new(w->loop, &c->fanout, &fanout_ops, w, &w->fanout);
	if (r == 0)
		r = connections_new(w->loop, &c->connections, &connections_ops,
				    w, &w->connections);
	if (r == 0)
		r = open_follower(w);
	if (r == 0 && s->handoff >= 0)
		r = handoff_server_new(w->loop, s->handoff, &handoff_ops, w,
				       &w->handoff);
	if (r == 0)
		r = watch(w, &w->lifeline, s->lifeline, LOOP_READ, on_lifeline);
	if (r == 0)
		r = watch(w, &w->signals, signals_fd(), LOOP_READ, on_signal);
	if (r == 0)
		r = watch(w, &w->listener, s->listener->fd, LOOP_EXCLUSIVE,
			  on_connection);
	w->accept_again.on_due = on_accept_again;
	if (r == 0)
		r = loop_timer_set(w->loop, &w->accept_again,
				   loop_now_ms(w->loop) +
				   (c->is_plain ? 0 : FIRST_ACCEPT_MS));
	return r;
}

static void
tear_down(struct worker *w)
{
	if (!w->loop)
		return;
	w->handoff = handoff_server_free(w->handoff);
	w->connections = connections_free(w->connections);
	w->fanout = fanout_free(w->fanout);
	w->follower = follower_free(w->follower);
	guests_done(&w->guests);
	w->loop = loop_free(w->loop);
}

int
worker_run(const struct worker_config *config)
{
	struct worker w = {
		.setup = config,
		.config = config->config,
		.complained_ms = -COMPLAIN_MS,
	};
	int r = set_up(&w);

	if (r == 0) {
		loop_on_turn(w.loop, on_turn, &w);
		(void)!write(config->ready, "", 1);
		r = loop_run(w.loop);
	}
	tear_down(&w);
	if (r < 0) {
		log_error("the worker cannot run: %s", strerror(-r));
		return EX_OSERR;
	}
	return EX_OK;
}
