/* SPDX-License-Identifier: MIT */
/* fcgx: the header that begins each stream which a libfcgi program writes. */
#ifndef FCGI_FCGX_H
#define FCGI_FCGX_H

#include <sse-fcgi/fcgx.h>

/*
 * Writes the response header with further lines (NULL: none; checked by
 * handoff_header_check). The empty line that ends it too. Does not flush.
 */
void fcgx_put_header(FCGX_Stream *out, const char *const *lines);

/* Flushes. 0, or -EIO when the other side is gone. */
int fcgx_flush(FCGX_Stream *out);

#endif
