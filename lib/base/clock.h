/* SPDX-License-Identifier: MIT */
/* clock: the only place that reads one. Pure rooms are given the time. */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void);	/* steady, for deadlines */
int64_t clock_wall_ms(void);	/* Unix time in milliseconds, may jump */

#endif
