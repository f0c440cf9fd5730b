/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/visit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cgi/answer.h"
#include "cgi/complain.h"
#include "cgi/gateway.h"
#include "cgi/reach.h"
#include "cgi/relay.h"
#include "cgi/slots.h"
#include "lib/base/clock.h"

extern char **environ;

enum {
	/* for a worker to be there and to answer: a start takes a fraction */
	PATIENCE_MS = 15000,
	/* the worker ended before it answered; another one may be there */
	TRIES = 50,
	NAP_MS = 20,
};

/* SSE_POLL: who gets no stream comes back after that; see VISIT_LATER_MS. */
static const char poll_time[] = "5s";

static const char see_log[] =
    "The event stream is not set up; the web server's error log says why.";

int64_t
visit_deadline_ms(void)
{
	return clock_mono_ms() + PATIENCE_MS;
}

struct visit {
	struct gateway gateway;
	struct answer answer;
	struct reach reach;
	int64_t deadline_ms;
	bool is_read_only;	/* GET, HEAD: may be tried again */
};

static int
print(struct buf *out, int r)
{
	if (r == 0)
		(void)relay_write(STDOUT_FILENO, buf_slice(out));
	buf_done(out);
	return r == 0 ? EX_OK : EX_OSERR;
}

static int
refuse(const struct visit *v, const char *status, const char *text)
{
	struct buf out = { NULL, 0, 0 };

	return print(&out, answer_status(&v->answer, status, text, &out));
}

/* It may be well again soon. A browser gives up for good on any status but
 * 200; who sends something must not take it for done. */
static int
put_off(const struct visit *v)
{
	struct buf out = { NULL, 0, 0 };

	if (!v->is_read_only)
		return refuse(v, "503 Service Unavailable", VISIT_AWAY);
	return print(&out, answer_later(&v->answer, VISIT_LATER_MS, &out));
}

static int
fail(const struct visit *v, int error, const char *why)
{
	complain("%s", why);
	if (reach_may_pass(error))
		return put_off(v);
	return refuse(v, "500 Internal Server Error", see_log);
}

/* NULL, or the time after which this request's browser comes back. */
static const char *
poll_of(const struct visit *v)
{
	const struct settings *s = v->reach.settings;

	if (strcmp(v->gateway.method, "GET") != 0 || !v->reach.home.path[0])
		return NULL;
	if (reach_is_fleeting(&v->reach))
		return poll_time;
	return slots_take(&v->reach.home, s->streams) ? NULL : poll_time;
}

/* One try: a relay_result or -errno, said. */
static int
try_worker(struct visit *v, struct relay *relay)
{
	char why[600];
	int r;

	relay->worker = reach_worker(&v->reach, v->deadline_ms, why,
				     sizeof(why));
	if (relay->worker < 0)
		return fail(v, relay->worker, why) == EX_OK ? RELAY_DONE :
							      RELAY_GONE;
	r = relay_run(relay);
	close(relay->worker);
	return r;
}

static int
begin(const char *poll_after, struct relay *relay)
{
	answer_restart(relay->answer);
	relay_done(relay);
	return gateway_begin(environ, poll_after, &relay->up);
}

/* After a moment, in which another worker can come. */
static bool
may_try_again(const struct visit *v, const struct relay *relay)
{
	return v->is_read_only && !relay->has_read &&
	       clock_mono_ms() < v->deadline_ms && poll(NULL, 0, NAP_MS) == 0;
}

static int
serve(struct visit *v)
{
	const char *poll_after = poll_of(v);
	struct relay relay = {
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.answer = &v->answer,
		.body = v->gateway.body,
	};
	int r = RELAY_UNANSWERED;

	/* One that was ending has answered nothing: the next one will. */
	for (int i = 0; i < TRIES && r == RELAY_UNANSWERED; i++) {
		if (i > 0 && !may_try_again(v, &relay))
			break;
		r = begin(poll_after, &relay);
		if (r == 0)
			r = try_worker(v, &relay);
	}
	relay_done(&relay);
	reach_done(&v->reach);
	if (r == -E2BIG)
		return refuse(v, "431 Request Header Fields Too Large",
			      "The request's header is too long.");
	if (r == RELAY_UNANSWERED)
		return fail(v, -EAGAIN, "The worker ends without an answer.");
	if (r >= 0)
		return EX_OK;
	complain("The answer broke off: %s.", strerror(-r));
	return v->answer.has_head ? EX_OSERR :
				    refuse(v, "502 Bad Gateway", see_log);
}

int
visit_run(const struct settings *settings, const char *fault)
{
	struct visit v = {
		.reach = { .settings = settings },
		.deadline_ms = visit_deadline_ms(),
	};
	bool is_bad = gateway_read(environ, &v.gateway) < 0;
	char why[1024];
	int r;

	v.answer.is_nph = v.gateway.is_nph;
	v.answer.origin = getenv("HTTP_ORIGIN");
	v.answer.no_body = strcmp(v.gateway.method, "HEAD") == 0;
	v.is_read_only = v.answer.no_body ||
			 strcmp(v.gateway.method, "GET") == 0;
	if (is_bad)
		return refuse(&v, "400 Bad Request",
			      "The request's Content-Length is no number.");
	r = fault ? -EINVAL : reach_find(&v.reach, why, sizeof(why));
	if (r < 0)
		return fail(&v, r, fault ? fault : why);
	r = serve(&v);
	answer_done(&v.answer);
	return r;
}

