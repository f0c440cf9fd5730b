/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/options_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/escape.h"
#include "lib/base/units.h"

enum { OPTIONS_VALUE_SHOWN = 100 };	/* of a bad value in an error */

int
options_fail(struct options_reader *rd, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(rd->error, rd->size, format, ap);
	va_end(ap);
	return r;
}

static int
fail_memory(struct options_reader *rd)
{
	return options_fail(rd, -ENOMEM, "out of memory");
}

const struct option *
options_next(const struct options *o, size_t *table, const struct option *opt)
{
	opt = opt ? opt + 1 : o->tables[0];
	while (opt && !opt->name)
		opt = o->tables[++*table];
	return opt;
}

const struct option *
options_find(const struct options *o, struct slice name)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = options_next(o, &table, opt)))
		if (slice_eq(slice_of(opt->name), name))
			return opt;
	return NULL;
}

void
options_begin(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = options_next(o, &table, opt))) {
		struct option_texts *texts = opt->target;

		if (opt->type == OPTION_TEXTS)
			texts->earlier = texts->count;
	}
}

struct slice
options_trim(struct slice s)
{
	return slice_trim(s, " \t\r");
}

static int
fail_value(struct options_reader *rd, const struct options_place *at, int r,
	   struct slice value, const char *what, const char *right)
{
	char shown[OPTIONS_VALUE_SHOWN];

	escape_text(shown, sizeof(shown), value);
	if (r == -ERANGE)
		return options_fail(rd, -EINVAL,
				    "%s: \"%s\" is too large for %s", at->text,
				    shown, what);
	return options_fail(rd, -EINVAL, "%s: \"%s\" is not %s; write %s",
			    at->text, shown, what, right);
}

void
options_free_texts(struct option_texts *texts)
{
	while (texts->count > 0)
		free(texts->items[--texts->count]);
	free(texts->items);
	*texts = (struct option_texts){ 0 };
}

static char *
copy_text(struct slice s)
{
	char *text = malloc(s.len + 1);

	if (!text)
		return NULL;
	if (s.len > 0)
		memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return text;
}

static int
add_text(struct option_texts *texts, struct slice value)
{
	char **items, *text;

	if (texts->earlier > 0)
		options_free_texts(texts);
	text = copy_text(value);
	if (!text)
		return -ENOMEM;
	items = realloc(texts->items, (texts->count + 2) * sizeof(*items));
	if (!items) {
		free(text);
		return -ENOMEM;
	}
	items[texts->count++] = text;
	items[texts->count] = NULL;
	texts->items = items;
	return 0;
}

static int
parse_flag(struct slice s, bool *ret_flag)
{
	static const struct {
		const char *word;
		bool flag;
	} words[] = {
		{ "yes", true }, { "on", true }, { "true", true },
		{ "1", true }, { "no", false }, { "off", false },
		{ "false", false }, { "0", false },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_eq(s, slice_of(words[i].word))) {
			*ret_flag = words[i].flag;
			return 0;
		}
	}
	return -EINVAL;
}

static int
set_text(struct options_reader *rd, const struct option *opt,
	 struct slice value)
{
	char **target = opt->target;
	char *text;

	if (opt->type == OPTION_TEXTS)
		return add_text(opt->target, value) < 0 ? fail_memory(rd) : 0;
	text = copy_text(value);
	if (!text)
		return fail_memory(rd);
	free(*target);
	*target = text;
	return 0;
}

int
options_set(struct options_reader *rd, const struct options_place *at,
	    const struct option *opt, struct slice value)
{
	int r;

	switch (opt->type) {
	case OPTION_FLAG:
		r = parse_flag(value, opt->target);
		return r < 0 ? fail_value(rd, at, r, value, "a yes or no",
					  "yes or no") : 0;
	case OPTION_TEXT:
	case OPTION_TEXTS:
		return set_text(rd, opt, value);
	case OPTION_DURATION:
		r = parse_duration(value, opt->target);
		return r < 0 ? fail_value(rd, at, r, value, "a duration",
					  "15s, 500ms or 2m") : 0;
	case OPTION_SIZE:
		r = parse_size(value, opt->target);
		return r < 0 ? fail_value(rd, at, r, value, "a size",
					  "65536, 64KiB or 1MiB") : 0;
	case OPTION_COUNT:
		r = parse_u64(value, opt->target);
		return r < 0 ? fail_value(rd, at, r, value, "a number",
					  "decimal digits, like 100") : 0;
	case OPTION_ACTION:
		break;
	}
	return options_fail(rd, -EINVAL, "%s: works on the command line only",
			    at->text);
}
