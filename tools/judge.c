/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

enum {
	FEW_STREAMS = 6,	/* as many as browsers open with HTTP/1.1 */
	SLOW_MS = 1000,
};

struct judge {
	const struct seen *seen;
	struct findings *out;
};

__attribute__((format(printf, 5, 6))) static void
find(struct judge *j, const char *check, enum verdict verdict,
     enum remedy remedy, const char *format, ...)
{
	struct finding *f = &j->out->list[j->out->count++];
	va_list args;

	f->check = check;
	f->verdict = verdict;
	f->remedy = remedy;
	f->exit_code = verdict == VERDICT_PROBLEM ? EX_PROTOCOL : EX_OK;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

/* Changes the exit code of the finding just made, if it is a problem. */
static void
exits_with(struct judge *j, int code)
{
	struct finding *f = &j->out->list[j->out->count - 1];

	if (f->verdict == VERDICT_PROBLEM)
		f->exit_code = code;
}

static const char *
http_name(int http)
{
	return http >= 30 ? "HTTP/3" : http >= 20 ? "HTTP/2" :
	       http == 10 ? "HTTP/1.0" : "HTTP/1.1";
}

static const char *
or_nothing(const char *text, const char *nothing)
{
	return *text != '\0' ? text : nothing;
}

/* ---- is it there ---- */

static void
judge_reach(struct judge *j)
{
	const struct answer *a = &j->seen->page;

	if (a->asked_ms >= 0) {
		find(j, "reach", VERDICT_OK, REMEDY_NONE,
		     "the web server is %s%s%s",
		     or_nothing(a->server, "there"), a->http > 0 ? ", " : "",
		     a->http > 0 ? http_name(a->http) : "");
		return;
	}
	find(j, "reach", VERDICT_PROBLEM, REMEDY_NONE, "%s: %s",
	     a->end == ANSWER_NO_HOST ? "the name has no address" :
	     a->end == ANSWER_BAD_TLS ? "no TLS connection that a browser "
					"would trust (--insecure goes on "
					"all the same)" :
					"the web server cannot be reached",
	     or_nothing(a->error, "no answer"));
	exits_with(j, EX_UNAVAILABLE);
}

/* A worker says why in plain text; web servers send pages. */
static bool
is_workers_own(const struct answer *a)
{
	return a->status >= 400 && *a->reason != '\0';
}

static enum remedy
remedy_of_status(int status)
{
	switch (status) {
	case 400:
	case 404:
	case 405:
	case 410:
		return REMEDY_MOUNT;
	case 401:
	case 403:
		return REMEDY_RIGHTS;
	default:
		return status >= 500 ? REMEDY_WORKER :
		       status >= 300 && status < 400 ? REMEDY_REDIRECT :
						       REMEDY_NONE;
	}
}

static const char *
meaning_of_status(int status)
{
	switch (status) {
	case 204:
		return "tells a browser to stop";
	case 400:
		return "the worker does not understand the URL";
	case 401:
	case 403:
		return "it refuses whoever reads";
	case 404:
		return "there is no such URL: a wrong path or mount";
	case 429:
		return "it is asked too often";
	case 502:
	case 503:
		return "the web server does not reach the worker";
	case 504:
		return "the web server got nothing from the worker in time";
	default:
		return status >= 500 ? "the web server or the worker failed" :
				       "it is no stream";
	}
}

/* The way there, for a sentence about where it ended. */
static void
describe_redirect(const struct answer *a, char *out, size_t size)
{
	*out = '\0';
	if (a->redirects > 0)
		snprintf(out, size, "a redirect leads to %s, which answers ",
			 a->location);
}

static void
judge_bad_status(struct judge *j, const struct answer *a)
{
	char redirect[260];
	enum remedy remedy = a->redirects > 0	? REMEDY_REDIRECT :
			     is_workers_own(a) ? REMEDY_REFUSED :
						 remedy_of_status(a->status);

	describe_redirect(a, redirect, sizeof(redirect));
	find(j, "status", VERDICT_PROBLEM, remedy,
	     "%s%d: %s%s%s%s. A browser's EventSource ends for good",
	     redirect, a->status,
	     is_workers_own(a) ? "the worker refuses it" :
				 meaning_of_status(a->status),
	     *a->reason != '\0' ? " (\"" : "", a->reason,
	     *a->reason != '\0' ? "\")" : "");
	exits_with(j, a->status == 401 || a->status == 403 ? EX_NOPERM :
		      a->status == 429			   ? EX_TEMPFAIL :
							     EX_UNAVAILABLE);
}

static void
judge_no_header(struct judge *j, const struct answer *a)
{
	bool is_deaf = j->seen->page.status == 0;	/* to HEAD, too */

	if (a->end == ANSWER_DROPPED)
		find(j, "status", VERDICT_PROBLEM,
		     is_deaf ? REMEDY_WORKER : REMEDY_FLUSH,
		     "no header came in %" PRId64 " s: %s",
		     (a->end_ms - a->asked_ms) / 1000,
		     is_deaf ? "the worker is stuck, or the web server waits "
			       "for it" :
			       "the web server keeps the answer back");
	else
		find(j, "status", VERDICT_PROBLEM, REMEDY_WORKER,
		     "the connection ended without an answer: %s",
		     or_nothing(a->error, "it was closed"));
	exits_with(j, EX_UNAVAILABLE);
}

static void
judge_status(struct judge *j)
{
	const struct answer *a = &j->seen->plain;
	char redirect[260];

	describe_redirect(a, redirect, sizeof(redirect));
	if (a->status == 0) {
		judge_no_header(j, a);
	} else if (a->status != 200) {
		judge_bad_status(j, a);
	} else if (!answer_is_stream(a)) {
		find(j, "status", VERDICT_PROBLEM,
		     a->redirects > 0 ? REMEDY_REDIRECT : REMEDY_MOUNT,
		     "%s200, but %s and not text/event-stream. A browser's "
		     "EventSource ends for good", redirect,
		     or_nothing(a->type, "without Content-Type"));
		exits_with(j, EX_UNAVAILABLE);
	} else {
		find(j, "status",
		     a->redirects > 0 ? VERDICT_NOTE : VERDICT_OK,
		     a->redirects > 0 ? REMEDY_REDIRECT : REMEDY_NONE,
		     "%s200, text/event-stream", redirect);
	}
}

/* A probe is answered where a page may be refused. */
static void
judge_page(struct judge *j)
{
	const struct answer *a = &j->seen->page;

	if (!j->seen->plain.has_hello || a->status == 0 || a->status == 405 ||
	    a->status == 501)
		return;
	if (a->status == 200)
		find(j, "page", VERDICT_OK, REMEDY_NONE,
		     "a page that opens this URL gets a stream");
	else if (a->status == 400)
		find(j, "page", VERDICT_NOTE, REMEDY_NONE,
		     "the URL names no topic, or not rightly, so a page that "
		     "opens it is refused; for the mount itself that is right");
	else
		find(j, "page", VERDICT_PROBLEM, remedy_of_status(a->status),
		     "a page that opens this URL is answered %d: %s",
		     a->status, meaning_of_status(a->status));
	exits_with(j, a->status == 401 || a->status == 403 ? EX_NOPERM :
							     EX_UNAVAILABLE);
}

/* ---- what it is like ---- */

static bool
has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; *list != '\0'; list += strcspn(list, ", ")) {
		list += strspn(list, ", ");
		if (strncasecmp(list, word, len) == 0 &&
		    (list[len] == '\0' || strchr(", =", list[len]) != NULL))
			return true;
	}
	return false;
}

static void
judge_headers(struct judge *j)
{
	const struct answer *a = &j->seen->plain;
	bool is_kept = !has_word(a->cache_control, "no-cache") &&
		       !has_word(a->cache_control, "no-store");
	/* nginx takes it for itself and passes it on to nobody. */
	bool lacks_accel = !a->has_accel && j->out->front != REMEDY_NGINX;

	if (is_kept)
		find(j, "headers", VERDICT_PROBLEM, REMEDY_HEADERS,
		     "Cache-Control is \"%s\": a cache may keep the stream and "
		     "hand it to others", a->cache_control);
	else if (!has_word(a->cache_control, "no-transform"))
		find(j, "headers", VERDICT_NOTE, REMEDY_HEADERS,
		     "Cache-Control is \"%s\", without no-transform: a proxy "
		     "may compress the stream, and wait for more",
		     a->cache_control);
	else if (lacks_accel)
		find(j, "headers", VERDICT_NOTE, REMEDY_HEADERS,
		     "X-Accel-Buffering: no is missing, by which an nginx in "
		     "front would know not to hold back");
	else
		find(j, "headers", VERDICT_OK, REMEDY_NONE,
		     "Cache-Control: %s", a->cache_control);
}

static void
describe_pace(const struct answer *a, const struct answer_pace *p, char *out,
	      size_t size)
{
	snprintf(out, size, "%u events that were sent over %" PRId64 " ms came "
		 "in %u %s within %" PRId64 " ms; the first one %" PRId64
		 " ms after the request", p->events, p->sent_ms, p->batches,
		 p->batches == 1 ? "batch" : "batches", p->came_ms,
		 a->marks[0].at_ms - a->asked_ms);
}

static void
judge_pace(struct judge *j, const struct answer_pace *p)
{
	const struct answer *a = &j->seen->plain;
	int64_t first_ms = a->first_ms - a->asked_ms;
	char pace[260];

	describe_pace(a, p, pace, sizeof(pace));
	if (answer_is_held(a))
		find(j, "buffering", VERDICT_PROBLEM, REMEDY_FLUSH,
		     "events are held back: %s%s", pace,
		     a->has_length ? "; there is a Content-Length, so the "
				     "answer was complete before it was sent" :
				     "");
	else if (p->late_ms > SLOW_MS || first_ms > SLOW_MS)
		find(j, "buffering", VERDICT_NOTE, REMEDY_NONE,
		     "each event comes by itself, but slowly: the first byte "
		     "after %" PRId64 " ms, one event %" PRId64 " ms later "
		     "than another", first_ms, p->late_ms);
	else
		find(j, "buffering", VERDICT_OK, REMEDY_NONE,
		     "events come one by one, at most %" PRId64 " ms late; the "
		     "first byte after %" PRId64 " ms", p->late_ms, first_ms);
}

/* No probe: what can be said of any stream. */
static void
judge_any_stream(struct judge *j)
{
	const struct answer *a = &j->seen->plain;
	int64_t waited_ms = a->end_ms - a->asked_ms;

	if (a->end != ANSWER_DROPPED)
		find(j, "buffering", VERDICT_NOTE, REMEDY_NONE,
		     "the stream ended after %" PRId64 " ms; what comes later "
		     "comes when the browser asks again", waited_ms);
	else if (a->pieces > 1)
		find(j, "buffering", VERDICT_OK, REMEDY_NONE,
		     "the stream comes in pieces, the first after %" PRId64
		     " ms; more cannot be told of a stream without probes",
		     a->first_ms - a->asked_ms);
	else if (a->pieces == 1)
		find(j, "buffering", VERDICT_NOTE, REMEDY_IDLE,
		     "something came after %" PRId64 " ms, and nothing more in "
		     "%" PRId64 " s: without heartbeats web servers end a "
		     "stream that is idle", a->first_ms - a->asked_ms,
		     waited_ms / 1000);
	else
		find(j, "buffering", VERDICT_PROBLEM, REMEDY_FLUSH,
		     "a header came, but not a byte of the stream in %" PRId64
		     " s", waited_ms / 1000);
}

/*
 * What a worker, or its supervisor, answers when it cannot serve now. An answer
 * that only ends soon, as those of sse-cgi may, says where it is.
 */
static bool
is_later(const struct answer *a)
{
	return a->end != ANSWER_DROPPED && a->end != ANSWER_PENDING &&
	       a->events == 0 && !a->has_id && a->pieces <= 2;
}

static void
judge_later(struct judge *j)
{
	const struct answer *a = &j->seen->plain;

	find(j, "ready", VERDICT_PROBLEM, REMEDY_READY,
	     "the stream ended after %" PRId64 " ms without an event: the "
	     "browser shall come back later", a->end_ms - a->asked_ms);
	exits_with(j, EX_UNAVAILABLE);
}

static void
judge_buffering(struct judge *j)
{
	const struct answer *a = &j->seen->plain;
	struct answer_pace pace;

	if (!a->has_hello)
		judge_any_stream(j);
	else if (answer_pace(a, &pace))
		judge_pace(j, &pace);
	else
		find(j, "buffering", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "the probe broke off after %u events", a->mark_count);
}

static void
judge_whole(struct judge *j)
{
	const struct answer *a = &j->seen->plain;

	if (!a->has_hello || a->has_last)
		return;
	find(j, "cut", VERDICT_PROBLEM, REMEDY_IDLE,
	     "the probe was cut %" PRId64 " ms after the request, %" PRId64
	     " ms after something last came: by a limit of the web server, or "
	     "the worker ended", a->end_ms - a->asked_ms,
	     a->end_ms - a->recent_ms);
}

static void
judge_compression(struct judge *j)
{
	const struct answer *a = &j->seen->packed;
	struct answer_pace pace;
	char text[260];

	if (answer_is_held(&j->seen->plain)) {
		find(j, "compression", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "events are held back without it");
	} else if (!answer_is_stream(a)) {
		find(j, "compression", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "a reader that accepts compression got no stream (%d)",
		     a->status);
	} else if (*a->encoding == '\0' ||
		   strcasecmp(a->encoding, "identity") == 0) {
		find(j, "compression", VERDICT_OK, REMEDY_NONE,
		     "the stream is not compressed");
	} else if (answer_is_held(a) && answer_pace(a, &pace)) {
		describe_pace(a, &pace, text, sizeof(text));
		find(j, "compression", VERDICT_PROBLEM, REMEDY_COMPRESSION,
		     "%s holds events back: %s", a->encoding, text);
	} else if (a->has_hello) {
		find(j, "compression", VERDICT_NOTE, REMEDY_NONE,
		     "%s, and each event leaves at once; it costs the web "
		     "server memory for each stream", a->encoding);
	} else {
		find(j, "compression",
		     j->seen->plain.has_hello ? VERDICT_PROBLEM :
						VERDICT_NOT_CHECKED,
		     REMEDY_COMPRESSION,
		     "%s; what was sent could not be read before the stream "
		     "ended", a->encoding);
	}
}

static void
judge_resume(struct judge *j)
{
	const char *got = j->seen->plain.hello.last_id;

	if (strcmp(got, "sse-doctor") == 0)
		find(j, "resume", VERDICT_OK, REMEDY_NONE,
		     "Last-Event-ID reaches the worker");
	else
		find(j, "resume", VERDICT_PROBLEM, REMEDY_RESUME,
		     "Last-Event-ID does not reach the worker, so whoever "
		     "comes back misses what was sent meanwhile");
}

static void
judge_hub(struct judge *j)
{
	const struct told_hello *h = &j->seen->plain.hello;
	const struct seen_reach *r = &j->seen->reach;

	if (strcmp(h->hub, "away") != 0) {
		find(j, "hub", VERDICT_OK, REMEDY_NONE, "%s",
		     strcmp(h->hub, "none") == 0 ?
			 "the worker follows plain sockets, without a hub" :
			 "the worker follows its hub");
		return;
	}
	find(j, "hub", VERDICT_PROBLEM, REMEDY_HUB,
	     "the worker does not reach its hub: nothing that is published "
	     "comes%s%s", *r->hub_error != '\0' ? ". From here: " : "",
	     r->hub_error);
	exits_with(j, EX_UNAVAILABLE);
}

/* ---- several at a time, and those that leave ---- */

static void
judge_streams(struct judge *j)
{
	const struct seen *s = j->seen;

	if (s->plain.http < 20)
		find(j, "http2", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "the site speaks %s here, with which a browser opens six "
		     "connections at most; more streams than that wait",
		     http_name(s->plain.http));
	else if (s->streams_asked == 0)
		find(j, "http2", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "events are held back");
	else if (s->streams_served >= s->streams_asked)
		find(j, "http2", VERDICT_OK, REMEDY_NONE,
		     "%u streams of one connection are served at a time, or "
		     "more", s->streams_served);
	else
		find(j, "http2",
		     s->streams_served < FEW_STREAMS ? VERDICT_PROBLEM :
						       VERDICT_NOTE,
		     REMEDY_HTTP2,
		     "of %u streams on one connection only %u are served at a "
		     "time; what a browser asks for beyond them, pages too, "
		     "waits", s->streams_asked, s->streams_served);
}

static void
judge_noticed(struct judge *j)
{
	const struct seen *s = j->seen;
	int64_t beat_ms = s->plain.hello.heartbeat_ms;

	if (s->gone_beats == 0)
		find(j, "gone", VERDICT_OK, REMEDY_NONE,
		     "a browser that leaves is noticed at once, after %" PRId64
		     " ms", s->gone_ms);
	else
		find(j, "gone", VERDICT_NOTE, REMEDY_GONE,
		     "a browser that leaves is noticed when it is written to, "
		     "by heartbeat %" PRId64 ": with one each %" PRId64
		     " ms up to %" PRId64 " s later", s->gone_beats, beat_ms,
		     (s->gone_beats * beat_ms + 999) / 1000);
}

static void
judge_gone(struct judge *j)
{
	const struct seen *s = j->seen;

	switch (s->gone) {
	case SEEN_GONE_NOTICED:
		judge_noticed(j);
		return;
	case SEEN_GONE_NOT_NOTICED:
		find(j, "gone", VERDICT_PROBLEM, REMEDY_GONE,
		     "a browser that has left is not noticed, though it was "
		     "written to for seconds: streams of people who are long "
		     "gone pile up");
		return;
	case SEEN_GONE_NOT_TOLD:
		find(j, "gone", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "the worker that had the probe could not be asked; try "
		     "again");
		return;
	default:
		find(j, "gone", VERDICT_NOT_CHECKED, REMEDY_NONE, "%s",
		     answer_is_held(&s->plain) ? "events are held back" :
						 "a second probe got no "
						 "answer");
	}
}

/* ---- silence ---- */

static int64_t
lived_ms(const struct answer *a)
{
	return a->end_ms - a->asked_ms;
}

static bool
is_cut(const struct answer *a)
{
	return a->has_hello && !a->has_last;
}

static void
judge_idle(struct judge *j)
{
	const struct answer *silent = &j->seen->silent;
	const struct answer *beating = &j->seen->beating;
	int64_t beat_ms = j->seen->plain.hello.heartbeat_ms;

	if (j->seen->long_ms == 0)
		find(j, "idle", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "give --long to wait for it");
	else if (!silent->has_hello || !beating->has_hello)
		find(j, "idle", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "a probe got no answer");
	else if (is_cut(silent) && lived_ms(silent) < beat_ms)
		find(j, "idle", VERDICT_PROBLEM, REMEDY_IDLE,
		     "a stream is cut after %" PRId64 " ms of silence, before "
		     "the heartbeat of %" PRId64 " ms comes",
		     lived_ms(silent), beat_ms);
	else if (is_cut(beating))
		find(j, "idle", VERDICT_PROBLEM, REMEDY_IDLE,
		     "a stream is cut after %" PRId64 " ms, in spite of a "
		     "heartbeat each %" PRId64 " ms", lived_ms(beating),
		     beat_ms);
	else if (is_cut(silent))
		find(j, "idle", VERDICT_OK, REMEDY_NONE,
		     "silence is cut after %" PRId64 " ms, but a heartbeat "
		     "each %" PRId64 " ms keeps a stream alive",
		     lived_ms(silent), beat_ms);
	else
		find(j, "idle", VERDICT_OK, REMEDY_NONE,
		     "%" PRId64 " ms of silence are not cut",
		     j->seen->long_ms);
}

/* ---- other sites, and this machine ---- */

static void
judge_cors(struct judge *j)
{
	const char *allowed = j->seen->plain.allow_origin;

	if (j->seen->origin == NULL)
		return;
	if (strcmp(allowed, "*") == 0 || strcmp(allowed, j->seen->origin) == 0)
		find(j, "cors", VERDICT_OK, REMEDY_NONE,
		     "pages of %s may read", j->seen->origin);
	else
		find(j, "cors", VERDICT_PROBLEM, REMEDY_CORS,
		     "pages of %s may not read: Access-Control-Allow-Origin "
		     "is \"%s\"", j->seen->origin, allowed);
}

static void
judge_state_of_socket(struct judge *j, const char *what, int code)
{
	find(j, "socket", VERDICT_PROBLEM,
	     code == EX_NOPERM ? REMEDY_SOCKET : REMEDY_WORKER, "%s %s",
	     j->seen->reach.path, what);
	exits_with(j, code);
}

static void
judge_permission(struct judge *j)
{
	const struct seen_reach *r = &j->seen->reach;

	if (r->user_is_out) {
		find(j, "socket", VERDICT_PROBLEM, REMEDY_SOCKET,
		     "%s cannot connect to %s: %s keeps it out", r->user,
		     r->path, r->barrier);
		exits_with(j, EX_NOPERM);
	} else if (*r->user != '\0') {
		find(j, "socket", VERDICT_OK, REMEDY_NONE,
		     "%s can connect to %s", r->user, r->path);
	} else if (r->socket == SEEN_SOCKET_OPEN) {
		find(j, "socket", VERDICT_OK, REMEDY_NONE,
		     "somebody listens at %s", r->path);
	} else {
		find(j, "socket", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "we may not look at %s", r->path);
	}
}

static void
judge_socket(struct judge *j)
{
	const struct seen_reach *r = &j->seen->reach;
	const struct answer *page = &j->seen->page;

	switch (r->socket) {
	case SEEN_SOCKET_NOT_TRIED:
		if (page->asked_ms >= 0)
			find(j, "socket", VERDICT_NOT_CHECKED, REMEDY_NONE,
			     "%s", page->is_local ?
				 "none is at the usual places; --socket names "
				 "it" :
				 "the web server is not on this machine");
		return;
	case SEEN_SOCKET_NONE:
		judge_state_of_socket(j, "does not exist: sse-fcgi does not "
				      "run, or listens elsewhere",
				      EX_UNAVAILABLE);
		return;
	case SEEN_SOCKET_NO_SOCKET:
		judge_state_of_socket(j, "is no socket", EX_UNAVAILABLE);
		return;
	case SEEN_SOCKET_CLOSED:
		judge_state_of_socket(j, "has nobody who listens: sse-fcgi "
				      "does not run", EX_UNAVAILABLE);
		return;
	case SEEN_SOCKET_HIDDEN:
	case SEEN_SOCKET_FORBIDDEN:
	case SEEN_SOCKET_OPEN:
		break;
	}
	judge_permission(j);
}

/* ---- all of it ---- */

static void
judge_stream(struct judge *j)
{
	bool is_probed = j->seen->plain.has_hello;

	judge_headers(j);
	if (is_later(&j->seen->plain)) {
		judge_later(j);
		return;
	}
	judge_buffering(j);
	judge_whole(j);
	judge_compression(j);
	if (is_probed) {
		judge_resume(j);
		judge_hub(j);
	}
	judge_streams(j);
	if (is_probed) {
		judge_gone(j);
		judge_idle(j);
	} else {
		find(j, "probes", VERDICT_NOT_CHECKED, REMEDY_NONE,
		     "this stream answers no probes, so delays, resume, the "
		     "hub, readers that leave and silence were not looked at "
		     "(sse-fcgi --probe on)");
	}
	judge_cors(j);
}

void
judge(const struct seen *s, struct findings *ret_findings)
{
	struct judge j = { s, ret_findings };

	memset(ret_findings, 0, sizeof(*ret_findings));
	ret_findings->front = remedy_server_of(*s->plain.server != '\0' ?
					       s->plain.server :
					       s->page.server);
	ret_findings->back = remedy_server_of(s->plain.hello.software);
	judge_reach(&j);
	if (s->page.asked_ms >= 0) {
		judge_status(&j);
		judge_page(&j);
	}
	if (answer_is_stream(&s->plain))
		judge_stream(&j);
	judge_socket(&j);
}

unsigned
findings_problems(const struct findings *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count; i++)
		n += f->list[i].verdict == VERDICT_PROBLEM;
	return n;
}

int
findings_exit_code(const struct findings *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->list[i].verdict == VERDICT_PROBLEM)
			return f->list[i].exit_code;
	return EX_OK;
}
