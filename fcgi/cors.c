/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/cors.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
	CORS_HEADERS_MAX = 1024,	/* of a preflight's list, echoed */
};

static bool
is_listed(const struct option_texts *list, struct slice text)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (slice_eq(slice_of(list->items[i]), text))
			return true;
	return false;
}

/* Whether any origin is named, so that answers differ by Origin. */
static bool
names_origins(const struct option_texts *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (!slice_eq(slice_of(list->items[i]), SLICE_LIT("*")))
			return true;
	return false;
}

/* A header list that may be echoed: token characters, commas, blanks. */
static bool
is_header_list(struct slice s)
{
	if (s.len > CORS_HEADERS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    !memchr("-_, ", s.p[i], 4))
			return false;
	return s.len > 0;
}

static int
append_preflight(struct buf *out, const struct params *p, const char *methods)
{
	struct slice wanted = SLICE_LIT("Last-Event-ID, Cache-Control");
	int r;

	if (is_header_list(p->cors_headers))
		wanted = p->cors_headers;
	r = buf_printf(out, "Access-Control-Allow-Methods: %s\r\n"
		       "Access-Control-Max-Age: 600\r\n"
		       "Access-Control-Allow-Headers: ", methods);
	if (r == 0)
		r = buf_append_slice(out, wanted);
	if (r == 0)
		r = buf_append_text(out, "\r\n");
	return r;
}

/* A named origin may come with cookies; `*` is for pages of anybody. */
static int
append_allowed_origin(struct buf *out, const struct params *p, bool is_named)
{
	int r;

	r = buf_append_text(out, "Access-Control-Allow-Origin: ");
	if (r == 0)
		r = buf_append_slice(out, is_named ? p->origin :
						     SLICE_LIT("*"));
	if (r == 0)
		r = buf_append_text(out, "\r\n");
	if (r == 0)
		r = buf_append_text(out, "Access-Control-Expose-Headers: "
					 "Last-Event-ID\r\n");
	if (r == 0 && is_named)
		r = buf_append_text(out, "Access-Control-Allow-Credentials: "
					 "true\r\n");
	return r;
}

int
cors_append(struct buf *out, const struct option_texts *origins,
	    const struct params *p, const char *methods)
{
	bool is_named = p->origin.p && is_listed(origins, p->origin);
	int r = 0;

	if (names_origins(origins))
		r = buf_append_text(out, "Vary: Origin\r\n");
	if (r < 0 || !p->origin.p)
		return r;
	if (!is_named && !is_listed(origins, SLICE_LIT("*")))
		return r;
	r = append_allowed_origin(out, p, is_named);
	if (r == 0 && methods)
		r = append_preflight(out, p, methods);
	return r;
}

/* scheme://host[:port] of a URL; absent if it is none. */
static struct slice
origin_of(struct slice url)
{
	const char *host = url.len > 3 ? memmem(url.p, url.len, "://", 3) :
					 NULL;
	struct slice origin = SLICE_NONE;
	size_t at;

	if (!host || host == url.p)
		return origin;
	at = (size_t)(host - url.p) + 3;
	while (at < url.len && !memchr("/?#", url.p[at], 3))
		at++;
	return (struct slice){ url.p, at };
}

/*
 * The scheme is not compared: behind a proxy that ends TLS the web server does
 * not know it.
 */
static bool
is_own(struct slice origin, struct slice host)
{
	const char *at = origin.len > 3 ?
			     memmem(origin.p, origin.len, "://", 3) : NULL;

	if (!at || host.len == 0)
		return false;
	origin.len -= (size_t)(at + 3 - origin.p);
	return origin.len == host.len &&
	       strncasecmp(at + 3, host.p, host.len) == 0;
}

enum cors_source
cors_source(const struct option_texts *origins, const struct params *p)
{
	struct slice origin = p->origin.p ? p->origin : origin_of(p->referer);

	if (!p->origin.p && !p->referer.p)
		return CORS_UNKNOWN;
	if (is_own(origin, p->host))
		return CORS_OWN;
	if (origin.p && is_listed(origins, origin))
		return CORS_NAMED;
	return is_listed(origins, SLICE_LIT("*")) ? CORS_ANYBODY :
						    CORS_FOREIGN;
}

int
cors_check(const char *origin)
{
	const char *host = strstr(origin, "://");

	if (strcmp(origin, "*") == 0)
		return 0;
	if (!host || host == origin || host[3] == '\0')
		return -EINVAL;
	for (const char *p = origin; *p; p++) {
		/* A browser sends scheme and host in lower case, and an
		 * international name in its ASCII form. */
		if (*p <= ' ' || *p > '~' || (*p >= 'A' && *p <= 'Z'))
			return -EINVAL;
		if (p >= host + 3 && strchr("/?#*@", *p))
			return -EINVAL;
	}
	return 0;
}
