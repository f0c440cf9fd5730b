/* SPDX-License-Identifier: MIT */
/*
 * Selectors: the matcher agrees with a plain one, and no wildcard reaches a
 * guarded topic. Input: the selector, a NUL, the topic.
 */
#include <errno.h>
#include <string.h>

#include "lib/sse/selector.h"
#include "tests/fuzz/fuzz.h"

struct plain {
	struct slice text, topic;
	char known[SELECTOR_MAX + 2][TOPIC_MAX + 2];	/* 0, 'y' or 'n' */
};

static bool plain_match(struct plain *m, size_t i, size_t j);

/* A variable takes byte j; then it goes on or ends. */
static bool
plain_variable(struct plain *m, size_t i, size_t j)
{
	bool takes_slash = m->text.p[i + 1] == '+';
	size_t end = i;

	while (m->text.p[end] != '}')
		end++;
	while (j < m->topic.len && (takes_slash || m->topic.p[j] != '/'))
		if (plain_match(m, end + 1, ++j))
			return true;
	return false;
}

/* Whether the template from i on matches the topic from j on. */
static bool
plain_match(struct plain *m, size_t i, size_t j)
{
	bool is;

	if (m->known[i][j])
		return m->known[i][j] == 'y';
	if (i == m->text.len)
		is = j == m->topic.len;
	else if (m->text.p[i] == '{')
		is = plain_variable(m, i, j);
	else
		is = j < m->topic.len && m->text.p[i] == m->topic.p[j] &&
		     plain_match(m, i + 1, j + 1);
	m->known[i][j] = is ? 'y' : 'n';
	return is;
}

/* Segments `private`, found in another way than selector.c does. */
static int
count_private(struct slice s)
{
	char padded[TOPIC_MAX + 3];
	const char *p = padded;
	int count = 0;

	padded[0] = '/';
	memcpy(padded + 1, s.p, s.len);
	padded[s.len + 1] = '/';
	padded[s.len + 2] = '\0';
	while ((p = strstr(p, "/private/")) != NULL) {
		count++;
		p++;
	}
	return count;
}

static bool
begins_sys(struct slice s)
{
	return s.len >= 5 && memcmp(s.p, "$SYS/", 5) == 0;
}

static void
check_match(struct slice text, enum selector_kind kind, struct slice topic)
{
	static struct plain m;
	bool reaches, is = selector_match(text, kind, topic);

	reaches = count_private(text) >= count_private(topic) &&
		  (begins_sys(text) || !begins_sys(topic));
	must(selector_is_guarded(topic) ==
	     (count_private(topic) > 0 || begins_sys(topic)));
	if (kind == SELECTOR_TOPIC) {
		must(is == slice_eq(text, topic));
	} else if (kind == SELECTOR_ALL) {
		must(is == !selector_is_guarded(topic));
	} else if (kind == SELECTOR_SUBTREE) {
		text.len--;
		must(is == (reaches && topic.len > text.len &&
			    slice_starts(topic, text)));
	} else {
		memset(&m, 0, sizeof(m));
		m.text = text;
		m.topic = topic;
		must(is == (reaches && plain_match(&m, 0, 0)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice text = { (const char *)bytes, len }, topic;
	struct event_fault fault = { 0 };
	const char *end = len ? memchr(bytes, '\0', len) : NULL;
	enum selector_kind kind;

	if (!end)
		return 0;
	text.len = (size_t)(end - text.p);
	topic = (struct slice){ end + 1, len - text.len - 1 };
	if (selector_parse(text, &kind, &fault) < 0) {
		must(strcmp(fault.field, "selector") == 0);
		must(fault.at <= text.len);
		must(strlen(fault.why) > 10);
		must(strlen(fault.why) < sizeof(fault.why) - 1);
		return 0;
	}
	if (topic_check(topic, NULL) == 0)
		check_match(text, kind, topic);
	return 0;
}
