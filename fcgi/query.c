/* SPDX-License-Identifier: MIT */
#include "fcgi/query.h"

#include <errno.h>

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Takes one decoded byte off *raw (not empty): 1-255, or -EINVAL. */
static int
take_byte(struct slice *raw, enum query_plus plus)
{
	size_t used = 1;
	int c = (unsigned char)raw->p[0];

	if (c == '+' && plus == QUERY_PLUS_IS_SPACE) {
		c = ' ';
	} else if (c == '%') {
		if (raw->len < 3 || hex(raw->p[1]) < 0 || hex(raw->p[2]) < 0)
			return -EINVAL;
		c = hex(raw->p[1]) << 4 | hex(raw->p[2]);
		used = 3;
	}
	raw->p += used;
	raw->len -= used;
	return c ? c : -EINVAL;
}

int
query_decode(struct slice raw, enum query_plus plus, struct buf *out)
{
	size_t before = out->len;
	int r;

	r = buf_reserve(out, raw.len);
	while (r == 0 && raw.len > 0) {
		int c = take_byte(&raw, plus);

		r = c < 0 ? c : buf_append_char(out, (char)c);
	}
	if (r < 0)
		out->len = before;
	return r;
}

bool
query_next(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
	struct slice pair, name;

	do {
		if (rest->len == 0)
			return false;
		pair = slice_take_until(rest, '&');
	} while (pair.len == 0);
	name = pair;
	*ret_name = slice_take_until(&name, '=');
	*ret_value = ret_name->len == pair.len ? SLICE_NONE : name;
	return true;
}

bool
query_name_is(struct slice raw, const char *name)
{
	for (; raw.len > 0; name++) {
		int c = take_byte(&raw, QUERY_PLUS_IS_SPACE);

		/* A NUL is refused above, so this stops at name's end too. */
		if (c < 0 || c != (unsigned char)*name)
			return false;
	}
	return *name == '\0';
}
