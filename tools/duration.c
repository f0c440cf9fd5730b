/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/duration.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static int64_t
unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	}
	return -1;
}

int
duration_parse(const char *text, int64_t *ret_ms)
{
	int64_t whole = 0, parts = 0, scale = 1, unit;
	const char *p = text;
	int digits = 0;

	for (; *p >= '0' && *p <= '9'; p++, digits++) {
		whole = whole * 10 + (*p - '0');
		if (whole > DURATION_MAX_MS)
			return -ERANGE;
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits++) {
			if (scale >= 1000000)
				continue;	/* far below a millisecond */
			parts = parts * 10 + (*p - '0');
			scale *= 10;
		}
	}
	unit = unit_ms(p);
	if (digits == 0 || unit < 0)
		return -EINVAL;
	if (whole > DURATION_MAX_MS / unit)
		return -ERANGE;
	whole = whole * unit + parts * unit / scale;
	if (whole > DURATION_MAX_MS)
		return -ERANGE;
	*ret_ms = whole;
	return 0;
}

int64_t
duration_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
