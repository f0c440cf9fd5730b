/* SPDX-License-Identifier: MIT */
/* jsontext: a text as JSON has it, with nothing in it that steers a terminal. */
#ifndef TOOLS_JSONTEXT_H
#define TOOLS_JSONTEXT_H

#include <stddef.h>

/* Prints valid UTF-8 with quotes to standard output; NULL is null. */
void jsontext_put(const char *text, size_t len);

/* Prints JSON that has no white space between its values. */
void jsontext_put_value(const char *json, size_t len);

#endif
