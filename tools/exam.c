/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/exam.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tools/duration.h"
#include "tools/fetch.h"

enum {
	HEAD_MS = 10000,	/* for the first answer of all */
	/* What the first probes are like: long enough that a slow machine does
	 * not look like a web server that holds back. */
	PROBE_EVENTS = 15, PROBE_EVERY_MS = 120, PROBE_IDLE_MS = 500,
	PROBE_MS = PROBE_EVENTS * PROBE_EVERY_MS + PROBE_IDLE_MS,
	LATE_MS = 6000,		/* after its end, a held one comes or never will */
	BUSY_MOST_S = 10,	/* how long a Retry-After is waited for */
	STREAMS_MS = 10000,	/* for streams to begin beside others, and ... */
	STALL_MS = 2000,	/* ... when no more of them do */
	GONE_BEAT_MS = 1000,
	GONE_BEATS = 6,
	ASK_MS = 3000,
	CUT_MS = 10000,		/* web servers tell of a cut some time later */
};

static struct fetch_request
request_of(const struct seen *s)
{
	return (struct fetch_request){
		.url = s->url,
		.origin = s->origin,
		.headers = s->headers,
		.is_insecure = s->is_insecure,
	};
}

/* One request, to its end or until that long has passed. */
static int
fetch_one(const struct fetch_request *r, struct answer *a, int64_t most_ms)
{
	struct fetch *f;
	int e = fetch_new(false, &f);

	if (e < 0)
		return e;
	e = fetch_add(f, r, a);
	if (e == 0 && fetch_run(f, duration_now() + most_ms, NULL, NULL) > 0)
		fetch_drop(f, a);
	fetch_free(f);
	return e;
}

static int
look_at_page(struct seen *s)
{
	struct fetch_request r = request_of(s);

	r.is_head = true;
	return fetch_one(&r, &s->page, HEAD_MS);
}

/* ---- the first probes ---- */

static bool
is_silent(const struct answer *a)
{
	return a->end == ANSWER_PENDING && !a->has_hello;
}

/*
 * It is no probe: a hello comes first of all. But one that is held back may
 * still come, with all the others.
 */
static bool
is_plain_enough(void *user)
{
	const struct seen *s = user;
	const struct answer *a = &s->plain;
	int64_t since_ms = duration_now() - a->asked_ms;

	return a->asked_ms >= 0 && is_silent(a) && is_silent(&s->packed) &&
	       since_ms > PROBE_MS + (a->pieces > 0 ? 0 : LATE_MS);
}

/* Some of it came, and some later: what else comes tells no more. */
static bool
is_stream_enough(void *user)
{
	const struct seen *s = user;

	return s->plain.has_hello || s->plain.pieces > 1;
}

static int
probe_plain(struct seen *s)
{
	struct fetch_request plain = request_of(s), packed = plain;
	int64_t until_ms = duration_now() + HEAD_MS + PROBE_MS + LATE_MS;
	struct fetch *f;
	char query[80];
	int e = fetch_new(false, &f);

	if (e < 0)
		return e;
	snprintf(query, sizeof(query), "probe=%d&every=%dms&idle=%dms",
		 PROBE_EVENTS, PROBE_EVERY_MS, PROBE_IDLE_MS);
	plain.query = packed.query = query;
	plain.last_id = "sse-doctor";
	packed.takes_packed = true;
	e = fetch_add(f, &plain, &s->plain);
	if (e == 0)
		e = fetch_add(f, &packed, &s->packed);
	if (e == 0) {
		fetch_run(f, until_ms, is_plain_enough, s);
		if (is_silent(&s->plain) && s->plain.pieces < 2)
			fetch_run(f, duration_now() + s->wait_ms,
				  is_stream_enough, s);
		if (s->plain.end == ANSWER_PENDING)
			fetch_drop(f, &s->plain);
		if (s->packed.end == ANSWER_PENDING)
			fetch_drop(f, &s->packed);
	}
	fetch_free(f);
	return e;
}

/* All probes of the worker may be taken; that passes. */
static int
probe_again(struct seen *s)
{
	int wait_s = atoi(s->plain.retry_after);

	if (s->plain.status != 429 || wait_s < 1 || wait_s > BUSY_MOST_S)
		return 0;
	answer_done(&s->plain);
	answer_done(&s->packed);
	sleep((unsigned)wait_s);
	return probe_plain(s);
}

/* ---- several streams of one browser ---- */

struct crowd {
	struct answer answers[SEEN_STREAMS];
	unsigned served;
	int64_t progress_ms;	/* when another one began */
};

static bool
is_crowd_served(void *user)
{
	struct crowd *c = user;
	unsigned n = 0;

	for (unsigned i = 0; i < SEEN_STREAMS; i++)
		n += c->answers[i].first_ms >= 0 &&
		     answer_is_stream(&c->answers[i]);
	if (n > c->served || n == 0)
		c->progress_ms = duration_now();
	c->served = n;
	return n == SEEN_STREAMS || duration_now() - c->progress_ms > STALL_MS;
}

static int
ask_crowd(struct seen *s, struct crowd *c, struct fetch *f)
{
	struct fetch_request r = request_of(s);
	int e = 0;

	r.query = "probe=1&idle=20s";
	for (unsigned i = 0; e == 0 && i < SEEN_STREAMS; i++)
		e = fetch_add(f, &r, &c->answers[i]);
	if (e < 0)
		return e;
	fetch_run(f, duration_now() + STREAMS_MS, is_crowd_served, c);
	s->streams_asked = SEEN_STREAMS;
	s->streams_served = c->served;
	return 0;
}

static int
count_streams(struct seen *s)
{
	struct crowd *c;
	struct fetch *f;
	int e = -ENOMEM;

	if (s->plain.http < 20)
		return 0;
	c = calloc(1, sizeof(*c));
	if (c != NULL)
		e = fetch_new(true, &f);
	if (e == 0) {
		e = ask_crowd(s, c, f);
		fetch_free(f);
	}
	for (unsigned i = 0; c != NULL && i < SEEN_STREAMS; i++)
		answer_done(&c->answers[i]);
	free(c);
	return e;
}

/* ---- a browser that leaves ---- */

/* Both first events came: what is unread would make a reset of our leave. */
static bool
is_quiet(void *user)
{
	return ((const struct answer *)user)->mark_count >= 2;
}

/* Begins a probe and leaves it. */
static int
drop_one(struct seen *s, const char *key, struct answer *a)
{
	struct fetch_request r = request_of(s);
	struct fetch *f;
	char query[100];
	int e = fetch_new(false, &f);

	if (e < 0)
		return e;
	snprintf(query, sizeof(query),
		 "probe=1&every=20ms&idle=1m&beat=%dms&key=%s", GONE_BEAT_MS,
		 key);
	r.query = query;
	e = fetch_add(f, &r, a);
	if (e == 0) {
		fetch_run(f, duration_now() + ASK_MS, is_quiet, a);
		fetch_drop(f, a);
	}
	fetch_free(f);
	return e;
}

/* Asks once what became of it. True: there is no more to ask. */
static bool
ask_about(struct seen *s, const char *key, const struct answer *dropped)
{
	struct fetch_request r = request_of(s);
	struct answer a;
	char query[80];
	int e;

	snprintf(query, sizeof(query), "probe=0&about=%s", key);
	r.query = query;
	e = fetch_one(&r, &a, ASK_MS);
	if (e == 0 && a.has_hello &&
	    strcmp(a.hello.worker, dropped->hello.worker) == 0) {
		s->gone = SEEN_GONE_NOT_NOTICED;
		if (strcmp(a.hello.about, "gone") == 0) {
			s->gone = SEEN_GONE_NOTICED;
			s->gone_ms = a.marks[0].at_ms - dropped->end_ms -
				     a.hello.about_ago_ms;
			s->gone_beats = a.hello.about_beats;
		}
	}
	answer_done(&a);
	return e < 0 || s->gone == SEEN_GONE_NOTICED;
}

static int
watch_one_leave(struct seen *s)
{
	struct answer dropped;
	int64_t until_ms;
	char key[33];
	int e;

	snprintf(key, sizeof(key), "d%ldx%" PRId64, (long)getpid(),
		 duration_now());
	e = drop_one(s, key, &dropped);
	s->gone = dropped.has_hello ? SEEN_GONE_NOT_TOLD :
				      SEEN_GONE_NOT_DROPPED;
	until_ms = duration_now() + GONE_BEATS * GONE_BEAT_MS;
	while (e == 0 && dropped.has_hello && !ask_about(s, key, &dropped) &&
	       duration_now() < until_ms)
		usleep(GONE_BEAT_MS / 4 * 1000);
	answer_done(&dropped);
	return e;
}

/* ---- silence ---- */

static int64_t
clip(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static int
keep_silent(struct seen *s)
{
	struct fetch_request silent = request_of(s), beating = silent;
	char silent_query[80], beating_query[120];
	int64_t beat_ms = clip(s->plain.hello.heartbeat_ms, 100, 60000);
	struct fetch *f;
	int e;

	if (s->long_ms == 0)
		return 0;
	e = fetch_new(false, &f);
	if (e < 0)
		return e;
	snprintf(silent_query, sizeof(silent_query),
		 "probe=1&every=20ms&idle=%" PRId64 "ms", s->long_ms);
	snprintf(beating_query, sizeof(beating_query), "%s&beat=%" PRId64 "ms",
		 silent_query, beat_ms);
	silent.query = silent_query;
	beating.query = beating_query;
	e = fetch_add(f, &silent, &s->silent);
	if (e == 0)
		e = fetch_add(f, &beating, &s->beating);
	if (e == 0) {
		fetch_run(f, duration_now() + s->long_ms + CUT_MS, NULL, NULL);
		if (s->silent.end == ANSWER_PENDING)
			fetch_drop(f, &s->silent);
		if (s->beating.end == ANSWER_PENDING)
			fetch_drop(f, &s->beating);
	}
	fetch_free(f);
	return e;
}

/* ---- all of it ---- */

static bool
is_there(const struct answer *page)
{
	return page->asked_ms >= 0;
}

int
exam_run(struct seen *s)
{
	int e = look_at_page(s);

	if (e < 0 || !is_there(&s->page))
		return e;
	e = probe_plain(s);
	if (e == 0)
		e = probe_again(s);
	if (e < 0 || !answer_is_stream(&s->plain))
		return e;
	if (answer_is_held(&s->plain))
		return 0;	/* what follows would have to wait for ever */
	e = count_streams(s);
	if (e < 0 || !s->plain.has_hello)
		return e;
	e = watch_one_leave(s);
	return e == 0 ? keep_silent(s) : e;
}

void
exam_done(struct seen *s)
{
	answer_done(&s->page);
	answer_done(&s->plain);
	answer_done(&s->packed);
	answer_done(&s->silent);
	answer_done(&s->beating);
}
