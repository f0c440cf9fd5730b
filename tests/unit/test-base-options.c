/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static struct {
	bool verbose, quiet, help;
	char *bus, *config;
	struct option_texts sources;
	int64_t heartbeat;
	uint64_t max_event, max_clients;
} got;

static const struct option first_table[] = {
	{ "bus", 'b', OPTION_TEXT, &got.bus, "ADDRESS", "where the hub is" },
	{ "source", 0, OPTION_TEXTS, &got.sources, "ENDPOINT",
	  "a plain PUB socket to follow; may be given several times and is "
	  "then followed together with the others (none)" },
	{ "heartbeat", 'H', OPTION_DURATION, &got.heartbeat, "TIME",
	  "a comment after so much silence (15s)" },
	{ 0 },
};
static const struct option empty_table[] = { { 0 } };
static const struct option second_table[] = {
	{ "max-event", 0, OPTION_SIZE, &got.max_event, "BYTES",
	  "the largest event (1MiB)" },
	{ "max-clients", 'n', OPTION_COUNT, &got.max_clients, "N",
	  "the most clients (10000)" },
	{ "verbose", 'v', OPTION_FLAG, &got.verbose, NULL, "say more" },
	{ "quiet", 'q', OPTION_FLAG, &got.quiet, NULL, "say less" },
	{ "config", 'c', OPTION_TEXT, &got.config, "FILE", "read this file" },
	{ "help", 'h', OPTION_ACTION, &got.help, NULL, "print this" },
	{ 0 },
};
static const struct option *const tables[] = {
	first_table, empty_table, second_table, NULL,
};
static const struct options options = {
	.tables = tables,
	.program = "sse-test",
	.synopsis = "[OPTION]... TOPIC",
	.summary = "Tests the options.",
};

enum { ERROR_SIZE = 200, ARGS_MOST = 24 };

static char error[ERROR_SIZE];
static char dir[64];		/* of this process, for files */
static char path[96];

static int
set_up(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	error[0] = '\0';
	return 0;
}

static void
tear_down_values(void **state)
{
	options_free(&options);
	set_up(state);
}

static int
tear_down(void **state)
{
	tear_down_values(state);
	unlink(path);
	return 0;
}

/* Splits `line` at blanks ("~" stands for an empty argument) and reads it. */
static int
read_command_line(const char *line, int *ret_first)
{
	static char copy[512];
	char *argv[ARGS_MOST] = { copy };
	char *word, *rest;
	int argc = 1;

	snprintf(copy, sizeof(copy), "sse-test %s", line);
	strtok_r(copy, " ", &rest);
	while ((word = strtok_r(NULL, " ", &rest)) && argc < ARGS_MOST - 1)
		argv[argc++] = strcmp(word, "~") == 0 ? word + 1 : word;
	return options_command_line(&options, argc, argv, ret_first, error,
				    sizeof(error));
}

static int
read_file_of(const void *content, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(content, 1, len, f), len);
	fclose(f);
	return options_file(&options, path, error, sizeof(error));
}

/* --- command line ------------------------------------------------------- */

static void
reads_every_type(void **state)
{
	int first = 0;

	(void)state;
	assert_int_equal(read_command_line("--bus tcp://h:1 --source a "
		"--source=b --heartbeat 500ms --max-event 64KiB "
		"--max-clients=12 --verbose --help TOPIC --bus=no", &first), 0);
	assert_int_equal(first, 13);
	assert_string_equal(got.bus, "tcp://h:1");
	assert_int_equal(got.sources.count, 2);
	assert_string_equal(got.sources.items[0], "a");
	assert_string_equal(got.sources.items[1], "b");
	assert_int_equal(got.heartbeat, 500);
	assert_int_equal(got.max_event, 65536);
	assert_int_equal(got.max_clients, 12);
	assert_true(got.verbose && got.help && !got.quiet);
}

static void
knows_all_spellings(void **state)
{
	static const struct {
		const char *line;
		const char *bus;
		bool verbose, quiet;
		int first;
	} rows[] = {
		{ "", NULL, false, false, 1 },
		{ "TOPIC", NULL, false, false, 1 },
		{ "-", NULL, false, false, 1 },
		{ "--", NULL, false, false, 2 },
		{ "-- -v", NULL, false, false, 2 },
		{ "-v -- -q", NULL, true, false, 3 },
		{ "-b x", "x", false, false, 3 },
		{ "-bx", "x", false, false, 2 },
		{ "-b=x", "=x", false, false, 2 },
		{ "--bus=", "", false, false, 2 },
		{ "--bus ~", "", false, false, 3 },
		{ "--bus=a=b", "a=b", false, false, 2 },
		{ "--bus --", "--", false, false, 3 },
		{ "--bus -v", "-v", false, false, 3 },
		{ "-b -v", "-v", false, false, 3 },
		{ "--bus a --bus b", "b", false, false, 5 },
		{ "-vq", NULL, true, true, 2 },
		{ "-vb x", "x", true, false, 3 },
		{ "-vbx", "x", true, false, 2 },
		{ "-bvq", "vq", false, false, 2 },
		{ "--verbose --no-verbose -q", NULL, false, true, 4 },
		{ "--no-quiet --quiet", NULL, false, true, 3 },
		{ "-v ~ -q", NULL, true, false, 2 },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		int first = -1, r;

		set_up(state);
		r = read_command_line(rows[i].line, &first);
		unit_check(r == 0, "%s: %s", rows[i].line, error);
		unit_check(first == rows[i].first, "%s: %d", rows[i].line,
			   first);
		unit_check(!got.bus == !rows[i].bus &&
			   (!got.bus || strcmp(got.bus, rows[i].bus) == 0),
			   "%s: %s", rows[i].line, got.bus ? got.bus : "-");
		unit_check(got.verbose == rows[i].verbose &&
			   got.quiet == rows[i].quiet, "%s", rows[i].line);
		options_free(&options);
	}
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *error;
	} rows[] = {
		{ "--heartbeat abc", "--heartbeat: \"abc\" is not a duration; "
				     "write 15s, 500ms or 2m" },
		{ "-H abc", "--heartbeat: \"abc\" is not a duration; "
			    "write 15s, 500ms or 2m" },
		{ "--heartbeat 999999d",
		  "--heartbeat: \"999999d\" is too large for a duration" },
		{ "--heartbeat ~", "--heartbeat: \"\" is not a duration; "
				   "write 15s, 500ms or 2m" },
		{ "--heartbeat --verbose", "--heartbeat: \"--verbose\" is not "
			"a duration; write 15s, 500ms or 2m" },
		{ "--max-event 1KB", "--max-event: \"1KB\" is not a size; "
				     "write 65536, 64KiB or 1MiB" },
		{ "-n -1", "--max-clients: \"-1\" is not a number; "
			   "write decimal digits, like 100" },
		{ "--max-clients=99999999999999999999", "--max-clients: "
			"\"99999999999999999999\" is too large for a number" },
		{ "--max-clients=a\nb\x1b", "--max-clients: \"a\\nb\\x1b\" is "
			"not a number; write decimal digits, like 100" },
		{ "--bus", "--bus needs a value: --bus ADDRESS" },
		{ "-vb", "--bus needs a value: --bus ADDRESS" },
		{ "--bogus", "unknown option --bogus; try sse-test --help" },
		{ "--bogus=x", "unknown option --bogus; try sse-test --help" },
		{ "--verb", "unknown option --verb; try sse-test --help" },
		{ "--verbosely",
		  "unknown option --verbosely; try sse-test --help" },
		{ "--=x", "unknown option --; try sse-test --help" },
		{ "--no-bus", "unknown option --no-bus; try sse-test --help" },
		{ "--no-help", "unknown option --no-help; try sse-test --help" },
		{ "--no-", "unknown option --no-; try sse-test --help" },
		{ "-vx", "unknown option -x; try sse-test --help" },
		{ "---", "unknown option ---; try sse-test --help" },
		{ "--verbose=yes", "--verbose takes no value; its opposite is "
				   "--no-verbose" },
		{ "--help=me", "--help takes no value" },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		int first = 99, r;

		set_up(state);
		r = read_command_line(rows[i].line, &first);
		unit_check(r == -EINVAL, "%s: %d", rows[i].line, r);
		unit_check(strcmp(error, rows[i].error) == 0,
			   "%s: %s", rows[i].line, error);
		assert_int_equal(first, 99);
		options_free(&options);
	}
}

static void
a_bad_value_changes_nothing(void **state)
{
	int first;

	(void)state;
	got.heartbeat = 15000;
	got.max_event = 1;
	assert_int_equal(read_command_line("--heartbeat x", &first), -EINVAL);
	assert_int_equal(read_command_line("--max-event x", &first), -EINVAL);
	assert_int_equal(got.heartbeat, 15000);
	assert_int_equal(got.max_event, 1);
}

static void
long_values_are_cut_in_errors(void **state)
{
	static char line[400] = "--max-clients=";
	int first;

	(void)state;
	memset(line + 14, 'x', 300);
	assert_int_equal(read_command_line(line, &first), -EINVAL);
	assert_non_null(strstr(error, "xxx...\" is not a number"));
}

/* --- configuration file ------------------------------------------------- */

static void
reads_a_file(void **state)
{
	static const char content[] =
		"\xef\xbb\xbf# our own\n"
		"\n"
		"  \t\n"
		"bus = tcp://h:1\r\n"
		"source a#1   # the first\n"
		"source=b b\n"
		"\tsource =c=d\n"
		"heartbeat\t2m\n"
		"verbose yes#\n"
		"max-event    =    2M";

	(void)state;
	assert_int_equal(read_file_of(content, sizeof(content) - 1), -EINVAL);
	assert_non_null(strstr(error, ":9: verbose: \"yes#\" is not a yes or "
			       "no; write yes or no"));
	assert_string_equal(got.bus, "tcp://h:1");
	assert_int_equal(got.sources.count, 3);
	assert_string_equal(got.sources.items[0], "a#1");
	assert_string_equal(got.sources.items[1], "b b");
	assert_string_equal(got.sources.items[2], "c=d");
	assert_int_equal(got.heartbeat, 120000);
	assert_int_equal(read_file_of("max-event    =    2M", 20), 0);
	assert_int_equal(got.max_event, 2 << 20);
}

static void
knows_yes_and_no(void **state)
{
	static const struct {
		const char *word;
		int result;
		bool flag;
	} rows[] = {
		{ "yes", 0, true }, { "on", 0, true }, { "true", 0, true },
		{ "1", 0, true }, { "no", 0, false }, { "off", 0, false },
		{ "false", 0, false }, { "0", 0, false },
		{ "Yes", -EINVAL, false }, { "2", -EINVAL, false },
		{ "y", -EINVAL, false },
	};
	char line[64];
	size_t i;
	int len, r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		got.verbose = !rows[i].flag;
		len = snprintf(line, sizeof(line), "verbose = %s\n",
			       rows[i].word);
		r = read_file_of(line, (size_t)len);
		unit_check(r == rows[i].result, "%s", rows[i].word);
		unit_check(got.verbose == (rows[i].flag ^ (r < 0)), "%s",
			   rows[i].word);
	}
}

static void
names_the_line_that_is_wrong(void **state)
{
	static const struct {
		const char *content;
		size_t len;		/* 0: a text */
		const char *error;	/* behind the path */
	} rows[] = {
		{ "bogus = 1", 0,
		  ":1: unknown option \"bogus\"; sse-test --help lists them" },
		{ "bus=x\n\n# c\nheartbeat=y\n", 0,
		  ":4: heartbeat: \"y\" is not a duration; write 15s, 500ms "
		  "or 2m" },
		{ "--bus=x", 0, ":1: write --bus without the dashes" },
		{ "bus", 0, ":1: bus: has no value; write bus = ADDRESS" },
		{ "bus =  # none", 0,
		  ":1: bus: has no value; write bus = ADDRESS" },
		{ "verbose", 0, ":1: verbose: has no value; write verbose = yes" },
		{ "no-verbose yes", 0, ":1: unknown option \"no-verbose\"; "
				       "sse-test --help lists them" },
		{ "= x", 0,
		  ":1: unknown option \"\"; sse-test --help lists them" },
		{ "help = yes", 0, ":1: help: works on the command line only" },
		{ "help", 0, ":1: help: works on the command line only" },
		{ "bus = a\0b", 9, ":1: holds a NUL byte; is this a "
				   "configuration file?" },
		{ "\x1b[2J", 0, ":1: unknown option \"\\x1b[2J\"; "
				"sse-test --help lists them" },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		size_t len = rows[i].len;
		int r;

		set_up(state);
		r = read_file_of(rows[i].content,
				 len ? len : strlen(rows[i].content));
		unit_check(r == -EINVAL, "row %zu gave %d", i, r);
		unit_check(strncmp(error, path, strlen(path)) == 0 &&
			   strcmp(error + strlen(path), rows[i].error) == 0,
			   "row %zu: %s", i, error);
		options_free(&options);
	}
}

static void
a_file_has_a_size(void **state)
{
	enum { MOST = 64 << 10 };
	char *content = malloc(MOST + 1);

	(void)state;
	assert_non_null(content);
	memset(content, '\n', MOST + 1);
	assert_int_equal(read_file_of(content, MOST), 0);
	assert_int_equal(read_file_of(content, MOST + 1), -EINVAL);
	assert_non_null(strstr(error, "larger than the 64 KiB"));
	free(content);
	assert_int_equal(options_file(&options, "/dev/zero", error,
				      sizeof(error)), -EINVAL);
}

static void
a_file_may_be_missing(void **state)
{
	(void)state;
	assert_int_equal(options_file(&options, "/nowhere/x.conf", error,
				      sizeof(error)), -ENOENT);
	assert_string_equal(error, "cannot open /nowhere/x.conf: "
				   "No such file or directory");
	assert_int_equal(options_file(&options, dir, error, sizeof(error)),
			 -EISDIR);
	assert_int_equal(read_file_of("", 0), 0);
}

/* --- environment -------------------------------------------------------- */

static void
reads_the_environment(void **state)
{
	(void)state;
	setenv("SSE_MAX_CLIENTS", "5", 1);
	setenv("SSE_VERBOSE", "on", 1);
	setenv("SSE_BUS", "", 1);
	setenv("SSE_SOURCE", "a b\n\n c \n", 1);
	setenv("SSE_HELP", "yes", 1);
	setenv("SSE_UNKNOWN", "x", 1);
	assert_int_equal(options_environment(&options, error, sizeof(error)),
			 0);
	assert_int_equal(got.max_clients, 5);
	assert_true(got.verbose);
	assert_null(got.bus);
	assert_int_equal(got.sources.count, 2);
	assert_string_equal(got.sources.items[0], "a b");
	assert_string_equal(got.sources.items[1], "c");
	assert_false(got.help);

	setenv("SSE_MAX_EVENT", "big", 1);
	assert_int_equal(options_environment(&options, error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "SSE_MAX_EVENT: \"big\" is not a size; "
				   "write 65536, 64KiB or 1MiB");
	unsetenv("SSE_MAX_CLIENTS");
	unsetenv("SSE_MAX_EVENT");
	unsetenv("SSE_VERBOSE");
	unsetenv("SSE_BUS");
	unsetenv("SSE_SOURCE");
	unsetenv("SSE_HELP");
	unsetenv("SSE_UNKNOWN");
}

static void
the_later_source_wins(void **state)
{
	static const char content[] =
		"bus file\nsource 1\nsource 2\nheartbeat 1s\nverbose yes\n";
	int first;

	(void)state;
	assert_int_equal(read_file_of(content, sizeof(content) - 1), 0);
	setenv("SSE_SOURCE", "3\n4\n5", 1);
	setenv("SSE_BUS", "environment", 1);
	assert_int_equal(options_environment(&options, error, sizeof(error)),
			 0);
	unsetenv("SSE_SOURCE");
	unsetenv("SSE_BUS");
	assert_string_equal(got.bus, "environment");
	assert_int_equal(got.sources.count, 3);
	assert_string_equal(got.sources.items[0], "3");

	assert_int_equal(read_command_line("--no-verbose --bus line", &first),
			 0);
	assert_string_equal(got.bus, "line");
	assert_false(got.verbose);
	assert_int_equal(got.heartbeat, 1000);
	assert_int_equal(got.sources.count, 3);
	assert_int_equal(read_command_line("--source 6 --source 7", &first),
			 0);
	assert_int_equal(got.sources.count, 2);
	assert_string_equal(got.sources.items[0], "6");
	assert_string_equal(got.sources.items[1], "7");
}

/* --- all sources -------------------------------------------------------- */

static int
load(const char *first, const char *second)
{
	static char words[3][200];
	char *argv[] = { words[0], words[1], words[2], NULL };
	int argc = first ? second ? 3 : 2 : 1, operand;

	snprintf(words[1], sizeof(words[1]), "%s", first ? first : "");
	snprintf(words[2], sizeof(words[2]), "%s", second ? second : "");
	argv[argc] = NULL;
	return options_load(&options, argc, argv, &operand, error,
			    sizeof(error));
}

static void
loads_the_file_that_is_named(void **state)
{
	static const char content[] =
		"bus file\nsource 1\nsource 2\nmax-clients 3\nconfig other\n";

	assert_int_equal(read_file_of(content, sizeof(content) - 1), 0);
	tear_down_values(state);
	assert_int_equal(load("--config", path), 0);
	assert_string_equal(got.bus, "file");
	assert_int_equal(got.max_clients, 3);
	assert_string_equal(got.config, path);

	tear_down_values(state);
	setenv("SSE_CONFIG", path, 1);
	setenv("SSE_MAX_CLIENTS", "4", 1);
	assert_int_equal(load("--source=5", NULL), 0);
	unsetenv("SSE_MAX_CLIENTS");
	assert_string_equal(got.bus, "file");
	assert_int_equal(got.max_clients, 4);
	assert_int_equal(got.sources.count, 1);
	assert_string_equal(got.sources.items[0], "5");

	/* An option's value that looks like --config is a value. */
	tear_down_values(state);
	setenv("SSE_CONFIG", "", 1);
	assert_int_equal(load("--bus", "--config=/nowhere"), 0);
	assert_string_equal(got.bus, "--config=/nowhere");

	setenv("SSE_CONFIG", "/nowhere/x", 1);
	assert_int_equal(load(NULL, NULL), -ENOENT);
	assert_string_equal(error, "cannot open /nowhere/x: "
				   "No such file or directory");
	unsetenv("SSE_CONFIG");
	assert_int_equal(load("-c", "/nowhere/y"), -ENOENT);
	assert_int_equal(load("--bogus", NULL), -EINVAL);
}

static void
loads_the_usual_file(void **state)
{
	char folder[96], file[160];
	const char *home = getenv("HOME");
	char *saved = home ? strdup(home) : NULL;
	FILE *f;

	setenv("HOME", dir, 1);
	assert_int_equal(load(NULL, NULL), 0);	/* there is none */
	snprintf(folder, sizeof(folder), "%s/.config", dir);
	snprintf(file, sizeof(file), "%s/sse-test.conf", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs("max-clients = 8\nbogus = 1\n", f);
	fclose(f);
	assert_int_equal(load(NULL, NULL), -EINVAL);
	assert_int_equal(got.max_clients, 8);
	assert_non_null(strstr(error, "sse-test.conf:2: unknown option"));

	/* It must not keep anyone from reading the help. */
	tear_down_values(state);
	assert_int_equal(load("--help", NULL), 0);
	assert_true(got.help);
	unlink(file);
	rmdir(folder);
	if (saved)
		setenv("HOME", saved, 1);
	free(saved);
}

/* --- help --------------------------------------------------------------- */

static void
prints_help_in_80_columns(void **state)
{
	static const char want[] =
"Usage: sse-test [OPTION]... TOPIC\n"
"Tests the options.\n"
"\n"
"  -b, --bus ADDRESS           where the hub is\n"
"      --source ENDPOINT       a plain PUB socket to follow; may be given\n"
"                              several times and is then followed together with\n"
"                              the others (none)\n"
"  -H, --heartbeat TIME        a comment after so much silence (15s)\n"
"\n"
"      --max-event BYTES       the largest event (1MiB)\n"
"  -n, --max-clients N         the most clients (10000)\n"
"  -v, --verbose               say more\n"
"  -q, --quiet                 say less\n"
"  -c, --config FILE           read this file\n"
"  -h, --help                  print this\n";
	char text[4000] = "";
	int saved, len;
	FILE *f;

	(void)state;
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_non_null(f = fopen(path, "w+"));
	assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
	options_print_help(&options);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(f);
	len = (int)fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	assert_true(len > 0);
	assert_string_equal(text, want);
}

/* --- as one text -------------------------------------------------------- */

static void
writes_all_that_was_given(void **state)
{
	struct buf text = { 0 };
	int first;

	(void)state;
	assert_int_equal(read_command_line("--source a --source bc", &first), 0);
	assert_int_equal(options_write(first_table, &text), 0);
	assert_int_equal(buf_append_char(&text, '\0'), 0);
	assert_string_equal(text.p, "bus -\nsource 1:a 2:bc\nheartbeat 0\n");
	buf_clear(&text);
	assert_int_equal(read_command_line("-v --max-event 7", &first), 0);
	assert_int_equal(options_write(second_table, &text), 0);
	assert_int_equal(buf_append_char(&text, '\0'), 0);
	assert_string_equal(text.p, "max-event 7\nmax-clients 0\nverbose 1\n"
				    "quiet 0\nconfig -\nhelp 0\n");
	buf_done(&text);
	options_free(&options);
}

/* --- without memory ----------------------------------------------------- */

static void
survives_without_memory(void **state)
{
	size_t n;
	int first, r;

	for (n = 1;; n++) {
		set_up(state);
		fault_arm(n);
		r = read_command_line("--bus a --bus b --source c --source d",
				      &first);
		if (r == 0)
			r = options_file(&options, path, error, sizeof(error));
		if (fault_disarm())
			assert_int_equal(r, -ENOMEM);
		else
			break;
		unit_check(strstr(error, "emory"), "%s", error);
		options_free(&options);
	}
	assert_int_equal(r, -ENOENT);	/* there is no file */
	assert_int_equal(n, 7);		/* four texts, two lists */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_every_type),
		TEST(knows_all_spellings),
		TEST(says_what_is_wrong),
		TEST(a_bad_value_changes_nothing),
		TEST(long_values_are_cut_in_errors),
		TEST(reads_a_file),
		TEST(knows_yes_and_no),
		TEST(names_the_line_that_is_wrong),
		TEST(a_file_has_a_size),
		TEST(a_file_may_be_missing),
		TEST(reads_the_environment),
		TEST(the_later_source_wins),
		TEST(loads_the_file_that_is_named),
		TEST(loads_the_usual_file),
		TEST(prints_help_in_80_columns),
		TEST(writes_all_that_was_given),
		TEST(survives_without_memory),
	};
	int failed;

	snprintf(dir, sizeof(dir), "/tmp/sse-fcgi-test-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/x.conf", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
