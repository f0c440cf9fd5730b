/* SPDX-License-Identifier: MIT */
/*
 * options_reader: one source of options while it is read. Private to the
 * files that read them: options.c (command line, environment), options_file.c.
 */
#ifndef LIB_BASE_OPTIONS_READER_H
#define LIB_BASE_OPTIONS_READER_H

#include <stddef.h>

#include "lib/base/options.h"
#include "lib/base/slice.h"

struct options_reader {
	const struct options *o;	/* borrowed */
	char *error;			/* borrowed: where a sentence goes */
	size_t size;			/* of it */
};

/* Where a value stands, in the words of who wrote it: "--bus", "SSE_BUS",
 * "/etc/sse-fcgi.conf:3: bus". */
struct options_place {
	char text[160];
};

/* Begins a source: what repeatable options hold is an earlier one's by now. */
void options_begin(const struct options *o);

/* Puts one value where it belongs. 0, -EINVAL or -ENOMEM with a sentence. */
int options_set(struct options_reader *rd, const struct options_place *at,
		const struct option *opt, struct slice value);
void options_free_texts(struct option_texts *texts);

/* Writes the sentence and returns `r`. */
int options_fail(struct options_reader *rd, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Walks all options of all tables: start with *table = 0 and NULL; NULL at
 * the end.
 */
const struct option *options_next(const struct options *o, size_t *table,
				  const struct option *opt);
const struct option *options_find(const struct options *o, struct slice name);

static inline bool
options_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct slice options_trim(struct slice s);	/* without blanks around it */

#endif
