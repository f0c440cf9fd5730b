/* SPDX-License-Identifier: MIT */
/* UTF-8: mending gives valid text and changes nothing that was valid. */
#include <string.h>

#include "lib/base/utf8.h"
#include "tests/fuzz/fuzz.h"

/* Length of the character at p by the table of RFC 3629 §4, or 0. */
static size_t
plain_character(const uint8_t *p, size_t len)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n > len || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

static size_t
plain_prefix(const uint8_t *bytes, size_t len)
{
	size_t at = 0, n;

	while (at < len && (n = plain_character(bytes + at, len - at)) > 0)
		at += n;
	return at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice s = { (const char *)bytes, len };
	struct buf once = { 0 }, twice = { 0 };
	size_t valid = utf8_valid_prefix(s);

	must(valid == plain_prefix(bytes, len));
	must(utf8_append_mended(&once, s) == 0);
	must(plain_prefix((const uint8_t *)once.p, once.len) == once.len);
	must(utf8_is_valid(buf_slice(&once)));
	must(once.len >= valid && once.len <= 3 * len);
	must(valid == 0 || memcmp(once.p, bytes, valid) == 0);
	must(valid < len || once.len == len);
	must(valid == len || once.len >= valid + 3);
	must(utf8_append_mended(&twice, buf_slice(&once)) == 0);
	must(slice_eq(buf_slice(&once), buf_slice(&twice)));
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
