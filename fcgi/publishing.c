/* SPDX-License-Identifier: MIT */
#include "fcgi/publishing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/list.h"
#include "lib/bus/message.h"
#include "lib/bus/publisher.h"
#include "lib/sse/encode.h"

enum {
	FDS = 2,
	/* publisher.h asks for a call this often while events wait */
	LOOK_MS = 250,
	/* ... and while it has nothing to be woken by */
	BLIND_MS = 20,
	COMPLAIN_MS = 10000,
	/* the hub has no room: a store that makes some does so within this */
	FULL_MS = 500,
	REASON_MAX = 320,
};

/*
 * A publication on its way. Its events have the cookies base, base + 1, ...
 * After its answer it stays until the hub has said all that it can still say
 * about what was sent; on_done is NULL then.
 */
struct job {
	struct list kept;
	struct publication publication;
	publishing_on_done *on_done;
	void *user;
	uint64_t base;
	size_t sent;		/* given to the publisher, in order */
	size_t told;		/* of those: acknowledged, refused or taken back */
	size_t accepted;
	int64_t begun_ms;
	int64_t first_ms;	/* since when none is before it; 0: not yet */
	int result;		/* of the first that was refused, or 0 */
	unsigned line;		/* ... and where it stood */
	char reason[REASON_MAX];
	char id[EVENT_ID_MAX + 1];	/* of the last that was accepted */
};

struct wake {
	struct loop_io io;
	struct publishing *publishing;
};

struct publishing {
	struct loop *loop;	/* borrowed, as bus */
	const struct bus_address *bus;
	publishing_say *say;
	void *user;
	struct sse_publisher *publisher;	/* owned; NULL: not opened yet */
	struct wake wakes[FDS];
	struct list jobs;	/* oldest first */
	size_t n_jobs;		/* answered ones too */
	size_t waiting;		/* without an answer */
	size_t bytes;
	uint64_t next_base;
	int64_t patience_ms;
	int64_t complained_ms;
	int state;		/* what sse_publisher_poll said last */
	bool is_woken;
	struct sse_event message;	/* owned: filled anew for each event */
	struct publishing_stats stats;
};

static struct job *
job_at(struct list *at)
{
	return list_entry(at, struct job, kept);
}

/* ---- the publisher's descriptors ---- */

static void
on_wake(struct loop_io *io, unsigned ready)
{
	(void)ready;
	/* The end of the turn does the rest. */
	list_entry(io, struct wake, io)->publishing->is_woken = true;
}

/*
 * The publisher may close its descriptors and get new ones with the same
 * numbers whenever it is called. So they are in the loop while it sleeps only.
 */
static void
unwatch(struct publishing *p)
{
	for (size_t i = 0; i < FDS; i++)
		loop_del(p->loop, &p->wakes[i].io);
}

static void
watch(struct publishing *p)
{
	int fds[FDS];
	int n = sse_publisher_fds(p->publisher, fds);

	for (int i = 0; i < n; i++) {
		p->wakes[i].io.fd = fds[i];
		if (loop_add(p->loop, &p->wakes[i].io, LOOP_READ) < 0)
			p->wakes[i].io.fd = -1;	/* then time tells */
	}
}

/* ---- answers ---- */

static int
status_of(int result)
{
	switch (result) {
	case 0:
		return 200;
	case -EINVAL:
		return 400;
	case -EMSGSIZE:
		return 413;
	}
	return 503;
}

static bool
is_whole(const struct job *j)
{
	return j->told == j->publication.count;
}

/* What became of lines. Where memory is out, it is cut. */
static void
append_counts(struct buf *out, const struct job *j)
{
	(void)buf_printf(out, "{\"accepted\":%zu", j->accepted);
	if (j->accepted > 0) {
		(void)buf_append_text(out, ",\"last_id\":");
		(void)encode_json_string(out, slice_of(j->id));
	}
	if (j->result < 0) {
		(void)buf_printf(out, ",\"refused\":{\"line\":%u,\"why\":",
				 j->line);
		(void)encode_json_string(out, slice_of(j->reason));
		(void)buf_append_char(out, '}');
	}
	(void)buf_append_char(out, '}');
}

/* A form that brought an id of its own gets that one back. */
static struct slice
id_of(const struct job *j)
{
	const struct event *e = publication_event(&j->publication, 0);

	if (j->publication.kind == PUBLICATION_FORM && e->id.p)
		return e->id;
	return slice_of(j->id);
}

static void
answer(struct publishing *p, struct job *j)
{
	bool has_lines = j->publication.kind == PUBLICATION_LINES;
	struct publishing_answer a = { .status = status_of(j->result),
				       .is_json = has_lines };
	publishing_on_done *on_done = j->on_done;
	struct buf json = { 0 };

	if (has_lines)
		append_counts(&json, j);
	a.text = has_lines ? buf_slice(&json) :
		 j->result ? slice_of(j->reason) : id_of(j);
	j->on_done = NULL;
	p->waiting--;
	on_done(j->user, &a);
	buf_done(&json);
}

static void
job_free(struct publishing *p, struct job *j)
{
	list_del(&j->kept);
	p->n_jobs--;
	p->bytes -= j->publication.bytes;
	publication_done(&j->publication);
	free(j);
}

static void
note_refused(struct publishing *p, struct job *j, size_t i, int result,
	     const char *reason)
{
	p->stats.refused++;
	if (j->result)
		return;
	j->result = result;
	j->line = publication_line(&j->publication, i);
	snprintf(j->reason, sizeof(j->reason), "%s", reason);
}

static struct job *
find(struct publishing *p, uint64_t cookie)
{
	for (struct list *at = p->jobs.next; at != &p->jobs; at = at->next) {
		struct job *j = job_at(at);

		if (cookie - j->base < j->publication.count)
			return j;
	}
	return NULL;
}

/* Within a call to the publisher: what is finished is looked at after it. */
static void
on_ack(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	struct publishing *p = user;
	struct job *j = find(p, cookie);

	if (!j)
		return;
	j->told++;
	if (result < 0) {
		note_refused(p, j, (size_t)(cookie - j->base), result,
			     reason ? reason : "The hub refused the event.");
		return;
	}
	p->stats.published++;
	j->accepted++;
	snprintf(j->id, sizeof(j->id), "%s", id);
}

/* ---- time is up ---- */

static const char *
why_away(const struct publishing *p)
{
	return p->publisher ? sse_publisher_error(p->publisher) : "";
}

static void
complain(struct publishing *p, int64_t now_ms)
{
	char text[512];
	const char *why = why_away(p);

	if (now_ms - p->complained_ms < COMPLAIN_MS)
		return;
	p->complained_ms = now_ms;
	snprintf(text, sizeof(text), "what was published by HTTP was not "
		 "acknowledged within %lld ms: %s",
		 (long long)p->patience_ms,
		 *why ? why : "the hub does not answer");
	p->say(p->user, text);
}

static const char away_text[] =
    "The hub cannot be reached; what is not accepted was not published. Try "
    "again later.";
static const char unknown_text[] =
    "The hub did not acknowledge it in time, and may have taken it or not. To "
    "publish it again is safe only with the same Idempotency-Key (or `key`) as "
    "before.";

/* Whether it is there and takes nothing now; why_away has its words. */
static bool
is_refusing(const struct publishing *p)
{
	return p->state == -ENOSPC || p->state == -EBUSY;
}

/*
 * What was never sent is taken back; of the rest, of which it returns how many
 * there are, nothing is known. *ret_first is the first that was not told of.
 */
static size_t
take_back(struct publishing *p, struct job *j, size_t *ret_first)
{
	size_t unknown = 0;

	*ret_first = j->sent;
	for (size_t i = 0; i < j->sent; i++) {
		int r = publisher_cancel(p->publisher, j->base + i);

		j->told += r == 0;
		unknown += r == -EALREADY;
		if (r != -ENOENT && i < *ret_first)
			*ret_first = i;
	}
	return unknown;
}

static void
give_up(struct publishing *p, struct job *j, int64_t now_ms)
{
	size_t first, unknown = take_back(p, j, &first);

	complain(p, now_ms);
	/* What was refused before does not matter more than that. */
	j->result = 0;
	/* The rest is not sent any more. */
	j->told += j->publication.count - j->sent;
	j->sent = j->publication.count;
	note_refused(p, j, first, -EAGAIN,
		     unknown > 0 ? unknown_text :
		     is_refusing(p) ? why_away(p) : away_text);
	answer(p, j);
}

/* Those behind one that finds no room are tried, too, each in its turn. */
static bool
is_late(struct publishing *p, struct job *j, int64_t now_ms)
{
	if (j->first_ms == 0 && p->jobs.next == &j->kept)
		j->first_ms = now_ms;
	if (p->state == -ENOSPC && j->first_ms &&
	    now_ms - j->first_ms >= FULL_MS)
		return true;
	return now_ms - j->begun_ms >= p->patience_ms;
}

static void
check_times(struct publishing *p, int64_t now_ms)
{
	struct list *at = p->jobs.next, *next;
	size_t first;

	for (; at != &p->jobs; at = next) {
		struct job *j = job_at(at);

		next = at->next;
		if (j->on_done && is_late(p, j, now_ms))
			give_up(p, j, now_ms);
		/* Nobody waits for it, and it must not be in the way. */
		else if (!j->on_done && is_refusing(p))
			(void)take_back(p, j, &first);
	}
}

/* ---- sending ---- */

/* 1: sent; 0: there is no room now; -1: not at all, which is noted. */
static int
send_one(struct publishing *p, struct job *j)
{
	const struct event *e = publication_event(&j->publication, j->sent);
	int r = message_fill(&p->message, e);

	if (r == 0)
		r = sse_publisher_send(p->publisher, &p->message,
				       j->base + j->sent);
	if (r == -EAGAIN)
		return 0;
	if (r < 0) {
		note_refused(p, j, j->sent, r, r == -ENOMEM ?
			     "There is no memory left to publish it." :
			     sse_publisher_error(p->publisher));
		j->told++;
	}
	j->sent++;
	return r < 0 ? -1 : 1;
}

static void
send_all(struct publishing *p)
{
	for (struct list *at = p->jobs.next; at != &p->jobs; at = at->next) {
		struct job *j = job_at(at);

		while (j->sent < j->publication.count)
			if (send_one(p, j) == 0)
				return;
	}
}

static void
answer_all(struct publishing *p)
{
	struct list *at = p->jobs.next, *next;

	for (; at != &p->jobs; at = next) {
		struct job *j = job_at(at);

		next = at->next;
		if (!is_whole(j))
			continue;
		if (j->on_done)
			answer(p, j);
		job_free(p, j);
	}
}

static bool
is_open(struct publishing *p)
{
	if (p->publisher)
		return true;
	/* Whatever keeps it from the hub now, it tries again by itself. */
	(void)publisher_open_at(p->bus, &p->publisher);
	if (!p->publisher)
		return false;
	sse_publisher_set_on_ack(p->publisher, on_ack, p);
	/* So that none of a row is taken before one that finds no room. */
	sse_publisher_insist(p->publisher);
	return true;
}

int64_t
publishing_turn(struct publishing *p, int64_t now_ms)
{
	if (p->n_jobs == 0 && !p->is_woken)
		return -1;
	p->is_woken = false;
	unwatch(p);
	if (is_open(p)) {
		send_all(p);
		p->state = sse_publisher_poll(p->publisher, 0);
		send_all(p);
	}
	answer_all(p);
	check_times(p, now_ms);
	answer_all(p);
	if (p->publisher)
		watch(p);
	if (p->n_jobs == 0)
		return -1;
	return p->wakes[0].io.fd >= 0 ? LOOK_MS : BLIND_MS;
}

/* ---- the interface ---- */

int
publishing_begin(struct publishing *p, struct publication *publication,
		 publishing_on_done *on_done, void *user)
{
	struct job *j;

	if (p->n_jobs >= PUBLISHING_JOBS_MAX ||
	    publication->bytes > PUBLISHING_BYTES_MAX - p->bytes)
		return -EBUSY;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->publication = *publication;
	*publication = (struct publication){ 0 };
	j->on_done = on_done;
	j->user = user;
	j->base = p->next_base;
	j->begun_ms = loop_now_ms(p->loop);
	p->next_base += j->publication.count;
	p->bytes += j->publication.bytes;
	p->n_jobs++;
	p->waiting++;
	list_add(&p->jobs, &j->kept);
	return 0;
}

void
publishing_drain(struct publishing *p)
{
	p->patience_ms = PUBLISHING_DRAIN_MS;
}

size_t
publishing_count(const struct publishing *p)
{
	return p->waiting;
}

const struct publishing_stats *
publishing_get_stats(const struct publishing *p)
{
	return &p->stats;
}

int
publishing_new(struct loop *loop, const struct bus_address *bus,
	       publishing_say *say, void *user,
	       struct publishing **ret_publishing)
{
	struct publishing *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->bus = bus;
	p->say = say;
	p->user = user;
	p->patience_ms = PUBLISHING_PATIENCE_MS;
	p->complained_ms = loop_now_ms(loop) - COMPLAIN_MS;
	list_init(&p->jobs);
	for (size_t i = 0; i < FDS; i++)
		p->wakes[i] = (struct wake){
			.io = { .fd = -1, .on_ready = on_wake },
			.publishing = p,
		};
	*ret_publishing = p;
	return 0;
}

struct publishing *
publishing_free(struct publishing *p)
{
	if (!p)
		return NULL;
	unwatch(p);
	while (!list_is_empty(&p->jobs))
		job_free(p, job_at(p->jobs.next));
	sse_publisher_free(p->publisher);
	message_done(&p->message);
	free(p);
	return NULL;
}
