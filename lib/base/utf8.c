/* SPDX-License-Identifier: MIT */
#include "lib/base/utf8.h"

#include <stdint.h>

/*
 * Looks at one sequence that begins at p with a byte >= 0x80. Returns true and
 * its length when it is valid; else false and the length of the maximal part
 * that could have begun a valid one, at least 1 (Unicode 3.9, table 3-7).
 */
static bool
utf8_sequence(const unsigned char *p, size_t left, size_t *ret_len)
{
	unsigned char low = 0x80, high = 0xbf;	/* of the second byte */
	size_t need, i;

	*ret_len = 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		need = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		need = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		need = 4;
	else
		return false;
	if (p[0] == 0xe0)
		low = 0xa0;	/* less would be overlong */
	else if (p[0] == 0xed)
		high = 0x9f;	/* more would be a surrogate */
	else if (p[0] == 0xf0)
		low = 0x90;	/* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f;	/* above U+10FFFF */

	for (i = 1; i < need; i++) {
		*ret_len = i;
		if (i == left || p[i] < low || p[i] > high)
			return false;
		low = 0x80;
		high = 0xbf;
	}
	*ret_len = need;
	return true;
}

/* How many bytes from p on are ASCII. */
static size_t
utf8_ascii_run(const unsigned char *p, size_t left)
{
	size_t i = 0;
	uint64_t word;

	for (; left - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (i < left && p[i] < 0x80)
		i++;
	return i;
}

size_t
utf8_valid_prefix(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t at = 0, len;

	if (s.len == 0)
		return 0;	/* p may be NULL */
	for (;;) {
		at += utf8_ascii_run(p + at, s.len - at);
		if (at == s.len)
			return at;
		if (!utf8_sequence(p + at, s.len - at, &len))
			return at;
		at += len;
	}
}

int
utf8_append_mended(struct buf *out, struct slice s)
{
	size_t before = out->len;
	size_t good, bad;
	int r;

	for (;;) {
		good = utf8_valid_prefix(s);
		r = buf_append(out, s.p, good);
		if (r < 0)
			break;
		if (good == s.len)
			return 0;
		s.p += good;
		s.len -= good;
		utf8_sequence((const unsigned char *)s.p, s.len, &bad);
		r = buf_append_text(out, "\xef\xbf\xbd");
		if (r < 0)
			break;
		s.p += bad;
		s.len -= bad;
	}
	out->len = before;	/* all or nothing */
	return r;
}
