/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/escape.h"
#include "lib/base/units.h"

enum {
	OPTIONS_FILE_MOST = 64 << 10,	/* a bigger one is not ours */
	OPTIONS_VALUE_SHOWN = 100,	/* of a bad value in an error */
	OPTIONS_WIDTH = 80,
	OPTIONS_HELP_COLUMN = 30,
};

/* One source while it is read, and where its error goes. */
struct reader {
	const struct options *o;
	char *error;
	size_t size;
};

/* Where a value stands, in the words of who wrote it: "--bus", "SSE_BUS",
 * "/etc/sse-fcgi.conf:3: bus". */
struct place {
	char text[160];
};

static int __attribute__((format(printf, 3, 4)))
fail(struct reader *rd, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(rd->error, rd->size, format, ap);
	va_end(ap);
	return r;
}

static int
fail_memory(struct reader *rd)
{
	return fail(rd, -ENOMEM, "out of memory");
}

static int
fail_value(struct reader *rd, const struct place *at, int r, struct slice value,
	   const char *what, const char *right)
{
	char shown[OPTIONS_VALUE_SHOWN];

	escape_text(shown, sizeof(shown), value);
	if (r == -ERANGE)
		return fail(rd, -EINVAL, "%s: \"%s\" is too large for %s",
			    at->text, shown, what);
	return fail(rd, -EINVAL, "%s: \"%s\" is not %s; write %s", at->text,
		    shown, what, right);
}

/*
 * Walks all options of all tables: start with *table = 0 and NULL; NULL at
 * the end.
 */
static const struct option *
next_option(const struct options *o, size_t *table, const struct option *opt)
{
	opt = opt ? opt + 1 : o->tables[0];
	while (opt && !opt->name)
		opt = o->tables[++*table];
	return opt;
}

static const struct option *
find_name(const struct options *o, struct slice name)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = next_option(o, &table, opt)))
		if (slice_eq(slice_of(opt->name), name))
			return opt;
	return NULL;
}

static const struct option *
find_letter(const struct options *o, char letter)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = next_option(o, &table, opt)))
		if (opt->letter && opt->letter == letter)
			return opt;
	return NULL;
}

static bool
takes_argument(const struct option *opt)
{
	return opt->type != OPTION_FLAG && opt->type != OPTION_ACTION;
}

/* What the repeatable options hold by now comes from an earlier source. */
static void
begin_source(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = next_option(o, &table, opt))) {
		struct option_texts *texts = opt->target;

		if (opt->type == OPTION_TEXTS)
			texts->earlier = texts->count;
	}
}

static void
free_texts(struct option_texts *texts)
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
		free_texts(texts);
	text = copy_text(value);
	if (!text)
		return -ENOMEM;
	items = realloc(texts->items, (texts->count + 1) * sizeof(*items));
	if (!items) {
		free(text);
		return -ENOMEM;
	}
	items[texts->count++] = text;
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
set_text(struct reader *rd, const struct option *opt, struct slice value)
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

/* Puts one value where it belongs. */
static int
set_value(struct reader *rd, const struct place *at, const struct option *opt,
	  struct slice value)
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
	return fail(rd, -EINVAL, "%s: works on the command line only",
		    at->text);
}

/* --- configuration file ------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Takes the part before `end` off *s, and `end` with it. */
static struct slice
take_until(struct slice *s, char end)
{
	const char *found = s->len ? memchr(s->p, end, s->len) : NULL;
	struct slice part = { s->p, found ? (size_t)(found - s->p) : s->len };
	size_t used = part.len + (found ? 1 : 0);

	if (used > 0)
		s->p += used;
	s->len -= used;
	return part;
}

static struct slice
cut_comment(struct slice line)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (line.p[i] == '#' && (i == 0 || is_blank(line.p[i - 1])))
			line.len = i;
	return trim(line);
}

/* "name = value", "name=value", "name value" */
static void
split_line(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
	size_t i = 0;

	while (i < line.len && line.p[i] != '=' && !is_blank(line.p[i]))
		i++;
	*ret_name = (struct slice){ line.p, i };
	line = trim((struct slice){ line.p + i, line.len - i });
	if (line.len > 0 && line.p[0] == '=')
		line = trim((struct slice){ line.p + 1, line.len - 1 });
	*ret_value = line;
}

static int
read_line(struct reader *rd, const char *path, unsigned number,
	  struct slice line)
{
	struct place at;
	struct slice name, value;
	const struct option *opt;
	char shown[64];

	line = cut_comment(line);
	if (line.len == 0)
		return 0;
	if (memchr(line.p, '\0', line.len))
		return fail(rd, -EINVAL, "%s:%u: holds a NUL byte; is this a "
			    "configuration file?", path, number);
	split_line(line, &name, &value);
	escape_text(shown, sizeof(shown), name);
	if (slice_starts(name, SLICE_LIT("-")))
		return fail(rd, -EINVAL, "%s:%u: write %s without the dashes",
			    path, number, shown);
	opt = find_name(rd->o, name);
	if (!opt)
		return fail(rd, -EINVAL, "%s:%u: unknown option \"%s\"; "
			    "%s --help lists them", path, number, shown,
			    rd->o->program);
	snprintf(at.text, sizeof(at.text), "%.100s:%u: %.40s", path, number,
		 opt->name);
	if (value.len == 0 && opt->type != OPTION_ACTION)
		return fail(rd, -EINVAL, "%s: has no value; write %s = %s",
			    at.text, opt->name,
			    opt->argument ? opt->argument : "yes");
	return set_value(rd, &at, opt, value);
}

/* Reads at most OPTIONS_FILE_MOST bytes, and one more to tell a longer one. */
static int
read_whole(struct reader *rd, const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 1;
	int r;

	if (fd < 0) {
		r = -errno;
		return fail(rd, r, "cannot open %s: %s", path, strerror(-r));
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
		return fail(rd, r, "cannot read %s: %s", path, strerror(-r));
	if (out->len > OPTIONS_FILE_MOST)
		return fail(rd, -EINVAL, "%s: is larger than the %d KiB that a "
			    "configuration file may have", path,
			    OPTIONS_FILE_MOST >> 10);
	return 0;
}

int
options_file(const struct options *o, const char *path, char *error,
	     size_t size)
{
	struct reader rd = { o, error, size };
	struct buf content = { 0 };
	struct slice rest;
	unsigned number = 0;
	int r;

	begin_source(o);
	r = read_whole(&rd, path, &content);
	rest = buf_slice(&content);
	if (slice_starts(rest, SLICE_LIT("\xef\xbb\xbf"))) {
		rest.p += 3;	/* a byte order mark, from some editors */
		rest.len -= 3;
	}
	while (r == 0 && rest.len > 0)
		r = read_line(&rd, path, ++number, take_until(&rest, '\n'));
	buf_done(&content);
	return r;
}

/* --- environment -------------------------------------------------------- */

/* "max-clients" -> SSE_MAX_CLIENTS */
static void
variable_of(const struct option *opt, struct place *ret_at)
{
	size_t i;

	snprintf(ret_at->text, sizeof(ret_at->text), "SSE_%s", opt->name);
	for (i = 0; ret_at->text[i]; i++) {
		char c = ret_at->text[i];

		if (c == '-')
			ret_at->text[i] = '_';
		else if (c >= 'a' && c <= 'z')
			ret_at->text[i] = (char)(c - 'a' + 'A');
	}
}

static int
read_variable(struct reader *rd, const struct place *at,
	      const struct option *opt, struct slice value)
{
	int r = 0;

	if (opt->type != OPTION_TEXTS)
		return set_value(rd, at, opt, value);
	while (r == 0 && value.len > 0) {
		struct slice item = trim(take_until(&value, '\n'));

		if (item.len > 0)
			r = set_value(rd, at, opt, item);
	}
	return r;
}

int
options_environment(const struct options *o, char *error, size_t size)
{
	struct reader rd = { o, error, size };
	const struct option *opt = NULL;
	size_t table = 0;
	int r = 0;

	begin_source(o);
	while (r == 0 && (opt = next_option(o, &table, opt))) {
		struct place at;
		const char *value;

		variable_of(opt, &at);
		value = getenv(at.text);
		if (opt->type != OPTION_ACTION && value && value[0])
			r = read_variable(&rd, &at, opt, slice_of(value));
	}
	return r;
}

/* --- command line ------------------------------------------------------- */

static int
fail_unknown(struct reader *rd, const char *dashes, struct slice name)
{
	char shown[64];

	escape_text(shown, sizeof(shown), name);
	return fail(rd, -EINVAL, "unknown option %s%s; try %s --help", dashes,
		    shown, rd->o->program);
}

/* Sets `opt` from `value`, or from the next argument when it is absent. */
static int
set_with_argument(struct reader *rd, const struct option *opt,
		  struct slice value, char **next, int *used)
{
	struct place at;

	snprintf(at.text, sizeof(at.text), "--%s", opt->name);
	if (!value.p) {
		if (!*next)
			return fail(rd, -EINVAL, "%s needs a value: %s %s",
				    at.text, at.text,
				    opt->argument ? opt->argument : "VALUE");
		value = slice_of(*next);
		++*used;
	}
	return set_value(rd, &at, opt, value);
}

/* Reads "--name", "--name=value" or "--no-name"; adds to *used what it took. */
static int
read_long(struct reader *rd, char **args, int *used)
{
	struct slice value = slice_of(args[0] + 2);
	struct slice name = take_until(&value, '=');
	const struct option *opt = find_name(rd->o, name);
	bool on = true;

	if (args[0][2 + name.len] == '\0')
		value = SLICE_NONE;
	if (!opt && slice_starts(name, SLICE_LIT("no-"))) {
		opt = find_name(rd->o, (struct slice){ name.p + 3,
						       name.len - 3 });
		if (opt && opt->type != OPTION_FLAG)
			opt = NULL;
		on = false;
	}
	if (!opt)
		return fail_unknown(rd, "--", name);
	*used = 1;
	if (takes_argument(opt))
		return set_with_argument(rd, opt, value, args + 1, used);
	if (value.p)
		return fail(rd, -EINVAL, "--%s takes no value%s%s", opt->name,
			    opt->type == OPTION_FLAG ? "; its opposite is --no-"
						     : "",
			    opt->type == OPTION_FLAG ? opt->name : "");
	*(bool *)opt->target = on;
	return 0;
}

/* Reads "-v", "-vq", "-bvalue" or "-b value". */
static int
read_short(struct reader *rd, char **args, int *used)
{
	const char *p;

	*used = 1;
	for (p = args[0] + 1; *p; p++) {
		const struct option *opt = find_letter(rd->o, *p);

		if (!opt)
			return fail_unknown(rd, "-", (struct slice){ p, 1 });
		if (takes_argument(opt))
			return set_with_argument(rd, opt,
						 p[1] ? slice_of(p + 1)
						      : SLICE_NONE,
						 args + 1, used);
		*(bool *)opt->target = true;
	}
	return 0;
}

int
options_command_line(const struct options *o, int argc, char **argv,
		     int *ret_first, char *error, size_t size)
{
	struct reader rd = { o, error, size };
	int i = 1, used, r;

	begin_source(o);
	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (argv[i][1] == '-')
			r = read_long(&rd, argv + i, &used);
		else
			r = read_short(&rd, argv + i, &used);
		if (r < 0)
			return r;
		i += used;
	}
	*ret_first = i;
	return 0;
}

/* --- help --------------------------------------------------------------- */

/* Columns, not bytes: continuation bytes of UTF-8 take none. */
static size_t
width_of(struct slice s)
{
	size_t width = 0, i;

	for (i = 0; i < s.len; i++)
		width += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return width;
}

/* Prints words from `column` on; further lines are indented by `indent`. */
static void
print_wrapped(struct slice text, size_t column, size_t indent)
{
	bool first = true;

	while (text.len > 0) {
		struct slice word = take_until(&text, ' ');
		size_t width = width_of(word);

		if (width == 0)
			continue;
		if (!first && column + 1 + width >= OPTIONS_WIDTH) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)word.len, word.p);
		column += width;
		first = false;
	}
	putchar('\n');
}

static void
print_option(const struct option *opt)
{
	char head[128] = "      ";
	int n;

	if (opt->letter)
		snprintf(head, sizeof(head), "  -%c, ", opt->letter);
	n = snprintf(head + 6, sizeof(head) - 6, "--%s%s%s", opt->name,
		     opt->argument ? " " : "",
		     opt->argument ? opt->argument : "");
	n += 6;
	printf("%s", head);
	if (n + 2 > OPTIONS_HELP_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", OPTIONS_HELP_COLUMN - n, "");
	print_wrapped(slice_of(opt->help ? opt->help : ""), OPTIONS_HELP_COLUMN,
		      OPTIONS_HELP_COLUMN);
}

void
options_print_help(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0, last = SIZE_MAX;

	printf("Usage: %s %s\n", o->program, o->synopsis ? o->synopsis : "");
	if (o->summary)
		print_wrapped(slice_of(o->summary), 0, 0);
	while ((opt = next_option(o, &table, opt))) {
		if (table != last)
			putchar('\n');
		last = table;
		print_option(opt);
	}
}

void
options_free(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = next_option(o, &table, opt))) {
		if (opt->type == OPTION_TEXT) {
			char **text = opt->target;

			free(*text);
			*text = NULL;
		} else if (opt->type == OPTION_TEXTS) {
			free_texts(opt->target);
		}
	}
}

/* ---- all sources ---- */

/* The file that the command line or the environment names; NULL: none. */
static const char *
named_file(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--config=", 9) == 0)
			return argv[i] + 9;
		if ((strcmp(argv[i], "--config") == 0 ||
		     strcmp(argv[i], "-c") == 0) && i + 1 < argc)
			return argv[i + 1];
	}
	return getenv("SSE_CONFIG");
}

static const char *
usual_file(const struct options *o, char *path, size_t size)
{
	const char *home = getenv("HOME");

	if (home && home[0] == '/' &&
	    (size_t)snprintf(path, size, "%s/.config/%s.conf", home,
			     o->program) < size && access(path, R_OK) == 0)
		return path;
	if ((size_t)snprintf(path, size, "/etc/%s.conf", o->program) < size &&
	    access(path, R_OK) == 0)
		return path;
	return NULL;
}

int
options_load(const struct options *o, int argc, char **argv, int *ret_first,
	     char *error, size_t size)
{
	char path[4096];
	const char *file = named_file(argc, argv);
	int r = 0;

	if (!file)
		file = usual_file(o, path, sizeof(path));
	if (file)
		r = options_file(o, file, error, size);
	if (r == 0)
		r = options_environment(o, error, size);
	if (r == 0)
		r = options_command_line(o, argc, argv, ret_first, error, size);
	return r;
}
