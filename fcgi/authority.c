/* SPDX-License-Identifier: MIT */
#include "fcgi/authority.h"

#include <errno.h>

#include "lib/auth/grants.h"

/* Why not; status 0: there is no reason. */
struct denial {
	int status;
	const char *why;
};

static int
deny(struct denial *d, int status, const char *why)
{
	d->status = status;
	d->why = why;
	return -EACCES;
}

/* All that the request is entitled to. 0, -EACCES or -ENOMEM. */
static int
gather(const struct authority *a, const struct params *p, struct grants *g,
       struct denial *d)
{
	int r = 0;

	if (a->access)
		r = access_apply(a->access, p->remote_user, g);
	if (r == -ENOBUFS)
		r = deny(d, 500, "The access file has too many rules for this "
				 "user; each action may have 100 selectors.");
	return r;
}

bool
authority_is_set(const struct authority *a)
{
	return a->access;
}

int
authority_judge(void *authority, struct rights_case *c)
{
	const struct authority *a = authority;
	struct denial d = { 0 };
	int r = gather(a, c->params, &c->allowed, &d);

	c->is_closed = a->access;
	if (r != -EACCES)
		return r;
	c->status = d.status;
	c->why = d.why;
	return 0;
}

int
authority_may_publish(const struct authority *a, const struct params *p,
		      struct slice topics, int *ret_status,
		      const char **ret_why)
{
	struct denial d = { 0 };
	struct grants g = { 0 };
	struct slice topic;
	int r = gather(a, p, &g, &d);

	while (r == 0 && grants_next(&topics, &topic))
		if (!grants_cover(&g, GRANTS_PUBLISH, topic))
			r = deny(&d, 403, "Publishing needs an access rule, "
					  "and there is none for this topic.");
	grants_done(&g);
	*ret_status = d.status;
	*ret_why = d.why;
	return r;
}
