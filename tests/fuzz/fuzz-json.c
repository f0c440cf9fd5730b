/* SPDX-License-Identifier: MIT */
/*
 * A line of sse-publish --json: what is taken has its parts inside the line,
 * and data that is not text is taken alike when it is read again.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "lib/json/jsonline.h"

static void
check_text(struct jsonline_text t)
{
	if (t.p != NULL)
		must(strlen(t.p) == t.len);
}

/* Data by its span is one whole JSON value: alone on a line it stays itself. */
static void
check_span(struct jsonline_text data)
{
	static const char head[] = "{\"data\":";
	size_t len = sizeof(head) - 1 + data.len + 1;
	char error[512], *line = malloc(len);
	struct jsonline j;

	must(line != NULL);
	memcpy(line, head, sizeof(head) - 1);
	memcpy(line + sizeof(head) - 1, data.p, data.len);
	line[len - 1] = '}';
	must(jsonline_parse(line, len, &j, error, sizeof(error)) == 0);
	must(j.data.len == data.len);
	must(memcmp(j.data.p, data.p, data.len) == 0);
	jsonline_done(&j);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *line = (const char *)bytes;
	char error[512] = "";
	struct jsonline j;
	int r;

	r = jsonline_parse(line, len, &j, error, sizeof(error));
	if (r < 0) {
		must(r == -EINVAL);
		must(strlen(error) > 10);
		return 0;
	}
	check_text(j.topic);
	check_text(j.event);
	check_text(j.id);
	check_text(j.key);
	must(j.retry_ms >= -1 && j.retry_ms <= UINT32_MAX);
	if (j.data.p != NULL && j.data.p >= line && j.data.p < line + len) {
		must(j.data.len > 0);
		must(j.data.len <= len - (size_t)(j.data.p - line));
		check_span(j.data);
	}
	jsonline_done(&j);
	return 0;
}
