/* SPDX-License-Identifier: MIT */
/*
 * cors: which pages of other origins may read a stream (Fetch standard, "HTTP
 * extensions").
 *
 * An origin that is named may come with cookies; `*` is for pages of anybody,
 * without. A page of any other origin gets the same answer without these
 * headers: it is the browser that keeps the page from reading it.
 */
#ifndef FCGI_CORS_H
#define FCGI_CORS_H

#include <stdbool.h>

#include "fcgi/params.h"
#include "lib/base/buf.h"
#include "lib/base/options.h"

/* Appends the header lines for one request; `methods` is what a preflight is
 * told that there are, NULL: it is none. 0 or -ENOMEM. */
int cors_append(struct buf *out, const struct option_texts *origins,
		const struct params *p, const char *methods);

enum cors_source {		/* whose page sends a request */
	CORS_UNKNOWN,		/* no page, or it does not say */
	CORS_OWN,		/* the request's own host */
	CORS_NAMED,		/* one of the origins */
	CORS_ANYBODY,		/* another one, and the origins have `*` */
	CORS_FOREIGN,
};

/* By the Origin, else the Referer. */
enum cors_source cors_source(const struct option_texts *origins,
			     const struct params *p);

/* Whether `origin` can be one: "*", or scheme://host[:port] as a browser
 * writes it. 0 or -EINVAL. */
int cors_check(const char *origin);

#endif
