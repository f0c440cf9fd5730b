/* SPDX-License-Identifier: MIT */
#include "lib/base/sentence.h"

#include <stdarg.h>
#include <stdio.h>

int
sentence_say(char *error, size_t size, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return code;
}
