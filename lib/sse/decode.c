/* SPDX-License-Identifier: MIT */
#include "lib/sse/decode.h"

#include <errno.h>

#include "lib/base/units.h"
#include "lib/base/utf8.h"
#include "lib/sse/lines.h"

static const char bom[3] = "\xef\xbb\xbf";

struct sink {
	int (*on_event)(void *user, const struct decoded *e);
	void *user;
};

void
decode_init(struct decode *d, size_t max_bytes)
{
	*d = (struct decode){.retry_ms = -1, .max_bytes = max_bytes};
}

void
decode_done(struct decode *d)
{
	buf_done(&d->line);
	buf_done(&d->data);
	buf_done(&d->name);
	buf_done(&d->id);
	buf_done(&d->last_id);
}

/* Whether `more` bytes still fit beside what is kept of this event. */
static bool
has_room(const struct decode *d, size_t more)
{
	size_t kept = d->data.len + d->name.len + d->id.len;

	return kept <= d->max_bytes && more <= d->max_bytes - kept;
}

/*
 * Values are mended one by one: line ends, colons and spaces are ASCII, which
 * is never part of a broken sequence, so this gives what mending the whole
 * stream first would.
 */
static int
set_value(struct buf *to, struct slice value)
{
	buf_clear(to);
	return value.len ? utf8_append_mended(to, value) : 0;
}

static int
add_data(struct decode *d, struct slice value)
{
	int r = 0;

	if (value.len > 0)
		r = utf8_append_mended(&d->data, value);
	if (r == 0)
		r = buf_append_char(&d->data, '\n');
	d->has_data = true;
	return r;
}

static int
set_id(struct decode *d, struct slice value)
{
	if (value.len > 0 && memchr(value.p, '\0', value.len))
		return 0;
	d->has_id = true;
	return set_value(&d->id, value);
}

/* Digits only; a number that fits nothing is no time to wait. */
static void
set_retry(struct decode *d, struct slice value)
{
	uint64_t ms;

	if (parse_u64(value, &ms) == 0 && ms <= INT64_MAX)
		d->retry_ms = (int64_t)ms;
}

static int
take_field(struct decode *d, struct slice field, struct slice value)
{
	int r = 0;

	if (slice_eq(field, SLICE_LIT("data")))
		r = add_data(d, value);
	else if (slice_eq(field, SLICE_LIT("event")))
		r = set_value(&d->name, value);
	else if (slice_eq(field, SLICE_LIT("id")))
		r = set_id(d, value);
	else if (slice_eq(field, SLICE_LIT("retry")))
		set_retry(d, value);
	if (r < 0)
		return r;
	/* Mending may have made it longer than the line was. */
	return has_room(d, 0) ? 0 : -EMSGSIZE;
}

static void
take_id(struct decode *d)
{
	struct buf spare = d->last_id;

	if (!d->has_id)
		return;
	d->last_id = d->id;
	d->id = spare;
	buf_clear(&d->id);
	d->has_id = false;
}

/* The empty line. The id counts even where there is no data to dispatch. */
static int
dispatch(struct decode *d, const struct sink *sink)
{
	struct decoded e;
	int r = 0;

	take_id(d);
	if (d->has_data) {
		e.name =
		    d->name.len ? buf_slice(&d->name) : SLICE_LIT("message");
		e.data = (struct slice){d->data.p, d->data.len - 1};
		e.last_id = buf_slice(&d->last_id);
		r = sink->on_event(sink->user, &e);
	}
	buf_clear(&d->data);
	buf_clear(&d->name);
	d->has_data = false;
	return r < 0 ? r : 0;
}

static int
take_line(struct decode *d, struct slice line, const struct sink *sink)
{
	struct slice field = line, value = SLICE_NONE;
	const char *colon;

	if (line.len == 0)
		return dispatch(d, sink);
	if (!has_room(d, line.len))
		return -EMSGSIZE;
	colon = memchr(line.p, ':', line.len);
	if (colon) {
		field.len = (size_t)(colon - line.p);
		value.p = colon + 1;
		value.len = line.len - field.len - 1;
		if (value.len > 0 && *value.p == ' ') {
			value.p++;
			value.len--;
		}
	}
	return take_field(d, field, value);
}

/* Keeps the beginning of a line whose end has not come yet. */
static int
keep(struct decode *d, const char *p, size_t len)
{
	if (len == 0)
		return 0;
	if (!has_room(d, d->line.len + len))
		return -EMSGSIZE;
	return buf_append(&d->line, p, len);
}

static int
end_line(struct decode *d, struct slice rest, const struct sink *sink)
{
	int r;

	if (d->line.len == 0)
		return take_line(d, rest, sink);
	r = keep(d, rest.p, rest.len);
	if (r < 0)
		return r;
	r = take_line(d, buf_slice(&d->line), sink);
	buf_clear(&d->line);
	return r;
}

/* One leading BOM is no part of the stream; less than one is. */
static int
skip_bom(struct decode *d, struct slice *bytes)
{
	while (!d->past_bom && bytes->len > 0) {
		if (*bytes->p != bom[d->bom]) {
			d->past_bom = true;
			return keep(d, bom, d->bom);
		}
		bytes->p++;
		bytes->len--;
		d->past_bom = ++d->bom == sizeof(bom);
	}
	return 0;
}

int
decode_bytes(struct decode *d, struct slice bytes,
	     int (*on_event)(void *user, const struct decoded *e), void *user)
{
	const struct sink sink = {on_event, user};
	struct lines l;
	const char *at;
	int r;

	r = skip_bom(d, &bytes);
	if (r < 0 || bytes.len == 0)
		return r;
	if (d->after_cr && *bytes.p == '\n') {
		bytes.p++;
		bytes.len--;
	}
	d->after_cr = false;
	lines_init(&l, bytes);
	while ((at = lines_break(&l)) < l.end) {
		struct slice line = {l.p, (size_t)(at - l.p)};

		lines_skip(&l, at);
		d->after_cr = *at == '\r' && at + 1 == l.end;
		r = end_line(d, line, &sink);
		if (r < 0)
			return r;
	}
	return keep(d, l.p, (size_t)(l.end - l.p));
}
