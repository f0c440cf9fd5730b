/* SPDX-License-Identifier: MIT */
/*
 * publishing: a worker's way to the hub for what is published by HTTP: one
 * publisher in the worker's loop, and the publications that wait for their
 * acknowledgements.
 *
 * They leave in the order in which they came. Each has its answer within
 * PUBLISHING_PATIENCE_MS, whatever the hub does; what was not sent by then is
 * taken back, so that "nothing was published" is true when it is said. Whoever
 * began one may go away before: what was begun is finished.
 */
#ifndef FCGI_PUBLISHING_H
#define FCGI_PUBLISHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/publication.h"
#include "lib/base/slice.h"
#include "lib/bus/address.h"
#include "lib/loop/loop.h"

enum {
	/* shorter than any web server waits for its answer */
	PUBLISHING_PATIENCE_MS = 5000,
	/* ... and, at the end of a worker, than its supervisor waits for it */
	PUBLISHING_DRAIN_MS = 2500,
	PUBLISHING_JOBS_MAX = 4096,	/* each holds a descriptor */
	PUBLISHING_BYTES_MAX = 64 << 20,	/* of all that wait */
};

struct publishing;

struct publishing_answer {
	int status;		/* 200, 400, 413, 503 */
	struct slice text;	/* lent: the id, or a sentence, or JSON */
	bool is_json;
};

/* Not from within publishing_begin. */
typedef void publishing_on_done(void *user, const struct publishing_answer *a);

struct publishing_stats {
	uint64_t published;	/* events that were acknowledged */
	uint64_t refused;	/* ... that were not */
};

/* A sentence for the log, without a full stop; not often. */
typedef void publishing_say(void *user, const char *text);

/* 0 or -ENOMEM. `bus` is borrowed; it is looked for at the first event. */
int publishing_new(struct loop *loop, const struct bus_address *bus,
		   publishing_say *say, void *user,
		   struct publishing **ret_publishing);

/* What waits has no answer any more. NULL is fine; returns NULL. */
struct publishing *publishing_free(struct publishing *p);

/*
 * Publishes all of it; takes what is in *publication, which is empty then.
 * `on_done` is called once. 0; -EBUSY: too much waits already; -ENOMEM.
 */
int publishing_begin(struct publishing *p, struct publication *publication,
		     publishing_on_done *on_done, void *user);

/* At the end of each turn. Returns in how many milliseconds it wants to be
 * called again at the latest; -1: no bound. */
int64_t publishing_turn(struct publishing *p, int64_t now_ms);

/* From now on nothing waits for longer than PUBLISHING_DRAIN_MS. */
void publishing_drain(struct publishing *p);

/* Publications without an answer. */
size_t publishing_count(const struct publishing *p);
const struct publishing_stats *publishing_get_stats(const struct publishing *p);

#endif
