/* SPDX-License-Identifier: MIT */
#include "lib/auth/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A256 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16 A16

static const char rules[] =
	"# who may do what\n"
	"\n"
	"allow everybody subscribe weather\n"
	"allow anonymous subscribe hello\r\n"
	"  allow alice,@staff\tsubscribe news/* site/news\n"
	"group @staff bob,carol dave\n"
	"group @staff erin\n"
	"allow @staff publish news/{x}\n"
	"allow authenticated subscribe,publish private/{user}/* "
		"chat/{user}/{user}\n"
	"allow authenticated subscribe rooms/{user}";

static const struct {
	const char *user;
	enum grants_action action;
	const char *topic;
	bool is_allowed;
} rows[] = {
	{ NULL, GRANTS_SUBSCRIBE, "weather", true },
	{ "", GRANTS_SUBSCRIBE, "weather", true },
	{ "zoe", GRANTS_SUBSCRIBE, "weather", true },
	{ "zoe", GRANTS_PUBLISH, "weather", false },
	{ NULL, GRANTS_SUBSCRIBE, "hello", true },
	{ "zoe", GRANTS_SUBSCRIBE, "hello", false },
	{ "anonymous", GRANTS_SUBSCRIBE, "hello", false },
	{ "alice", GRANTS_SUBSCRIBE, "news/a", true },
	{ "alice", GRANTS_SUBSCRIBE, "site/news", true },
	{ "alice", GRANTS_PUBLISH, "news/a", false },
	{ "Alice", GRANTS_SUBSCRIBE, "news/a", false },
	{ "bob", GRANTS_SUBSCRIBE, "news/a", true },
	{ "dave", GRANTS_PUBLISH, "news/a", true },
	{ "erin", GRANTS_PUBLISH, "news/a", true },
	{ "bob,carol", GRANTS_SUBSCRIBE, "news/a", false },
	{ "@staff", GRANTS_SUBSCRIBE, "news/a", false },
	{ "zoe", GRANTS_SUBSCRIBE, "news/a", false },
	{ NULL, GRANTS_SUBSCRIBE, "news/a", false },
	{ "zoe", GRANTS_SUBSCRIBE, "private/zoe/a", true },
	{ "zoe", GRANTS_PUBLISH, "private/zoe/a", true },
	{ "zoe", GRANTS_SUBSCRIBE, "private/bob/a", false },
	{ "zoe", GRANTS_SUBSCRIBE, "private/zoe/private/a", false },
	{ NULL, GRANTS_SUBSCRIBE, "private//a", false },
	{ NULL, GRANTS_SUBSCRIBE, "private/{user}/a", false },
	{ "zoe", GRANTS_SUBSCRIBE, "chat/zoe/zoe", true },
	{ "zoe", GRANTS_SUBSCRIBE, "chat/zoe/bob", false },
	{ "J\xc3\xb6rg", GRANTS_SUBSCRIBE, "private/J\xc3\xb6rg/a", true },
	{ "a b@example.org", GRANTS_SUBSCRIBE, "private/a b@example.org/x",
	  true },
	/* Names that would mean something else match nothing at all. */
	{ "zoe/x", GRANTS_SUBSCRIBE, "private/zoe/x/a", false },
	{ "zoe/x", GRANTS_SUBSCRIBE, "weather", false },
	{ "*", GRANTS_SUBSCRIBE, "private/zoe/a", false },
	{ "*", GRANTS_SUBSCRIBE, "weather", false },
	{ "{+x}", GRANTS_SUBSCRIBE, "private/zoe/a", false },
	{ "{user}", GRANTS_SUBSCRIBE, "weather", false },
	{ "private", GRANTS_SUBSCRIBE, "rooms/private", false },
	{ "$SYS", GRANTS_SUBSCRIBE, "private/$SYS/a", false },
	{ "..", GRANTS_SUBSCRIBE, "private/../a", false },
	{ "a\nb", GRANTS_SUBSCRIBE, "weather", false },
	{ "a\xc2\x85", GRANTS_SUBSCRIBE, "weather", false },
	{ "a\xff", GRANTS_SUBSCRIBE, "weather", false },
	{ A256, GRANTS_SUBSCRIBE, "weather", false },
};

static struct access *
parse(const char *text)
{
	struct access *a;
	char error[512] = "";
	int r = access_parse(slice_of(text), "FILE", &a, error, sizeof(error));

	unit_check(r == 0, "%d %s", r, error);
	return a;
}

static void
allows_what_the_rules_say(void **state)
{
	struct access *a = parse(rules);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct grants g = { 0 };

		assert_int_equal(access_apply(a, slice_of(rows[i].user), &g),
				 0);
		unit_check(grants_cover(&g, rows[i].action,
					slice_of(rows[i].topic)) ==
			   rows[i].is_allowed, "row %zu: %s, %s", i,
			   rows[i].user ? rows[i].user : "(nobody)",
			   rows[i].topic);
		grants_done(&g);
	}
	access_free(a);
}

static void
allows_nothing_without_a_rule(void **state)
{
	struct access *a = parse("# nothing yet\n\n");
	struct grants g = { 0 };

	(void)state;
	assert_int_equal(access_apply(a, slice_of("alice"), &g), 0);
	assert_true(grants_are_empty(&g, GRANTS_SUBSCRIBE));
	assert_true(grants_are_empty(&g, GRANTS_PUBLISH));
	access_free(a);
}

/* A name can make a guarded topic of a selector that spells none. */
static void
no_name_bends_a_rule(void **state)
{
	struct access *a = parse("allow authenticated subscribe pri{user}/* "
				 "$S{user}/a private/priv{user}/x\n");
	struct grants g = { 0 };

	(void)state;
	assert_int_equal(access_apply(a, slice_of("vate"), &g), 0);
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE,
				  slice_of("private/x")));
	assert_true(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("$Svate/a")));
	assert_int_equal(access_apply(a, slice_of("ate"), &g), 0);
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE,
				  slice_of("private/private/x")));
	assert_int_equal(access_apply(a, slice_of("YS"), &g), 0);
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("$SYS/a")));
	grants_done(&g);
	access_free(a);
}

static void
says_what_is_wrong_with_a_line(void **state)
{
	static const struct {
		const char *text, *begins;
	} wrong[] = {
		{ "allow", "Line 1 of FILE: A rule says who" },
		{ "\n\nallow alice", "Line 3 of FILE: A rule says who" },
		{ "allow alice subscribe", "Line 1 of FILE: A rule ends in" },
		{ "allow alice read news", "Line 1 of FILE: \"read\" is not" },
		{ "allow alice subscribe,x news", "Line 1 of FILE: \"x\"" },
		{ "allow alice subscribe a{", "Line 1 of FILE: \"a{\" is not" },
		{ "allow a/b subscribe news", "Line 1 of FILE: \"a/b\"" },
		{ "allow private subscribe news", "Line 1 of FILE: \"priv" },
		{ "allow @x subscribe news\n#", "Line 1 of FILE: There is no" },
		{ "group staff a", "Line 1 of FILE: A group begins" },
		{ "group @", "Line 1 of FILE: A group begins" },
		{ "group @a @b", "Line 1 of FILE: \"@b\" cannot" },
		{ "deny alice subscribe x", "Line 1 of FILE: \"deny\" begins" },
		{ "allow alice subscribe news\x01", "Line 1 of FILE: \"news" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct access *a = (struct access *)-1;
		char error[512] = "";

		unit_check(access_parse(slice_of(wrong[i].text), "FILE", &a,
					error, sizeof(error)) == -EINVAL &&
			   !a, "row %zu", i);
		unit_check(strncmp(error, wrong[i].begins,
				   strlen(wrong[i].begins)) == 0,
			   "row %zu: %s", i, error);
	}
}

static void
more_than_there_is_room_for_is_said(void **state)
{
	struct buf text = { 0 };
	struct grants g = { 0 };
	struct access *a;

	(void)state;
	for (int i = 0; i <= GRANTS_MOST; i++)
		assert_int_equal(buf_printf(&text, "allow bob subscribe t%d\n",
					    i), 0);
	assert_int_equal(buf_append_char(&text, '\0'), 0);
	a = parse(text.p);
	assert_int_equal(access_apply(a, slice_of("bob"), &g), -ENOBUFS);
	assert_int_equal(access_apply(a, slice_of("al"), &g), 0);
	grants_done(&g);
	access_free(a);
	buf_done(&text);
}

static void
reads_a_file_that_nobody_else_writes(void **state)
{
	char path[] = "/tmp/test-auth-access.XXXXXX", error[512] = "";
	int fd = mkstemp(path);
	struct access *a;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, rules, strlen(rules)), strlen(rules));
	assert_int_equal(access_load(path, &a, error, sizeof(error)), 0);
	access_free(a);
	assert_int_equal(fchmod(fd, 0666), 0);
	assert_int_equal(access_load(path, &a, error, sizeof(error)), -EPERM);
	assert_null(a);
	assert_non_null(strstr(error, "chmod o-w"));
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(access_load(path, &a, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, path));
}

static void
gives_up_without_memory(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct grants g = { 0 };
		struct access *a;
		char error[512];
		int r;

		fault_arm(n);
		r = access_parse(SLICE_LIT(rules), "FILE", &a, error,
				 sizeof(error));
		if (r == 0)
			r = access_apply(a, slice_of("bob"), &g);
		failed = fault_disarm();
		unit_check(r == (failed ? -ENOMEM : 0), "allocation %zu: %d",
			   n, r);
		grants_done(&g);
		access_free(a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allows_what_the_rules_say),
		cmocka_unit_test(allows_nothing_without_a_rule),
		cmocka_unit_test(no_name_bends_a_rule),
		cmocka_unit_test(says_what_is_wrong_with_a_line),
		cmocka_unit_test(more_than_there_is_room_for_is_said),
		cmocka_unit_test(reads_a_file_that_nobody_else_writes),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
