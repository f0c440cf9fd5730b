/* SPDX-License-Identifier: MIT */
#include "fcgi/route.h"

#include <errno.h>
#include <stdio.h>

#include "fcgi/cors.h"
#include "lib/sse/selector.h"

static int
check_mount(const char *mount, char *error, size_t size)
{
	if (!mount)
		return 0;
	for (const char *p = mount; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("?#", *p))
			mount = "";
	if (mount[0] == '/')
		return 0;
	snprintf(error, size,
		 "--mount must be the path of a URL as it stands in a request, "
		 "such as /events: a slash first, no query, and anything but "
		 "ASCII percent-encoded.");
	return -EINVAL;
}

static int
check_origins(const struct option_texts *origins, char *error, size_t size)
{
	for (size_t i = 0; origins && i < origins->count; i++) {
		if (cors_check(origins->items[i]) == 0)
			continue;
		snprintf(error, size,
			 "--cors-origin %.100s is not an origin. Give it as a "
			 "browser does, such as https://www.example.org: in "
			 "lower case, with the port if it is not the usual "
			 "one, and without a path; or give `*`.",
			 origins->items[i]);
		return -EINVAL;
	}
	return 0;
}

static int
check_topic(const char *topic, char *error, size_t size)
{
	enum selector_kind kind;
	struct event_fault fault;

	if (selector_parse(slice_of(topic), &kind, &fault) < 0) {
		snprintf(error, size, "--default-topic %.100s is no topic: %s.",
			 topic, fault.why);
		return -EINVAL;
	}
	if (selector_is_guarded(slice_of(topic))) {
		snprintf(error, size,
			 "--default-topic %.100s is a guarded topic, which "
			 "needs an access rule; it cannot be a default.",
			 topic);
		return -EINVAL;
	}
	return 0;
}

int
route_config_check(const struct route_config *c, char *error, size_t size)
{
	const struct option_texts *topics = c->default_topics;
	size_t n = topics ? topics->count : 0;
	int r;

	r = check_mount(c->mount, error, size);
	if (r == 0)
		r = check_origins(c->cors_origins, error, size);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_topic(topics->items[i], error, size);
	if (r < 0)
		return r;
	if (c->max_topics < 1 || c->max_topics < n) {
		snprintf(error, size,
			 "--max-topics must be at least 1, and not less than "
			 "the number of default topics (%zu).", n);
		return -EINVAL;
	}
	return 0;
}
