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

/* Appends the header lines for one request. 0 or -ENOMEM. */
int cors_append(struct buf *out, const struct option_texts *origins,
		const struct params *p, bool is_preflight);

/* Whether `origin` can be one: "*", or scheme://host[:port] as a browser
 * writes it. 0 or -EINVAL. */
int cors_check(const char *origin);

#endif
