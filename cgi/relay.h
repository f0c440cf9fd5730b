/* SPDX-License-Identifier: MIT */
/*
 * relay: one request between a web server's pipes and a worker's socket.
 *
 * Never more is held than one reading of each side: what the web server does
 * not take stays in the worker's socket, and the worker deals with that.
 */
#ifndef CGI_RELAY_H
#define CGI_RELAY_H

#include <stdint.h>

#include "cgi/answer.h"

struct relay {
	int in, out;		/* the web server's; blocking, as they come */
	int worker;		/* borrowed; non-blocking */
	uint64_t body;		/* bytes that follow on `in` */
	struct answer *answer;	/* borrowed */
	struct buf up;		/* owned: records for the worker */
	bool has_read;		/* some of the body is gone from `in` */
};

enum relay_result {
	RELAY_DONE,		/* the answer went on as far as it came */
	RELAY_GONE,		/* the client has gone */
	RELAY_UNANSWERED,	/* the worker went before its answer began */
};

/* `up` holds the request. Runs to the end of it; negative: -errno. */
int relay_run(struct relay *r);
void relay_done(struct relay *r);

/* Writes all of it, or returns -errno. */
int relay_write(int fd, struct slice bytes);

/*
 * Copies between two sockets until `worker` has ended, for a web server that
 * speaks FastCGI itself.
 */
enum relay_result relay_sockets(int web_server, int worker);

/* Reads away what a web server that has its answer is still writing. */
void relay_linger(int web_server);

#endif
