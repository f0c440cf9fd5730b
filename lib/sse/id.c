/* SPDX-License-Identifier: MIT */
#include "lib/sse/id.h"

#include <errno.h>
#include <stdbool.h>

#include "lib/base/random.h"

enum { EPOCH_DIGITS = 8 };

uint64_t
id_new_epoch(void)
{
	return ID_EPOCH_MIN + random_below(ID_EPOCH_MAX - ID_EPOCH_MIN + 1);
}

/*
 * Eight digits whatever the number is: a value out of range, which only a
 * broken peer can have sent, must not write past `out`.
 */
size_t
id_format(uint64_t epoch, uint64_t number, char out[ID_TEXT_MAX + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char reversed[20];
	size_t n = 0, len;

	for (len = EPOCH_DIGITS; len > 0; len--) {
		out[len - 1] = digits[epoch % 36];
		epoch /= 36;
	}
	len = EPOCH_DIGITS;
	out[len++] = '-';
	do {
		reversed[n++] = digits[number % 10];
		number /= 10;
	} while (number > 0);
	while (n > 0)
		out[len++] = reversed[--n];
	out[len] = '\0';
	return len;
}

static bool
parse_epoch(const char *p, uint64_t *ret_epoch)
{
	uint64_t epoch = 0;
	size_t i;

	for (i = 0; i < EPOCH_DIGITS; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			epoch = epoch * 36 + (uint64_t)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'z')
			epoch = epoch * 36 + (uint64_t)(p[i] - 'a') + 10;
		else
			return false;
	}
	*ret_epoch = epoch;
	return p[0] != '0';
}

/* One text for each number: no leading zeros, no sign, no overflow. */
static bool
parse_number(struct slice s, uint64_t *ret_number)
{
	uint64_t number = 0, digit;
	size_t i;

	if (s.len == 0 || s.len > 20 || (s.p[0] == '0' && s.len > 1))
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		digit = (uint64_t)(s.p[i] - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

int
id_parse(struct slice s, uint64_t *ret_epoch, uint64_t *ret_number)
{
	uint64_t epoch, number;

	if (s.len < EPOCH_DIGITS + 2 || s.p[EPOCH_DIGITS] != '-')
		return -EINVAL;
	if (!parse_epoch(s.p, &epoch))
		return -EINVAL;
	s.p += EPOCH_DIGITS + 1;
	s.len -= EPOCH_DIGITS + 1;
	if (!parse_number(s, &number))
		return -EINVAL;
	*ret_epoch = epoch;
	*ret_number = number;
	return 0;
}
