/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/random.h"

#include <stdlib.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

enum { RANDOM_CHUNK = 256 };	/* the most that getentropy(3) gives */

void
random_bytes(void *out, size_t len)
{
	char *p = out;

	while (len > 0) {
		size_t n = len < RANDOM_CHUNK ? len : RANDOM_CHUNK;

		/* Nothing guessable may take their place. */
		if (getentropy(p, n) < 0)
			abort();
		p += n;
		len -= n;
	}
}

uint64_t
random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

uint64_t
random_below(uint64_t bound)
{
	/* 2^64 mod bound: below it, some remainders would come up once more. */
	uint64_t uneven = (0 - bound) % bound;
	uint64_t value;

	do
		value = random_u64();
	while (value < uneven);
	return value % bound;
}
