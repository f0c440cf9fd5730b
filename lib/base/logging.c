/* SPDX-License-Identifier: MIT */
/*
 * A line is made whole first and leaves in one write(2), so that the lines of
 * several processes that share a sink do not mix. A sink that cannot take a
 * line, such as a pipe that nobody reads, loses it: waiting for it would stop
 * everything that is served.
 */
#include "config.h"

#include "lib/base/logging.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/escape.h"

enum {
	LOGGING_TEXT = 2048,	/* longer ones are cut: a stranger's, mostly */
	LOGGING_HEAD = 256,	/* time, program, process, role */
};

static struct {
	const char *program;	/* borrowed for good; NULL: not opened yet */
	char *path;		/* owned; of the file, else NULL */
	int fd;
	bool is_syslog;
	bool is_journal;	/* stderr leads to it: lines carry a priority */
	enum logging_level level;
	unsigned long lost;	/* lines, since the last that was written */
	char role[64];
} logging = { .fd = STDERR_FILENO, .level = LOGGING_NOTICE };

static const int logging_priority[] = {
	[LOGGING_ERROR] = LOG_ERR,
	[LOGGING_WARNING] = LOG_WARNING,
	[LOGGING_NOTICE] = LOG_NOTICE,
	[LOGGING_INFO] = LOG_INFO,
	[LOGGING_DEBUG] = LOG_DEBUG,
};

/* Whether nobody can read what is written to stderr. */
static bool
stderr_is_void(void)
{
	struct stat err, null;

	if (fstat(STDERR_FILENO, &err) < 0)
		return true;
	return S_ISCHR(err.st_mode) && stat("/dev/null", &null) == 0 &&
	       err.st_rdev == null.st_rdev;
}

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of the journal. */
static bool
stderr_is_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (!named || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return strcmp(here, named) == 0;
}

static int
logging_open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
			    O_NOCTTY, 0640);

	return fd < 0 ? -errno : fd;
}

/* Lets go of the sink there is; stderr is never closed. */
static void
logging_close(void)
{
	if (logging.path)
		close(logging.fd);
	else if (logging.is_syslog)
		closelog();
	free(logging.path);
	logging.path = NULL;
	logging.fd = STDERR_FILENO;
	logging.is_syslog = false;
	logging.is_journal = false;
}

int
logging_open(const char *program, const char *target)
{
	char *path;
	int fd;

	logging.program = program;
	if (!target)
		target = stderr_is_void() ? "syslog" : "stderr";
	if (strcmp(target, "stderr") == 0) {
		logging_close();
		logging.is_journal = stderr_is_journal();
		return 0;
	}
	if (strcmp(target, "syslog") == 0) {
		logging_close();
		openlog(program, LOG_PID, LOG_DAEMON);
		logging.is_syslog = true;
		return 0;
	}
	path = strdup(target);
	if (!path)
		return -ENOMEM;
	fd = logging_open_file(path);
	if (fd < 0) {
		free(path);
		return fd;
	}
	logging_close();
	logging.path = path;
	logging.fd = fd;
	return 0;
}

int
logging_reopen(void)
{
	int fd;

	if (!logging.path)
		return 0;
	fd = logging_open_file(logging.path);
	if (fd < 0)
		return fd;
	close(logging.fd);
	logging.fd = fd;
	return 0;
}

void
logging_set_level(enum logging_level level)
{
	logging.level = level;
}

void
logging_set_role(const char *role)
{
	escape_text(logging.role, sizeof(logging.role), slice_of(role));
}

/* "2025-01-31T12:00:00.250Z " */
static size_t
format_time(char *out, size_t size)
{
	struct timespec now;
	struct tm utc;
	size_t len;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    !gmtime_r(&now.tv_sec, &utc))
		return 0;
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return len + (size_t)snprintf(out + len, size - len, ".%03ldZ ",
				      now.tv_nsec / 1000000);
}

/* Everything in front of the text; at most LOGGING_HEAD bytes with its NUL. */
static size_t
format_head(char out[LOGGING_HEAD], enum logging_level level)
{
	size_t len = 0;
	int n;

	if (logging.is_journal)
		len = (size_t)snprintf(out, LOGGING_HEAD, "<%d>",
				       logging_priority[level]);
	if (logging.path)
		len = format_time(out, LOGGING_HEAD);
	if (!logging.program)
		return len;
	n = snprintf(out + len, LOGGING_HEAD - len, "%.64s[%ld]%s%s: ",
		     logging.program, (long)getpid(),
		     logging.role[0] ? " " : "", logging.role);
	return len + (size_t)n;
}

/* Whether the sink takes a line without making us wait. */
static bool
is_ready(void)
{
	struct pollfd p = { .fd = logging.fd, .events = POLLOUT };
	int r;

	do
		r = poll(&p, 1, 0);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

static void
write_line(enum logging_level level, const char *text, size_t len)
{
	/* Longer than a line, and less than PIPE_BUF: it fits or it waits. */
	char line[LOGGING_HEAD + LOGGING_TEXT + 64];
	size_t at;

	if (!is_ready()) {
		logging.lost++;
		return;
	}
	at = format_head(line, level);
	if (logging.lost > 0)
		at += (size_t)snprintf(line + at, 48, "(%lu lines were lost) ",
				       logging.lost);
	logging.lost = 0;
	memcpy(line + at, text, len);
	line[at + len] = '\n';
	while (write(logging.fd, line, at + len + 1) < 0 && errno == EINTR)
		;
}

void
logging_write(enum logging_level level, const char *format, ...)
{
	char raw[LOGGING_TEXT], text[LOGGING_TEXT];
	int saved_errno = errno;	/* callers still ask for it */
	va_list ap;
	size_t len;
	int n;

	if (level > logging.level)
		return;
	va_start(ap, format);
	n = vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	if (n >= (int)sizeof(raw))
		memcpy(raw + sizeof(raw) - 4, "...", 4);
	len = escape_text(text, sizeof(text), slice_of(raw));
	if (logging.is_syslog)
		syslog(logging_priority[level], "%s%s%s", logging.role,
		       logging.role[0] ? ": " : "", text);
	else
		write_line(level, text, len);
	errno = saved_errno;
}
