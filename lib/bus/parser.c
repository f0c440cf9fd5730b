/* SPDX-License-Identifier: MIT */
#include <sse-fcgi/parser.h>

#include <errno.h>
#include <stdlib.h>

#include "lib/sse/decode.h"

struct sse_parser {
	struct decode decode;
	size_t max_bytes;
	sse_parser_on_event *on_event;
	void *user;
};

int
sse_parser_new(size_t max_bytes, sse_parser_on_event *on_event, void *user,
	       struct sse_parser **ret_parser)
{
	struct sse_parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	decode_init(&p->decode, max_bytes);
	p->max_bytes = max_bytes;
	p->on_event = on_event;
	p->user = user;
	*ret_parser = p;
	return 0;
}

void
sse_parser_free(struct sse_parser *p)
{
	if (p == NULL)
		return;
	decode_done(&p->decode);
	free(p);
}

static int
hand_out(void *user, const struct decoded *d)
{
	struct sse_parser *p = user;
	const struct sse_parsed e = {
		.name = d->name.p,
		.name_len = d->name.len,
		.data = d->data.len > 0 ? d->data.p : "",
		.data_len = d->data.len,
		.last_id = d->last_id.len > 0 ? d->last_id.p : "",
		.last_id_len = d->last_id.len,
	};

	return p->on_event(p->user, &e);
}

int
sse_parser_push(struct sse_parser *p, const void *bytes, size_t len)
{
	struct slice s = { bytes, len };

	return len > 0 ? decode_bytes(&p->decode, s, hand_out, p) : 0;
}

void
sse_parser_restart(struct sse_parser *p)
{
	struct decode fresh;

	decode_init(&fresh, p->max_bytes);
	fresh.retry_ms = p->decode.retry_ms;
	fresh.last_id = p->decode.last_id;
	p->decode.last_id = (struct buf){ 0 };
	decode_done(&p->decode);
	p->decode = fresh;
}

const char *
sse_parser_last_id(struct sse_parser *p, size_t *ret_len)
{
	struct buf *id = &p->decode.last_id;

	*ret_len = id->len;
	if (id->len == 0 || buf_append_char(id, '\0') < 0)
		return NULL;
	id->len--;
	return id->p;
}

int
sse_parser_set_last_id(struct sse_parser *p, const char *id)
{
	struct buf fresh = { 0 };
	int r;

	r = buf_append_text(&fresh, id);
	if (r < 0)
		return r;
	buf_done(&p->decode.last_id);
	p->decode.last_id = fresh;
	return 0;
}

int64_t
sse_parser_retry(const struct sse_parser *p)
{
	return p->decode.retry_ms;
}
