/* SPDX-License-Identifier: MIT */
/*
 * pager: whose turn it is to get a page from the hub.
 *
 * A stream that pages is BEHIND, and what it is written next comes out of the
 * slot that it has for one page; then others have their turn. It is in the
 * queue when it has none and could be written to: one that stalls gives its
 * slot up, and stands in the queue again once it has taken what was begun.
 */
#include <errno.h>
#include <stdlib.h>

#include "fcgi/fanout_priv.h"

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

static struct pager_slot *
free_slot(struct pager *p)
{
	for (size_t i = 0; i < PAGER_SLOTS; i++)
		if (!p->slots[i].stream)
			return &p->slots[i];
	return NULL;
}

static struct pager_slot *
slot_with_tag(struct pager *p, uint64_t tag)
{
	for (size_t i = 0; i < PAGER_SLOTS; i++)
		if (p->slots[i].stream && p->slots[i].tag == tag)
			return &p->slots[i];
	return NULL;
}

/* ---- a page comes ---- */

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

void
fanout_page(struct fanout *f, uint64_t tag, const struct follower_page *page)
{
	struct pager_slot *slot = f->pager ? slot_with_tag(f->pager, tag) : NULL;
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
	if (s->placing && s->placing->is_silent &&
	    slot_speak(slot, page) == WRITE_GONE)
		return;
	if (s->paging->hole != EVLOG_NONE) {
		paging_sound(s, page);
		paging_leave(s);
	} else if (slot_fill(slot, page, now_ms) < 0) {
		stream_starve(s);
		return;
	}
	stream_serve(s);
}

/* ---- whose turn it is ---- */

/* The stream can go on without asking. */
static bool
is_settled(const struct stream *s)
{
	const struct fanout *f = s->fanout;
	uint64_t hole = s->paging->hole;

	return paging_is_stale(s) ||
	       (hole != EVLOG_NONE && (hole < evlog_first(f->log) ||
		paging_hole(f, s->group, hole) != HOLE_UNKNOWN));
}

/* It stands at a hole no more, or the page that it waits for cannot come. */
static void
settle(struct stream *s)
{
	if (s->paging->hole != EVLOG_NONE)
		paging_leave(s);
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
		slot_turn(slot);
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
		struct pager_slot *slot = free_slot(pager);

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
