/* SPDX-License-Identifier: MIT */
/* be: whole numbers as bytes, the most significant one first, as they
 * travel and as they are stored. */
#ifndef LIB_BASE_BE_H
#define LIB_BASE_BE_H

#include <stddef.h>
#include <stdint.h>

/* Of `len` bytes, 8 at the most. */
static inline uint64_t
be_read(const char *p, size_t len)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < len; i++)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

static inline void
be_write(char *p, size_t len, uint64_t value)
{
	while (len-- > 0) {
		p[len] = (char)(value & 0xff);
		value >>= 8;
	}
}

#endif
