/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/complain.h"

#include <stdarg.h>
#include <stdio.h>

static const char *program_name = "sse";

void
complain_as(const char *program)
{
	program_name = program;
}

/* C0, DEL, and C1 as UTF-8 writes it: the bytes C2 80 to C2 9F. */
static void
defuse(char *text)
{
	unsigned char before = 0;
	char *p;

	for (p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			*p = '?';
		if (before == 0xc2 && c >= 0x80 && c < 0xa0)
			p[-1] = *p = '?';
		before = c;
	}
}

void
complain(const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	defuse(text);
	fprintf(stderr, "%s: %s\n", program_name, text);
}
