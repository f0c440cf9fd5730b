/* SPDX-License-Identifier: MIT */
/* encode: from an event to the text/event-stream bytes (WHATWG HTML §9.2). */
#ifndef LIB_SSE_ENCODE_H
#define LIB_SSE_ENCODE_H

#include "lib/base/buf.h"
#include "lib/sse/event.h"

/*
 * Appends id, event, retry and data lines and the empty line. Data is split
 * at CR, LF and CRLF, one `data:` line each; a space follows each colon, so
 * that a leading space of the data survives. `id` absent: no id line; nor for
 * one with a CR, LF or NUL, which no browser can hold: ids may come back from
 * a client's request. The event must have passed event_check. 0 or -ENOMEM.
 */
int encode_event(struct buf *out, const struct event *e, struct slice id);

/* Exact number of bytes encode_event would append. */
size_t encode_size(const struct event *e, struct slice id);

/* `retry: MS` and a line feed, without the empty line. */
int encode_retry(struct buf *out, uint64_t retry_ms);

/*
 * The position without an event: an id line and an empty line. A browser
 * keeps the id and dispatches nothing (WHATWG HTML §9.2.6). Appends nothing
 * for an id that gets no id line (see encode_event).
 */
int encode_position(struct buf *out, struct slice id);

/*
 * event: sse-gap, with data {"after":…,"resumed_at":…,"reason":…}; `after`
 * absent: null. The id line is `resumed_at`. Ids are escaped as JSON.
 */
int encode_gap(struct buf *out, struct slice after, struct slice resumed_at,
	       const char *reason);

/* Appends a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
int encode_json_string(struct buf *out, struct slice s);

#endif
