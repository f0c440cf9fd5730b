/* SPDX-License-Identifier: MIT */
#include "fcgi/route.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "fcgi/cors.h"
#include "fcgi/probe_wish.h"
#include "fcgi/query.h"
#include "lib/base/units.h"
#include "lib/base/utf8.h"
#include "lib/sse/selector.h"

static const char mercure_mount[] = "/.well-known/mercure";

/* What one decision works with. Steps return 0 (go on), ANSWERED or -ENOMEM. */
struct work {
	const struct route_config *config;
	const struct params *params;
	struct route *route;
	struct buf scratch;		/* owned: text just decoded */
	struct buf asked;		/* owned: selectors, a NUL after each */
	uint64_t n_topics;
	unsigned n_templates;
};

enum {
	ANSWERED = 1,
};

__attribute__((format(printf, 3, 4))) static int
answer(struct work *w, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->route->why, sizeof(w->route->why), format, args);
	va_end(args);
	w->route->status = status;
	return ANSWERED;
}

/* The mount without final slashes; absent without one. */
static struct slice
mount_of(const struct route_config *c)
{
	struct slice mount = slice_of(c->mount);

	while (mount.len > 0 && mount.p[mount.len - 1] == '/')
		mount.len--;
	return mount;
}

/* ---- topics ---- */

static int
check_prefix(struct work *w)
{
	struct slice prefix = w->params->topic_prefix;
	struct event_fault fault;

	if (!prefix.p)
		return 0;
	if (prefix.p[prefix.len - 1] != '/')
		return answer(w, 500,
			      "The web server's configuration sets "
			      "SSE_TOPIC_PREFIX to a value that does not end "
			      "in `/`.");
	if (topic_check(prefix, &fault) < 0)
		return answer(w, 500,
			      "The web server's configuration sets an "
			      "SSE_TOPIC_PREFIX that no topic can begin with: "
			      "%s.", fault.why);
	return 0;
}

/* An Apache with few threads says how many of them may serve streams. */
static int
take_max_clients(struct work *w)
{
	struct slice text = w->params->max_clients;

	if (!text.p || parse_u64(text, &w->route->max_clients) == 0)
		return 0;
	return answer(w, 500,
		      "The web server's configuration sets SSE_MAX_CLIENTS to "
		      "`%.*s`; it is the most streams that a worker may have, "
		      "a number.", text.len < 40 ? (int)text.len : 40, text.p);
}

static int
answer_excess(struct work *w, int answered)
{
	w->route->is_excess = true;
	return answered;
}

static int
add_topic(struct work *w, struct slice selector)
{
	struct slice prefix = w->params->topic_prefix;
	enum selector_kind kind;
	struct event_fault fault;

	if (++w->n_topics > w->config->max_topics)
		return answer_excess(w, answer(w, 400,
			      "The request names more than %llu topics, the "
			      "most that one stream may have here "
			      "(--max-topics).",
			      (unsigned long long)w->config->max_topics));
	if (selector_parse(selector, &kind, &fault) < 0)
		return answer(w, 400, "This is not a topic: %s.", fault.why);
	if (kind == SELECTOR_TEMPLATE &&
	    ++w->n_templates > ROUTE_TEMPLATES_MAX)
		return answer_excess(w, answer(w, 400,
			      "The request names more than %d templates "
			      "(topics with {variables}), the most that one "
			      "stream may have.", ROUTE_TEMPLATES_MAX));
	if (selector.len > SELECTOR_MAX - prefix.len)
		return answer(w, 400,
			      "A topic is too long: with the site's prefix of "
			      "%zu bytes it may have %zu.",
			      prefix.len, SELECTOR_MAX - prefix.len);
	return rights_ask(&w->asked, selector);
}

/* If `path` is `base` or below it: what follows, without the slash. */
static bool
is_below(struct slice path, struct slice base, struct slice *ret_rest)
{
	if (!slice_starts(path, base))
		return false;
	if (path.len == base.len) {
		*ret_rest = SLICE_NONE;
		return true;
	}
	if (path.p[base.len] != '/')
		return false;
	ret_rest->p = path.p + base.len + 1;
	ret_rest->len = path.len - base.len - 1;
	return true;
}

static struct slice
without_query(struct slice uri)
{
	const char *mark = uri.len ? memchr(uri.p, '?', uri.len) : NULL;

	if (mark)
		uri.len = (size_t)(mark - uri.p);
	return uri;
}

static int
add_encoded(struct work *w, struct slice raw, enum query_plus plus)
{
	int r;

	buf_clear(&w->scratch);
	r = query_decode(raw, plus, &w->scratch);
	if (r == -EINVAL)
		return answer(w, 400,
			      "A topic in the URL holds a `%%` without two "
			      "hexadecimal digits after it, or a NUL.");
	return r < 0 ? r : add_topic(w, buf_slice(&w->scratch));
}

/* REQUEST_URI below the mount, else below SCRIPT_NAME: raw, to be decoded. */
static bool
find_in_uri(const struct work *w, struct slice *ret_raw)
{
	const struct params *p = w->params;
	struct slice uri = without_query(p->uri);
	struct slice mount = mount_of(w->config);

	if (mount.p && is_below(uri, mount, ret_raw))
		return true;
	/* Where a Mercure client looks without being told. */
	if (is_below(uri, SLICE_LIT("/.well-known/mercure"), ret_raw))
		return true;
	/* No SCRIPT_NAME means a program at the root, if there is a
	 * PATH_INFO; without either nothing says where the topic begins. */
	if (!p->script_name.p && !p->path_info.p)
		return false;
	return is_below(uri, p->script_name, ret_raw);
}

/* A rewritten URL: the web server has decoded these two already. */
static int
find_in_path_info(struct work *w, struct slice *ret_topic)
{
	const struct params *p = w->params;
	struct slice mount = mount_of(w->config);
	struct slice rest = p->path_info;
	int r;

	buf_clear(&w->scratch);
	r = buf_append_slice(&w->scratch, p->script_name);
	if (r == 0)
		r = buf_append_slice(&w->scratch, p->path_info);
	if (r < 0)
		return r;
	if (!mount.p || !is_below(buf_slice(&w->scratch), mount, &rest))
		is_below(p->path_info, SLICE_NONE, &rest);
	*ret_topic = rest;
	return 0;
}

static int
add_path_topic(struct work *w)
{
	struct slice topic = SLICE_NONE;
	int r;

	/* A part of the Mercure protocol that may be left out, and is. */
	if (is_below(without_query(w->params->uri),
		     SLICE_LIT("/.well-known/mercure/subscriptions"), &topic))
		return answer(w, 404, "Who is subscribed is not told here.");
	/* The mount in SCRIPT_NAME says more than a URL that lacks it. */
	if (find_in_uri(w, &topic))
		return topic.len ? add_encoded(w, topic, QUERY_PLUS_IS_PLUS) :
				   0;
	r = find_in_path_info(w, &topic);
	return r < 0 || topic.len == 0 ? r : add_topic(w, topic);
}

static int
add_query_topics(struct work *w)
{
	struct slice rest = w->params->query;
	struct slice name, value;
	int r = 0;

	while (r == 0 && query_next(&rest, &name, &value))
		if (query_name_is(name, "topic"))
			r = add_encoded(w, value, QUERY_PLUS_IS_SPACE);
	return r;
}

static int
add_default_topics(struct work *w)
{
	const struct option_texts *topics = w->config->default_topics;
	int r = 0;

	for (size_t i = 0; r == 0 && topics && i < topics->count; i++)
		r = add_topic(w, slice_of(topics->items[i]));
	return r;
}

static int
take_topics(struct work *w)
{
	int r;

	r = add_path_topic(w);
	if (r == 0)
		r = add_query_topics(w);
	if (r == 0 && w->n_topics == 0)
		r = add_default_topics(w);
	return r;
}

/* ---- who may read them ---- */

static int
answer_no_topic(struct work *w)
{
	struct slice mount = mount_of(w->config);
	const char *at = mount.p ? mount.p : "";

	return answer(w, 400,
		      "No topic was named. Name one in the path, as in "
		      "%.100s/news, or in the query, as in "
		      "%.100s?topic=news&topic=weather.", at, at);
}

static int
take_rights(struct work *w)
{
	const struct route_config *config = w->config;
	struct route *route = w->route;
	struct rights_case c = {
		.params = w->params,
		.asked = buf_slice(&w->asked),
		.n_asked = (size_t)w->n_topics,
		.headers = &route->headers,
		.granted_max = (size_t)config->max_topics,
		.templates_max = ROUTE_TEMPLATES_MAX,
	};
	int r = rights_decide(&c, config->judge, config->judge_user,
			      &route->subscription);

	if (r == -EACCES) {
		route->is_denied = c.status >= 400;
		route->detail = c.detail;
		r = answer(w, c.status, "%s", c.why ? c.why : "");
	} else if (r == -EBUSY) {
		route->later = true;
		route->status = 200;
		r = ANSWERED;
	} else if (r == 0 && route->subscription.count == 0) {
		r = answer_no_topic(w);
	}
	rights_done(&c);
	return r;
}

/* ---- where to resume ---- */

/* No published id has control characters, in UTF-8: C0, DEL, C1. */
static bool
has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.len &&
		    (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static int
resume_after(struct subscription *s, struct slice id)
{
	if (slice_eq(id, SLICE_LIT("earliest"))) {
		s->from = FROM_EARLIEST;
		return 0;
	}
	if (id.len > EVENT_ID_MAX || !utf8_is_valid(id) || has_control(id)) {
		s->from = FROM_UNKNOWN;
		return 0;
	}
	s->from = FROM_ID;
	return buf_append_slice(&s->after, id);
}

/* The value of the first pair of that name which has one. */
static struct slice
query_find(struct slice query, const char *wanted)
{
	struct slice name, value;

	while (query_next(&query, &name, &value))
		if (value.len > 0 && query_name_is(name, wanted))
			return value;
	return SLICE_NONE;
}

static int
take_query_id(struct work *w, bool *ret_found)
{
	static const char *const names[] = { "lastEventID", "Last-Event-ID",
					     "last_event_id", "lastEventId" };
	struct subscription *s = &w->route->subscription;
	struct slice raw = SLICE_NONE;
	int r;

	for (size_t i = 0; !raw.p && i < sizeof(names) / sizeof(*names); i++)
		raw = query_find(w->params->query, names[i]);
	*ret_found = raw.p != NULL;
	if (!raw.p)
		return 0;
	buf_clear(&w->scratch);
	r = query_decode(raw, QUERY_PLUS_IS_SPACE, &w->scratch);
	if (r == -EINVAL) {
		s->from = FROM_UNKNOWN;
		return 0;
	}
	return r < 0 ? r : resume_after(s, buf_slice(&w->scratch));
}

/* `last` is checked even where a resume id wins, so that a page with a wrong
 * one fails at its first request and not never. */
static int
take_last(struct work *w)
{
	struct subscription *s = &w->route->subscription;
	struct slice raw = query_find(w->params->query, "last");
	uint64_t n = 0;
	int r;

	if (!raw.p)
		return 0;
	buf_clear(&w->scratch);
	r = query_decode(raw, QUERY_PLUS_IS_SPACE, &w->scratch);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || parse_u64(buf_slice(&w->scratch), &n) < 0 || n < 1 ||
	    n > ROUTE_LAST_MAX)
		return answer(w, 400,
			      "`last` says how many events of each topic to "
			      "begin with: a number from 1 to %d.",
			      ROUTE_LAST_MAX);
	s->from = FROM_LAST;
	s->last_n = (uint32_t)n;
	return 0;
}

static int
take_resume(struct work *w)
{
	struct subscription *s = &w->route->subscription;
	bool found = true;
	int r;

	r = take_last(w);
	if (r != 0)
		return r;
	if (w->params->last_event_id.p)
		r = resume_after(s, w->params->last_event_id);
	else
		r = take_query_id(w, &found);
	if (r == 0 && found)
		s->last_n = 0;
	return r;
}

/* ---- how long it lasts ---- */

/* From the web server or sse-cgi; a client cannot set it, HTTP_SSE_POLL is
 * another variable. */
static int
take_poll(struct work *w)
{
	struct slice text = w->params->poll;
	int64_t ms;

	if (!text.p)
		return 0;
	if (parse_duration(text, &ms) < 0 || ms < ROUTE_POLL_LEAST_MS ||
	    ms > ROUTE_POLL_MOST_MS)
		return answer(w, 500,
			      "The web server's configuration sets SSE_POLL "
			      "to \"%.*s\", which is no time from %dms to %ds, "
			      "such as 5s.",
			      (int)(text.len < 40 ? text.len : 40), text.p,
			      ROUTE_POLL_LEAST_MS, ROUTE_POLL_MOST_MS / 1000);
	w->route->subscription.poll_ms = (uint32_t)ms;
	return 0;
}

/* ---- the request ---- */

static int
take_stream(struct work *w)
{
	int r;

	/* Where answers have to end soon, there can be no probe. */
	if (w->config->has_probes && !w->params->poll.p &&
	    probe_is_wished(w->params->query)) {
		w->route->is_probe = true;
		w->route->status = 200;
		return ANSWERED;
	}
	r = check_prefix(w);
	if (r == 0)
		r = take_max_clients(w);
	if (r == 0)
		r = take_topics(w);
	if (r == 0)
		r = take_resume(w);
	if (r == 0)
		r = take_poll(w);
	if (r == 0)
		r = take_rights(w);
	if (r == 0)
		r = subscription_seal(&w->route->subscription);
	if (r == 0)
		w->route->status = 200;
	return r;
}

/* ---- what is published ---- */

/* Decodes without a look at it: what is a topic is decided with the prefix. */
static int
take_published_topic(struct work *w)
{
	struct slice uri = without_query(w->params->uri);
	struct slice raw = SLICE_NONE;
	struct buf *topic = &w->route->topic;
	int r;

	if (is_below(uri, slice_of(mercure_mount), &raw) ||
	    find_in_uri(w, &raw))
		r = query_decode(raw, QUERY_PLUS_IS_PLUS, topic);
	else if ((r = find_in_path_info(w, &raw)) == 0)
		r = buf_append_slice(topic, raw);
	if (r == -EINVAL)
		return answer(w, 400,
			      "The topic in the URL holds a `%%` without two "
			      "hexadecimal digits after it, or a NUL.");
	return r;
}

static int
take_publish(struct work *w)
{
	int r = check_prefix(w);

	if (r == 0)
		r = take_published_topic(w);
	if (r != 0)
		return r;
	w->route->is_publish = true;
	w->route->status = 200;
	return ANSWERED;
}

static const char *
methods_of(const struct route_config *c)
{
	if (c->publishes_only)
		return "POST, OPTIONS";
	return c->has_publish ? "GET, HEAD, POST, OPTIONS" :
				"GET, HEAD, OPTIONS";
}

static int
refuse_method(struct work *w)
{
	if (w->config->publishes_only)
		return answer(w, 405, "Events are published here, with POST.");
	return answer(w, 405, "A stream of events is read with GET.");
}

static int
take_method(struct work *w)
{
	struct slice method = w->params->method;
	struct route *route = w->route;
	const char *methods = methods_of(w->config);
	bool is_options = slice_eq(method, SLICE_LIT("OPTIONS"));
	bool is_read;
	int r;

	route->head = slice_eq(method, SLICE_LIT("HEAD"));
	r = cors_append(&route->headers, w->config->cors_origins, w->params,
			is_options ? methods : NULL);
	if (r < 0)
		return r;
	is_read = route->head || slice_eq(method, SLICE_LIT("GET"));
	if (is_read && !w->config->publishes_only)
		return take_stream(w);
	if (w->config->has_publish && slice_eq(method, SLICE_LIT("POST")))
		return take_publish(w);
	r = buf_printf(&route->headers, "Allow: %s\r\n", methods);
	if (r < 0)
		return r;
	if (is_options)
		return answer(w, 204, "%s", "");
	if (!method.p)
		return answer(w, 400, "The request has no REQUEST_METHOD.");
	return refuse_method(w);
}

int
route_request(const struct route_config *c, const struct params *p,
	      struct route *ret_route)
{
	struct work w = { .config = c, .params = p, .route = ret_route };
	int r;

	memset(ret_route, 0, sizeof(*ret_route));
	r = take_method(&w);
	buf_done(&w.scratch);
	buf_done(&w.asked);
	if (ret_route->status != 200 || ret_route->later)
		subscription_done(&ret_route->subscription);
	return r < 0 ? r : 0;
}

void
route_refuse(struct route *r, int status, const char *why)
{
	memset(r, 0, sizeof(*r));
	r->status = status;
	snprintf(r->why, sizeof(r->why), "%s", why);
}

int
route_refuse_publish(struct route *r, int status, const char *why)
{
	r->is_publish = false;
	r->status = status;
	snprintf(r->why, sizeof(r->why), "%s", why);
	if (status != 503)
		return 0;
	return buf_printf(&r->headers, "Retry-After: %d\r\n", ROUTE_RETRY_S);
}

void
route_done(struct route *r)
{
	buf_done(&r->headers);
	buf_done(&r->topic);
	subscription_done(&r->subscription);
	memset(r, 0, sizeof(*r));
}
