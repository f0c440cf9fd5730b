/* SPDX-License-Identifier: MIT */
/*
 * answer: what came back for one request, and when.
 *
 * Pure: it is given what came, with the time; fetch.c gives it what libcurl
 * reads. Times are milliseconds of one steady clock; -1: it did not happen.
 */
#ifndef TOOLS_ANSWER_H
#define TOOLS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/parser.h>

#include "tools/told.h"

enum {
	ANSWER_MARKS_MAX = 32,		/* a probe has 22 events at most */
	ANSWER_EVENT_MAX = 1 << 20,	/* of a stream that is no probe */
};

enum answer_end {
	ANSWER_PENDING,		/* it goes on, or was not asked for */
	ANSWER_WHOLE,		/* it came to a proper end */
	ANSWER_BROKEN,		/* it broke off, or never began */
	ANSWER_DROPPED,		/* we hung up */
	ANSWER_NO_HOST,		/* the name has no address */
	ANSWER_NO_CONNECTION,	/* nobody accepts there */
	ANSWER_BAD_TLS,		/* no TLS, or a certificate that is not trusted */
};

struct answer_mark {		/* an event of a probe */
	int64_t at_ms;		/* when it came */
	int64_t since_ms;	/* when it was sent, after the hello */
};

struct answer {			/* answer_init, answer_done */
	enum answer_end end;
	char error[160];	/* libcurl's sentence, where there is one */

	int status;		/* 0: no header came */
	int http;		/* 10, 11, 20, 30 */
	char server[60], type[80], cache_control[120], encoding[40];
	char allow_origin[120], retry_after[20];
	char location[200];	/* where a redirect led to, last */
	unsigned redirects;
	bool has_accel, has_length;
	char reason[200];	/* of an answer that is no stream: its first line */

	int64_t asked_ms, head_ms, first_ms, recent_ms, end_ms;
	uint64_t bytes;		/* of the body */
	unsigned pieces;	/* times at which some of it came */
	unsigned events;	/* of whatever kind */
	bool has_id;		/* the stream said where it is */
	bool is_local;		/* both ends of the connection are this machine */

	bool has_hello, has_last;
	struct told_hello hello;
	struct answer_mark marks[ANSWER_MARKS_MAX];	/* hello, then events */
	unsigned mark_count;
	int64_t last_ms;	/* when the last event came */

	struct sse_parser *parser;	/* owned */
	int64_t now_ms;			/* for the parser's call */
};

int answer_init(struct answer *a);	/* 0 or -ENOMEM */
void answer_done(struct answer *a);

/* A line of the header, with or without its line end. */
void answer_take_header(struct answer *a, const char *line, size_t len,
			int64_t now_ms);

/* Some of the body. False: no more of it is wanted. */
bool answer_take_body(struct answer *a, const char *bytes, size_t len,
		      int64_t now_ms);

bool answer_is_stream(const struct answer *a);	/* 200 text/event-stream */

/*
 * How the events of a probe came, compared with how they were sent. False:
 * there are too few of them to tell.
 */
struct answer_pace {
	unsigned events;	/* with the hello, without the last */
	unsigned batches;	/* in which they came */
	int64_t sent_ms;	/* from the first one's sending to the last one's */
	int64_t came_ms;	/* from the first one's coming to the last one's */
	int64_t late_ms;	/* the most that one was late, beside the way here */
};
bool answer_pace(const struct answer *a, struct answer_pace *ret_pace);

/* Whether they were held back: they came together, or in few batches. */
bool answer_is_held(const struct answer *a);

#endif
