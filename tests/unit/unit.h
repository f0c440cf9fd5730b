/* SPDX-License-Identifier: MIT */
/* unit: what every unit test begins with: cmocka, and asserts that are there. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef NDEBUG
#error "the unit tests are built without NDEBUG: they must see failing asserts"
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * For tables: a failed check says which row it was.
 *	unit_check(got == row->want, "\"%s\" gave %d", row->text, got);
 */
#define unit_check(condition, ...)                                     \
	do {                                                           \
		if (!(condition)) {                                    \
			print_error("%s:%d: ", __FILE__, __LINE__);    \
			print_error(__VA_ARGS__);                      \
			print_error("\n");                             \
			_fail(__FILE__, __LINE__);                     \
		}                                                      \
	} while (0)

#endif
