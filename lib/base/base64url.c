/* SPDX-License-Identifier: MIT */
#include "lib/base/base64url.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value_of(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int
base64url_decode(struct slice text, struct buf *out)
{
	size_t before = out->len;
	uint32_t bits = 0;
	unsigned n = 0;
	int r = buf_reserve(out, text.len / 4 * 3 + 3);

	if (r < 0)
		return r;
	if (text.len % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		int value = value_of(text.p[i]);

		if (value < 0) {
			out->len = before;
			return -EINVAL;
		}
		bits = bits << 6 | (uint32_t)value;
		n += 6;
		if (n >= 8) {
			n -= 8;
			out->p[out->len++] = (char)(bits >> n & 0xff);
		}
	}
	if (bits & ((1u << n) - 1)) {
		out->len = before;
		return -EINVAL;
	}
	return 0;
}

int
base64url_encode(struct slice bytes, struct buf *out)
{
	uint32_t bits = 0;
	unsigned n = 0;
	int r = buf_reserve(out, bytes.len / 3 * 4 + 4);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bytes.len; i++) {
		bits = bits << 8 | (unsigned char)bytes.p[i];
		for (n += 8; n >= 6; n -= 6)
			out->p[out->len++] = alphabet[bits >> (n - 6) & 63];
	}
	if (n > 0)
		out->p[out->len++] = alphabet[bits << (6 - n) & 63];
	return 0;
}
