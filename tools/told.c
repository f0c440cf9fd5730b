/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/told.h"

#include <string.h>

#include <jansson.h>

void
told_copy(char *out, size_t size, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < size; i++)
		out[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
	out[i] = '\0';
}

static void
get_text(const json_t *object, const char *name, char *out, size_t size)
{
	const json_t *value = json_object_get(object, name);

	told_copy(out, size, json_is_string(value) ? json_string_value(value) :
						     "",
		  json_string_length(value));
}

/* What is not a number from 0 to a year is 0. */
static int64_t
get_number(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n < 0 || n > INT64_C(31536000000) ? 0 : n;
}

static void
read_hello(const json_t *root, struct told_hello *h)
{
	const json_t *saw = json_object_get(root, "saw");
	const json_t *about = json_object_get(root, "about");

	get_text(root, "worker", h->worker, sizeof(h->worker));
	get_text(root, "hub", h->hub, sizeof(h->hub));
	h->count = get_number(root, "count");
	h->every_ms = get_number(root, "every_ms");
	h->idle_ms = get_number(root, "idle_ms");
	h->heartbeat_ms = get_number(root, "heartbeat_ms");
	h->streams = get_number(root, "streams");
	get_text(saw, "SERVER_SOFTWARE", h->software, sizeof(h->software));
	get_text(saw, "HTTP_LAST_EVENT_ID", h->last_id, sizeof(h->last_id));
	get_text(saw, "HTTP_ACCEPT_ENCODING", h->encoding,
		 sizeof(h->encoding));
	get_text(about, "state", h->about, sizeof(h->about));
	h->about_ago_ms = get_number(about, "ago_ms");
	h->about_beats = get_number(about, "beats");
}

enum told
told_read(const char *json, size_t len, struct told_hello *ret_hello,
	  int64_t *ret_since_ms)
{
	json_t *root = json_loadb(json, len, 0, NULL);
	enum told told = TOLD_NOTHING;
	char kind[8];

	get_text(root, "probe", kind, sizeof(kind));
	if (strcmp(kind, "hello") == 0) {
		read_hello(root, ret_hello);
		told = TOLD_HELLO;
	} else if (strcmp(kind, "event") == 0 || strcmp(kind, "last") == 0) {
		*ret_since_ms = get_number(root, "since_ms");
		told = *kind == 'e' ? TOLD_EVENT : TOLD_LAST;
	}
	json_decref(root);
	return told;
}
