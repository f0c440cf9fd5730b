/* SPDX-License-Identifier: MIT */
/*
 * unit_random: numbers for random tests, the same in every run. To try others:
 * UNIT_SEED=n in the environment; a failed test prints its seed.
 */
#ifndef TESTS_UNIT_UNIT_RANDOM_H
#define TESTS_UNIT_UNIT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static uint64_t unit_random_state = 1;

static inline uint64_t
unit_seed(void)
{
	const char *text = getenv("UNIT_SEED");

	return text ? strtoull(text, NULL, 10) : 1;
}

static inline void
unit_random_begin(uint64_t seed)
{
	/* neighbouring seeds would begin alike */
	unit_random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* xorshift64* */
static inline uint64_t
unit_random(void)
{
	uint64_t x = unit_random_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	unit_random_state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t
unit_below(uint64_t bound)		/* 0 to bound - 1 */
{
	return (unit_random() >> 20) % bound;
}

static inline bool
unit_chance(unsigned one_in)
{
	return unit_below(one_in) == 0;
}

#endif
