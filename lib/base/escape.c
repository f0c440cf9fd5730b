/* SPDX-License-Identifier: MIT */
#include "lib/base/escape.h"

#include <assert.h>
#include <stdio.h>

#include "lib/base/utf8.h"

/*
 * Writes what stands for the first character of `s`, of at most 4 bytes and a
 * NUL, to `out`; returns its length and how many bytes of `s` it is for.
 */
static size_t
escape_one(char out[5], struct slice s, size_t *ret_used)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*ret_used = 1;
	if (c == '\n' || c == '\t' || c == '\r') {
		out[0] = '\\';
		out[1] = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
		return 2;
	}
	if (s.len > len)
		s.len = len;
	/* C2 80 to C2 9F are control characters too (C1). */
	if (c < 0x20 || c == 0x7f || !utf8_is_valid(s) ||
	    (c == 0xc2 && (unsigned char)s.p[1] < 0xa0))
		return (size_t)snprintf(out, 5, "\\x%02x", (unsigned)c);
	memcpy(out, s.p, s.len);
	*ret_used = s.len;
	return s.len;
}

size_t
escape_text(char *out, size_t size, struct slice s)
{
	size_t len = 0, fits = 0;	/* fits: with "..." behind */
	size_t used, n;
	char one[5];

	assert(size >= 4);
	while (s.len > 0) {
		n = escape_one(one, s, &used);
		if (len + n >= size) {
			memcpy(out + fits, "...", 4);
			return fits + 3;
		}
		memcpy(out + len, one, n);
		len += n;
		if (len + 3 < size)
			fits = len;
		s.p += used;
		s.len -= used;
	}
	out[len] = '\0';
	return len;
}
