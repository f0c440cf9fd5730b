/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/keymaker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/clients.h"
#include "lib/bus/curve.h"
#include "lib/bus/zmqport.h"

enum { CERTIFICATE_SIZE = 512 };

struct keymaker {
	const char *directory;
	struct clients clients;		/* those listed so far */
	char *error;
	size_t size;
};

/* An exit status, with its sentence. */
static int __attribute__((format(printf, 3, 4)))
fail(struct keymaker *k, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(k->error, k->size, format, args);
	va_end(args);
	return status;
}

static int
fail_file(struct keymaker *k, const char *what, const char *path, int error)
{
	return fail(k, error == EACCES || error == EPERM ? EX_NOPERM :
			       EX_CANTCREAT,
		    "cannot %s %.300s: %s", what, path, strerror(error));
}

static void
make_path(const struct keymaker *k, const char *name, const char *suffix,
	  char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s%s", k->directory, name, suffix);
}

/* --- files -------------------------------------------------------------- */

static int
write_all(int fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;

	while (len > 0) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			text += n, len -= (size_t)n;
	}
	return 0;
}

/* Makes a file that is not there yet, whole or not at all. */
static int
make_file(struct keymaker *k, const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return fail_file(k, "make", path, errno);
	r = write_all(fd, text);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlink(path);
	return fail_file(k, "write", path, -r);
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int
make_directory(struct keymaker *k)
{
	struct stat st;

	if (mkdir(k->directory, 0755) < 0 && errno != EEXIST)
		return fail_file(k, "make", k->directory, errno);
	if (stat(k->directory, &st) < 0)
		return fail_file(k, "use", k->directory, errno);
	if (!S_ISDIR(st.st_mode))
		return fail_file(k, "use", k->directory, ENOTDIR);
	if (st.st_mode & S_IWOTH)
		return fail(k, EX_NOPERM,
			    "everyone can write to %.300s and so replace the keys; take that right away: chmod o-w %.300s",
			    k->directory, k->directory);
	return 0;
}

/* --- keys --------------------------------------------------------------- */

static int
write_pair(struct keymaker *k, const char *path, const struct curve *pair,
	   const char *whose)
{
	char text[CERTIFICATE_SIZE];
	int r;

	snprintf(text, sizeof(text),
		 "# A secret key of sse-fcgi, %s. Whoever has this file can pass for it.\n"
		 "metadata\n"
		 "curve\n"
		 "    public-key = \"%s\"\n"
		 "    secret-key = \"%s\"\n", whose, pair->public,
		 pair->secret);
	r = make_file(k, path, 0600, text);
	explicit_bzero(text, sizeof(text));
	return r;
}

/* The pair in NAME.key, which is made if it is not there. An exit status. */
static int
need_pair(struct keymaker *k, const char *name, const char *whose,
	  struct curve *ret_pair)
{
	char path[PATH_MAX];
	int r;

	make_path(k, name, ".key", path);
	if (exists(path)) {
		r = curve_read_pair(ret_pair, path, k->error, k->size);
		if (r == 0)
			printf("kept %s\n", path);
		return r == 0 ? 0 : r == -EPERM ? EX_NOPERM : EX_CONFIG;
	}
	if (zmqport_key_pair(ret_pair->public, ret_pair->secret) < 0)
		return fail(k, EX_UNAVAILABLE,
			    "the ZeroMQ library of this machine was built without CURVE and cannot make keys");
	r = write_pair(k, path, ret_pair, whose);
	if (r == 0)
		printf("made %s\n", path);
	return r;
}

static int
make_hub(struct keymaker *k)
{
	char path[PATH_MAX], text[CERTIFICATE_SIZE];
	struct curve pair = { 0 };
	int r = need_pair(k, "hub", "the hub's", &pair);

	make_path(k, "hub", ".pub", path);
	if (r == 0 && !exists(path)) {
		snprintf(text, sizeof(text),
			 "# The public key of a hub of sse-fcgi: its clients know the hub by it.\n"
			 "metadata\n"
			 "curve\n"
			 "    public-key = \"%s\"\n", pair.public);
		r = make_file(k, path, 0644, text);
		if (r == 0)
			printf("made %s\n", path);
	}
	explicit_bzero(&pair, sizeof(pair));
	return r;
}

/* --- clients ------------------------------------------------------------ */

static const char clients_head[] =
    "# The public keys that may connect to the hub, one a line: RIGHTS KEY NAME.\n"
    "# RIGHTS is publish, follow, or publish,follow. The hub sees a change by\n"
    "# itself; who is connected stays so until the connection ends.\n";

static int
load_clients(struct keymaker *k, char path[PATH_MAX])
{
	int r;

	make_path(k, "clients", "", path);
	if (!exists(path)) {
		r = make_file(k, path, 0644, clients_head);
		if (r != 0)
			return r;
		printf("made %s\n", path);
	}
	r = clients_load(&k->clients, path, k->error, k->size);
	return r == 0 ? 0 : r == -EPERM ? EX_NOPERM : EX_CONFIG;
}

static int
append_line(struct keymaker *k, const char *path, const char *line)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	char last = '\n';
	int r;

	if (fd < 0)
		return fail_file(k, "write", path, errno);
	/* An editor may have left the last line open. */
	if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) < 0)
		last = '\n';
	r = last == '\n' ? 0 : write_all(fd, "\n");
	if (r == 0)
		r = write_all(fd, line);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r == 0 ? 0 : fail_file(k, "write", path, -r);
}

/* The name becomes a file's and a word of the list. */
static bool
is_name(const char *name)
{
	static const char fit[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
	size_t len = strlen(name);

	return len > 0 && len < CLIENTS_NAME_SIZE && name[0] != '.' &&
	       strspn(name, fit) == len && strcmp(name, "hub") != 0;
}

static int
make_client(struct keymaker *k, const char *list, const char *text)
{
	const char *colon = strchr(text, ':'), *listed;
	size_t len = colon ? (size_t)(colon - text) : 0;
	unsigned rights = clients_parse_rights(text, len);
	char line[CURVE_SIZE + CLIENTS_NAME_SIZE + 32], whose[128];
	struct curve pair = { 0 };
	int r;

	if (!rights || !is_name(colon + 1))
		return fail(k, EX_USAGE,
			    "\"%.100s\" is no client; write publish:NAME, follow:NAME or publish,follow:NAME, with a NAME of letters, digits, dots and dashes that is not \"hub\"",
			    text);
	snprintf(whose, sizeof(whose), "for the client \"%s\"", colon + 1);
	r = need_pair(k, colon + 1, whose, &pair);
	explicit_bzero(pair.secret, sizeof(pair.secret));
	if (r != 0 ||
	    (clients_rights(&k->clients, pair.public, &listed) & rights) ==
		    rights)
		return r;
	snprintf(line, sizeof(line), "%.*s %s %s\n", (int)len, text,
		 pair.public, colon + 1);
	r = append_line(k, list, line);
	if (r == 0)
		printf("listed it in %s\n", list);
	return r;
}

static int
make_clients(struct keymaker *k, const char *const *clients)
{
	char path[PATH_MAX];
	int r = load_clients(k, path);

	for (; r == 0 && *clients; clients++)
		r = make_client(k, path, *clients);
	return r;
}

/* --- words -------------------------------------------------------------- */

static void
print_advice(const char *d)
{
	printf("\n"
	       "The hub listens on an address of this machine and the two ports above:\n"
	       "  sse-hub --bus tcp://HOST:5560 --curve-key %s/hub.key --curve-clients %s/clients\n"
	       "hub.key must belong to the user that runs it, and to nobody else.\n"
	       "\n"
	       "A client gets its own key, by a safe way such as scp, and hub.pub:\n"
	       "  sse-publish --bus tcp://HOST:5560 --curve-key publisher.key --curve-hub hub.pub TOPIC DATA\n"
	       "  sse-fcgi --hub off --bus tcp://HOST:5560 --curve-key worker.key --curve-hub hub.pub\n"
	       "\n"
	       "One more client: sse-hub --make-keys %s publish:NAME (or follow:NAME)\n",
	       d, d, d);
}

int
keymaker_run(const char *directory, const char *const *clients, char *error,
	     size_t size)
{
	static const char *const usual[] = {
		"publish:publisher", "follow:worker", NULL,
	};
	struct keymaker k = {
		.directory = directory, .error = error, .size = size,
	};
	int r;

	if (strlen(directory) + CLIENTS_NAME_SIZE + sizeof("/.key") > PATH_MAX)
		return fail_file(&k, "use", directory, ENAMETOOLONG);
	r = make_directory(&k);
	if (r == 0)
		r = make_hub(&k);
	if (r == 0)
		r = make_clients(&k, clients[0] ? clients : usual);
	clients_done(&k.clients);
	if (r == 0 && !clients[0])
		print_advice(directory);
	if (r == 0 && fflush(stdout) != 0)
		r = fail(&k, EX_IOERR, "cannot write to standard output: %s",
			 strerror(errno));
	return r;
}
