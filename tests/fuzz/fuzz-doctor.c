/* SPDX-License-Identifier: MIT */
/*
 * What a strange web server may answer sse-doctor: nothing of it ends up in a
 * sentence but printable ASCII, and whatever comes is judged. Input: header
 * lines, an empty line, a body, which comes in pieces.
 */
#include <string.h>

#include "lib/base/slice.h"
#include "tests/fuzz/fuzz.h"
#include "tools/judge.h"

static struct seen seen;
static struct findings findings;

static void
must_be_printable(const char *text)
{
	for (; *text; text++)
		must(*text >= 0x20 && *text < 0x7f);
}

static void
take_down(struct answer *a, struct slice in, size_t step)
{
	int64_t now_ms = 1000;
	const char *end;

	a->asked_ms = now_ms;
	while ((end = in.len ? memchr(in.p, '\n', in.len) : NULL)) {
		size_t len = (size_t)(end - in.p) + 1;

		answer_take_header(a, in.p, len, now_ms);
		in.p += len;
		in.len -= len;
		if (len == 1)
			break;
	}
	while (in.len > 0) {
		size_t len = in.len < step ? in.len : step;

		if (!answer_take_body(a, in.p, len, now_ms++))
			break;
		in.p += len;
		in.len -= len;
	}
	a->end = in.len % 2 ? ANSWER_DROPPED : ANSWER_WHOLE;
	a->end_ms = now_ms;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct answer *const answers[] = { &seen.page, &seen.plain,
					   &seen.packed, &seen.silent,
					   &seen.beating };
	struct slice in = { (const char *)bytes, len };
	size_t i;

	memset(&seen, 0, sizeof(seen));
	seen.url = "http://a/";
	seen.origin = "https://b";
	seen.long_ms = 1000;
	seen.gone = SEEN_GONE_NOTICED;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		must(answer_init(answers[i]) == 0);
		take_down(answers[i], in, 1 + 7 * i);
		must(answers[i]->mark_count <= ANSWER_MARKS_MAX);
	}
	judge(&seen, &findings);
	must(findings.count > 0 && findings.count <= FINDINGS_MAX);
	for (i = 0; i < findings.count; i++)
		must_be_printable(findings.list[i].text);
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		answer_done(answers[i]);
	return 0;
}
