/* SPDX-License-Identifier: MIT */
#include "lib/auth/claims.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static const int64_t latest_s = INT64_C(253402300799);	/* the year 9999 */

/* struct claims is never defined: it is a json_t by another name. */
static json_t *
json_of(const struct claims *c)
{
	return (json_t *)(uintptr_t)c;
}

/* jansson goes deeper than that, on its own stack. */
static bool
is_deep(struct slice json)
{
	bool in_text = false;
	int depth = 0;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.p[i];

		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == '{' || c == '['))
			depth++;
		else if (!in_text && (c == '}' || c == ']'))
			depth--;
		if (depth > CLAIMS_DEEPEST)
			return true;
	}
	return false;
}

int
claims_read(struct slice json, struct claims **ret_claims)
{
	json_error_t error;
	json_t *value;

	if (is_deep(json))
		return -EINVAL;
	value = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, &error);
	if (!value)
		return json_error_code(&error) == json_error_out_of_memory ?
		       -ENOMEM : -EINVAL;
	if (!json_is_object(value)) {
		json_decref(value);
		return -EINVAL;
	}
	*ret_claims = (struct claims *)value;
	return 0;
}

struct claims *
claims_free(struct claims *c)
{
	json_decref(json_of(c));
	return NULL;
}

int
claims_text(const struct claims *c, const char *name, struct slice *ret_text)
{
	const json_t *value = json_object_get(json_of(c), name);

	if (!value)
		return -ENOENT;
	if (!json_is_string(value))
		return -EINVAL;
	*ret_text = (struct slice){ json_string_value(value),
				    json_string_length(value) };
	return 0;
}

int
claims_time(const struct claims *c, const char *name, int64_t *ret_ms)
{
	const json_t *value = json_object_get(json_of(c), name);
	double s;

	if (!value)
		return -ENOENT;
	if (!json_is_number(value))
		return -EINVAL;
	s = json_number_value(value);
	if (s > (double)latest_s)
		s = (double)latest_s;
	if (s < 0)
		s = 0;
	*ret_ms = (int64_t)(s * 1000);
	return 0;
}

int
claims_object(const struct claims *c, const char *name,
	      const struct claims **ret_object)
{
	json_t *value = json_object_get(json_of(c), name);

	if (!value)
		return -ENOENT;
	if (!json_is_object(value))
		return -EINVAL;
	*ret_object = (const struct claims *)value;
	return 0;
}

int
claims_list(const struct claims *c, const char *name, size_t *ret_count)
{
	const json_t *list = json_object_get(json_of(c), name);

	if (!list)
		return -ENOENT;
	if (!json_is_array(list) || json_array_size(list) > CLAIMS_LIST_MOST)
		return -EINVAL;
	*ret_count = json_array_size(list);
	for (size_t i = 0; i < *ret_count; i++)
		if (!json_is_string(json_array_get(list, i)))
			return -EINVAL;
	return 0;
}

struct slice
claims_item(const struct claims *c, const char *name, size_t i)
{
	const json_t *item = json_array_get(json_object_get(json_of(c), name),
					    i);

	return (struct slice){ json_string_value(item),
			       json_string_length(item) };
}

int
claims_append(const struct claims *c, const char *name, struct buf *out)
{
	const json_t *value = json_object_get(json_of(c), name);
	char *text;
	int r;

	if (!value)
		return -ENOENT;
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return -ENOMEM;
	r = buf_append_text(out, text);
	free(text);
	return r;
}

/* ---- writing ---- */

/* The list of an action; NULL: no memory. */
static json_t *
list_of(const struct grants *g, enum grants_action action)
{
	struct slice rest = grants_selectors(g, action), each;
	json_t *list = json_array();
	int r = 0;

	if (g->of[action].all)
		r = json_array_append_new(list, json_string("*"));
	while (r == 0 && grants_next(&rest, &each))
		r = json_array_append_new(list, json_stringn(each.p, each.len));
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

static int
put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) == 0 ? 0 : -ENOMEM;
}

static int
put_payload(json_t *mercure, const struct buf *text)
{
	json_t *payload;

	if (text->len == 0)
		return 0;
	payload = json_loadb(text->p, text->len,
			     JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	return payload ? put(mercure, "payload", payload) : -EINVAL;
}

static int
put_mercure(json_t *claims, const struct grants *g)
{
	json_t *mercure = json_object();
	int r = put(claims, "mercure", mercure);

	if (r == 0 && !grants_are_empty(g, GRANTS_SUBSCRIBE))
		r = put(mercure, "subscribe", list_of(g, GRANTS_SUBSCRIBE));
	if (r == 0 && !grants_are_empty(g, GRANTS_PUBLISH))
		r = put(mercure, "publish", list_of(g, GRANTS_PUBLISH));
	return r == 0 ? put_payload(mercure, &g->payload) : r;
}

int
claims_write(const struct grants *g, int64_t unix_ms, struct buf *out)
{
	json_t *claims = json_object();
	char *text = NULL;
	int r = put(claims, "iat", json_integer(unix_ms / 1000));

	if (r == 0 && g->expires_ms > 0)
		r = put(claims, "exp", json_integer(g->expires_ms / 1000));
	if (r == 0 && g->user.len > 0)
		r = put(claims, "sub", json_stringn(g->user.p, g->user.len)) <
		    0 ? -EINVAL : 0;
	if (r == 0)
		r = put_mercure(claims, g);
	if (r == 0)
		text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	if (r == 0)
		r = text ? buf_append_text(out, text) : -ENOMEM;
	free(text);
	return r;
}
