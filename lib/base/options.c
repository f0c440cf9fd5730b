/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/base/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/escape.h"
#include "lib/base/options_reader.h"

/* --- environment -------------------------------------------------------- */

/* "max-clients" -> SSE_MAX_CLIENTS */
static void
variable_of(const struct option *opt, struct options_place *ret_at)
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
read_variable(struct options_reader *rd, const struct options_place *at,
	      const struct option *opt, struct slice value)
{
	int r = 0;

	if (opt->type != OPTION_TEXTS)
		return options_set(rd, at, opt, value);
	while (r == 0 && value.len > 0) {
		struct slice item =
		    options_trim(slice_take_until(&value, '\n'));

		if (item.len > 0)
			r = options_set(rd, at, opt, item);
	}
	return r;
}

int
options_environment(const struct options *o, char *error, size_t size)
{
	struct options_reader rd = { o, error, size };
	const struct option *opt = NULL;
	size_t table = 0;
	int r = 0;

	options_begin(o);
	while (r == 0 && (opt = options_next(o, &table, opt))) {
		struct options_place at;
		const char *value;

		variable_of(opt, &at);
		value = getenv(at.text);
		if (opt->type != OPTION_ACTION && value && value[0])
			r = read_variable(&rd, &at, opt, slice_of(value));
	}
	return r;
}

/* --- command line ------------------------------------------------------- */

static const struct option *
find_letter(const struct options *o, char letter)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = options_next(o, &table, opt)))
		if (opt->letter && opt->letter == letter)
			return opt;
	return NULL;
}

static bool
takes_argument(const struct option *opt)
{
	return opt->type != OPTION_FLAG && opt->type != OPTION_ACTION;
}

static int
fail_unknown(struct options_reader *rd, const char *dashes, struct slice name)
{
	char shown[64];

	escape_text(shown, sizeof(shown), name);
	return options_fail(rd, -EINVAL, "unknown option %s%s; try %s --help",
			    dashes, shown, rd->o->program);
}

/* Sets `opt` from `value`, or from the next argument when it is absent. */
static int
set_with_argument(struct options_reader *rd, const struct option *opt,
		  struct slice value, char **next, int *used)
{
	struct options_place at;

	snprintf(at.text, sizeof(at.text), "--%s", opt->name);
	if (!value.p) {
		if (!*next)
			return options_fail(
			    rd, -EINVAL, "%s needs a value: %s %s", at.text,
			    at.text, opt->argument ? opt->argument : "VALUE");
		value = slice_of(*next);
		++*used;
	}
	return options_set(rd, &at, opt, value);
}

/* Reads "--name", "--name=value" or "--no-name"; adds to *used what it took. */
static int
read_long(struct options_reader *rd, char **args, int *used)
{
	struct slice value = slice_of(args[0] + 2);
	struct slice name = slice_take_until(&value, '=');
	const struct option *opt = options_find(rd->o, name);
	bool on = true;

	if (args[0][2 + name.len] == '\0')
		value = SLICE_NONE;
	if (!opt && slice_starts(name, SLICE_LIT("no-"))) {
		opt = options_find(rd->o, (struct slice){ name.p + 3,
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
		return options_fail(
		    rd, -EINVAL, "--%s takes no value%s%s", opt->name,
		    opt->type == OPTION_FLAG ? "; its opposite is --no-" : "",
		    opt->type == OPTION_FLAG ? opt->name : "");
	*(bool *)opt->target = on;
	return 0;
}

/* Reads "-v", "-vq", "-bvalue" or "-b value". */
static int
read_short(struct options_reader *rd, char **args, int *used)
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
	struct options_reader rd = { o, error, size };
	int i = 1, used, r;

	options_begin(o);
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

void
options_free(const struct options *o)
{
	const struct option *opt = NULL;
	size_t table = 0;

	while ((opt = options_next(o, &table, opt))) {
		if (opt->type == OPTION_TEXT) {
			char **text = opt->target;

			free(*text);
			*text = NULL;
		} else if (opt->type == OPTION_TEXTS) {
			options_free_texts(opt->target);
		}
	}
}

/* --- all sources -------------------------------------------------------- */

/*
 * Reads the file at `path`. One that is not there is none; with `is_guess`
 * neither is one that cannot be reached (a HOME that is another user's).
 */
static int
read_usual_file(const struct options *o, const char *path, bool is_guess,
		char *error, size_t size)
{
	int r = options_file(o, path, error, size);

	if (r == -ENOENT || r == -ENOTDIR || (is_guess && r == -EACCES))
		return -ENOENT;
	return r;
}

static int
read_usual_files(const struct options *o, char *error, size_t size)
{
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	int r = -ENOENT;

	if (home && home[0] == '/' &&
	    (size_t)snprintf(path, sizeof(path), "%s/.config/%s.conf", home,
			     o->program) < sizeof(path))
		r = read_usual_file(o, path, true, error, size);
	if (r == -ENOENT) {
		snprintf(path, sizeof(path), "/etc/%s.conf", o->program);
		r = read_usual_file(o, path, false, error, size);
	}
	return r == -ENOENT ? 0 : r;
}

/* The file that the command line, read before, or the environment names. */
static int
read_config_file(const struct options *o, char *error, size_t size)
{
	const struct option *opt = options_find(o, SLICE_LIT("config"));
	const char *named = opt ? *(char **)opt->target : NULL;
	char path[PATH_MAX];

	if (!named)
		named = getenv("SSE_CONFIG");
	if (!named || !named[0])
		return read_usual_files(o, error, size);
	/* A copy: the file may hold a line `config` itself. */
	if ((size_t)snprintf(path, sizeof(path), "%s", named) >= sizeof(path)) {
		snprintf(error, size, "--config: the file's name is too long");
		return -EINVAL;
	}
	return options_file(o, path, error, size);
}

/* Whether the command line asks for what no configuration file can spoil. */
static bool
only_explains(const struct options *o)
{
	const struct option *help = options_find(o, SLICE_LIT("help"));
	const struct option *version = options_find(o, SLICE_LIT("version"));

	return (help && *(bool *)help->target) ||
	       (version && *(bool *)version->target);
}

int
options_load(const struct options *o, int argc, char **argv, int *ret_first,
	     char *error, size_t size)
{
	int r;

	/* Once to learn of --config, and again because the later wins. */
	r = options_command_line(o, argc, argv, ret_first, error, size);
	if (r < 0 || only_explains(o))
		return r;
	r = read_config_file(o, error, size);
	if (r == 0)
		r = options_environment(o, error, size);
	if (r == 0)
		r = options_command_line(o, argc, argv, ret_first, error, size);
	if (r == 0 && size > 0)
		error[0] = '\0';	/* a usual file that is not there is no error */
	return r;
}
