/* SPDX-License-Identifier: MIT */
/*
 * fetch: asks for several URLs at the same time and takes the answers down.
 *
 * Each on a connection of its own, as different browsers would, or all of them
 * on one, as the tabs of one browser do with HTTP/2. Knows libcurl, as url.c
 * does.
 */
#ifndef TOOLS_FETCH_H
#define TOOLS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/answer.h"

struct fetch_request {		/* all borrowed until the fetch is freed */
	const char *url;
	const char *query;	/* goes to the URL's; NULL: none */
	const char *origin, *last_id;		/* header fields, or NULL */
	const char *const *headers;	/* further lines; ends with NULL */
	bool takes_packed;
	bool is_head;
	bool is_insecure;	/* any certificate will do */
};

struct fetch;

/* 0 or -ENOMEM. */
int fetch_new(bool is_one_connection, struct fetch **ret_fetch);
void fetch_free(struct fetch *f);	/* hangs up on what is pending */

/* Begins one; the answer is initialised here and taken down into. 0, -ENOMEM. */
int fetch_add(struct fetch *f, const struct fetch_request *r,
	      struct answer *a);

/* Hangs up. */
void fetch_drop(struct fetch *f, struct answer *a);

/*
 * Reads until all answers are over, or until that time (of duration_now), or
 * until is_enough says so; NULL: it never does. Returns how many are pending.
 */
unsigned fetch_run(struct fetch *f, int64_t until_ms,
		   bool (*is_enough)(void *user), void *user);

#endif
