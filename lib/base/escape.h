/* SPDX-License-Identifier: MIT */
/* escape: a stranger's bytes made fit for a terminal or a line of a log. */
#ifndef LIB_BASE_ESCAPE_H
#define LIB_BASE_ESCAPE_H

#include <stddef.h>

#include "lib/base/slice.h"

/*
 * Writes `s` to `out` with control characters and bytes that are not UTF-8 as
 * \n, \t or \x1b, and a NUL behind. What does not fit is cut between two
 * characters and ends in "...". Returns the length; size >= 4.
 */
size_t escape_text(char *out, size_t size, struct slice s);

#endif
