/* SPDX-License-Identifier: MIT */
#include "tools/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* Every line that is there, as [line], or [!] for one that is too long. */
static void
drain(struct lines *l, char *out, size_t size)
{
	const char *line;
	size_t len, at = strlen(out);
	int r;

	while ((r = lines_next(l, &line, &len)) != 0) {
		if (r == -EMSGSIZE)
			at += (size_t)snprintf(out + at, size - at, "[!]");
		else
			at += (size_t)snprintf(out + at, size - at, "[%.*s]",
					       (int)len, line);
	}
}

static void
feed(struct lines *l, const char *bytes, size_t len)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	if (len > 0) {
		assert_int_equal(write(fds[1], bytes, len), len);
		assert_int_equal(lines_read(l, fds[0]), 1);
	} else {
		close(fds[1]);
		fds[1] = -1;
		assert_int_equal(lines_read(l, fds[0]), 1);
		assert_true(l->at_end);
	}
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
}

static void
splits_wherever_the_input_is_cut(void **state)
{
	const struct {
		const char *input;
		bool keep_cr;
		const char *want;
		unsigned lines;
	} rows[] = {
		{ "", false, "", 0 },
		{ "\n", false, "[]", 1 },
		{ "a", false, "[a]", 1 },
		{ "a\n", false, "[a]", 1 },
		{ "a\n\nb\n", false, "[a][][b]", 3 },
		{ "a\r\nb\r\r\nc\rd\r", false, "[a][b\r][c\rd\r]", 3 },
		{ "a\r\n\r\n", true, "[a\r][\r]", 2 },
		{ "12345678\n12345678\r\nx", false, "[12345678][12345678][x]", 3 },
		{ "123456789\nx\n", false, "[!][x]", 2 },
		{ "12345678901234567890\r\nx\n123456789012\ny", false,
		  "[!][x][!][y]", 4 },
		{ "x\n1234567890123", false, "[x][!]", 2 },
		{ "123456789\r\n", false, "[!]", 1 },
	};
	char got[256];
	size_t i, cut, len;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		len = strlen(rows[i].input);
		for (cut = 0; cut <= len; cut++) {
			struct lines l = { .max = 8,
					   .keep_cr = rows[i].keep_cr };

			got[0] = '\0';
			if (cut > 0)
				feed(&l, rows[i].input, cut);
			drain(&l, got, sizeof(got));
			if (cut < len)
				feed(&l, rows[i].input + cut, len - cut);
			drain(&l, got, sizeof(got));
			feed(&l, "", 0);
			drain(&l, got, sizeof(got));
			unit_check(strcmp(got, rows[i].want) == 0,
				   "\"%s\" at %zu gave %s", rows[i].input, cut,
				   got);
			unit_check(l.number == rows[i].lines, "row %zu", i);
			lines_done(&l);
		}
	}
}

/* What is thrown away takes no memory, and an unfinished line is counted. */
static void
stays_within_its_bound(void **state)
{
	struct lines l = { .max = 100000 };
	static char block[50000];
	const char *line;
	size_t len, refused = 0;
	int i;

	(void)state;
	memset(block, 'x', sizeof(block));
	for (i = 0; i < 200; i++) {
		feed(&l, block, sizeof(block));
		if (lines_next(&l, &line, &len) == -EMSGSIZE)
			refused++;
	}
	assert_int_equal(refused, 1);
	assert_true(l.cap <= 300000);
	feed(&l, "\nab", 3);
	assert_int_equal(lines_next(&l, &line, &len), 0);
	assert_int_equal(lines_unfinished(&l), 2);
	feed(&l, "\n", 1);
	assert_int_equal(lines_next(&l, &line, &len), 1);
	assert_int_equal(l.number, 2);
	lines_done(&l);
}

static void
reports_a_read_that_fails(void **state)
{
	struct lines l = { .max = 8 };

	(void)state;
	assert_int_equal(lines_read(&l, -1), -EBADF);
	lines_done(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_wherever_the_input_is_cut),
		cmocka_unit_test(stays_within_its_bound),
		cmocka_unit_test(reports_a_read_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
