/* SPDX-License-Identifier: MIT */
/* All that a table was given, as one text. */
#include "config.h"

#include "lib/base/options.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/base/buf.h"

/* The length goes before the bytes: no value can look like two. */
static int
write_text(struct buf *out, const char *text)
{
	return text ? buf_printf(out, " %zu:%s", slice_of(text).len, text) :
		      buf_append_text(out, " -");
}

static int
write_texts(struct buf *out, const struct option_texts *texts)
{
	int r = 0;

	for (size_t i = 0; i < texts->count && r == 0; i++)
		r = write_text(out, texts->items[i]);
	return r;
}

static int
write_value(struct buf *out, const struct option *opt)
{
	switch (opt->type) {
	case OPTION_TEXT:
		return write_text(out, *(char **)opt->target);
	case OPTION_TEXTS:
		return write_texts(out, opt->target);
	case OPTION_DURATION:
		return buf_printf(out, " %" PRId64, *(int64_t *)opt->target);
	case OPTION_SIZE:
	case OPTION_COUNT:
		return buf_printf(out, " %" PRIu64, *(uint64_t *)opt->target);
	case OPTION_FLAG:
	case OPTION_ACTION:
		return buf_printf(out, " %d", *(bool *)opt->target);
	}
	return -EINVAL;
}

int
options_write(const struct option *table, struct buf *out)
{
	int r = 0;

	for (const struct option *opt = table; opt->name && r == 0; opt++) {
		r = buf_append_text(out, opt->name);
		if (r == 0)
			r = write_value(out, opt);
		if (r == 0)
			r = buf_append_char(out, '\n');
	}
	return r;
}
