/* SPDX-License-Identifier: MIT */
#include "fcgi/posts.h"

#include <errno.h>

#include "fcgi/cors.h"
#include "lib/sse/also.h"

static int
refuse(struct route *route, int status, const char *why)
{
	int r = route_refuse_publish(route, status, why);

	return r < 0 ? r : -EINVAL;
}

/*
 * A browser sends its cookies, and a password it knows, with the requests of
 * every page. So a page of a foreign site must not publish with them; where a
 * cookie may be all there is, the request has to say where it comes from.
 */
static int
check_source(const struct posts *p, const struct params *params,
	     struct route *route)
{
	bool has_login = params->authorization.p;

	switch (cors_source(p->route->cors_origins, params)) {
	case CORS_OWN:
	case CORS_NAMED:
		return 0;
	case CORS_UNKNOWN:
		if (has_login || !params->cookie.p)
			return 0;
		return refuse(route, 403, "With a cookie, the request must "
			      "say in Origin or Referer which page it comes "
			      "from.");
	case CORS_ANYBODY:
		if (!params->cookie.p && !params->remote_user.p)
			return 0;
		break;
	case CORS_FOREIGN:
		break;
	}
	return refuse(route, 403, "The request comes from a page of another "
		      "site, which --cors-origin does not name.");
}

/* All topics, with the site's prefix, as authority.h wants them. */
static int
list_topics(const struct publication *publication, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < publication->count; i++) {
		const struct event *e = publication_event(publication, i);
		struct slice rest = e->also, topic = e->topic;

		do {
			r = buf_append_slice(out, topic);
			if (r == 0)
				r = buf_append_char(out, '\0');
		} while (r == 0 && also_next(&rest, &topic));
	}
	return r;
}

static int
ask(const struct posts *p, const struct params *params, struct slice topics,
    struct route *route)
{
	struct denial denial;
	int r = authority_may_publish(p->authority, params, topics,
				      &route->headers, &denial);

	if (r != -EACCES)
		return r;
	r = refuse(route, denial.status, denial.why);
	route->is_denied = true;
	route->detail = denial.detail;
	return r;
}

static int
check_rights(const struct posts *p, const struct params *params,
	     const struct publication *publication, struct route *route)
{
	struct buf topics = { 0 };
	int r = list_topics(publication, &topics);

	if (r == 0)
		r = ask(p, params, buf_slice(&topics), route);
	buf_done(&topics);
	return r < 0 ? r : check_source(p, params, route);
}

int
posts_check(const struct posts *p, const struct params *params,
	    struct route *route)
{
	struct buf topic = { 0 };
	int r = 0;

	/* Lines may each name another one. */
	if (route->topic.len == 0 ||
	    publication_kind(params) == PUBLICATION_LINES)
		return ask(p, params, SLICE_NONE, route);
	r = buf_append_slice(&topic, params->topic_prefix);
	if (r == 0)
		r = buf_append_slice(&topic, buf_slice(&route->topic));
	if (r == 0)
		r = buf_append_char(&topic, '\0');
	if (r == 0)
		r = ask(p, params, buf_slice(&topic), route);
	buf_done(&topic);
	return r;
}

static int
take(const struct posts *p, const struct params *params,
     struct publication *publication, struct route *route,
     publishing_on_done *on_done, void *user)
{
	int r = p->is_trusted ? 0 :
				check_rights(p, params, publication, route);

	if (r < 0)
		return r;
	r = publishing_begin(p->publishing, publication, on_done, user);
	if (r == -EBUSY)
		return refuse(route, 503, "So much waits for the hub that "
			      "there is no room for more now; nothing of this "
			      "was published.");
	return r;
}

int
posts_take(const struct posts *p, const struct params *params,
	   struct slice body, struct route *route,
	   publishing_on_done *on_done, void *user)
{
	const struct publication_source source = {
		.params = params,
		.topic = route->topic.len ? buf_slice(&route->topic) :
					    SLICE_NONE,
		.body = body,
		.max_event = p->max_event,
		.scopes_keys = !p->is_trusted,
	};
	struct publication publication;
	int r = publication_read(&source, &publication);

	if (r < 0)
		r = refuse(route, publication.status, publication.why);
	else
		r = take(p, params, &publication, route, on_done, user);
	publication_done(&publication);
	return r;
}
