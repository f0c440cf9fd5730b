/* SPDX-License-Identifier: MIT */
/* sentence: what is wrong, in words, and the code that goes with it. */
#ifndef LIB_BASE_SENTENCE_H
#define LIB_BASE_SENTENCE_H

#include <stddef.h>

/* Writes it, cut to `size`, and returns `code`. */
int sentence_say(char *error, size_t size, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
