/* SPDX-License-Identifier: MIT */
/*
 * pager: what is older than the window, from the hub into one stream.
 *
 * A stream that pages is BEHIND, and what it is written next comes out of the
 * slot that it has for one page; then others have their turn. It is in the
 * queue when it has none and could be written to: one that stalls gives its
 * slot up, and stands in the queue again once it has taken what was begun.
 * When the window has all that follows its place, it goes on there.
 *
 * Whether something is gone the hub knows (`lost`), for the topics of the
 * stream; of more than 128 selectors, for all topics.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/fanout_priv.h"
#include "fcgi/record.h"
#include "lib/base/limits.h"
#include "lib/sse/encode.h"

int
pager_new(struct pager **ret_pager)
{
	struct pager *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	list_init(&p->queue);
	*ret_pager = p;
	return 0;
}

struct pager *
pager_free(struct pager *p)
{
	if (!p)
		return NULL;
	buf_done(&p->text);
	free(p);
	return NULL;
}

/* ---- slots ---- */

static struct pager_slot *
slot_free(struct pager *p)
{
	for (size_t i = 0; i < PAGER_SLOTS; i++)
		if (!p->slots[i].stream)
			return &p->slots[i];
	return NULL;
}

static struct pager_slot *
slot_of(struct pager *p, uint64_t tag)
{
	for (size_t i = 0; i < PAGER_SLOTS; i++)
		if (p->slots[i].stream && p->slots[i].tag == tag)
			return &p->slots[i];
	return NULL;
}

static void
slot_release(struct pager_slot *slot)
{
	struct stream *s = slot->stream;
	struct fanout *f = s->fanout;

	if (slot->tag)
		f->ops->forget(f->user, slot->tag);
	s->paging->slot = NULL;
	slot->stream = NULL;
	slot->tag = 0;
	slot->has_page = false;
	buf_done(&slot->bytes);
}

/* Asks for the next page. False: that is for later. */
static bool
slot_ask(struct pager_slot *slot, int64_t now_ms)
{
	struct stream *s = slot->stream;
	struct fanout *f = s->fanout;
	const struct paging *p = s->paging;
	struct buf *selectors = &f->pager->text;
	struct follower_question q = {
		.epoch = evlog_epoch(f->log, p->place.gen),
		.number = p->place.number,
		.limit = PAGER_EVENTS,
	};

	if (p->hole != EVLOG_NONE)
		q.limit = 1;
	else if (p->newest.most)
		q.limit = LIMIT_PAGE_EVENTS;
	buf_clear(selectors);
	slot->tag = ++f->last_tag;
	if (group_append_selectors(s->group, selectors) == 0) {
		q.selectors = buf_slice(selectors);
		if (f->ops->page(f->user, slot->tag, &q) == 0)
			return true;
	}
	slot->tag = 0;
	slot->due_ms = now_ms + PAGER_AGAIN_MS;
	return false;
}

/* ---- beginning and leaving ---- */

int
pager_begin(struct stream *s, const struct placed *placed)
{
	size_t room = placed->after.len > ID_TEXT_MAX ? placed->after.len :
							ID_TEXT_MAX;
	struct paging *p = calloc(1, sizeof(*p) + room + 1);

	if (!p)
		return -ENOMEM;
	list_init(&p->node);
	p->stream = s;
	p->place = placed->page_after;
	p->hole = EVLOG_NONE;
	p->is_all = placed->is_all;
	p->reason = placed->reason;
	newest_init(&p->newest, placed->last_n);
	if (placed->after.len) {
		p->after = (struct slice){ p->after_text, placed->after.len };
		memcpy(p->after_text, placed->after.p, placed->after.len);
	}
	s->paging = p;
	s->cursor = evlog_first(s->fanout->log);
	return 0;
}

/* The place before a hole, in the hole's own epoch. */
static struct evlog_place
place_before_hole(const struct fanout *f, uint64_t pos)
{
	struct evlog_place place = evlog_at(f->log, pos)->place, before;

	place.number = f->began;
	if (evlog_place_before(f->log, pos, &before) && before.gen == place.gen)
		place = before;
	return place;
}

int
pager_begin_at_hole(struct stream *s, uint64_t pos)
{
	struct placed placed = {
		.page_after = place_before_hole(s->fanout, pos),
	};
	int r = pager_begin(s, &placed);

	if (r < 0)
		return r;
	s->paging->hole = pos;
	s->cursor = pos;
	return 0;
}

void
pager_leave(struct stream *s)
{
	struct paging *p = s->paging;

	if (p->slot)
		slot_release(p->slot);
	list_del(&p->node);
	newest_done(&p->newest);
	s->paging = NULL;
	free(p);
}

bool
pager_is_waiting(const struct stream *s)
{
	const struct paging *p = s->paging;

	return p && !s->chunk && !(p->slot && p->slot->has_page);
}

/* ---- holes ---- */

enum hole
pager_hole(const struct fanout *f, const struct group *group, uint64_t pos)
{
	const struct audience *a = group->user;
	struct evlog_place place = evlog_at(f->log, pos)->place;

	/* The hub has another log now; nobody knows any more. */
	if (place.gen != evlog_last_place(f->log).gen)
		return HOLE_MISSED;
	if (a->sounded_gen != place.gen || a->sounded < place.number)
		return HOLE_UNKNOWN;
	return a->lost > place_before_hole(f, pos).number ? HOLE_MISSED :
							    HOLE_HARMLESS;
}

/* The answer is one for the whole group, and for all holes that are there now:
 * what we have not followed yet may be gone before we do. */
static void
sound(struct stream *s, const struct follower_page *page)
{
	struct audience *a = s->group->user;

	a->sounded_gen = s->paging->place.gen;
	a->sounded = evlog_last_place(s->fanout->log).number;
	a->lost = page->lost;
}

/* ---- a page comes ---- */

/* Whether the hub has another log than the one of the stream's place. */
static bool
is_stale(const struct stream *s)
{
	return s->paging->place.gen != evlog_last_place(s->fanout->log).gen;
}

/* Whether the page is of the log that we follow, and of that place in it. If
 * not, the follower is about to hear of another one. */
static bool
is_answer(const struct stream *s, const struct follower_page *page)
{
	const struct fanout *f = s->fanout;
	const struct paging *p = s->paging;

	return page->epoch == evlog_epoch(f->log, p->place.gen) &&
	       page->from > p->place.number &&
	       page->last >= p->place.number &&
	       (page->to > p->place.number || page->to == page->last) &&
	       (p->hole == EVLOG_NONE || p->hole < evlog_first(f->log) ||
		page->last >= evlog_at(f->log, p->hole)->place.number);
}

/* Whether the stream misses something before what is in the page. */
static bool
is_missing(const struct paging *p, const struct follower_page *page)
{
	if (p->is_all && !p->has_begun)
		return p->reason;
	return !p->newest.most && page->lost > p->place.number &&
	       page->lost > p->told;
}

static struct evlog_place
place_at(const struct pager_slot *slot, uint64_t number)
{
	return (struct evlog_place){
		.gen = slot->stream->paging->place.gen, .number = number,
	};
}

static void
slot_mark(struct pager_slot *slot, uint64_t number)
{
	slot->marks[slot->mark_count++] = (struct pager_mark){
		.end = slot->bytes.len, .number = number,
	};
}

/* The gap for what is gone behind the stream's place; `text` holds its after. */
static struct placed
gap_of(const struct stream *s, char text[ID_TEXT_MAX + 1])
{
	const struct paging *p = s->paging;
	struct placed gap = { .after = p->after, .reason = p->reason };

	if (p->has_begun || !gap.reason)
		gap.reason = "trimmed";
	if (p->has_begun || !(gap.after.p || p->is_all))
		gap.after = place_text(s->fanout, p->place, text);
	return gap;
}

/* What comes next is the first one behind `number`. */
static int
slot_add_gap(struct pager_slot *slot, const struct placed *gap,
	     uint64_t number)
{
	int r = placing_append_gap_at(slot->stream->fanout, gap,
				      place_at(slot, number), &slot->bytes);

	if (r == 0)
		slot_mark(slot, number);
	return r;
}

/* For an event that the hub has, and that cannot be written. */
static int
slot_add_unfit(struct pager_slot *slot, uint64_t number)
{
	char text[ID_TEXT_MAX + 1];
	struct placed gap = {
		.after = place_text(slot->stream->fanout,
				    place_at(slot, number), text),
		.reason = "trimmed",
	};

	return slot_add_gap(slot, &gap, number);
}

/* As records for request id 1. */
static int
append_event(struct pager *pager, const struct event *e, struct buf *out)
{
	struct buf *text = &pager->text;
	char id_text[ID_TEXT_MAX + 1];
	struct slice id = e->id;
	int r;

	if (!id.p) {
		id.p = id_text;
		id.len = id_format(e->epoch, e->number, id_text);
	}
	buf_clear(text);
	r = encode_event(text, e, id);
	return r < 0 ? r : record_append_stdout(out, 1, buf_slice(text));
}

/* From `i` on the first event for this stream; one that is unfit is one, too. */
static size_t
find_wanted(const struct stream *s, const struct follower_page *page, size_t i,
	    uint64_t after, uint64_t to)
{
	for (; i < page->count; i++) {
		const struct event *e = &page->events[i];

		if (!e->topic.p ||
		    (e->number > after && e->number <= to &&
		     group_wants_event(s->group, e->topic, e->is_private)))
			break;
	}
	return i;
}

/* The events of the page from `i` on. */
static int
slot_add_events(struct pager_slot *slot, const struct follower_page *page,
		size_t i, uint64_t after)
{
	const struct stream *s = slot->stream;
	int r = 0;

	for (; i < page->count && r == 0;
	     i = find_wanted(s, page, i + 1, after, slot->to)) {
		if (slot->mark_count == PAGER_EVENTS + 1) {
			slot->to = after;	/* more than was asked for */
			break;
		}
		if (page->events[i].topic.p) {
			after = page->events[i].number;
			r = append_event(slot->stream->fanout->pager,
					 &page->events[i], &slot->bytes);
			if (r == 0)
				slot_mark(slot, after);
		} else {
			r = slot_add_unfit(slot, after);
		}
	}
	return r;
}

/* Of a last=N: the events of the page from `i` on are remembered. */
static int
slot_collect(struct pager_slot *slot, const struct follower_page *page,
	     size_t i, uint64_t after)
{
	struct stream *s = slot->stream;
	int r = 0;

	s->paging->pages++;
	for (; i < page->count && r == 0;
	     i = find_wanted(s, page, i + 1, after, slot->to)) {
		const struct event *e = &page->events[i];

		if (!e->topic.p)
			continue;
		after = e->number;
		buf_clear(&slot->bytes);
		r = append_event(s->fanout->pager, e, &slot->bytes);
		if (r == 0)
			r = newest_add(&s->paging->newest, e->topic,
				       buf_slice(&slot->bytes));
	}
	return r;
}

static int
slot_fill(struct pager_slot *slot, const struct follower_page *page,
	  int64_t now_ms)
{
	struct stream *s = slot->stream;
	struct fanout *f = s->fanout;
	const struct paging *p = s->paging;
	uint64_t last = evlog_last_place(f->log).number, before;
	char text[ID_TEXT_MAX + 1];
	struct placed gap;
	size_t i;
	int r = 0;

	slot->has_page = true;
	slot->due_ms = now_ms + PAGER_STALL_MS;
	slot->lost = page->lost;
	slot->mark_at = slot->mark_count = 0;
	/* What we have not followed yet is going to come by itself. */
	slot->to = page->to < last ? page->to : last;
	i = find_wanted(s, page, 0, p->place.number, slot->to);
	before = slot->to;
	if (i < page->count)
		before = page->events[i].topic.p ? page->events[i].number - 1 :
						   p->place.number;
	if (is_missing(p, page)) {
		gap = gap_of(s, text);
		f->stats.slow += strcmp(gap.reason, "slow") == 0;
		r = slot_add_gap(slot, &gap, before);
	}
	if (!group_has_lost(f->groups, s->group, place_at(slot, before)))
		slot->to = before;	/* the window has the rest */
	else if (p->newest.most)
		r = slot_collect(slot, page, i, before);
	else if (r == 0)
		r = slot_add_events(slot, page, i, before);
	return r;
}

void
fanout_page(struct fanout *f, uint64_t tag, const struct follower_page *page)
{
	struct pager_slot *slot = f->pager ? slot_of(f->pager, tag) : NULL;
	int64_t now_ms = loop_now_ms(f->loop);
	struct stream *s;

	if (!slot || tag == 0)
		return;
	s = slot->stream;
	slot->tag = 0;
	f->stats.pages++;
	if (!page) {
		stream_end_later(s);
		return;
	}
	if (!is_answer(s, page)) {
		slot->due_ms = now_ms + PAGER_AGAIN_MS;
		return;
	}
	if (s->paging->hole != EVLOG_NONE) {
		sound(s, page);
		pager_leave(s);
	} else if (slot_fill(slot, page, now_ms) < 0) {
		stream_starve(s);
		return;
	}
	stream_serve(s);
}

/* ---- and is written ---- */

/* The stream has got what matches up to `number`, and was told what is gone. */
static void
advance(const struct pager_slot *slot, uint64_t number)
{
	struct paging *p = slot->stream->paging;

	p->place.number = number;
	p->has_begun = true;
	if (p->told < slot->lost)
		p->told = slot->lost;
}

/* As much of the page as is written at a time. */
static enum next
take_piece(struct pager_slot *slot, struct piece *ret_piece)
{
	const struct stream *s = slot->stream;
	size_t from = slot->mark_at ? slot->marks[slot->mark_at - 1].end : 0;
	size_t end = slot->marks[slot->mark_at].end;

	while (slot->mark_at + 1 < slot->mark_count &&
	       slot->marks[slot->mark_at + 1].end - from <= PIECE_BYTES)
		end = slot->marks[++slot->mark_at].end;
	advance(slot, slot->marks[slot->mark_at++].number);
	*ret_piece = (struct piece){
		.bytes = slot->bytes.p + from,
		.len = end - from,
		.first = EVLOG_NONE,
		.next = s->cursor,
		.is_once = true,
	};
	return NEXT_PIECE;
}

/* All of its page is written. */
static void
turn_page(struct pager_slot *slot)
{
	const struct paging *p = slot->stream->paging;

	slot->has_page = false;
	advance(slot, slot->to);
	/* What is collected is in memory only for those who have a slot. */
	if (!p->newest.most || p->is_replay)
		slot_release(slot);
}

/* ---- the newest of each topic ---- */

/* What was collected goes into the slot, a piece to a mark. */
static int
slot_fill_replay(struct pager_slot *slot, struct newest *newest)
{
	struct newest_event *e;
	struct slice bytes;
	size_t from = 0;
	int r = 0;

	buf_clear(&slot->bytes);
	slot->mark_at = slot->mark_count = 0;
	while (r == 0 && (bytes = newest_take(newest, &e)).p) {
		if (slot->bytes.len > from &&
		    slot->bytes.len - from + bytes.len > PIECE_BYTES) {
			slot_mark(slot, 0);
			from = slot->bytes.len;
		}
		r = buf_append_slice(&slot->bytes, bytes);
		free(e);
	}
	if (slot->bytes.len > from)
		slot_mark(slot, 0);
	return r;
}

/* The part of it that the window has, from `first` on: the stream's replay. */
static int
place_replay(struct stream *s, uint64_t first)
{
	struct fanout *f = s->fanout;
	struct placing *p = s->placing;
	size_t i;
	int r = group_newest(f->groups, s->group, p->last_n, &p->replay,
			     &p->replay_count);

	if (r < 0)
		return r;
	for (i = 0; i < p->replay_count && p->replay[i] < first; i++)
		;
	p->replay_at = i;
	for (; i < p->replay_count; i++)
		newest_count(&s->paging->newest,
			     evlog_at(f->log, p->replay[i])->topic->name);
	s->cursor = evlog_end(f->log);
	return 0;
}

/* All has been looked through, as far as it is: the replay begins. */
static enum next
begin_replay(struct stream *s)
{
	struct fanout *f = s->fanout;
	struct paging *p = s->paging;
	struct pager_slot *slot = p->slot;
	uint64_t first = evlog_after(f->log, p->place);

	/* It was too far: of what is in between nothing is known. */
	if (group_has_lost(f->groups, s->group, p->place))
		newest_done(&p->newest);
	if (list_is_empty(&p->newest.events))
		first = 0;
	if (place_replay(s, first) < 0)
		return NEXT_FAILED;
	if (slot && slot_fill_replay(slot, &p->newest) < 0)
		return NEXT_FAILED;
	p->is_replay = true;
	if (slot && slot->mark_count > 0) {
		slot->has_page = true;
		slot->due_ms = loop_now_ms(f->loop) + PAGER_STALL_MS;
	} else {
		pager_leave(s);
	}
	return NEXT_AGAIN;
}

/* After each page of a last=N. */
static enum next
next_of_newest(struct stream *s)
{
	struct fanout *f = s->fanout;
	struct paging *p = s->paging;

	if (p->is_replay) {
		pager_leave(s);
		return NEXT_AGAIN;
	}
	if (is_stale(s)) {
		if (p->slot)
			slot_release(p->slot);
		newest_done(&p->newest);
		p->pages = 0;
		p->place = placing_in_this_log(f, (struct evlog_place){ 0 });
		p->has_begun = placing_has_all(s);
	}
	if (p->has_begun && (p->pages >= PAGER_NEWEST_PAGES ||
	    !group_has_lost(f->groups, s->group, p->place)))
		return begin_replay(s);
	if (p->slot && !p->slot->tag)
		p->slot->due_ms = loop_now_ms(f->loop);
	else if (!p->slot && list_is_empty(&p->node))
		list_add(&f->pager->queue, &p->node);
	return NEXT_WAIT;
}

/* The log that the stream pages from is gone: all of the new one is paged. */
static void
move_to_this_log(struct stream *s)
{
	struct fanout *f = s->fanout;
	struct paging *p = s->paging;

	if (p->has_begun || !(p->after.p || p->is_all))
		p->after = place_text(f, p->place, p->after_text);
	if (p->has_begun || !(p->reason || p->is_all))
		p->reason = "trimmed";
	p->place = placing_in_this_log(f, p->place);
	p->is_all = true;
	p->has_begun = false;
	p->told = 0;
}

/* The same, and the window has all of the new one, and may have more. */
static enum next
go_on_at_first(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	const struct paging *p = s->paging;
	char text[ID_TEXT_MAX + 1];
	struct placed gap = gap_of(s, text);
	bool is_silent = p->is_all && !p->has_begun && !p->reason;
	uint64_t first = evlog_after(f->log, p->place);

	if (first < placing_first(f))
		first = placing_first(f);
	gap.resumed_at = p->place;
	buf_clear(&f->scratch);
	if (!is_silent && placing_append_gap(f, &gap, &f->scratch) < 0)
		return NEXT_FAILED;
	*ret_piece = (struct piece){
		.bytes = f->scratch.p,
		.len = f->scratch.len,
		.first = EVLOG_NONE,
		.next = first,
		.told = first,
		.is_once = true,
	};
	s->cursor = first;
	pager_leave(s);
	return is_silent ? NEXT_AGAIN : NEXT_PIECE;
}

enum next
pager_next(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	struct paging *p = s->paging;
	struct pager_slot *slot = p->slot;

	if (slot && slot->has_page && slot->mark_at < slot->mark_count)
		return take_piece(slot, ret_piece);
	if (slot && slot->has_page)
		turn_page(slot);
	if (p->newest.most)
		return next_of_newest(s);
	if (p->has_begun && !group_has_lost(f->groups, s->group, p->place)) {
		s->cursor = evlog_after(f->log, p->place);
		pager_leave(s);
		return NEXT_AGAIN;
	}
	if (p->hole != EVLOG_NONE && is_stale(s)) {
		pager_leave(s);
		return NEXT_AGAIN;
	}
	if (is_stale(s) && placing_has_all(s))
		return go_on_at_first(s, ret_piece);
	if (is_stale(s)) {
		if (p->slot)
			slot_release(p->slot);
		move_to_this_log(s);
	}
	if (!p->slot && list_is_empty(&p->node))
		list_add(&f->pager->queue, &p->node);
	return NEXT_WAIT;
}

/* ---- whose turn it is ---- */

/* The stream can go on without asking. */
static bool
is_settled(const struct stream *s)
{
	const struct fanout *f = s->fanout;
	uint64_t hole = s->paging->hole;

	return is_stale(s) ||
	       (hole != EVLOG_NONE && (hole < evlog_first(f->log) ||
		pager_hole(f, s->group, hole) != HOLE_UNKNOWN));
}

/* It stands at a hole no more, or the page that it waits for cannot come. */
static void
settle(struct stream *s)
{
	if (s->paging->hole != EVLOG_NONE)
		pager_leave(s);
	else
		list_del(&s->paging->node);
	stream_serve(s);
}

/* A page that is not taken is in the way of others. In the middle of a large
 * event, which nobody can hold for it, and of a last=N the stream ends. */
static void
drop_page(struct pager_slot *slot)
{
	struct stream *s = slot->stream;
	bool is_large = s->chunk && s->chunk->len - s->chunk_at > PIECE_BYTES;

	if (is_large || s->paging->is_replay) {
		s->fanout->stats.cut += s->chunk != NULL;
		stream_end_later(s);
	} else if (slot->mark_at == slot->mark_count) {
		turn_page(slot);
	} else {
		slot_release(slot);
	}
}

/* What there is to do with a slot by time. True: it asks. */
static bool
look_at_slot(struct pager_slot *slot, int64_t now_ms)
{
	if (!slot->has_page && is_settled(slot->stream)) {
		settle(slot->stream);
		return false;
	}
	if (now_ms < slot->due_ms)
		return false;
	if (slot->has_page)
		drop_page(slot);
	return slot->stream && slot->tag == 0 && slot_ask(slot, now_ms);
}

/* Gives the free slots to those who wait. True: something is asked. */
static bool
give_slots(struct fanout *f, int64_t now_ms)
{
	struct pager *pager = f->pager;
	bool has_asked = false;

	while (!list_is_empty(&pager->queue)) {
		struct paging *p = list_entry(pager->queue.next, struct paging,
					      node);
		struct pager_slot *slot = slot_free(pager);

		if (is_settled(p->stream)) {
			settle(p->stream);
			continue;
		}
		if (!slot)
			break;
		list_del(&p->node);
		slot->stream = p->stream;
		p->slot = slot;
		has_asked |= slot_ask(slot, now_ms);
	}
	return has_asked;
}

int64_t
pager_turn(struct fanout *f, int64_t now_ms)
{
	struct pager_slot *slots = f->pager->slots;
	bool has_asked = false;
	int64_t sleep_ms = -1;

	for (size_t i = 0; i < PAGER_SLOTS; i++)
		if (slots[i].stream)
			has_asked |= look_at_slot(&slots[i], now_ms);
	has_asked |= give_slots(f, now_ms);
	if (has_asked)
		return 0;
	for (size_t i = 0; i < PAGER_SLOTS; i++) {
		int64_t due_ms = slots[i].due_ms - now_ms;

		if (slots[i].stream && slots[i].tag == 0 &&
		    (sleep_ms < 0 || due_ms < sleep_ms))
			sleep_ms = due_ms > 0 ? due_ms : 0;
	}
	return sleep_ms;
}
