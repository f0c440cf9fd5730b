/* SPDX-License-Identifier: MIT */
#include "fcgi/subscription.h"

#include <errno.h>
#include <stdlib.h>

enum {
	SIGN_ALLOW = '=',
	SIGN_ALLOW_ALL = '!',
};

static int
add_line(struct subscription *s, char sign, struct slice prefix,
	 struct slice selector)
{
	size_t before = s->key.len;
	int r;

	r = buf_append_char(&s->key, sign);
	if (r == 0)
		r = buf_append_slice(&s->key, prefix);
	if (r == 0)
		r = buf_append_slice(&s->key, selector);
	if (r == 0)
		r = buf_append_char(&s->key, '\n');
	if (r < 0)
		s->key.len = before;
	return r;
}

int
subscription_add(struct subscription *s, struct slice prefix,
		 struct slice selector, enum subscription_reach reach)
{
	int r = add_line(s, (char)reach, prefix, selector);

	s->count += r == 0;
	return r;
}

int
subscription_allow(struct subscription *s, struct slice selector)
{
	int r = add_line(s, SIGN_ALLOW, SLICE_NONE, selector);

	s->allowed += r == 0;
	return r;
}

int
subscription_allow_all(struct subscription *s, struct slice prefix)
{
	int r = add_line(s, SIGN_ALLOW_ALL, prefix, SLICE_LIT("*"));

	s->allowed += r == 0;
	return r;
}

/* The selector of a line without its sign and line feed. */
static struct slice
line_selector(struct slice line)
{
	return (struct slice){ line.p + 1, line.len - 2 };
}

static bool
is_allowed(struct slice line)
{
	return line.p[0] == SIGN_ALLOW || line.p[0] == SIGN_ALLOW_ALL;
}

/* What is allowed comes last; by selector, and one that is granted whole before
 * its twin: `+` sorts before the other signs. */
static int
compare_lines(const void *va, const void *vb)
{
	const struct slice *la = va, *lb = vb;
	struct slice a = line_selector(*la), b = line_selector(*lb);
	size_t shorter = a.len < b.len ? a.len : b.len;
	int r = is_allowed(*la) - is_allowed(*lb);

	if (r == 0 && shorter > 0)
		r = memcmp(a.p, b.p, shorter);
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

static bool
is_double(struct slice line, struct slice before)
{
	return is_allowed(line) == is_allowed(before) &&
	       slice_eq(line_selector(line), line_selector(before));
}

/* Takes the lines, sorted, but for doubles. There is room in the key. */
static void
join_lines(struct subscription *s, const struct slice *lines, size_t count)
{
	s->count = s->allowed = 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && is_double(lines[i], lines[i - 1]))
			continue;
		(void)buf_append_slice(&s->key, lines[i]);
		if (is_allowed(lines[i]))
			s->allowed++;
		else
			s->count++;
	}
}

int
subscription_seal(struct subscription *s)
{
	size_t count = s->count + s->allowed;
	struct buf unsorted = s->key, sealed = { 0 };
	struct slice *lines;
	int r;

	if (count < 2)
		return 0;
	lines = calloc(count, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	r = buf_reserve(&sealed, s->key.len);
	if (r == 0) {
		split_lines(buf_slice(&unsorted), lines, count);
		qsort(lines, count, sizeof(*lines), compare_lines);
		s->key = sealed;
		join_lines(s, lines, count);
		buf_done(&unsorted);
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
