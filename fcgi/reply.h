/* SPDX-License-Identifier: MIT */
/*
 * reply: what goes back to the web server, as FastCGI records.
 *
 * Header and first body bytes leave in one STDOUT record: Apache sends a
 * response's header only with its first body byte. Each function appends to
 * `out` and returns 0; -EMSGSIZE: `headers` or `text` do not fit one record;
 * -ENOMEM. `out` is as it was then.
 */
#ifndef FCGI_REPLY_H
#define FCGI_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct reply {			/* what all of them share */
	uint16_t id;		/* the request's */
	bool head;		/* a HEAD request: no body */
	struct slice headers;	/* further header lines, each with CR LF */
	const char *type;	/* reply_answer: the Content-Type; NULL: plain
				 * text, which ends with a line feed */
};

/*
 * The start of a stream: header, a comment, `retry:`, and `id:` if there is a
 * position, in one record. For HEAD the header only, and the end.
 */
int reply_stream(struct buf *out, const struct reply *r, uint64_t retry_ms,
		 struct slice position);

/*
 * Come back later: a stream that says `retry:` and ends. For an overloaded or
 * draining worker: a browser gives up for good on any status but 200.
 * `retry_ms` has its jitter already.
 */
int reply_later(struct buf *out, const struct reply *r, uint64_t retry_ms);

#define REPLY_PLAIN "text/plain; charset=utf-8"

/* The words that go with a status. */
const char *reply_phrase(int status);

/*
 * A whole answer that is not a stream: the status, `text`, and the end. 204 has
 * no body.
 */
int reply_answer(struct buf *out, const struct reply *r, int status,
		 struct slice text);

/* The end of a stream: the end of STDOUT and END_REQUEST. */
int reply_end(struct buf *out, uint16_t id);

#endif
