/* SPDX-License-Identifier: MIT */
/*
 * Selectors: the matcher agrees with a plain one, and no wildcard reaches a
 * guarded topic. Input: the selector, a NUL, the topic.
 */
#include <errno.h>
#include <string.h>

#include "lib/sse/selector.h"
#include "lib/sse/template.h"
#include "tests/fuzz/fuzz.h"

enum { VALUES_MAX = TEMPLATE_VARIABLES_MAX + 2 };

struct plain {
	struct slice text, topic;
	char known[SELECTOR_MAX + 2][TOPIC_MAX + 2];	/* 0, 'y' or 'n' */
};

static bool plain_match(struct plain *m, size_t i, size_t j);

/* An expression, as its text between the braces says. */
struct plain_expression {
	char first, separator;
	bool is_reserved, is_named, first_exploded, exploded;
	int values;
};

static struct plain_expression
plain_expression(const char *p, const char *end)
{
	static const char signs[] = "+#./;?&", separators[] = ",,./;&&";
	struct plain_expression e = { .separator = ',', .values = 1 };
	const char *sign = strchr(signs, *p);

	if (sign) {
		e.first = *p == '+' ? 0 : *p;
		e.separator = separators[sign - signs];
		e.is_reserved = *p == '+' || *p == '#';
		e.is_named = *p == ';' || *p == '?' || *p == '&';
	}
	for (; p < end; p++) {
		e.values += *p == ',';
		if (*p == '*') {
			e.exploded = true;
			e.first_exploded |= e.values == 1;
		}
	}
	return e;
}

static bool
is_hex(char c)
{
	return c && strchr("0123456789abcdefABCDEF", c);
}

/* How many bytes value number `n` takes at j; 0: none. */
static size_t
plain_takes(const struct plain *m, const struct plain_expression *e, int n,
	    size_t j)
{
	char c = j < m->topic.len ? m->topic.p[j] : 0;

	if (!c)
		return 0;
	if (c == '%' && j + 2 < m->topic.len && is_hex(m->topic.p[j + 1]) &&
	    is_hex(m->topic.p[j + 2]))
		return 3;
	if (c == '=' && (e->is_named ||
			 (n == 1 ? e->first_exploded : e->exploded)))
		return 1;
	return e->is_reserved || !strchr(":/?#[]@!$&'()*+;=", c);
}

/* Marks where value number `n`, which goes on at j, and those behind it end. */
static void
plain_values(const struct plain *m, const struct plain_expression *e, int n,
	     size_t j, char ends[2][VALUES_MAX][TOPIC_MAX + 2])
{
	for (size_t takes = 1; takes > 0 && !ends[0][n][j]; j += takes) {
		ends[0][n][j] = 1;
		ends[1][0][j] = 1;
		if (j < m->topic.len && m->topic.p[j] == e->separator &&
		    (e->exploded || n < e->values))
			plain_values(m, e, e->exploded && n > 1 ? n : n + 1,
				     j + 1, ends);
		takes = plain_takes(m, e, n, j);
	}
}

/* An expression stands for nothing, or for values. */
static bool
plain_variable(struct plain *m, size_t i, size_t j)
{
	static char ends[2][VALUES_MAX][TOPIC_MAX + 2];
	char ends_at[TOPIC_MAX + 2];
	const char *p = m->text.p + i + 1;
	const char *close = memchr(p, '}', m->text.len - i - 1);
	struct plain_expression e = plain_expression(p, close);

	memset(ends, 0, sizeof(ends));
	if (!e.first)
		plain_values(m, &e, 1, j, ends);
	else if (j < m->topic.len && m->topic.p[j] == e.first)
		plain_values(m, &e, 1, j + 1, ends);
	memcpy(ends_at, ends[1][0], sizeof(ends_at));
	ends_at[j] = 1;
	for (i = (size_t)(close - m->text.p) + 1; j <= m->topic.len; j++)
		if (ends_at[j] && plain_match(m, i, j))
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
	size_t steps = 0;

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
		(void)template_match(text, topic, &steps);
		must(steps <= 2 * (topic.len + 1) * text.len);
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
