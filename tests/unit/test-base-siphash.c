/* SPDX-License-Identifier: MIT */
#include "lib/base/siphash.h"

#include "tests/unit/unit.h"

/* From a second implementation that agrees with the authors' 2-4 vectors and
 * with CPython's hash(bytes), which is SipHash-1-3. Byte i of the text is i. */
static void
agrees_with_others(void **state)
{
	static const uint64_t key[2] = {
		0x0706050403020100, 0x0f0e0d0c0b0a0908,
	};
	static const struct {
		size_t len;
		uint64_t want;
	} rows[] = {
		{ 0, 0xabac0158050fc4dc }, { 1, 0xc9f49bf37d57ca93 },
		{ 7, 0xd3927d989bb11140 }, { 8, 0x369095118d299a8e },
		{ 9, 0x25a48eb36c063de4 }, { 15, 0xd320d86d2a519956 },
		{ 16, 0xcc4fdd1a7d908b66 }, { 63, 0x9d199062b7bbb3a8 },
	};
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (i = 0; i < COUNT_OF(rows); i++) {
		uint64_t got = siphash13(key, (struct slice){ text,
							       rows[i].len });

		unit_check(got == rows[i].want, "%zu bytes gave %016llx",
			   rows[i].len, (unsigned long long)got);
	}
	assert_true(siphash13(key, SLICE_NONE) == rows[0].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
