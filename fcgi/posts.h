/* SPDX-License-Identifier: MIT */
/*
 * posts: what becomes of a POST that is whole, through whichever door it came:
 * it is read (publication.h), whoever sent it is asked for his rights, and it
 * is handed to the hub (publishing.h); or it is refused, and nothing of it was
 * published.
 */
#ifndef FCGI_POSTS_H
#define FCGI_POSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/authority.h"
#include "fcgi/publishing.h"
#include "fcgi/route.h"

struct posts {			/* all borrowed */
	const struct route_config *route;
	const struct authority *authority;	/* NULL if is_trusted */
	struct publishing *publishing;
	size_t max_event;
	/* Who comes by that door may publish, and no browser does. */
	bool is_trusted;
};

/*
 * As far as it can be told before the body is there: whether the request may
 * publish to the topic that its path names, if it must. 0; -EINVAL: `route`
 * holds the answer; -ENOMEM.
 */
int posts_check(const struct posts *p, const struct params *params,
		struct route *route);

/*
 * `route` is that of the request. 0: on_done is called once; -EINVAL: `route`
 * holds the answer; -ENOMEM: there is none.
 */
int posts_take(const struct posts *p, const struct params *params,
	       struct slice body, struct route *route,
	       publishing_on_done *on_done, void *user);

#endif
