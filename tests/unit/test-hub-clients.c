/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/clients.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define A "0000000000000000000000000000000000000000"
#define B "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define NAME_64 "0123456789012345678901234567890123456789012345678901234567890123"

static char error[512];

static void
reads_lines(void **state)
{
	static const struct {
		const char *text;
		int want;
		unsigned a, b;		/* rights */
	} rows[] = {
		{ "", 0, 0, 0 },
		{ "\n# publish " A "\n   #\n\t\n", 0, 0, 0 },
		{ "publish " A, 0, CLIENTS_PUBLISH, 0 },
		{ "publish " A "\nfollow " B "\n", 0, CLIENTS_PUBLISH,
		  CLIENTS_FOLLOW },
		{ "\tpublish,follow\t" B "\tname\t\r\n", 0, 0,
		  CLIENTS_PUBLISH | CLIENTS_FOLLOW },
		{ "follow,publish " B "  name", 0, 0,
		  CLIENTS_PUBLISH | CLIENTS_FOLLOW },
		{ "publish " A " x\nfollow " A " y\n", 0,
		  CLIENTS_PUBLISH | CLIENTS_FOLLOW, 0 },
		{ "publish " A " " NAME_64, 0, CLIENTS_PUBLISH, 0 },
		{ "publish " A " " NAME_64 "x", -EINVAL, 0, 0 },
		{ "publish " A " two words", -EINVAL, 0, 0 },
		{ "publish " A " \xff", -EINVAL, 0, 0 },
		{ "publish", -EINVAL, 0, 0 },
		{ "publish ", -EINVAL, 0, 0 },
		{ "publish x", -EINVAL, 0, 0 },
		{ "publish " A "0", -EINVAL, 0, 0 },
		{ "publish 000000000000000000000000000000000000000,", -EINVAL,
		  0, 0 },
		{ "publish ########################################", -EINVAL,
		  0, 0 },
		{ A " publish", -EINVAL, 0, 0 },
		{ A, -EINVAL, 0, 0 },
		{ "Publish " A, -EINVAL, 0, 0 },
		{ "publish, follow " A, -EINVAL, 0, 0 },
		{ "publish,publish " A, -EINVAL, 0, 0 },
		{ "all " A, -EINVAL, 0, 0 },
	};
	struct clients c = { 0 };
	const char *name;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		r = clients_parse(&c, rows[i].text, "FILE", error,
				  sizeof(error));
		unit_check(r == rows[i].want, "\"%s\": %d", rows[i].text, r);
		if (r < 0) {
			unit_check(strstr(error, "Line 1 of FILE") &&
				   !strstr(error, A), "%s", error);
			continue;
		}
		unit_check(clients_rights(&c, A, &name) == rows[i].a, "\"%s\"",
			   rows[i].text);
		unit_check(clients_rights(&c, B, &name) == rows[i].b, "\"%s\"",
			   rows[i].text);
	}
	/* what is wrong changes nothing */
	assert_int_equal(clients_parse(&c, "follow " B " me\n", "FILE", error,
				       sizeof(error)), 0);
	assert_int_equal(clients_parse(&c, "follow " A "\nx\n", "FILE", error,
				       sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "Line 2 of FILE"));
	assert_int_equal(clients_rights(&c, B, &name), CLIENTS_FOLLOW);
	assert_string_equal(name, "me");
	assert_int_equal(clients_rights(&c, A, &name), 0);
	assert_string_equal(name, "");
	clients_done(&c);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	char new[80];
	FILE *file;

	/* as editors do it: another inode, whatever the clock says */
	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(new, mode), 0);
	assert_int_equal(rename(new, path), 0);
}

static void
sees_changes(void **state)
{
	char dir[] = "/tmp/sse-clients-XXXXXX", path[64];
	struct clients c = { 0 };
	const char *name;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/clients", dir);
	assert_int_equal(clients_load(&c, path, error, sizeof(error)), -EINVAL);
	write_file(path, "publish " A "\n", 0644);
	assert_int_equal(clients_load(&c, path, error, sizeof(error)), 0);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 0);

	write_file(path, "publish " A "\nfollow " B "\n", 0644);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 1);
	assert_int_equal(clients_rights(&c, B, &name), CLIENTS_FOLLOW);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 0);

	/* broken, too open, or gone: told once, and what was known holds */
	write_file(path, "nonsense\n", 0644);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)),
			 -EINVAL);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 0);
	write_file(path, "", 0646);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)),
			 -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)),
			 -EINVAL);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 0);
	assert_int_equal(clients_rights(&c, B, &name), CLIENTS_FOLLOW);

	write_file(path, "# nobody\n", 0644);
	assert_int_equal(clients_refresh(&c, path, error, sizeof(error)), 1);
	assert_int_equal(clients_rights(&c, B, &name), 0);
	clients_done(&c);
	unlink(path);
	rmdir(dir);
}

static void
bears_a_want_of_memory(void **state)
{
	char text[4000] = "";
	struct clients c = { 0 };
	unsigned i;
	int r = -ENOMEM;

	(void)state;
	for (i = 0; i < 40; i++)
		strcat(text, "follow " A " x\n");
	for (i = 1; r < 0 && i < 20; i++) {
		fault_arm(i);
		r = clients_parse(&c, text, "FILE", error, sizeof(error));
		fault_disarm();
		unit_check(r == 0 || (r == -ENOMEM && c.count == 0), "%d", r);
	}
	assert_int_equal(r, 0);
	assert_int_equal(c.count, 40);
	clients_done(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(sees_changes),
		cmocka_unit_test(bears_a_want_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
