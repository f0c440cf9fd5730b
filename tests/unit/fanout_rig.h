/* SPDX-License-Identifier: MIT */
/*
 * fanout_rig: a fan-out on a real loop, and web servers at the other ends of
 * its sockets that take the FastCGI records apart and read the stream as a
 * browser does.
 */
#ifndef TESTS_UNIT_FANOUT_RIG_H
#define TESTS_UNIT_FANOUT_RIG_H

#include <errno.h>
#include <fastcgi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/fanout.h"
#include "fcgi/record.h"
#include "lib/base/clock.h"
#include "lib/sse/also.h"
#include "lib/sse/decode.h"
#include "lib/sse/id.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

enum {
	RIG_PATIENCE_MS = 60000,	/* then a test that waits has failed */
	RIG_QUESTIONS = 64,
};

#define RIG_EPOCH UINT64_C(1000000000000)

struct rig_question {
	uint64_t tag;
	char id[EVENT_ID_MAX + 1];
	bool is_forgotten;
};

struct rig_page_question {
	struct follower_question q;	/* without selectors, which are: */
	uint64_t tag;
	char selectors[512];
};

struct rig {
	struct loop *loop;
	struct fanout *fanout;
	int64_t nap_ms;			/* what a turn may sleep */
	unsigned turns;			/* still to run */
	uint64_t epoch, number;		/* of the last event */
	struct rig_question questions[RIG_QUESTIONS];
	unsigned question_count;
	struct rig_page_question pages[RIG_QUESTIONS];
	unsigned page_count;		/* that are open */
	int ask_result;			/* what ask and page say */
	int64_t age_ms;			/* of what is published */
	unsigned closed;		/* calls of on_close */
	size_t fault_at;		/* the next open lacks memory there; 0: no */
	bool had_fault;
};

/* ---- the fan-out's side ---- */

static inline int
rig_ask(void *user, uint64_t tag, struct slice id)
{
	struct rig *r = user;
	struct rig_question *q = &r->questions[r->question_count];

	assert_true(tag != 0);
	if (r->ask_result < 0)
		return r->ask_result;
	assert_true(r->question_count < RIG_QUESTIONS);
	assert_true(id.len < sizeof(q->id));
	r->question_count++;
	*q = (struct rig_question){ .tag = tag };
	memcpy(q->id, id.p, id.len);
	return 0;
}

static inline void
rig_forget(void *user, uint64_t tag)
{
	struct rig *r = user;

	for (unsigned i = 0; i < r->question_count; i++) {
		if (r->questions[i].tag == tag) {
			assert_false(r->questions[i].is_forgotten);
			r->questions[i].is_forgotten = true;
			return;
		}
	}
	for (unsigned i = 0; i < r->page_count; i++) {
		if (r->pages[i].tag == tag) {
			r->pages[i] = r->pages[--r->page_count];
			return;
		}
	}
	fail_msg("a question that was never asked is forgotten");
}

static inline int
rig_ask_page(void *user, uint64_t tag, const struct follower_question *question)
{
	struct rig *r = user;
	struct rig_page_question *q = &r->pages[r->page_count];

	assert_true(tag != 0);
	if (r->ask_result < 0)
		return r->ask_result;
	assert_true(r->page_count < RIG_QUESTIONS);
	assert_true(question->selectors.len < sizeof(q->selectors));
	r->page_count++;
	*q = (struct rig_page_question){ .q = *question, .tag = tag };
	memcpy(q->selectors, question->selectors.p, question->selectors.len);
	return 0;
}

static inline void
rig_on_close(void *user, void *owner)
{
	struct rig *r = user;

	(void)owner;
	r->closed++;
}

static const struct fanout_ops rig_ops = {
	.ask = rig_ask, .forget = rig_forget, .on_close = rig_on_close,
};
static const struct fanout_ops rig_paged_ops = {
	.ask = rig_ask, .forget = rig_forget, .page = rig_ask_page,
	.on_close = rig_on_close,
};

static inline int64_t
rig_turn(void *user, int64_t now_ms)
{
	struct rig *r = user;
	int64_t sleep_ms = fanout_turn(r->fanout, now_ms);

	if (r->turns-- == 0) {
		loop_stop(r->loop);
		return 0;
	}
	return sleep_ms >= 0 && sleep_ms < r->nap_ms ? sleep_ms : r->nap_ms;
}

/* What tests of other things do not want to see the effects of. */
static inline struct fanout_config
rig_config(void)
{
	return (struct fanout_config){
		.heartbeat_ms = 3600000,
		.retry_ms = 3000,
		.drain_ms = 1000,
		.window = { .events = 1000 },
	};
}

static inline void
rig_begin_with(struct rig *r, const struct fanout_config *config,
	       const struct fanout_ops *ops)
{
	memset(r, 0, sizeof(*r));
	r->epoch = RIG_EPOCH;
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &r->loop), 0);
	assert_int_equal(fanout_new(r->loop, config, ops, r, &r->fanout), 0);
	loop_on_turn(r->loop, rig_turn, r);
}

static inline void
rig_begin(struct rig *r, const struct fanout_config *config)
{
	rig_begin_with(r, config, &rig_ops);
}

/* A hub that keeps nothing yet, and all of it is here. */
static inline void
rig_go_live(struct rig *r)
{
	fanout_gap(r->fanout, &(struct follower_gap){
		.epoch = r->epoch, .resumed_at = r->number, .reason = "trimmed",
	});
	fanout_state(r->fanout, FOLLOWER_LIVE);
}

static inline void
rig_begin_live(struct rig *r, const struct fanout_config *config)
{
	rig_begin(r, config);
	rig_go_live(r);
}

static inline void
rig_end(struct rig *r)
{
	const struct fanout_stats *stats = fanout_get_stats(r->fanout);

	assert_int_equal(stats->opened - stats->closed,
			 fanout_count(r->fanout));
	assert_int_equal(r->closed, stats->closed);
	r->fanout = fanout_free(r->fanout);
	assert_null(r->fanout);
	r->loop = loop_free(r->loop);
}

/* A turn with a look at the sockets, and what that leaves to the next one. */
static inline void
rig_pump(struct rig *r)
{
	r->turns = 1;
	assert_int_equal(loop_run(r->loop), 0);
}

/* ---- events ---- */

struct rig_event {
	const char *topic;
	const char *also;		/* another topic, or NULL */
	size_t len;			/* of its data, at least */
	const char *id;			/* a publisher's own, or NULL */
	bool is_private;
};

/* The data is the event's number, and as many dots as it takes. */
static inline struct slice
rig_data(uint64_t number, size_t len)
{
	static struct buf data;
	char head[32];
	size_t n = (size_t)snprintf(head, sizeof(head), "%llu ",
				    (unsigned long long)number);

	if (len < n)
		len = n;
	buf_done(&data);
	assert_int_equal(buf_append(&data, head, n), 0);
	assert_int_equal(buf_reserve(&data, len - n), 0);
	memset(data.p + n, '.', len - n);
	data.len = len;
	return buf_slice(&data);
}

/* Its other topic, as it travels; good until the next call. */
static inline struct slice
rig_also(const struct rig_event *e)
{
	static char field[64];
	int len;

	if (!e->also)
		return SLICE_NONE;
	len = snprintf(field + 3, sizeof(field) - 3, "%s", e->also);
	field[0] = ALSO_TYPE;
	field[2] = (char)len;
	return (struct slice){ field, 3 + (size_t)len };
}

static inline void
rig_publish(struct rig *r, struct rig_event what)
{
	struct event e = {
		.topic = slice_of(what.topic),
		.also = rig_also(&what),
		.data = rig_data(++r->number, what.len),
		.id = slice_of(what.id),
		.is_private = what.is_private,
		.epoch = r->epoch,
		.number = r->number,
		.time_ms = clock_wall_ms() - r->age_ms,
	};

	fanout_event(r->fanout, &e);
}

static inline void
rig_topic(struct rig *r, const char *topic)
{
	rig_publish(r, (struct rig_event){ .topic = topic });
}

static inline void
rig_big(struct rig *r, const char *topic, size_t len)
{
	rig_publish(r, (struct rig_event){ .topic = topic, .len = len });
}

/* ---- a web server's connection, and the page behind it ---- */

struct got {			/* an event that arrived */
	bool is_gap;
	uint64_t number;	/* what its data begins with */
	size_t len;		/* of the data */
	char id[64];		/* the last event id then */
	char text[160];		/* the beginning of the data */
};

struct page {
	int fd;			/* -1: not open */
	uint16_t id;		/* the FastCGI request's */
	struct buf in;		/* part of a record */
	struct buf header;	/* the response's, with the empty line */
	struct buf body;	/* all of it as text, for a close look */
	struct decode decode;
	struct got *got;
	size_t count, cap;
	size_t bytes, records, largest;	/* of records: content */
	bool has_header, is_ended, is_closed;
	bool is_terse;		/* keeps no body: a long test */
};

static inline int
page_on_event(void *user, const struct decoded *e)
{
	struct page *p = user;
	struct got *got;
	size_t len = e->data.len;
	bool is_whole = true;

	if (p->count == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 16;
		p->got = realloc(p->got, p->cap * sizeof(*p->got));
		assert_non_null(p->got);
	}
	got = &p->got[p->count++];
	*got = (struct got){
		.is_gap = slice_eq(e->name, SLICE_LIT("sse-gap")),
		.len = len,
	};
	assert_true(got->is_gap || slice_eq(e->name, SLICE_LIT("message")));
	assert_true(e->last_id.len < sizeof(got->id));
	if (e->last_id.len)
		memcpy(got->id, e->last_id.p, e->last_id.len);
	if (len >= sizeof(got->text))
		len = sizeof(got->text) - 1;
	if (len)
		memcpy(got->text, e->data.p, len);
	got->number = strtoull(got->text, NULL, 10);
	for (size_t i = 0; !got->is_gap && i < e->data.len; i++)
		is_whole &= e->data.p[i] == ' ' || e->data.p[i] == '.' ||
			    (e->data.p[i] >= '0' && e->data.p[i] <= '9');
	assert_true(is_whole);
	return 0;
}

static inline void
page_on_body(struct page *p, struct slice bytes)
{
	if (!p->is_terse)
		assert_int_equal(buf_append_slice(&p->body, bytes), 0);
	assert_int_equal(decode_bytes(&p->decode, bytes, page_on_event, p), 0);
}

/* The header ends with an empty line; after it the stream begins. */
static inline void
page_on_stdout(struct page *p, struct slice bytes)
{
	const char *end;
	size_t len;

	if (p->has_header) {
		page_on_body(p, bytes);
		return;
	}
	/* what page_stuff has put before it */
	if (slice_eq(bytes, SLICE_LIT(":\n")))
		return;
	assert_int_equal(buf_append_slice(&p->header, bytes), 0);
	assert_int_equal(buf_append_char(&p->header, '\0'), 0);
	p->header.len--;
	end = strstr(p->header.p, "\r\n\r\n");
	/* Header and first bytes leave in one record. */
	assert_non_null(end);
	len = (size_t)(end - p->header.p) + 4;
	assert_true(len < p->header.len);
	p->has_header = true;
	bytes.p += len;
	bytes.len -= len;
	p->header.len = len;
	page_on_body(p, bytes);
}

/* Takes the whole records off p->in. */
static inline void
page_on_bytes(struct page *p)
{
	size_t at = 0;

	while (p->in.len - at >= RECORD_HEADER_LEN) {
		const uint8_t *h = (const uint8_t *)p->in.p + at;
		size_t len = (size_t)h[4] << 8 | h[5];

		if (p->in.len - at < RECORD_HEADER_LEN + len + h[6])
			break;
		assert_int_equal(h[0], FCGI_VERSION_1);
		assert_int_equal(h[2] << 8 | h[3], p->id);
		assert_false(p->is_ended);
		p->records++;
		if (len > p->largest)
			p->largest = len;
		if (h[1] == FCGI_STDOUT && len > 0) {
			page_on_stdout(p, (struct slice){
				(const char *)h + RECORD_HEADER_LEN, len });
		} else if (h[1] == FCGI_END_REQUEST) {
			assert_int_equal(len, 8);
			p->is_ended = true;
		} else {
			assert_int_equal(h[1], FCGI_STDOUT);
		}
		at += RECORD_HEADER_LEN + len + h[6];
	}
	buf_consume(&p->in, at);
}

/* Reads at most so many bytes. True: something came, or the end. */
static inline bool
page_read_some(struct page *p, size_t most)
{
	static char bytes[65536];
	ssize_t n;

	if (p->fd < 0 || p->is_closed)
		return false;
	n = recv(p->fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes),
		 MSG_DONTWAIT);
	if (n < 0) {
		assert_true(errno == EAGAIN || errno == ECONNRESET);
		if (errno == EAGAIN)
			return false;
		n = 0;
	}
	if (n == 0) {
		p->is_closed = true;
		return true;
	}
	p->bytes += (size_t)n;
	assert_int_equal(buf_append(&p->in, bytes, (size_t)n), 0);
	page_on_bytes(p);
	return true;
}

static inline bool
page_read(struct page *p)
{
	bool any = false;

	while (page_read_some(p, SIZE_MAX))
		any = true;
	return any;
}

struct page_request {
	const char *key;		/* a subscription's, see there */
	enum subscription_from from;
	const char *after;
	uint32_t last_n;
	uint32_t poll_ms;
	uint16_t id;			/* 0: 1 */
	int send_room;			/* SO_SNDBUF; 0: as it is */
	size_t filled;			/* bytes that stand in the way, at most */
	int *keep;			/* where a copy of its end goes, or NULL */
};

/* Sends bytes that the page skips; returns how many it took. */
static inline size_t
page_fill(int fd, size_t most)
{
	static const char junk[1024];
	size_t sum = 0;

	while (sum < most) {
		size_t len = most - sum < sizeof(junk) ? most - sum :
			     sizeof(junk);
		ssize_t n = send(fd, junk, len, MSG_DONTWAIT);

		if (n < 0)
			break;
		sum += (size_t)n;
	}
	return sum;
}

static inline void
page_skip(int fd, size_t len)
{
	char skip[4096];

	while (len > 0) {
		ssize_t n = recv(fd, skip, len < sizeof(skip) ? len :
				 sizeof(skip), 0);

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

/* Fills a stream's socket with what is valid in it and says nothing. */
static inline void
page_stuff(int fd)
{
	char record[RECORD_HEADER_LEN + 2] = { 0 };

	record_header((uint8_t *)record, FCGI_STDOUT, 1, 2);
	memcpy(record + RECORD_HEADER_LEN, ":\n", 2);
	while (send(fd, record, sizeof(record), MSG_DONTWAIT) > 0)
		;
}

/* Opens a page; what fanout_open says. */
static inline int
page_try_open(struct rig *r, struct page *p, struct page_request q)
{
	struct subscription s = { .from = q.from, .last_n = q.last_n,
				  .poll_ms = q.poll_ms };
	struct fanout_request request = { .id = q.id ? q.id : 1 };
	int fds[2], result;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (q.send_room)
		assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF,
					    &q.send_room, sizeof(int)), 0);
	assert_int_equal(buf_append_text(&s.key, q.key), 0);
	s.count = 1;
	if (q.after)
		assert_int_equal(buf_append_text(&s.after, q.after), 0);
	*p = (struct page){ .fd = fds[1], .id = request.id };
	decode_init(&p->decode, 16 << 20);
	if (q.keep)
		*q.keep = dup(fds[0]);
	request.fd = fds[0];
	request.subscription = &s;
	q.filled = page_fill(fds[0], q.filled);
	fault_arm(r->fault_at);
	result = fanout_open(r->fanout, &request);
	r->had_fault = fault_disarm();
	r->fault_at = 0;
	subscription_done(&s);
	page_skip(p->fd, q.filled);
	if (result < 0)
		close(fds[0]);
	return result;
}

static inline void
page_open(struct rig *r, struct page *p, struct page_request q)
{
	assert_int_equal(page_try_open(r, p, q), 0);
}

static inline void
page_follow(struct rig *r, struct page *p, const char *key)
{
	page_open(r, p, (struct page_request){ .key = key });
}

static inline void
page_after(struct rig *r, struct page *p, const char *key, const char *after)
{
	page_open(r, p, (struct page_request){
		.key = key, .from = FROM_ID, .after = after });
}

static inline void
page_close(struct page *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	buf_done(&p->in);
	buf_done(&p->header);
	buf_done(&p->body);
	decode_done(&p->decode);
	free(p->got);
	p->got = NULL;
	p->count = p->cap = 0;
}

/* Pumps and reads until nothing more comes. */
static inline void
rig_settle(struct rig *r, struct page *pages, size_t count)
{
	for (unsigned quiet = 0; quiet < 3; quiet++) {
		rig_pump(r);
		for (size_t i = 0; i < count; i++)
			if (page_read(&pages[i]))
				quiet = 0;
	}
}

/* Runs with time until `is_so` says yes; pages are read meanwhile. */
static inline void
rig_wait(struct rig *r, struct page *pages, size_t count,
	 bool (*is_so)(struct rig *r, const struct page *pages, size_t count))
{
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;

	r->nap_ms = 20;
	for (;;) {
		for (size_t i = 0; i < count; i++)
			page_read(&pages[i]);
		if (is_so(r, pages, count))
			break;
		assert_true(clock_mono_ms() < until_ms);
		rig_pump(r);
	}
	r->nap_ms = 0;
}

/* ---- what arrived ---- */

static inline const char *
rig_id(const struct rig *r, uint64_t number)
{
	static char text[ID_TEXT_MAX + 1];

	id_format(r->epoch, number, text);
	return text;
}

/* As `"1 2 gap 5"`: numbers, and gaps. */
static inline const char *
page_story(const struct page *p)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->count && len < sizeof(text) - 32; i++) {
		if (p->got[i].is_gap)
			len += (size_t)sprintf(text + len, "%sgap",
					       i ? " " : "");
		else
			len += (size_t)sprintf(text + len, "%s%llu",
					       i ? " " : "",
					       (unsigned long long)
					       p->got[i].number);
	}
	return text;
}

#define assert_story(page, want) assert_string_equal(page_story(page), want)

/* The last event id that the browser has. */
static inline const char *
page_last_id(const struct page *p)
{
	static char text[EVENT_ID_MAX + 1];
	size_t len = p->decode.last_id.len;

	assert_true(len < sizeof(text));
	if (len)
		memcpy(text, p->decode.last_id.p, len);
	text[len] = '\0';
	return text;
}

static inline const char *
page_body(struct page *p)
{
	assert_int_equal(buf_append_char(&p->body, '\0'), 0);
	p->body.len--;
	return p->body.p;
}

/* first, first + 1, ... last, and nothing else. */
static inline void
assert_run(const struct page *p, size_t from, uint64_t first, uint64_t last)
{
	assert_int_equal(p->count - from, last - first + 1);
	for (size_t i = from; i < p->count; i++) {
		assert_false(p->got[i].is_gap);
		assert_int_equal(p->got[i].number, first + (i - from));
	}
}

#endif
