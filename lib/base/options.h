/* SPDX-License-Identifier: MIT */
/*
 * options: one table of a program's options, read from the configuration
 * file, the environment (SSE_*) and the command line; the later wins. The
 * table also prints --help, and the man pages are checked against it.
 *
 * Configuration file: one `name = value` or `name value` a line, the option's
 * long name without dashes; `#` at the begin of a line or after a blank begins
 * a comment; repeatable options may stand several times, and in an environment
 * variable once a line. A later source replaces all that an earlier one gave.
 */
#ifndef LIB_BASE_OPTIONS_H
#define LIB_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum option_type {
	OPTION_FLAG,		/* bool; --NAME, --no-NAME; yes/no elsewhere */
	OPTION_TEXT,		/* char *, owned by the target; NULL at first */
	OPTION_TEXTS,		/* struct option_texts; repeatable */
	OPTION_DURATION,	/* int64_t milliseconds */
	OPTION_SIZE,		/* uint64_t bytes */
	OPTION_COUNT,		/* uint64_t */
	OPTION_ACTION,		/* bool; command line only: --help, --setup */
};

struct option_texts {		/* zeroed: none */
	char **items;		/* owned, each; NULL after the last */
	size_t count;
	size_t earlier;		/* of them, from a source read before */
};

struct option {
	const char *name;	/* "max-age": --max-age, SSE_MAX_AGE */
	char letter;		/* short form, or 0 */
	enum option_type type;
	void *target;
	const char *argument;	/* "PATH", as --help shows it; NULL for flags */
	const char *help;	/* one line; the default is named in it */
};

struct options {
	const struct option *const *tables;	/* several, NULL-terminated */
	/* each table ends with an entry whose name is NULL */
	const char *program;
	const char *synopsis;	/* "[OPTION]..." */
	const char *summary;	/* one sentence for --help */
};

/*
 * Each returns 0, or -EINVAL with a whole sentence in `error` that names the
 * option, the value and what would be right; -ENOMEM likewise, and from
 * options_file the -errno of a file that cannot be read (-ENOENT: none there).
 * What came before the mistake is set then. options_command_line stops at the
 * first operand, whose index goes to *ret_first. An empty environment variable
 * is an absent one.
 */
int options_file(const struct options *o, const char *path, char *error,
		 size_t size);
int options_environment(const struct options *o, char *error, size_t size);
int options_command_line(const struct options *o, int argc, char **argv,
			 int *ret_first, char *error, size_t size);

/*
 * All three in their order, each once. The file is what the option `config`
 * (or -c, if the table has it) or SSE_CONFIG names, else the first of
 * $HOME/.config/PROGRAM.conf and /etc/PROGRAM.conf that exists. After --help
 * or --version only the command line is read: a broken file must not stop them.
 */
int options_load(const struct options *o, int argc, char **argv, int *ret_first,
		 char *error, size_t size);

void options_print_help(const struct options *o);	/* to stdout */
void options_free(const struct options *o);	/* the texts the table owns */

/*
 * Writes what one table was given: every option of it, so that two texts are
 * equal only if nothing differs. 0 or -ENOMEM.
 */
int options_write(const struct option *table, struct buf *out);

#endif
