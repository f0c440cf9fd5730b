/* SPDX-License-Identifier: MIT */
/*
 * event: what travels through every room, as slices over somebody's bytes.
 *
 * event_check is the one door: nothing that it refused is numbered, stored or
 * encoded, so no byte of an event can end a line of the stream that it did not
 * mean to end (WHATWG HTML §9.2.5).
 */
#ifndef LIB_SSE_EVENT_H
#define LIB_SSE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

struct event {
	struct slice topic;
	struct slice also;	/* its other topics, see also.h; absent: none */
	struct slice data;	/* may be empty */
	struct slice name;	/* the event field; absent: "message" */
	struct slice id;	/* the publisher's own id; absent: ours */
	struct slice key;	/* publish key; absent: none */
	bool has_retry;
	uint32_t retry_ms;
	bool is_private;
	uint64_t epoch;		/* 0 and 0: not numbered yet */
	uint64_t number;
	int64_t time_ms;	/* Unix time of the numbering */
};

enum {
	TOPIC_MAX = 255,	/* bytes, all of these */
	EVENT_NAME_MAX = 255,
	EVENT_ID_MAX = 255,
	EVENT_KEY_MAX = 64,
};

struct event_fault {
	const char *field;	/* "topic", "also", "event", "id", "key", "data", "selector" */
	size_t at;		/* byte position in the field, from 0 */
	char why[160];		/* a whole sentence: what is wrong and what would be right */
};

/*
 * Checks everything a publisher can get wrong:
 *  topic  1-255 bytes of UTF-8, no control characters (C0, DEL, C1), no `*`
 *         as the last segment (segments are split by `/`), no `{` or `}`;
 *  also   at most 9 further topics, none of them there twice;
 *  name   1-255 bytes of UTF-8 if present, no control characters, and not
 *         starting with "sse-", which is ours;
 *  id     1-255 bytes of UTF-8 if present, no control characters, not of the form that
 *         id_parse takes, which is ours, and not "earliest";
 *  key    1-64 bytes, anything;
 *  data   at most max_data bytes of valid UTF-8.
 * Topics starting with "$SYS/" need `ours`, as do names starting with "sse-".
 * Returns 0; -EMSGSIZE: data is too long; -EINVAL: the rest. *ret_fault says
 * which and why; it may be NULL, here and for every other check.
 */
int event_check(const struct event *e, size_t max_data, bool ours,
		struct event_fault *ret_fault);

/* The topic rule alone, for topics that come from elsewhere. 0 or -EINVAL. */
int topic_check(struct slice topic, struct event_fault *ret_fault);

#endif
