/* SPDX-License-Identifier: MIT */
/*
 * Query strings: decoding undoes encoding and nothing else, no NUL comes out,
 * and names are compared as they decode. Input: a query string.
 */
#include <errno.h>
#include <string.h>

#include "fcgi/probe_wish.h"
#include "fcgi/query.h"
#include "tests/fuzz/fuzz.h"

/* Encodes every byte and decodes that again. */
static void
check_round_trip(struct slice decoded)
{
	struct buf encoded = { 0 }, back = { 0 };

	for (size_t i = 0; i < decoded.len; i++)
		must(buf_printf(&encoded, i % 2 ? "%%%02x" : "%%%02X",
				(unsigned char)decoded.p[i]) == 0);
	must(query_decode(buf_slice(&encoded), QUERY_PLUS_IS_SPACE, &back) ==
	     0);
	must(slice_eq(buf_slice(&back), decoded));
	buf_done(&encoded);
	buf_done(&back);
}

static void
check_decode(struct slice raw, enum query_plus plus)
{
	struct buf out = { 0 };
	int r = query_decode(raw, plus, &out);

	if (r < 0) {
		must(r == -EINVAL && out.len == 0);
		must(memchr(raw.p, '%', raw.len) || memchr(raw.p, 0, raw.len));
		must(!query_name_is(raw, "topic"));
	} else {
		must(out.len <= raw.len && out.len >= raw.len / 3);
		must(!out.len || !memchr(out.p, '\0', out.len));
		check_round_trip(buf_slice(&out));
		if (plus == QUERY_PLUS_IS_SPACE) {
			must(query_name_is(raw, "topic") ==
			     slice_eq(buf_slice(&out), SLICE_LIT("topic")));
			must(buf_append_char(&out, '\0') == 0);
			must(query_name_is(raw, out.p));
		}
	}
	buf_done(&out);
}

static void
check_wish(struct slice query)
{
	struct probe_wish w;
	char why[320] = "";
	int r = probe_wish_parse(query, &w, why, sizeof(why));

	must(r == 0 || (r == -EINVAL && why[0]));
	if (r < 0)
		return;
	must(w.count <= 20 && w.every_ms >= 20 && w.every_ms <= 1000);
	must(w.idle_ms >= 0 && w.idle_ms <= 600000);
	must(w.beat_ms == 0 || (w.beat_ms >= 100 && w.beat_ms <= 60000));
	must(strlen(w.key) <= PROBE_KEY_MAX &&
	     strlen(w.about) <= PROBE_KEY_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice rest = { (const char *)bytes, len }, name, value;
	size_t total = 0;

	if (len == 0)
		return 0;
	check_decode(rest, QUERY_PLUS_IS_SPACE);
	check_wish(rest);
	check_decode(rest, QUERY_PLUS_IS_PLUS);
	while (query_next(&rest, &name, &value)) {
		total += name.len + value.len + (value.p ? 1 : 0);
		must(total <= len);
		must(!name.len || !memchr(name.p, '&', name.len));
		must(!name.len || !memchr(name.p, '=', name.len));
		must(!value.len || !memchr(value.p, '&', value.len));
		if (name.len)
			check_decode(name, QUERY_PLUS_IS_SPACE);
		if (value.len)
			check_decode(value, QUERY_PLUS_IS_SPACE);
	}
	must(rest.len == 0);
	return 0;
}
