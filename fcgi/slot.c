/* SPDX-License-Identifier: MIT */
/*
 * slot: one page for one stream, from the question to the bytes.
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
#include "lib/sse/also.h"
#include "lib/sse/encode.h"

void
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

bool
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

/* ---- a page comes ---- */

/* Whether the stream misses something before what is in the page. */
static bool
is_missing(const struct paging *p, const struct follower_page *page)
{
	if (p->is_all && !p->has_begun)
		return p->reason;
	return !p->newest.most && page->lost > p->place.number &&
	       page->lost > p->told;
}

enum write_result
slot_speak(const struct pager_slot *slot, const struct follower_page *page)
{
	struct stream *s = slot->stream;
	struct placed placed = { .position = s->placing->after };
	enum write_result result;

	if (is_missing(s->paging, page))
		placed.reason = "trimmed";
	result = stream_speak(s, &placed);
	if (result != WRITE_GONE)
		placing_settle(s);
	return result;
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

/* From `i` on the first event for this stream; an unfit one is one, too. */
static size_t
find_wanted(const struct stream *s, const struct follower_page *page, size_t i,
	    uint64_t after, uint64_t to)
{
	for (; i < page->count; i++) {
		const struct event *e = &page->events[i];

		if (!e->topic.p ||
		    (e->number > after && e->number <= to &&
		     group_wants_event(s->group, e)))
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

/* For each topic that the stream wants it is one of the newest, perhaps. */
static int
collect_event(struct stream *s, const struct event *e, struct slice bytes)
{
	struct slice rest = e->also, topic = e->topic;
	int r = 0;

	do {
		if (group_wants_event_for(s->group, topic, e))
			r = newest_add(&s->paging->newest, topic, e->number,
				       bytes);
	} while (r == 0 && also_next(&rest, &topic));
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
			r = collect_event(s, e, buf_slice(&slot->bytes));
	}
	return r;
}

int
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
		gap = paging_gap(s, text);
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

/* What was collected goes into the slot, a piece to a mark. */
int
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
enum next
slot_take_piece(struct pager_slot *slot, struct piece *ret_piece)
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
void
slot_turn(struct pager_slot *slot)
{
	const struct paging *p = slot->stream->paging;

	slot->has_page = false;
	advance(slot, slot->to);
	/* What is collected is in memory only for those who have a slot. */
	if (!p->newest.most || p->is_replay)
		slot_release(slot);
}
