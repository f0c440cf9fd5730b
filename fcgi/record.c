/* SPDX-License-Identifier: MIT */
#include "fcgi/record.h"

#include <errno.h>
#include <fastcgi.h>

/* NULL, or why that type is refused. */
static const char *
answer_fault(uint8_t type)
{
	if (type == FCGI_STDOUT || type == FCGI_STDERR ||
	    type == FCGI_END_REQUEST)
		return NULL;
	return "A record of this type does not come from a worker";
}

/* NULL, or why the header that was just completed is refused. */
static const char *
header_fault(const struct record_walker *w)
{
	if (w->header[0] != FCGI_VERSION_1)
		return "This is not FastCGI version 1";
	if (w->id == FCGI_NULL_REQUEST_ID)
		return "Management records are not answered here";
	if (w->is_answer)
		return answer_fault(w->type);
	switch (w->type) {
	case FCGI_BEGIN_REQUEST:
	case FCGI_ABORT_REQUEST:
	case FCGI_PARAMS:
	case FCGI_STDIN:
		return NULL;
	case FCGI_DATA:
		return "FCGI_DATA records are for filters, which this is not";
	}
	return "A record of this type does not come from a web server";
}

static enum record_step
next_header(struct record_walker *w, struct slice *in, const char **ret_why)
{
	while (w->have < RECORD_HEADER_LEN) {
		if (in->len == 0)
			return RECORD_MORE;
		w->header[w->have++] = (uint8_t)*in->p++;
		in->len--;
	}
	w->type = w->header[1];
	w->id = (uint16_t)(w->header[2] << 8 | w->header[3]);
	w->length = (uint16_t)(w->header[4] << 8 | w->header[5]);
	w->left = w->length;
	w->padding = w->header[6];
	*ret_why = header_fault(w);
	return *ret_why ? RECORD_BAD : RECORD_BEGIN;
}

static struct slice
take(struct slice *in, size_t most)
{
	struct slice s = { in->p, in->len < most ? in->len : most };

	in->p += s.len;
	in->len -= s.len;
	return s;
}

enum record_step
record_next(struct record_walker *w, struct slice *in,
	    struct slice *ret_piece, const char **ret_why)
{
	if (w->have < RECORD_HEADER_LEN)
		return next_header(w, in, ret_why);
	if (in->len > 0 && w->left > 0) {
		*ret_piece = take(in, w->left);
		w->left -= (uint16_t)ret_piece->len;
		return RECORD_PIECE;
	}
	if (in->len > 0 && w->padding > 0)
		w->padding -= (uint8_t)take(in, w->padding).len;
	if (w->left > 0 || w->padding > 0)
		return RECORD_MORE;
	w->have = 0;
	return RECORD_END;
}

void
record_header(uint8_t out[RECORD_HEADER_LEN], uint8_t type, uint16_t id,
	      uint16_t len)
{
	out[0] = FCGI_VERSION_1;
	out[1] = type;
	out[2] = (uint8_t)(id >> 8);
	out[3] = (uint8_t)id;
	out[4] = (uint8_t)(len >> 8);
	out[5] = (uint8_t)len;
	out[6] = 0;
	out[7] = 0;
}

size_t
record_stdout_size(size_t len)
{
	size_t records = len / RECORD_CONTENT_MAX;

	if (len % RECORD_CONTENT_MAX)
		records++;
	return len + records * RECORD_HEADER_LEN;
}

int
record_append_stdout(struct buf *out, uint16_t id, struct slice bytes)
{
	uint8_t header[RECORD_HEADER_LEN];
	int r;

	/* One reservation, so that the appends below cannot fail. */
	r = buf_reserve(out, record_stdout_size(bytes.len));
	while (r == 0 && bytes.len > 0) {
		struct slice s = take(&bytes, RECORD_CONTENT_MAX);

		record_header(header, FCGI_STDOUT, id, (uint16_t)s.len);
		r = buf_append(out, header, sizeof(header));
		if (r == 0)
			r = buf_append_slice(out, s);
	}
	return r;
}

int
record_append_end(struct buf *out, uint16_t id, uint8_t protocol_status)
{
	uint8_t record[RECORD_END_LEN] = { 0 };

	record_header(record, FCGI_END_REQUEST, id,
		      RECORD_END_LEN - RECORD_HEADER_LEN);
	record[RECORD_HEADER_LEN + 4] = protocol_status;
	return buf_append(out, record, sizeof(record));
}
