/* SPDX-License-Identifier: MIT */
/*
 * A line of a dump: what is taken has its parts in range, and is the same when
 * it was written and read again.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "hub/dumpline.h"
#include "lib/sse/id.h"
#include "tests/fuzz/fuzz.h"

static void
check_same(const struct dumpline *a, const struct dumpline *b)
{
	must(a->kind == b->kind);
	must(a->epoch == b->epoch && a->end == b->end && a->lines == b->lines);
	must(a->last == b->last && a->floor == b->floor);
	must(a->lost == b->lost && a->blind == b->blind);
	must(a->clock_ms == b->clock_ms && a->wall_ms == b->wall_ms);
	must(a->event.number == b->event.number);
	must(a->event.time_ms == b->event.time_ms);
	must(a->event.has_retry == b->event.has_retry);
	must(a->event.retry_ms == b->event.retry_ms);
	must(a->event.is_private == b->event.is_private);
	must(slice_eq(a->event.topic, b->event.topic));
	must(slice_eq(a->event.also, b->event.also));
	must(slice_eq(a->event.name, b->event.name));
	must(slice_eq(a->event.id, b->event.id));
	must(slice_eq(a->event.key, b->event.key));
	must(slice_eq(a->event.data, b->event.data));
}

static void
check_ranges(const struct dumpline *l)
{
	bool has_epoch = l->kind == DUMPLINE_HEAD || l->kind == DUMPLINE_EPOCH;

	must(l->kind < DUMPLINE_KINDS);
	must(!has_epoch || l->epoch >= ID_EPOCH_MIN);
	must(l->epoch <= ID_EPOCH_MAX && l->last <= INT64_MAX);
	must(l->clock_ms >= 0 && l->wall_ms >= 0 && l->event.time_ms >= 0);
	must(l->event.key.len <= EVENT_KEY_MAX);
	must(l->kind != DUMPLINE_EVENT || (l->event.topic.p && l->event.data.p));
	must(l->kind != DUMPLINE_KEY || l->event.key.len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct dumpline line, again;
	struct buf text = { 0 };
	char error[256] = "";
	int r;

	r = dumpline_parse((struct slice){ (const char *)bytes, len }, &line,
			   error, sizeof(error));
	if (r < 0) {
		must(r == -EINVAL || r == -EPROTO);
		must(strlen(error) > 10);
		return 0;
	}
	check_ranges(&line);
	must(dumpline_write(&line, &text) == 0);
	must(memchr(text.p, '\n', text.len) == text.p + text.len - 1);
	r = dumpline_parse((struct slice){ text.p, text.len - 1 }, &again,
			   error, sizeof(error));
	must(r == 0);
	check_same(&line, &again);
	dumpline_done(&again);
	dumpline_done(&line);
	buf_done(&text);
	return 0;
}
