/* SPDX-License-Identifier: MIT */
/*
 * Access files: whatever is taken gives a name with a slash nothing, and a
 * guarded topic only where the file spells it. Input: a login, a line feed, and
 * the file.
 */
#include <errno.h>
#include <string.h>

#include "lib/auth/access.h"
#include "tests/fuzz/fuzz.h"

static bool
has(struct slice text, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.p + i, word, len) == 0)
			return true;
	return false;
}

static void
check_user(const struct access *a, struct slice user, struct slice rules)
{
	struct grants g = { 0 };
	int r = access_apply(a, user, &g);

	must(r == 0 || r == -ENOBUFS);
	if (user.len > 0 && memchr(user.p, '/', user.len))
		must(grants_are_empty(&g, GRANTS_SUBSCRIBE) &&
		     grants_are_empty(&g, GRANTS_PUBLISH));
	for (int i = 0; i < GRANTS_ACTIONS; i++) {
		if (!has(rules, "private"))
			must(!grants_cover(&g, (enum grants_action)i,
					   SLICE_LIT("private/x")));
		if (!has(rules, "$SYS"))
			must(!grants_cover(&g, (enum grants_action)i,
					   SLICE_LIT("$SYS/x")));
	}
	grants_done(&g);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice rules = { (const char *)bytes, len }, user = { 0 };
	const char *stop = len ? memchr(bytes, '\n', len) : NULL;
	char error[512] = "";
	struct access *a;
	int r;

	if (stop) {
		user = (struct slice){ rules.p, (size_t)(stop - rules.p) };
		rules = (struct slice){ stop + 1, len - user.len - 1 };
	}
	r = access_parse(rules, "FILE", &a, error, sizeof(error));
	must(r == 0 || (r == -EINVAL && !a && error[0]));
	if (r < 0)
		return 0;
	check_user(a, SLICE_NONE, rules);
	check_user(a, user, rules);
	check_user(a, SLICE_LIT("a/b"), rules);
	access_free(a);
	return 0;
}
