/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/clock.h"

#include <stdlib.h>
#include <time.h>

static int64_t
clock_read_ms(clockid_t id)
{
	struct timespec t;

	/* Fails only for a clock the system does not have. */
	if (clock_gettime(id, &t) < 0)
		abort();
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return clock_read_ms(CLOCK_MONOTONIC);
}

int64_t
clock_wall_ms(void)
{
	return clock_read_ms(CLOCK_REALTIME);
}
