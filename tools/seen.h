/* SPDX-License-Identifier: MIT */
/*
 * seen: all that sse-doctor has found out, before it is judged.
 *
 * exam.c and reach.c fill it in; judge.c makes findings of it and looks at
 * nothing else.
 */
#ifndef TOOLS_SEEN_H
#define TOOLS_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/answer.h"

enum {
	SEEN_STREAMS = 10,	/* asked for on one connection */
	SEEN_HEADERS_MAX = 16,
};

/* How a probe of ours was noticed to be gone. */
enum seen_gone {
	SEEN_GONE_NOT_TRIED,
	SEEN_GONE_NOT_DROPPED,	/* it never was there */
	SEEN_GONE_NOT_TOLD,	/* no answer came from the worker that had it */
	SEEN_GONE_NOT_NOTICED,
	SEEN_GONE_NOTICED,
};

enum seen_socket {
	SEEN_SOCKET_NOT_TRIED,
	SEEN_SOCKET_NONE,	/* no such file */
	SEEN_SOCKET_HIDDEN,	/* we may not look there */
	SEEN_SOCKET_NO_SOCKET,	/* a file, but no socket */
	SEEN_SOCKET_CLOSED,	/* nobody listens */
	SEEN_SOCKET_OPEN,	/* somebody does */
	SEEN_SOCKET_FORBIDDEN,	/* ... whom we may not connect to */
};

struct seen_reach {		/* sockets of this machine */
	enum seen_socket socket;
	char path[108];
	char user[40];		/* whom it has to let in; empty: unknown */
	bool user_is_out;	/* it does not */
	char barrier[160];	/* the directory or socket that keeps him out */
	char hub_error[300];	/* why the hub is out of reach; empty: it is not */
	bool hub_was_tried;
};

struct seen {
	const char *url, *origin;	/* borrowed */
	const char *headers[SEEN_HEADERS_MAX + 1];	/* further ones */
	bool is_insecure;
	int64_t long_ms;		/* of silence; 0: not asked for */
	int64_t wait_ms;		/* for something to come at all */

	struct answer page;	/* HEAD of the URL as a page opens it */
	struct answer plain;	/* a probe, or just the stream */
	struct answer packed;	/* the same where it may be compressed */

	unsigned streams_asked, streams_served;	/* on one connection */

	enum seen_gone gone;
	int64_t gone_ms;	/* so long after it left */
	int64_t gone_beats;	/* heartbeats were written to it until then */

	struct answer silent, beating;	/* over long_ms */

	struct seen_reach reach;
};

#endif
