/* SPDX-License-Identifier: MIT */
#include "lib/base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* A century: long enough for everybody, and now + duration cannot overflow. */
#define UNITS_LONGEST_MS (INT64_C(36500) * 86400 * 1000)

static const struct unit {
	const char *name;
	uint64_t factor;
} unit_times[] = {
	{ "", 1000 },		/* a bare number is seconds */
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 3600 * 1000 },
	{ "d", 86400 * 1000 },
}, unit_sizes[] = {
	{ "", 1 },
	{ "k", UINT64_C(1) << 10 },
	{ "kib", UINT64_C(1) << 10 },
	{ "m", UINT64_C(1) << 20 },
	{ "mib", UINT64_C(1) << 20 },
	{ "g", UINT64_C(1) << 30 },
	{ "gib", UINT64_C(1) << 30 },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Takes the digits in front of *s, of which there must be one. */
static int
take_digits(struct slice *s, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t n = 0;
	bool over = false;

	for (; n < s->len && is_digit(s->p[n]); n++) {
		uint64_t digit = (uint64_t)(s->p[n] - '0');

		if (value > (UINT64_MAX - digit) / 10)
			over = true;
		value = value * 10 + digit;
	}
	if (n == 0)
		return -EINVAL;
	s->p += n;
	s->len -= n;
	*ret_value = value;
	return over ? -ERANGE : 0;
}

int
parse_u64(struct slice s, uint64_t *ret_value)
{
	uint64_t value;
	int r;

	r = take_digits(&s, &value);
	if (s.len > 0)
		return -EINVAL;
	if (r < 0)
		return r;
	*ret_value = value;
	return 0;
}

static const struct unit *
find_unit(const struct unit *units, size_t count, struct slice s, bool any_case)
{
	size_t i, k;

	for (i = 0; i < count; i++) {
		if (strlen(units[i].name) != s.len)
			continue;
		for (k = 0; k < s.len; k++) {
			char c = any_case ? to_lower(s.p[k]) : s.p[k];

			if (c != units[i].name[k])
				break;
		}
		if (k == s.len)
			return &units[i];
	}
	return NULL;
}

/*
 * Takes ".25" in front of *s as 25 of 100. Nine digits are more than any unit
 * here can use.
 */
static int
take_fraction(struct slice *s, uint64_t *ret_part, uint64_t *ret_of)
{
	size_t n;

	*ret_part = 0;
	*ret_of = 1;
	if (s->len == 0 || s->p[0] != '.')
		return 0;
	for (n = 1; n < s->len && is_digit(s->p[n]); n++) {
		if (n > 9)
			return -EINVAL;
		*ret_part = *ret_part * 10 + (uint64_t)(s->p[n] - '0');
		*ret_of *= 10;
	}
	if (n == 1)
		return -EINVAL;
	s->p += n;
	s->len -= n;
	return 0;
}

int
parse_duration(struct slice s, int64_t *ret_ms)
{
	uint64_t whole, part, of;
	const struct unit *unit;
	int r, overflow;

	overflow = take_digits(&s, &whole);
	if (overflow == -EINVAL)
		return overflow;
	r = take_fraction(&s, &part, &of);
	if (r < 0)
		return r;
	unit = find_unit(unit_times, COUNT_OF(unit_times), s, false);
	if (!unit)
		return -EINVAL;
	/* Less than a millisecond would silently become nothing. */
	if (part * unit->factor % of != 0)
		return -EINVAL;
	if (overflow < 0 || whole > UNITS_LONGEST_MS / unit->factor)
		return -ERANGE;
	whole = whole * unit->factor + part * unit->factor / of;
	if (whole > UNITS_LONGEST_MS)
		return -ERANGE;
	*ret_ms = (int64_t)whole;
	return 0;
}

int
parse_size(struct slice s, uint64_t *ret_bytes)
{
	const struct unit *unit;
	uint64_t whole;
	int overflow;

	overflow = take_digits(&s, &whole);
	if (overflow == -EINVAL)
		return overflow;
	unit = find_unit(unit_sizes, COUNT_OF(unit_sizes), s, true);
	if (!unit)
		return -EINVAL;
	if (overflow < 0 || whole > UINT64_MAX / unit->factor)
		return -ERANGE;
	*ret_bytes = whole * unit->factor;
	return 0;
}

size_t
format_base36(uint64_t value, char out[14])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char reversed[13];	/* 36^13 > 2^64 */
	size_t n = 0, i;

	do
		reversed[n++] = digits[value % 36];
	while ((value /= 36) > 0);
	for (i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	out[n] = '\0';
	return n;
}

int
parse_base36(struct slice s, uint64_t *ret_value)
{
	uint64_t value = 0, digit;
	bool over = false;
	size_t i;

	if (s.len == 0)
		return -EINVAL;
	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (is_digit(c))
			digit = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'z')
			digit = (uint64_t)(c - 'a' + 10);
		else
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 36)
			over = true;
		value = value * 36 + digit;
	}
	if (over)
		return -ERANGE;
	*ret_value = value;
	return 0;
}
