/* SPDX-License-Identifier: MIT */
/*
 * authority: what a request may do, from all that says so: the access file's
 * rules over the web server's login, a JSON Web Token, a signed ticket. What
 * they grant adds up.
 *
 * With an access file nothing is open: what no rule, token or ticket allows is
 * denied. A token or ticket that is there and is not good is refused, and never
 * taken for none.
 */
#ifndef FCGI_AUTHORITY_H
#define FCGI_AUTHORITY_H

#include <stdbool.h>

#include "fcgi/params.h"
#include "fcgi/rights.h"
#include "lib/auth/access.h"
#include "lib/auth/keyring.h"

struct authority {		/* zeroed: everybody may read what is open */
	struct access *access;		/* owned; NULL: there is no file */
	struct keyring tokens, tickets;	/* empty: there are none */
	const char *token_cookie, *ticket_cookie;	/* borrowed: names */
	bool refuses_anonymous;		/* without a login, token or ticket */
	bool explains;			/* answers say what is wrong with one */
};

/* Whether there is anything that could grant or deny. */
bool authority_is_set(const struct authority *a);

/* A rights_judge; `authority` is a struct authority. */
int authority_judge(void *authority, struct rights_case *c);

/* Why a request was refused. */
struct denial {
	int status;
	const char *why;	/* for the answer; a literal */
	const char *detail;	/* for the log; NULL: no more than that */
};

/*
 * Whether the request may publish to all of these topics (whole names, a NUL
 * after each), or to any at all if none is named. 0, or -EACCES: not, as the
 * denial says, and what the answer's header has to say is added; -ENOMEM.
 */
int authority_may_publish(const struct authority *a, const struct params *p,
			  struct slice topics, struct buf *headers,
			  struct denial *ret_denial);

void authority_done(struct authority *a);	/* wipes keys, frees */

#endif
