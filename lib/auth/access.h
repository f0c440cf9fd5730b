/* SPDX-License-Identifier: MIT */
/*
 * access: rules over the web server's own login, from a text file:
 *
 *	# who may do what
 *	group @staff alice bob
 *	allow @staff,carol subscribe,publish news/{id}
 *	allow authenticated subscribe private/{user}/{id}
 *	allow anonymous subscribe weather
 *
 * `allow WHO ACTIONS SELECTOR...`: WHO are names of users, groups (`@staff`),
 * `authenticated` (whoever has logged in), `anonymous` (who has not) and
 * `everybody`, with commas between; ACTIONS are subscribe and publish. A
 * selector (lib/sse/selector.h) means whole topics, with the prefix of a site
 * that has one; `{user}` in it stands for the login. What no rule allows is
 * denied.
 *
 * A login that is no name (login.h) matches no rule.
 */
#ifndef LIB_AUTH_ACCESS_H
#define LIB_AUTH_ACCESS_H

#include <stddef.h>

#include "lib/auth/grants.h"
#include "lib/base/slice.h"

enum {
	ACCESS_FILE_MOST = 1 << 20,	/* bytes: some ten thousand rules */
};

struct access;

/*
 * Reads a file of rules. 0; -ENOMEM; -EPERM: it may not be read, or everybody
 * may write to it; -EINVAL; each with a sentence, which names the line.
 */
int access_load(const char *path, struct access **ret_access, char *error,
		size_t size);

/* The same of a text, which is lent; `path` is for the sentences. */
int access_parse(struct slice text, const char *path,
		 struct access **ret_access, char *error, size_t size);

/*
 * Adds to `g` what the rules allow a login (absent or empty: anonymous) to do.
 * 0; -ENOBUFS: more than GRANTS_MOST selectors; -ENOMEM. Time grows with the
 * number of rules.
 */
int access_apply(const struct access *a, struct slice user, struct grants *g);

struct access *access_free(struct access *a);	/* NULL is fine */

#endif
