/* SPDX-License-Identifier: MIT */
/*
 * The hand-over message: what is decoded can be written again field by field
 * and gives the same message; no line of it can end another. Input: the bytes
 * of the packet.
 */
#include <string.h>

#include "fcgi/handoff_message.h"
#include "lib/base/utf8.h"
#include "tests/fuzz/fuzz.h"

static bool
has_line_end(struct slice s)
{
	return s.len > 0 && (memchr(s.p, '\n', s.len) ||
			     memchr(s.p, '\r', s.len) ||
			     memchr(s.p, '\0', s.len));
}

static void
copy_all(struct buf *out, const struct handoff_message *m,
	 enum handoff_field kind)
{
	struct slice value;
	size_t at = 0;

	while (handoff_message_next(m, kind, &at, &value)) {
		must(!has_line_end(value));
		must(handoff_message_add(out, kind, value) == 0);
	}
}

static void
same_all(const struct handoff_message *a, const struct handoff_message *b,
	 enum handoff_field kind)
{
	struct slice x, y;
	size_t at_a = 0, at_b = 0;

	while (handoff_message_next(a, kind, &at_a, &x)) {
		must(handoff_message_next(b, kind, &at_b, &y));
		must(slice_eq(x, y));
	}
	must(!handoff_message_next(b, kind, &at_b, &y));
}

static void
check(const struct handoff_message *m)
{
	struct handoff_message again;
	struct buf out = { 0 };
	const char *why;

	must(m->request_id != 0 && m->role == 1);
	must(utf8_is_valid(m->after) && utf8_is_valid(m->prefix));
	must(handoff_message_begin(&out, m->request_id, m->role, m->keep) == 0);
	copy_all(&out, m, HANDOFF_TOPIC);
	copy_all(&out, m, HANDOFF_HEADER);
	copy_all(&out, m, HANDOFF_AFTER);
	copy_all(&out, m, HANDOFF_PREFIX);
	if (m->last_n > 0)
		must(handoff_message_add_last(&out, m->last_n) == 0);

	must(handoff_message_decode(buf_slice(&out), &again, &why) == 0);
	must(again.request_id == m->request_id && again.keep == m->keep);
	must(again.last_n == m->last_n);
	must(slice_eq(again.after, m->after) &&
	     (again.after.p != NULL) == (m->after.p != NULL));
	must(slice_eq(again.prefix, m->prefix));
	same_all(m, &again, HANDOFF_TOPIC);
	same_all(m, &again, HANDOFF_HEADER);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice s = { (const char *)bytes, len };
	struct handoff_message m;
	const char *why = NULL;

	if (handoff_message_decode(s, &m, &why) == 0)
		check(&m);
	else
		must(why != NULL);
	return 0;
}
