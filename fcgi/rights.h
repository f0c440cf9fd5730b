/* SPDX-License-Identifier: MIT */
/*
 * rights: who may read what of the topics that a request asks for.
 *
 * A judge is asked, if there is one. What it grants, the stream gets, asked for
 * or not, and private events of it. What it allows is had for the asking, and
 * private events of it. Beside that, what is open: events that are not
 * private of topics that are not guarded (selector.h), unless the judge closes
 * them. A topic that was named outright and is not to be had is refused; a
 * wildcard gets what there is for it, and is refused if that can be nothing.
 * Pure, but for what the judge does.
 */
#ifndef FCGI_RIGHTS_H
#define FCGI_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/params.h"
#include "fcgi/subscription.h"
#include "lib/auth/grants.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* A request as a judge sees it: well formed, and its topics are selectors. */
struct rights_case {
	const struct params *params;	/* lent */
	/* Asked for, without the site's prefix; a NUL follows each. Lent. */
	struct slice asked;
	size_t n_asked;			/* may be 0 */
	struct buf *headers;		/* of the answer, whatever it is; to be
					 * added to, each line with CR LF */
	struct buf granted;		/* owned: by rights_grant, a NUL each */
	size_t n_granted, granted_max;
	size_t n_templates, templates_max;	/* granted ones */
	struct grants allowed;		/* owned: by the judge; of topics with
					 * the site's prefix before them */
	bool is_closed;			/* nothing is open */
	/* A refusal, 204 or 400-599; 0: none. `why` is plain text for people
	 * and good until the case is done. */
	int status;
	const char *why;
	const char *detail;		/* for the log; NULL: no more than that */
};

/*
 * 0: it may read, unless c->status says else; -EBUSY: the browser is to come
 * back later; -ENOMEM.
 */
typedef int rights_judge(void *user, struct rights_case *c);

/* Adds a selector to what is asked for. 0 or -ENOMEM. */
int rights_ask(struct buf *asked, struct slice selector);

/*
 * For judges: gives the stream what a selector means, asked for or not. 0,
 * -EINVAL: not a selector, -EMSGSIZE: too long with the site's prefix,
 * -ENOBUFS: one too many, -ENOMEM.
 */
int rights_grant(struct rights_case *c, struct slice selector);

/*
 * Asks the judge (NULL: nothing is granted) and adds what the stream gets to
 * `ret_sub`, which may be nothing. 0; -EACCES: refused as c->status and why
 * say; -EBUSY: later; -ENOMEM.
 */
int rights_decide(struct rights_case *c, rights_judge *judge, void *user,
		  struct subscription *ret_sub);
void rights_done(struct rights_case *c);

#endif
