/* SPDX-License-Identifier: MIT */
/*
 * draft: from what sse-publish was given to an event.
 *
 * The options fill a draft; each event is made of it and of its data, or of a
 * JSON line whose members go before the draft's.
 */
#ifndef TOOLS_DRAFT_H
#define TOOLS_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/event.h>

enum { DRAFT_ALSO_MAX = 9 };

struct draft {			/* texts are borrowed; NULL: absent */
	const char *topic;
	const char *also[DRAFT_ALSO_MAX];	/* other topics */
	size_t also_count;
	const char *name;
	const char *id;
	const char *key;
	int64_t retry_ms;	/* -1: absent */
	bool is_private;
};

enum { DRAFT_ERROR_SIZE = 512 };	/* a sentence with the values in it */

/*
 * 0 and an event that the caller frees; -EINVAL or -EMSGSIZE: a field breaks
 * a rule, -ENOMEM; each with a sentence in `error` (DRAFT_ERROR_SIZE bytes).
 */
int draft_event(const struct draft *d, const char *data, size_t len,
		struct sse_event **ret_event, char *error);
int draft_json(const struct draft *d, const char *line, size_t len,
	       struct sse_event **ret_event, char *error);

#endif
