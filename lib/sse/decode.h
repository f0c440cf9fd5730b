/* SPDX-License-Identifier: MIT */
/*
 * decode: a text/event-stream reader, as a browser's (WHATWG HTML §9.2.6).
 *
 * Bytes go in as they come, in pieces of any size; whole events come out.
 */
#ifndef LIB_SSE_DECODE_H
#define LIB_SSE_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct decode {			/* zeroed: before the first byte */
	struct buf line;
	struct buf data;
	struct buf name;
	struct buf id;		/* of the block being read */
	struct buf last_id;	/* the stream's last event id */
	bool has_data, has_id;
	bool after_cr;		/* a line feed that follows belongs to it */
	unsigned bom;		/* bytes of a leading BOM seen so far */
	bool past_bom;
	int64_t retry_ms;	/* -1 after decode_init: none seen */
	size_t max_bytes;	/* kept of one event, with the line being read */
};

struct decoded {
	struct slice name;	/* "message" when the stream gave none */
	struct slice data;
	struct slice last_id;
};

void decode_init(struct decode *d, size_t max_bytes);
void decode_done(struct decode *d);

/*
 * Calls on_event for every event that the bytes complete; its slices are good
 * for the call. Invalid UTF-8 becomes U+FFFD. Returns 0, -EMSGSIZE (an event
 * above max_bytes), -ENOMEM, or what on_event returned if that was negative;
 * after an error only decode_done may follow. A last_id of length 0 may be
 * one that was never given or one that the stream took back.
 */
int decode_bytes(struct decode *d, struct slice bytes,
		 int (*on_event)(void *user, const struct decoded *e), void *user);

#endif
