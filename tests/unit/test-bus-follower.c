/* SPDX-License-Identifier: MIT */
/*
 * The follower and the subscriber against a small hub in the same thread,
 * over real sockets. The hub can lose what it publishes, forget, restart as
 * another log, and fall silent.
 */
#include "config.h"

#include "lib/bus/follower.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sse-fcgi/subscriber.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/bus/frame.h"
#include "lib/bus/zmqport.h"
#include "lib/sse/id.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

enum { MAX_EVENT = 1 << 20, DEADLINE_MS = 20000 };

#define EPOCH_1 (ID_EPOCH_MIN + 1)
#define EPOCH_2 (ID_EPOCH_MIN + 2)

static char dir[32];
static struct bus_address bus;

/* --- a hub -------------------------------------------------------------- */

static struct hub {
	struct zmqport *port;
	struct zmqport_socket *pub, *router;
	struct zmqport_message *message;
	uint64_t epoch, first, last;
	size_t pad;			/* bytes that each event has more */
	const char *refusal;		/* answers ERR of this class */
	bool is_mute;			/* answers nothing */
	size_t selectors;		/* of the last page of follower_page */
	char selector[32];		/* the last one of them */
	unsigned asked;			/* requests that came */
	uint64_t unfit;			/* this number breaks a rule */
} hub;

static struct zmqport_socket *
hub_bind(enum zmqport_kind kind, enum bus_endpoint which)
{
	struct zmqport_options o = { .kind = kind, .max_frame = 9 << 20,
				     .send_queue = 100000 };
	char endpoint[BUS_ENDPOINT_MAX];
	struct zmqport_socket *s = NULL;

	assert_int_equal(zmqport_open(hub.port, &o, &s), 0);
	bus_address_endpoint(&bus, which, endpoint);
	assert_int_equal(zmqport_bind(s, endpoint, 0600, (gid_t)-1), 0);
	return s;
}

static void
hub_start(uint64_t epoch, uint64_t first, uint64_t last)
{
	memset(&hub, 0, sizeof(hub));
	hub.epoch = epoch;
	hub.first = first;
	hub.last = last;
	assert_int_equal(zmqport_new(&hub.port), 0);
	assert_int_equal(zmqport_message_new(3 + FOLLOW_REQUEST_PARTS_MAX,
					     &hub.message), 0);
	hub.pub = hub_bind(ZMQPORT_PUB, BUS_EVENTS);
	hub.router = hub_bind(ZMQPORT_ROUTER, BUS_FOLLOW);
}

static void
hub_stop(void)
{
	zmqport_close(hub.pub);
	zmqport_close(hub.router);
	zmqport_message_free(hub.message);
	zmqport_free(hub.port);
	memset(&hub, 0, sizeof(hub));
}

/* Appends the three parts of an event of the log to `bytes`. */
static void
hub_event(uint64_t number, struct buf *bytes, size_t len[3])
{
	char header[FRAME_HEADER_MAX], text[32];
	struct frame f = { .event = { .epoch = hub.epoch, .number = number,
				      .time_ms = (int64_t)number * 10 } };
	size_t at = bytes->len;

	(void)buf_append_text(bytes, number == hub.unfit ? "bad\ntopic" : "t");
	len[0] = bytes->len - at;
	len[1] = frame_write_header(&f, header);
	(void)buf_append(bytes, header, len[1]);
	at = bytes->len;
	snprintf(text, sizeof(text), "%" PRIu64, number);
	(void)buf_append_text(bytes, text);
	(void)buf_reserve(bytes, hub.pad);
	memset(bytes->p + bytes->len, '.', hub.pad);
	bytes->len += hub.pad;
	len[2] = bytes->len - at;
}

static void
cut(const struct buf *bytes, const size_t *len, size_t n, struct slice *parts)
{
	size_t at = 0, i;

	for (i = 0; i < n; i++) {
		parts[i] = (struct slice){ bytes->p + at, len[i] };
		at += len[i];
	}
}

/* Numbers one more event; `lose`: nobody hears of it. */
static void
hub_publish(bool lose)
{
	struct buf bytes = { 0 };
	struct slice parts[3];
	size_t len[3];

	hub_event(++hub.last, &bytes, len);
	cut(&bytes, len, 3, parts);
	if (!lose)
		assert_int_equal(zmqport_send(hub.pub, parts, 3), 0);
	buf_done(&bytes);
}

static void
hub_tell(enum frame_type type)
{
	char header[FRAME_HEADER_MAX];
	struct frame f = { .type = type, .has_first = true, .first = hub.first,
			   .event = { .epoch = hub.epoch, .number = hub.last } };
	struct slice parts[3] = { type == FRAME_GOODBYE ? FRAME_TOPIC_GOODBYE :
				  FRAME_TOPIC_HEARTBEAT,
				  { header, frame_write_header(&f, header) },
				  SLICE_NONE };

	assert_int_equal(zmqport_send(hub.pub, parts, 3), 0);
}

static void
hub_page(const struct follow_request *q, struct slice peer)
{
	static struct slice parts[3 * 1000];
	static size_t len[3 * 1000];
	struct follow_digits digits;
	struct slice head[1 + FOLLOW_HEAD_PARTS];
	struct follow_reply r = { .kind = FOLLOW_PAGE, .tag = q->tag,
				  .epoch = hub.epoch, .last = hub.last };
	struct buf bytes = { 0 };

	/* The follower's own pages may be asked for at any time. */
	if (q->tag.p[0] == 'q')
		hub.selectors = q->n_selectors;
	if (q->n_selectors)
		snprintf(hub.selector, sizeof(hub.selector), "%.*s",
			 (int)q->selectors[q->n_selectors - 1].len,
			 q->selectors[q->n_selectors - 1].p);
	r.lost = hub.first - 1;
	r.from = q->epoch == hub.epoch ? q->number + 1 : 1;
	if (r.from < hub.first)
		r.from = hub.first;
	if (r.from > hub.last + 1)
		r.from = hub.last + 1;
	r.to = r.from - 1;
	while (r.to < hub.last && r.count < q->limit && bytes.len < 1 << 20)
		hub_event(++r.to, &bytes, len + 3 * r.count++);
	cut(&bytes, len, 3 * r.count, parts);
	head[0] = peer;
	assert_int_equal(zmqport_send2(hub.router, head,
				       1 + follow_reply_parts(&r, &digits,
							      head + 1),
				       parts, 3 * r.count), 0);
	buf_done(&bytes);
}

static void
hub_answer(const struct follow_request *q, struct slice peer)
{
	struct follow_digits digits;
	struct slice head[1 + FOLLOW_HEAD_PARTS];
	struct follow_reply r = { .kind = FOLLOW_UNKNOWN, .tag = q->tag,
				  .epoch = hub.epoch, .last = hub.last,
				  .class = slice_of(hub.refusal),
				  .reason = SLICE_LIT("Because.") };

	if (hub.refusal) {
		r.kind = FOLLOW_REFUSED;
	} else if (slice_eq(q->id, SLICE_LIT("own-7"))) {
		r.kind = FOLLOW_AT;
		r.number = 7;
	}
	head[0] = peer;
	assert_int_equal(zmqport_send(hub.router, head,
				      1 + follow_reply_parts(&r, &digits,
							     head + 1)), 0);
}

static void
hub_serve(void)
{
	struct follow_request q;
	const struct slice *parts;
	const char *why;
	size_t n;

	while (hub.router && zmqport_receive(hub.router, hub.message) == 1) {
		hub.asked++;
		if (hub.is_mute)
			continue;
		parts = zmqport_parts(hub.message, &n);
		assert_int_equal(follow_request_parse(parts + 1, n - 1, &q,
						      &why), 0);
		if (q.verb == FOLLOW_AFTER && !hub.refusal)
			hub_page(&q, parts[0]);
		else
			hub_answer(&q, parts[0]);
	}
}

/* --- what comes out of the follower ------------------------------------- */

static struct seen {
	bool is_known;
	uint64_t epoch, number;		/* where it is */
	uint64_t events, gaps;
	struct follower_gap gap;	/* the last one */
	enum follower_state state;
	unsigned states;
	uint64_t resolved_tag, resolved_number;
	bool resolved_known;
	unsigned resolved;
	uint64_t page_tag, page_count, page_first, page_unfit;
	struct follower_page page;	/* without its events */
	unsigned pages, refusals;
	struct buf text;		/* of plain events: "topic=data\n" */
} seen;

static void
on_event(void *user, const struct event *e)
{
	char text[32];

	assert_ptr_equal(user, &seen);
	seen.events++;
	if (e->epoch == 0) {
		assert_int_equal(e->number, 0);
		(void)buf_append_slice(&seen.text, e->topic);
		(void)buf_append_char(&seen.text, '=');
		(void)buf_append_slice(&seen.text, e->data);
		(void)buf_append_char(&seen.text, '\n');
		return;
	}
	assert_true(seen.is_known);
	assert_true(e->epoch == seen.epoch && e->number == seen.number + 1);
	snprintf(text, sizeof(text), "%" PRIu64, e->number);
	assert_true(slice_starts(e->data, slice_of(text)));
	assert_int_equal(e->time_ms, e->number * 10);
	seen.number = e->number;
}

static void
on_gap(void *user, const struct follower_gap *g)
{
	(void)user;
	assert_int_equal(g->after_known, seen.is_known);
	if (seen.is_known)
		assert_true(g->after_epoch == seen.epoch &&
			    g->after_number == seen.number);
	seen.is_known = true;
	seen.epoch = g->epoch;
	seen.number = g->resumed_at;
	seen.gaps++;
	seen.gap = *g;
}

static void
on_state(void *user, enum follower_state state)
{
	(void)user;
	assert_true(seen.states == 0 || seen.state != state);
	seen.state = state;
	seen.states++;
}

static void
on_resolved(void *user, uint64_t tag, bool known, uint64_t epoch,
	    uint64_t number)
{
	(void)user;
	if (known)
		assert_true(epoch == hub.epoch);
	seen.resolved++;
	seen.resolved_tag = tag;
	seen.resolved_known = known;
	seen.resolved_number = number;
}

static void
on_page(void *user, uint64_t tag, const struct follower_page *page)
{
	size_t i;

	(void)user;
	seen.page_tag = tag;
	if (!page) {
		seen.refusals++;
		return;
	}
	seen.pages++;
	seen.page = *page;
	seen.page_unfit = 0;
	for (i = 0; i < page->count; i++) {
		if (!page->events[i].topic.p)
			seen.page_unfit++;
		else
			assert_int_equal(page->events[i].number, page->from + i);
	}
}

static const struct follower_ops ops = {
	.on_event = on_event,
	.on_gap = on_gap,
	.on_state = on_state,
	.on_resolved = on_resolved,
	.on_page = on_page,
};

static struct follower *follower;
static int64_t skew_ms;		/* makes the follower's clock run ahead */

static void
open_follower(struct follower_config config)
{
	config.bus = bus;
	config.max_event = MAX_EVENT;
	seen.is_known = config.epoch != 0;
	seen.epoch = config.epoch;
	seen.number = config.number;
	seen.state = FOLLOWER_SEARCHING;
	seen.states = 0;
	assert_int_equal(follower_open(&config, &ops, &seen, &follower), 0);
}

static void
turn(unsigned budget)
{
	int64_t now_ms = clock_mono_ms() + skew_ms, due_ms;
	struct pollfd p[FOLLOWER_FDS];
	int fds[FOLLOWER_FDS], n, i;

	hub_serve();
	due_ms = follower_run(follower, now_ms, budget);
	assert_true(due_ms >= now_ms);
	if (due_ms == now_ms)
		return;
	n = follower_fds(follower, fds);
	for (i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	/* The hub is in this very thread: it wants its turns too. */
	(void)poll(p, (nfds_t)n, 5);
}

#define run_until(condition)                                             \
	do {                                                             \
		int64_t end_ms = clock_mono_ms() + DEADLINE_MS;          \
		while (!(condition)) {                                   \
			unit_check(clock_mono_ms() < end_ms,             \
				   "never came: %s (at %" PRIu64 ")",    \
				   #condition, seen.number);             \
			turn(1000);                                      \
		}                                                        \
	} while (0)

/* Until an event comes without being asked for: the events socket is joined,
 * and what is lost from now on the hub loses on purpose. */
static void
run_until_heard(void)
{
	unsigned asked;

	run_until(seen.state == FOLLOWER_LIVE);
	do {
		asked = hub.asked;
		hub_publish(false);
		run_until(seen.number == hub.last);
	} while (hub.asked != asked);
	run_until(seen.state == FOLLOWER_LIVE);
}

static int
begin(void **state)
{
	char error[256];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sse-follower-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(bus_address_parse(dir, &bus, error, sizeof(error)), 0);
	memset(&seen, 0, sizeof(seen));
	skew_ms = 0;
	follower = NULL;
	return 0;
}

static int
finish(void **state)
{
	static const char *const names[] = { "events", "follow", "a", "b" };
	char path[64];
	size_t i;

	(void)state;
	follower = follower_free(follower);
	if (hub.port)
		hub_stop();
	buf_done(&seen.text);
	for (i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

/* --- following ---------------------------------------------------------- */

static void
gets_what_is_kept_and_what_comes(void **state)
{
	int i;

	(void)state;
	hub_start(EPOCH_1, 11, 2511);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until(seen.number == 2511);
	assert_int_equal(seen.gaps, 1);		/* where it begins */
	assert_false(seen.gap.after_known);
	assert_int_equal(seen.gap.resumed_at, 10);
	assert_int_equal(seen.events, 2501);
	for (i = 0; i < 1000; i++)
		hub_publish(false);
	run_until(seen.number == 3511);
	assert_int_equal(seen.state, FOLLOWER_LIVE);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(follower_get_stats(follower)->gaps, 0);
	assert_int_equal(follower_get_stats(follower)->refused, 0);
}

static void
waits_for_a_hub(void **state)
{
	int i;

	(void)state;
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	for (i = 0; i < 10; i++)
		turn(10);
	assert_int_equal(seen.state, FOLLOWER_SEARCHING);
	hub_start(EPOCH_1, 1, 0);
	run_until(seen.is_known);
	hub_publish(false);
	run_until(seen.number == 1);
}

static void
begins_where_it_is_told(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 50);
	open_follower((struct follower_config){ .epoch = EPOCH_1, .number = 45 });
	run_until(seen.number == 50);
	assert_int_equal(seen.gaps, 0);
	follower = follower_free(follower);

	open_follower((struct follower_config){ .tail = 0 });
	run_until(seen.state == FOLLOWER_LIVE);
	assert_int_equal(seen.number, 50);
	assert_int_equal(seen.events, 5);	/* of before */
	hub_publish(false);
	run_until(seen.number == 51);
}

static void
begins_with_the_newest_numbers(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 11, 5011);
	open_follower((struct follower_config){ .tail = 1500 });
	run_until(seen.number == 5011);
	assert_int_equal(seen.events, 1500);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(follower_get_stats(follower)->gaps, 0);
}

static void
ask_page(uint64_t tag, uint64_t number, const char *selectors)
{
	struct follower_question q = {
		.epoch = EPOCH_1,
		.number = number,
		.limit = 10,
		.selectors = slice_of(selectors),
	};

	assert_int_equal(follower_page(follower, tag, &q), 0);
}

static void
asks_for_pages_besides(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 11, 50);
	open_follower((struct follower_config){ .tail = 10 });
	run_until(seen.number == 50);
	ask_page(7, 20, "t\nnews/*\n");
	run_until(seen.pages == 1);
	assert_int_equal(seen.page_tag, 7);
	assert_int_equal(seen.page.from, 21);
	assert_int_equal(seen.page.to, 30);
	assert_int_equal(seen.page.count, 10);
	assert_int_equal(seen.page.lost, 10);
	assert_int_equal(hub.selectors, 2);
	assert_string_equal(hub.selector, "news/*");
	assert_int_equal(seen.number, 50);	/* no event of ours */
	hub.unfit = 24;
	ask_page(8, 20, "t\n");
	run_until(seen.pages == 2);
	assert_int_equal(seen.page_unfit, 1);
	assert_int_equal(seen.page.count, 10);
}

/* More selectors than a request can hold: everything. */
static void
many_selectors_are_none(void **state)
{
	struct buf lines = { 0 };
	int i;

	(void)state;
	hub_start(EPOCH_1, 1, 50);
	open_follower((struct follower_config){ .tail = 10 });
	for (i = 0; i < FOLLOW_SELECTORS_MAX; i++)
		(void)buf_append_text(&lines, "t\n");
	(void)buf_append_char(&lines, '\0');
	ask_page(1, 20, lines.p);
	run_until(seen.pages == 1);
	assert_int_equal(hub.selectors, FOLLOW_SELECTORS_MAX);
	lines.len--;
	(void)buf_append_text(&lines, "t\n");
	(void)buf_append_char(&lines, '\0');
	ask_page(2, 20, lines.p);
	run_until(seen.pages == 2);
	assert_int_equal(hub.selectors, 0);
	buf_done(&lines);
}

static void
a_page_is_asked_for_until_it_comes(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 50);
	open_follower((struct follower_config){ .tail = 10 });
	run_until(seen.number == 50);
	hub.refusal = "busy";
	ask_page(1, 20, "t\n");
	run_until(hub.asked >= 4);
	skew_ms += 1000;
	turn(10);
	hub_stop();
	turn(10);
	hub_start(EPOCH_1, 1, 50);
	run_until(seen.pages == 1);
	assert_int_equal(seen.page.from, 21);
	/* Nobody wants to know any more. */
	ask_page(2, 20, "t\n");
	follower_forget(follower, 2);
	ask_page(3, 20, "t\n");
	run_until(seen.pages == 2);
	assert_int_equal(seen.page_tag, 3);
	/* What the hub cannot understand it will not understand later. */
	hub.refusal = "selector";
	ask_page(4, 20, "t\n");
	run_until(seen.refusals == 1);
	assert_int_equal(seen.page_tag, 4);
}

static void
repairs_what_was_lost(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	hub_publish(true);
	hub_publish(true);
	hub_publish(false);
	run_until(seen.number == hub.last);
	assert_int_equal(follower_get_stats(follower)->hub_losses, 1);
	hub_publish(true);		/* the tail: only a heartbeat tells */
	hub_tell(FRAME_HEARTBEAT);
	run_until(seen.number == hub.last);
	run_until(seen.state == FOLLOWER_LIVE);
	assert_int_equal(seen.gaps, 1);
	assert_int_equal(follower_get_stats(follower)->repairs, 2);
}

static void
tells_what_is_trimmed(void **state)
{
	uint64_t before;

	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	before = seen.number;
	hub_publish(true);
	hub_publish(true);
	hub.first = hub.last;
	hub_publish(false);
	run_until(seen.number == hub.last);
	assert_int_equal(seen.gaps, 2);
	assert_string_equal(seen.gap.reason, "trimmed");
	assert_int_equal(seen.gap.after_number, before);
	assert_int_equal(seen.gap.resumed_at, before + 1);
	assert_int_equal(follower_get_stats(follower)->gaps, 1);
}

static void
leaves_a_gap_for_what_it_cannot_use(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	hub.unfit = hub.last + 2;
	hub_publish(false);
	hub_publish(false);		/* a topic with a line end */
	hub_publish(false);
	run_until(seen.number == hub.last);
	assert_int_equal(seen.gaps, 2);
	hub.pad = MAX_EVENT;		/* and a digit: too long */
	hub_publish(false);
	run_until(seen.number == hub.last);
	assert_int_equal(seen.gaps, 3);
	assert_int_equal(follower_get_stats(follower)->refused, 2);
	assert_int_equal(follower_get_stats(follower)->repairs, 0);
}

static void
goes_on_with_another_log(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	hub_tell(FRAME_GOODBYE);
	run_until(seen.state == FOLLOWER_SILENT);
	hub_stop();
	hub_start(EPOCH_2, 4, 9);
	run_until(seen.epoch == EPOCH_2 && seen.number == 9);
	assert_int_equal(seen.gaps, 2);
	assert_string_equal(seen.gap.reason, "restarted");
	assert_int_equal(seen.gap.resumed_at, 3);
	/* And the same log again, with more in it. */
	hub_stop();
	hub_start(EPOCH_2, 4, 90);
	run_until(seen.number == 90);
	assert_int_equal(seen.gaps, 2);
}

static void
notices_silence(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	skew_ms += 2900;
	turn(1000);
	assert_int_equal(seen.state, FOLLOWER_LIVE);
	skew_ms += 200;
	run_until(seen.state == FOLLOWER_SILENT);
	hub_publish(true);		/* only pages come through */
	skew_ms += 2000;
	run_until(seen.number == hub.last);
	assert_int_equal(seen.state, FOLLOWER_SILENT);
	hub_tell(FRAME_HEARTBEAT);
	run_until(seen.state == FOLLOWER_LIVE);
}

static void
holds_live_events_within_bounds(void **state)
{
	uint64_t before;
	unsigned asked;
	int i;

	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	before = seen.number;
	hub.is_mute = true;
	hub_publish(true);
	hub.pad = 500000;
	for (i = 0; i < 20; i++)	/* 10 MB wait, of which 4 MiB may */
		hub_publish(false);
	asked = hub.asked;
	run_until(hub.asked > asked);
	for (i = 0; i < 50; i++)
		turn(1000);
	assert_int_equal(seen.number, before);
	hub.is_mute = false;
	skew_ms += 2100;		/* the answer is late: ask again */
	run_until(seen.number == hub.last);
	assert_int_equal(seen.gaps, 1);
	run_until(seen.state == FOLLOWER_LIVE);
}

static void
has_a_budget(void **state)
{
	uint64_t before;
	int i;

	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	for (i = 0; i < 100; i++)
		hub_publish(false);
	while (seen.number < hub.last) {
		before = seen.number;
		turn(10);
		assert_true(seen.number <= before + 10);
	}
}

static void
has_a_budget_of_bytes(void **state)
{
	uint64_t before;
	int i;

	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	hub.pad = 400000;
	for (i = 0; i < 20; i++)
		hub_publish(false);
	while (seen.number < hub.last) {
		before = seen.number;
		turn(1000);
		assert_true(seen.number <= before + 3);
	}
}

static void
counts_junk(void **state)
{
	const struct slice t = SLICE_LIT("t"), d = SLICE_LIT("d");
	const struct slice v2 = SLICE_LIT("\xf5S\x02..............................");
	const struct slice junk[][4] = {
		{ t, d, SLICE_NONE, SLICE_NONE },	/* plain */
		{ t, v2, d, SLICE_NONE },
		{ t, SLICE_LIT("\xf5S\x01"), d, SLICE_NONE },
		{ SLICE_NONE, d, d, SLICE_NONE },
	};
	uint64_t before;
	size_t i;

	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	before = seen.events;
	for (i = 0; i < COUNT_OF(junk); i++) {
		assert_int_equal(zmqport_send(hub.pub, junk[i], 3), 0);
		assert_int_equal(zmqport_send(hub.pub, junk[i], 4), 0);
	}
	hub_publish(false);
	run_until(seen.number == hub.last);
	assert_int_equal(seen.events, before + 1);
	assert_int_equal(follower_get_stats(follower)->refused,
			 2 * COUNT_OF(junk));
}

/* --- resolving ---------------------------------------------------------- */

static void
resolves(void **state)
{
	static char long_id[EVENT_ID_MAX + 1];

	(void)state;
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	assert_int_equal(follower_resolve(follower, 71, SLICE_LIT("own-7")), 0);
	assert_int_equal(follower_resolve(follower, 70, SLICE_LIT("own-7")), 0);
	follower_forget(follower, 70);
	turn(10);
	assert_int_equal(seen.resolved, 0);	/* never invented */
	hub_start(EPOCH_1, 1, 0);
	run_until(seen.resolved == 1);
	assert_int_equal(seen.resolved_tag, 71);
	assert_true(seen.resolved_known);
	assert_int_equal(seen.resolved_number, 7);

	assert_int_equal(follower_resolve(follower, 72, SLICE_LIT("x")), 0);
	run_until(seen.resolved == 2);
	assert_int_equal(seen.resolved_tag, 72);
	assert_false(seen.resolved_known);

	/* The hub cannot say now, and is asked again. */
	hub.refusal = "busy";
	assert_int_equal(follower_resolve(follower, 73, SLICE_LIT("own-7")), 0);
	hub.asked = 0;
	run_until(hub.asked >= 1);
	turn(10);
	hub.refusal = NULL;
	assert_int_equal(seen.resolved, 2);
	skew_ms += 1500;
	run_until(seen.resolved == 3);
	assert_true(seen.resolved_known);

	/* What can be no id of any event. */
	hub.refusal = "request";
	assert_int_equal(follower_resolve(follower, 74, SLICE_LIT("odd")), 0);
	run_until(seen.resolved == 4);
	assert_false(seen.resolved_known);
	hub.is_mute = true;
	assert_int_equal(follower_resolve(follower, 75,
		(struct slice){ long_id, sizeof(long_id) }), 0);
	run_until(seen.resolved == 5);
	assert_int_equal(seen.resolved_tag, 75);
	assert_false(seen.resolved_known);
}

static void
resolves_after_the_hub_was_away(void **state)
{
	(void)state;
	hub_start(EPOCH_1, 1, 0);
	open_follower((struct follower_config){ .tail = FOLLOWER_ALL });
	run_until_heard();
	hub.is_mute = true;
	hub.asked = 0;
	assert_int_equal(follower_resolve(follower, 1, SLICE_LIT("own-7")), 0);
	run_until(hub.asked == 1);
	hub_stop();
	turn(10);
	hub_start(EPOCH_1, 1, 100);
	run_until(seen.resolved == 1);
	assert_true(seen.resolved_known);
}

/* --- plain sockets ------------------------------------------------------ */

static struct zmqport_socket *
plain_bind(const char *name, char *ret_endpoint, size_t size)
{
	struct zmqport_options o = { .kind = ZMQPORT_PUB, .max_frame = 1 << 20 };
	struct zmqport_socket *s = NULL;

	snprintf(ret_endpoint, size, "ipc://%s/%s", dir, name);
	if (!hub.port)
		assert_int_equal(zmqport_new(&hub.port), 0);
	assert_int_equal(zmqport_open(hub.port, &o, &s), 0);
	assert_int_equal(zmqport_bind(s, ret_endpoint, 0600, (gid_t)-1), 0);
	return s;
}

static void
plain_send(struct zmqport_socket *s, struct slice a, struct slice b, size_t n)
{
	struct slice parts[4] = { a, b, SLICE_LIT("more"), SLICE_LIT("more") };

	assert_int_equal(zmqport_send(s, parts, n), 0);
}

static bool
has_text(const char *text)
{
	(void)buf_append_char(&seen.text, '\0');
	seen.text.len--;
	return strstr(seen.text.p, text) != NULL;
}

/* Sends until one arrives: a SUB takes a moment to be known. */
static void
run_until_joined(struct zmqport_socket *s)
{
	do {
		plain_send(s, SLICE_LIT("join"), SLICE_LIT(""), 2);
		turn(1000);
	} while (!has_text("join="));
	plain_send(s, SLICE_LIT("joined"), SLICE_LIT(""), 2);
	run_until(has_text("joined="));
	seen.text.len = 0;
}

static void
takes_plain_events(void **state)
{
	static char big[MAX_EVENT + 1];
	char a[64], b[64], header[FRAME_HEADER_MAX];
	const char *endpoints[3] = { a, b, NULL };
	const char *prefixes[4] = { "join", "x", "bad", NULL };
	struct frame f = { .event = { .name = SLICE_LIT("n"), .epoch = 5,
				      .number = 6, .id = SLICE_LIT("own") } };
	struct slice full;

	(void)state;
	hub.pub = plain_bind("a", a, sizeof(a));
	hub.router = NULL;
	{
		struct zmqport_socket *other = plain_bind("b", b, sizeof(b));

		assert_int_equal(follower_open_plain(endpoints, prefixes,
						     MAX_EVENT, &ops, &seen,
						     &follower), 0);
		run_until_joined(hub.pub);
		run_until_joined(other);
		zmqport_close(other);
	}
	assert_int_equal(seen.state, FOLLOWER_LIVE);
	full = (struct slice){ header, frame_write_header(&f, header) };
	memset(big, 'x', sizeof(big));

	plain_send(hub.pub, SLICE_LIT("other"), SLICE_LIT("1"), 2);
	plain_send(hub.pub, SLICE_LIT("x"), SLICE_LIT("two\nlines"), 2);
	plain_send(hub.pub, SLICE_LIT("x/y"), SLICE_LIT(""), 1);
	plain_send(hub.pub, SLICE_LIT("x"), SLICE_LIT("a\xff\xf5z"), 4);
	plain_send(hub.pub, SLICE_LIT("x"), full, 3);
	plain_send(hub.pub, SLICE_LIT("bad\n"), SLICE_LIT("1"), 2);
	plain_send(hub.pub, SLICE_LIT("bad\xff"), SLICE_LIT("1"), 2);
	plain_send(hub.pub, SLICE_LIT("bad/*"), SLICE_LIT("1"), 2);
	plain_send(hub.pub, SLICE_LIT("bad"), SLICE_LIT("\xf5S\x02"), 3);
	plain_send(hub.pub, SLICE_LIT("bad"), (struct slice){ big, sizeof(big) }, 2);
	plain_send(hub.pub, SLICE_LIT("x"), (struct slice){ big, MAX_EVENT }, 2);
	plain_send(hub.pub, SLICE_LIT("xend"), SLICE_LIT("."), 2);
	run_until(has_text("xend=."));
	assert_memory_equal(seen.text.p, "x=two\nlines\nx/y=\n"
			    "x=a\xef\xbf\xbd\xef\xbf\xbdz\nx=more\nx=xxx", 40);
	assert_int_equal(follower_get_stats(follower)->refused, 5);
	/* Nobody is there who gives ids. */
	assert_int_equal(follower_resolve(follower, 9, SLICE_LIT("own")), 0);
	run_until(seen.resolved == 1);
	assert_false(seen.resolved_known);
}

static void
refuses_endpoints_that_are_none(void **state)
{
	const char *endpoints[2] = { "nonsense", NULL };
	struct follower *f = NULL;

	(void)state;
	assert_int_equal(follower_open_plain(endpoints, NULL, MAX_EVENT, &ops,
					     &seen, &f), -EINVAL);
	assert_null(f);
	assert_null(follower_free(NULL));
}

/* --- the public subscriber ---------------------------------------------- */

static struct {
	unsigned events, gaps, hubs;
	int is_there;
	char id[256], topic[256], data[256], after[64], resumed_at[64];
} told;

static void
tell_event(void *user, const struct sse_event *e)
{
	(void)user;
	told.events++;
	snprintf(told.id, sizeof(told.id), "%s",
		 sse_event_id(e, NULL) ? sse_event_id(e, NULL) : "-");
	snprintf(told.topic, sizeof(told.topic), "%s", sse_event_topic(e, NULL));
	snprintf(told.data, sizeof(told.data), "%s", sse_event_data(e, NULL));
}

static void
tell_gap(void *user, const char *after, const char *resumed_at,
	 const char *reason)
{
	(void)user;
	told.gaps++;
	assert_string_equal(reason, "trimmed");
	snprintf(told.after, sizeof(told.after), "%s", after);
	snprintf(told.resumed_at, sizeof(told.resumed_at), "%s", resumed_at);
}

static void
tell_hub(void *user, int is_there)
{
	(void)user;
	told.hubs++;
	told.is_there = is_there;
}

static const struct sse_subscriber_ops public_ops = {
	.on_event = tell_event,
	.on_gap = tell_gap,
	.on_hub = tell_hub,
};

#define poll_until(s, condition)                                         \
	do {                                                             \
		int64_t end_ms = clock_mono_ms() + DEADLINE_MS;          \
		while (!(condition)) {                                   \
			unit_check(clock_mono_ms() < end_ms,             \
				   "never came: %s", #condition);        \
			hub_serve();                                     \
			assert_int_equal(sse_subscriber_poll(s, 5), 0);  \
		}                                                        \
	} while (0)

static void
subscribes(void **state)
{
	struct sse_subscriber *s = NULL;

	(void)state;
	memset(&told, 0, sizeof(told));
	assert_int_equal(sse_subscriber_open(dir, NULL, &public_ops, NULL, &s), 0);
	assert_string_not_equal(sse_subscriber_error(s), "");	/* no hub yet */
	hub_start(EPOCH_1, 1, 5);
	poll_until(s, told.hubs == 1);
	assert_int_equal(told.is_there, 1);
	assert_string_equal(sse_subscriber_error(s), "");
	assert_int_equal(told.events, 0);
	hub_publish(false);
	poll_until(s, told.events == 1);
	assert_string_equal(told.id, "10000001-6");
	assert_string_equal(told.topic, "t");
	assert_string_equal(told.data, "6");
	assert_int_equal(told.gaps, 0);
	sse_subscriber_free(s);

	assert_int_equal(sse_subscriber_open(dir, "10000001-4", &public_ops,
					     NULL, &s), 0);
	poll_until(s, told.events == 3);
	assert_string_equal(told.id, "10000001-6");
	sse_subscriber_free(s);

	hub.first = 4;
	assert_int_equal(sse_subscriber_open(dir, "10000001-1", &public_ops,
					     NULL, &s), 0);
	poll_until(s, told.events == 6);
	assert_int_equal(told.gaps, 1);
	assert_string_equal(told.after, "10000001-1");
	assert_string_equal(told.resumed_at, "10000001-3");
	sse_subscriber_free(s);

	assert_int_equal(sse_subscriber_open(dir, "earliest", &public_ops,
					     NULL, &s), 0);
	poll_until(s, told.events == 9);
	assert_int_equal(told.gaps, 1);
	sse_subscriber_free(s);
}

static void
says_why_it_cannot_subscribe(void **state)
{
	const char *nowhere[] = { "tcp://", NULL }, *none[] = { NULL };
	struct sse_subscriber *s;
	const struct {
		const char *bus, *after;
		int want;
	} rows[] = {
		{ "tcp://10.0.0.1:5", NULL, -EINVAL },
		{ dir, "order-7", -EINVAL },
		{ "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL,
		  -ENAMETOOLONG },
		{ "/tmp", NULL, -EPERM },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		unit_check(sse_subscriber_open(rows[i].bus, rows[i].after,
					       &public_ops, NULL, &s) ==
			   rows[i].want, "row %zu", i);
		assert_non_null(s);
		assert_string_not_equal(sse_subscriber_error(s), "");
		assert_int_equal(sse_subscriber_poll(s, 0), -EINVAL);
		sse_subscriber_free(s);
	}
	assert_int_equal(sse_subscriber_connect(nowhere, NULL, &public_ops,
						NULL, &s), -EINVAL);
	assert_non_null(strstr(sse_subscriber_error(s), "tcp://"));
	sse_subscriber_free(s);
	assert_int_equal(sse_subscriber_connect(none, NULL, &public_ops, NULL,
						&s), -EINVAL);
	sse_subscriber_free(s);
	sse_subscriber_free(NULL);
}

static void
subscribes_to_plain_sockets(void **state)
{
	char a[64];
	const char *endpoints[2] = { a, NULL };
	struct sse_subscriber *s = NULL;

	(void)state;
	memset(&told, 0, sizeof(told));
	hub.pub = plain_bind("a", a, sizeof(a));
	assert_int_equal(sse_subscriber_connect(endpoints, NULL, &public_ops,
						NULL, &s), 0);
	while (told.events == 0) {
		plain_send(hub.pub, SLICE_LIT("x"), SLICE_LIT("y"), 2);
		assert_int_equal(sse_subscriber_poll(s, 5), 0);
	}
	assert_string_equal(told.id, "-");
	assert_string_equal(told.data, "y");
	assert_int_equal(told.hubs, 0);
	sse_subscriber_free(s);
}

static void
stands_failing_allocations(void **state)
{
	struct follower_config config = { .bus = bus, .max_event = MAX_EVENT };
	struct sse_subscriber *s;
	size_t n;
	int r;

	(void)state;
	for (n = 1; ; n++) {
		fault_arm(n);
		r = follower_open(&config, &ops, &seen, &follower);
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(follower);
	}
	assert_int_equal(r, 0);
	fault_arm(1);
	assert_int_equal(follower_resolve(follower, 1, SLICE_LIT("x")), -ENOMEM);
	assert_true(fault_disarm());
	for (n = 1; ; n++) {
		fault_arm(n);
		r = sse_subscriber_open(dir, NULL, &public_ops, NULL, &s);
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(s);
	}
	assert_int_equal(r, 0);
	sse_subscriber_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gets_what_is_kept_and_what_comes),
		TEST(waits_for_a_hub),
		TEST(begins_where_it_is_told),
		TEST(begins_with_the_newest_numbers),
		TEST(asks_for_pages_besides),
		TEST(many_selectors_are_none),
		TEST(a_page_is_asked_for_until_it_comes),
		TEST(repairs_what_was_lost),
		TEST(tells_what_is_trimmed),
		TEST(leaves_a_gap_for_what_it_cannot_use),
		TEST(goes_on_with_another_log),
		TEST(notices_silence),
		TEST(holds_live_events_within_bounds),
		TEST(has_a_budget),
		TEST(has_a_budget_of_bytes),
		TEST(counts_junk),
		TEST(resolves),
		TEST(resolves_after_the_hub_was_away),
		TEST(takes_plain_events),
		TEST(refuses_endpoints_that_are_none),
		TEST(subscribes),
		TEST(says_why_it_cannot_subscribe),
		TEST(subscribes_to_plain_sockets),
		TEST(stands_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
