/* SPDX-License-Identifier: MIT */
#include "fcgi/credential.h"

#include <strings.h>

#include "fcgi/query.h"

#define BLANKS " \t"

static struct slice
unquote(struct slice s)
{
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
		return (struct slice){ s.p + 1, s.len - 2 };
	return s;
}

struct slice
credential_cookie(struct slice cookies, const char *name)
{
	struct slice wanted = slice_of(name);

	while (cookies.len > 0) {
		const char *stop = memchr(cookies.p, ';', cookies.len);
		size_t len = stop ? (size_t)(stop - cookies.p) : cookies.len;
		struct slice pair = slice_trim((struct slice){ cookies.p, len },
					       BLANKS);

		if (slice_starts(pair, wanted) && pair.len > wanted.len &&
		    pair.p[wanted.len] == '=')
			return unquote((struct slice){
			    pair.p + wanted.len + 1,
			    pair.len - wanted.len - 1 });
		cookies.p += len + (stop != NULL);
		cookies.len -= len + (stop != NULL);
	}
	return SLICE_NONE;
}

static struct slice
bearer(struct slice authorization)
{
	static const char scheme[] = "Bearer ";
	size_t len = sizeof(scheme) - 1;

	if (authorization.len <= len ||
	    strncasecmp(authorization.p, scheme, len) != 0)
		return SLICE_NONE;
	return slice_trim((struct slice){ authorization.p + len,
					  authorization.len - len }, BLANKS);
}

/* The first pair of that name which has a value. */
static int
from_query(struct slice query, const char *wanted, struct buf *scratch,
	   struct slice *ret_text)
{
	struct slice name, value;
	int r;

	*ret_text = SLICE_NONE;
	while (query_next(&query, &name, &value)) {
		if (value.len == 0 || !query_name_is(name, wanted))
			continue;
		buf_clear(scratch);
		r = query_decode(value, QUERY_PLUS_IS_SPACE, scratch);
		if (r == 0)
			*ret_text = buf_slice(scratch);
		return r;
	}
	return 0;
}

int
credential_token(const struct params *p, const char *cookie,
		 struct buf *scratch, struct slice *ret_text)
{
	int r;

	*ret_text = bearer(p->authorization);
	if (ret_text->len > 0)
		return 0;
	r = from_query(p->query, "authorization", scratch, ret_text);
	if (r == 0 && ret_text->len == 0)
		*ret_text = credential_cookie(p->cookie, cookie);
	return r;
}

int
credential_ticket(const struct params *p, const char *cookie,
		  struct buf *scratch, struct slice *ret_text)
{
	int r = from_query(p->query, "ticket", scratch, ret_text);

	if (r == 0 && ret_text->len == 0)
		*ret_text = credential_cookie(p->cookie, cookie);
	return r;
}
