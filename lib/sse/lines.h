/* SPDX-License-Identifier: MIT */
/*
 * lines: where lines end: at CR, LF or CRLF (WHATWG HTML §9.2.5).
 *
 * Two memchr run ahead, each over every byte once, so a long text costs what
 * memchr costs and a hostile one stays linear.
 */
#ifndef LIB_SSE_LINES_H
#define LIB_SSE_LINES_H

#include "lib/base/slice.h"

struct lines {
	const char *p; /* the rest begins here; the caller moves it */
	const char *end;
	const char *cr, *lf; /* the next of each, or end */
};

static inline const char *
lines_find(const struct lines *l, char c)
{
	const char *at = NULL;

	/* An empty line is seen without a call. */
	if (l->p < l->end && *l->p == c)
		return l->p;
	if (l->p < l->end)
		at = memchr(l->p, c, (size_t)(l->end - l->p));
	return at ? at : l->end;
}

static inline void
lines_init(struct lines *l, struct slice s)
{
	l->p = s.len ? s.p : "";
	l->end = l->p + s.len;
	l->cr = lines_find(l, '\r');
	l->lf = lines_find(l, '\n');
}

/* The first CR or LF of the rest, or its end. */
static inline const char *
lines_break(struct lines *l)
{
	if (l->cr < l->p)
		l->cr = lines_find(l, '\r');
	if (l->lf < l->p)
		l->lf = lines_find(l, '\n');
	return l->cr < l->lf ? l->cr : l->lf;
}

/* Goes on behind the line end at `at`: a CRLF is one. */
static inline void
lines_skip(struct lines *l, const char *at)
{
	l->p = at + 1;
	if (*at == '\r' && l->p < l->end && *l->p == '\n')
		l->p++;
}

#endif
