/* SPDX-License-Identifier: MIT */
#include "fcgi/fanout_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "fcgi/record.h"
#include "lib/base/clock.h"
#include "lib/sse/encode.h"

#include <fastcgi.h>

static struct audience *
audience_of(const struct group *group)
{
	return group->user;
}

/* ---- the log's hooks ---- */

static void
on_evict(void *user, uint64_t pos, const struct evlog_entry *e)
{
	struct fanout *f = user;
	struct list *dirty = groups_dirty(f->groups);

	(void)e;
	/* A burst larger than the window: who waits for this entry gets it
	 * first. The group that has waited longest stands first. */
	while (!list_is_empty(dirty)) {
		struct group *group = list_entry(dirty->next, struct group,
						 dirty);

		if (group->pending[0] > pos)
			break;
		fanout_flush_group(f, group);
	}
	stream_cut_chunks(f, pos);
}

static void
on_topic(void *user, struct evlog_topic *t, bool is_new)
{
	struct fanout *f = user;

	groups_on_topic(f->groups, t, is_new);
}

static const struct evlog_ops log_ops = { on_evict, on_topic };

/* ---- making and freeing ---- */

int
fanout_new(struct loop *loop, const struct fanout_config *config,
	   const struct fanout_ops *ops, void *user, struct fanout **ret_fanout)
{
	struct fanout *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->loop = loop;
	f->config = *config;
	f->ops = ops;
	f->user = user;
	f->chunks_low = EVLOG_NONE;
	list_init(&f->recent);
	list_init(&f->waiting);
	list_init(&f->chunks);
	list_init(&f->doomed);
	r = groups_new(&f->groups);
	if (r == 0)
		r = evlog_new(&config->window, &log_ops, f, &f->log);
	if (r == 0) {
		groups_set_log(f->groups, f->log);
		if (config->is_plain) {
			(void)evlog_begin_epoch(f->log, 0, 0);
			f->was_live = true;
		} else if (ops->page) {
			r = pager_new(&f->pager);
		}
	}
	if (r == 0)
		r = pulse_start(f);
	if (r < 0) {
		fanout_free(f);
		return r;
	}
	*ret_fanout = f;
	return 0;
}

static void
close_all(struct fanout *f)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		while (!list_is_empty(&f->wheel[i]))
			stream_doom(list_entry(f->wheel[i].next, struct stream,
					       wheel));
	stream_reap(f);
}

struct fanout *
fanout_free(struct fanout *f)
{
	if (!f)
		return NULL;
	if (f->wheel[0].next)
		close_all(f);
	loop_timer_stop(f->loop, &f->pulse);
	f->pager = pager_free(f->pager);
	f->log = evlog_free(f->log);
	f->groups = groups_free(f->groups);
	map_done(&f->questions);
	buf_done(&f->scratch);
	buf_done(&f->patched);
	free(f);
	return NULL;
}

size_t
fanout_count(const struct fanout *f)
{
	return f->count;
}

const struct fanout_stats *
fanout_get_stats(const struct fanout *f)
{
	return &f->stats;
}

const struct evlog *
fanout_log(const struct fanout *f)
{
	return f->log;
}

/* ---- events in ---- */

/* It stays for as long as the log keeps it: no byte more than it takes. */
static int
payload_reserve(struct buf *out, size_t size)
{
	out->p = malloc(size);
	if (!out->p)
		return -ENOMEM;
	out->cap = size;
	return 0;
}

/*
 * The event as records for request id 1. Nearly always that is one record,
 * whose header is filled in when the length is known.
 */
static int
encode_payload(const struct event *e, struct slice id, struct buf *out,
	       uint8_t *ret_mark)
{
	size_t size = encode_size(e, id);
	struct buf text = { NULL, 0, 0 };
	int r;

	if (size <= RECORD_CONTENT_MAX) {
		r = payload_reserve(out, RECORD_HEADER_LEN + size);
		if (r < 0)
			return r;
		record_header((uint8_t *)out->p, FCGI_STDOUT, 1,
			      (uint16_t)size);
		out->len = RECORD_HEADER_LEN;
		*ret_mark = MARK_ONE_RECORD;
		return encode_event(out, e, id);
	}
	*ret_mark = 0;
	r = buf_reserve(&text, size);
	if (r == 0)
		r = encode_event(&text, e, id);
	if (r == 0)
		r = payload_reserve(out, record_stdout_size(size));
	if (r == 0)
		r = record_append_stdout(out, 1, buf_slice(&text));
	buf_done(&text);
	return r;
}

static void
on_missed(void *user, struct group *group)
{
	struct fanout *f = user;
	struct audience *a = audience_of(group);

	/* No memory to remember what its members must be sent. Their cursors
	 * remember it for nothing. */
	while (a && a->count > 0) {
		struct stream *s = a->head[a->count - 1].stream;
		uint64_t cursor = group->pending_count ? group->pending[0] :
				  f->noted_end;

		stream_set_behind(s, cursor);
	}
}

/* There is no memory for an event. Who should have got it is told of a gap as
 * soon as there is some again. */
static void
drop(struct fanout *f)
{
	f->stats.dropped++;
	if (f->owed.gen == 0)
		f->owed = evlog_last_place(f->log);
}

/* Takes the payload. False: it was dropped. */
static bool
append(struct fanout *f, const struct evlog_item *item, struct buf *payload)
{
	size_t len;
	char *bytes = buf_take(payload, &len);
	uint64_t pos;

	if (evlog_append(f->log, item, bytes, len, &pos) < 0) {
		drop(f);
		return false;
	}
	(void)groups_note(f->groups, pos, on_missed, f);
	f->noted_end = evlog_end(f->log);
	f->has_news = true;
	return true;
}

/*
 * Says to everybody that what is between the two is gone. An entry like any
 * other, so that who comes later or is behind is told as well. Marked as a hole
 * it is said to those only whom the hub says it concerns.
 */
static bool
append_gap_for_all(struct fanout *f, struct evlog_place after,
		   struct evlog_place resumed_at, const char *reason,
		   uint8_t mark)
{
	struct buf text = { NULL, 0, 0 }, payload = { NULL, 0, 0 };
	char after_text[ID_TEXT_MAX + 1], at_text[ID_TEXT_MAX + 1];
	struct evlog_item item = {
		.number = resumed_at.number,
		.time_ms = clock_wall_ms(),
		.mark = mark,
	};
	int r = encode_gap(&text, place_text(f, after, after_text),
			   place_text(f, resumed_at, at_text), reason);

	if (r == 0)
		r = record_append_stdout(&payload, 1, buf_slice(&text));
	buf_done(&text);
	if (r < 0) {
		buf_done(&payload);
		drop(f);
		return false;
	}
	if (!append(f, &item, &payload))
		return false;
	if (mark != MARK_HOLE)
		f->stats.gaps += f->count;
	f->owed.gen = 0;
	return true;
}

/* The gap for what was dropped before event `number`. True: none is due. */
static bool
pay_gap(struct fanout *f, uint64_t number)
{
	struct evlog_place at = evlog_last_place(f->log);

	at.number = number - 1;
	return f->owed.gen == 0 ||
	       append_gap_for_all(f, f->owed, at, "memory", MARK_ONE_RECORD);
}

void
fanout_event(struct fanout *f, const struct event *e)
{
	char id_text[ID_TEXT_MAX + 1];
	struct evlog_item item = {
		.number = e->number,
		.time_ms = e->time_ms,
		.topic = e->topic,
		.also = e->also,
		.id = e->id,
		.is_private = e->is_private,
	};
	struct slice id = e->id;
	struct buf payload = { NULL, 0, 0 };

	if (f->config.is_plain) {
		item.number = evlog_last_place(f->log).number + 1;
		item.id = id = SLICE_NONE;
	} else if (!id.p) {
		id.p = id_text;
		id.len = id_format(e->epoch, e->number, id_text);
	}
	if (!pay_gap(f, item.number) ||
	    encode_payload(e, id, &payload, &item.mark) < 0) {
		buf_done(&payload);
		drop(f);
		return;
	}
	f->stats.events += append(f, &item, &payload);
}

static void
begin_epoch(struct fanout *f, const struct follower_gap *g)
{
	(void)evlog_begin_epoch(f->log, g->epoch, g->resumed_at);
	f->began = g->resumed_at;
}

void
fanout_gap(struct fanout *f, const struct follower_gap *g)
{
	struct evlog_place before = evlog_last_place(f->log);
	/* What is owed must be told to all. */
	bool is_hole = g->is_hole && f->pager && f->owed.gen == 0;

	f->has_news = true;
	if (before.gen == 0) {
		begin_epoch(f, g);
		return;
	}
	/* Nobody stands before it yet, and who comes to asks the hub. */
	if (is_hole && !f->was_live) {
		evlog_skip(f->log, g->resumed_at);
		return;
	}
	/* A hub that went back in its own epoch, as with a restored backup,
	 * has a new log too: its numbers would be given a second time. */
	if (evlog_epoch(f->log, before.gen) != g->epoch ||
	    g->resumed_at < before.number) {
		begin_epoch(f, g);
		placing_ask_again(f);
	}
	(void)append_gap_for_all(f, before, evlog_place(f->log, g->epoch,
							g->resumed_at),
				 g->reason,
				 is_hole ? MARK_HOLE : MARK_ONE_RECORD);
}

void
fanout_state(struct fanout *f, enum follower_state state)
{
	if (state == FOLLOWER_LIVE)
		f->was_live = true;
	f->has_news = true;
}

/* ---- pieces ---- */

/* Adds an entry's record to the piece, into the last record if it fits. */
static int
piece_add(struct buf *out, size_t *record_at, const struct evlog_entry *e)
{
	size_t body = e->len - RECORD_HEADER_LEN;
	size_t have;

	if (e->mark != MARK_ONE_RECORD) {
		*record_at = SIZE_MAX;
		return buf_append(out, e->payload, e->len);
	}
	have = *record_at == SIZE_MAX ? SIZE_MAX :
	       out->len - *record_at - RECORD_HEADER_LEN;
	if (have == SIZE_MAX || have + body > RECORD_CONTENT_MAX) {
		*record_at = out->len;
		return buf_append(out, e->payload, e->len);
	}
	if (buf_append(out, e->payload + RECORD_HEADER_LEN, body) < 0)
		return -ENOMEM;
	record_header((uint8_t *)out->p + *record_at, FCGI_STDOUT, 1,
		      (uint16_t)(have + body));
	return 0;
}

/*
 * Makes one piece of as many of the positions as fit: the entry's own bytes
 * when it is one, else a copy of all of them merged into one record, because
 * the web server's work is per record and per wake-up, not per byte.
 */
int
piece_from_positions(struct fanout *f, const uint64_t *positions, size_t count,
		     struct piece *ret_piece, size_t *ret_used)
{
	const struct evlog_entry *e = evlog_at(f->log, positions[0]);
	size_t record_at = SIZE_MAX, used = 0;

	*ret_piece = (struct piece){
		.bytes = e->payload,
		.len = e->len,
		.first = positions[0],
		.back = positions[0],
		.next = positions[0] + 1,
		.told = positions[0] + 1,
		.is_logs = true,
	};
	*ret_used = 1;
	if (count == 1 || e->len >= PIECE_BYTES)
		return 0;
	buf_clear(&f->scratch);
	while (used < count && used < PIECE_EVENTS) {
		e = evlog_at(f->log, positions[used]);
		if (used > 0 && (f->scratch.len + e->len > PIECE_BYTES ||
				 e->mark == MARK_HOLE))
			break;
		if (piece_add(&f->scratch, &record_at, e) < 0)
			return -ENOMEM;
		used++;
	}
	ret_piece->bytes = f->scratch.p;
	ret_piece->len = f->scratch.len;
	ret_piece->is_logs = false;
	ret_piece->next = ret_piece->told = positions[used - 1] + 1;
	*ret_used = used;
	return 0;
}

/* ---- audiences ---- */

int
audience_new(struct group *group)
{
	struct audience *a = group->user;

	if (a)
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->group = group;
	list_init(&a->recent);
	group->user = a;
	return 0;
}

int
audience_join(struct fanout *f, struct stream *s)
{
	struct audience *a = audience_of(s->group);

	/* What waits to be flushed is older than this stream's place at the
	 * head: it must leave before the stream stands there. */
	if (s->group->pending_count)
		fanout_flush_group(f, s->group);
	if (a->count == a->cap) {
		uint32_t cap = a->cap ? a->cap * 2 : 1;
		struct member *head = realloc(a->head, cap * sizeof(*head));

		if (!head)
			return -ENOMEM;
		a->head = head;
		a->cap = cap;
	}
	s->place = a->count;
	a->head[a->count++] = (struct member){ s, s->io.fd, s->id };
	s->state = STREAM_HEAD;
	return 0;
}

void
audience_leave(struct stream *s)
{
	struct audience *a = audience_of(s->group);
	const struct member *last = &a->head[--a->count];

	assert(a->head[s->place].stream == s);
	last->stream->place = s->place;
	a->head[s->place] = *last;
	if (s->last_write_ms < a->last_flush_ms)
		s->last_write_ms = a->last_flush_ms;
	if (s->told < a->told)
		s->told = a->told;
}

static void
flush_piece(struct fanout *f, struct audience *a, const struct piece *p)
{
	struct chunk *shared = NULL;
	ssize_t n;

	f->stats.writes += a->count;
	/* From the back, because those who leave are replaced by the last. */
	for (uint32_t i = a->count; i-- > 0;) {
		const struct member *m = &a->head[i];

		if (m->id != 1)
			(void)stream_write(m->stream, p, &shared);
		else if ((n = stream_send(m->fd, p->bytes, p->len)) !=
			 (ssize_t)p->len)
			(void)stream_wrote(m->stream, p, p->bytes, n, &shared);
	}
	a->told = p->told;
	a->last_flush_ms = loop_now_ms(f->loop);
	list_del(&a->recent);
	if (f->config.coalesce_ms > 0)
		list_add(&f->recent, &a->recent);
}

void
fanout_flush_group(struct fanout *f, struct group *group)
{
	struct audience *a = audience_of(group);
	const uint64_t *at = group->pending;
	size_t left = group->pending_count;

	a->company = group->pending_count;
	a->since_ms = 0;
	while (left > 0 && a->count > 0) {
		struct piece p;
		size_t used;

		/* At a hole each goes on by itself. */
		if (evlog_at(f->log, at[0])->mark == MARK_HOLE ||
		    piece_from_positions(f, at, left, &p, &used) < 0) {
			while (a->count > 0)
				stream_set_behind(a->head[a->count - 1].stream,
						  at[0]);
			break;
		}
		flush_piece(f, a, &p);
		at += used;
		left -= used;
	}
	f->stats.flushes++;
	group_flushed(group);
}

void
fanout_flush_all(struct fanout *f)
{
	struct list *dirty = groups_dirty(f->groups);

	while (!list_is_empty(dirty))
		fanout_flush_group(f, list_entry(dirty->next, struct group,
						 dirty));
}

/* ---- pacing ---- */

/*
 * Whether the web server is still busy with the last flush: writing now would
 * reach no browser earlier and cost it a wake-up more. Looked at in a few
 * sockets; the odd reader that is stalled does not count.
 */
static bool
is_busy(const struct audience *a)
{
	unsigned lagging = 0;

	if (a->count < PACE_FROM)
		return false;
	for (uint32_t i = 0; i < PACE_SAMPLE; i++) {
		uint32_t at = (uint32_t)((uint64_t)a->count * i / PACE_SAMPLE);
		int unread = 0;

		if (ioctl(a->head[at].fd, TIOCOUTQ, &unread) == 0 &&
		    unread > 0)
			lagging++;
	}
	return lagging > PACE_LAGGING;
}

/*
 * Whether more is to be expected: in a burst, until as many are here as last
 * time. The front-end is woken once for all of them then, and not first for the
 * one and then for the others; who publishes one at a time never waits.
 */
static bool
awaits_company(struct audience *a, const struct group *group, int64_t now_ms)
{
	if (a->count < PACE_FROM || group->pending_count >= a->company ||
	    now_ms - a->last_flush_ms > BURST_MS)
		return false;
	if (a->since_ms == 0)
		a->since_ms = now_ms;
	return now_ms - a->since_ms < COMPANY_MS;
}

static bool
is_paced(struct audience *a, const struct group *group, int64_t now_ms)
{
	return awaits_company(a, group, now_ms) ||
	       (now_ms - a->last_flush_ms < PACE_MOST_MS && is_busy(a));
}

/* Who was flushed so long ago that it need not wait any more is looked at again.
 * How long until the next one is; -1: there is none. */
static int64_t
release_recent(struct fanout *f, int64_t now_ms)
{
	while (!list_is_empty(&f->recent)) {
		struct audience *a = list_entry(f->recent.next, struct audience,
						recent);
		int64_t due_ms = a->last_flush_ms + f->config.coalesce_ms;

		if (due_ms > now_ms)
			return due_ms - now_ms;
		list_del(&a->recent);
		if (a->group->pending_count && list_is_empty(&a->group->fresh))
			list_add(groups_fresh(f->groups), &a->group->fresh);
	}
	return -1;
}

/*
 * Flushes who does not have to wait. Who was flushed within coalesce_ms is put
 * aside until that is over: there may be thousands of them, and each turn would
 * look at all. How long the others have to wait at the most; -1: there is none.
 */
static int64_t
flush_some(struct fanout *f, int64_t now_ms)
{
	int64_t sleep_ms = release_recent(f, now_ms);
	struct list *fresh = groups_fresh(f->groups), *at = fresh->next;

	while (at != fresh) {
		struct group *group = list_entry(at, struct group, fresh);
		struct audience *a = audience_of(group);

		at = at->next;
		if (!list_is_empty(&a->recent)) {
			list_del(&group->fresh);
		} else if (is_paced(a, group, now_ms)) {
			sleep_ms = 1;
		} else {
			fanout_flush_group(f, group);
		}
	}
	return sleep_ms;
}

int64_t
fanout_turn(struct fanout *f, int64_t now_ms)
{
	int64_t sleep_ms = flush_some(f, now_ms), pager_ms;

	if (f->has_news)
		placing_retry_all(f);
	pager_ms = f->pager ? pager_turn(f, now_ms) : -1;
	stream_reap(f);
	if (sleep_ms < 0 || (pager_ms >= 0 && pager_ms < sleep_ms))
		return pager_ms;
	return sleep_ms;
}
