/* SPDX-License-Identifier: MIT */
/*
 * fault_call: makes the n-th of some system calls fail. A test walks through
 * all of them:
 *
 *	for (n = 1; ; n++) {
 *		fault_call_arm(FAULT_SEND | FAULT_RECV, n, ECONNRESET);
 *		... what the program does ...
 *		if (!fault_call_disarm())
 *			break;			there were fewer calls
 *		... what must hold all the same ...
 *	}
 *
 * Its program is linked with $(FAULT_CALL_WRAP) and tests/support/libfault.la.
 * The test's own calls count, too, so it uses read(2) and write(2), or says
 * fault_call_pause around them.
 */
#ifndef TESTS_SUPPORT_FAULT_CALL_H
#define TESTS_SUPPORT_FAULT_CALL_H

#include <stdbool.h>
#include <stddef.h>

enum fault_call {
	FAULT_SEND = 1,
	FAULT_RECV = 2,
	FAULT_ACCEPT = 4,	/* accept4 */
	FAULT_WATCH = 8,	/* epoll_ctl(EPOLL_CTL_ADD): what can fail */
};

enum {
	/* Instead of an errno: the send takes the first byte only. */
	FAULT_SHORT = -1,
};

/* n 1: the next one. */
void fault_call_arm(unsigned calls, size_t n, int error);
bool fault_call_disarm(void);	/* whether one was made to fail */
void fault_call_pause(bool is_paused);

#endif
