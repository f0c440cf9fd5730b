/* SPDX-License-Identifier: MIT */
#include "cgi/home.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char dir[300];
static const char *account = dir;	/* its home */
static const char *remote = "\n";	/* what begins so is on a network */
static char error[1024];

/* The library asks for the account's home: it is where a test wants it. */
struct passwd *
getpwuid(uid_t uid)
{
	static struct passwd pw;
	static char home[300];

	snprintf(home, sizeof(home), "%s", account);
	pw = (struct passwd){ .pw_uid = uid, .pw_dir = home };
	return &pw;
}

#ifdef __linux__
int
statfs(const char *path, struct statfs *fs)
{
	memset(fs, 0, sizeof(*fs));
	fs->f_type = strncmp(path, remote, strlen(remote)) == 0 ? 0x6969 :
								 0xef53;
	return 0;
}
#endif

static const char *const no_roots[] = { NULL };

static const char *
below(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
knows_what_is_below_what(void **state)
{
	static const struct {
		const char *path, *root;
		bool is_below;
	} rows[] = {
		{ "a", "a", true },	    { "a/b", "a", true },
		{ "a/not/yet/there", "a", true }, { "ab", "a", false },
		{ "abc", "ab", false },	    { "a", "a/b", false },
		{ "a", "not", false },	    { "link/x", "a", true },
		{ "a/x", "link", true },    { "a/../ab/x", "a", false },
		{ "", "a", false },	    { "a", "", true },
	};

	(void)state;
	assert_int_equal(mkdir(below("a"), 0700), 0);
	assert_int_equal(mkdir(below("a/b"), 0700), 0);
	assert_int_equal(mkdir(below("ab"), 0700), 0);
	assert_int_equal(symlink("a", below("link")), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[600];

		snprintf(path, sizeof(path), "%s", below(rows[i].path));
		unit_check(home_is_below(path, below(rows[i].root)) ==
			       rows[i].is_below, "row %zu", i);
	}
	assert_true(home_is_below(dir, "/"));
	assert_false(home_is_below(dir, ""));
}

static void
the_usual_one_is_made_for_us_alone(void **state)
{
	struct home h;
	struct stat st;

	(void)state;
	assert_int_equal(home_find(NULL, no_roots, &h, error, sizeof(error)), 0);
	assert_string_equal(h.path, below(".local/state/sse-cgi"));
	assert_string_equal(h.note, "");
	for (int i = 0; i < 2; i++)
		assert_int_equal(home_make(&h, error, sizeof(error)), 0);
	assert_int_equal(stat(h.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(below(".local"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void
nothing_is_made_below_a_document_root(void **state)
{
	const char *const roots[] = { "/nowhere", dir, NULL };
	struct home h;

	(void)state;
	assert_int_equal(home_find(NULL, roots, &h, error, sizeof(error)),
			 -EPERM);
	assert_non_null(strstr(error, dir));
	assert_non_null(strstr(error, "SSE_CGI_STATE"));
	assert_int_equal(home_find(below("x"), roots, &h, error, sizeof(error)),
			 -EPERM);
	assert_int_equal(home_find("/tmp", roots, &h, error, sizeof(error)), 0);
}

static void
a_home_that_is_no_good_is_replaced(void **state)
{
	static char long_home[400];
	const char *bad[] = { "/nowhere/at/all", "relative", long_home };
	char want[64];
	struct home h;

	(void)state;
	snprintf(want, sizeof(want), "/tmp/sse-fcgi-%lu",
		 (unsigned long)geteuid());
	snprintf(long_home, sizeof(long_home), "%s/%080d", dir, 0);
	assert_int_equal(mkdir(long_home, 0700), 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		account = bad[i];
		assert_int_equal(home_find(NULL, no_roots, &h, error,
					   sizeof(error)), 0);
		assert_string_equal(h.path, want);
		assert_non_null(strstr(h.note, want));
	}
	account = dir;
}

#ifdef __linux__
static void
nothing_is_made_over_a_network(void **state)
{
	struct home h;

	(void)state;
	remote = dir;
	assert_int_equal(home_find(NULL, no_roots, &h, error, sizeof(error)), 0);
	assert_int_equal(strncmp(h.path, "/tmp/sse-fcgi-", 14), 0);
	assert_non_null(strstr(h.note, "network"));
	assert_int_equal(home_find(below("x"), no_roots, &h, error,
				   sizeof(error)), -EREMOTE);
	remote = "/";
	assert_int_equal(home_find(NULL, no_roots, &h, error, sizeof(error)),
			 -EREMOTE);
	assert_non_null(strstr(error, "SSE_CGI_STATE"));
	remote = "\n";
}
#endif

static void
one_that_is_not_ours_is_refused(void **state)
{
	struct home h;

	(void)state;
	assert_int_equal(home_find(below("open"), no_roots, &h, error,
				   sizeof(error)), 0);
	assert_int_equal(mkdir(h.path, 0700), 0);
	assert_int_equal(chmod(h.path, 01777), 0);
	assert_int_equal(home_make(&h, error, sizeof(error)), -EPERM);
	assert_non_null(strstr(error, h.path));
	assert_int_equal(symlink(dir, below("elsewhere")), 0);
	assert_int_equal(home_find(below("elsewhere"), no_roots, &h, error,
				   sizeof(error)), 0);
	assert_int_equal(home_make(&h, error, sizeof(error)), -EPERM);
	assert_int_equal(home_find(below("open/a/b"), no_roots, &h, error,
				   sizeof(error)), 0);
	assert_int_equal(home_make(&h, error, sizeof(error)), 0);
	assert_int_equal(home_find("/proc/self/x", no_roots, &h, error,
				   sizeof(error)), 0);
	assert_true(home_make(&h, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "/proc/self/x"));
}

static void
what_is_always_so_is_said_once_a_day(void **state)
{
	const struct timespec old[2] = { { .tv_sec = time(NULL) - 25 * 3600 },
					 { .tv_sec = time(NULL) - 25 * 3600 } };
	struct home h;

	(void)state;
	assert_int_equal(home_find(below("told"), no_roots, &h, error,
				   sizeof(error)), 0);
	assert_false(home_is_to_tell(&h));	/* it could not be remembered */
	assert_int_equal(home_make(&h, error, sizeof(error)), 0);
	assert_true(home_is_to_tell(&h));
	assert_false(home_is_to_tell(&h));
	assert_int_equal(utimensat(AT_FDCWD, below("told/told"), old, 0), 0);
	assert_true(home_is_to_tell(&h));
	assert_false(home_is_to_tell(&h));
}

static void
a_long_one_is_refused(void **state)
{
	char path[HOME_PATH_MOST + 1], longer[sizeof(path) + 1];
	struct home h;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(home_find(path, no_roots, &h, error, sizeof(error)), 0);
	assert_int_equal(strlen(h.path), HOME_PATH_MOST);
	snprintf(longer, sizeof(longer), "%sa", path);
	assert_int_equal(home_find(longer, no_roots, &h, error, sizeof(error)),
			 -ENAMETOOLONG);
}

static int
set_up(void **state)
{
	char name[] = "/tmp/sse-home-XXXXXX", real[PATH_MAX];

	(void)state;
	assert_non_null(mkdtemp(name));
	assert_non_null(realpath(name, real));
	assert_true((size_t)snprintf(dir, sizeof(dir), "%s", real) <
		    sizeof(dir));
	return 0;
}

static int
tear_down(void **state)
{
	char command[400];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_is_below_what),
		cmocka_unit_test(the_usual_one_is_made_for_us_alone),
		cmocka_unit_test(nothing_is_made_below_a_document_root),
		cmocka_unit_test(a_home_that_is_no_good_is_replaced),
#ifdef __linux__
		cmocka_unit_test(nothing_is_made_over_a_network),
#endif
		cmocka_unit_test(one_that_is_not_ours_is_refused),
		cmocka_unit_test(what_is_always_so_is_said_once_a_day),
		cmocka_unit_test(a_long_one_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
