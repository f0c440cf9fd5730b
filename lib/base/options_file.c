/* SPDX-License-Identifier: MIT */
/* The configuration file: one `name = value` or `name value` a line. */
#include "config.h"

#include "lib/base/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/escape.h"
#include "lib/base/options_reader.h"

enum { OPTIONS_FILE_MOST = 64 << 10 };	/* a bigger one is not ours */

static struct slice
cut_comment(struct slice line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (line.p[i] == '#' && (i == 0 || options_is_blank(line.p[i - 1])))
			line.len = i;
	return options_trim(line);
}

/* "name = value", "name=value", "name value" */
static void
split_line(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
	size_t i = 0;

	while (i < line.len && line.p[i] != '=' && !options_is_blank(line.p[i]))
		i++;
	*ret_name = (struct slice){ line.p, i };
	line = options_trim((struct slice){ line.p + i, line.len - i });
	if (line.len > 0 && line.p[0] == '=')
		line = options_trim((struct slice){ line.p + 1, line.len - 1 });
	*ret_value = line;
}

static int
read_line(struct options_reader *rd, const char *path, unsigned number,
	  struct slice line)
{
	struct options_place at;
	struct slice name, value;
	const struct option *opt;
	char shown[64];

	line = cut_comment(line);
	if (line.len == 0)
		return 0;
	if (memchr(line.p, '\0', line.len))
		return options_fail(rd, -EINVAL,
				    "%s:%u: holds a NUL byte; is this a "
				    "configuration file?",
				    path, number);
	split_line(line, &name, &value);
	escape_text(shown, sizeof(shown), name);
	if (slice_starts(name, SLICE_LIT("-")))
		return options_fail(rd, -EINVAL,
				    "%s:%u: write %s without the dashes", path,
				    number, shown);
	opt = options_find(rd->o, name);
	if (!opt)
		return options_fail(rd, -EINVAL,
				    "%s:%u: unknown option \"%s\"; "
				    "%s --help lists them",
				    path, number, shown, rd->o->program);
	snprintf(at.text, sizeof(at.text), "%.100s:%u: %.40s", path, number,
		 opt->name);
	if (value.len == 0 && opt->type != OPTION_ACTION)
		return options_fail(
		    rd, -EINVAL, "%s: has no value; write %s = %s", at.text,
		    opt->name, opt->argument ? opt->argument : "yes");
	return options_set(rd, &at, opt, value);
}

/* Reads at most OPTIONS_FILE_MOST bytes, and one more to tell a longer one. */
static int
read_whole(struct options_reader *rd, const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 1;
	int r;

	if (fd < 0) {
		r = -errno;
		return options_fail(rd, r, "cannot open %s: %s", path,
				    strerror(-r));
	}
	r = buf_reserve(out, OPTIONS_FILE_MOST + 1);
	while (r == 0 && n > 0 && out->len <= OPTIONS_FILE_MOST) {
		n = read(fd, out->p + out->len,
			 OPTIONS_FILE_MOST + 1 - out->len);
		if (n > 0)
			out->len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			r = -errno;
	}
	close(fd);
	if (r < 0)
		return options_fail(rd, r, "cannot read %s: %s", path,
				    strerror(-r));
	if (out->len > OPTIONS_FILE_MOST)
		return options_fail(rd, -EINVAL,
				    "%s: is larger than the %d KiB that a "
				    "configuration file may have",
				    path, OPTIONS_FILE_MOST >> 10);
	return 0;
}

int
options_file(const struct options *o, const char *path, char *error,
	     size_t size)
{
	struct options_reader rd = { o, error, size };
	struct buf content = { 0 };
	struct slice rest;
	unsigned number = 0;
	int r;

	options_begin(o);
	r = read_whole(&rd, path, &content);
	rest = buf_slice(&content);
	if (slice_starts(rest, SLICE_LIT("\xef\xbb\xbf"))) {
		rest.p += 3;	/* a byte order mark, from some editors */
		rest.len -= 3;
	}
	while (r == 0 && rest.len > 0)
		r = read_line(&rd, path, ++number,
			      slice_take_until(&rest, '\n'));
	buf_done(&content);
	return r;
}
