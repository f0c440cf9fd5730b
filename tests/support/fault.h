/* SPDX-License-Identifier: MIT */
/*
 * fault: makes the n-th allocation fail. A test walks through all of them:
 *
 *	for (n = 1; ; n++) {
 *		fault_arm(n);
 *		r = thing_new(&thing);
 *		if (!fault_disarm())
 *			break;			all allocations succeeded
 *		assert_int_equal(r, -ENOMEM);
 *	}
 *
 * Its program is linked with $(FAULT_WRAP) and tests/support/libfault.la;
 * only calls from objects of the program itself are counted.
 */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include <stdbool.h>
#include <stddef.h>

void fault_arm(size_t n);	/* 1: the next one */
bool fault_disarm(void);	/* whether one was made to fail */
void fault_pause(bool is_paused);	/* the test's own do not count */

#endif
