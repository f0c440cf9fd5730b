/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/bus/address.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char error[512];

static void
forget_environment(void)
{
	unsetenv("SSE_BUS");
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("XDG_RUNTIME_DIR");
}

static void
parses_what_is_given(void **state)
{
	static char long_ok[100], long_bad[101];
	const struct {
		const char *text;
		int want;
		const char *events;
	} rows[] = {
		{ "/run/sse", 0, "ipc:///run/sse/events" },
		{ "/run/sse///", 0, "ipc:///run/sse/events" },
		{ "tcp://127.0.0.1:7000", 0, "tcp://127.0.0.1:7002" },
		{ "tcp://localhost:1", 0, "tcp://127.0.0.1:3" },
		{ "tcp://[::1]:65533", 0, "tcp://[::1]:65535" },
		{ "tcp://127.8.9.10:80", 0, "tcp://127.8.9.10:82" },
		{ "tcp://127.0.0.1:65534", -EINVAL, NULL },
		{ "tcp://127.0.0.1:0", -EINVAL, NULL },
		{ "tcp://127.0.0.1:", -EINVAL, NULL },
		{ "tcp://127.0.0.1", -EINVAL, NULL },
		{ "tcp://127.0.0.1:7000x", -EINVAL, NULL },
		{ "tcp://:7000", -EINVAL, NULL },
		{ "tcp://10.0.0.1;127.0.0.1:7000", -EINVAL, NULL },
		{ "tcp://a b:7000", -EINVAL, NULL },
		{ "tcp://a*:7000", -EINVAL, NULL },
		{ "tcp://[]:7000", -EINVAL, NULL },
		{ "tcp://[:7000", -EINVAL, NULL },
		{ "tcp://[::1:7000", -EINVAL, NULL },
		{ "tcp://[::g]:7000", -EINVAL, NULL },
		{ "tcp://::1:7000", -EINVAL, NULL },
		{ "tcp://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"
		  ":0000:0000:0000:0000:0000]:7000", -EINVAL, NULL },
		{ "ipc:///run/sse", -EINVAL, NULL },
		{ "http://x/", -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ long_ok, 0, NULL },
		{ long_bad, -ENAMETOOLONG, NULL },
	};
	char endpoint[BUS_ENDPOINT_MAX];
	struct bus_address a;
	size_t i;

	(void)state;
	forget_environment();
	memset(long_ok, 'x', sizeof(long_ok) - 1);
	memset(long_bad, 'x', sizeof(long_bad) - 1);
	long_ok[0] = long_bad[0] = '/';
	for (i = 0; i < COUNT_OF(rows); i++) {
		error[0] = '\0';
		unit_check(bus_address_parse(rows[i].text, &a, error,
					     sizeof(error)) == rows[i].want,
			   "\"%s\": %s", rows[i].text, error);
		unit_check((error[0] != '\0') == (rows[i].want < 0), "\"%s\"",
			   rows[i].text);
		if (rows[i].want < 0)
			continue;
		bus_address_endpoint(&a, BUS_EVENTS, endpoint);
		unit_check(!rows[i].events || !strcmp(endpoint, rows[i].events),
			   "\"%s\" gave %s", rows[i].text, endpoint);
		unit_check(a.origin == BUS_GIVEN, "\"%s\"", rows[i].text);
		unit_check(a.is_tcp || a.path[0] == '/', "%s", a.path);
	}
	assert_int_equal(bus_address_parse(long_ok, &a, error, sizeof(error)), 0);
	bus_address_endpoint(&a, BUS_PUBLISH, endpoint);
	assert_int_equal(strlen(endpoint), 6 + 107);
}

/* What is not known to be this machine alone needs keys. */
static void
refuses_the_network_without_keys(void **state)
{
	static const struct {
		const char *text;
		bool is_remote;
	} rows[] = {
		{ "tcp://127.0.0.1:7000", false },
		{ "tcp://127.255.0.1:7000", false },
		{ "tcp://localhost:7000", false },
		{ "tcp://[::1]:7000", false },
		{ "/run/sse", false },
		{ "tcp://*:7000", true },
		{ "tcp://0.0.0.0:7000", true },
		{ "tcp://10.0.0.1:7000", true },
		{ "tcp://128.0.0.1:7000", true },
		{ "tcp://127.1:7000", true },
		{ "tcp://2130706433:7000", true },
		{ "tcp://eth0:7000", true },
		{ "tcp://example.org:7000", true },
		{ "tcp://127.0.0.1.example.org:7000", true },
		{ "tcp://[::]:7000", true },
		{ "tcp://[::ffff:127.0.0.1]:7000", true },
		{ "tcp://[fe80::1]:7000", true },
	};
	struct bus_keys keys = { 0 };
	struct bus_address a;
	size_t i;
	int r;

	(void)state;
	unsetenv("SSE_CURVE_KEY");
	unsetenv("SSE_CURVE_HUB");
	for (i = 0; i < COUNT_OF(rows); i++) {
		r = bus_address_parse(rows[i].text, &a, error, sizeof(error));
		unit_check(r == 0, "\"%s\": %s", rows[i].text, error);
		unit_check(a.is_remote == rows[i].is_remote, "\"%s\"",
			   rows[i].text);
		keys.is_hub = i % 2;
		r = bus_address_use_keys(&a, &keys, error, sizeof(error));
		unit_check(r == (rows[i].is_remote ? -EINVAL : 0), "\"%s\"",
			   rows[i].text);
		unit_check(r == 0 || strstr(error, "--make-keys"), "%s", error);
		unit_check(r == bus_address_use_environment(&a, error,
							    sizeof(error)),
			   "\"%s\"", rows[i].text);
		assert_null(bus_address_curve(&a));
	}
}

/* What a hub binds need not be what its own workers can connect to. */
static void
connects_to_what_is_bound(void **state)
{
	static const char *const rows[][2] = {
		{ "tcp://*:7000", "tcp://127.0.0.1:7001" },
		{ "tcp://0.0.0.0:7000", "tcp://127.0.0.1:7001" },
		{ "tcp://[::]:7000", "tcp://[::1]:7001" },
		{ "tcp://10.0.0.1:7000", "tcp://10.0.0.1:7001" },
		{ "tcp://example.org:7000", "tcp://example.org:7001" },
		{ "/run/x", "ipc:///run/x/follow" },
	};
	char endpoint[BUS_ENDPOINT_MAX];
	struct bus_address a;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(bus_address_parse(rows[i][0], &a, error,
						   sizeof(error)), 0);
		a.curve.secret[0] = 'x';	/* as if there were keys */
		bus_address_peer(&a, BUS_FOLLOW, endpoint);
		assert_string_equal(endpoint, rows[i][1]);
	}
}

static void
makes_relative_paths_absolute(void **state)
{
	char cwd[256], want[300];
	struct bus_address a;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	if (strlen(cwd) > 90)
		return;
	snprintf(want, sizeof(want), "%s/bus", cwd);
	assert_int_equal(bus_address_parse("./bus/", &a, error, sizeof(error)), 0);
	assert_string_equal(a.path, want);
	assert_int_equal(bus_address_parse("bus", &a, error, sizeof(error)), 0);
	assert_string_equal(a.path, want);
}

static char home[] = "/tmp/sse-address-XXXXXX";

/* The library asks for the account's home: it is here. */
struct passwd *
getpwuid(uid_t uid)
{
	static struct passwd pw;

	pw = (struct passwd){ .pw_uid = uid, .pw_dir = home };
	return &pw;
}

static void
make_below_home(const char *path)
{
	char all[300];

	snprintf(all, sizeof(all), "%s/%s", home, path);
	assert_int_equal(mkdir(all, 0700), 0);
}

static void
remove_below_home(const char *path)
{
	char all[300];

	snprintf(all, sizeof(all), "%s/%s", home, path);
	assert_int_equal(rmdir(all), 0);
}

static void
finds_the_default_in_order(void **state)
{
	char dir[] = "/tmp/sse-address-XXXXXX", want[300];
	struct stat st;
	struct bus_address a;
	bool is_set_up = stat("/run/sse-fcgi", &st) == 0;

	(void)state;
	forget_environment();
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(home));
	if (!is_set_up) {
		setenv("XDG_RUNTIME_DIR", "/nowhere/at/all", 1);
		assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
		assert_int_equal(a.origin, BUS_TMP);
		snprintf(want, sizeof(want), "/tmp/sse-fcgi-%lu",
			 (unsigned long)geteuid());
		assert_string_equal(a.path, want);

		setenv("XDG_RUNTIME_DIR", dir, 1);
		assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
		assert_int_equal(a.origin, BUS_XDG);
		snprintf(want, sizeof(want), "%s/sse-fcgi", dir);
		assert_string_equal(a.path, want);

		make_below_home(".local");
		make_below_home(".local/state");
		make_below_home(".local/state/sse-cgi");
		assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
		assert_int_equal(a.origin, BUS_CGI);
		snprintf(want, sizeof(want), "%s/.local/state/sse-cgi", home);
		assert_string_equal(a.path, want);
		remove_below_home(".local/state/sse-cgi");
		remove_below_home(".local/state");
		remove_below_home(".local");
	} else {
		assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
		assert_int_equal(a.origin, BUS_SYSTEM);
	}
	setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
	assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
	assert_int_equal(a.origin, BUS_RUNTIME_DIRECTORY);
	assert_string_equal(a.path, "/run/a");

	setenv("SSE_BUS", "", 1);
	assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
	assert_int_equal(a.origin, BUS_RUNTIME_DIRECTORY);
	setenv("SSE_BUS", "tcp://127.0.0.1:99", 1);
	assert_int_equal(bus_address_parse(NULL, &a, error, sizeof(error)), 0);
	assert_int_equal(a.origin, BUS_GIVEN);
	assert_true(a.is_tcp);

	assert_int_equal(bus_address_parse("/x", &a, error, sizeof(error)), 0);
	assert_string_equal(a.path, "/x");
	forget_environment();
	rmdir(dir);
	rmdir(home);
}

static void
checks_the_directory(void **state)
{
	char dir[] = "/tmp/sse-address-XXXXXX", link[64];
	struct bus_address a;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(bus_address_parse(dir, &a, error, sizeof(error)), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)), 0);
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)),
			 -EPERM);
	assert_int_equal(chmod(dir, 02750), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)), 0);

	snprintf(link, sizeof(link), "%s.link", dir);
	assert_int_equal(symlink(dir, link), 0);
	assert_int_equal(bus_address_parse(link, &a, error, sizeof(error)), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)), 0);
	a.origin = BUS_TMP;	/* there, anybody can make links */
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)),
			 -ENOTDIR);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)),
			 -ENOENT);
	if (geteuid() == 0) {
		assert_int_equal(chown(dir, 12345, (gid_t)-1), 0);
		assert_int_equal(bus_address_parse(dir, &a, error, sizeof(error)), 0);
		assert_int_equal(bus_address_check_directory(&a, error,
							     sizeof(error)),
				 -EPERM);
		assert_non_null(strstr(error, "12345"));
	}
	rmdir(dir);
	assert_int_equal(bus_address_parse("/dev/null", &a, error, sizeof(error)), 0);
	assert_int_equal(bus_address_check_directory(&a, error, sizeof(error)),
			 -ENOTDIR);
}

static void
probes(void **state)
{
	char dir[] = "/tmp/sse-address-XXXXXX";
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct bus_address a;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(bus_address_parse(dir, &a, error, sizeof(error)), 0);
	assert_int_equal(bus_address_probe(&a, BUS_PUBLISH), -ENOENT);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/publish", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(bus_address_probe(&a, BUS_PUBLISH), -ECONNREFUSED);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(bus_address_probe(&a, BUS_PUBLISH), 0);
	assert_int_equal(bus_address_probe(&a, BUS_FOLLOW), -ENOENT);
	close(fd);
	unlink(un.sun_path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_is_given),
		cmocka_unit_test(refuses_the_network_without_keys),
		cmocka_unit_test(connects_to_what_is_bound),
		cmocka_unit_test(makes_relative_paths_absolute),
		cmocka_unit_test(finds_the_default_in_order),
		cmocka_unit_test(checks_the_directory),
		cmocka_unit_test(probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
