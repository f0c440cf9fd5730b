/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_READ = 1 << 16 };	/* a pipe holds that much */

void
lines_done(struct lines *l)
{
	free(l->bytes);
	l->bytes = NULL;
	l->cap = l->start = l->end = l->seen = 0;
}

static int
make_room(struct lines *l)
{
	size_t cap = l->cap ? l->cap * 2 : 2 * LINES_READ;
	char *bytes;

	if (l->start > 0) {
		memmove(l->bytes, l->bytes + l->start, l->end - l->start);
		l->end -= l->start;
		l->seen -= l->start;
		l->start = 0;
	}
	if (l->cap - l->end >= LINES_READ)
		return 0;
	bytes = realloc(l->bytes, cap);
	if (bytes == NULL)
		return -ENOMEM;
	l->bytes = bytes;
	l->cap = cap;
	return 0;
}

int
lines_read(struct lines *l, int fd)
{
	ssize_t n;
	int r;

	r = make_room(l);
	if (r < 0)
		return r;
	n = read(fd, l->bytes + l->end, LINES_READ);
	if (n < 0)
		return -errno;
	if (n == 0)
		l->at_end = true;
	l->end += (size_t)n;
	return 1;
}

static int
refuse(struct lines *l)
{
	l->skipping = true;
	l->start = l->seen = l->end;
	l->number++;
	return -EMSGSIZE;
}

/* The end of a line that was too long; true when it has come. */
static bool
skip_rest(struct lines *l, const char *feed)
{
	l->start = l->seen = feed ? (size_t)(feed - l->bytes) + 1 : l->end;
	l->skipping = feed == NULL;
	return feed != NULL;
}

static const char *
find_feed(struct lines *l)
{
	const char *feed = NULL;

	if (l->end > l->seen)
		feed = memchr(l->bytes + l->seen, '\n', l->end - l->seen);
	l->seen = feed ? (size_t)(feed - l->bytes) : l->end;
	return feed;
}

int
lines_next(struct lines *l, const char **ret_line, size_t *ret_len)
{
	const char *feed = find_feed(l);
	size_t len;

	if (l->skipping) {
		if (!skip_rest(l, feed))
			return 0;
		feed = find_feed(l);
	}
	len = l->seen - l->start;
	if (feed == NULL && !(l->at_end && len > 0))
		return len > l->max + 1 ? refuse(l) : 0;
	if (feed != NULL && len > 0 && feed[-1] == '\r' && !l->keep_cr)
		len--;
	if (len > l->max && feed == NULL)
		return refuse(l);
	l->number++;
	*ret_line = l->bytes + l->start;
	*ret_len = len;
	l->start = l->seen = l->seen + (feed != NULL);
	return len > l->max ? -EMSGSIZE : 1;
}

size_t
lines_unfinished(const struct lines *l)
{
	return l->end - l->start;
}
