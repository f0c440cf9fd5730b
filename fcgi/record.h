/* SPDX-License-Identifier: MIT */
/*
 * record: FastCGI records (FastCGI 1.0 §3.3, §8), read in pieces of any size
 * and written into a buf.
 *
 * The walker keeps a record's header and nothing of its content, so it is
 * bounded whatever the peer says. It refuses what no web server sends us:
 * another version, management records (request id 0), types that go the other
 * way. It decides nothing else; that is request.h. With is_answer it walks
 * through what a worker sends to a web server, and refuses the rest.
 */
#ifndef FCGI_RECORD_H
#define FCGI_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	RECORD_HEADER_LEN = 8,
	RECORD_CONTENT_MAX = 65535,
	RECORD_END_LEN = 16,		/* END_REQUEST, header and body */
	RECORD_ID_AT = 2,		/* where the id stands in a record */
};

struct record_walker {		/* zeroed: at the start of a record */
	uint8_t header[RECORD_HEADER_LEN];
	uint8_t have;		/* bytes of the header that are there */
	uint8_t padding;	/* what is left of the padding */
	uint16_t left;		/* what is left of the content */
	uint8_t type;		/* FCGI_BEGIN_REQUEST ... of <fastcgi.h> */
	uint16_t id;		/* never 0 */
	uint16_t length;	/* of the whole content */
	bool is_answer;		/* set: they come from a worker, not to it */
};

enum record_step {
	RECORD_MORE,		/* the input is used up */
	RECORD_BEGIN,		/* a header is complete: see type, id, length */
	RECORD_PIECE,		/* some content, at least one byte */
	RECORD_END,		/* the record is over, with its padding */
	RECORD_BAD,		/* not a record we take; close the connection */
};

/*
 * Takes one step through *in, which moves on past what was used. RECORD_PIECE
 * sets *ret_piece to bytes of *in; RECORD_BAD sets *ret_why to a sentence.
 */
enum record_step record_next(struct record_walker *w, struct slice *in,
			     struct slice *ret_piece, const char **ret_why);

/* Writes the header of a record of `len` (0-65535) bytes, without padding. */
void record_header(uint8_t out[RECORD_HEADER_LEN], uint8_t type, uint16_t id,
		   uint16_t len);

/* Puts another request's id into a record that is already encoded. */
static inline void
record_set_id(void *record, uint16_t id)
{
	uint8_t *p = record;

	p[RECORD_ID_AT] = (uint8_t)(id >> 8);
	p[RECORD_ID_AT + 1] = (uint8_t)id;
}

/*
 * Appends `bytes` in as many FCGI_STDOUT records as it takes; none for no
 * bytes, because an empty record would end the stream. 0 or -ENOMEM.
 */
int record_append_stdout(struct buf *out, uint16_t id, struct slice bytes);

/* How many bytes record_append_stdout makes of `len` bytes. */
size_t record_stdout_size(size_t len);

/* Appends END_REQUEST; `protocol_status` FCGI_REQUEST_COMPLETE ... 0 or -ENOMEM. */
int record_append_end(struct buf *out, uint16_t id, uint8_t protocol_status);

#endif
