/* SPDX-License-Identifier: MIT */
/*
 * authority: what a request may do, from all that says so: the access file's
 * rules over the web server's login.
 *
 * With an access file nothing is open: what no rule allows is denied.
 */
#ifndef FCGI_AUTHORITY_H
#define FCGI_AUTHORITY_H

#include <stdbool.h>

#include "fcgi/params.h"
#include "fcgi/rights.h"
#include "lib/auth/access.h"

struct authority {		/* zeroed: everybody may read what is open */
	const struct access *access;	/* borrowed; NULL: there is no file */
};

/* Whether there is anything that could grant or deny. */
bool authority_is_set(const struct authority *a);

/* A rights_judge; `authority` is a struct authority. */
int authority_judge(void *authority, struct rights_case *c);

/*
 * Whether the request may publish to all of these topics (whole names, a NUL
 * after each). 0, or -EACCES: not, as *ret_status and *ret_why (a literal) say;
 * -ENOMEM.
 */
int authority_may_publish(const struct authority *a, const struct params *p,
			  struct slice topics, int *ret_status,
			  const char **ret_why);

#endif
