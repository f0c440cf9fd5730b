/* SPDX-License-Identifier: MIT */
/*
 * http: one HTTP/1.1 request as it comes in on a local socket (RFC 9112): the
 * request line, the fields, and a body by Content-Length or in chunks.
 *
 * Strict, because its peers are programs: lines end with CR LF, no line is
 * folded, nothing that says how long the body is may be said twice or in two
 * ways, no trailers, no extensions of chunks. Everything is bounded. Of the
 * fields only those that mean something here are looked at. Pure.
 *
 * Written for this, because the libraries there are bring more than they take
 * away: libmicrohttpd wants threads or an event loop of its own and loads a TLS
 * library into every worker, for a dialect as small as this one.
 */
#ifndef FCGI_HTTP_H
#define FCGI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/params.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	HTTP_HEAD_MAX = 16384,	/* bytes of the request line and the fields */
	HTTP_FIELDS_MAX = 100,
	HTTP_CHUNK_LINE_MAX = 10,	/* eight digits and CR LF */
};

enum http_phase {
	HTTP_IN_HEAD,
	HTTP_AFTER_HEAD,	/* the caller is to say body_max */
	HTTP_IN_BODY,		/* by Content-Length */
	HTTP_IN_CHUNK_LINE,
	HTTP_IN_CHUNK,
	HTTP_IN_CHUNK_END,	/* the CR LF behind a chunk */
	HTTP_IN_LAST,		/* the CR LF behind the last one */
	HTTP_OVER,
};

struct http_request {		/* zeroed: a connection's next request */
	uint8_t phase;		/* enum http_phase */
	bool is_chunked;
	bool keep;		/* the connection may stay open */
	bool wants_continue;	/* Expect: 100-continue */
	uint8_t chunk_line_len;
	char chunk_line[HTTP_CHUNK_LINE_MAX];
	size_t line_at;		/* where the line being read begins in head */
	uint64_t left;		/* bytes of the body, or of the chunk */
	size_t body_max;	/* set after HTTP_HEAD */
	struct buf head;	/* owned */
	struct buf body;	/* owned */
	struct params params;	/* over `head`; from HTTP_HEAD on */
	int status;		/* HTTP_BAD: to refuse it with */
	const char *why;	/* ... and why, a sentence */
};

enum http_result {
	HTTP_MORE,		/* feed more */
	HTTP_HEAD,		/* params are there: set body_max, and go on */
	HTTP_WHOLE,
	HTTP_BAD,		/* see status and why; close after the answer */
};

/*
 * Takes bytes from *in, which moves on past what was used. HTTP_HEAD comes once
 * for each request, before its body. Once it has said HTTP_WHOLE or HTTP_BAD it
 * takes nothing more.
 */
enum http_result http_feed(struct http_request *r, struct slice *in);

/* Whether nothing of a request has come yet. */
static inline bool
http_is_idle(const struct http_request *r)
{
	return r->phase == HTTP_IN_HEAD && r->head.len == 0;
}

void http_done(struct http_request *r);	/* frees; leaves a zeroed one */

#endif
