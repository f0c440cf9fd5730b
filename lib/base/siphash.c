/* SPDX-License-Identifier: MIT */
#include "lib/base/siphash.h"

static uint64_t
rotate_left(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* Byte by byte, so that neither alignment nor byte order matters. */
static uint64_t
load_le64(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	       (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	       (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[3];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[2] = rotate_left(v[2], 32);
}

uint64_t
siphash13(const uint64_t key[2], struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};
	uint64_t last = (uint64_t)s.len << 56;
	size_t left = s.len;
	uint64_t word;

	for (; left >= 8; left -= 8, p += 8) {
		word = load_le64(p);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	while (left-- > 0)
		last |= (uint64_t)p[left] << (8 * left);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;

	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
