/* SPDX-License-Identifier: MIT */
/*
 * buf: bytes that grow at the end.
 *
 * A zeroed struct buf is an empty one. Growing may move the bytes. After
 * -ENOMEM the content is what it was before the call.
 */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stddef.h>

#include "lib/base/slice.h"

struct buf {
	char *p;		/* owned */
	size_t len;
	size_t cap;
};

void buf_done(struct buf *b);		/* frees; leaves an empty buf */
void buf_clear(struct buf *b);		/* len = 0, keeps the memory */

/* All return 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);	/* room for `more` behind len */
int buf_append(struct buf *b, const void *bytes, size_t len);
int buf_append_slice(struct buf *b, struct slice s);
int buf_append_text(struct buf *b, const char *text);
int buf_append_char(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Drops the first `len` bytes (at most b->len). */
void buf_consume(struct buf *b, size_t len);

/* Hands the bytes to the caller, who frees them; leaves an empty buf. */
char *buf_take(struct buf *b, size_t *ret_len);

static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->len };
}

#endif
