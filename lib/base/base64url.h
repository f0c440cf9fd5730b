/* SPDX-License-Identifier: MIT */
/*
 * base64url: RFC 4648 section 5, without padding, as JSON Web Tokens have it.
 *
 * One text for one sequence of bytes: unused bits that are not zero, padding,
 * blanks and the alphabet of plain base64 are refused, or the same token could
 * be written in several ways.
 */
#ifndef LIB_BASE_BASE64URL_H
#define LIB_BASE_BASE64URL_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* Append to `out`. 0; -EINVAL: it is none; -ENOMEM. `out` is then as it was. */
int base64url_decode(struct slice text, struct buf *out);
int base64url_encode(struct slice bytes, struct buf *out);

#endif
