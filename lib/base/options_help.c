/* SPDX-License-Identifier: MIT */
/* What --help prints. */
#include "config.h"

#include "lib/base/options.h"

#include <stdint.h>
#include <stdio.h>

#include "lib/base/options_reader.h"

enum {
	OPTIONS_WIDTH = 80,
	OPTIONS_HELP_COLUMN = 30,
};

/* Columns, not bytes: continuation bytes of UTF-8 take none. */
static size_t
width_of(struct slice s)
{
	size_t width = 0, i;

	for (i = 0; i < s.len; i++)
		width += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return width;
}

/* Prints words from `column` on; further lines are indented by `indent`. */
static void
print_wrapped(struct slice text, size_t column, size_t indent)
{
	bool first = true;

	while (text.len > 0) {
		struct slice word = slice_take_until(&text, ' ');
		size_t width = width_of(word);

		if (width == 0)
			continue;
		if (!first && column + 1 + width >= OPTIONS_WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)word.len, word.p);
		column += width;
		first = false;
	}
	putchar('\n');
}

static void
print_option(const struct option *opt)
{
	char head[128] = "      ";
	int n;

	if (opt->letter)
		snprintf(head, sizeof(head), "  -%c, ", opt->letter);
	n = snprintf(head + 6, sizeof(head) - 6, "--%s%s%s", opt->name,
		     opt->argument ? " " : "",
		     opt->argument ? opt->argument : "");
	n += 6;
	printf("%s", head);
	if (n + 2 > OPTIONS_HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", OPTIONS_HELP_COLUMN - n, "");
	print_wrapped(slice_of(opt->help ? opt->help : ""), OPTIONS_HELP_COLUMN,
		      OPTIONS_HELP_COLUMN);
}

void
options_print_help(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0, last = SIZE_MAX;

	printf("Usage: %s %s\n", o->program, o->synopsis ? o->synopsis : "");
	if (o->summary)
		print_wrapped(slice_of(o->summary), 0, 0);
	while ((opt = options_next(o, &table, opt))) {
		if (table != last)
			putchar('\n');
		last = table;
		print_option(opt);
	}
}
