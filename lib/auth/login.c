/* SPDX-License-Identifier: MIT */
#include "lib/auth/login.h"

#include <errno.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/sse/selector.h"

static const struct slice user_mark = SLICE_LIT("{user}");

bool
login_is_name(struct slice user)
{
	static const char *const others[] = { "private", "$SYS", ".", ".." };

	if (user.len == 0 || user.len > LOGIN_MAX || !utf8_is_valid(user))
		return false;
	for (size_t i = 0; i < user.len; i++) {
		unsigned char c = (unsigned char)user.p[i];

		if (c < 0x20 || c == 0x7f || strchr("/*{}", c) ||
		    (c == 0xc2 && (unsigned char)user.p[i + 1] < 0xa0))
			return false;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (slice_eq(user, slice_of(others[i])))
			return false;
	return true;
}

/* Appends the selector with the name in the place of each {user}. */
static int
substitute(struct slice selector, struct slice user, struct buf *out)
{
	int r = 0;

	buf_clear(out);
	while (r == 0 && selector.len > 0) {
		bool is_mark = slice_starts(selector, user_mark);
		struct slice piece = { selector.p, is_mark ? user_mark.len : 1 };

		r = buf_append_slice(out, is_mark ? user : piece);
		selector.p += piece.len;
		selector.len -= piece.len;
	}
	return r;
}

static bool
has_user(struct slice selector)
{
	for (; selector.len >= user_mark.len; selector.p++, selector.len--)
		if (slice_starts(selector, user_mark))
			return true;
	return false;
}

int
login_check_selector(struct slice selector, struct event_fault *ret_fault)
{
	struct buf tried = { 0 };
	enum selector_kind kind;
	int r = substitute(selector, SLICE_LIT("x"), &tried);

	if (r == 0)
		r = selector_parse(buf_slice(&tried), &kind, ret_fault);
	buf_done(&tried);
	return r;
}

/* Whether this name guards it more than another one does. */
static int
is_bent(struct slice selector, struct slice with_name, bool *ret_bent)
{
	struct buf straight = { 0 };
	int r = substitute(selector, SLICE_LIT("x"), &straight);

	*ret_bent = r == 0 && selector_count_guards(with_name) >
			      selector_count_guards(buf_slice(&straight));
	buf_done(&straight);
	return r;
}

static int
grant(struct grants *g, enum grants_action action, struct slice prefix,
      struct slice selector)
{
	int r = grants_add_below(g, action, prefix, selector);

	return r == -EINVAL || r == -EMSGSIZE ? 0 : r;
}

int
login_grant(struct grants *g, enum grants_action action, struct slice prefix,
	    struct slice selector, struct slice user)
{
	struct buf whole = { 0 };
	bool bent = false;
	int r;

	if (!has_user(selector))
		return grant(g, action, prefix, selector);
	if (user.len == 0)
		return 0;
	r = substitute(selector, user, &whole);
	if (r == 0)
		r = is_bent(selector, buf_slice(&whole), &bent);
	if (r == 0 && !bent)
		r = grant(g, action, prefix, buf_slice(&whole));
	buf_done(&whole);
	return r;
}
