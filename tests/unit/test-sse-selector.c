/* SPDX-License-Identifier: MIT */
#include "lib/sse/selector.h"

#include <errno.h>

#include "tests/unit/unit.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A128 A64 A64
#define A240 A128 A64 A16 A16 A16

static const struct {
	struct slice text;
	int kind;		/* -1: refused */
	size_t at;		/* where, then */
} kinds[] = {
	{ SLICE_LIT("news"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("$SYS/hub"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("a*"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("a/*b"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("a/*/b"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("**"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("a/**"), SELECTOR_TOPIC, 0 },
	{ SLICE_LIT("*"), SELECTOR_ALL, 0 },
	{ SLICE_LIT("news/*"), SELECTOR_SUBTREE, 0 },
	{ SLICE_LIT("/*"), SELECTOR_SUBTREE, 0 },
	{ SLICE_LIT("*/*"), SELECTOR_SUBTREE, 0 },
	{ SLICE_LIT("{x}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{+x}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("a/{x_1}/b/{+Y}c"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("a/*/{x}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{x}*"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{/x*}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("a{?x,y:3}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{a}{a}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{" A64 "}"), SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}"),
	  SELECTOR_TEMPLATE, 0 },
	{ SLICE_LIT("{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}{a}"),
	  -1, 48 },
	{ { NULL, 0 }, -1, 0 },
	{ SLICE_LIT(""), -1, 0 },
	{ SLICE_LIT(A240 A16), -1, 255 },
	{ SLICE_LIT("a\nb"), -1, 1 },
	{ SLICE_LIT("a{b\0}"), -1, 3 },
	{ SLICE_LIT("ab\xff"), -1, 2 },
	{ SLICE_LIT("ab\xc2\x85"), -1, 2 },
	{ SLICE_LIT("{"), -1, 1 },
	{ SLICE_LIT("a{b"), -1, 3 },
	{ SLICE_LIT("{+"), -1, 2 },
	{ SLICE_LIT("}"), -1, 0 },
	{ SLICE_LIT("{a}}"), -1, 3 },
	{ SLICE_LIT("a}{b}"), -1, 1 },
	{ SLICE_LIT("a{}b"), -1, 2 },
	{ SLICE_LIT("{+}"), -1, 2 },
	{ SLICE_LIT("{a{b}}"), -1, 2 },
	{ SLICE_LIT("{a-b}"), -1, 2 },
	{ SLICE_LIT("{=a}"), -1, 1 },
	{ SLICE_LIT("{++a}"), -1, 2 },
	{ SLICE_LIT("{\xc3\xa9}"), -1, 1 },
	{ SLICE_LIT("{" A64 "a}"), -1, 65 },
	{ SLICE_LIT("{a}/*"), -1, 4 },
};

static void
tells_kinds_apart(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(kinds); i++) {
		enum selector_kind kind = SELECTOR_TOPIC;
		struct event_fault fault = { .at = 999 };
		int r = selector_parse(kinds[i].text, &kind, &fault);

		if (kinds[i].kind >= 0) {
			unit_check(r == 0 && (int)kind == kinds[i].kind,
				   "row %zu gave %d, kind %d", i, r, (int)kind);
			continue;
		}
		unit_check(r == -EINVAL && fault.at == kinds[i].at,
			   "row %zu gave %d at %zu: %s", i, r, fault.at,
			   fault.why);
		assert_string_equal(fault.field, "selector");
		assert_in_range(strlen(fault.why), 20, sizeof(fault.why) - 2);
		assert_int_equal(selector_parse(kinds[i].text, &kind, NULL),
				 -EINVAL);
	}
}

static const struct {
	const char *text;
	const char *topic;
	bool matches;
} matches[] = {
	{ "news", "news", true },
	{ "news", "news/", false },
	{ "news", "new", false },
	{ "a*", "a*", true },
	{ "a*", "ab", false },
	{ "a/*/b", "a/x/b", false },
	/* subtrees: below, not itself, and something must be there */
	{ "news/*", "news/a", true },
	{ "news/*", "news/a/b", true },
	{ "news/*", "news//", true },
	{ "news/*", "news", false },
	{ "news/*", "news/", false },
	{ "news/*", "newsx/a", false },
	{ "/*", "/a", true },
	{ "/*", "a", false },
	/* all */
	{ "*", "a", true },
	{ "*", "a/b", true },
	{ "*", "$SYS", true },
	{ "*", "$SYS/hub", false },
	/* templates */
	{ "a/{x}/b", "a/1/b", true },
	{ "a/{x}/b", "a//b", true },
	{ "a/{x}/b", "a/1/2/b", false },
	{ "a/{+x}/b", "a/1/2/b", true },
	{ "a/{+x}/b", "a/b", false },
	{ "a/{+x}/b", "a/b/b/b", true },
	{ "a/{+x}", "a/", true },
	{ "a/{+x}", "a/b/c", true },
	{ "{x}", "a", true },
	{ "{x}", "a/b", false },
	{ "{x}-{y}", "1-2", true },
	{ "{x}-{y}", "1-2-3", true },
	{ "{x}-{y}", "-2", true },
	{ "{x}-{y}", "12", false },
	{ "{x}{y}", "a", true },
	{ "{x}{y}", "ab", true },
	{ "{+x}{y}", "/", true },
	{ "{+x}{y}", "/a", true },
	{ "{x}{+y}", "a/", true },
	{ "{x}aab", "aaaab", true },
	{ "{x}aab", "aab", true },
	{ "{x}/b{+y}", "a/bab/b", true },
	{ "v{x}", "v", true },
	{ "{x}*", "a*", true },
	{ "{x}*", "ab", false },
	{ "city/{x}", "city/Z\xc3\xbcrich", true },
	{ "a{/x,y}{?q}", "a/1/2?q=3", true },
	{ "a{/x,y}{?q}", "a?q=3", true },
	{ "a{/x,y}{?q}", "a/1/2/3", false },
	{ "a/*/{x}", "a/*/1", true },
	{ "a/*/{x}", "a/b/1", false },
	/* guarded: spelt out or not at all */
	{ "private", "private", true },
	{ "private/a", "private/a", true },
	{ "*", "private", false },
	{ "*", "private/a", false },
	{ "*", "a/private", false },
	{ "*", "a/private/b", false },
	{ "*", "privateer", true },
	{ "*", "a/private.b", true },
	{ "*", "Private/a", true },
	{ "a/*", "a/private", false },
	{ "a/*", "a/private/b", false },
	{ "a/*", "a/b/private", false },
	{ "private/*", "private/a", true },
	{ "private/*", "private/private", false },
	{ "private/*", "private/a/private/b", false },
	{ "private/private/*", "private/private/a", true },
	{ "a/private/*", "a/private/b", true },
	{ "{x}", "private", false },
	{ "{x}/a", "private/a", false },
	{ "{private}/a", "private/a", false },
	{ "{+x}", "a/private/b", false },
	{ "{x}/private/{y}", "a/private/b", true },
	{ "{x}/private/{y}", "private/private/b", false },
	{ "{x}/private/{y}", "a/private/private", false },
	{ "{+x}/private/{+y}", "a/private/b/private/c", false },
	{ "{+x}/private", "a/b/private", true },
	{ "private/{x}", "private/a", true },
	{ "priv{x}", "private", false },
	{ "{x}ate/a", "private/a", false },
	{ "a/p{x}e", "a/private", false },
	{ "a{+x}e", "a/private", false },
	{ "private{+x}", "private/a", false },
	{ "a/private{+x}", "a/private/b", false },
	{ "{x}private", "private", false },
	{ "private{x}", "private", false },
	{ "{/x}", "/private", false },
	{ "{/x*}", "/a/private/b", false },
	{ "{/private}", "/private", false },
	{ "a{/private}", "a/private", false },
	{ "a{/x}/private", "a/b/private", true },
	{ "a{/x}/private", "a/private/private", false },
	{ "a{/x}/private", "a/private", true },
	{ "a/private{/x}", "a/private/b", false },
	{ "private/{x}{/y*}", "private/a/b", true },
	{ "private/{x}{/y*}", "private/a/private/b", false },
	{ "private/{x}{?q}", "private/a?q=/private", false },
	{ "a{?q}", "a?q=1/private", false },
	{ "a{#f}", "a#/private/b", false },
	{ "a{+x}", "a/private", false },
	{ "a{?q*}", "a?b=private", true },
	{ "{;x}/a", ";x=1/a", true },
	{ "{.x}", ".private", true },
	{ "$SYS/*", "$SYS/hub", true },
	{ "$SYS/{x}", "$SYS/hub", true },
	{ "$SYS/*", "$SYS/private/a", false },
	{ "$SYS/private/*", "$SYS/private/a", true },
	{ "{x}/hub", "$SYS/hub", false },
	{ "{+x}", "$SYS/hub", false },
	{ "$SYS{+x}", "$SYS/hub", false },
	{ "${x}/hub", "$SYS/hub", false },
	{ "$SYS{x}/hub", "$SYS/hub", false },
	{ "$SYS{/x}", "$SYS/hub", false },
	{ "$SYS{/x*}", "$SYS/hub", false },
	{ "{+x}/hub", "$SYS/hub", false },
	{ "$SYS/{x}{/y}", "$SYS/a/b", true },
	{ "{+x}", "a/$SYS/hub", true },
};

static void
matches_what_it_means(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(matches); i++) {
		struct slice text = slice_of(matches[i].text);
		struct slice topic = slice_of(matches[i].topic);
		enum selector_kind kind;

		assert_int_equal(selector_parse(text, &kind, NULL), 0);
		unit_check(selector_match(text, kind, topic) ==
			   matches[i].matches, "%s on %s", matches[i].text,
			   matches[i].topic);
	}
}

static void
knows_guarded_topics(void **state)
{
	static const struct {
		const char *text;
		bool is_guarded;
	} rows[] = {
		{ "private", true },
		{ "private/", true },
		{ "/private", true },
		{ "a/private/b", true },
		{ "a/private", true },
		{ "$SYS/", true },
		{ "$SYS/a", true },
		{ "$SYS/*", true },
		{ "a/private/*", true },
		{ "{x}/private", true },
		{ "private/{x}", true },
		{ "", false },
		{ "*", false },
		{ "a", false },
		{ "$SYS", false },
		{ "a/$SYS/", false },
		{ "privates", false },
		{ "a/privat", false },
		{ "PRIVATE", false },
		{ "{private}", false },
		{ "{+private}/a", false },
		{ "private{x}", false },
		{ "a{/private}", false },
		{ "private/{x}{?q}", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++)
		unit_check(selector_is_guarded(slice_of(rows[i].text)) ==
			   rows[i].is_guarded, "%s", rows[i].text);
	assert_false(selector_is_guarded(SLICE_NONE));
}

static void
covers_no_more_than_it_matches(void **state)
{
	static const struct {
		const char *text, *other;
		bool covers;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "{x}", false },
		{ "*", "a", true },
		{ "*", "a/*", true },
		{ "*", "{+x}", true },
		{ "*", "*", true },
		{ "*", "private/*", false },
		{ "*", "$SYS/*", false },
		{ "a/*", "*", false },
		{ "a/*", "a", false },
		{ "a/*", "a/", false },
		{ "a/*", "a/b", true },
		{ "a/*", "a/b/*", true },
		{ "a/b/*", "a/*", false },
		{ "a/*", "a/b{x}", true },
		{ "a/*", "a/{x}", false },
		{ "a/*", "{x}/b", false },
		{ "a/*", "a/private/*", false },
		{ "a/private/*", "a/private/b/*", true },
		{ "a/private/*", "a/private/private/*", false },
		{ "$SYS/*", "$SYS/a/*", true },
		{ "a/{x}", "a/b", true },
		{ "a/{x}", "a/{x}", true },
		{ "a/{x}", "a/{y}", false },
		{ "{+x}", "a/*", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum selector_kind kind, other_kind;

		assert_int_equal(selector_parse(slice_of(rows[i].text), &kind,
						NULL), 0);
		assert_int_equal(selector_parse(slice_of(rows[i].other),
						&other_kind, NULL), 0);
		unit_check(selector_covers(slice_of(rows[i].text), kind,
					   slice_of(rows[i].other),
					   other_kind) == rows[i].covers,
			   "%s and %s", rows[i].text, rows[i].other);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_kinds_apart),
		cmocka_unit_test(matches_what_it_means),
		cmocka_unit_test(knows_guarded_topics),
		cmocka_unit_test(covers_no_more_than_it_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
