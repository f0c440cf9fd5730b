/* SPDX-License-Identifier: MIT */
#include "lib/bus/frame.h"
#include "lib/sse/also.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char *why;

/* A header with all that it can hold, byte by byte as doc/protocol.md says. */
static const char whole[] =
	"\xf5" "S\x01\x00\x01\x00\x00\x00"
	"\x00\x00\x00\x12\x34\x56\x78\x9a"
	"\x00\x00\x00\x00\x00\x00\x01\x02"
	"\x00\x00\x01\x8b\xcf\xe5\x68\x00"
	"\x01\x00\x04tick"
	"\x02\x00\x04\x00\x00\x0b\xb8"
	"\x03\x00\x03o-7"
	"\x04\x00\x05\x00k\xffy!";

static struct slice
of(const char *p, size_t len)
{
	return (struct slice){ p, len };
}

static int
parse3(struct slice header, struct frame *f)
{
	struct slice parts[3] = { SLICE_LIT("news"), header, SLICE_LIT("hi") };

	return frame_parse(parts, 3, f, &why);
}

static void
reads_the_header_of_the_document(void **state)
{
	struct frame f;

	(void)state;
	assert_int_equal(parse3(SLICE_LIT(whole), &f), 0);
	assert_true(f.is_full);
	assert_int_equal(f.type, FRAME_EVENT);
	assert_true(slice_eq(f.event.topic, SLICE_LIT("news")));
	assert_true(slice_eq(f.event.data, SLICE_LIT("hi")));
	assert_true(slice_eq(f.event.name, SLICE_LIT("tick")));
	assert_true(slice_eq(f.event.id, SLICE_LIT("o-7")));
	assert_true(slice_eq(f.event.key, SLICE_LIT("\0k\xffy!")));
	assert_true(f.event.has_retry);
	assert_int_equal(f.event.retry_ms, 3000);
	assert_true(f.event.is_private);
	assert_false(f.is_replayed);
	assert_false(f.has_first);
	assert_int_equal(f.event.epoch, 0x123456789a);
	assert_int_equal(f.event.number, 258);
	assert_int_equal(f.event.time_ms, 0x18bcfe56800);
}

static void
writes_the_header_of_the_document(void **state)
{
	char out[FRAME_HEADER_MAX];
	struct frame f;

	(void)state;
	assert_int_equal(parse3(SLICE_LIT(whole), &f), 0);
	assert_int_equal(frame_write_header(&f, out), sizeof(whole) - 1);
	assert_memory_equal(out, whole, sizeof(whole) - 1);
}

static void
adds_the_key_of_the_event_before(void **state)
{
	char out[FRAME_HEADER_MAX], direct[FRAME_HEADER_MAX];
	struct frame f, again;
	size_t len;

	(void)state;
	assert_int_equal(parse3(SLICE_LIT(whole), &f), 0);
	assert_null(f.previous.p);
	len = frame_write_header(&f, out);
	len = frame_add_previous(out, len, SLICE_LIT("before"));
	assert_int_equal(parse3(of(out, len), &again), 0);
	assert_true(slice_eq(again.previous, SLICE_LIT("before")));
	assert_int_equal(again.event.number, f.event.number);
	assert_int_equal(frame_write_header(&again, direct), len);
	assert_memory_equal(direct, out, len);
	again.previous.len = EVENT_KEY_MAX + 1;
	assert_int_equal(frame_write_header(&again, direct), 0);
}

static void
refuses_every_cut(void **state)
{
	size_t len, ends[] = { 32, 39, 46, 52 };
	size_t i;

	(void)state;
	for (len = 0; len < sizeof(whole) - 1; len++) {
		/* Bytes of its own: a read beyond them is seen. */
		char *copy = malloc(len + !len);
		struct frame f;
		bool good = len == 0;	/* plain, with empty data */

		memcpy(copy, whole, len);
		for (i = 0; i < COUNT_OF(ends); i++)
			good |= len == ends[i];
		unit_check((parse3(of(copy, len), &f) == 0) == good,
			   "%zu bytes", len);
		if (good)
			assert_int_equal(f.is_full, len > 0);
		free(copy);
	}
}

static void
survives_every_changed_byte(void **state)
{
	char copy[sizeof(whole) - 1], out[FRAME_HEADER_MAX];
	struct frame f, again;
	size_t i, len;
	int byte;

	(void)state;
	for (i = 0; i < sizeof(copy); i++) {
		for (byte = 0; byte < 256; byte++) {
			memcpy(copy, whole, sizeof(copy));
			copy[i] = (char)byte;
			if (parse3(of(copy, sizeof(copy)), &f) < 0 || !f.is_full)
				continue;
			len = frame_write_header(&f, out);
			assert_true(len >= FRAME_HEADER_SIZE);
			assert_int_equal(parse3(of(out, len), &again), 0);
			assert_int_equal(again.event.number, f.event.number);
		}
	}
}

static void
tells_forms_apart(void **state)
{
	const struct slice t = SLICE_LIT("news"), d = SLICE_LIT("data");
	const struct slice h = of(whole, 32), e = SLICE_LIT("");
	const struct {
		struct slice parts[4];
		size_t n;
		int want;
		bool is_full;
	} rows[] = {
		{ { t, d }, 2, 0, false },
		{ { t }, 1, 0, false },
		{ { t, e }, 2, 0, false },
		{ { t, d, h, d }, 4, 0, false },	/* more are ignored */
		{ { t, h, d }, 3, 0, true },
		{ { t, h, e }, 3, 0, true },
		{ { t, h }, 2, -EINVAL, false },
		{ { t, h, d, d }, 4, -EINVAL, false },
		{ { e, h, d }, 3, -EINVAL, false },
		{ { e, d }, 2, -EINVAL, false },
		{ { e }, 0, -EINVAL, false },
		{ { t, SLICE_LIT("\xf5"), d }, 3, -EINVAL, false },
		{ { t, SLICE_LIT("\xf5X\x01"), d }, 3, -EINVAL, false },
		{ { t, SLICE_LIT("\xf5S\x02"), d }, 3, -EPROTO, false },
		{ { t, SLICE_LIT("\xf5S\x00"), d }, 3, -EPROTO, false },
		{ { t, SLICE_LIT("\xf6S\x02"), d }, 3, 0, false },
	};
	struct frame f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		why = NULL;
		unit_check(frame_parse(rows[i].parts, rows[i].n, &f, &why) ==
			   rows[i].want, "row %zu", i);
		if (rows[i].want == 0)
			unit_check(f.is_full == rows[i].is_full, "row %zu", i);
		else
			unit_check(why != NULL, "row %zu", i);
	}
}

static void
judges_fields(void **state)
{
	const struct {
		struct slice tlvs;
		int want;
	} rows[] = {
		{ SLICE_LIT("\x09\x00\x02zz"), 0 },	/* unknown */
		{ SLICE_LIT("\xff\x00\x00\xff\x00\x00"), 0 },
		{ SLICE_LIT("\x00\x00\x00\x00\x00\x00"), 0 },
		{ SLICE_LIT("\x01\x00\x00"), 0 },	/* event_check's business */
		{ SLICE_LIT("\x01\x00\x01" "a\x01\x00\x01" "a"), -EINVAL },
		{ SLICE_LIT("\x01\x00\x05" "abcd"), -EINVAL },
		{ SLICE_LIT("\x01\xff\xff"), -EINVAL },
		{ SLICE_LIT("\x02\x00\x03" "abc"), -EINVAL },
		{ SLICE_LIT("\x02\x00\x05" "abcde"), -EINVAL },
		{ SLICE_LIT("\x05\x00\x04" "abcd"), -EINVAL },
		{ SLICE_LIT("\x05\x00\x08" "abcdefgh"), 0 },
		{ SLICE_LIT("\x07\x00\x01" "a\x07\x00\x01" "b"), 0 },
		{ SLICE_LIT("\x07\x00\x02" "a"), -EINVAL },
		{ SLICE_LIT("\x01"), -EINVAL },
		{ SLICE_LIT("\x01\x00"), -EINVAL },
	};
	char h[FRAME_HEADER_MAX + 1];
	struct frame f;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		memcpy(h, whole, FRAME_HEADER_SIZE);
		memcpy(h + FRAME_HEADER_SIZE, rows[i].tlvs.p, rows[i].tlvs.len);
		unit_check(parse3(of(h, FRAME_HEADER_SIZE + rows[i].tlvs.len),
				  &f) == rows[i].want, "row %zu", i);
	}
	/* The largest header, of a field we do not know; one byte more. */
	memcpy(h + FRAME_HEADER_SIZE, "\x99\x0f\xdd", 3);
	assert_int_equal(parse3(of(h, FRAME_HEADER_MAX), &f), 0);
	memcpy(h + FRAME_HEADER_SIZE, "\x99\x0f\xde", 3);
	assert_int_equal(parse3(of(h, FRAME_HEADER_MAX + 1), &f), -EINVAL);
}

static void
reads_types(void **state)
{
	char h[FRAME_HEADER_SIZE];
	struct frame f;
	int type;

	(void)state;
	memcpy(h, whole, sizeof(h));
	for (type = 0; type < 256; type++) {
		h[3] = (char)type;
		assert_int_equal(parse3(of(h, sizeof(h)), &f), 0);
		assert_int_equal(f.type, type < FRAME_OTHER ? type : FRAME_OTHER);
	}
	h[3] = 0;
	h[4] = (char)0xff;	/* flags of later versions are ignored */
	assert_int_equal(parse3(of(h, sizeof(h)), &f), 0);
	assert_true(f.is_replayed && f.event.is_private);
}

/* Other topics stand anywhere in a header, and are written behind all else. */
static void
carries_other_topics(void **state)
{
	static const char tlvs[] = "\x07\x00\x01" "b" "\x01\x00\x04" "name"
				   "\x09\x00\x01" "?" "\x07\x00\x03" "a/c"
				   "\x04\x00\x01" "k";
	char h[FRAME_HEADER_MAX], out[FRAME_HEADER_MAX];
	struct slice rest, topic;
	struct frame f, g;
	size_t i;

	(void)state;
	memcpy(h, whole, FRAME_HEADER_SIZE);
	memcpy(h + FRAME_HEADER_SIZE, tlvs, sizeof(tlvs) - 1);
	assert_int_equal(parse3(of(h, FRAME_HEADER_SIZE + sizeof(tlvs) - 1),
				&f), 0);
	assert_true(slice_eq(f.event.name, SLICE_LIT("name")));
	assert_true(slice_eq(f.event.key, SLICE_LIT("k")));
	assert_int_equal(parse3(of(out, frame_write_header(&f, out)), &g), 0);
	for (i = 0; i < 3; i++) {
		rest = i == 0 ? f.event.also : i == 1 ? g.event.also :
		       frame_header_also(of(h, FRAME_HEADER_SIZE +
					    sizeof(tlvs) - 1));
		assert_true(also_next(&rest, &topic));
		assert_true(slice_eq(topic, SLICE_LIT("b")));
		assert_true(also_next(&rest, &topic));
		assert_true(slice_eq(topic, SLICE_LIT("a/c")));
		assert_false(also_next(&rest, &topic));
	}
	rest = frame_header_also(of(h, FRAME_HEADER_SIZE));
	assert_false(also_next(&rest, &topic));
	for (i = 0; i < sizeof(tlvs); i++) {	/* cut anywhere, nothing breaks */
		rest = (struct slice){ tlvs, i };
		while (also_next(&rest, &topic))
			assert_true(topic.p + topic.len <= tlvs + i);
	}
}

static void
carries_a_heartbeat(void **state)
{
	struct frame f = { .type = FRAME_HEARTBEAT, .has_first = true,
			   .first = UINT64_MAX - 1,
			   .event = { .epoch = 7, .number = UINT64_MAX } }, g;
	char out[FRAME_HEADER_MAX];
	struct slice parts[3] = { FRAME_TOPIC_HEARTBEAT, SLICE_NONE, SLICE_NONE };

	(void)state;
	parts[1] = of(out, frame_write_header(&f, out));
	assert_int_equal(frame_parse(parts, 3, &g, &why), 0);
	assert_int_equal(g.type, FRAME_HEARTBEAT);
	assert_true(frame_topic_is_ours(g.event.topic));
	assert_true(g.has_first);
	assert_true(g.first == UINT64_MAX - 1);
	assert_true(g.event.number == UINT64_MAX);
	assert_false(frame_topic_is_ours(SLICE_LIT("hb")));
	assert_false(frame_topic_is_ours(SLICE_NONE));
}

static void
writes_no_header_that_cannot_be(void **state)
{
	static char text[256];
	char out[FRAME_HEADER_MAX];
	struct frame f = { .event = { .name = { text, 255 },
				      .id = { text, 255 },
				      .key = { text, 64 },
				      .has_retry = true },
			   .has_first = true };
	struct buf also = { 0 };
	unsigned i;

	(void)state;
	assert_true(frame_write_header(&f, out) > 600);
	f.event.key.len = 65;
	assert_int_equal(frame_write_header(&f, out), 0);
	f.event.key.len = 64;
	f.event.name.len = 256;
	assert_int_equal(frame_write_header(&f, out), 0);
	f.event.name.len = 255;
	f.event.id.len = 256;
	assert_int_equal(frame_write_header(&f, out), 0);
	f.event.id.len = 255;
	for (i = 0; i < ALSO_MAX; i++)
		assert_int_equal(also_append(&also, of(text, 255)), 0);
	f.event.also = buf_slice(&also);
	f.previous = of(text, 64);
	assert_true(frame_write_header(&f, out) > 2900);
	assert_int_equal(also_append(&also, of(text, 1)), 0);
	f.event.also = buf_slice(&also);
	assert_int_equal(frame_write_header(&f, out), 0);
	buf_clear(&also);
	assert_int_equal(also_append(&also, of(text, 256)), 0);
	f.event.also = buf_slice(&also);
	assert_int_equal(frame_write_header(&f, out), 0);
	buf_done(&also);
}

static void
acknowledges(void **state)
{
	struct slice parts[ACK_PARTS_MAX], bad[] = {
		SLICE_LIT("OK"), SLICE_LIT("x"), SLICE_LIT("k"), SLICE_NONE };
	const char *const counts[] = { "0", "-1", "2x", "99999999999" };
	struct ack a, b;
	int class;

	(void)state;
	for (class = ACK_OK; class <= ACK_OTHER; class++) {
		memset(&a, 0, sizeof(a));
		a.class = (enum ack_class)class;
		a.id = SLICE_LIT("abcdefgh-1");
		a.reason = SLICE_LIT("Because.");
		a.key = SLICE_LIT("\0\1");
		assert_int_equal(ack_parts(&a, parts), class == ACK_OK ? 3 : 4);
		assert_int_equal(ack_parse(parts, class == ACK_OK ? 3 : 4, &b), 0);
		assert_int_equal(b.class, class);
		assert_int_equal(b.count, class == ACK_OK);
		assert_true(slice_eq(b.key, a.key));
		assert_true(class == ACK_OK ? slice_eq(b.id, a.id) && !b.reason.p :
			    slice_eq(b.reason, a.reason) && !b.id.p);
	}
	/* One for several. */
	memset(&a, 0, sizeof(a));
	a.id = SLICE_LIT("abcdefgh-300");
	a.key = SLICE_LIT("k");
	a.count = 256;
	assert_int_equal(ack_parts(&a, parts), 4);
	assert_int_equal(ack_parse(parts, 4, &b), 0);
	assert_int_equal(b.count, 256);
	assert_true(slice_eq(b.key, a.key));
	for (class = 0; class < 4; class++) {
		parts[3] = slice_of(counts[class]);
		assert_int_equal(ack_parse(parts, 4, &b), -EINVAL);
	}
	assert_int_equal(ack_parse(bad, 4, &b), -EINVAL);
	assert_int_equal(ack_parse(bad, 2, &b), -EINVAL);
	assert_int_equal(ack_parse(bad, 0, &b), -EINVAL);
	bad[1] = SLICE_LIT("");
	assert_int_equal(ack_parse(bad, 3, &b), -EINVAL);
	bad[0] = SLICE_LIT("ERR");
	assert_int_equal(ack_parse(bad, 3, &b), -EINVAL);
	assert_int_equal(ack_parse(bad, 4, &b), 0);
	assert_int_equal(b.class, ACK_OTHER);
	assert_int_equal(frame_delimiter(bad, 4), 0);
	assert_int_equal(frame_delimiter(bad + 1, 3), 1);
	assert_int_equal(frame_delimiter(bad, 0), 0);
}

static void
asks(void **state)
{
	struct slice parts[FOLLOW_REQUEST_PARTS_MAX];
	struct slice selectors[2] = { SLICE_LIT("a"), SLICE_LIT("b/*") };
	struct follow_request q = { .verb = FOLLOW_AFTER, .tag = SLICE_LIT("\0t"),
		.epoch = UINT64_MAX, .number = 0, .limit = 1000,
		.selectors = selectors, .n_selectors = 2 }, r;
	struct follow_digits digits;
	size_t n;

	(void)state;
	n = follow_request_parts(&q, &digits, parts);
	assert_int_equal(n, 7);
	assert_true(slice_eq(parts[2], SLICE_LIT("18446744073709551615")));
	assert_int_equal(follow_request_parse(parts, n, &r, &why), 0);
	assert_int_equal(r.verb, FOLLOW_AFTER);
	assert_true(slice_eq(r.tag, q.tag));
	assert_true(r.epoch == UINT64_MAX && r.number == 0 && r.limit == 1000);
	assert_int_equal(r.n_selectors, 2);
	assert_true(slice_eq(r.selectors[1], selectors[1]));

	q.verb = FOLLOW_RESOLVE;
	q.id = SLICE_LIT("order 7");
	n = follow_request_parts(&q, &digits, parts);
	assert_int_equal(follow_request_parse(parts, n, &r, &why), 0);
	assert_int_equal(r.verb, FOLLOW_RESOLVE);
	assert_true(slice_eq(r.id, q.id));

	q.verb = FOLLOW_STATS;
	n = follow_request_parts(&q, &digits, parts);
	assert_int_equal(n, 2);
	assert_int_equal(follow_request_parse(parts, n, &r, &why), 0);
	assert_int_equal(r.verb, FOLLOW_STATS);
}

static void
refuses_requests(void **state)
{
#define S(x) SLICE_LIT(x)
	static char text[256];
	const struct {
		struct slice parts[6];
		size_t n;
		int want;
	} rows[] = {
		{ { S("AFTER"), S("t"), S("0"), S("0"), S("2000") }, 5, 0 },
		{ { S("AFTER"), S(""), S("0"), S("0"), S("1") }, 5, 0 },
		{ { S("AFTER"), S("t"), S("0"), S("0"), S("0") }, 5, -EINVAL },
		{ { S("AFTER"), S("t"), S("-1"), S("0"), S("1") }, 5, -EINVAL },
		{ { S("AFTER"), S("t"), S("0"), S("x"), S("1") }, 5, -EINVAL },
		{ { S("AFTER"), S("t"), S("0"), S(""), S("1") }, 5, -EINVAL },
		{ { S("AFTER"), S("t"), S("0"), S("0") }, 4, -EINVAL },
		{ { S("AFTER"), S("t"), S("18446744073709551616"), S("0"),
		    S("1") }, 5, -EINVAL },
		{ { S("after"), S("t"), S("0"), S("0"), S("1") }, 5, -EINVAL },
		{ { S("AFTER") }, 1, -EINVAL },
		{ { S("") }, 0, -EINVAL },
		{ { S("RESOLVE"), S("t") }, 2, -EINVAL },
		{ { S("RESOLVE"), S("t"), S("") }, 3, -EINVAL },
		{ { S("RESOLVE"), S("t"), { text, 255 } }, 3, 0 },
		{ { S("RESOLVE"), S("t"), { text, 256 } }, 3, -EINVAL },
		{ { S("RESOLVE"), S("t"), S("a"), S("b") }, 4, -EINVAL },
		{ { S("STATS"), S("t"), S("a") }, 3, -EINVAL },
		{ { S("STATS"), { text, 64 } }, 2, 0 },
		{ { S("STATS"), { text, 65 } }, 2, -EINVAL },
	};
	struct slice many[FOLLOW_REQUEST_PARTS_MAX + 1];
	struct follow_request r;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		why = NULL;
		unit_check(follow_request_parse(rows[i].parts, rows[i].n, &r,
						&why) == rows[i].want,
			   "row %zu: %s", i, why);
		unit_check(rows[i].want == 0 || why, "row %zu", i);
	}
	assert_int_equal(follow_request_parse(rows[0].parts, 5, &r, &why), 0);
	assert_int_equal(r.limit, 1000);
	for (i = 0; i < COUNT_OF(many); i++)
		many[i] = i == 0 ? S("AFTER") : S("1");
	assert_int_equal(follow_request_parse(many, COUNT_OF(many) - 1, &r,
					      &why), 0);
	assert_int_equal(r.n_selectors, FOLLOW_SELECTORS_MAX);
	assert_int_equal(follow_request_parse(many, COUNT_OF(many), &r, &why),
			 -EINVAL);
	assert_true(slice_eq(r.tag, S("1")));	/* for the refusal */
}

static void
answers(void **state)
{
	struct slice parts[FOLLOW_HEAD_PARTS];
	struct follow_digits digits;
	struct follow_reply a = { .tag = S("t"), .epoch = 5, .number = 9,
		.from = 3, .to = 2, .last = 11, .lost = 2, .json = S("{}"),
		.class = S("busy"), .reason = S("Later.") }, b;
	int kind;
	size_t n;

	(void)state;
	for (kind = FOLLOW_PAGE; kind <= FOLLOW_REFUSED; kind++) {
		a.kind = (enum follow_kind)kind;
		n = follow_reply_parts(&a, &digits, parts);
		assert_int_equal(follow_reply_parse(parts, n, &b, &why), 0);
		assert_int_equal(b.kind, kind);
		assert_true(slice_eq(b.tag, a.tag));
		if (kind <= FOLLOW_UNKNOWN)
			assert_int_equal(b.epoch, 5);
		if (kind == FOLLOW_PAGE)
			assert_true(b.from == 3 && b.to == 2 && b.last == 11 &&
				    b.lost == 2 && b.count == 0);
		if (kind == FOLLOW_AT)
			assert_int_equal(b.number, 9);
		if (kind == FOLLOW_UNKNOWN)
			assert_int_equal(b.last, 11);
		if (kind == FOLLOW_JSON)
			assert_true(slice_eq(b.json, a.json));
		if (kind == FOLLOW_REFUSED)
			assert_true(slice_eq(b.reason, a.reason) &&
				    slice_eq(b.class, a.class));
	}
}

static void
refuses_pages(void **state)
{
	const struct {
		const char *text[6];	/* epoch from to last lost count */
		size_t n_events;
		int want;
	} rows[] = {
		{ { "1", "1", "0", "0", "0", "0" }, 0, 0 },
		{ { "1", "1", "2", "2", "0", "2" }, 2, 0 },
		{ { "1", "1", "2", "2", "0", "1" }, 2, -EINVAL },
		{ { "1", "1", "2", "2", "0", "3" }, 2, -EINVAL },
		{ { "1", "1", "2", "2", "0", "18446744073709551615" }, 2, -EINVAL },
		{ { "1", "1", "2", "2", "0", "6148914691236517206" }, 0, -EINVAL },
		{ { "0", "1", "2", "2", "0", "0" }, 0, -EINVAL },
		{ { "1", "0", "2", "2", "0", "0" }, 0, -EINVAL },
		{ { "1", "3", "1", "2", "0", "0" }, 0, -EINVAL },
		{ { "1", "3", "4", "3", "0", "0" }, 0, -EINVAL },
		{ { "1", "3", "4", "18446744073709551615", "0", "0" }, 0, -EINVAL },
		{ { "1", "3", "4", "", "0", "0" }, 0, -EINVAL },
		{ { "1", "1", "2", "2", "2", "0" }, 0, 0 },
		{ { "1", "1", "2", "2", "3", "0" }, 0, -EINVAL },
		{ { "1", "1", "2", "2", "-1", "0" }, 0, -EINVAL },
	};
	struct slice parts[FOLLOW_HEAD_PARTS + 9];
	struct follow_reply r;
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		for (k = 0; k < COUNT_OF(parts); k++)
			parts[k] = S("x");
		parts[0] = S("PAGE");
		for (k = 0; k < 6; k++)
			parts[2 + k] = slice_of(rows[i].text[k]);
		unit_check(follow_reply_parse(parts, FOLLOW_HEAD_PARTS + 3 *
					      rows[i].n_events, &r, &why) ==
			   rows[i].want, "row %zu", i);
	}
	for (k = 0; k < FOLLOW_HEAD_PARTS; k++)
		assert_int_equal(follow_reply_parse(parts, k, &r, &why), -EINVAL);
	parts[0] = S("HELLO");
	assert_int_equal(follow_reply_parse(parts, 3, &r, &why), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_header_of_the_document),
		cmocka_unit_test(writes_the_header_of_the_document),
		cmocka_unit_test(adds_the_key_of_the_event_before),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(survives_every_changed_byte),
		cmocka_unit_test(tells_forms_apart),
		cmocka_unit_test(judges_fields),
		cmocka_unit_test(reads_types),
		cmocka_unit_test(carries_other_topics),
		cmocka_unit_test(carries_a_heartbeat),
		cmocka_unit_test(writes_no_header_that_cannot_be),
		cmocka_unit_test(acknowledges),
		cmocka_unit_test(asks),
		cmocka_unit_test(refuses_requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(refuses_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
