/* SPDX-License-Identifier: MIT */
#include "fcgi/params.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct variable {
	struct slice name;
	size_t offset;		/* in struct params */
	const char *doubled;	/* the sentence for two values */
};

#define VARIABLE(text, member)                                                 \
	{                                                                      \
		SLICE_LIT(text), offsetof(struct params, member),              \
		    text " came twice with different values, and which one "   \
			 "the web server checked cannot be known"              \
	}

static const struct variable variables[] = {
	VARIABLE("REQUEST_METHOD", method),
	VARIABLE("REQUEST_URI", uri),
	VARIABLE("SCRIPT_NAME", script_name),
	VARIABLE("PATH_INFO", path_info),
	VARIABLE("QUERY_STRING", query),
	VARIABLE("HTTP_LAST_EVENT_ID", last_event_id),
	VARIABLE("HTTP_ORIGIN", origin),
	VARIABLE("HTTP_HOST", host),
	VARIABLE("HTTP_REFERER", referer),
	VARIABLE("HTTP_IDEMPOTENCY_KEY", idempotency_key),
	VARIABLE("HTTP_ACCESS_CONTROL_REQUEST_METHOD", cors_method),
	VARIABLE("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", cors_headers),
	VARIABLE("HTTP_ACCEPT", accept),
	VARIABLE("HTTP_COOKIE", cookie),
	VARIABLE("HTTP_AUTHORIZATION", authorization),
	VARIABLE("REMOTE_USER", remote_user),
	VARIABLE("REMOTE_ADDR", remote_addr),
	VARIABLE("CONTENT_LENGTH", content_length),
	VARIABLE("CONTENT_TYPE", content_type),
	VARIABLE("SSE_TOPIC_PREFIX", topic_prefix),
	VARIABLE("SSE_MAX_CLIENTS", max_clients),
	VARIABLE("SSE_POLL", poll),
	VARIABLE("SERVER_PROTOCOL", protocol),
};

/* One byte up to 127, else four with the top bit set (FastCGI 1.0 §3.4). */
static int
take_length(struct slice *block, size_t *ret_len)
{
	const uint8_t *p = (const uint8_t *)block->p;
	size_t n;

	if (block->len < 1)
		return -EINVAL;
	n = p[0] & 0x80 ? 4 : 1;
	if (block->len < n)
		return -EINVAL;
	if (n == 1)
		*ret_len = p[0];
	else
		*ret_len = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 |
			   (size_t)p[2] << 8 | p[3];
	block->p += n;
	block->len -= n;
	return 0;
}

int
params_next(struct slice *block, struct slice *ret_name,
	    struct slice *ret_value)
{
	struct slice rest = *block;
	size_t name, value;

	if (rest.len == 0)
		return 0;
	if (take_length(&rest, &name) < 0 || take_length(&rest, &value) < 0)
		return -EINVAL;
	/* Two comparisons, because the sum of hostile lengths may overflow. */
	if (name > rest.len || value > rest.len - name)
		return -EINVAL;
	*ret_name = (struct slice){ rest.p, name };
	*ret_value = (struct slice){ rest.p + name, value };
	block->p = rest.p + name + value;
	block->len = rest.len - name - value;
	return 1;
}

static const struct variable *
find(struct slice name)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		if (slice_eq(variables[i].name, name))
			return &variables[i];
	return NULL;
}

int
params_decode(struct slice block, struct params *ret_params,
	      const char **ret_why)
{
	struct params p = { .block = block };
	struct slice name, value;
	int r;

	while ((r = params_next(&block, &name, &value)) > 0) {
		const struct variable *v = value.len ? find(name) : NULL;
		struct slice *slot;

		if (!v)
			continue;
		slot = (struct slice *)(void *)((char *)&p + v->offset);
		if (slot->p && !slice_eq(*slot, value)) {
			*ret_why = v->doubled;
			return -EINVAL;
		}
		*slot = value;
	}
	if (r < 0) {
		*ret_why = "A variable of the request is longer than the "
			   "request";
		return r;
	}
	*ret_params = p;
	return 0;
}
