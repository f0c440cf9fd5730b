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
#include "fcgi/responder_config.h"
#include "fcgi/service.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/loop/loop.h"
#include "lib/sse/event.h"
#include "lib/sse/id.h"

struct sse_responder {
	/* its texts are borrowed for sse_responder_new only */
	struct sse_responder_options given;
	struct responder_config config;
	struct permit permit;
	struct listener listener;
	struct loop *loop;
	struct service *service;
	struct loop_timer tick;
	uint64_t epoch, number;			/* of the last event */
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
	int64_t each_ms = r->config.tick_ms;
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
	result = event_check(&event, r->config.max_event, false, &fault);
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
configure(struct sse_responder *r)
{
	struct route_config *route = &r->config.service.connections.route;
	char error[sizeof(r->error)];
	int e = responder_config_read(&r->config, &r->given, error,
				      sizeof(error));

	if (e == -EINVAL)
		return fail(r, e, "%s", error);
	if (r->given.on_request) {
		r->permit.on_request = r->given.on_request;
		r->permit.user = r->given.user;
		route->judge = permit_judge;
		route->judge_user = &r->permit;
	}
	return e;
}

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
start(struct sse_responder *r)
{
	const struct listener *const listeners[2] = { &r->listener, NULL };
	int e = loop_new(LOOP_BACKEND_BEST, &r->loop);

	if (e == 0)
		e = service_new(r->loop, &r->config.service, listeners, 0,
				&service_ops, r, &r->service);
	if (e == 0)
		e = begin_epoch(r);
	r->tick.on_due = on_tick;
	if (e == 0 && r->given.on_tick)
		e = loop_timer_set(r->loop, &r->tick, loop_now_ms(r->loop) +
				   r->config.tick_ms);
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
	int e;

	*ret_responder = NULL;
	if (!r)
		return -ENOMEM;
	r->listener.fd = -1;
	if (options)
		r->given = *options;
	e = configure(r);
	if (e == 0)
		e = open_listener(r);
	if (e == 0)
		e = start(r);
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
	responder_config_done(&r->config);
	free(r);
}
