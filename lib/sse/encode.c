/* SPDX-License-Identifier: MIT */
#include "lib/sse/encode.h"

#include <assert.h>
#include <errno.h>

#include "lib/base/utf8.h"
#include "lib/sse/lines.h"

#define FIELD_ID "id: "
#define FIELD_EVENT "event: "
#define FIELD_RETRY "retry: "
#define FIELD_DATA "data: "

#define LENGTH(literal) (sizeof(literal) - 1)

enum { U64_DIGITS = 20 };

static size_t
format_u64(uint64_t value, char out[U64_DIGITS])
{
	char reversed[U64_DIGITS];
	size_t n = 0, len = 0;

	do {
		reversed[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	while (n > 0)
		out[len++] = reversed[--n];
	return len;
}

static inline char *
put(char *p, const char *bytes, size_t len)
{
	if (len > 0)
		memcpy(p, bytes, len);
	return p + len;
}

/* One whole line: the field's name with colon and space, the value, LF. */
static inline char *
put_line(char *p, const char *field, size_t field_len, struct slice value)
{
	p = put(p, field, field_len);
	p = put(p, value.p, value.len);
	*p++ = '\n';
	return p;
}

/*
 * Ids may come back from a client's request. One that no browser can hold
 * gets no line at all, so that it can never end the line and forge another.
 */
static bool
id_fits_line(struct slice id)
{
	size_t i;

	for (i = 0; i < id.len; i++)
		if (id.p[i] == '\n' || id.p[i] == '\r' || id.p[i] == '\0')
			return false;
	return id.p != NULL;
}

/* Bytes of all data lines; how many they are goes to *ret_lines. */
static size_t
measure_data(struct slice data, size_t *ret_lines)
{
	struct lines l;
	const char *at;
	size_t lines = 1, size = data.len;

	lines_init(&l, data);
	while ((at = lines_break(&l)) < l.end) {
		lines_skip(&l, at);
		size -= (size_t)(l.p - at);
		lines++;
	}
	*ret_lines = lines;
	return size + lines * (LENGTH(FIELD_DATA) + 1);
}

static char *
put_data(char *p, struct slice data, size_t lines)
{
	struct lines l;
	const char *at;

	if (lines == 1)
		return put_line(p, FIELD_DATA, LENGTH(FIELD_DATA), data);
	lines_init(&l, data);
	while ((at = lines_break(&l)) < l.end) {
		p = put_line(p, FIELD_DATA, LENGTH(FIELD_DATA),
			     (struct slice){l.p, (size_t)(at - l.p)});
		lines_skip(&l, at);
	}
	return put_line(p, FIELD_DATA, LENGTH(FIELD_DATA),
			(struct slice){l.p, (size_t)(l.end - l.p)});
}

static size_t
measure(const struct event *e, struct slice id, size_t *ret_lines)
{
	char digits[U64_DIGITS];
	size_t size = measure_data(e->data, ret_lines) + 1;

	if (id_fits_line(id))
		size += LENGTH(FIELD_ID) + id.len + 1;
	if (e->name.p)
		size += LENGTH(FIELD_EVENT) + e->name.len + 1;
	if (e->has_retry)
		size +=
		    LENGTH(FIELD_RETRY) + format_u64(e->retry_ms, digits) + 1;
	return size;
}

size_t
encode_size(const struct event *e, struct slice id)
{
	size_t lines;

	return measure(e, id, &lines);
}

int
encode_event(struct buf *out, const struct event *e, struct slice id)
{
	size_t size, lines;
	char *p;
	int r;

	size = measure(e, id, &lines);
	r = buf_reserve(out, size);
	if (r < 0)
		return r;
	p = out->p + out->len;
	if (id_fits_line(id))
		p = put_line(p, FIELD_ID, LENGTH(FIELD_ID), id);
	if (e->name.p)
		p = put_line(p, FIELD_EVENT, LENGTH(FIELD_EVENT), e->name);
	if (e->has_retry) {
		char digits[U64_DIGITS];

		p = put_line(
		    p, FIELD_RETRY, LENGTH(FIELD_RETRY),
		    (struct slice){digits, format_u64(e->retry_ms, digits)});
	}
	p = put_data(p, e->data, lines);
	*p++ = '\n';
	assert((size_t)(p - out->p) == out->len + size);
	out->len += size;
	return 0;
}

int
encode_retry(struct buf *out, uint64_t retry_ms)
{
	char digits[U64_DIGITS];
	struct slice value = {digits, format_u64(retry_ms, digits)};
	size_t size = LENGTH(FIELD_RETRY) + value.len + 1;
	int r;

	r = buf_reserve(out, size);
	if (r < 0)
		return r;
	(void)put_line(out->p + out->len, FIELD_RETRY, LENGTH(FIELD_RETRY),
		       value);
	out->len += size;
	return 0;
}

int
encode_position(struct buf *out, struct slice id)
{
	size_t size = LENGTH(FIELD_ID) + id.len + 2;
	char *p;
	int r;

	if (!id_fits_line(id))
		return 0;
	r = buf_reserve(out, size);
	if (r < 0)
		return r;
	p = put_line(out->p + out->len, FIELD_ID, LENGTH(FIELD_ID), id);
	*p = '\n';
	out->len += size;
	return 0;
}

/* Appends one byte of valid UTF-8, escaped where JSON wants that. */
static int
append_json_byte(struct buf *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[6] = {'\\', 'u', '0', '0', 0, 0};

	if (c == '"' || c == '\\') {
		escape[1] = c;
		return buf_append(out, escape, 2);
	}
	if ((unsigned char)c >= 0x20)
		return buf_append_char(out, c);
	escape[4] = hex[(unsigned char)c >> 4];
	escape[5] = hex[(unsigned char)c & 15];
	return buf_append(out, escape, sizeof(escape));
}

static int
append_json(struct buf *out, struct slice valid)
{
	size_t i;
	int r;

	r = buf_append_char(out, '"');
	for (i = 0; r == 0 && i < valid.len; i++)
		r = append_json_byte(out, valid.p[i]);
	if (r == 0)
		r = buf_append_char(out, '"');
	return r;
}

int
encode_json_string(struct buf *out, struct slice s)
{
	struct buf mended = {0};
	size_t before = out->len;
	int r = 0;

	if (s.len > 0 && !utf8_is_valid(s)) {
		r = utf8_append_mended(&mended, s);
		s = buf_slice(&mended);
	}
	if (r == 0)
		r = append_json(out, s);
	if (r < 0)
		out->len = before;
	buf_done(&mended);
	return r;
}

static int
append_gap_data(struct buf *out, struct slice after, struct slice resumed_at,
		const char *reason)
{
	int r;

	r = buf_append_text(out, "{\"after\":");
	if (r == 0)
		r = after.p ? encode_json_string(out, after)
			    : buf_append_text(out, "null");
	if (r == 0)
		r = buf_append_text(out, ",\"resumed_at\":");
	if (r == 0)
		r = encode_json_string(out, resumed_at);
	if (r == 0)
		r = buf_append_text(out, ",\"reason\":");
	if (r == 0)
		r = encode_json_string(out, slice_of(reason));
	if (r == 0)
		r = buf_append_char(out, '}');
	return r;
}

int
encode_gap(struct buf *out, struct slice after, struct slice resumed_at,
	   const char *reason)
{
	struct event e = {.name = SLICE_LIT("sse-gap")};
	struct buf data = {0};
	int r;

	r = append_gap_data(&data, after, resumed_at, reason);
	if (r == 0) {
		e.data = buf_slice(&data);
		r = encode_event(out, &e, resumed_at);
	}
	buf_done(&data);
	return r;
}
