/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/draft.h"

#include <errno.h>
#include <stdio.h>

#include "lib/json/jsonline.h"

static int
set_fields(struct sse_event *e, const struct draft *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->also_count; i++)
		r = sse_event_add_topic(e, d->also[i]);
	if (r < 0)
		return r;
	if (d->name != NULL)
		r = sse_event_set_name(e, d->name);
	if (r == 0 && d->id != NULL)
		r = sse_event_set_id(e, d->id);
	if (r == 0 && d->key != NULL)
		r = sse_event_set_key(e, d->key);
	sse_event_set_retry(e, d->retry_ms);
	sse_event_set_private(e, d->is_private);
	return r;
}

int
draft_event(const struct draft *d, const char *data, size_t len,
	    struct sse_event **ret_event, char *error)
{
	struct sse_event *e = NULL;
	int r;

	r = sse_event_new(d->topic, data, len, &e);
	if (r == 0)
		r = set_fields(e, d);
	if (r < 0) {
		snprintf(error, DRAFT_ERROR_SIZE, "%s",
			 r == -ENOMEM ? "not enough memory"
				      : sse_event_error(e));
		sse_event_free(e);
		return r;
	}
	*ret_event = e;
	return 0;
}

int
draft_json(const struct draft *d, const char *line, size_t len,
	   struct sse_event **ret_event, char *error)
{
	struct draft own = *d;
	struct jsonline j;
	int r;

	r = jsonline_parse(line, len, &j, error, DRAFT_ERROR_SIZE);
	if (r < 0)
		return r;
	if (j.topic.p != NULL)
		own.topic = j.topic.p;
	if (j.also_count > 0) {
		own.also_count = j.also_count;
		for (size_t i = 0; i < j.also_count; i++)
			own.also[i] = j.also[i].p;
	}
	if (j.event.p != NULL)
		own.name = j.event.p;
	if (j.id.p != NULL)
		own.id = j.id.p;
	if (j.key.p != NULL)
		own.key = j.key.p;
	if (j.retry_ms >= 0)
		own.retry_ms = j.retry_ms;
	if (j.is_private != JSONLINE_PRIVATE_ABSENT)
		own.is_private = j.is_private == JSONLINE_PRIVATE_YES;
	if (own.topic == NULL || j.data.p == NULL) {
		snprintf(error, DRAFT_ERROR_SIZE, "the member \"%s\" is missing",
			 own.topic == NULL ? "topic" : "data");
		r = -EINVAL;
	} else {
		r = draft_event(&own, j.data.p, j.data.len, ret_event, error);
	}
	jsonline_done(&j);
	return r;
}
