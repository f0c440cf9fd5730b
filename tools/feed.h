/* SPDX-License-Identifier: MIT */
/*
 * feed: publishes the lines of a descriptor as they arrive.
 *
 * Reading and publishing overlap: while acknowledgements are under way the
 * next lines are sent, as far as the publisher's window goes. With nothing to
 * read and nothing to wait for, the process sleeps without a timer.
 *
 * What the hub refuses for now is sent again, with all that follows it, until
 * timeout_ms has passed without an acknowledgement.
 *
 * The first bad line ends the feed (unless skip_bad): what was accepted before
 * it stays accepted and is waited for, what follows it is not sent. The same
 * holds for a signal, but that the whole lines read so far are sent, too.
 */
#ifndef TOOLS_FEED_H
#define TOOLS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include <sse-fcgi/publisher.h>

#include "tools/draft.h"

struct feed_options {
	struct draft draft;
	bool is_json;
	bool keep_cr;		/* a CR before the line feed is data */
	bool skip_bad;		/* report bad lines and go on */
	bool print_ids;
	int64_t timeout_ms;	/* without any acknowledgement */
};

enum {
	FEED_LINE_MAX = 8 << 20,	/* data of no hub is longer */
	FEED_JSON_MAX = 16 << 20,	/* room for escapes around that */
};

/* Runs to the end of `fd`; returns the exit code. */
int feed_run(struct sse_publisher *p, const struct feed_options *o, int fd);

#endif
