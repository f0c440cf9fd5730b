/* SPDX-License-Identifier: MIT */
/*
 * publication: what one POST publishes: its variables and its body as events,
 * each checked, or the status and the sentence to refuse it with. All of them
 * or none. Pure.
 *
 * Three forms, told apart by the Content-Type:
 *  - JSON lines (application/x-ndjson, application/jsonl): an event a line;
 *  - a form (application/x-www-form-urlencoded), as Mercure has it: `topic`
 *    (the first is the event's, up to 9 more are its other ones), `data`,
 *    `private`, `id`, `type`, `retry`; others are ignored. Below the mount,
 *    where the path names the topic, it is a form only if it has a `data=` or
 *    `topic=`, because `curl -d hello` says that it sends one;
 *  - anything else is the data of one event, and the rest stands in the query.
 */
#ifndef FCGI_PUBLICATION_H
#define FCGI_PUBLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/params.h"
#include "lib/base/slice.h"
#include "lib/sse/event.h"

enum {
	PUBLICATION_WHY_MAX = 320,
	/* lines of one POST: more would keep the others waiting for long */
	PUBLICATION_LINES_MAX = 10000,
	/* bytes of one POST of lines, at least; --max-event if that is more */
	PUBLICATION_LINES_BYTES = 4 << 20,
	/* a form's other fields, and their names */
	PUBLICATION_FORM_ROOM = 16384,
};

enum publication_kind {
	PUBLICATION_DATA,
	PUBLICATION_FORM,
	PUBLICATION_LINES,
};

struct publication_source {	/* all lent */
	const struct params *params;
	struct slice topic;	/* of the path, decoded; absent: the mount */
	struct slice body;
	size_t max_event;	/* bytes of data */
	/* Publishers do not trust each other: a key is one of its topic. */
	bool scopes_keys;
};

struct publication_event;

struct publication {		/* zeroed: empty */
	enum publication_kind kind;
	struct publication_event **events;	/* owned array, each owned */
	size_t count, room;
	size_t bytes;		/* of memory that the events take */
	int status;		/* refused: 400, 413, 415, 503 */
	char why[PUBLICATION_WHY_MAX];
};

/* Which form a body has, by its Content-Type. A form's may turn out as data. */
enum publication_kind publication_kind(const struct params *p);

/* The most bytes that such a body may have. */
size_t publication_body_max(enum publication_kind kind, size_t max_event);

/* Reads it. 0; -EINVAL: refused as status and why say. publication_done in
 * each case. */
int publication_read(const struct publication_source *source,
		     struct publication *ret_publication);

/* The i-th event, with the site's prefix, and the line it stood on (from 1; 0:
 * it was none). */
const struct event *publication_event(const struct publication *p, size_t i);
unsigned publication_line(const struct publication *p, size_t i);

void publication_done(struct publication *p);	/* frees; leaves an empty one */

#endif
