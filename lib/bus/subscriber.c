/* SPDX-License-Identifier: MIT */
/*
 * subscriber: the public face of the follower, for programs without an event
 * loop of their own.
 */
#include "config.h"

#include <sse-fcgi/subscriber.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/bus/follower.h"
#include "lib/bus/message.h"

enum { BUDGET = 1000 };		/* messages between two looks at the clock */

struct sse_subscriber {
	struct follower *follower;	/* owned; NULL: could not be opened */
	struct bus_address bus;
	bool is_plain;
	const struct sse_subscriber_ops *ops;	/* borrowed, as user */
	void *user;
	struct sse_event lent;		/* the event of on_event */
	int hub;			/* told by on_hub; -1: nothing yet */
	bool is_refused;		/* our keys, by the hub; error says why */
	bool refusal_told;		/* by a result of sse_subscriber_poll */
	bool has_called;
	int failure;
	char error[1024];
};

/* --- from the follower -------------------------------------------------- */

static void
on_event(void *user, const struct event *e)
{
	struct sse_subscriber *s = user;

	if (message_fill(&s->lent, e) < 0) {
		snprintf(s->error, sizeof(s->error),
			 "An event was lost for want of memory.");
		s->failure = -ENOMEM;
		return;
	}
	s->has_called = true;
	s->ops->on_event(s->user, &s->lent);
}

static void
on_gap(void *user, const struct follower_gap *g)
{
	struct sse_subscriber *s = user;
	char after[ID_TEXT_MAX + 1], resumed_at[ID_TEXT_MAX + 1];

	/* To begin somewhere is no loss. */
	if (!g->after_known || !s->ops->on_gap)
		return;
	(void)id_format(g->after_epoch, g->after_number, after);
	(void)id_format(g->epoch, g->resumed_at, resumed_at);
	s->has_called = true;
	s->ops->on_gap(s->user, after, resumed_at, g->reason);
}

static void
on_state(void *user, enum follower_state state)
{
	struct sse_subscriber *s = user;
	int hub = state == FOLLOWER_LIVE || state == FOLLOWER_REPAIRING;

	if (s->is_plain || state == FOLLOWER_SEARCHING || hub == s->hub)
		return;
	s->hub = hub;
	if (!s->ops->on_hub)
		return;
	s->has_called = true;
	s->ops->on_hub(s->user, hub);
}

static void
on_refused(void *user, const char *why)
{
	struct sse_subscriber *s = user;

	s->is_refused = why;
	s->refusal_told = false;
	snprintf(s->error, sizeof(s->error), "%s", why ? why : "");
}

static const struct follower_ops follower_ops = {
	.on_event = on_event,
	.on_gap = on_gap,
	.on_state = on_state,
	.on_refused = on_refused,
};

/* --- opening ------------------------------------------------------------ */

static struct sse_subscriber *
make(const struct sse_subscriber_ops *ops, void *user)
{
	struct sse_subscriber *s = calloc(1, sizeof(*s));

	if (s) {
		s->ops = ops;
		s->user = user;
		s->hub = -1;
	}
	return s;
}

/* -ENOMEM leaves nothing; anything else leaves what can tell the error. */
static int
finish(struct sse_subscriber *s, int r, struct sse_subscriber **ret_subscriber)
{
	if (r == -ENOMEM) {
		sse_subscriber_free(s);
		s = NULL;
	}
	*ret_subscriber = s;
	return r;
}

static int
parse_after(struct sse_subscriber *s, const char *after,
	    struct follower_config *config)
{
	config->tail = after ? FOLLOWER_ALL : 0;
	if (!after || strcmp(after, "earliest") == 0)
		return 0;
	if (id_parse(slice_of(after), &config->epoch, &config->number) == 0)
		return 0;
	snprintf(s->error, sizeof(s->error),
		 "\"%.255s\" is not the id of an event of a hub (such as k3v9x0aq-4711), and not \"earliest\".",
		 after);
	return -EINVAL;
}

/* Whether the hub could be reached now; ZeroMQ would keep it for itself. */
static int
explain_absence(struct sse_subscriber *s)
{
	char endpoint[BUS_ENDPOINT_MAX];
	int r = bus_address_probe(&s->bus, BUS_FOLLOW);

	s->error[0] = '\0';
	if (r == 0)
		return 0;
	bus_address_endpoint(&s->bus, BUS_FOLLOW, endpoint);
	if (r == -EACCES || r == -EPERM) {
		snprintf(s->error, sizeof(s->error),
			 "This user may not follow the hub at %.400s: %.400s cannot be connected to. Root can, the user of the hub, and the group that owns its directory.",
			 s->bus.path, endpoint);
		return -EACCES;
	}
	snprintf(s->error, sizeof(s->error),
		 "No hub is at %.400s: %.400s: %s.", s->bus.path, endpoint,
		 strerror(-r));
	return 0;
}

/* Why nothing is heard of a hub that should be there. */
static void
explain_silence(struct sse_subscriber *s)
{
	s->error[0] = '\0';
	if (s->hub == 1 || s->is_plain)
		return;
	(void)explain_absence(s);
	if (s->error[0] == '\0' && s->bus.is_tcp &&
	    !bus_address_curve(&s->bus))
		snprintf(s->error, sizeof(s->error),
			 "What listens at %.400s does not answer. If it is a hub with keys, give --curve-key and --curve-hub, or set $SSE_CURVE_KEY and $SSE_CURVE_HUB.",
			 s->bus.path);
}

static int
check_place(struct sse_subscriber *s)
{
	int r = bus_address_check_directory(&s->bus, s->error,
					    sizeof(s->error));

	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		return 0;	/* explain_absence says more */
	return r;
}

int
sse_subscriber_open(const char *bus, const char *after,
		    const struct sse_subscriber_ops *ops, void *user,
		    struct sse_subscriber **ret_subscriber)
{
	struct sse_subscriber *s = make(ops, user);
	struct follower_config config = { .max_event = LIMIT_EVENT_MOST };
	int r;

	if (!s)
		return finish(NULL, -ENOMEM, ret_subscriber);
	r = bus_address_parse(bus, &s->bus, s->error, sizeof(s->error));
	if (r == 0)
		r = parse_after(s, after, &config);
	if (r == 0)
		r = bus_address_use_environment(&s->bus, s->error,
						sizeof(s->error));
	if (r == 0)
		r = check_place(s);
	if (r == 0) {
		config.bus = s->bus;
		r = follower_open(&config, &follower_ops, s, &s->follower);
	}
	if (r == 0)
		r = explain_absence(s);
	return finish(s, r, ret_subscriber);
}

/* Names the endpoints, since ZeroMQ does not say which of them it refused. */
static void
blame_endpoints(struct sse_subscriber *s, const char *const *endpoints, int r)
{
	size_t len, i;

	snprintf(s->error, sizeof(s->error), "Cannot connect to");
	for (i = 0; endpoints && endpoints[i]; i++) {
		len = strlen(s->error);
		snprintf(s->error + len, sizeof(s->error) - len, "%s %.200s",
			 i > 0 ? " and" : "", endpoints[i]);
	}
	len = strlen(s->error);
	snprintf(s->error + len, sizeof(s->error) - len,
		 "%s: %s. An endpoint looks like tcp://127.0.0.1:5556 or ipc:///run/feed.sock.",
		 i == 0 ? " nothing" : "", strerror(-r));
}

int
sse_subscriber_connect(const char *const *endpoints, const char *const *prefixes,
		       const struct sse_subscriber_ops *ops, void *user,
		       struct sse_subscriber **ret_subscriber)
{
	struct sse_subscriber *s = make(ops, user);
	int r = -EINVAL;

	if (!s)
		return finish(NULL, -ENOMEM, ret_subscriber);
	s->is_plain = true;
	if (endpoints && endpoints[0])
		r = follower_open_plain(endpoints, prefixes, LIMIT_EVENT_MOST,
					&follower_ops, s, &s->follower);
	if (r < 0 && r != -ENOMEM) {
		blame_endpoints(s, endpoints, r);
		r = -EINVAL;
	}
	return finish(s, r, ret_subscriber);
}

void
sse_subscriber_free(struct sse_subscriber *s)
{
	if (!s)
		return;
	follower_free(s->follower);
	message_done(&s->lent);
	free(s);
}

/* --- using it ----------------------------------------------------------- */

static int
sleep_until(const struct sse_subscriber *s, int64_t now_ms, int64_t until_ms)
{
	struct pollfd p[FOLLOWER_FDS];
	int fds[FOLLOWER_FDS], n, i;
	int64_t wait_ms = until_ms - now_ms;

	n = follower_fds(s->follower, fds);
	for (i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	if (wait_ms > 60000)
		wait_ms = 60000;
	if (poll(p, (nfds_t)n, (int)wait_ms) < 0 && errno == EINTR)
		return -EINTR;
	return 0;
}

int
sse_subscriber_poll(struct sse_subscriber *s, int timeout_ms)
{
	int64_t now_ms = clock_mono_ms(), due_ms;
	int64_t end_ms = timeout_ms < 0 ? INT64_MAX : now_ms + timeout_ms;
	int r;

	if (!s->follower)
		return -EINVAL;
	s->has_called = false;
	s->failure = 0;
	for (;;) {
		due_ms = follower_run(s->follower, now_ms, BUDGET);
		if (s->failure < 0)
			return s->failure;
		if (s->is_refused && !s->refusal_told) {
			s->refusal_told = true;
			return -EACCES;
		}
		if (s->has_called || now_ms >= end_ms)
			break;
		if (due_ms > now_ms) {
			r = sleep_until(s, now_ms, due_ms < end_ms ? due_ms :
					end_ms);
			if (r < 0)
				return r;
		}
		now_ms = clock_mono_ms();
	}
	if (s->is_refused)
		return -EACCES;
	explain_silence(s);
	return 0;
}

const char *
sse_subscriber_error(const struct sse_subscriber *s)
{
	return s->error;
}
