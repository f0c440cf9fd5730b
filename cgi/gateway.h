/* SPDX-License-Identifier: MIT */
/*
 * gateway: from the variables of a CGI program (RFC 3875) to a FastCGI request.
 *
 * All of it is a stranger's: the lengths are bounded before anything is
 * written. What goes on are the variables that describe the request, and
 * those that a virtual host may set for us; nothing else of the environment.
 */
#ifndef CGI_GATEWAY_H
#define CGI_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	GATEWAY_ID = 1,			/* of the FastCGI request */
	/* more than any web server lets in, and what a worker refuses with a
	 * proper answer (--max-request) is far below */
	GATEWAY_PARAMS_MAX = 1 << 20,
};

struct gateway {
	const char *method;	/* borrowed; "" without one */
	bool is_nph;		/* the program writes the status line itself */
	uint64_t body;		/* bytes of standard input that follow */
};

/*
 * Reads what concerns us. 0; -EINVAL: CONTENT_LENGTH is no number; `env` is
 * the environment, as of environ(7).
 */
int gateway_read(char *const *env, struct gateway *ret_gateway);

/* Whether the variable goes on to the worker. */
bool gateway_passes(struct slice name);

/*
 * Appends BEGIN_REQUEST and PARAMS, to their end. `poll` (may be NULL) is the
 * value of SSE_POLL, unless the environment has one. 0, -E2BIG or -ENOMEM.
 */
int gateway_begin(char *const *env, const char *poll, struct buf *out);

/* Appends a piece of the body, at least one byte; or, for none, its end. */
int gateway_body(struct slice piece, struct buf *out);

#endif
