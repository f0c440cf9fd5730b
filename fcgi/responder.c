/* SPDX-License-Identifier: MIT */
/*
 * A loop, a service, and the events that the program publishes. To the
 * fan-out the responder is a hub that is always there: its log begins with a
 * new epoch, it is complete, and what id it does not know nobody does.
 */
#include <sse-fcgi/responder.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/listen.h"
#include "fcgi/permit.h"
#include "fcgi/service.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/list.h"
#include "lib/loop/loop.h"
#include "lib/sse/event.h"
#include "lib/sse/id.h"

enum {
	TICK_DEFAULT_MS = 1000,
	WINDOW_EVENTS = 10000,	/* these three as the hub's --history */
	WINDOW_BYTES = 8 << 20,
	WINDOW_AGE_MS = 3600000,
};

struct sse_responder {
	/* its texts are borrowed for sse_responder_new only */
	struct sse_responder_options given;
	char *mount;				/* owned */
	struct option_texts default_topics, cors_origins;	/* owned */
	struct permit permit;
	struct listener listener;
	struct loop *loop;
	struct service *service;
	struct loop_timer tick;
	uint64_t epoch, number;			/* of the last event */
	size_t max_event;
	volatile sig_atomic_t stops;		/* how often, up to 2 */
	bool is_stepping;
	bool has_unsent;			/* published outside a step */
	char error[512];
};

/* ---- words ---- */

/* Sentences of ours name the options of sse-fcgi; here they are fields. */
static void
name_fields(const char *text, char *out, size_t size)
{
	bool is_name = false;
	size_t len = 0;

	for (; *text && len + 1 < size; text++) {
		if (strncmp(text, "--", 2) == 0 && text[2] >= 'a' &&
		    text[2] <= 'z') {
			is_name = true;
			text++;
			continue;
		}
		is_name = is_name && ((*text >= 'a' && *text <= 'z') ||
				      *text == '-');
		out[len++] = is_name && *text == '-' ? '_' : *text;
	}
	out[len] = '\0';
}

/* Remembers a failure; returns it. */
__attribute__((format(printf, 3, 4))) static int
fail(struct sse_responder *r, int result, const char *format, ...)
{
	char text[sizeof(r->error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	name_fields(text, r->error, sizeof(r->error));
	return result;
}

static void
say(void *user, enum logging_level level, const char *text)
{
	static const int syslog_levels[] = { 3, 4, 5, 6, 7 };
	struct sse_responder *r = user;
	char named[400];

	if (!r->given.on_log)
		return;
	name_fields(text, named, sizeof(named));
	r->given.on_log(r->given.user, syslog_levels[level], named);
}

const char *
sse_responder_error(const struct sse_responder *r)
{
	return r->error;
}

/* ---- options ---- */

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
	if (o->max_request > 0)
		n->limits.params = o->max_request < SIZE_MAX ?
				   (size_t)o->max_request : SIZE_MAX;
	c->max_clients = o->max_clients;
	c->max_clients_per_address = o->max_clients_per_address;
	c->default_last = o->default_last;
}

/* What service_check does not know of. */
static int
check_options(struct sse_responder *r)
{
	const struct sse_responder_options *o = &r->given;

	for (size_t i = 0; i < sizeof(o->reserved) / sizeof(*o->reserved); i++)
		if (o->reserved[i])
			return fail(r, -EINVAL, "reserved must be zero: zero "
				    "the options before they are filled in.");
	if (o->tick_ms < 0)
		return fail(r, -EINVAL, "--tick-ms: %lldms is out of range; "
			    "write 1 or more.", (long long)o->tick_ms);
	if (o->window_age_ms < -1)
		return fail(r, -EINVAL, "--window-age-ms: %lldms is out of "
			    "range; write 1 or more, or -1.",
			    (long long)o->window_age_ms);
	if (o->max_event > LIMIT_EVENT_MOST)
		return fail(r, -EINVAL, "--max-event: the most bytes of an "
			    "event are 1 to %d (8 MiB).", LIMIT_EVENT_MOST);
	return 0;
}

/* Keeps the options and makes a configuration of them. */
static int
configure(struct sse_responder *r, struct service_config *ret_config)
{
	const struct sse_responder_options *o = &r->given;
	char error[sizeof(r->error)];
	int e = check_options(r);

	if (e == 0 && o->mount) {
		r->mount = strdup(o->mount);
		e = r->mount ? 0 : -ENOMEM;
	}
	if (e == 0)
		e = copy_texts(o->default_topics, &r->default_topics);
	if (e == 0)
		e = copy_texts(o->cors_origins, &r->cors_origins);
	if (e < 0)
		return e;
	*ret_config = service_defaults;
	fill_in(ret_config, o);
	ret_config->connections.route.mount = r->mount;
	ret_config->connections.route.default_topics = &r->default_topics;
	ret_config->connections.route.cors_origins = &r->cors_origins;
	if (o->on_request) {
		r->permit.on_request = o->on_request;
		r->permit.user = o->user;
		ret_config->connections.route.judge = permit_judge;
		ret_config->connections.route.judge_user = &r->permit;
	}
	r->max_event = (size_t)count_or_default(o->max_event,
						LIMIT_EVENT_DEFAULT);
	e = service_check(ret_config, error, sizeof(error));
	return e < 0 ? fail(r, e, "%s", error) : 0;
}

/* ---- the fan-out's questions ---- */

/* What is not in our log is in no log. */
static int
on_ask(void *user, uint64_t tag, struct slice id)
{
	struct sse_responder *r = user;

	(void)id;
	fanout_resolved(service_fanout(r->service), tag, false, 0, 0);
	return 0;
}

static void
on_forget(void *user, uint64_t tag)
{
	(void)user, (void)tag;	/* answered at once: there is nothing to do */
}

static const struct service_ops service_ops = {
	.ask = on_ask,
	.forget = on_forget,
	.say = say,
};

/* ---- the turn ---- */

static void
on_tick(struct loop_timer *t, int64_t now_ms)
{
	struct sse_responder *r = list_entry(t, struct sse_responder, tick);
	int64_t each_ms = or_default(r->given.tick_ms, TICK_DEFAULT_MS);
	int64_t next_ms = t->due_ms + each_ms;

	/* The rhythm stays, but what was slept through is not made up for. */
	(void)loop_timer_set(r->loop, t, next_ms > now_ms ? next_ms :
			     now_ms + each_ms);
	r->given.on_tick(r->given.user);
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct sse_responder *r = user;

	r->has_unsent = false;
	if (r->stops > 0) {
		service_drain(r->service);
		loop_timer_stop(r->loop, &r->tick);
	}
	return service_turn(r->service, now_ms);
}

static bool
is_over(const struct sse_responder *r)
{
	return r->stops > 1 || service_is_over(r->service);
}

int
sse_responder_step(struct sse_responder *r, int timeout_ms)
{
	int e;

	if (r->is_stepping)
		return fail(r, -EDEADLK, "A step was called from within a "
			    "callback of another.");
	if (is_over(r))
		return 0;
	r->is_stepping = true;
	e = loop_step(r->loop, timeout_ms);
	r->is_stepping = false;
	if (e < 0 && e != -EINTR)
		return fail(r, e, "The responder cannot go on: %s.",
			    strerror(-e));
	return is_over(r) ? 0 : 1;
}

int
sse_responder_run(struct sse_responder *r)
{
	int e;

	do
		e = sse_responder_step(r, -1);
	while (e > 0);
	return e;
}

void
sse_responder_stop(struct sse_responder *r)
{
	if (r->stops < 2)
		r->stops++;
	loop_stop(r->loop);
}

int
sse_responder_fd(const struct sse_responder *r)
{
	return loop_fd(r->loop);
}

int
sse_responder_timeout(const struct sse_responder *r)
{
	return r->has_unsent ? 0 : loop_timeout_ms(r->loop);
}

size_t
sse_responder_count(const struct sse_responder *r)
{
	return service_count(r->service);
}

const char *
sse_responder_address(const struct sse_responder *r)
{
	return r->listener.name;
}

/* ---- events ---- */

int
sse_responder_publish(struct sse_responder *r,
		      const struct sse_responder_event *e)
{
	struct fanout *fanout = service_fanout(r->service);
	uint64_t dropped = fanout_get_stats(fanout)->dropped;
	struct event event = {
		.topic = slice_of(e->topic ? e->topic : ""),
		.data = { e->len > 0 ? e->data : "", e->len },
		.name = slice_of(e->name),
		.id = slice_of(e->id),
		.has_retry = e->retry_ms > 0,
		.retry_ms = e->retry_ms < UINT32_MAX ? (uint32_t)e->retry_ms :
						       UINT32_MAX,
		.is_private = e->is_private != 0,
		.epoch = r->epoch,
		.number = r->number + 1,
		.time_ms = clock_wall_ms(),
	};
	struct event_fault fault;
	int result;

	if (!event.data.p)
		return fail(r, -EINVAL, "The event has a length and no data.");
	result = event_check(&event, r->max_event, false, &fault);
	if (result < 0)
		return fail(r, result, "The event is refused: %s.", fault.why);
	fanout_event(fanout, &event);
	if (fanout_get_stats(fanout)->dropped != dropped)
		return fail(r, -ENOMEM, "Out of memory.");
	r->number++;
	r->has_unsent = true;
	return 0;
}

/* ---- the beginning and the end ---- */

static int
open_listener(struct sse_responder *r)
{
	struct listen_config c = {
		.address = r->given.listen,
		.mode = r->given.listen_mode,
		.group = r->given.listen_group,
		.web_servers = getenv("FCGI_WEB_SERVER_ADDRS"),
	};
	struct listen_fault fault;
	int e = listen_open(&c, &r->listener, &fault);

	return e < 0 ? fail(r, e, "%s", fault.why) : 0;
}

/* The log begins, and all that there is of it is here. */
static int
begin_epoch(struct sse_responder *r)
{
	struct fanout *fanout = service_fanout(r->service);
	struct follower_gap beginning = { .epoch = id_new_epoch() };

	fanout_gap(fanout, &beginning);
	if (evlog_last_place(fanout_log(fanout)).gen == 0)
		return -ENOMEM;
	fanout_state(fanout, FOLLOWER_LIVE);
	r->epoch = beginning.epoch;
	return 0;
}

static int
start(struct sse_responder *r, const struct service_config *c)
{
	int e = loop_new(LOOP_BACKEND_BEST, &r->loop);

	if (e == 0)
		e = service_new(r->loop, c, &r->listener, 0, &service_ops, r,
				&r->service);
	if (e == 0)
		e = begin_epoch(r);
	r->tick.on_due = on_tick;
	if (e == 0 && r->given.on_tick)
		e = loop_timer_set(r->loop, &r->tick, loop_now_ms(r->loop) +
				   or_default(r->given.tick_ms,
					      TICK_DEFAULT_MS));
	if (e < 0)
		return fail(r, e, "The responder cannot be set up: %s.",
			    strerror(-e));
	loop_on_turn(r->loop, on_turn, r);
	return 0;
}

int
sse_responder_new(const struct sse_responder_options *options,
		  struct sse_responder **ret_responder)
{
	struct sse_responder *r = calloc(1, sizeof(*r));
	struct service_config c;
	int e;

	*ret_responder = NULL;
	if (!r)
		return -ENOMEM;
	r->listener.fd = -1;
	if (options)
		r->given = *options;
	e = configure(r, &c);
	if (e == 0)
		e = open_listener(r);
	if (e == 0)
		e = start(r, &c);
	if (e == -ENOMEM) {
		sse_responder_free(r);
		return e;
	}
	*ret_responder = r;
	return e;
}

void
sse_responder_free(struct sse_responder *r)
{
	if (!r)
		return;
	if (r->loop)
		loop_timer_stop(r->loop, &r->tick);
	service_free(r->service);
	loop_free(r->loop);
	listen_close(&r->listener, true);
	permit_done(&r->permit);
	free_texts(&r->default_topics);
	free_texts(&r->cors_origins);
	free(r->mount);
	free(r);
}
