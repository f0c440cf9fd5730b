/* SPDX-License-Identifier: MIT */
#include "fcgi/probe_wish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/query.h"
#include "lib/base/units.h"

enum { COUNT_DEFAULT = 10, COUNT_MOST = 20 };

static const struct probe_wish wish_default = {
	.count = COUNT_DEFAULT,
	.every_ms = 200,
	.idle_ms = 1000,
};

bool
probe_is_wished(struct slice query)
{
	struct slice name, value;

	while (query_next(&query, &name, &value))
		if (query_name_is(name, "probe"))
			return true;
	return false;
}

static int
take_count(struct probe_wish *w, struct slice value, char *why, size_t size)
{
	uint64_t n = COUNT_DEFAULT;

	if (value.len > 0 &&
	    (parse_u64(value, &n) < 0 || n > COUNT_MOST)) {
		snprintf(why, size, "`probe` says how many events to send: a "
			 "number from 0 to %d.", COUNT_MOST);
		return -EINVAL;
	}
	w->count = (uint32_t)n;
	return 0;
}

static int
take_key(char *key, const char *name, struct slice value, char *why,
	 size_t size)
{
	bool is_fine = value.len > 0 && value.len <= PROBE_KEY_MAX;

	for (size_t i = 0; is_fine && i < value.len; i++) {
		char c = value.p[i];

		is_fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			  (c >= 'A' && c <= 'Z');
	}
	if (!is_fine) {
		snprintf(why, size, "`%s` is the name of a probe: 1 to %d "
			 "letters and digits.", name, PROBE_KEY_MAX);
		return -EINVAL;
	}
	memcpy(key, value.p, value.len);
	key[value.len] = '\0';
	return 0;
}

struct span {
	const char *name, *range;
	int64_t least_ms, most_ms;
	int64_t *at;
};

static int
take_span(const struct span *s, struct slice value, char *why, size_t size)
{
	int64_t ms;

	if (value.len == 0 || parse_duration(value, &ms) < 0 ||
	    ms < s->least_ms || ms > s->most_ms) {
		snprintf(why, size, "`%s` is a time from %s.", s->name,
			 s->range);
		return -EINVAL;
	}
	*s->at = ms;
	return 0;
}

static int
take_pair(struct probe_wish *w, struct slice name, struct slice value,
	  char *why, size_t size)
{
	const struct span spans[] = {
		{ "every", "20ms to 1s", 20, 1000, &w->every_ms },
		{ "idle", "0 to 10m", 0, 600000, &w->idle_ms },
		{ "beat", "100ms to 1m", 100, 60000, &w->beat_ms },
	};

	if (query_name_is(name, "probe"))
		return take_count(w, value, why, size);
	if (query_name_is(name, "key"))
		return take_key(w->key, "key", value, why, size);
	if (query_name_is(name, "about"))
		return take_key(w->about, "about", value, why, size);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		if (query_name_is(name, spans[i].name))
			return take_span(&spans[i], value, why, size);
	return 0;
}

int
probe_wish_parse(struct slice query, struct probe_wish *ret_wish, char *why,
		 size_t size)
{
	struct probe_wish w = wish_default;
	struct slice name, value;
	int r = 0;

	while (r == 0 && query_next(&query, &name, &value))
		r = take_pair(&w, name, value, why, size);
	if (r == 0)
		*ret_wish = w;
	return r;
}
