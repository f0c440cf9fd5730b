/* SPDX-License-Identifier: MIT */
#include "fcgi/subscription.h"

#include <errno.h>
#include <stdlib.h>

int
subscription_add(struct subscription *s, struct slice prefix,
		 struct slice selector, bool granted)
{
	size_t before = s->key.len;
	int r;

	r = buf_append_char(&s->key, granted ? '+' : '-');
	if (r == 0)
		r = buf_append_slice(&s->key, prefix);
	if (r == 0)
		r = buf_append_slice(&s->key, selector);
	if (r == 0)
		r = buf_append_char(&s->key, '\n');
	if (r < 0) {
		s->key.len = before;
		return r;
	}
	s->count++;
	return 0;
}

/* The selector of a line without its sign and line feed. */
static struct slice
line_selector(struct slice line)
{
	return (struct slice){ line.p + 1, line.len - 2 };
}

/* By selector, and a granted one before its twin: `+` sorts before `-`. */
static int
compare_lines(const void *va, const void *vb)
{
	const struct slice *la = va, *lb = vb;
	struct slice a = line_selector(*la), b = line_selector(*lb);
	size_t shorter = a.len < b.len ? a.len : b.len;
	int r = shorter > 0 ? memcmp(a.p, b.p, shorter) : 0;

	if (r == 0)
		r = (a.len > b.len) - (a.len < b.len);
	if (r == 0)
		r = *la->p - *lb->p;
	return r;
}

static void
split_lines(struct slice key, struct slice *lines, size_t count)
{
	const char *end;
	size_t i;

	for (i = 0; i < count; i++) {
		end = memchr(key.p, '\n', key.len);
		lines[i] = (struct slice){ key.p, (size_t)(end - key.p) + 1 };
		key.p += lines[i].len;
		key.len -= lines[i].len;
	}
}

/* Writes the first line of each selector; returns how many those are. */
static uint32_t
join_lines(const struct slice *lines, size_t count, char *to, size_t *ret_len)
{
	uint32_t kept = 0;
	size_t i, len = 0;

	for (i = 0; i < count; i++) {
		if (i > 0 && slice_eq(line_selector(lines[i]),
				      line_selector(lines[i - 1])))
			continue;
		memcpy(to + len, lines[i].p, lines[i].len);
		len += lines[i].len;
		kept++;
	}
	*ret_len = len;
	return kept;
}

int
subscription_seal(struct subscription *s)
{
	struct buf sealed = { 0 };
	struct slice *lines;
	int r;

	if (s->count < 2)
		return 0;
	lines = calloc(s->count, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	r = buf_reserve(&sealed, s->key.len);
	if (r == 0) {
		split_lines(buf_slice(&s->key), lines, s->count);
		qsort(lines, s->count, sizeof(*lines), compare_lines);
		s->count = join_lines(lines, s->count, sealed.p, &sealed.len);
		buf_done(&s->key);
		s->key = sealed;
	}
	free(lines);
	return r;
}

void
subscription_done(struct subscription *s)
{
	buf_done(&s->key);
	buf_done(&s->after);
	*s = (struct subscription){ 0 };
}
