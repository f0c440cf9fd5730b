/* SPDX-License-Identifier: MIT */
/*
 * slice: some bytes that belong to somebody else.
 *
 * A slice is passed by value and never freed. Its bytes may hold NULs and are
 * not terminated. An absent value is a slice whose p is NULL.
 */
#ifndef LIB_BASE_SLICE_H
#define LIB_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p;		/* borrowed; NULL: absent */
	size_t len;
};

#define SLICE_NONE ((struct slice){ NULL, 0 })
#define SLICE_LIT(text) ((struct slice){ (text), sizeof(text) - 1 })

static inline struct slice
slice_of(const char *text)
{
	return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

/* Without those bytes around it, such as " \t". */
struct slice slice_trim(struct slice s, const char *bytes);

/* Takes the part before `end` off *s, and `end` with it; all of it when there is
 * none. */
struct slice slice_take_until(struct slice *s, char end);

#endif
