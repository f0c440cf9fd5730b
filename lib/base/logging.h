/* SPDX-License-Identifier: MIT */
/*
 * logging: one line at a time to stderr, syslog or a file. Only programs log;
 * library rooms return errors instead.
 */
#ifndef LIB_BASE_LOGGING_H
#define LIB_BASE_LOGGING_H

enum logging_level {
	LOGGING_ERROR,
	LOGGING_WARNING,
	LOGGING_NOTICE,
	LOGGING_INFO,
	LOGGING_DEBUG,
};

/*
 * `target` is "stderr", "syslog" or a file name; NULL chooses stderr, or
 * syslog when stderr is /dev/null. `program` is borrowed for good. Returns 0
 * or -errno of opening the file (the old sink stays then).
 */
int logging_open(const char *program, const char *target);

/* Opens the file again, after rotation. 0 or -errno (the old one stays). */
int logging_reopen(void);

void logging_set_level(enum logging_level level);	/* NOTICE at first */

/* What this process calls itself in each line ("hub", "worker 1"); copied. */
void logging_set_role(const char *role);

/*
 * Writes one line; control characters are escaped, so that a stranger's bytes
 * cannot forge a second line. Lines to a file carry the time.
 */
void logging_write(enum logging_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...)   logging_write(LOGGING_ERROR, __VA_ARGS__)
#define log_warning(...) logging_write(LOGGING_WARNING, __VA_ARGS__)
#define log_notice(...)  logging_write(LOGGING_NOTICE, __VA_ARGS__)
#define log_info(...)    logging_write(LOGGING_INFO, __VA_ARGS__)
#define log_debug(...)   logging_write(LOGGING_DEBUG, __VA_ARGS__)

#endif
