/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/program.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char folder[PATH_MAX], name[PATH_MAX];	/* of this test program */

static int
find_ourselves(void **state)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)state;
	if (n <= 0)
		return -1;
	path[n] = '\0';
	snprintf(name, sizeof(name), "%s", basename(path));
	path[n] = '\0';
	snprintf(folder, sizeof(folder), "%s", dirname(path));
	return 0;
}

static void
found(const char *called, const char *want)
{
	char *argv[] = { (char *)(uintptr_t)called, NULL };
	struct program p;

	program_find(&p, argv);
	unit_check(strcmp(p.path, want) == 0, "\"%s\" is %s, not %s", called,
		   p.path, want);
}

static void
finds_the_name_it_was_started_by(void **state)
{
	char path[2 * PATH_MAX], called[2 * PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	found(path, path);
	assert_int_equal(chdir(folder), 0);
	snprintf(called, sizeof(called), "./%s", name);
	found(called, path);
	snprintf(called, sizeof(called), "/none::/dev:%s:/tmp", folder);
	setenv("PATH", called, 1);
	found(name, path);
	setenv("PATH", folder, 1);
	assert_int_equal(chdir("/"), 0);
	found(name, path);
	/* A link stays a link: an upgrade may turn it elsewhere. */
	strcpy(called, "/tmp/test-program-XXXXXX");
	assert_non_null(mkdtemp(called));
	assert_int_equal(chdir(called), 0);
	strcat(called, "/link");
	assert_int_equal(symlink(path, called), 0);
	found(called, called);
	found("./link", called);
	unlink("link");
	*strrchr(called, '/') = '\0';
	assert_int_equal(chdir("/"), 0);
	rmdir(called);
}

static void
does_not_believe_a_lie(void **state)
{
	static const char *const rows[] = {
		"/bin/sh", "sh", "", "/none", "./none", "none/such",
	};
	char path[2 * PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		found(rows[i], path);
	found(NULL, path);
	unsetenv("PATH");
	found(name, path);
}

static void
says_what_cannot_be_run(void **state)
{
	char *argv[] = { (char *)(uintptr_t)"x", NULL };
	struct program p = { .argv = argv };

	(void)state;
	assert_int_equal(program_exec(&p, "--check-config"), -ENOENT);
	strcpy(p.path, "/dev/null");
	assert_int_equal(program_exec(&p, NULL), -EACCES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_name_it_was_started_by),
		cmocka_unit_test(does_not_believe_a_lie),
		cmocka_unit_test(says_what_cannot_be_run),
	};

	return cmocka_run_group_tests(tests, find_ourselves, NULL);
}
