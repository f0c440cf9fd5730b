/* SPDX-License-Identifier: MIT */
/*
 * home: the directory of this account's service: its sockets, its store, its
 * log. It is the service's bus directory, too.
 *
 * A CGI program has no HOME, so the account's is asked for. Nothing is made
 * below what the web server shows to the world, and neither sockets nor a
 * store on a network file system, where the one cannot be and the other would
 * be ruined: /tmp/sse-fcgi-UID then.
 */
#ifndef CGI_HOME_H
#define CGI_HOME_H

#include <stdbool.h>
#include <stddef.h>

enum {
	/* so that the longest socket's path fits: 107 bytes */
	HOME_PATH_MOST = 107 - (int)sizeof("/worker.sock"),
};

/* The service of the whole machine, which goes first if it lets us in. */
#define HOME_SYSTEM "/run/sse-fcgi"

struct home {
	char path[HOME_PATH_MOST + 1];
	char note[400];		/* a sentence for the log; "": there is none */
};

/*
 * Whether `path` is `root` or below it, both as they are on the disk; what is
 * not there yet is where it would be. An empty root holds nothing.
 */
bool home_is_below(const char *path, const char *root);

/*
 * Finds the directory: `given` (a setting), or the usual one; NULL: none given.
 * `roots` are the directories that the web server shows, NULL-terminated.
 * 0, or negative with a whole sentence: -EPERM (below a root), -ENAMETOOLONG,
 * -EREMOTE, -ENOTDIR.
 */
int home_find(const char *given, const char *const *roots,
	      struct home *ret_home, char *error, size_t size);

/*
 * Makes it, for this account alone, or sees that it is this account's. 0, or
 * negative errno with a whole sentence.
 */
int home_make(const struct home *h, char *error, size_t size);

/*
 * Whether something that is true of every request is to be said for this one:
 * once a day, for who looks into the web server's log.
 */
bool home_is_to_tell(const struct home *h);

#endif
