/* SPDX-License-Identifier: MIT */
/*
 * What a worker sends, as sse-cgi takes it: it means the same however its bytes
 * are cut, and what is kept is bounded. Input: the length of the pieces (0:
 * about 1 KiB; the top bit: an nph- program), then the records.
 */
#include <errno.h>
#include <string.h>

#include "cgi/answer.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	int result;
	bool is_over, is_refused, has_head;
	struct buf out, err;
};

static void
feed(const uint8_t *bytes, size_t len, size_t step, bool is_nph,
     struct seen *s)
{
	struct answer a = { .is_nph = is_nph };

	memset(s, 0, sizeof(*s));
	while (len > 0 && s->result == 0 && !a.is_over) {
		size_t n = len < step ? len : step;
		char *piece = malloc(n);

		must(piece);
		memcpy(piece, bytes, n);
		s->result = answer_feed(&a, (struct slice){ piece, n },
					&s->out, &s->err);
		must(a.head.len <= ANSWER_HEAD_MAX);
		must(a.end_have <= ANSWER_END_LEN);
		must(!a.has_head || a.head.p == NULL);
		must(a.has_head || s->out.len == 0);
		free(piece);
		bytes += n;
		len -= n;
	}
	must(s->result == 0 || s->result == -EPROTO);
	must(!is_nph || s->out.len == 0 ||
	     strncmp(s->out.p, "HTTP/1.1 ", 9) == 0);
	s->is_over = a.is_over;
	s->is_refused = a.is_refused;
	s->has_head = a.has_head;
	answer_done(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct seen whole, cut;
	bool is_nph;

	if (len < 1)
		return 0;
	is_nph = bytes[0] & 0x80;
	feed(bytes + 1, len - 1, SIZE_MAX, is_nph, &whole);
	feed(bytes + 1, len - 1, bytes[0] & 0x7f ? bytes[0] & 0x7f : 1021,
	     is_nph, &cut);
	must(whole.result == cut.result);
	must(whole.is_over == cut.is_over);
	must(whole.is_refused == cut.is_refused);
	must(whole.has_head == cut.has_head);
	must(slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)));
	must(slice_eq(buf_slice(&whole.err), buf_slice(&cut.err)));
	buf_done(&whole.out);
	buf_done(&whole.err);
	buf_done(&cut.out);
	buf_done(&cut.err);
	return 0;
}
