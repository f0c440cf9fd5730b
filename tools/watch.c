/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <sse-fcgi/publisher.h>
#include <sse-fcgi/subscriber.h>

#include "tools/complain.h"
#include "tools/duration.h"

/* How long a hub may be looked for before that is worth a sentence. */
enum { WATCH_PATIENCE_MS = 1000 };

struct watch {
	const struct watch_options *o;	/* borrowed */
	struct show *show;		/* borrowed */
	char bus[1024];
	bool was_there;		/* a hub was found at some time */
	bool is_missed;		/* its absence was told */
};

static bool
matches(const struct watch *w, const char *topic)
{
	const char *const *selector = w->o->selectors;

	if (*selector == NULL)
		return sse_topic_matches("*", topic) > 0;
	for (; *selector != NULL; selector++) {
		if (sse_topic_matches(*selector, topic) > 0)
			return true;
	}
	return false;
}

static bool
is_wanted(const struct watch *w, const struct shown *s)
{
	if (matches(w, s->topic.p))
		return true;
	for (size_t i = 0; i < s->also_count; i++)
		if (matches(w, s->also[i].p))
			return true;
	return false;
}

static void
on_event(void *user, const struct sse_event *e)
{
	struct watch *w = user;
	struct shown s = { .time_ms = sse_event_time(e) };

	s.topic.p = sse_event_topic(e, &s.topic.len);
	while (s.also_count < SHOWN_ALSO_MAX) {
		struct shown_text *also = &s.also[s.also_count];

		also->p = sse_event_also(e, s.also_count, &also->len);
		if (also->p == NULL)
			break;
		s.also_count++;
	}
	if (!is_wanted(w, &s))
		return;
	s.event.p = sse_event_name(e, &s.event.len);
	s.id.p = sse_event_id(e, &s.id.len);
	s.data.p = sse_event_data(e, &s.data.len);
	(void)show_event(w->show, &s);
}

static void
on_gap(void *user, const char *after, const char *resumed_at, const char *reason)
{
	(void)user;
	complain("events are gone (%s): those after %s up to %s", reason,
		 after != NULL ? after : "the beginning", resumed_at);
}

static void
on_hub(void *user, int is_there)
{
	struct watch *w = user;

	if (is_there && w->is_missed)
		complain("the hub at %s is there", w->bus);
	else if (!is_there && w->was_there)
		complain("the hub at %s is silent; waiting for it", w->bus);
	w->is_missed = !is_there;
	w->was_there = w->was_there || is_there;
}

/* Once, when the first look for a hub takes long. */
static void
tell_absence(struct watch *w, const struct sse_subscriber *s)
{
	const char *why = sse_subscriber_error(s);

	w->is_missed = true;
	complain("no hub at %s yet; waiting for it%s%s", w->bus,
		 *why != '\0' ? ": " : "", why);
}

/* What a plain socket needs to send at all: the text before any wildcard. */
static int
make_prefixes(const char *const *selectors, char ***ret_prefixes)
{
	size_t count = 0, i;
	char **prefixes;

	while (selectors[count] != NULL)
		count++;
	prefixes = calloc(count + 1, sizeof(*prefixes));
	for (i = 0; prefixes != NULL && i < count; i++) {
		prefixes[i] = strndup(selectors[i],
				      strcspn(selectors[i], "*{"));
		if (prefixes[i] == NULL)
			return -ENOMEM;
	}
	*ret_prefixes = prefixes;
	return prefixes != NULL ? 0 : -ENOMEM;
}

static int
open_subscriber(struct watch *w, struct sse_subscriber **ret_subscriber)
{
	static const struct sse_subscriber_ops ops = {
		.on_event = on_event,
		.on_gap = on_gap,
		.on_hub = on_hub,
	};
	char **prefixes = NULL;
	size_t i;
	int r;

	if (*w->o->endpoints == NULL)
		return sse_subscriber_open(w->o->bus, w->o->after, &ops, w,
					   ret_subscriber);
	w->was_there = w->is_missed = true;	/* nobody tells of a hub */
	r = make_prefixes(w->o->selectors, &prefixes);
	if (r == 0)
		r = sse_subscriber_connect(w->o->endpoints,
					   (const char *const *)prefixes, &ops,
					   w, ret_subscriber);
	for (i = 0; prefixes != NULL && prefixes[i] != NULL; i++)
		free(prefixes[i]);
	free(prefixes);
	return r;
}

/* How long to sleep at most; 0: the time is over. */
static int
time_left(const struct watch *w, int64_t patience_ends)
{
	int64_t now = duration_now(), until = w->o->until_ms;

	if (!w->was_there && !w->is_missed &&
	    (until < 0 || patience_ends < until))
		until = patience_ends > now ? patience_ends : now + 1;
	if (until < 0)
		return -1;
	return until > now ? (int)(until - now) : 0;
}

static int
follow(struct watch *w, struct sse_subscriber *s)
{
	int64_t patience_ends = duration_now() + WATCH_PATIENCE_MS;
	bool is_over = false;
	int code = EX_OK, left, r;

	while (!is_over && w->show->left > 0) {
		left = time_left(w, patience_ends);
		if (left == 0)
			break;
		r = sse_subscriber_poll(s, left);
		code = show_flush(&is_over);
		if (r == -EACCES && !is_over) {
			complain("%s", sse_subscriber_error(s));
			return EX_NOPERM;
		}
		if (!w->was_there && !w->is_missed &&
		    duration_now() >= patience_ends)
			tell_absence(w, s);
	}
	if (is_over || w->show->left == 0)
		return code;
	if (!w->was_there) {
		complain("no hub was reached at %s", w->bus);
		return EX_UNAVAILABLE;
	}
	if (w->show->left == UINT64_MAX)
		return EX_OK;
	complain("the time is over before the last events came; missing: %" PRIu64,
		 w->show->left);
	return EX_TEMPFAIL;
}

int
watch_run(const struct watch_options *o, struct show *show)
{
	struct watch w = { .o = o, .show = show };
	struct sse_subscriber *s = NULL;
	int r, code;

	if (o->bus != NULL)
		snprintf(w.bus, sizeof(w.bus), "%s", o->bus);
	else
		(void)sse_bus_default(w.bus, sizeof(w.bus));
	r = open_subscriber(&w, &s);
	if (r < 0) {
		const char *why = s != NULL ? sse_subscriber_error(s) : "";

		complain("%s", *why != '\0' ? why : strerror(-r));
		code = r == -ENOMEM ? EX_OSERR
				    : r == -EPERM || r == -EACCES ? EX_NOPERM
							      : EX_USAGE;
	} else {
		code = follow(&w, s);
	}
	sse_subscriber_free(s);
	return code;
}
