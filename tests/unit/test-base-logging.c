/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { SINK_MOST = 16384 };

/* A folder of the test's own, and what was logged to a file in it. */
struct sink {
	char dir[64];
	char path[96];
	char moved[96];
	int saved_stderr;
	char text[SINK_MOST];
};

static int
set_up(void **state)
{
	struct sink *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->dir, sizeof(s->dir), "/tmp/sse-fcgi-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/log", s->dir);
	snprintf(s->moved, sizeof(s->moved), "%s/log.1", s->dir);
	s->saved_stderr = -1;
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct sink *s = *state;

	if (s->saved_stderr >= 0) {
		dup2(s->saved_stderr, STDERR_FILENO);
		close(s->saved_stderr);
	}
	logging_open("test", "stderr");
	logging_set_level(LOGGING_NOTICE);
	logging_set_role("");
	unlink(s->path);
	unlink(s->moved);
	rmdir(s->dir);
	free(s);
	return 0;
}

/* Lets stderr go to the sink's file. */
static void
catch_stderr(struct sink *s)
{
	int fd = open(s->path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	s->saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
}

/* What `path` holds by now; "" when it is not there. */
static const char *
read_sink(struct sink *s, const char *path)
{
	FILE *f = fopen(path, "r");
	size_t len = 0;

	if (f) {
		len = fread(s->text, 1, sizeof(s->text) - 1, f);
		fclose(f);
	}
	s->text[len] = '\0';
	return s->text;
}

/* "sse-fcgi[PID]TAIL" */
static const char *
headed(const char *tail)
{
	static char line[256];

	snprintf(line, sizeof(line), "sse-fcgi[%ld]%s", (long)getpid(), tail);
	return line;
}

static void
writes_lines_to_stderr(void **state)
{
	struct sink *s = *state;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", NULL), 0);
	log_error("cannot %s: %d", "do", 7);
	assert_string_equal(read_sink(s, s->path), headed(": cannot do: 7\n"));
}

static void
names_its_role(void **state)
{
	struct sink *s = *state;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	logging_set_role("worker 1");
	log_notice("ready");
	assert_string_equal(read_sink(s, s->path),
			    headed(" worker 1: ready\n"));
}

static void
a_role_is_copied_and_cut(void **state)
{
	struct sink *s = *state;
	char role[200];

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	memset(role, 'r', sizeof(role) - 1);
	role[sizeof(role) - 1] = '\0';
	logging_set_role(role);
	role[0] = '\0';
	log_notice("x");
	assert_non_null(strstr(read_sink(s, s->path), " rrrr"));
	assert_non_null(strstr(s->text, "rrr...: x\n"));
}

static void
keeps_to_its_level(void **state)
{
	static const struct {
		enum logging_level level;
		const char *want;
	} rows[] = {
		{ LOGGING_ERROR, "e" }, { LOGGING_WARNING, "ew" },
		{ LOGGING_NOTICE, "ewn" }, { LOGGING_INFO, "ewni" },
		{ LOGGING_DEBUG, "ewnid" },
	};
	struct sink *s = *state;
	size_t i;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	for (i = 0; i < COUNT_OF(rows); i++) {
		char got[16] = "";
		size_t len = 0;
		char *p;

		assert_int_equal(truncate(s->path, 0), 0);
		logging_set_level(rows[i].level);
		log_error("=e");
		log_warning("=w");
		log_notice("=n");
		log_info("=i");
		log_debug("=d");
		read_sink(s, s->path);
		for (p = s->text; (p = strchr(p, '=')) && len < 15; p++)
			got[len++] = p[1];
		assert_string_equal(got, rows[i].want);
	}
}

static void
a_stranger_cannot_forge_a_line(void **state)
{
	struct sink *s = *state;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	log_error("topic \"%s\"", "a\nsse-fcgi[1]: all is well\x1b[2J\xff");
	assert_string_equal(read_sink(s, s->path),
		headed(": topic \"a\\nsse-fcgi[1]: all is well\\x1b[2J\\xff\"\n"));
}

static void
long_lines_are_cut(void **state)
{
	struct sink *s = *state;
	static char text[10000];
	size_t len;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	memset(text, 'x', sizeof(text) - 1);
	log_error("%s", text);
	memset(text, '\n', sizeof(text) - 1);
	log_error("%s", text);
	len = strlen(read_sink(s, s->path));
	assert_true(len > 4000 && len < 5000);
	assert_string_equal(s->text + len - 4, "...\n");
	assert_ptr_equal(strchr(strchr(s->text, '\n') + 1, '\n'),
			 s->text + len - 1);
	assert_non_null(strstr(s->text, "xxx...\n"));
}

/* A pipe that nobody reads loses lines, says so later, and stops nobody. */
static void
a_full_sink_is_not_waited_for(void **state)
{
	static const char said[] = "(3 lines were lost) heard again\n";
	struct sink *s = *state;
	char bytes[4096];
	int fds[2], i;
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	s->saved_stderr = dup(STDERR_FILENO);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	memset(bytes, 'x', sizeof(bytes));
	while (write(fds[1], bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	assert_int_equal(logging_open("full", "stderr"), 0);
	for (i = 0; i < 3; i++)
		log_error("nobody hears this");
	while (read(fds[0], bytes, sizeof(bytes)) > 0)
		;
	log_error("heard again");
	n = read(fds[0], bytes, sizeof(bytes));
	assert_true(n > (ssize_t)sizeof(said));
	assert_memory_equal(bytes + n - (sizeof(said) - 1), said,
			    sizeof(said) - 1);
	log_error("and once more");
	n = read(fds[0], bytes, sizeof(bytes) - 1);
	assert_true(n > 0);
	bytes[n] = '\0';
	assert_null(strstr(bytes, "lost"));
	close(fds[0]);
}

static void
errno_stays(void **state)
{
	struct sink *s = *state;

	catch_stderr(s);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	errno = ENOENT;
	close(STDERR_FILENO);
	log_error("nobody hears it");
	assert_int_equal(errno, ENOENT);
}

static void
a_file_has_the_time(void **state)
{
	struct sink *s = *state;
	int y, mon, d, h, min, sec, ms, used = 0;

	assert_int_equal(logging_open("sse-fcgi", s->path), 0);
	log_error("x");
	read_sink(s, s->path);
	assert_int_equal(sscanf(s->text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n",
				&y, &mon, &d, &h, &min, &sec, &ms, &used), 7);
	assert_string_equal(s->text + used, headed(": x\n"));
}

static void
a_rotated_file_is_reopened(void **state)
{
	struct sink *s = *state;

	assert_int_equal(logging_open("sse-fcgi", s->path), 0);
	log_error("first");
	assert_int_equal(rename(s->path, s->moved), 0);
	log_error("second");
	assert_int_equal(logging_reopen(), 0);
	log_error("third");
	read_sink(s, s->moved);
	assert_non_null(strstr(s->text, "first\n"));
	assert_non_null(strstr(s->text, "second\n"));
	read_sink(s, s->path);
	assert_null(strstr(s->text, "second\n"));
	assert_non_null(strstr(s->text, "third\n"));
}

static void
a_bad_file_leaves_the_old_sink(void **state)
{
	struct sink *s = *state;

	assert_int_equal(logging_open("sse-fcgi", s->path), 0);
	assert_int_equal(logging_open("sse-fcgi", "/nowhere/log"), -ENOENT);
	assert_int_equal(logging_open("sse-fcgi", s->dir), -EISDIR);
	assert_int_equal(logging_open("sse-fcgi", ""), -ENOENT);
	log_error("still here");
	assert_non_null(strstr(read_sink(s, s->path), "still here\n"));

	/* Reopening that fails keeps the open file. */
	assert_int_equal(rename(s->path, s->moved), 0);
	assert_int_equal(mkdir(s->path, 0700), 0);
	assert_int_equal(logging_reopen(), -EISDIR);
	log_error("and here");
	assert_non_null(strstr(read_sink(s, s->moved), "and here\n"));
	assert_int_equal(rmdir(s->path), 0);
}

static void
reopening_another_sink_does_nothing(void **state)
{
	(void)state;
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	assert_int_equal(logging_reopen(), 0);
	assert_int_equal(logging_open("sse-fcgi", "syslog"), 0);
	assert_int_equal(logging_reopen(), 0);
}

static void
the_journal_gets_priorities(void **state)
{
	struct sink *s = *state;
	char id[64], want[300];
	struct stat st;

	catch_stderr(s);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(id, sizeof(id), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", id, 1);
	assert_int_equal(logging_open("sse-fcgi", "stderr"), 0);
	unsetenv("JOURNAL_STREAM");
	log_warning("x");
	snprintf(want, sizeof(want), "<4>%s", headed(": x\n"));
	assert_string_equal(read_sink(s, s->path), want);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_lines_to_stderr),
		TEST(names_its_role),
		TEST(a_role_is_copied_and_cut),
		TEST(keeps_to_its_level),
		TEST(a_stranger_cannot_forge_a_line),
		TEST(long_lines_are_cut),
		TEST(a_full_sink_is_not_waited_for),
		TEST(errno_stays),
		TEST(a_file_has_the_time),
		TEST(a_rotated_file_is_reopened),
		TEST(a_bad_file_leaves_the_old_sink),
		TEST(reopening_another_sink_does_nothing),
		TEST(the_journal_gets_priorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
