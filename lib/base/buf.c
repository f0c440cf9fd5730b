/* SPDX-License-Identifier: MIT */
#include "lib/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 64 };	/* most texts fit without growing again */

void
buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

int
buf_reserve(struct buf *b, size_t more)
{
	size_t need, cap;
	char *p;

	if (more <= b->cap - b->len)
		return 0;
	if (more > SIZE_MAX / 2 - b->len)
		return -ENOMEM;
	need = b->len + more;
	cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need)
		cap *= 2;	/* need <= SIZE_MAX / 2: cannot wrap */
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_append(struct buf *b, const void *bytes, size_t len)
{
	int r;

	if (len == 0)
		return 0;	/* `bytes` may be NULL then */
	r = buf_reserve(b, len);
	if (r < 0)
		return r;
	memcpy(b->p + b->len, bytes, len);
	b->len += len;
	return 0;
}

int
buf_append_slice(struct buf *b, struct slice s)
{
	return buf_append(b, s.p, s.len);
}

int
buf_append_text(struct buf *b, const char *text)
{
	return buf_append(b, text, strlen(text));
}

int
buf_append_char(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	/* One more than counted: vsnprintf insists on its NUL. */
	r = buf_reserve(b, (size_t)n + 1);
	if (r < 0)
		return r;
	va_start(ap, format);
	vsnprintf(b->p + b->len, (size_t)n + 1, format, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	if (len == 0)
		return;
	memmove(b->p, b->p + len, b->len - len);
	b->len -= len;
}

char *
buf_take(struct buf *b, size_t *ret_len)
{
	char *p = b->p;

	*ret_len = b->len;
	*b = (struct buf){ 0 };
	return p;
}
