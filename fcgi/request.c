/* SPDX-License-Identifier: MIT */
#include "fcgi/request.h"

#include <fastcgi.h>

static enum request_result
bad(struct request *r, int status, const char *why)
{
	r->phase = REQUEST_OVER;
	r->status = status;
	r->why = why;
	return REQUEST_BAD;
}

static enum request_result
out_of_memory(struct request *r)
{
	r->is_starved = true;
	return bad(r, 0, "There is no memory left for this request");
}

/* A record for another request than the one we read: counted and skipped. */
static enum request_result
on_stranger(struct request *r, struct buf *out)
{
	if (r->strangers++ >= REQUEST_STRANGERS_MAX)
		return bad(r, 0, "The web server sends several requests at "
			   "once over one connection");
	if (r->walker.type != FCGI_BEGIN_REQUEST)
		return REQUEST_MORE;
	if (record_append_end(out, r->walker.id, FCGI_CANT_MPX_CONN) < 0)
		return out_of_memory(r);
	return REQUEST_MORE;
}

static enum request_result
on_begin_header(struct request *r, struct buf *out)
{
	if (r->phase != REQUEST_BEGIN) {
		if (r->walker.id != r->id)
			return on_stranger(r, out);
		return bad(r, 0, "A request began twice");
	}
	if (r->walker.length != sizeof(r->begin))
		return bad(r, 0, "A BEGIN_REQUEST record has the wrong length");
	r->id = r->walker.id;
	r->begin_have = 0;
	return REQUEST_MORE;
}

/* A record that belongs to the stream of one phase. */
static enum request_result
on_stream_header(struct request *r, const struct request_limits *l,
		 struct buf *out)
{
	bool is_params = r->walker.type == FCGI_PARAMS;

	if (r->phase == REQUEST_BEGIN)
		return bad(r, 0, "A record came before BEGIN_REQUEST");
	if (r->walker.id != r->id)
		return on_stranger(r, out);
	if (r->phase != (is_params ? REQUEST_PARAMS : REQUEST_STDIN))
		return bad(r, 0, "PARAMS and STDIN came in the wrong order");
	if (is_params && r->walker.length > l->params - r->params.len)
		return bad(r, 431, "The request's headers are longer than "
			   "--max-request allows");
	if (!is_params && r->walker.length > l->body - r->body_len)
		return bad(r, 413, "The request's body is too long");
	return REQUEST_MORE;
}

static enum request_result
on_header(struct request *r, const struct request_limits *l, struct buf *out)
{
	if (r->walker.type == FCGI_BEGIN_REQUEST)
		return on_begin_header(r, out);
	if (r->walker.type != FCGI_ABORT_REQUEST)
		return on_stream_header(r, l, out);
	/* An abort may cross our END_REQUEST of an earlier request. */
	if (r->phase == REQUEST_BEGIN || r->walker.id != r->id)
		return on_stranger(r, out);
	return REQUEST_MORE;
}

/*
 * Parameters stay where they are while they are one piece of the caller's
 * bytes; the second piece moves them into `kept`.
 */
static int
keep(struct request *r, struct slice more)
{
	int e = 0;

	if (r->kept.len == 0)
		e = buf_append_slice(&r->kept, r->params);
	if (e == 0)
		e = buf_append_slice(&r->kept, more);
	if (e == 0)
		r->params = buf_slice(&r->kept);
	return e;
}

static enum request_result
on_params(struct request *r, struct slice piece)
{
	if (r->params.len == 0)
		r->params = piece;
	else if (keep(r, piece) < 0)
		return out_of_memory(r);
	return REQUEST_MORE;
}

static enum request_result
on_stdin(struct request *r, struct slice piece)
{
	r->body_len += piece.len;
	if (r->on_body && r->on_body(r->user, r, piece) < 0)
		return bad(r, 413, "The request's body is not accepted");
	return REQUEST_MORE;
}

static enum request_result
on_piece(struct request *r, struct slice piece)
{
	if (r->walker.id != r->id)
		return REQUEST_MORE;
	switch (r->walker.type) {
	case FCGI_BEGIN_REQUEST:
		memcpy(r->begin + r->begin_have, piece.p, piece.len);
		r->begin_have += (uint8_t)piece.len;
		return REQUEST_MORE;
	case FCGI_PARAMS:
		return on_params(r, piece);
	case FCGI_STDIN:
		return on_stdin(r, piece);
	}
	return REQUEST_MORE;
}

static enum request_result
on_begin(struct request *r, struct buf *out)
{
	r->keep = r->begin[2] & FCGI_KEEP_CONN;
	r->phase = REQUEST_PARAMS;
	if ((r->begin[0] << 8 | r->begin[1]) == FCGI_RESPONDER)
		return REQUEST_MORE;
	if (record_append_end(out, r->id, FCGI_UNKNOWN_ROLE) < 0)
		return out_of_memory(r);
	return bad(r, 0, "The web server wants another role than responder");
}

static enum request_result
on_abort(struct request *r, struct buf *out)
{
	if (record_append_end(out, r->id, FCGI_REQUEST_COMPLETE) < 0)
		return out_of_memory(r);
	r->phase = REQUEST_OVER;
	r->why = "The web server took the request back";
	return REQUEST_ABORTED;
}

static enum request_result
on_record(struct request *r, struct buf *out)
{
	if (r->walker.id != r->id)
		return REQUEST_MORE;
	switch (r->walker.type) {
	case FCGI_BEGIN_REQUEST:
		return on_begin(r, out);
	case FCGI_ABORT_REQUEST:
		return on_abort(r, out);
	}
	if (r->walker.length > 0)
		return REQUEST_MORE;
	/* An empty record ends its stream. */
	r->phase++;
	return r->phase == REQUEST_OVER ? REQUEST_WHOLE : REQUEST_MORE;
}

/* The caller's bytes go away now; what points into them must not. */
static enum request_result
pause_here(struct request *r)
{
	if (r->kept.len == 0 && r->params.len > 0 && keep(r, SLICE_NONE) < 0)
		return out_of_memory(r);
	return REQUEST_MORE;
}

enum request_result
request_feed(struct request *r, const struct request_limits *limits,
	     struct slice *in, struct buf *out)
{
	enum request_result result = REQUEST_MORE;
	struct slice piece = SLICE_NONE;
	const char *why = NULL;

	if (r->phase == REQUEST_OVER)
		return REQUEST_BAD;
	while (result == REQUEST_MORE) {
		switch (record_next(&r->walker, in, &piece, &why)) {
		case RECORD_MORE:
			return pause_here(r);
		case RECORD_BEGIN:
			result = on_header(r, limits, out);
			break;
		case RECORD_PIECE:
			result = on_piece(r, piece);
			break;
		case RECORD_END:
			result = on_record(r, out);
			break;
		case RECORD_BAD:
			result = bad(r, 0, why);
			break;
		}
	}
	return result;
}

void
request_done(struct request *r)
{
	buf_done(&r->kept);
	buf_done(&r->body);
	memset(r, 0, sizeof(*r));
}
