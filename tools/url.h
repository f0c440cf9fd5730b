/* SPDX-License-Identifier: MIT */
/*
 * url: reads an event stream over HTTP, and shows it.
 *
 * As a browser's EventSource: when the stream ends it is asked for again after
 * the stream's `retry` time, with the last event id; an answer that is not 200
 * text/event-stream ends it for good. Knows libcurl, as fetch.c does.
 */
#ifndef TOOLS_URL_H
#define TOOLS_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/show.h"

struct url_options {
	const char *url;
	const char *after;	/* the first Last-Event-ID, or NULL */
	int64_t until_ms;	/* of duration_now; -1: for ever */
};

bool url_is_one(const char *text);	/* begins with http:// or https:// */

/* Returns the exit code. */
int url_run(const struct url_options *o, struct show *show);

#endif
