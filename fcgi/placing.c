/* SPDX-License-Identifier: MIT */
/*
 * placing: where a stream begins.
 *
 * An id that this worker's log knows is placed at once, in the window or, if
 * that has lost something since, in the hub's pages (paging.c). What the log does
 * not know is asked of the hub, because a worker may have begun later than the
 * browser, or be further behind than the worker the browser comes from;
 * meanwhile the stream is open and waits on comments.
 */
#include <errno.h>
#include <stdlib.h>

#include "fcgi/fanout_priv.h"
#include "fcgi/record.h"
#include "lib/base/clock.h"
#include "lib/sse/encode.h"

struct slice
place_text(const struct fanout *f, struct evlog_place place,
	   char out[ID_TEXT_MAX + 1])
{
	uint64_t epoch = evlog_epoch(f->log, place.gen);

	if (epoch == 0 || f->config.is_plain)
		return SLICE_NONE;
	return (struct slice){ out, id_format(epoch, place.number, out) };
}

int
placing_new(const struct subscription *sub, struct placing **ret_placing)
{
	struct placing *p = calloc(1, sizeof(*p) + sub->after.len + 1);

	if (!p)
		return -ENOMEM;
	p->since_ms = clock_wall_ms();
	p->from = sub->from;
	p->last_n = sub->last_n;
	p->after = (struct slice){ (char *)(p + 1), sub->after.len };
	if (sub->after.len)
		memcpy(p + 1, sub->after.p, sub->after.len);
	*ret_placing = p;
	return 0;
}

static struct slice
tag_slice(const uint64_t *tag)
{
	return (struct slice){ (const char *)tag, sizeof(*tag) };
}

struct placing *
placing_free(struct fanout *f, struct placing *p)
{
	if (!p)
		return NULL;
	if (p->tag) {
		(void)map_del(&f->questions, tag_slice(&p->tag));
		if (!p->is_answered)
			f->ops->forget(f->user, p->tag);
	}
	buf_done(&p->headers);
	free(p->replay);
	free(p);
	return NULL;
}

/* ---- the decision ---- */

bool
placing_has_all(const struct stream *s)
{
	const struct fanout *f = s->fanout;
	uint32_t gen = evlog_last_place(f->log).gen;

	/* A log that goes on with the numbers of another one before it has
	 * its first ones from there. */
	return !group_has_lost(f->groups, s->group, (struct evlog_place){
		.gen = f->began == 0 ? gen : 1,
	});
}

uint64_t
placing_first(const struct fanout *f)
{
	uint64_t first = evlog_first(f->log);
	uint64_t whole = evlog_blind_end(f->log);

	return first > whole ? first : whole;
}

/* The place just before it. */
static struct evlog_place
first_place(const struct fanout *f)
{
	struct evlog_place first = evlog_first_place(f->log);
	struct evlog_place whole = evlog_blind(f->log);

	return evlog_place_cmp(whole, first) > 0 ? whole : first;
}

struct evlog_place
placing_in_this_log(const struct fanout *f, struct evlog_place place)
{
	uint32_t gen = evlog_last_place(f->log).gen;

	if (place.gen + 1 != gen || place.number > f->began)
		place.number = 0;
	place.gen = gen;
	return place;
}

static void
place_in_pages(struct evlog_place after, const char *reason,
	       struct placed *out)
{
	out->is_paged = true;
	out->page_after = after;
	out->reason = reason;
}

/* Everything kept is paged; of a log that went on with the numbers of the one
 * that `after` is in, what follows it. */
static void
place_all_in_pages(const struct fanout *f, struct evlog_place after,
		   const char *reason, struct placed *out)
{
	out->is_all = true;
	place_in_pages(placing_in_this_log(f, after), reason, out);
}

static void
place_at_first(const struct fanout *f, struct placed *out)
{
	out->cursor = placing_first(f);
}

/* Everything kept, after saying that what was before is not known. */
static void
place_unknown(const struct stream *s, struct placed *out)
{
	const struct fanout *f = s->fanout;

	place_at_first(f, out);
	if (f->config.is_plain) {
		out->cursor = evlog_end(f->log);
		return;
	}
	if (f->pager && !placing_has_all(s)) {
		place_all_in_pages(f, (struct evlog_place){ 0 }, "unknown",
				   out);
		return;
	}
	out->has_gap = true;
	out->after = SLICE_NONE;
	out->reason = "unknown";
}

/* What follows `place`, which the stream knows as `after`. */
static void
place_after(const struct stream *s, struct evlog_place place,
	    struct slice after, struct placed *out)
{
	struct fanout *f = s->fanout;

	out->cursor = evlog_after(f->log, place);
	if (!group_has_lost(f->groups, s->group, place)) {
		out->position = after;
		return;
	}
	if (out->cursor < placing_first(f))
		place_at_first(f, out);
	out->after = after;
	out->resumed_at = place;
	if (f->pager && place.gen == evlog_last_place(f->log).gen) {
		out->position = after;
		place_in_pages(place, "trimmed", out);
		return;
	}
	/* There is no hub to ask, or it has another log now. */
	if (f->pager && !placing_has_all(s)) {
		place_all_in_pages(f, place, "trimmed", out);
		return;
	}
	out->has_gap = true;
	out->reason = "trimmed";
}

static void
place_earliest(const struct stream *s, struct placed *out)
{
	const struct fanout *f = s->fanout;

	place_at_first(f, out);
	/* What the hub has no more is not missed. Without an id a stream that
	 * is cut before its first event asks for all of it again. */
	if (f->pager && !placing_has_all(s))
		place_all_in_pages(f, (struct evlog_place){ 0 }, NULL, out);
	else
		out->position = place_text(f, first_place(f), out->id_text);
}

/* What is known of the id: 1 and its place, or 0. */
static int
find_place(const struct fanout *f, const struct placing *p,
	   struct evlog_place *ret_place)
{
	uint64_t epoch, number;

	if (p->is_answered)
		*ret_place = evlog_place(f->log, p->epoch, p->number);
	else if (id_parse(p->after, &epoch, &number) == 0)
		*ret_place = evlog_place(f->log, epoch, number);
	else
		return evlog_find_id(f->log, p->after, ret_place);
	return ret_place->gen != 0;
}

static void
decide_id(struct stream *s, struct placed *out)
{
	struct fanout *f = s->fanout;
	struct evlog_place place;

	if (f->config.is_plain) {
		place_unknown(s, out);
		return;
	}
	/* Ahead of us, or not of our log: the hub says, or has said. */
	if (!f->was_live || !find_place(f, s->placing, &place) ||
	    evlog_place_cmp(place, evlog_last_place(f->log)) > 0) {
		out->must_wait = true;
		return;
	}
	place_after(s, place, s->placing->after, out);
}

static int
decide_last(struct stream *s, struct placed *out)
{
	struct fanout *f = s->fanout;
	struct placing *p = s->placing;
	int r;

	if (f->pager && !placing_has_all(s) &&
	    group_is_short(f->groups, s->group, p->last_n)) {
		place_all_in_pages(f, (struct evlog_place){ 0 }, NULL, out);
		out->last_n = p->last_n;
		return 0;
	}
	r = group_newest(f->groups, s->group, p->last_n, &p->replay,
			 &p->replay_count);
	if (r < 0)
		return r;
	out->cursor = evlog_end(f->log);
	/* Without an id a stream that is cut during the replay asks for it
	 * again; with one it would not get the rest. */
	if (p->replay_count == 0)
		out->position = place_text(f, evlog_last_place(f->log),
					   out->id_text);
	return 0;
}

/*
 * From now on. "Now" is when the stream opened: what was published while it
 * waited for the hub to be found is its own.
 */
static void
decide_now(const struct stream *s, struct placed *out)
{
	const struct fanout *f = s->fanout;
	const struct placing *p = s->placing;
	struct evlog_place place;

	out->cursor = evlog_end(f->log);
	while (p->has_waited && out->cursor > evlog_first(f->log) &&
	       evlog_at(f->log, out->cursor - 1)->time_ms >= p->since_ms)
		out->cursor--;
	if (out->cursor == evlog_end(f->log))
		place = evlog_last_place(f->log);
	else if (!evlog_place_before(f->log, out->cursor, &place))
		return;
	out->position = place_text(f, place, out->id_text);
	/* There was a hole meanwhile. */
	if (f->pager && group_has_lost(f->groups, s->group, place))
		place_after(s, place, out->position, out);
}

int
placing_decide(struct stream *s, struct placed *ret_placed)
{
	struct fanout *f = s->fanout;
	struct placing *p = s->placing;
	int r = 0;

	*ret_placed = (struct placed){ .must_wait = !f->was_live };
	if (p->from == FROM_ID)
		decide_id(s, ret_placed);
	else if (!f->was_live)
		return 0;
	else if (p->from == FROM_LAST)
		r = decide_last(s, ret_placed);
	else if (p->from == FROM_UNKNOWN)
		place_unknown(s, ret_placed);
	else if (p->from == FROM_EARLIEST)
		place_earliest(s, ret_placed);
	else
		decide_now(s, ret_placed);
	return r;
}

void
placing_settle(struct stream *s)
{
	if (s->placing && !s->placing->is_silent &&
	    s->placing->replay_count == 0 &&
	    !(s->paging && s->paging->newest.most))
		s->placing = placing_free(s->fanout, s->placing);
}

int
placing_append_gap(struct fanout *f, const struct placed *p, struct buf *out)
{
	struct evlog_place first = first_place(f);

	if (evlog_place_cmp(p->resumed_at, first) > 0)
		first = p->resumed_at;
	return placing_append_gap_at(f, p, first, out);
}

int
placing_append_gap_at(struct fanout *f, const struct placed *p,
		      struct evlog_place resumed_at, struct buf *out)
{
	struct buf text = { NULL, 0, 0 };
	char at_text[ID_TEXT_MAX + 1];
	struct slice at = place_text(f, resumed_at, at_text);
	int r = encode_gap(&text, p->after, at, p->reason);

	if (r == 0)
		r = record_append_stdout(out, 1, buf_slice(&text));
	buf_done(&text);
	f->stats.gaps++;
	return r;
}

/* ---- waiting ---- */

bool
placing_is_silent(const struct stream *s, const struct placed *placed)
{
	/* Whether anything is missing says the first page. Where no hub is to
	 * be asked nobody knows how long it takes. */
	return (placed->must_wait || (placed->is_paged && !placed->is_all)) &&
	       s->placing->from == FROM_ID && s->fanout->was_live &&
	       !s->fanout->config.is_plain;
}

int
placing_wait(struct stream *s)
{
	struct fanout *f = s->fanout;
	struct placing *p = s->placing;
	int r;

	p->has_waited = true;
	if (p->from != FROM_ID || f->config.is_plain)
		return 0;
	p->tag = ++f->last_tag;
	r = map_put(&f->questions, tag_slice(&p->tag), s);
	if (r < 0) {
		p->tag = 0;
		return r;
	}
	r = f->ops->ask(f->user, p->tag, p->after);
	if (r < 0) {
		(void)map_del(&f->questions, tag_slice(&p->tag));
		p->tag = 0;
	}
	return r;
}

/* A waiting stream learns where it begins. */
static void
placing_finish(struct stream *s, const struct placed *placed)
{
	struct fanout *f = s->fanout;
	struct buf text = { NULL, 0, 0 };
	struct piece p = {
		.first = EVLOG_NONE, .next = placed->cursor, .is_once = true,
	};
	bool was_silent = s->placing->is_silent;
	int r = 0;

	list_del(&s->kept);
	s->state = STREAM_BEHIND;
	s->cursor = placed->cursor;
	if (was_silent && !placing_is_silent(s, placed) &&
	    stream_speak(s, placed) == WRITE_GONE)
		return;
	buf_clear(&f->scratch);
	if (was_silent) {
		p.len = 0;	/* all of it has been said, or will be */
	} else if (placed->has_gap) {
		r = placing_append_gap(f, placed, &f->scratch);
	} else if (placed->position.p) {
		r = encode_position(&text, placed->position);
		if (r == 0)
			r = record_append_stdout(&f->scratch, 1,
						 buf_slice(&text));
		buf_done(&text);
	}
	if (r < 0) {
		stream_doom(s);
		return;
	}
	p.bytes = f->scratch.p;
	p.len = f->scratch.len;
	if (p.len > 0 && stream_write(s, &p, NULL) == WRITE_GONE)
		return;
	if (placed->is_paged && paging_begin(s, placed) < 0) {
		stream_starve(s);
		return;
	}
	placing_settle(s);
	if (s->state == STREAM_BEHIND)
		stream_serve(s);
}

void
placing_retry_all(struct fanout *f)
{
	struct list *at, *next;

	f->has_news = false;
	for (at = f->waiting.next; at != &f->waiting; at = next) {
		struct stream *s = list_entry(at, struct stream, kept);
		struct placed placed;

		next = at->next;
		if (placing_decide(s, &placed) < 0)
			stream_doom(s);
		else if (!placed.must_wait)
			placing_finish(s, &placed);
	}
}

void
placing_ask_again(struct fanout *f)
{
	struct list *at, *next;

	for (at = f->waiting.next; at != &f->waiting; at = next) {
		struct stream *s = list_entry(at, struct stream, kept);
		struct placing *p = s->placing;
		struct evlog_place place;

		next = at->next;
		if (p->from != FROM_ID || !p->is_answered ||
		    (find_place(f, p, &place) &&
		     evlog_place_cmp(place, evlog_last_place(f->log)) <= 0))
			continue;
		p->is_answered = false;
		if (f->ops->ask(f->user, p->tag, p->after) < 0) {
			p->is_answered = true;	/* nothing to forget */
			stream_end(s, fanout_later_ms(&f->config));
		}
	}
}

void
fanout_resolved(struct fanout *f, uint64_t tag, bool known, uint64_t epoch,
		uint64_t number)
{
	struct stream *s = map_get(&f->questions, tag_slice(&tag));

	if (!s || !s->placing)
		return;
	s->placing->is_answered = true;
	s->placing->epoch = epoch;
	s->placing->number = number;
	if (!known)
		s->placing->from = FROM_UNKNOWN;
	f->has_news = true;	/* the end of this turn places it */
}
