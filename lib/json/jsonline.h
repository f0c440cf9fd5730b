/* SPDX-License-Identifier: MIT */
/*
 * jsonline: an event as a line of JSON, as `sse-publish --json` takes it, and a
 * POST of many.
 *
 * A line is a JSON object (RFC 8259) with the members topic, data, event, id,
 * key (text), also (a list of other topics), retry (milliseconds) and private
 * (true or false). `data` may be
 * any value: text is sent as it is, anything else as the JSON text that stands
 * on the line, so that no number is rounded and no member moves. A member that
 * is null is an absent one, but for data. Anything else is refused by name.
 *
 * Pure: no I/O. The only file that knows the JSON library is jsonline.c.
 */
#ifndef LIB_JSON_JSONLINE_H
#define LIB_JSON_JSONLINE_H

#include <stddef.h>
#include <stdint.h>

struct jsonline_text {		/* p NULL: absent; ends with a NUL but for data */
	const char *p;
	size_t len;
};

enum jsonline_private {
	JSONLINE_PRIVATE_ABSENT,
	JSONLINE_PRIVATE_NO,
	JSONLINE_PRIVATE_YES,
};

enum { JSONLINE_ALSO_MAX = 9 };

struct jsonline {
	struct jsonline_text topic, data, event, id, key;
	struct jsonline_text also[JSONLINE_ALSO_MAX];
	size_t also_count;
	int64_t retry_ms;	/* -1: absent */
	enum jsonline_private is_private;
	void *root;		/* owned: the texts live in it */
};

/*
 * Reads a line (without its line end). 0, or -EINVAL or -ENOMEM with a
 * sentence in `error` that names the member and the byte of the line (counted
 * from 0, as everywhere). The
 * texts are good until jsonline_done and while `line` is. No member is
 * required here: a missing topic or data is absent.
 */
int jsonline_parse(const char *line, size_t len, struct jsonline *ret_line,
		   char *error, size_t size);
void jsonline_done(struct jsonline *j);

#endif
