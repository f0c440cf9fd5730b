/* SPDX-License-Identifier: MIT */
/* jsontext: a text as JSON has it. */
#ifndef TOOLS_JSONTEXT_H
#define TOOLS_JSONTEXT_H

#include <stddef.h>

/* Prints valid UTF-8 with quotes to standard output; NULL is null. */
void jsontext_put(const char *text, size_t len);

#endif
