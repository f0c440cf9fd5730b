/* SPDX-License-Identifier: MIT */
/* utf8: checks and mends UTF-8 (RFC 3629: no surrogates, no overlong forms). */
#ifndef LIB_BASE_UTF8_H
#define LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* Length of the longest valid prefix; s.len when all of it is valid. */
size_t utf8_valid_prefix(struct slice s);

static inline bool
utf8_is_valid(struct slice s)
{
	return utf8_valid_prefix(s) == s.len;
}

/*
 * Appends `s` with each maximal invalid part replaced by U+FFFD, as the WHATWG
 * Encoding standard's decoder does. 0 or -ENOMEM.
 */
int utf8_append_mended(struct buf *out, struct slice s);

#endif
