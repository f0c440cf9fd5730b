/* SPDX-License-Identifier: MIT */
/* fcgi_bytes: what a web server sends, for the tests of room fcgi. */
#ifndef TESTS_UNIT_FCGI_BYTES_H
#define TESTS_UNIT_FCGI_BYTES_H

#include <fastcgi.h>
#include <stdint.h>
#include <string.h>

#include "fcgi/record.h"
#include "lib/base/buf.h"
#include "tests/unit/unit.h"

static inline void
put(struct buf *b, const void *bytes, size_t len)
{
	assert_int_equal(buf_append(b, bytes, len), 0);
}

static inline void
put_record(struct buf *b, uint8_t type, uint16_t id, struct slice content,
	   uint8_t padding)
{
	static const uint8_t zeros[255];
	uint8_t header[RECORD_HEADER_LEN];

	record_header(header, type, id, (uint16_t)content.len);
	header[6] = padding;
	put(b, header, sizeof(header));
	put(b, content.p, content.len);
	put(b, zeros, padding);
}

static inline void
put_begin(struct buf *b, uint16_t id, uint8_t role, uint8_t flags)
{
	const char body[8] = { 0, (char)role, (char)flags };

	put_record(b, FCGI_BEGIN_REQUEST, id, (struct slice){ body, 8 }, 0);
}

static inline void
put_length(struct buf *b, size_t len)
{
	uint8_t four[4] = { (uint8_t)(0x80 | len >> 24), (uint8_t)(len >> 16),
			    (uint8_t)(len >> 8), (uint8_t)len };

	if (len < 128)
		put(b, &four[3], 1);
	else
		put(b, four, 4);
}

static inline void
put_pair(struct buf *b, const char *name, const char *value)
{
	put_length(b, strlen(name));
	put_length(b, strlen(value));
	put(b, name, strlen(name));
	put(b, value, strlen(value));
}

/* What lighttpd sends for a GET, but shorter. */
static inline void
put_get(struct buf *b, uint16_t id, uint8_t flags, const char *uri)
{
	struct buf params = { 0 };

	put_pair(&params, "REQUEST_METHOD", "GET");
	put_pair(&params, "REQUEST_URI", uri);
	put_begin(b, id, FCGI_RESPONDER, flags);
	put_record(b, FCGI_PARAMS, id, buf_slice(&params), 0);
	put_record(b, FCGI_PARAMS, id, SLICE_NONE, 0);
	put_record(b, FCGI_STDIN, id, SLICE_NONE, 0);
	buf_done(&params);
}

#endif
