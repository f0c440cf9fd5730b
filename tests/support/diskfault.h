/* SPDX-License-Identifier: MIT */
/*
 * diskfault: makes the n-th call fail that brings bytes to a disk (write,
 * pwrite, writev, fsync, fdatasync, ftruncate), also those of shared libraries:
 * a program's own function comes before the C library's for these, too.
 *
 * Its program is linked with tests/support/libdiskfault.la and calls
 * diskfault_arm, else the linker leaves it out.
 */
#ifndef TESTS_SUPPORT_DISKFAULT_H
#define TESTS_SUPPORT_DISKFAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The n-th call (1: the next one) fails with `error`; if `is_lasting`, all after
 * it as well. Only files whose path ends in `name`; NULL: all but pipes and the
 * standard streams.
 */
void diskfault_arm(size_t n, int error, bool is_lasting, const char *name);
bool diskfault_disarm(void);	/* whether one was made to fail */

#endif
