/* SPDX-License-Identifier: MIT */
/*
 * paging: a stream on its way through what is older than the window, page by
 * page (slot.c) when it has its turn (pager.c). When the window has all that
 * follows its place, it goes on there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/fanout_priv.h"

/* ---- beginning and leaving ---- */

int
paging_begin(struct stream *s, const struct placed *placed)
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
paging_begin_at_hole(struct stream *s, uint64_t pos)
{
	struct placed placed = {
		.page_after = place_before_hole(s->fanout, pos),
	};
	int r = paging_begin(s, &placed);

	if (r < 0)
		return r;
	s->paging->hole = pos;
	s->cursor = pos;
	return 0;
}

void
paging_leave(struct stream *s)
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
paging_is_waiting(const struct stream *s)
{
	const struct paging *p = s->paging;

	return p && !s->chunk && !(p->slot && p->slot->has_page);
}

/* ---- holes ---- */

enum hole
paging_hole(const struct fanout *f, const struct group *group, uint64_t pos)
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
void
paging_sound(struct stream *s, const struct follower_page *page)
{
	struct audience *a = s->group->user;

	a->sounded_gen = s->paging->place.gen;
	a->sounded = evlog_last_place(s->fanout->log).number;
	a->lost = page->lost;
}

/* ---- where it stands ---- */

bool
paging_is_stale(const struct stream *s)
{
	return s->paging->place.gen != evlog_last_place(s->fanout->log).gen;
}

struct placed
paging_gap(const struct stream *s, char text[ID_TEXT_MAX + 1])
{
	const struct paging *p = s->paging;
	struct placed gap = { .after = p->after, .reason = p->reason };

	if (p->has_begun || !gap.reason)
		gap.reason = "trimmed";
	if (p->has_begun || !(gap.after.p || p->is_all))
		gap.after = place_text(s->fanout, p->place, text);
	return gap;
}

/* ---- the newest of each topic ---- */

/* One of those that are not collected: it counts for each topic of it that the
 * stream wants. */
static void
count_entry(struct stream *s, const struct evlog_entry *e)
{
	const struct evlog_topic *t;

	for (uint32_t i = 0; (t = evlog_topic_at(e, i)); i++)
		if (!e->also || group_wants_entry_for(s->group, t, e))
			newest_count(&s->paging->newest, t->name);
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
		count_entry(s, evlog_at(f->log, p->replay[i]));
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
		paging_leave(s);
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
		paging_leave(s);
		return NEXT_AGAIN;
	}
	if (paging_is_stale(s)) {
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

/* ---- on to the window ---- */

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
	struct placed gap = paging_gap(s, text);
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
	paging_leave(s);
	return is_silent ? NEXT_AGAIN : NEXT_PIECE;
}

enum next
paging_next(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	struct paging *p = s->paging;
	struct pager_slot *slot = p->slot;

	if (slot && slot->has_page && slot->mark_at < slot->mark_count)
		return slot_take_piece(slot, ret_piece);
	if (slot && slot->has_page)
		slot_turn(slot);
	if (p->newest.most)
		return next_of_newest(s);
	if (p->has_begun && !group_has_lost(f->groups, s->group, p->place)) {
		s->cursor = evlog_after(f->log, p->place);
		paging_leave(s);
		return NEXT_AGAIN;
	}
	if (p->hole != EVLOG_NONE && paging_is_stale(s)) {
		paging_leave(s);
		return NEXT_AGAIN;
	}
	if (paging_is_stale(s) && placing_has_all(s)) {
		if (s->placing && s->placing->is_silent) {
			const struct placed placed = { .reason = "trimmed" };

			(void)stream_speak(s, &placed);
			return NEXT_AGAIN;
		}
		return go_on_at_first(s, ret_piece);
	}
	if (paging_is_stale(s)) {
		if (p->slot)
			slot_release(p->slot);
		move_to_this_log(s);
	}
	if (!p->slot && list_is_empty(&p->node))
		list_add(&f->pager->queue, &p->node);
	return NEXT_WAIT;
}
