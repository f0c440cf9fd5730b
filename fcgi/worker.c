/* SPDX-License-Identifier: MIT */
#include "fcgi/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/handoff.h"
#include "fcgi/local.h"
#include "fcgi/posting.h"
#include "fcgi/publishing.h"
#include "fcgi/service.h"
#include "lib/base/clock.h"
#include "lib/base/logging.h"
#include "lib/bus/follower.h"
#include "lib/loop/loop.h"
#include "lib/loop/signals.h"

enum {
	/* how long the first requests wait for the bus to be followed: a
	 * stream that opens earlier misses what is published until then */
	FIRST_ACCEPT_MS = 1000,
	/* the same complaint is logged this often at most */
	COMPLAIN_MS = 10000,
	/* the counts are logged this often at most, when a bound was met */
	COUNTS_MS = 60000,
	/* messages taken from the bus before the next flush, and how often
	 * that is done again while more wait */
	BUS_BUDGET = 1024,
	BUS_ROUNDS = 4,
	/* ... unless they were large and took longer than this */
	BUS_MS = 20,
};

struct worker {
	const struct worker_config *setup;	/* borrowed */
	const struct settings *config;		/* borrowed */
	struct loop *loop;
	struct service *service;
	struct fanout *fanout;			/* the service's */
	struct follower *follower;
	struct handoff_server *handoff;
	struct publishing *publishing;		/* NULL: nothing is published */
	struct posting posting;			/* ... through web servers */
	struct local *local;			/* ... by this machine's programs */
	struct loop_io lifeline, signals, bus[FOLLOWER_FDS];
	int64_t complained_bus_ms, complained_hole_ms, counted_ms;
	uint64_t refused;		/* bus messages, as last complained of */
	uint64_t met;			/* bounds, as last logged */
	bool said_silent, was_live;
	bool is_open;			/* takes requests, and has told so */
};

/* ---- the other door ---- */

static int
handoff_ask(void *user, const struct handoff *h)
{
	struct worker *w = user;

	return service_ask_room(w->service, h->fd);
}

static void
handoff_take(void *user, struct handoff *h)
{
	struct worker *w = user;
	struct fanout_request request = {
		.fd = h->fd,
		.id = h->request_id,
		.headers = buf_slice(&h->headers),
		.subscription = &h->subscription,
	};

	if (service_open(w->service, &request) == 0)
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

static int
open_handoff(struct worker *w)
{
	if (w->setup->handoff < 0)
		return 0;
	return handoff_server_new(w->loop, w->setup->handoff, &handoff_ops, w,
				  &w->handoff);
}

/* Both doors, and the supervisor learns that we serve. */
static int
open_doors(struct worker *w)
{
	if (w->is_open || service_is_draining(w->service))
		return 0;
	w->is_open = true;
	(void)!write(w->setup->ready, "", 1);
	if (w->local)
		local_accept(w->local);
	return open_handoff(w);
}

/* ---- what is published by HTTP ---- */

static void
say_of_publishing(void *user, const char *text)
{
	(void)user;
	log_warning("%s", text);
}

static size_t
post_max(void *user, const struct params *params, struct route *route)
{
	const struct worker *w = user;

	/* Nobody is to fill the memory with what he may not publish. */
	if (posts_check(&w->posting.posts, params, route) < 0)
		return 0;
	return publication_body_max(publication_kind(params),
				    w->posting.posts.max_event);
}

static int
on_post(void *user, int fd, const struct request *r,
	const struct params *params, struct route *route)
{
	struct worker *w = user;

	return posting_take(&w->posting, fd, r, params, route);
}

static void
give_back(void *user, int fd)
{
	struct worker *w = user;

	if (service_is_draining(w->service))
		close(fd);
	else
		service_return(w->service, fd);
}

static int
open_publishing(struct worker *w)
{
	const struct settings *c = w->config;
	const struct local_config local = {
		.users = c->publish_users,
		.n_users = c->n_publish_users,
		.max_event = (size_t)c->hub.max_event,
		.request_timeout_ms =
		    c->service.connections.request_timeout_ms,
	};
	int r;

	if (!c->http_publish && !w->setup->local)
		return 0;
	r = publishing_new(w->loop, &c->bus, say_of_publishing, w,
			   &w->publishing);
	w->posting.posts = (struct posts){
		.route = &c->service.connections.route,
		.authority = c->authority,
		.publishing = w->publishing,
		.max_event = (size_t)c->hub.max_event,
	};
	w->posting.give_back = give_back;
	w->posting.user = w;
	if (r == 0 && w->setup->local)
		r = local_new(w->loop, &local, w->setup->local->fd,
			      w->publishing, &w->local);
	return r;
}

static void
drain_publishing(struct worker *w)
{
	if (w->local)
		local_drain(w->local);
	if (w->setup->local)
		listen_close(w->setup->local, false);
	if (w->publishing)
		publishing_drain(w->publishing);
}

/* Whether somebody waits for an answer, or is about to. */
static bool
is_publishing(const struct worker *w)
{
	return (w->publishing && publishing_count(w->publishing) > 0) ||
	       (w->local && local_count(w->local) > 0);
}

static void
close_publishing(struct worker *w)
{
	w->local = local_free(w->local);
	posting_done(&w->posting);
	w->publishing = publishing_free(w->publishing);
}

/* ---- the bus ---- */

static void
on_event(void *user, const struct event *e)
{
	struct worker *w = user;

	fanout_event(w->fanout, e);
}

/* At first, holes are what the hub does not keep; later we came too late. */
static void
complain_of_hole(struct worker *w, const struct follower_gap *g)
{
	int64_t now_ms = clock_mono_ms();

	if (!w->was_live || now_ms - w->complained_hole_ms < COMPLAIN_MS)
		return;
	w->complained_hole_ms = now_ms;
	log_warning("events are gone (%s): the bus goes on after number %llu, "
		    "we had %llu; the streams that asked for one of them are "
		    "told", g->reason, (unsigned long long)g->resumed_at,
		    (unsigned long long)g->after_number);
}

static void
on_gap(void *user, const struct follower_gap *g)
{
	struct worker *w = user;

	if (g->is_hole)
		complain_of_hole(w, g);
	else if (g->after_known)
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
	service_note_hub(w->service, state == FOLLOWER_LIVE);
	if (state != FOLLOWER_LIVE)
		return;
	w->was_live = true;
	service_accept(w->service);
	if (open_doors(w) < 0)
		log_error("requests cannot be handed over: out of memory");
}

static void
on_refused(void *user, const char *why)
{
	(void)user;
	if (why)
		log_error("%s", why);
	else
		log_notice("the hub lets us in now");
}

static void
on_resolved(void *user, uint64_t tag, bool known, uint64_t epoch,
	    uint64_t number)
{
	struct worker *w = user;

	fanout_resolved(w->fanout, tag, known, epoch, number);
}

static void
on_page(void *user, uint64_t tag, const struct follower_page *page)
{
	struct worker *w = user;

	fanout_page(w->fanout, tag, page);
}

static const struct follower_ops follower_ops = {
	.on_event = on_event,
	.on_gap = on_gap,
	.on_state = on_state,
	.on_refused = on_refused,
	.on_resolved = on_resolved,
	.on_page = on_page,
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

static int
ask_page(void *user, uint64_t tag, const struct follower_question *question)
{
	struct worker *w = user;

	return follower_page(w->follower, tag, question);
}

static void
say(void *user, enum logging_level level, const char *text)
{
	(void)user;
	logging_write(level, "%s", text);
}

static const struct service_ops service_ops = {
	.ask = ask,
	.forget = forget,
	.page = ask_page,
	.say = say,
};

static const struct service_ops publishing_ops = {
	.ask = ask,
	.forget = forget,
	.page = ask_page,
	.post_max = post_max,
	.on_post = on_post,
	.say = say,
};

/* The descriptor only wakes the loop; the end of the turn drains the bus. */
static void
on_bus_wakes(struct loop_io *io, unsigned ready)
{
	(void)io;
	(void)ready;
}

/* What strangers, or a hub of another version, put on the bus is not silent. */
static void
complain_of_bus(struct worker *w, int64_t now_ms)
{
	const struct follower_stats *stats = follower_get_stats(w->follower);

	if (stats->refused == w->refused ||
	    now_ms - w->complained_bus_ms < COMPLAIN_MS)
		return;
	log_warning("messages of the bus were refused: %llu; the last one: %s",
		    (unsigned long long)(stats->refused - w->refused),
		    stats->why_refused);
	w->refused = stats->refused;
	w->complained_bus_ms = now_ms;
}

/* ---- counts ---- */

static void
get_counts(const struct worker *w, struct counts *ret_counts)
{
	const struct publishing_stats *p;

	service_get_counts(w->service, ret_counts);
	if (w->local)
		ret_counts->posts = local_get_stats(w->local)->requests;
	if (!w->publishing)
		return;
	p = publishing_get_stats(w->publishing);
	ret_counts->published = p->published;
	ret_counts->unpublished = p->refused;
}

static void
log_counts(const struct counts *c)
{
	struct buf text = { NULL, 0, 0 };

	if (counts_format(c, &text) == 0)
		log_notice("counts: %.*s", (int)text.len, text.p);
	buf_done(&text);
}

/* When a bound was met lately, what all of them came to. */
static void
tell_counts(struct worker *w, int64_t now_ms)
{
	struct counts c;

	if (now_ms - w->counted_ms < COUNTS_MS)
		return;
	get_counts(w, &c);
	if (counts_met(&c) == w->met)
		return;
	w->met = counts_met(&c);
	w->counted_ms = now_ms;
	log_counts(&c);
}

/* ---- the turn ---- */

/* While it is open here, a new supervisor's is refused, too. */
static void
close_handoff(struct worker *w)
{
	bool was_open = w->handoff;

	w->handoff = handoff_server_free(w->handoff);
	if (was_open)
		close(w->setup->handoff);
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct worker *w = user;
	int64_t due_ms = now_ms, sleep_ms, flush_ms, look_ms = -1;

	for (unsigned i = 0; i < BUS_ROUNDS && due_ms <= now_ms; i++) {
		due_ms = follower_run(w->follower, now_ms, BUS_BUDGET);
		if (clock_mono_ms() - now_ms > BUS_MS)
			break;
	}
	sleep_ms = due_ms > now_ms ? due_ms - now_ms : 0;
	flush_ms = service_turn(w->service, now_ms);
	if (flush_ms >= 0 && flush_ms < sleep_ms)
		sleep_ms = flush_ms;
	if (w->publishing)
		look_ms = publishing_turn(w->publishing, now_ms);
	if (look_ms >= 0 && look_ms < sleep_ms)
		sleep_ms = look_ms;
	if (w->local)
		local_reap(w->local);
	if (w->setup->turn_most_ms >= 0 && w->setup->turn_most_ms < sleep_ms)
		sleep_ms = w->setup->turn_most_ms;
	watchdog_tell(w->setup->turns);
	idle_tell(w->setup->seat,
		  service_is_busy(w->service) || is_publishing(w));
	complain_of_bus(w, now_ms);
	tell_counts(w, now_ms);
	if (service_is_draining(w->service))
		close_handoff(w);
	if (service_is_over(w->service) && !is_publishing(w))
		loop_stop(w->loop);
	return sleep_ms;
}

static void
drain(struct worker *w)
{
	struct counts c;

	if (service_is_draining(w->service))
		return;
	get_counts(w, &c);
	log_counts(&c);
	log_info("draining %zu streams", service_count(w->service));
	service_drain(w->service);
	drain_publishing(w);
	/* Where its supervisor gives it up, nobody must seem to be there. */
	if (w->setup->listener)
		listen_close(w->setup->listener, false);
}

static void
on_signal(struct loop_io *io, unsigned ready)
{
	struct worker *w = list_entry(io, struct worker, signals);
	unsigned seen = signals_take();

	(void)ready;
	if (seen & (SIGNALS_REOPEN | SIGNALS_RELOAD))
		(void)logging_reopen();
	if (seen & SIGNALS_STOP)
		drain(w);
}

/*
 * The socket first: as long as one process has it open, a web server that
 * wants to start another supervisor takes it for served, and so does that one.
 */
static void
on_lifeline(struct loop_io *io, unsigned ready)
{
	struct worker *w = list_entry(io, struct worker, lifeline);

	(void)ready;
	service_leave(w->service);
	listen_close(w->setup->passed, false);
	loop_del(w->loop, io);
	log_warning("the supervisor is gone; ending");
	drain(w);
	/* It may have been draining already. */
	if (w->setup->listener)
		listen_close(w->setup->listener, false);
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
		.tail = c->service.fanout.window.events ?
			c->service.fanout.window.events : FOLLOWER_ALL,
	};
	int fds[FOLLOWER_FDS], n, r;

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
	const struct listener *const listeners[2] = { s->passed, s->listener };
	int64_t accept_in_ms = c->is_plain	     ? 0 :
			       s->accepts_when_live ? -1 :
						      FIRST_ACCEPT_MS;
	int r = loop_new(LOOP_BACKEND_BEST, &w->loop);

	if (r == 0)
		r = service_new(w->loop, &c->service, listeners,
				accept_in_ms, c->http_publish ?
				&publishing_ops : &service_ops, w,
				&w->service);
	if (r == 0)
		r = open_publishing(w);
	if (r == 0) {
		w->fanout = service_fanout(w->service);
		r = open_follower(w);
	}
	if (r == 0)
		r = watch(w, &w->lifeline, s->lifeline, LOOP_READ, on_lifeline);
	if (r == 0)
		r = watch(w, &w->signals, signals_fd(), LOOP_READ, on_signal);
	if (r == 0 && (c->is_plain || !s->accepts_when_live))
		r = open_doors(w);
	return r;
}

static void
tear_down(struct worker *w)
{
	if (!w->loop)
		return;
	close_handoff(w);
	close_publishing(w);
	w->service = service_free(w->service);
	w->follower = follower_free(w->follower);
	w->loop = loop_free(w->loop);
}

int
worker_run(const struct worker_config *config)
{
	struct worker w = {
		.setup = config,
		.config = config->config,
		.complained_bus_ms = -COMPLAIN_MS,
		.counted_ms = -COUNTS_MS,
		.complained_hole_ms = -COMPLAIN_MS,
	};
	int r;

	posting_init(&w.posting);
	r = set_up(&w);

	if (r == 0) {
		loop_on_turn(w.loop, on_turn, &w);
		r = loop_run(w.loop);
	}
	tear_down(&w);
	if (r < 0) {
		log_error("the worker cannot run: %s", strerror(-r));
		return EX_OSERR;
	}
	return EX_OK;
}
