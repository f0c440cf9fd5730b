/* SPDX-License-Identifier: MIT */
/*
 * The stream decoder: however a stream is cut, the events are the same, and
 * none holds what no browser would give. Input: the length of the pieces, the
 * bound, then the stream.
 */
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/sse/decode.h"
#include "tests/fuzz/fuzz.h"

static bool
has_byte(struct slice s, char c)
{
	return s.len > 0 && memchr(s.p, c, s.len);
}

static void
note(struct buf *seen, struct slice s)
{
	must(utf8_is_valid(s));
	must(!has_byte(s, '\r'));
	must(buf_append(seen, &s.len, sizeof(s.len)) == 0);
	must(buf_append_slice(seen, s) == 0);
}

static int
on_event(void *user, const struct decoded *e)
{
	must(e->name.len > 0 && !has_byte(e->name, '\n'));
	must(!has_byte(e->last_id, '\n') && !has_byte(e->last_id, '\0'));
	note(user, e->name);
	note(user, e->data);
	note(user, e->last_id);
	return 0;
}

static int
decode(struct slice stream, size_t piece, size_t max, struct buf *seen)
{
	struct decode d;
	int r = 0;

	decode_init(&d, max);
	while (r == 0 && stream.len > 0) {
		size_t len = piece < stream.len ? piece : stream.len;

		r = decode_bytes(&d, (struct slice){ stream.p, len }, on_event,
				 seen);
		must(d.data.len + d.name.len + d.id.len <= 4 * max + 4);
		must(d.line.len <= max);
		stream.p += len;
		stream.len -= len;
	}
	must(d.retry_ms >= -1);
	decode_done(&d);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf whole = { 0 }, pieces = { 0 };
	struct slice stream;
	size_t piece, max;

	if (len < 2)
		return 0;
	piece = (size_t)bytes[0] % 16 + 1;
	max = bytes[1] ? (size_t)bytes[1] * 16 : 1u << 20;
	stream = (struct slice){ (const char *)bytes + 2, len - 2 };
	must(decode(stream, len, max, &whole) ==
	     decode(stream, piece, max, &pieces));
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	buf_done(&whole);
	buf_done(&pieces);
	return 0;
}
