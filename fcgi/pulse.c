/* SPDX-License-Identifier: MIT */
/*
 * pulse: what happens to streams by time: heartbeats, the end of a stream's
 * life, draining.
 *
 * A wheel of slots, a tick each; a stream stands in the slot of the tick at
 * which it has to be looked at, and is moved on when it was written to in the
 * meantime, so that writing costs no timer.
 */
#include <errno.h>
#include <sys/socket.h>

#include "fcgi/fanout_priv.h"
#include "fcgi/record.h"
#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/sse/encode.h"

static void
wheel_put(struct fanout *f, struct stream *s, int64_t due_ms)
{
	int64_t at = due_ms / f->wheel_tick_ms + 1;

	if (at <= f->wheel_at)
		at = f->wheel_at + 1;
	if (at >= f->wheel_at + WHEEL_SLOTS)
		at = f->wheel_at + WHEEL_SLOTS - 1;
	list_del(&s->wheel);
	list_add(&f->wheel[at % WHEEL_SLOTS], &s->wheel);
}

void
pulse_remove(struct stream *s)
{
	list_del(&s->wheel);
}

void
pulse_add(struct stream *s, int64_t expires_ms)
{
	struct fanout *f = s->fanout;
	int64_t now_ms = loop_now_ms(f->loop);
	int64_t life = f->config.max_lifetime_ms, due;

	s->last_write_ms = now_ms;
	s->ends_ms = INT64_MAX;
	if (life > 0)		/* ±10 %, so that a crowd does not end at once */
		s->ends_ms = now_ms + life - life / 10 +
			     (int64_t)random_spread((uint64_t)life / 5 + 1);
	if (expires_ms > 0) {
		int64_t left = expires_ms - clock_wall_ms();

		if (left < s->ends_ms - now_ms)
			s->ends_ms = now_ms + (left > 0 ? left : 0);
	}
	/* The first heartbeats of those who came together are spread. */
	due = now_ms + f->config.heartbeat_ms -
	      (int64_t)random_spread((uint64_t)f->config.heartbeat_ms / 4 + 1);
	wheel_put(f, s, due < s->ends_ms ? due : s->ends_ms);
}

/* Whether the position has moved since the stream's last id:. */
static bool
has_moved(const struct stream *s)
{
	const struct audience *a = s->group->user;
	uint64_t told = s->told > a->told ? s->told : a->told;

	return s->state == STREAM_HEAD && s->group->pending_count == 0 &&
	       told != evlog_end(s->fanout->log);
}

/* The position, or a comment. */
static int
heartbeat_text(const struct fanout *f, bool has_position, struct buf *text)
{
	char id_text[ID_TEXT_MAX + 1];
	struct slice id = SLICE_NONE;

	if (has_position)
		id = place_text(f, evlog_last_place(f->log), id_text);
	if (id.p)
		return encode_position(text, id);
	return buf_append_text(text, ":\n");
}

static void
heartbeat(struct stream *s, int64_t now_ms)
{
	struct fanout *f = s->fanout;
	const struct group *group = s->group;
	struct buf text = { NULL, 0, 0 };
	struct piece p = { .first = EVLOG_NONE, .next = f->noted_end };
	bool moved = has_moved(s);
	int r;

	if (s->placing && s->placing->is_silent) {
		/* The hub takes its time, and a web server's patience ends. */
		(void)stream_speak_early(s);
		return;
	}
	r = heartbeat_text(f, moved, &text);

	buf_clear(&f->scratch);
	if (r == 0)
		r = record_append_stdout(&f->scratch, 1, buf_slice(&text));
	buf_done(&text);
	if (r < 0)
		return;
	p.bytes = f->scratch.p;
	p.len = f->scratch.len;
	if (group->pending_count)	/* what is held back follows */
		p.next = group->pending[0];
	if (s->paging)
		p.next = s->cursor;
	p.back = p.next;
	s->last_write_ms = now_ms;
	if (stream_write(s, &p, NULL) == WRITE_DONE && moved)
		s->told = p.next;
}

/* The end of a stream's life. */
static void
end_of_life(struct stream *s)
{
	struct fanout *f = s->fanout;

	if (s->state == STREAM_HEAD && s->group->pending_count)
		fanout_flush_group(f, s->group);
	if (s->state != STREAM_DOOMED && !s->chunk)
		stream_end(s, random_spread((uint64_t)f->config.retry_ms + 1));
}

uint64_t
fanout_later_ms(const struct fanout_config *config)
{
	return (uint64_t)config->retry_ms +
	       random_spread((uint64_t)config->drain_ms + 1);
}

static void
look_at(struct stream *s, int64_t now_ms)
{
	struct fanout *f = s->fanout;
	const struct audience *a = s->group->user;
	int64_t last = s->last_write_ms, due;

	if (now_ms >= s->ends_ms && !s->chunk)
		end_of_life(s);
	if (s->state == STREAM_DOOMED)
		return;
	if (s->state == STREAM_HEAD && a->last_flush_ms > last)
		last = a->last_flush_ms;
	due = last + f->config.heartbeat_ms;
	if (due <= now_ms) {
		if (s->state != STREAM_BEHIND || paging_is_waiting(s))
			heartbeat(s, now_ms);
		if (s->state == STREAM_DOOMED)
			return;
		due = now_ms + f->config.heartbeat_ms;
	}
	wheel_put(f, s, due < s->ends_ms ? due : s->ends_ms);
}

static void
turn_wheel(struct fanout *f, int64_t now_ms)
{
	int64_t until = now_ms / f->wheel_tick_ms;

	if (until - f->wheel_at > WHEEL_SLOTS)	/* we were stopped */
		f->wheel_at = until - WHEEL_SLOTS;
	while (f->wheel_at < until) {
		struct list *slot = &f->wheel[++f->wheel_at % WHEEL_SLOTS];
		struct list due;

		/* wheel_put never puts into the slot just taken, which comes
		 * round again after WHEEL_SLOTS ticks. */
		list_init(&due);
		while (!list_is_empty(slot)) {
			struct list *node = slot->next;

			list_del(node);
			list_add(&due, node);
		}
		while (!list_is_empty(&due)) {
			struct list *node = due.next;

			list_del(node);
			look_at(list_entry(node, struct stream, wheel), now_ms);
		}
	}
}

/* ---- draining ---- */

/*
 * Ends as many streams as the time that has passed calls for: the first at
 * once, so that nobody waits for the sake of one stream. One in the middle of
 * an event gets the rest of the time to finish it.
 */
static void
drain_some(struct fanout *f, int64_t now_ms)
{
	int64_t passed = now_ms - f->drain_from_ms;
	int64_t whole = f->config.drain_ms > 0 ? f->config.drain_ms : 1;
	bool is_over = passed >= whole;
	size_t ended = (size_t)((int64_t)f->drain_total * passed / whole) + 1;
	size_t keep = is_over || ended > f->drain_total ? 0 :
		      f->drain_total - ended;

	fanout_flush_all(f);	/* nobody is to miss what was held back */
	for (size_t i = 0; i < WHEEL_SLOTS && f->count > keep; i++) {
		struct list *at = f->wheel[i].next, *next;

		for (; at != &f->wheel[i] && f->count > keep; at = next) {
			struct stream *s = list_entry(at, struct stream, wheel);

			next = at->next;
			if (is_over && s->chunk)
				stream_doom(s);
			else if (!s->chunk)
				stream_end(s, fanout_later_ms(&f->config));
		}
	}
}

void
fanout_drain(struct fanout *f)
{
	if (f->drain_from_ms)
		return;
	f->drain_from_ms = loop_now_ms(f->loop);
	f->drain_total = f->count;
	(void)loop_timer_set(f->loop, &f->pulse, f->drain_from_ms);
}

/* ---- the timer ---- */

static void
on_pulse(struct loop_timer *t, int64_t now_ms)
{
	struct fanout *f = list_entry(t, struct fanout, pulse);
	int64_t next = f->wheel_tick_ms;

	if (f->drain_from_ms) {
		drain_some(f, now_ms);
		next = 20;
	}
	turn_wheel(f, now_ms);
	(void)evlog_trim(f->log, clock_wall_ms(), 1000);
	(void)loop_timer_set(f->loop, t, now_ms + next);
}

int
pulse_start(struct fanout *f)
{
	int64_t now_ms = loop_now_ms(f->loop);

	for (size_t i = 0; i < WHEEL_SLOTS; i++)
		list_init(&f->wheel[i]);
	f->wheel_tick_ms = f->config.heartbeat_ms / 60;
	if (f->wheel_tick_ms < 10)
		f->wheel_tick_ms = 10;
	f->wheel_at = now_ms / f->wheel_tick_ms;
	f->pulse.on_due = on_pulse;
	return loop_timer_set(f->loop, &f->pulse, now_ms + f->wheel_tick_ms);
}
