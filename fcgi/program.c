/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/program.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNNING "/proc/self/exe"
#define DELETED " (deleted)"

/* Whether that is the file that runs; where /proc is not there: as far as
 * one can tell. */
static bool
is_running(const char *path)
{
	struct stat named, running;

	if (stat(path, &named) < 0 || !S_ISREG(named.st_mode))
		return false;
	return stat(RUNNING, &running) < 0 ||
	       (named.st_dev == running.st_dev &&
		named.st_ino == running.st_ino);
}

/* folder/name, below the working directory if it is not absolute. */
static bool
try_path(struct program *p, const char *folder, size_t len, const char *name)
{
	char here[PATH_MAX] = "";
	int n;

	if ((len == 0 || folder[0] != '/') && !getcwd(here, sizeof(here)))
		return false;
	n = snprintf(p->path, sizeof(p->path), "%s%s%.*s%s%s", here,
		     here[0] ? "/" : "", (int)len, folder, len ? "/" : "",
		     name);
	return n > 0 && (size_t)n < sizeof(p->path) && is_running(p->path);
}

/* As execvp(3) does it. */
static bool
try_search(struct program *p, const char *name)
{
	const char *folders = getenv("PATH");
	size_t len;

	for (; folders && name[0]; folders += len + 1) {
		len = strcspn(folders, ":");
		if (try_path(p, folders, len, name))
			return true;
		if (!folders[len])
			break;
	}
	return false;
}

static bool
try_name(struct program *p, const char *name)
{
	if (!name)
		return false;
	if (name[0] == '/')
		return snprintf(p->path, sizeof(p->path), "%s", name) <
			       (int)sizeof(p->path) && is_running(p->path);
	if (strncmp(name, "./", 2) == 0)
		name += 2;
	else if (!strchr(name, '/'))
		return try_search(p, name);
	return try_path(p, "", 0, name);
}

/* argv[0] lied, or the file was replaced already. */
static void
ask_kernel(struct program *p)
{
	ssize_t n = readlink(RUNNING, p->path, sizeof(p->path) - 1);
	size_t end;

	p->path[n > 0 ? n : 0] = '\0';
	end = strlen(p->path);
	if (end > strlen(DELETED) && !is_running(p->path) &&
	    strcmp(p->path + end - strlen(DELETED), DELETED) == 0)
		p->path[end - strlen(DELETED)] = '\0';
}

void
program_find(struct program *p, char **argv)
{
	*p = (struct program){ .argv = argv };
	if (!try_name(p, argv[0]))
		ask_kernel(p);
}

int
program_identity(const struct program *p, struct buf *out)
{
	struct stat st = { 0 };

	if (stat(RUNNING, &st) < 0)
		(void)stat(p->path, &st);
	return buf_printf(out, "program %ju %ju %jd.%09ld\n",
			  (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
			  (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int
program_exec(const struct program *p, const char *extra)
{
	char **argv;
	size_t n = 0;
	int r;

	while (p->argv[n])
		n++;
	argv = calloc(n + 2, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = p->argv[0];
	if (extra)
		argv[1] = (char *)(uintptr_t)extra;
	memcpy(argv + (extra ? 2 : 1), p->argv + 1,
	       (n ? n - 1 : 0) * sizeof(*argv));
	execv(p->path, argv);
	r = -errno;
	free(argv);
	return r;
}
