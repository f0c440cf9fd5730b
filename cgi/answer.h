/* SPDX-License-Identifier: MIT */
/*
 * answer: from a worker's FastCGI records to what a CGI program prints.
 *
 * The content of STDOUT goes on as it is; a worker's head is a CGI head. A
 * program whose name begins with nph- writes the status line itself, so there
 * the head is kept until it is whole (bounded) and its Status: becomes that
 * line. Answers of our own, for when there is no worker, look the same.
 */
#ifndef CGI_ANSWER_H
#define CGI_ANSWER_H

#include <stdbool.h>

#include "fcgi/record.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	ANSWER_HEAD_MAX = 65536,	/* a worker's fits one record */
	ANSWER_END_LEN = 8,
};

struct answer {			/* zeroed but for the first three */
	bool is_nph;
	bool no_body;		/* HEAD, for what answer_later appends */
	const char *origin;	/* the request's Origin, borrowed; NULL: unknown */
	bool has_head;		/* it has gone on, or has begun to */
	bool is_over;		/* END_REQUEST has come */
	bool is_refused;	/* ... and it says that it was not served */
	struct record_walker walker;
	uint8_t end[ANSWER_END_LEN];	/* its content */
	size_t end_have;
	struct buf head;	/* owned; is_nph, until it is whole */
};

/*
 * Takes what came from the worker, all of it unless the answer is over.
 * Appends to `out` what goes to the web server, and to `err` (may be NULL)
 * what goes to its log. 0, -ENOMEM, or -EPROTO: no worker sends that.
 */
int answer_feed(struct answer *a, struct slice in, struct buf *out,
		struct buf *err);
void answer_done(struct answer *a);

/* Nothing has gone on yet, and another worker is going to answer. */
void answer_restart(struct answer *a);

/*
 * Come back later: a stream that says `retry:` and ends. Pages of all origins
 * may read that: there is nothing in it, and an EventSource that may not gives
 * up for good. 0 or -ENOMEM.
 */
int answer_later(const struct answer *a, unsigned retry_ms, struct buf *out);

/* Another status ("500 Internal Server Error"), with a sentence as text. */
int answer_status(const struct answer *a, const char *status, const char *text,
		  struct buf *out);

#endif
