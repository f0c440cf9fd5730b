/* SPDX-License-Identifier: MIT */
/*
 * told: what an event of a probe says (sse-fcgi(8), Probes).
 *
 * Pure. The only file of sse-doctor that knows the JSON library is told.c.
 * Texts are made fit for a terminal: what is not printable ASCII is a `?`.
 */
#ifndef TOOLS_TOLD_H
#define TOOLS_TOLD_H

#include <stddef.h>
#include <stdint.h>

struct told_hello {
	char worker[20];	/* tells one process from another */
	int64_t count, every_ms, idle_ms, heartbeat_ms;
	int64_t streams;
	char hub[12];		/* "followed", "away", "none" */
	char software[40];	/* SERVER_SOFTWARE, without its version */
	char last_id[40];	/* HTTP_LAST_EVENT_ID */
	char encoding[100];	/* HTTP_ACCEPT_ENCODING */
	char about[12];		/* "open", "gone", "done", "unknown"; or empty */
	int64_t about_ago_ms;
	int64_t about_beats;	/* heartbeats that were written to it */
};

enum told {
	TOLD_NOTHING,		/* no event of a probe */
	TOLD_HELLO,		/* *ret_hello is set */
	TOLD_EVENT,		/* *ret_since_ms is: from the hello to its sending */
	TOLD_LAST,		/* the same */
};

enum told told_read(const char *json, size_t len, struct told_hello *ret_hello,
		    int64_t *ret_since_ms);

/* Copies as much as fits, fit for a terminal, with a NUL behind. */
void told_copy(char *out, size_t size, const char *from, size_t len);

#endif
