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

/* From a store of this thread: each new stream wants two, and a call for each
 * was a thirtieth of all that a worker did for one. */
static uint64_t
stored_u64(void)
{
	static _Thread_local uint64_t store[RANDOM_CHUNK / sizeof(uint64_t)];
	static _Thread_local size_t left;

	if (left == 0) {
		random_bytes(store, sizeof(store));
		left = sizeof(store) / sizeof(store[0]);
	}
	return store[--left];
}

static uint64_t
below(uint64_t bound, uint64_t (*next)(void))
{
	/* 2^64 mod bound: below it, some remainders would come up once more. */
	uint64_t uneven = (0 - bound) % bound;
	uint64_t value;

	do
		value = next();
	while (value < uneven);
	return value % bound;
}

uint64_t
random_below(uint64_t bound)
{
	return below(bound, random_u64);
}

uint64_t
random_spread(uint64_t bound)
{
	return below(bound, stored_u64);
}
