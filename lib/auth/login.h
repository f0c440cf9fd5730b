/* SPDX-License-Identifier: MIT */
/*
 * login: the name of a user, where it becomes a part of topics.
 *
 * `{user}` in a selector stands for it. Somebody may choose his name so that a
 * topic then means something else, so a name has no slash, `*`, brace or control
 * character, and is none of `private`, `$SYS`, `.` and `..`.
 */
#ifndef LIB_AUTH_LOGIN_H
#define LIB_AUTH_LOGIN_H

#include <stdbool.h>

#include "lib/auth/grants.h"
#include "lib/base/slice.h"
#include "lib/sse/event.h"

enum { LOGIN_MAX = 255 };	/* bytes */

/* Whether it can stand in a topic for nothing but itself. */
bool login_is_name(struct slice user);

/* Whether a selector that may have `{user}` in it is one. 0, or -EINVAL with
 * why. */
int login_check_selector(struct slice selector, struct event_fault *ret_fault);

/*
 * Grants what a selector means for a user, who is absent or a name, below a
 * prefix (which may be absent). Nothing where the selector needs a user and there
 * is none, where the name makes a guarded topic of it, and where it is too long
 * with that name. As grants_add_below, but for -EINVAL and -EMSGSIZE.
 */
int login_grant(struct grants *g, enum grants_action action,
		struct slice prefix, struct slice selector, struct slice user);

#endif
