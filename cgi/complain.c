/* SPDX-License-Identifier: MIT */
#include "cgi/complain.h"

#include <stdarg.h>
#include <stdio.h>

void
complain(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "sse-cgi: %s\n", text);
}
