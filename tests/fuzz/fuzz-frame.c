/* SPDX-License-Identifier: MIT */
/*
 * Frames of all three conversations: whatever is read and written again reads
 * the same. Input: a byte that says which parser, then parts, each with its
 * length in two bytes before it; the last takes what is left.
 */
#include <string.h>

#include "lib/bus/frame.h"
#include "lib/sse/also.h"
#include "tests/fuzz/fuzz.h"

enum { PARTS_MAX = 80 };

static size_t
split(const uint8_t *data, size_t size, struct slice *parts)
{
	size_t n = 0, len;

	while (size >= 2 && n < PARTS_MAX) {
		len = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		if (len > size || n + 1 == PARTS_MAX)
			len = size;
		parts[n++] = (struct slice){ (const char *)data, len };
		data += len;
		size -= len;
	}
	return n;
}

static bool
same(struct slice a, struct slice b)
{
	return !a.p == !b.p && slice_eq(a, b);
}

static void
check_also(struct slice a, struct slice b)
{
	struct slice x, y;
	bool is;

	do {
		is = also_next(&a, &x);
		must(is == also_next(&b, &y));
		must(!is || slice_eq(x, y));
	} while (is);
}

static void
check_frame(const struct slice *parts, size_t n)
{
	struct slice again[3] = { SLICE_NONE, SLICE_NONE, SLICE_NONE };
	char header[FRAME_HEADER_MAX];
	struct frame f, g;
	const char *why = NULL;
	size_t len;

	if (frame_parse(parts, n, &f, &why) < 0) {
		must(why != NULL);
		return;
	}
	must(f.event.topic.len > 0 && f.event.data.p != NULL);
	if (!f.is_full)
		return;
	len = frame_write_header(&f, header);
	if (len == 0) {
		must(f.event.name.len > EVENT_NAME_MAX ||
		     f.event.id.len > EVENT_ID_MAX ||
		     f.event.key.len > EVENT_KEY_MAX ||
		     f.previous.len > EVENT_KEY_MAX ||
		     event_check(&f.event, SIZE_MAX, true, NULL) < 0);
		return;
	}
	again[0] = parts[0];
	again[1] = (struct slice){ header, len };
	again[2] = parts[2];
	must(frame_parse(again, 3, &g, &why) == 0);
	must(g.type == f.type && g.is_replayed == f.is_replayed &&
	     g.may_share == f.may_share);
	must(g.has_first == f.has_first && g.first == f.first);
	must(same(g.event.name, f.event.name) && same(g.event.id, f.event.id) &&
	     same(g.event.key, f.event.key) && same(g.previous, f.previous));
	check_also(f.event.also, g.event.also);
	check_also(frame_header_also(parts[1]), g.event.also);
	must(g.event.has_retry == f.event.has_retry &&
	     g.event.retry_ms == f.event.retry_ms);
	must(g.event.epoch == f.event.epoch &&
	     g.event.number == f.event.number &&
	     g.event.time_ms == f.event.time_ms &&
	     g.event.is_private == f.event.is_private);
}

static void
check_ack(const struct slice *parts, size_t n)
{
	struct slice again[ACK_PARTS_MAX];
	struct ack a, b;

	if (ack_parse(parts, n, &a) < 0)
		return;
	must(ack_parse(again, ack_parts(&a, again), &b) == 0);
	must(a.class == b.class && a.count == b.count && slice_eq(a.id, b.id) &&
	     slice_eq(a.reason, b.reason) && slice_eq(a.key, b.key));
}

static void
check_request(const struct slice *parts, size_t n)
{
	struct slice again[FOLLOW_REQUEST_PARTS_MAX];
	struct follow_digits digits;
	struct follow_request q, r;
	const char *why = NULL;

	if (follow_request_parse(parts, n, &q, &why) < 0) {
		must(why != NULL && q.tag.len <= FOLLOW_TAG_MAX);
		return;
	}
	must(follow_request_parse(again,
				  follow_request_parts(&q, &digits, again), &r,
				  &why) == 0);
	must(q.verb == r.verb && q.epoch == r.epoch && q.number == r.number &&
	     q.limit == r.limit && q.n_selectors == r.n_selectors);
	must(slice_eq(q.tag, r.tag) && slice_eq(q.id, r.id));
}

static void
check_reply(const struct slice *parts, size_t n)
{
	struct slice again[PARTS_MAX];
	struct follow_digits digits;
	struct follow_reply a, b;
	const char *why = NULL;
	size_t i, head;

	if (follow_reply_parse(parts, n, &a, &why) < 0) {
		must(why != NULL);
		return;
	}
	head = follow_reply_parts(&a, &digits, again);
	for (i = 0; i < 3 * a.count; i++)
		again[head + i] = a.events[i];
	must(follow_reply_parse(again, head + 3 * a.count, &b, &why) == 0);
	must(a.kind == b.kind && a.epoch == b.epoch && a.number == b.number &&
	     a.from == b.from && a.to == b.to && a.last == b.last &&
	     a.count == b.count);
	for (i = 0; i < a.count; i++)
		check_frame(a.events + 3 * i, 3);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(const struct slice *, size_t) = {
		check_frame, check_ack, check_request, check_reply,
	};
	struct slice parts[PARTS_MAX];
	size_t n;

	if (size == 0)
		return 0;
	n = split(data + 1, size - 1, parts);
	n -= frame_delimiter(parts, n);
	checks[data[0] % 4](parts + (n > 0 && parts[0].len == 0), n);
	return 0;
}
