/* SPDX-License-Identifier: MIT */
/* duration: times as people write them, for the tools' --timeout. */
#ifndef TOOLS_DURATION_H
#define TOOLS_DURATION_H

#include <stdint.h>

/* The longest that is taken: poll(2) counts milliseconds in an int. */
#define DURATION_MAX_MS (INT64_C(24) * 86400 * 1000)

/*
 * "500ms" "15s" "2m" "1h" "7d", or a bare number of seconds; fractions such as
 * "1.5" too. 0; -EINVAL: not a duration; -ERANGE: longer than DURATION_MAX_MS.
 */
int duration_parse(const char *text, int64_t *ret_ms);

int64_t duration_now(void);	/* a steady clock, in milliseconds */

#endif
