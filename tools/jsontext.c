/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/jsontext.h"

#include <stdbool.h>
#include <stdio.h>

static void
put_escaped(unsigned char c)
{
	if (c == '"' || c == '\\')
		printf("\\%c", c);
	else if (c == '\n')
		fputs("\\n", stdout);
	else if (c == '\t')
		fputs("\\t", stdout);
	else
		printf("\\u%04x", c);
}

/* How many bytes at `i` steer a terminal: C0 and DEL one, C1 two, others none.
 * The last of them is the character's number. */
static size_t
count_steering(const char *text, size_t len, size_t i)
{
	unsigned char c = (unsigned char)text[i];
	unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;

	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* Of JSON, quotes and backslashes are part already. */
static void
put(const char *text, size_t len, bool is_json)
{
	size_t i, n, plain = 0;

	for (i = 0; i < len; i += n ? n : 1) {
		n = count_steering(text, len, i);
		if (!is_json && (text[i] == '"' || text[i] == '\\'))
			n = 1;
		if (n == 0)
			continue;
		fwrite(text + plain, 1, i - plain, stdout);
		plain = i + n;
		put_escaped((unsigned char)text[plain - 1]);
	}
	fwrite(text + plain, 1, len - plain, stdout);
}

void
jsontext_put(const char *text, size_t len)
{
	if (text == NULL) {
		fputs("null", stdout);
		return;
	}
	putchar('"');
	put(text, len, false);
	putchar('"');
}

void
jsontext_put_value(const char *json, size_t len)
{
	put(json, len, true);
}
