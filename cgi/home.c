/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/home.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <time.h>
#include <unistd.h>

#include "lib/base/netfs.h"

enum { DAY = 24 * 3600 };

/* Writes the nearest directory above `path`, or itself, that is there. */
static bool
find_existing(const char *path, char out[PATH_MAX])
{
	struct stat st;
	char *slash;

	if ((size_t)snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX)
		return false;
	while (stat(out, &st) < 0) {
		slash = strrchr(out, '/');
		if (!slash)
			return false;
		slash[slash == out] = '\0';
		if (slash == out && stat(out, &st) < 0)
			return false;
	}
	return true;
}

bool
home_is_below(const char *path, const char *root)
{
	char there[PATH_MAX], real[PATH_MAX], real_root[PATH_MAX];
	size_t len;

	if (!root[0] || !realpath(root, real_root))
		return false;
	/* Where it cannot be told, it is not made. */
	if (!find_existing(path, there) || !realpath(there, real))
		return true;
	len = strlen(real_root);
	while (len > 0 && real_root[len - 1] == '/')
		len--;
	return strncmp(real, real_root, len) == 0 &&
	       (real[len] == '/' || real[len] == '\0');
}

/* What is to be made there is on that file system. */
static bool
is_on_network(const char *path)
{
#ifdef __linux__
	char there[PATH_MAX];
	struct statfs fs;

	return find_existing(path, there) && statfs(there, &fs) == 0 &&
	       netfs_of_type((unsigned long)fs.f_type) != NETFS_LOCAL;
#else
	(void)path;
	return false;
#endif
}

/* NULL, or why no sockets can be there. */
static const char *
fault_of(const char *path)
{
	if (strlen(path) > HOME_PATH_MOST)
		return "is too long for the path of a socket";
	if (is_on_network(path))
		return "is on a network file system";
	return NULL;
}

static void
use(struct home *h, const char *path)
{
	snprintf(h->path, sizeof(h->path), "%s", path);
}

/* The account's, if it has one; why not otherwise. */
static const char *
find_own(char out[PATH_MAX])
{
	const struct passwd *pw = getpwuid(geteuid());
	struct stat st;

	if (!pw || pw->pw_dir[0] != '/' || stat(pw->pw_dir, &st) < 0 ||
	    !S_ISDIR(st.st_mode))
		return "is not there";
	if ((size_t)snprintf(out, PATH_MAX, "%s/.local/state/sse-cgi",
			     pw->pw_dir) >= PATH_MAX)
		return "is too long for the path of a socket";
	if (access(out, W_OK) < 0 && access(pw->pw_dir, W_OK) < 0)
		return "is not this account's to write to";
	return fault_of(out);
}

static int
find_usual(struct home *h, char *error, size_t size)
{
	char path[PATH_MAX] = "";
	const char *why = find_own(path);

	if (!why) {
		use(h, path);
		return 0;
	}
	snprintf(h->note, sizeof(h->note),
		 "The account's home %s, so the service lives in "
		 "/tmp/sse-fcgi-%lu; name another directory with "
		 "SSE_CGI_STATE.", why, (unsigned long)geteuid());
	snprintf(path, sizeof(path), "/tmp/sse-fcgi-%lu",
		 (unsigned long)geteuid());
	use(h, path);
	if (!is_on_network(path))
		return 0;
	snprintf(error, size, "The account's home %s, and /tmp is on a network "
		 "file system. Name a directory on a local disk with "
		 "SSE_CGI_STATE.", why);
	return -EREMOTE;
}

static int
find_given(const char *given, struct home *h, char *error, size_t size)
{
	const char *why = fault_of(given);

	if (!why) {
		use(h, given);
		return 0;
	}
	snprintf(error, size, "The directory %.200s (SSE_CGI_STATE) %s. Name "
		 "a short one on a local disk.", given, why);
	return strlen(given) > HOME_PATH_MOST ? -ENAMETOOLONG : -EREMOTE;
}

int
home_find(const char *given, const char *const *roots, struct home *ret_home,
	  char *error, size_t size)
{
	struct home h = { .note = "" };
	int r = given ? find_given(given, &h, error, size) :
			find_usual(&h, error, size);

	if (r < 0)
		return r;
	for (; *roots; roots++) {
		if (!home_is_below(h.path, *roots))
			continue;
		snprintf(error, size, "The service's directory would be %s, "
			 "below %.200s, which the web server shows to "
			 "everybody. Name one elsewhere with SSE_CGI_STATE, "
			 "or cgi-state in sse-cgi.conf.", h.path, *roots);
		return -EPERM;
	}
	*ret_home = h;
	return 0;
}

bool
home_is_to_tell(const struct home *h)
{
	char path[sizeof(h->path) + 16];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/told", h->path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		close(fd);
		return true;
	}
	if (lstat(path, &st) < 0 || time(NULL) - st.st_mtime < DAY)
		return false;
	return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As mkdir -p; each that is made is for this account alone. */
static int
make_all(const char *path)
{
	char part[HOME_PATH_MOST + 1];
	size_t len;

	for (len = 1; path[len - 1]; len++) {
		if (path[len] != '/' && path[len] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST &&
		    (path[len] == '\0' || errno != EROFS))
			return -errno;
	}
	return 0;
}

int
home_make(const struct home *h, char *error, size_t size)
{
	struct stat st;
	int r = make_all(h->path);

	if (r == 0 && lstat(h->path, &st) < 0)
		r = -errno;
	if (r < 0) {
		snprintf(error, size, "The service's directory %s cannot be "
			 "made: %s. Make it, or name another one with "
			 "SSE_CGI_STATE.", h->path, strerror(-r));
		return r;
	}
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & S_IWOTH))
		return 0;
	snprintf(error, size, "The service's directory %s is not one that "
		 "belongs to this account (%lu) and that others may not write "
		 "to. Remove it, or name another one with SSE_CGI_STATE.",
		 h->path, (unsigned long)geteuid());
	return -EPERM;
}
