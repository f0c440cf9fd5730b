/* SPDX-License-Identifier: MIT */
#include "lib/base/slice.h"

static bool
is_one_of(char c, const char *bytes)
{
	return c != '\0' && strchr(bytes, c) != NULL;
}

struct slice
slice_trim(struct slice s, const char *bytes)
{
	while (s.len > 0 && is_one_of(s.p[0], bytes)) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_one_of(s.p[s.len - 1], bytes))
		s.len--;
	return s;
}

struct slice
slice_take_until(struct slice *s, char end)
{
	const char *found = s->len ? memchr(s->p, end, s->len) : NULL;
	struct slice part = { s->p, found ? (size_t)(found - s->p) : s->len };
	size_t used = part.len + (found ? 1 : 0);

	if (used > 0)
		s->p += used;
	s->len -= used;
	return part;
}
