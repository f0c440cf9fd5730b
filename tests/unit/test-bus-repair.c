/* SPDX-License-Identifier: MIT */
#include "lib/bus/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { E1 = 1001, E2 = 2002, E3 = 3003 };

/* --- by hand ------------------------------------------------------------ */

static struct follower_gap gap;
static struct follow_request request;

static struct follow_reply
page(uint64_t epoch, uint64_t from, uint64_t to, uint64_t last)
{
	return (struct follow_reply){ .kind = FOLLOW_PAGE, .epoch = epoch,
				      .from = from, .to = to, .last = last };
}

/* A page with an event for each number. Returns how many were delivered. */
static unsigned
take_page(struct repair *r, int64_t now, uint64_t epoch, uint64_t from,
	  uint64_t to, uint64_t last, unsigned *ret_gaps)
{
	struct follow_reply p = page(epoch, from, to, last);
	unsigned delivered = 0, gaps = 0;
	uint64_t n;
	bool is_gap;

	gaps += repair_page_begin(r, &p, now, &gap);
	for (n = from; n <= to; n++) {
		delivered += repair_page_event(r, &p, epoch, n, &is_gap,
					       &gap) == REPAIR_DELIVER;
		gaps += is_gap;
	}
	gaps += repair_page_end(r, &p, now, &gap);
	if (ret_gaps)
		*ret_gaps = gaps;
	return delivered;
}

static void
must_ask(struct repair *r, int64_t now, uint64_t epoch, uint64_t number)
{
	assert_true(repair_wants(r, now, &request));
	assert_int_equal(request.epoch, epoch);
	assert_int_equal(request.number, number);
	repair_asked(r, now);
	assert_false(repair_wants(r, now, &request));
}

/* A follower that is live at `last` of E1. */
static void
make_live(struct repair *r, uint64_t last)
{
	unsigned gaps;

	repair_init(r, 0, 0, FOLLOWER_ALL, 0);
	assert_int_equal(repair_state(r), FOLLOWER_SEARCHING);
	must_ask(r, 0, 0, 0);
	assert_int_equal(take_page(r, 0, E1, 1, last, last, &gaps), last);
	assert_int_equal(gaps, 1);
	assert_false(gap.after_known);
	repair_on_heartbeat(r, E1, last, 0);
	repair_tick(r, 0);
	assert_int_equal(repair_state(r), FOLLOWER_LIVE);
	assert_false(repair_wants(r, 0, &request));
}

static void
delivers_what_follows(void **state)
{
	struct repair r;
	uint64_t n;

	(void)state;
	make_live(&r, 5);
	for (n = 6; n < 100; n++)
		assert_int_equal(repair_on_live(&r, E1, n, 1), REPAIR_DELIVER);
	assert_int_equal(repair_on_live(&r, E1, 99, 1), REPAIR_DROP);
	assert_int_equal(repair_on_live(&r, E1, 1, 1), REPAIR_DROP);
	assert_int_equal(repair_on_live(&r, E1, 0, 1), REPAIR_DROP);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
	assert_int_equal(r.repairs, 0);
	assert_int_equal(r.holes, 0);
}

static void
fills_a_hole(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	make_live(&r, 5);
	assert_int_equal(repair_on_live(&r, E1, 8, 10), REPAIR_HOLD);
	assert_int_equal(repair_on_live(&r, E1, 9, 10), REPAIR_HOLD);
	assert_int_equal(repair_state(&r), FOLLOWER_REPAIRING);
	must_ask(&r, 10, E1, 5);
	assert_int_equal(take_page(&r, 11, E1, 6, 8, 8, &gaps), 3);
	assert_int_equal(gaps, 0);
	assert_int_equal(repair_on_held(&r, E1, 8), REPAIR_DROP);
	assert_int_equal(repair_on_held(&r, E1, 9), REPAIR_DELIVER);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
	assert_false(repair_wants(&r, 11, &request));
	assert_int_equal(r.repairs, 1);
	assert_int_equal(r.holes, 1);
	assert_int_equal(repair_on_live(&r, E1, 10, 12), REPAIR_DELIVER);
}

static void
finds_a_lost_tail_by_the_heartbeat(void **state)
{
	struct repair r;

	(void)state;
	make_live(&r, 5);
	repair_on_heartbeat(&r, E1, 7, 1000);
	must_ask(&r, 1000, E1, 5);
	assert_int_equal(take_page(&r, 1001, E1, 6, 7, 7, NULL), 2);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
pages_on_until_the_end(void **state)
{
	struct repair r;

	(void)state;
	repair_init(&r, E1, 100, 0, 0);
	must_ask(&r, 0, E1, 100);
	assert_int_equal(take_page(&r, 1, E1, 101, 110, 125, NULL), 10);
	assert_int_equal(repair_state(&r), FOLLOWER_REPAIRING);
	must_ask(&r, 1, E1, 110);
	assert_int_equal(take_page(&r, 2, E1, 111, 125, 125, NULL), 15);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
announces_what_is_trimmed(void **state)
{
	struct repair r;
	struct follow_reply p;
	unsigned gaps;
	bool is_gap;

	(void)state;
	make_live(&r, 5);
	repair_on_heartbeat(&r, E1, 90, 10);
	must_ask(&r, 10, E1, 5);
	assert_int_equal(take_page(&r, 11, E1, 51, 90, 90, &gaps), 40);
	assert_int_equal(gaps, 1);
	assert_true(gap.after_known);
	assert_int_equal(gap.after_epoch, E1);
	assert_int_equal(gap.after_number, 5);
	assert_int_equal(gap.epoch, E1);
	assert_int_equal(gap.resumed_at, 50);
	assert_string_equal(gap.reason, "trimmed");

	/* Gone in the middle and at the end of a page. */
	repair_on_heartbeat(&r, E1, 100, 20);
	must_ask(&r, 20, E1, 90);
	p = page(E1, 91, 100, 100);
	assert_false(repair_page_begin(&r, &p, 21, &gap));
	assert_int_equal(repair_page_event(&r, &p, E1, 95, &is_gap, &gap),
			 REPAIR_DELIVER);
	assert_true(is_gap);
	assert_int_equal(gap.after_number, 90);
	assert_int_equal(gap.resumed_at, 94);
	/* What a page may not hold. */
	assert_int_equal(repair_page_event(&r, &p, E2, 96, &is_gap, &gap),
			 REPAIR_DROP);
	assert_int_equal(repair_page_event(&r, &p, E1, 101, &is_gap, &gap),
			 REPAIR_DROP);
	assert_int_equal(repair_page_event(&r, &p, E1, 95, &is_gap, &gap),
			 REPAIR_DROP);
	assert_true(repair_page_end(&r, &p, 21, &gap));
	assert_int_equal(gap.after_number, 95);
	assert_int_equal(gap.resumed_at, 100);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
follows_into_a_new_log(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	make_live(&r, 5);
	assert_int_equal(repair_on_live(&r, E2, 3, 10), REPAIR_HOLD);
	/* Number 6 of the old log is still good: only a page decides. */
	assert_int_equal(repair_on_live(&r, E1, 6, 10), REPAIR_DELIVER);
	must_ask(&r, 10, E1, 6);
	assert_int_equal(take_page(&r, 11, E2, 2, 2, 3, &gaps), 1);
	assert_int_equal(gaps, 1);
	assert_string_equal(gap.reason, "restarted");
	assert_int_equal(gap.after_number, 6);
	assert_int_equal(gap.epoch, E2);
	assert_int_equal(gap.resumed_at, 1);
	assert_int_equal(repair_on_held(&r, E2, 3), REPAIR_DELIVER);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);

	/* A late one of the old log: asked about, and dropped. */
	assert_int_equal(repair_on_live(&r, E1, 7, 12), REPAIR_HOLD);
	assert_int_equal(repair_on_held(&r, E1, 7), REPAIR_HOLD);
	must_ask(&r, 12, E2, 3);
	assert_int_equal(take_page(&r, 13, E2, 4, 3, 3, &gaps), 0);
	assert_int_equal(gaps, 0);
	assert_int_equal(repair_on_held(&r, E1, 7), REPAIR_DROP);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
notices_a_log_that_went_back(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	make_live(&r, 50);
	repair_on_heartbeat(&r, E1, 20, 1000);
	repair_on_heartbeat(&r, E1, 21, 2000);
	assert_false(repair_wants(&r, 2000, &request));
	repair_on_heartbeat(&r, E1, 21, 3000);
	must_ask(&r, 3000, E1, 50);
	assert_int_equal(take_page(&r, 3001, E1, 22, 21, 21, &gaps), 0);
	assert_int_equal(gaps, 1);
	assert_string_equal(gap.reason, "restarted");
	assert_int_equal(gap.after_number, 50);
	assert_int_equal(gap.resumed_at, 21);
	assert_int_equal(repair_on_live(&r, E1, 22, 3002), REPAIR_DELIVER);
}

static void
begins_with_what_is_new(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	repair_init(&r, 0, 0, 0, 0);
	assert_int_equal(repair_on_live(&r, E1, 71, 0), REPAIR_HOLD);
	must_ask(&r, 0, 0, 0);
	assert_int_equal(request.limit, 1);
	assert_int_equal(take_page(&r, 1, E1, 40, 40, 70, &gaps), 0);
	assert_int_equal(gaps, 1);
	assert_false(gap.after_known);
	assert_int_equal(gap.resumed_at, 70);
	assert_int_equal(repair_on_held(&r, E1, 71), REPAIR_DELIVER);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
begins_with_the_newest_numbers(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	repair_init(&r, 0, 0, 20, 0);
	must_ask(&r, 0, 0, 0);
	assert_int_equal(request.limit, 1);
	assert_int_equal(take_page(&r, 1, E1, 40, 40, 70, &gaps), 0);
	assert_int_equal(gaps, 1);
	assert_false(gap.after_known);
	assert_int_equal(gap.resumed_at, 50);
	must_ask(&r, 1, E1, 50);
	assert_int_equal(request.limit, 1000);
	assert_int_equal(take_page(&r, 1, E1, 51, 70, 70, &gaps), 20);
	assert_int_equal(gaps, 0);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

/* The tail is longer than what is kept, and the longest that there is. */
static void
a_tail_is_no_longer_than_what_is_kept(void **state)
{
	static const uint64_t tails[] = { 31, 32, UINT64_MAX - 1 };
	struct repair r;
	unsigned gaps;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(tails); i++) {
		repair_init(&r, 0, 0, tails[i], 0);
		must_ask(&r, 0, 0, 0);
		assert_int_equal(take_page(&r, 1, E1, 40, 40, 70, &gaps), 1);
		assert_int_equal(gaps, 1);
		assert_int_equal(gap.resumed_at, 39);
		must_ask(&r, 1, E1, 40);
	}
}

static void
a_hole_is_told_from_a_new_log(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	make_live(&r, 5);
	repair_on_heartbeat(&r, E1, 40, 1000);
	must_ask(&r, 1000, E1, 5);
	assert_int_equal(take_page(&r, 1000, E1, 30, 40, 40, &gaps), 11);
	assert_int_equal(gaps, 1);
	assert_true(gap.is_hole);
	repair_on_heartbeat(&r, E2, 3, 2000);
	must_ask(&r, 2000, E1, 40);
	assert_int_equal(take_page(&r, 2000, E2, 1, 3, 3, &gaps), 3);
	assert_int_equal(gaps, 1);
	assert_false(gap.is_hole);
}

/* A hub that began a new epoch keeps what it had under the old numbers: what
 * was delivered is not delivered again. */
static void
a_new_epoch_may_go_on_with_the_numbers(void **state)
{
	struct repair r;
	unsigned gaps;

	(void)state;
	make_live(&r, 5);
	repair_on_heartbeat(&r, E2, 8, 1000);
	must_ask(&r, 1000, E1, 5);
	assert_int_equal(take_page(&r, 1000, E2, 6, 8, 8, &gaps), 3);
	assert_int_equal(gaps, 1);
	assert_string_equal(gap.reason, "restarted");
	assert_int_equal(gap.after_number, 5);
	assert_int_equal(gap.resumed_at, 5);
	assert_int_equal(repair_on_live(&r, E2, 9, 1001), REPAIR_DELIVER);
}

static void
asks_again_when_no_answer_comes(void **state)
{
	struct repair r;

	(void)state;
	make_live(&r, 5);
	repair_on_heartbeat(&r, E1, 7, 1000);
	must_ask(&r, 1000, E1, 5);
	assert_int_equal(repair_due(&r), 3000);
	repair_tick(&r, 2999);
	assert_false(repair_wants(&r, 2999, &request));
	repair_tick(&r, 3000);
	must_ask(&r, 3000, E1, 5);
	repair_unanswered(&r, 3100, true);	/* the hub is busy */
	assert_false(repair_wants(&r, 3100, &request));
	assert_int_equal(repair_due(&r), 4000);	/* silence comes first */
	assert_true(repair_wants(&r, 4100, &request));
}

static void
does_not_hammer_a_hub_that_contradicts_itself(void **state)
{
	struct repair r;

	(void)state;
	make_live(&r, 5);
	assert_int_equal(repair_on_live(&r, E1, 10, 10), REPAIR_HOLD);
	must_ask(&r, 10, E1, 5);
	assert_int_equal(take_page(&r, 10, E1, 6, 5, 5, NULL), 0);
	assert_false(repair_wants(&r, 10, &request));
	assert_int_equal(repair_due(&r), 110);
	assert_true(repair_wants(&r, 110, &request));
}

static void
notices_silence_and_polls(void **state)
{
	struct repair r;
	int64_t now;

	(void)state;
	make_live(&r, 5);
	repair_tick(&r, 2999);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
	assert_int_equal(repair_due(&r), 3000);
	repair_tick(&r, 3000);
	assert_int_equal(repair_state(&r), FOLLOWER_SILENT);
	must_ask(&r, 3000, E1, 5);
	/* The hub lives, but its events do not come: pages bring them. */
	assert_int_equal(take_page(&r, 3001, E1, 6, 6, 6, NULL), 1);
	assert_int_equal(repair_state(&r), FOLLOWER_SILENT);
	now = repair_due(&r);
	assert_int_equal(now, 4001);
	repair_tick(&r, now);
	must_ask(&r, now, E1, 6);
	assert_int_equal(take_page(&r, now, E1, 7, 6, 6, NULL), 0);
	assert_int_equal(repair_on_live(&r, E1, 7, now), REPAIR_DELIVER);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);

	repair_on_goodbye(&r, E1, 7, now);
	assert_int_equal(repair_state(&r), FOLLOWER_SILENT);
	repair_on_heartbeat(&r, E1, 7, now + 10);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
}

static void
polls_until_the_events_socket_is_heard(void **state)
{
	struct repair r;

	(void)state;
	repair_init(&r, 0, 0, FOLLOWER_ALL, 0);
	repair_tick(&r, 9000);		/* the hub comes late */
	assert_int_equal(repair_state(&r), FOLLOWER_SEARCHING);
	must_ask(&r, 9000, 0, 0);
	assert_int_equal(take_page(&r, 9000, E1, 1, 0, 0, NULL), 0);
	assert_int_equal(repair_state(&r), FOLLOWER_LIVE);
	assert_int_equal(repair_due(&r), 9100);
	repair_tick(&r, 9100);
	must_ask(&r, 9100, E1, 0);
	assert_int_equal(take_page(&r, 9100, E1, 1, 1, 1, NULL), 1);
	repair_on_heartbeat(&r, E1, 1, 9150);
	repair_tick(&r, 9200);
	assert_false(repair_wants(&r, 9200, &request));
}

static void
stands_the_last_numbers(void **state)
{
	struct repair r;

	(void)state;
	repair_init(&r, E1, UINT64_MAX - 1, 0, 0);
	assert_int_equal(repair_on_live(&r, E1, UINT64_MAX, 0), REPAIR_DELIVER);
	assert_int_equal(repair_on_live(&r, E1, 0, 0), REPAIR_DROP);
	assert_int_equal(repair_on_live(&r, E1, UINT64_MAX, 0), REPAIR_DROP);
}

/* --- against a model, with faults --------------------------------------- */

enum { WIRE = 64, HELD = 16, EPOCHS = 64 };

struct note {			/* on the events socket */
	bool is_heartbeat;
	uint64_t epoch, number;
};

struct model {
	unsigned seed;
	bool is_faulty;
	unsigned drop, delay, page;	/* how bad it is, for this seed */
	int64_t now;
	/* the hub */
	bool is_up;
	unsigned log;		/* which one: its epoch is E1 + log */
	uint64_t first[EPOCHS], last[EPOCHS];
	int64_t beat_ms;
	/* the wire */
	struct note wire[WIRE];
	unsigned wire_n;
	bool has_request, has_reply;
	struct follow_request request;
	struct follow_reply reply;
	int64_t reply_ms;
	/* the follower */
	struct repair r;
	struct note held[HELD];
	unsigned held_n, held_cap;
	/* what came out */
	bool is_known;
	uint64_t epoch, number, delivered, gaps;
};

static unsigned
dice(struct model *m, unsigned sides)
{
	m->seed = m->seed * 1103515245u + 12345u;
	return (m->seed >> 16 & 0x7fff) % sides;
}

static uint64_t
epoch_of(const struct model *m)
{
	return E1 + m->log;
}

static void
out_event(struct model *m, uint64_t epoch, uint64_t number)
{
	unsigned log = (unsigned)(epoch - E1);

	assert_true(m->is_known);
	assert_true(epoch == m->epoch && number == m->number + 1);
	assert_true(log <= m->log && number <= m->last[log]);
	m->number = number;
	m->delivered++;
}

static void
out_gap(struct model *m, const struct follower_gap *g)
{
	unsigned log = (unsigned)(g->epoch - E1);

	assert_int_equal(g->after_known, m->is_known);
	if (m->is_known) {
		assert_true(g->after_epoch == m->epoch);
		assert_true(g->after_number == m->number);
		if (strcmp(g->reason, "trimmed") == 0) {
			assert_true(g->epoch == m->epoch);
			assert_true(g->resumed_at > m->number);
		} else {
			assert_true(g->epoch > m->epoch);
		}
	}
	/* Nothing is announced as gone that was not trimmed. */
	assert_true(g->resumed_at < m->first[log]);
	m->is_known = true;
	m->epoch = g->epoch;
	m->number = g->resumed_at;
	m->gaps++;
}

static void
wire_put(struct model *m, bool is_heartbeat, uint64_t number)
{
	unsigned at = m->wire_n;

	if (m->wire_n == WIRE || (m->is_faulty && dice(m, m->drop) == 0))
		return;
	m->wire[m->wire_n++] = (struct note){ is_heartbeat, epoch_of(m), number };
	if (m->is_faulty && at > 0 && dice(m, 2 * m->drop) == 0) {
		struct note swap = m->wire[at - 1];

		m->wire[at - 1] = m->wire[at];
		m->wire[at] = swap;
	}
	if (m->is_faulty && m->wire_n < WIRE && dice(m, 2 * m->drop) == 0) {
		m->wire[m->wire_n] = m->wire[at];
		m->wire_n++;
	}
}

static void
hub_publish(struct model *m)
{
	wire_put(m, false, ++m->last[m->log]);
}

static void
hub_step(struct model *m)
{
	if (!m->is_up) {
		m->is_up = !m->is_faulty || dice(m, 200) == 0;
		return;
	}
	if (m->is_faulty) {
		if (dice(m, 3) == 0)
			hub_publish(m);
		if (dice(m, 8) == 0 && m->first[m->log] <= m->last[m->log])
			m->first[m->log] += dice(m, 200) == 0 ?
				m->last[m->log] - m->first[m->log] + 1 : 1;
		if (dice(m, 1000) == 0)
			m->is_up = false;
		if (dice(m, 700) == 0 && m->log + 1 < EPOCHS)
			m->first[++m->log] = 1;
	}
	if (m->now >= m->beat_ms) {
		wire_put(m, true, m->last[m->log]);
		m->beat_ms = m->now + 1000;
	}
}

/* What hub/replay.c does, with small pages. */
static void
hub_answer(struct model *m)
{
	const struct follow_request *q = &m->request;
	uint64_t first = m->first[m->log], last = m->last[m->log], from, to;

	m->has_request = false;
	if (m->is_faulty && dice(m, 6) == 0)
		return;
	from = q->epoch == epoch_of(m) ? q->number + 1 : 1;
	if (from < first)
		from = first;
	if (from > last + 1)
		from = last + 1;
	to = from + dice(m, m->page);
	if (to > last)
		to = last;
	m->reply = page(epoch_of(m), from, to, last);
	m->has_reply = true;
	m->reply_ms = m->now + dice(m, m->is_faulty ? m->delay : 20);
}

static void
walk_held(struct model *m)
{
	enum repair_verdict v = REPAIR_DROP;
	unsigned i;

	for (i = 0; i < m->held_n; i++) {
		v = repair_on_held(&m->r, m->held[i].epoch, m->held[i].number);
		if (v == REPAIR_HOLD)
			break;
		if (v == REPAIR_DELIVER)
			out_event(m, m->held[i].epoch, m->held[i].number);
	}
	m->held_n -= i;
	memmove(m->held, m->held + i, m->held_n * sizeof(m->held[0]));
}

static void
follower_hear(struct model *m)
{
	struct note n = m->wire[0];

	memmove(m->wire, m->wire + 1, --m->wire_n * sizeof(n));
	if (n.is_heartbeat) {
		repair_on_heartbeat(&m->r, n.epoch, n.number, m->now);
		return;
	}
	switch (repair_on_live(&m->r, n.epoch, n.number, m->now)) {
	case REPAIR_DELIVER:
		out_event(m, n.epoch, n.number);
		walk_held(m);
		break;
	case REPAIR_HOLD:
		if (m->held_n < m->held_cap)
			m->held[m->held_n++] = n;
		break;
	case REPAIR_DROP:
		break;
	}
}

static void
follower_read(struct model *m)
{
	struct follow_reply *p = &m->reply;
	struct follower_gap g;
	uint64_t n;
	bool is_gap;

	m->has_reply = false;
	if (!m->r.is_asked)	/* late: its tag is not expected any more */
		return;
	if (repair_page_begin(&m->r, p, m->now, &g))
		out_gap(m, &g);
	for (n = p->from; n <= p->to; n++) {
		bool is_next = repair_page_event(&m->r, p, p->epoch, n, &is_gap,
						 &g) == REPAIR_DELIVER;

		assert_false(is_gap);
		if (is_next)
			out_event(m, p->epoch, n);
	}
	if (repair_page_end(&m->r, p, m->now, &g))
		out_gap(m, &g);
	walk_held(m);
}

static void
step(struct model *m)
{
	m->now += dice(m, 20);
	hub_step(m);
	if (m->has_request && m->is_up && dice(m, 3) == 0)
		hub_answer(m);
	while (m->wire_n > 0 && dice(m, 4) > 0)
		follower_hear(m);
	if (m->has_reply && m->now >= m->reply_ms)
		follower_read(m);
	repair_tick(&m->r, m->now);
	if (repair_wants(&m->r, m->now, &m->request)) {
		repair_asked(&m->r, m->now);
		/* The one before has another tag: its answer will not count. */
		m->has_request = m->is_up;
		m->has_reply = false;
	}
	assert_true(repair_due(&m->r) > m->now || !m->r.is_asked);
}

static void
run_model(unsigned seed)
{
	static struct model m;
	unsigned i, steps;

	memset(&m, 0, sizeof(m));
	m.seed = seed;
	m.is_faulty = m.is_up = true;
	m.first[0] = 1;
	m.held_cap = dice(&m, HELD + 1);
	m.drop = 5 << dice(&m, 6);
	m.delay = 5 << dice(&m, 10);
	m.page = 2 << dice(&m, 10);
	repair_init(&m.r, 0, 0, FOLLOWER_ALL, 0);
	steps = 500 + dice(&m, 3000);
	for (i = 0; i < steps; i++)
		step(&m);
	m.is_faulty = false;
	for (i = 0; i < 2000; i++)
		step(&m);
	assert_true(m.is_known);
	unit_check(m.epoch == epoch_of(&m) && m.number == m.last[m.log],
		   "seed %u ends at %llu-%llu, the hub at %llu-%llu", seed,
		   (unsigned long long)m.epoch, (unsigned long long)m.number,
		   (unsigned long long)epoch_of(&m),
		   (unsigned long long)m.last[m.log]);
	assert_int_equal(repair_state(&m.r), FOLLOWER_LIVE);
	assert_int_equal(m.held_n, 0);
}

static void
survives_all_faults(void **state)
{
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 1000; seed++)
		run_model(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delivers_what_follows),
		cmocka_unit_test(fills_a_hole),
		cmocka_unit_test(finds_a_lost_tail_by_the_heartbeat),
		cmocka_unit_test(pages_on_until_the_end),
		cmocka_unit_test(announces_what_is_trimmed),
		cmocka_unit_test(follows_into_a_new_log),
		cmocka_unit_test(notices_a_log_that_went_back),
		cmocka_unit_test(begins_with_what_is_new),
		cmocka_unit_test(begins_with_the_newest_numbers),
		cmocka_unit_test(a_tail_is_no_longer_than_what_is_kept),
		cmocka_unit_test(a_hole_is_told_from_a_new_log),
		cmocka_unit_test(a_new_epoch_may_go_on_with_the_numbers),
		cmocka_unit_test(asks_again_when_no_answer_comes),
		cmocka_unit_test(does_not_hammer_a_hub_that_contradicts_itself),
		cmocka_unit_test(notices_silence_and_polls),
		cmocka_unit_test(polls_until_the_events_socket_is_heard),
		cmocka_unit_test(stands_the_last_numbers),
		cmocka_unit_test(survives_all_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
