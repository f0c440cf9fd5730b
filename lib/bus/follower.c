/* SPDX-License-Identifier: MIT */
/*
 * follower: moves messages between two sockets, repair.h and the callbacks.
 *
 * The events socket is emptied first in each turn, so that the time that the
 * process slept is not taken for the hub's silence; then pages, for which the
 * turn always has some room, or a busy bus would starve its own repair.
 */
#include "lib/bus/follower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/base/units.h"
#include "lib/base/utf8.h"
#include "lib/bus/held.h"
#include "lib/bus/frame.h"
#include "lib/bus/questions.h"
#include "lib/bus/repair.h"
#include "lib/bus/zmqport.h"

enum {
	ROUNDS = 4,		/* asking and reading in one turn */
	REPLIES = 64,		/* in one round */
	/* While the follow socket is not connected a descriptor tells when it
	 * is; this is for the case that it does not. */
	LATEST_MS = 500,
	IDLE_MS = 60000,
	/* Between two new connections to a hub that is not heard: ZeroMQ gives
	 * up for good where it was refused. */
	RENEW_MS = 5000,
	REQUEST_QUEUE = 1000,
	/* One page and the answers to questions: more was never asked for, and
	 * how many of those are pages is the asker's business. */
	REPLY_QUEUE = 1 + QUESTIONS_UNDER_WAY,
	TAG_SIZE = 24,
	/* What is read in one turn before others get theirs, of large events
	 * where the budget is for small ones: 8 MiB of line ends take a worker
	 * a tenth of a second. */
	TURN_BYTES = 1 << 20,
};

struct follower {
	const struct follower_ops *ops;	/* borrowed, as user */
	void *user;
	struct zmqport *port;		/* owned, as all of these */
	struct zmqport_socket *events;
	struct zmqport_socket *follow;	/* NULL: plain PUB sockets */
	unsigned losses;		/* of its connection, that are known */
	struct zmqport_message *live;
	struct zmqport_message *reply;
	size_t max_event;
	struct repair repair;
	struct held held;
	struct questions questions;
	uint64_t page_serial;		/* of the page asked for last */
	struct buf page;		/* the events of one that is told */
	struct buf mended;
	struct bus_address bus;		/* of the hub */
	int64_t renew_ms;		/* tcp: when to connect anew */
	bool is_refused;		/* told by on_refused */
	enum follower_state told;	/* to on_state */
	bool is_told;
	struct follower_stats stats;
};

/* --- what comes out ----------------------------------------------------- */

static void
tell_gap(struct follower *f, const struct follower_gap *gap)
{
	if (gap->after_known)
		f->stats.gaps++;
	if (f->ops->on_gap)
		f->ops->on_gap(f->user, gap);
}

/* The hub has checked it, but what we write to browsers hangs on it. */
static bool
is_fit(const struct follower *f, const struct event *e)
{
	struct event names = *e;

	names.data = SLICE_LIT("");
	return e->data.len <= f->max_event &&
	       event_check(&names, 0, true, NULL) == 0;
}

static void
refuse(struct follower *f, const char *why)
{
	f->stats.refused++;
	f->stats.why_refused = why;
}

/* Repair has counted `e`; one that cannot be used leaves a gap, not silence. */
static void
deliver(struct follower *f, const struct event *e)
{
	if (is_fit(f, e)) {
		f->stats.events++;
		f->ops->on_event(f->user, e);
		return;
	}
	refuse(f, "An event is not one that a hub would give.");
	tell_gap(f, &(struct follower_gap){
		.after_known = true,
		.after_epoch = e->epoch,
		.after_number = e->number - 1,
		.epoch = e->epoch,
		.resumed_at = e->number,
		.reason = "trimmed",
	});
}

static void
walk_held(struct follower *f)
{
	enum repair_verdict verdict;
	struct slice parts[3];
	uint64_t epoch, number;
	struct frame frame;
	const char *why;

	while (held_front(&f->held, &epoch, &number, parts)) {
		verdict = repair_on_held(&f->repair, epoch, number);
		if (verdict == REPAIR_HOLD)
			return;
		/* It was parsed when it came, so it parses again. */
		if (verdict == REPAIR_DELIVER &&
		    frame_parse(parts, 3, &frame, &why) == 0)
			deliver(f, &frame.event);
		held_pop(&f->held);
	}
}

/* --- the events socket -------------------------------------------------- */

static void
take_event(struct follower *f, const struct slice *parts,
	   const struct event *e, int64_t now_ms)
{
	if (e->epoch == 0 || e->number == 0) {
		refuse(f, "An event has no number.");
		return;
	}
	switch (repair_on_live(&f->repair, e->epoch, e->number, now_ms)) {
	case REPAIR_DELIVER:
		deliver(f, e);
		if (!held_is_empty(&f->held))
			walk_held(f);
		break;
	case REPAIR_HOLD:
		/* Without room it is lost here, and found missing later. */
		(void)held_add(&f->held, e->epoch, e->number, parts);
		break;
	case REPAIR_DROP:
		break;
	}
}

static void
take_live(struct follower *f, const struct slice *parts, size_t n,
	  int64_t now_ms)
{
	struct frame frame;
	const struct event *e = &frame.event;
	const char *why;

	if (frame_parse(parts, n, &frame, &why) < 0) {
		refuse(f, why);
		return;
	}
	if (!frame.is_full) {
		refuse(f, "An event has no header.");
		return;
	}
	switch (frame.type) {
	case FRAME_EVENT:
		take_event(f, parts, e, now_ms);
		break;
	case FRAME_HEARTBEAT:
		repair_on_heartbeat(&f->repair, e->epoch, e->number, now_ms);
		break;
	case FRAME_GOODBYE:
		repair_on_goodbye(&f->repair, e->epoch, e->number, now_ms);
		break;
	case FRAME_FORGET:
	case FRAME_OTHER:
		break;
	}
}

/* A stranger's event: no place in any order, and data that may be no text. */
static void
take_plain(struct follower *f, const struct slice *parts, size_t n)
{
	struct frame frame;
	struct event *e = &frame.event;
	const char *why;

	if (frame_parse(parts, n, &frame, &why) < 0) {
		refuse(f, why);
		return;
	}
	if (frame.type != FRAME_EVENT)
		return;		/* of a hub that was taken for a plain socket */
	e->epoch = e->number = 0;
	e->id = e->key = SLICE_NONE;
	if (e->data.len <= f->max_event && !utf8_is_valid(e->data)) {
		buf_clear(&f->mended);
		if (utf8_append_mended(&f->mended, e->data) == 0)
			e->data = buf_slice(&f->mended);
	}
	if (event_check(e, f->max_event, false, NULL) < 0) {
		refuse(f, "An event breaks a rule of its topic, its name or its size.");
		return;
	}
	f->stats.events++;
	f->ops->on_event(f->user, e);
}

/* Returns whether there may be more. */
static bool
drain_events(struct follower *f, int64_t now_ms, unsigned budget)
{
	const struct slice *parts;
	size_t n, bytes = 0;
	int r;

	while (budget-- > 0 && bytes < TURN_BYTES) {
		r = zmqport_receive(f->events, f->live);
		if (r == 0)
			return false;
		if (r < 0) {
			refuse(f, "A message has too many parts.");
			continue;
		}
		parts = zmqport_parts(f->live, &n);
		bytes += parts[n - 1].len;
		if (f->follow)
			take_live(f, parts, n, now_ms);
		else
			take_plain(f, parts, n);
	}
	return true;
}

/* --- the follow socket -------------------------------------------------- */

static struct slice
make_tag(char text[TAG_SIZE], char kind, uint64_t serial)
{
	int len = snprintf(text, TAG_SIZE, "%c%llu", kind,
			   (unsigned long long)serial);

	return (struct slice){ text, (size_t)len };
}

/* The serial in a tag of ours, or 0. */
static uint64_t
read_tag(struct slice tag, char kind)
{
	uint64_t serial;

	if (tag.len < 2 || tag.p[0] != kind ||
	    parse_u64((struct slice){ tag.p + 1, tag.len - 1 }, &serial) < 0)
		return 0;
	return serial;
}

static int
send_request(struct follower *f, const struct follow_request *q)
{
	struct slice parts[FOLLOW_REQUEST_PARTS_MAX];
	struct follow_digits digits;

	return zmqport_send(f->follow, parts,
			    follow_request_parts(q, &digits, parts));
}

/* Reads the selectors of a page's question; returns how many. */
static size_t
split_selectors(struct slice lines, struct slice out[FOLLOW_SELECTORS_MAX])
{
	const char *p = lines.p, *end = p + lines.len, *stop;
	size_t n = 0;

	for (; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop || n == FOLLOW_SELECTORS_MAX)
			return 0;
		out[n++] = (struct slice){ p, (size_t)(stop - p) };
	}
	return n;
}

static int
send_question(struct follower *f, const struct question *question)
{
	struct slice selectors[FOLLOW_SELECTORS_MAX];
	struct follow_request q = { .verb = FOLLOW_RESOLVE };
	char text[TAG_SIZE];

	q.tag = make_tag(text, question->is_page ? 'q' : 'r', question->serial);
	if (question->is_page) {
		q.verb = FOLLOW_AFTER;
		q.epoch = question->epoch;
		q.number = question->number;
		q.limit = question->limit;
		q.selectors = selectors;
		q.n_selectors = split_selectors(question->text, selectors);
	} else {
		q.id = question->text;
	}
	return send_request(f, &q);
}

static void
answer_unknown(struct follower *f, uint64_t serial)
{
	uint64_t tag;

	if (questions_answered(&f->questions, serial, &tag))
		f->ops->on_resolved(f->user, tag, false, 0, 0);
}

/* What no event can have for an id needs no hub to be unknown; and without a
 * hub no event has one. */
static bool
can_be_asked(const struct follower *f, const struct question *question)
{
	struct slice id = question->text;

	return question->is_page ||
	       (f->follow && id.len > 0 && id.len <= EVENT_ID_MAX);
}

static void
ask_questions(struct follower *f, int64_t now_ms)
{
	struct question *question;

	while ((question = questions_next(&f->questions, now_ms))) {
		if (!can_be_asked(f, question)) {
			answer_unknown(f, question->serial);
			continue;
		}
		if (send_question(f, question) < 0)
			return;
		questions_sent(&f->questions, question, now_ms);
	}
}

/* With a connection goes what was asked over it. */
static void
check_loss(struct follower *f, int64_t now_ms)
{
	unsigned losses = zmqport_losses(f->follow);

	if (losses == f->losses)
		return;
	f->losses = losses;
	if (f->repair.is_asked)
		repair_unanswered(&f->repair, now_ms, false);
	if (f->questions.under_way > 0)
		questions_unanswered(&f->questions, now_ms);
}

/* Asks what there is to ask, if there is somebody to ask: for a hub that is away,
 * one request after the other would pile up. */
static void
ask(struct follower *f, int64_t now_ms)
{
	struct follow_request q = { .verb = FOLLOW_AFTER };
	bool is_needed = repair_wants(&f->repair, now_ms, &q);
	char text[TAG_SIZE];

	if (!zmqport_is_connected(f->follow))
		return;
	if (is_needed) {
		q.tag = make_tag(text, 'p', ++f->page_serial);
		if (send_request(f, &q) == 0)
			repair_asked(&f->repair, now_ms);
	}
	ask_questions(f, now_ms);
}

static void
take_page_event(struct follower *f, const struct follow_reply *page, size_t i)
{
	enum repair_verdict verdict;
	struct follower_gap gap;
	struct frame frame;
	const char *why;
	bool is_gap;

	/* An event that cannot be read is found missing by the next number. */
	if (frame_parse(page->events + 3 * i, 3, &frame, &why) < 0 ||
	    !frame.is_full || frame.type != FRAME_EVENT) {
		refuse(f, "An event of a page cannot be read.");
		return;
	}
	verdict = repair_page_event(&f->repair, page, frame.event.epoch,
				    frame.event.number, &is_gap, &gap);
	if (is_gap)
		tell_gap(f, &gap);
	if (verdict == REPAIR_DELIVER)
		deliver(f, &frame.event);
}

static void
take_page(struct follower *f, const struct follow_reply *page, int64_t now_ms)
{
	struct follower_gap gap;
	size_t i;

	if (repair_page_begin(&f->repair, page, now_ms, &gap))
		tell_gap(f, &gap);
	for (i = 0; i < page->count; i++)
		take_page_event(f, page, i);
	if (repair_page_end(&f->repair, page, now_ms, &gap))
		tell_gap(f, &gap);
	walk_held(f);
}

/* What is no event of the log at hand gets no topic: it was there, and cannot be
 * had. */
static void
read_page_event(struct follower *f, const struct follow_reply *page, size_t i,
		struct event *ret_event)
{
	struct frame frame;
	const char *why;

	if (frame_parse(page->events + 3 * i, 3, &frame, &why) == 0 &&
	    frame.is_full && frame.type == FRAME_EVENT &&
	    frame.event.epoch == page->epoch && is_fit(f, &frame.event)) {
		*ret_event = frame.event;
		return;
	}
	*ret_event = (struct event){ 0 };
	refuse(f, "An event of a page cannot be read.");
}

static void
tell_page(struct follower *f, const struct follow_reply *reply, int64_t now_ms)
{
	struct follower_page page = {
		.epoch = reply->epoch,
		.from = reply->from,
		.to = reply->to,
		.last = reply->last,
		.lost = reply->lost,
		.count = reply->count,
	};
	uint64_t serial = read_tag(reply->tag, 'q'), tag;
	struct event *events;
	size_t i;

	buf_clear(&f->page);
	if (buf_reserve(&f->page, (reply->count + 1) * sizeof(*events)) < 0) {
		questions_unanswered(&f->questions, now_ms + QUESTIONS_BUSY_MS);
		return;
	}
	if (!questions_answered(&f->questions, serial, &tag))
		return;
	events = (struct event *)(void *)f->page.p;
	for (i = 0; i < reply->count; i++)
		read_page_event(f, reply, i, &events[i]);
	page.events = events;
	f->ops->on_page(f->user, tag, &page);
}

static void
take_answer(struct follower *f, const struct follow_reply *reply)
{
	uint64_t tag;

	if (questions_answered(&f->questions, read_tag(reply->tag, 'r'), &tag))
		f->ops->on_resolved(f->user, tag, reply->kind == FOLLOW_AT,
				    reply->epoch, reply->number);
}

/* Of a question. What the hub cannot read as an id is none that it has. */
static void
take_refusal(struct follower *f, const struct follow_reply *reply,
	     int64_t now_ms)
{
	bool is_final = slice_eq(reply->class, SLICE_LIT("request")) ||
			slice_eq(reply->class, SLICE_LIT("selector"));
	uint64_t page = read_tag(reply->tag, 'q'), tag;
	uint64_t serial = read_tag(reply->tag, 'r');

	if (is_final && serial)
		answer_unknown(f, serial);
	else if (is_final && questions_answered(&f->questions, page, &tag))
		f->ops->on_page(f->user, tag, NULL);
	else if (serial || page)
		questions_unanswered(&f->questions, now_ms + QUESTIONS_BUSY_MS);
}

static void
take_reply(struct follower *f, const struct slice *parts, size_t n,
	   int64_t now_ms)
{
	struct follow_reply reply;
	const char *why;
	bool is_page;

	if (follow_reply_parse(parts, n, &reply, &why) < 0) {
		/* If it was the page, it is asked for again after its time. */
		refuse(f, why);
		return;
	}
	is_page = f->repair.is_asked &&
		  read_tag(reply.tag, 'p') == f->page_serial;
	switch (reply.kind) {
	case FOLLOW_PAGE:
		if (is_page)
			take_page(f, &reply, now_ms);
		else
			tell_page(f, &reply, now_ms);
		break;
	case FOLLOW_AT:
	case FOLLOW_UNKNOWN:
		take_answer(f, &reply);
		break;
	case FOLLOW_REFUSED:
		if (is_page)
			repair_unanswered(&f->repair, now_ms, true);
		else
			take_refusal(f, &reply, now_ms);
		break;
	case FOLLOW_JSON:
	case FOLLOW_HANDED_OVER:
		break;
	}
}

/* Returns how many it read; REPLIES: there may be more. */
static unsigned
drain_replies(struct follower *f, int64_t now_ms)
{
	const struct slice *parts;
	unsigned i;
	size_t n;
	int r;

	for (i = 0; i < REPLIES; i++) {
		r = zmqport_receive(f->follow, f->reply);
		if (r == 0)
			break;
		if (r < 0)
			continue;
		parts = zmqport_parts(f->reply, &n);
		take_reply(f, parts, n, now_ms);
	}
	return i;
}

/* Returns whether there may be more. The last that happens to the socket is
 * a receive that finds nothing: only then will its descriptor tell of more. */
static bool
converse(struct follower *f, int64_t now_ms)
{
	unsigned round, n;

	for (round = 0; round < ROUNDS; round++) {
		check_loss(f, now_ms);
		ask(f, now_ms);
		n = drain_replies(f, now_ms);
		if (n == 0)
			return false;
	}
	return true;
}

enum follower_state
follower_get_state(const struct follower *f)
{
	return f->follow ? repair_state(&f->repair) : FOLLOWER_LIVE;
}

const struct follower_stats *
follower_get_stats(const struct follower *f)
{
	return &f->stats;
}

static void
tell_state(struct follower *f)
{
	enum follower_state state = follower_get_state(f);

	if (f->is_told && f->told == state)
		return;
	f->is_told = true;
	f->told = state;
	if (f->ops->on_state)
		f->ops->on_state(f->user, state);
}

/* --- the connections ---------------------------------------------------- */

static int
connect_to(struct follower *f, enum bus_endpoint which,
	   int (*connect)(struct zmqport_socket *s, const char *endpoint))
{
	char endpoint[BUS_ENDPOINT_MAX];

	bus_address_peer(&f->bus, which, endpoint);
	return connect(which == BUS_EVENTS ? f->events : f->follow, endpoint);
}

/* Looks at what became of the handshakes; both sockets fare alike. */
static void
check_keys(struct follower *f)
{
	enum zmqport_verdict verdict = zmqport_verdict(f->follow);
	char why[1024];
	bool is_refused;

	(void)zmqport_verdict(f->events);	/* must be emptied, too */
	is_refused = bus_address_explain(&f->bus, BUS_FOLLOW, verdict, why,
					 sizeof(why)) == -EACCES;
	if (is_refused == f->is_refused ||
	    (!is_refused && verdict != ZMQPORT_LET_IN))
		return;
	f->is_refused = is_refused;
	if (f->ops->on_refused)
		f->ops->on_refused(f->user, is_refused ? why : NULL);
}

static bool
is_silent(const struct follower *f)
{
	enum follower_state state = repair_state(&f->repair);

	return state == FOLLOWER_SEARCHING || state == FOLLOWER_SILENT;
}

/* Of a tcp bus: a connection that was refused must be made anew. */
static void
check_connections(struct follower *f, int64_t now_ms)
{
	if (bus_address_curve(&f->bus))
		check_keys(f);
	if (!is_silent(f) || f->renew_ms == 0)
		f->renew_ms = now_ms + RENEW_MS;
	if (now_ms < f->renew_ms)
		return;
	f->renew_ms = now_ms + RENEW_MS;
	/* What fails now is tried again the next time. */
	(void)connect_to(f, BUS_EVENTS, zmqport_renew);
	(void)connect_to(f, BUS_FOLLOW, zmqport_renew);
}

/* --- the outside -------------------------------------------------------- */

static int64_t
next_due(const struct follower *f, int64_t now_ms)
{
	int64_t due = repair_due(&f->repair);
	int64_t questions = questions_due(&f->questions);

	if (due > questions)
		due = questions;
	if (f->bus.is_tcp && is_silent(f) && due > f->renew_ms)
		due = f->renew_ms;
	/* Due already: it waits for the connection. */
	return due > now_ms ? due : now_ms + LATEST_MS;
}

int64_t
follower_run(struct follower *f, int64_t now_ms, unsigned budget)
{
	bool more = drain_events(f, now_ms, budget);

	if (!f->follow) {
		ask_questions(f, now_ms);
		tell_state(f);
		return more ? now_ms : now_ms + IDLE_MS;
	}
	repair_tick(&f->repair, now_ms);
	questions_tick(&f->questions, now_ms);
	if (f->bus.is_tcp)
		check_connections(f, now_ms);
	more |= converse(f, now_ms);
	f->stats.repairs = f->repair.repairs;
	f->stats.hub_losses = f->repair.holes;
	tell_state(f);
	return more ? now_ms : next_due(f, now_ms);
}

int
follower_fds(const struct follower *f, int fds[FOLLOWER_FDS])
{
	fds[0] = zmqport_fd(f->events);
	if (!f->follow)
		return 1;
	fds[1] = zmqport_fd(f->follow);
	fds[2] = zmqport_watch_fd(f->follow);
	return 3;
}

int
follower_resolve(struct follower *f, uint64_t tag, struct slice id)
{
	return questions_add(&f->questions, tag, id);
}

int
follower_page(struct follower *f, uint64_t tag,
	      const struct follower_question *question)
{
	return questions_add_page(&f->questions, tag, question);
}

void
follower_forget(struct follower *f, uint64_t tag)
{
	questions_forget(&f->questions, tag);
}

struct follower *
follower_free(struct follower *f)
{
	if (!f)
		return NULL;
	zmqport_message_free(f->live);
	zmqport_message_free(f->reply);
	zmqport_close(f->events);
	zmqport_close(f->follow);
	zmqport_free(f->port);
	held_done(&f->held);
	questions_done(&f->questions);
	buf_done(&f->page);
	buf_done(&f->mended);
	free(f);
	return NULL;
}

/* What both kinds need. On failure the caller frees. */
static int
begin(const struct bus_address *bus, size_t max_event,
      const struct follower_ops *ops, void *user,
      struct follower **ret_follower)
{
	/* A frame above this cuts the connection, and with it all that is
	 * under way; below it, events that are too long are only dropped. */
	struct zmqport_options options = {
		.kind = ZMQPORT_SUB,
		.max_frame = zmqport_max_frame(LIMIT_EVENT_MOST),
		.receive_queue = zmqport_queue(max_event),
		.curve = bus ? bus_address_curve(bus) : NULL,
	};
	struct follower *f = calloc(1, sizeof(*f));
	int r;

	*ret_follower = f;
	if (!f)
		return -ENOMEM;
	f->ops = ops;
	f->user = user;
	if (bus)
		f->bus = *bus;
	f->max_event = max_event;
	f->held.most = LIMIT_REPAIR_BYTES;
	questions_init(&f->questions);
	r = zmqport_new(&f->port);
	if (r == 0)
		r = zmqport_message_new(FRAME_PARTS_MAX, &f->live);
	if (r == 0)
		r = zmqport_open(f->port, &options, &f->events);
	return r;
}

static int
connect_hub(struct follower *f)
{
	struct zmqport_options options = {
		.kind = ZMQPORT_DEALER,
		.max_frame = zmqport_max_frame(LIMIT_EVENT_MOST),
		.send_queue = REQUEST_QUEUE,
		.receive_queue = REPLY_QUEUE,
		.curve = bus_address_curve(&f->bus),
	};
	int r;

	r = zmqport_message_new(FOLLOW_REPLY_PARTS_MAX, &f->reply);
	if (r == 0)
		r = zmqport_open(f->port, &options, &f->follow);
	if (r == 0)
		r = zmqport_subscribe(f->events, SLICE_LIT(""));
	if (r < 0)
		return r;
	r = connect_to(f, BUS_EVENTS, zmqport_connect);
	return r < 0 ? r : connect_to(f, BUS_FOLLOW, zmqport_connect);
}

int
follower_open(const struct follower_config *config,
	      const struct follower_ops *ops, void *user,
	      struct follower **ret_follower)
{
	struct follower *f;
	int r = begin(&config->bus, config->max_event, ops, user, &f);

	if (r == 0)
		r = connect_hub(f);
	if (r < 0) {
		follower_free(f);
		return r;
	}
	repair_init(&f->repair, config->epoch, config->number,
		    config->tail, 0);
	*ret_follower = f;
	return 0;
}

static int
connect_plain(struct follower *f, const char *const *endpoints,
	      const char *const *prefixes)
{
	size_t i;
	int r = 0;

	if (!prefixes || !prefixes[0])
		r = zmqport_subscribe(f->events, SLICE_LIT(""));
	for (i = 0; r == 0 && prefixes && prefixes[i]; i++)
		r = zmqport_subscribe(f->events, slice_of(prefixes[i]));
	for (i = 0; r == 0 && endpoints[i]; i++)
		r = zmqport_connect(f->events, endpoints[i]);
	return r;
}

int
follower_open_plain(const char *const *endpoints, const char *const *prefixes,
		    size_t max_event, const struct follower_ops *ops,
		    void *user, struct follower **ret_follower)
{
	struct follower *f;
	int r = begin(NULL, max_event, ops, user, &f);

	if (r == 0)
		r = connect_plain(f, endpoints, prefixes);
	if (r < 0) {
		follower_free(f);
		return r;
	}
	*ret_follower = f;
	return 0;
}
