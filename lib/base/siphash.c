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

struct state {
	uint64_t a, b, c, d;
};

/*
 * Inline, and by value: the four words stay in registers. As a call with an
 * array a round takes twice the instructions, and a hub looks each event up by
 * its key several times and sums up what it stores.
 */
static inline struct state
sip_round(struct state v)
{
	v.a += v.b;
	v.b = rotate_left(v.b, 13) ^ v.a;
	v.a = rotate_left(v.a, 32);
	v.c += v.d;
	v.d = rotate_left(v.d, 16) ^ v.c;
	v.a += v.d;
	v.d = rotate_left(v.d, 21) ^ v.a;
	v.c += v.b;
	v.b = rotate_left(v.b, 17) ^ v.c;
	v.c = rotate_left(v.c, 32);
	return v;
}

static inline struct state
sip_word(struct state v, uint64_t word)
{
	v.d ^= word;
	v = sip_round(v);
	v.a ^= word;
	return v;
}

uint64_t
siphash13(const uint64_t key[2], struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	struct state v = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};
	uint64_t last = (uint64_t)s.len << 56;
	size_t left = s.len;

	for (; left >= 8; left -= 8, p += 8)
		v = sip_word(v, load_le64(p));
	while (left-- > 0)
		last |= (uint64_t)p[left] << (8 * left);
	v = sip_word(v, last);

	v.c ^= 0xff;
	v = sip_round(v);
	v = sip_round(v);
	v = sip_round(v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
