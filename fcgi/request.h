/* SPDX-License-Identifier: MIT */
/*
 * request: one FastCGI request as it comes in: BEGIN_REQUEST, PARAMS to their
 * end, STDIN to its end.
 *
 * Usually all of it stands in the bytes of one read. Then nothing is allocated
 * and the parameters point into those bytes; else they are kept in a buffer
 * until the request is whole. STDIN is read to its end always, because Apache
 * turns any answer into a 503 when its body is not taken.
 *
 * One request at a time: a second BEGIN_REQUEST on the connection is answered
 * FCGI_CANT_MPX_CONN and its records are skipped. A request is over before its
 * answer begins; what then comes on the connection while the answer lasts is
 * an ABORT_REQUEST or nothing a web server sends, so closing is right.
 */
#ifndef FCGI_REQUEST_H
#define FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/record.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	/* lighttpd takes 8 KiB for a header field, Apache for each of 100 */
	REQUEST_PARAMS_DEFAULT = 65536,
	/* a GET has none; a body that nobody reads may still be sent to us */
	REQUEST_BODY_DEFAULT = 1 << 20,
	/* where bodies are read: a refusal, too, comes when they are over */
	REQUEST_BODY_PUBLISH = 64 << 20,
	/* records for other requests: a late ABORT, a try to multiplex */
	REQUEST_STRANGERS_MAX = 16,
};

struct request_limits {
	size_t params;		/* bytes of the PARAMS stream (--max-request) */
	uint64_t body;		/* bytes of STDIN */
};

struct request;

/*
 * Where the body goes; NULL: it is counted and dropped. Lent for the call; the
 * request's parameters are complete. 0, or negative to refuse the rest (the
 * request turns bad with 413).
 */
typedef int request_on_body(void *user, struct request *r, struct slice piece);

enum request_phase {
	REQUEST_BEGIN,		/* waits for BEGIN_REQUEST */
	REQUEST_PARAMS,		/* in the parameters */
	REQUEST_STDIN,		/* the parameters are complete */
	REQUEST_OVER,		/* whole, aborted or bad */
};

struct request {		/* zeroed: a connection's next request */
	struct record_walker walker;
	uint8_t phase;		/* enum request_phase */
	uint8_t strangers;	/* records skipped */
	uint8_t begin_have;	/* bytes of begin[] that are there */
	uint8_t begin[8];	/* a BEGIN_REQUEST's body */
	bool keep;		/* the connection stays open for another */
	bool is_starved;	/* REQUEST_BAD: for want of memory */
	uint16_t id;		/* 0: no BEGIN_REQUEST yet */
	struct slice params;	/* borrowed from the input or from kept */
	struct buf kept;	/* owned: parameters that came in pieces */
	uint64_t body_len;
	struct buf body;	/* owned: what on_body keeps of it */
	size_t body_max;	/* on_body's, as the rest: bytes that it keeps */
	bool is_dropped;	/* it keeps no more */
	int refusal;		/* the status to answer with in the end; 0: none */
	const char *refusal_why;
	request_on_body *on_body;
	void *user;		/* of on_body */
	const char *why;	/* REQUEST_BAD, _ABORTED: a sentence */
	int status;		/* REQUEST_BAD: the HTTP status to refuse it
				 * with; 0: just close */
};

enum request_result {
	REQUEST_MORE,		/* everything needed is kept; feed more */
	REQUEST_WHOLE,		/* params are complete and STDIN is over */
	REQUEST_ABORTED,	/* the web server took it back */
	REQUEST_BAD,		/* see why and status; close after that */
};

/*
 * Takes bytes from *in, which moves on past what was used: after
 * REQUEST_WHOLE and REQUEST_ABORTED the rest of *in is the connection's next
 * request (for a new struct request). After REQUEST_WHOLE r->params are good
 * as long as the bytes of `in` are, and the request. Records that must be
 * answered at once (END_REQUEST with FCGI_CANT_MPX_CONN, FCGI_UNKNOWN_ROLE, or
 * for an abort) are appended to `out`: at most 16 bytes for 16 fed. Once it
 * has said anything but REQUEST_MORE, it takes nothing more.
 */
enum request_result request_feed(struct request *r,
				 const struct request_limits *limits,
				 struct slice *in, struct buf *out);

/* Whether r->params are complete; STDIN may still be missing. */
static inline bool
request_has_params(const struct request *r)
{
	return r->phase >= REQUEST_STDIN && !r->why;
}

/* Whether nothing of a request has come yet: an idle kept connection. */
static inline bool
request_is_idle(const struct request *r)
{
	return r->phase == REQUEST_BEGIN && r->walker.have == 0;
}

void request_done(struct request *r);	/* frees; leaves a zeroed one */

#endif
