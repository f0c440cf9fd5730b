/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/jsontext.h"

#include <stdio.h>

void
jsontext_put(const char *text, size_t len)
{
	size_t i, plain = 0;

	if (text == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		fwrite(text + plain, 1, i - plain, stdout);
		plain = i + 1;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c == '\n')
			fputs("\\n", stdout);
		else if (c == '\t')
			fputs("\\t", stdout);
		else
			printf("\\u%04x", c);
	}
	fwrite(text + plain, 1, len - plain, stdout);
	putchar('"');
}
