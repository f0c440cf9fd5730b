/* SPDX-License-Identifier: MIT */
/*
 * A request on the socket of publishers: it means the same however it is cut,
 * and what is taken of it can be published. The first byte says how long the
 * pieces are.
 */
#include <string.h>

#include "fcgi/http.h"
#include "fcgi/publication.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_EVENT = 64 };

static enum http_result
feed(struct http_request *r, struct slice all, size_t step, size_t *ret_used)
{
	enum http_result result = HTTP_MORE;
	size_t used = 0;

	while (result == HTTP_MORE && used < all.len) {
		size_t len = all.len - used < step ? all.len - used : step;
		char *copy = malloc(len);
		struct slice in = { copy, len };

		must(copy);
		memcpy(copy, all.p + used, len);
		result = http_feed(r, &in);
		if (result == HTTP_HEAD) {
			r->body_max = publication_body_max(
			    publication_kind(&r->params), MAX_EVENT);
			result = http_feed(r, &in);
		}
		must(in.len <= len);
		used += len - in.len;
		free(copy);
	}
	must(r->head.len <= HTTP_HEAD_MAX);
	*ret_used = used;
	return result;
}

static void
read_it(const struct http_request *r)
{
	const struct publication_source source = {
		.params = &r->params,
		.topic = SLICE_LIT("news"),
		.body = buf_slice(&r->body),
		.max_event = MAX_EVENT,
	};
	struct publication p;

	if (publication_read(&source, &p) < 0) {
		must(p.status >= 400 && p.why[0]);
	} else {
		must(p.count > 0);
		for (size_t i = 0; i < p.count; i++)
			must(event_check(publication_event(&p, i), MAX_EVENT,
					 false, NULL) == 0);
	}
	publication_done(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct http_request whole = { 0 }, cut = { 0 };
	struct slice all = { (const char *)bytes + 1, len - 1 };
	enum http_result result;
	size_t used, used_cut;

	if (len < 2)
		return 0;
	result = feed(&whole, all, all.len, &used);
	must(feed(&cut, all, bytes[0] % 16 + 1, &used_cut) == result);
	must(cut.status == whole.status);
	if (result == HTTP_BAD)
		must(whole.why && whole.status >= 400);
	if (result == HTTP_WHOLE) {
		must(used == used_cut);
		must(slice_eq(buf_slice(&whole.body), buf_slice(&cut.body)));
		read_it(&whole);
	}
	http_done(&whole);
	http_done(&cut);
	return 0;
}
