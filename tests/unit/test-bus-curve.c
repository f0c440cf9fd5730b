/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/bus/curve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/bus/address.h"
#include "tests/unit/unit.h"

static char dir[32], path[64], error[1024];
static char public[CURVE_SIZE], secret[CURVE_SIZE];
static char other[CURVE_SIZE], unused[CURVE_SIZE];

static int
begin(void **state)
{
	(void)state;
	if (!zmqport_has_curve())
		skip();
	snprintf(dir, sizeof(dir), "/tmp/sse-curve-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(zmqport_key_pair(public, secret), 0);
	assert_int_equal(zmqport_key_pair(other, unused), 0);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void
write_bytes(const char *bytes, size_t len, mode_t mode)
{
	FILE *file;

	(void)unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Writes `text` with P, S and O for the public, the secret and another key. */
static void
write_file(const char *text, mode_t mode)
{
	char out[8192];
	size_t len = 0;

	for (; *text; text++) {
		const char *key = *text == 'P' ? public :
				  *text == 'S' ? secret :
				  *text == 'O' ? other : NULL;

		if (key)
			len += (size_t)sprintf(out + len, "%s", key);
		else
			out[len++] = *text;
	}
	write_bytes(out, len, mode);
}

/* An error must help, but not tell what it read. */
static void
check_error(const char *text)
{
	unit_check(error[0] != '\0' && !strstr(error, secret), "%s: %s", text,
		   error);
	unit_check(strstr(error, path), "%s: %s", text, error);
}

static void
reads_certificates(void **state)
{
	static const struct {
		const char *text;
		int want_pair, want_hub;
	} rows[] = {
		{ "public-key = \"P\"\nsecret-key = \"S\"\n", 0, -EINVAL },
		{ "# x\n\nmetadata\n    name = \"a\"\ncurve\n"
		  "    public-key = \"P\"\n    secret-key = \"S\"\n", 0, -EINVAL },
		{ "secret-key=S", 0, -EINVAL },
		{ "\tsecret-key\t=\t'S'\t\r\n", 0, -EINVAL },
		{ "public-key = \"P\"", -EINVAL, 0 },
		{ "public-key = O\n", -EINVAL, 0 },
		{ "#public-key = \"P\"\n", -EINVAL, -EINVAL },
		{ "", -EINVAL, -EINVAL },
		{ "\n\n\n", -EINVAL, -EINVAL },
		{ "=\n = \n", -EINVAL, -EINVAL },
		{ "S\n", -EINVAL, -EINVAL },
		{ "public-key = \"O\"\nsecret-key = \"S\"\n", -EINVAL, -EINVAL },
		{ "public-key = \"P\"\npublic-key = \"P\"\n", -EINVAL, -EINVAL },
		{ "secret-key = \"S\"\nsecret-key = \"S\"\n", -EINVAL, -EINVAL },
		{ "public-key = \"PP\"\n", -EINVAL, -EINVAL },
		{ "public-key = \"P\n", -EINVAL, -EINVAL },
		{ "public-key = \"\"\nsecret-key = \"S\"\n", -EINVAL, -EINVAL },
		{ "public-key =\n", -EINVAL, -EINVAL },
		{ "public-key = \"012345678901234567890123456789012345678,\"\n",
		  -EINVAL, -EINVAL },
		{ "public-key = \"########################################\"\n",
		  -EINVAL, -EINVAL },
	};
	struct curve c;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const char *text = rows[i].text;

		write_file(text, 0600);
		memset(&c, 0, sizeof(c));
		r = curve_read_pair(&c, path, error, sizeof(error));
		unit_check(r == rows[i].want_pair, "%s: %d %s", text, r, error);
		if (r < 0)
			check_error(text);
		unit_check(curve_is_set(&c) == (r == 0), "%s", text);
		if (r == 0) {
			assert_string_equal(c.public, public);
			assert_string_equal(c.secret, secret);
		}
		r = curve_read_hub(&c, path, error, sizeof(error));
		unit_check(r == rows[i].want_hub, "%s: %d %s", text, r, error);
		if (r < 0)
			check_error(text);
		unit_check((c.hub[0] != '\0') == (r == 0), "%s", text);
	}
}

static void
looks_at_permissions(void **state)
{
	static const struct {
		mode_t mode;
		int want_pair, want_public;
	} rows[] = {
		{ 0600, 0, 0 },	     { 0400, 0, 0 },	 { 0640, 0, 0 },
		{ 0660, 0, 0 },	     { 0644, -EPERM, 0 }, { 0604, -EPERM, 0 },
		{ 0602, -EPERM, -EPERM }, { 0666, -EPERM, -EPERM },
		{ 0601, 0, 0 },
	};
	struct curve c = { 0 };
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		write_file("public-key = P\nsecret-key = S\n", rows[i].mode);
		r = curve_read_pair(&c, path, error, sizeof(error));
		unit_check(r == rows[i].want_pair, "%o: %s",
			   (unsigned)rows[i].mode, error);
		unit_check(r == 0 || strstr(error, "chmod o-"), "%s", error);
		write_file("public-key = P\n", rows[i].mode);
		r = curve_read_hub(&c, path, error, sizeof(error));
		unit_check(r == rows[i].want_public, "%o: %s",
			   (unsigned)rows[i].mode, error);
	}
	if (geteuid() != 0) {
		write_file("public-key = P\nsecret-key = S\n", 0000);
		assert_int_equal(curve_read_pair(&c, path, error,
						 sizeof(error)), -EPERM);
	}
}

static void
refuses_what_is_no_file_of_keys(void **state)
{
	static char big[5000];
	struct curve c = { 0 };

	(void)state;
	assert_int_equal(curve_read_pair(&c, dir, error, sizeof(error)),
			 -EINVAL);
	assert_int_equal(curve_read_pair(&c, "/dev/zero", error,
					 sizeof(error)), -EINVAL);
	assert_int_equal(curve_read_pair(&c, path, error, sizeof(error)),
			 -EINVAL);
	check_error("absent");
	assert_int_equal(mkfifo(path, 0600), 0);	/* must not wait */
	assert_int_equal(curve_read_pair(&c, path, error, sizeof(error)),
			 -EINVAL);
	memset(big, '#', sizeof(big));
	write_bytes(big, sizeof(big), 0600);
	assert_int_equal(curve_read_pair(&c, path, error, sizeof(error)),
			 -EINVAL);
	check_error("too long");
	write_bytes("a\0b", 3, 0600);
	assert_int_equal(curve_read_pair(&c, path, error, sizeof(error)),
			 -EINVAL);
	check_error("a NUL");
	assert_false(curve_is_set(&c));
}

static void
gives_an_address_its_keys(void **state)
{
	struct bus_keys keys = { .own = path };
	struct bus_address a;
	char hub[80];
	FILE *file;

	(void)state;
	write_file("secret-key = S\n", 0600);
	snprintf(hub, sizeof(hub), "%s/hub.pub", dir);
	file = fopen(hub, "w");
	assert_non_null(file);
	fprintf(file, "public-key = \"%s\"\n", other);
	assert_int_equal(fclose(file), 0);

	/* for a directory no file is looked at */
	assert_int_equal(bus_address_parse(dir, &a, error, sizeof(error)), 0);
	keys.hub = "/nowhere/at/all";
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 0);
	assert_null(bus_address_curve(&a));

	assert_int_equal(bus_address_parse("tcp://10.9.8.7:99", &a, error,
					   sizeof(error)), 0);
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 -EINVAL);
	assert_null(bus_address_curve(&a));
	keys.hub = NULL;
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 -EINVAL);
	keys = (struct bus_keys){ .hub = hub };
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 -EINVAL);
	keys = (struct bus_keys){ .own = path, .hub = hub };
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 0);
	assert_string_equal(bus_address_curve(&a)->hub, other);
	assert_string_equal(bus_address_curve(&a)->public, public);
	keys = (struct bus_keys){ .own = path, .is_hub = true };
	assert_int_equal(bus_address_use_keys(&a, &keys, error, sizeof(error)),
			 0);
	assert_string_equal(bus_address_curve(&a)->hub, public);

	assert_int_equal(bus_address_parse("tcp://127.0.0.1:99", &a, error,
					   sizeof(error)), 0);
	setenv("SSE_CURVE_KEY", path, 1);
	setenv("SSE_CURVE_HUB", hub, 1);
	assert_int_equal(bus_address_use_environment(&a, error,
						     sizeof(error)), 0);
	assert_non_null(bus_address_curve(&a));
	unsetenv("SSE_CURVE_KEY");
	unsetenv("SSE_CURVE_HUB");
	unlink(hub);
}

static void
makes_keys(void **state)
{
	char text[CURVE_SIZE], bytes[CURVE_BYTES + 1] = "0123456789abcdef"
							"0123456789abcdef";

	(void)state;
	assert_true(zmqport_key_is_one(public));
	assert_true(zmqport_key_is_one(secret));
	assert_false(zmqport_key_is_one(""));
	assert_false(zmqport_key_is_one(public + 1));
	assert_int_equal(zmqport_key_public(secret, text), 0);
	assert_string_equal(text, public);
	zmqport_key_text(bytes, text);
	assert_int_equal(strlen(text), CURVE_SIZE - 1);
	assert_true(zmqport_key_is_one(text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_certificates),
		TEST(looks_at_permissions),
		TEST(refuses_what_is_no_file_of_keys),
		TEST(gives_an_address_its_keys),
		TEST(makes_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
