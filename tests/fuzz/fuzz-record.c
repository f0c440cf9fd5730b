/* SPDX-License-Identifier: MIT */
/*
 * Records, parameters and routing: a request means the same however its bytes
 * are cut, nothing grows beyond its bound, and no byte of it ends a header line
 * of the answer. Input: the length of the pieces (0: about 1 KiB), then what a
 * web server sends.
 */
#include <fastcgi.h>
#include <string.h>

#include "fcgi/params.h"
#include "fcgi/record.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "fcgi/route.h"
#include "lib/base/utf8.h"
#include "lib/sse/selector.h"
#include "tests/fuzz/fuzz.h"

static const struct request_limits limits = { 4096, 4096 };

struct seen {
	enum request_result result;
	struct buf params;
	struct buf out;
	size_t used;
	uint16_t id;
	bool keep;
	int status;
};

/* Feeds in pieces, each in memory of its own that then goes away. */
static void
feed(const uint8_t *bytes, size_t len, size_t step, struct seen *s)
{
	struct request r = { 0 };

	memset(s, 0, sizeof(*s));
	s->result = REQUEST_MORE;
	while (s->result == REQUEST_MORE && s->used < len) {
		size_t n = len - s->used < step ? len - s->used : step;
		char *piece = malloc(n);
		struct slice in = { piece, n };

		must(piece);
		memcpy(piece, bytes + s->used, n);
		s->result = request_feed(&r, &limits, &in, &s->out);
		must(s->result != REQUEST_MORE || in.len == 0);
		must(r.kept.len <= limits.params);
		must(r.body_len <= limits.body);
		s->used += n - in.len;
		if (s->result == REQUEST_WHOLE)
			must(buf_append_slice(&s->params, r.params) == 0);
		free(piece);
	}
	must((s->result == REQUEST_BAD || s->result == REQUEST_ABORTED) ==
	     (r.why != NULL));
	must((s->result == REQUEST_WHOLE) ==
	     (r.phase == REQUEST_OVER && request_has_params(&r)));
	s->id = r.id;
	s->keep = r.keep;
	s->status = r.status;
	request_done(&r);
}

/* Whole lines, and nothing in them that a terminal or proxy would obey. */
static void
check_headers(struct slice h)
{
	must(h.len == 0 || (h.len > 2 && h.p[h.len - 1] == '\n'));
	for (size_t i = 0; i < h.len; i++) {
		if (h.p[i] == '\r')
			must(i > 0 && i + 1 < h.len && h.p[i + 1] == '\n');
		else if (h.p[i] == '\n')
			must(i > 0 && h.p[i - 1] == '\r');
		else
			must((unsigned char)h.p[i] >= 0x20);
	}
}

static void
check_key(struct slice key, struct slice prefix)
{
	must(key.len > 0 && key.p[key.len - 1] == '\n');
	while (key.len > 0) {
		const char *end = memchr(key.p, '\n', key.len);
		struct slice line = { key.p, (size_t)(end - key.p) };
		enum selector_kind kind;

		must(line.len > 1 + prefix.len && line.p[0] == '-');
		key.p = end + 1;
		key.len -= line.len + 1;
		line.p++;
		line.len--;
		must(selector_parse(line, &kind, NULL) == 0);
		must(slice_starts(line, prefix));
		line.p += prefix.len;
		line.len -= prefix.len;
		must(!selector_is_guarded(line));
	}
}

static void
check_route(const struct route *r, const struct params *p)
{
	const struct subscription *s = &r->subscription;
	struct reply reply = { .id = 1, .head = r->head,
			       .headers = buf_slice(&r->headers) };
	struct buf out = { 0 };

	check_headers(reply.headers);
	if (r->status == 200) {
		check_key(buf_slice(&s->key), p->topic_prefix);
		must((s->from == FROM_ID) == (s->after.len > 0));
		must(s->after.len <= EVENT_ID_MAX);
		must(utf8_is_valid(buf_slice(&s->after)));
		must((s->from == FROM_LAST) == (s->last_n > 0));
		must(s->last_n <= ROUTE_LAST_MAX);
		must(reply_stream(&out, &reply, 1, buf_slice(&s->after)) == 0);
	} else {
		must(r->status == 204 || r->status == 400 ||
		     r->status == 403 || r->status == 405 ||
		     r->status == 500);
		must(s->key.p == NULL);
		must(r->status == 204 || strlen(r->why) > 10);
		must(reply_answer(&out, &reply, r->status,
				  slice_of(r->why)) == 0);
	}
	buf_done(&out);
}

static void
route(struct slice block)
{
	static char any[] = "*", named[] = "https://a.example", clock[] = "clock";
	static char *origin_items[] = { named, any }, *topic_items[] = { clock };
	static const struct option_texts origins = { .items = origin_items,
						     .count = 2 };
	static const struct option_texts topics = { .items = topic_items,
						    .count = 1 };
	static const struct route_config configs[] = {
		{ .max_topics = 100 },
		{ .mount = "/events", .max_topics = 3,
		  .default_topics = &topics, .cors_origins = &origins },
	};
	struct params p;
	struct route r;
	const char *why;

	if (params_decode(block, &p, &why) < 0) {
		must(strlen(why) > 10);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		must(route_request(&configs[i], &p, &r) == 0);
		check_route(&r, &p);
		route_done(&r);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct seen whole, cut;

	if (len < 1)
		return 0;
	feed(bytes + 1, len - 1, SIZE_MAX, &whole);
	feed(bytes + 1, len - 1, bytes[0] ? bytes[0] : 1021, &cut);
	must(whole.result == cut.result);
	must(whole.used == cut.used);
	must(whole.id == cut.id && whole.keep == cut.keep);
	must(whole.status == cut.status);
	must(slice_eq(buf_slice(&whole.params), buf_slice(&cut.params)));
	must(slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)));
	must(whole.out.len <= 16 * (REQUEST_STRANGERS_MAX + 1));
	if (whole.result == REQUEST_WHOLE)
		route(buf_slice(&whole.params));
	buf_done(&whole.params);
	buf_done(&whole.out);
	buf_done(&cut.params);
	buf_done(&cut.out);
	return 0;
}
