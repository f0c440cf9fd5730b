/* SPDX-License-Identifier: MIT */
#include "fcgi/reply.h"

#include <errno.h>
#include <fastcgi.h>

#include "fcgi/record.h"
#include "lib/sse/encode.h"

static const char stream_header[] =
    "Status: 200 OK\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-cache, no-transform\r\n"
    /* nginx: do not collect the stream before passing it on */
    "X-Accel-Buffering: no\r\n";

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

const char *
reply_phrase(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Other";
}

/* Leaves room for a record's header; the record's content is appended next. */
static int
open_record(struct buf *out)
{
	uint8_t room[RECORD_HEADER_LEN] = { 0 };

	return buf_append(out, room, sizeof(room));
}

/* Writes the header of the record that began at `start`. */
static int
close_record(struct buf *out, size_t start, uint16_t id)
{
	size_t len = out->len - start - RECORD_HEADER_LEN;

	if (len > RECORD_CONTENT_MAX)
		return -EMSGSIZE;
	record_header((uint8_t *)out->p + start, FCGI_STDOUT, id,
		      (uint16_t)len);
	return 0;
}

static int
append_first_block(struct buf *out, uint64_t retry_ms, struct slice position)
{
	int r;

	/* The comment is the body byte that makes Apache send the header. */
	r = buf_append_text(out, ":\n");
	if (r == 0)
		r = encode_retry(out, retry_ms);
	if (r == 0)
		r = position.p ? encode_position(out, position) :
				 buf_append_char(out, '\n');
	return r;
}

static int
append_stream(struct buf *out, const struct reply *r, uint64_t retry_ms,
	      struct slice position)
{
	size_t start = out->len;
	int e;

	e = open_record(out);
	if (e == 0)
		e = buf_append_text(out, stream_header);
	if (e == 0)
		e = buf_append_slice(out, r->headers);
	if (e == 0)
		e = buf_append_text(out, "\r\n");
	if (e == 0 && !r->head)
		e = append_first_block(out, retry_ms, position);
	if (e == 0)
		e = close_record(out, start, r->id);
	return e;
}

static int
append_answer(struct buf *out, const struct reply *r, int status,
	      struct slice text)
{
	size_t start = out->len;
	int e;

	e = open_record(out);
	if (e == 0)
		e = buf_printf(out, "Status: %d %s\r\n", status,
			       reply_phrase(status));
	if (e == 0 && status != 204)
		e = buf_printf(out,
			       "Content-Type: %s\r\n"
			       "Content-Length: %zu\r\n"
			       "X-Content-Type-Options: nosniff\r\n"
			       "Cache-Control: no-store\r\n",
			       r->type ? r->type : REPLY_PLAIN,
			       text.len + (r->type ? 0 : 1));
	if (e == 0)
		e = buf_append_slice(out, r->headers);
	if (e == 0)
		e = buf_append_text(out, "\r\n");
	if (e == 0 && status != 204 && !r->head) {
		e = buf_append_slice(out, text);
		if (e == 0 && !r->type)
			e = buf_append_char(out, '\n');
	}
	if (e == 0)
		e = close_record(out, start, r->id);
	return e;
}

/* All or nothing: half a record would garble the connection. */
static int
done(struct buf *out, size_t before, int e)
{
	if (e < 0)
		out->len = before;
	return e;
}

int
reply_stream(struct buf *out, const struct reply *r, uint64_t retry_ms,
	     struct slice position)
{
	size_t before = out->len;
	int e;

	e = append_stream(out, r, retry_ms, position);
	if (e == 0 && r->head)
		e = reply_end(out, r->id);
	return done(out, before, e);
}

int
reply_later(struct buf *out, const struct reply *r, uint64_t retry_ms)
{
	size_t before = out->len;
	int e;

	e = append_stream(out, r, retry_ms, SLICE_NONE);
	if (e == 0)
		e = reply_end(out, r->id);
	return done(out, before, e);
}

int
reply_answer(struct buf *out, const struct reply *r, int status,
	     struct slice text)
{
	size_t before = out->len;
	int e;

	e = append_answer(out, r, status, text);
	if (e == 0)
		e = reply_end(out, r->id);
	return done(out, before, e);
}

int
reply_end(struct buf *out, uint16_t id)
{
	uint8_t end_of_stdout[RECORD_HEADER_LEN];
	size_t before = out->len;
	int e;

	record_header(end_of_stdout, FCGI_STDOUT, id, 0);
	e = buf_append(out, end_of_stdout, sizeof(end_of_stdout));
	if (e == 0)
		e = record_append_end(out, id, FCGI_REQUEST_COMPLETE);
	return done(out, before, e);
}
