/* SPDX-License-Identifier: MIT */
/*
 * address: from what the user gave, or did not give, to three endpoints.
 *
 * A default is looked for in a fixed order and the first place that exists is
 * taken, whether or not a hub answers there: trying the next one could
 * acknowledge an event into the wrong site.
 */
#include "config.h"

#include "lib/bus/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/sentence.h"
#include "lib/base/units.h"

enum {
	UNIX_PATH_MOST = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
	NAME_LONGEST = sizeof("/publish") - 1,
	PORT_MOST = 65535 - 2,	/* two more ports follow */
};

static const char *const names[] = {
	[BUS_PUBLISH] = "publish",
	[BUS_FOLLOW] = "follow",
	[BUS_EVENTS] = "events",
};

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The value of a variable that is set and not empty. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] != '\0' ? value : NULL;
}

/* Where sse-cgi keeps this account's service; HOME may be another's. */
static bool
find_cgi(char *out, size_t size)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw && (size_t)snprintf(out, size, "%s/.local/state/sse-cgi",
				      pw->pw_dir) < size &&
	       is_directory(out);
}

/* Writes the default directory; what is too long shows later, at the check. */
static enum bus_origin
find_default(char *out, size_t size)
{
	const char *value = variable("RUNTIME_DIRECTORY");

	if (value) {
		/* systemd lists several with colons between them */
		snprintf(out, size, "%.*s", (int)strcspn(value, ":"), value);
		return BUS_RUNTIME_DIRECTORY;
	}
	if (is_directory("/run/sse-fcgi")) {
		snprintf(out, size, "/run/sse-fcgi");
		return BUS_SYSTEM;
	}
	if (find_cgi(out, size))
		return BUS_CGI;
	value = variable("XDG_RUNTIME_DIR");
	if (value && is_directory(value)) {
		snprintf(out, size, "%s/sse-fcgi", value);
		return BUS_XDG;
	}
	snprintf(out, size, "/tmp/sse-fcgi-%lu", (unsigned long)geteuid());
	return BUS_TMP;
}

/* Only where nobody else listens in: without keys, tcp is open to all. */
static bool
is_loopback(const char *host)
{
	struct in_addr v4;

	if (strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 &&
	       ntohl(v4.s_addr) >> 24 == 127;
}

/* A name, a number, [a number of IPv6], or *. No more: ZeroMQ takes other
 * characters for a second address. */
static bool
is_host(const char *host)
{
	static const char name[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	struct in6_addr v6;
	char number[64];
	size_t len = strlen(host);

	if (host[0] != '[')
		return strcmp(host, "*") == 0 || strspn(host, name) == len;
	if (len - 2 >= sizeof(number) || host[len - 1] != ']')
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)len - 2, host + 1);
	return inet_pton(AF_INET6, number, &v6) == 1;
}

static int
parse_tcp(const char *text, struct bus_address *a, char *error, size_t size)
{
	const char *host = text + strlen("tcp://");
	const char *colon = strrchr(host, ':');
	uint64_t port;

	if (!colon || colon == host || strlen(host) >= sizeof(a->host) ||
	    parse_u64(slice_of(colon + 1), &port) < 0)
		return sentence_say(error, size, -EINVAL,
			   "The bus address \"%.200s\" is not of the form "
			   "tcp://HOST:PORT.", text);
	if (port < 1 || port > PORT_MOST)
		return sentence_say(error, size, -EINVAL,
			   "The port of the bus address \"%.200s\" is not one "
			   "of 1 to %d (the next two ports are used too).",
			   text, PORT_MOST);
	a->is_tcp = true;
	a->port = (unsigned)port;
	snprintf(a->host, sizeof(a->host), "%.*s", (int)(colon - host), host);
	/* ZeroMQ binds to numbers and interfaces, not to names. */
	if (strcmp(a->host, "localhost") == 0)
		strcpy(a->host, "127.0.0.1");
	if (!is_host(a->host))
		return sentence_say(error, size, -EINVAL,
			   "The host in the bus address \"%.200s\" is neither a "
			   "name, nor an IPv4 address, nor an IPv6 address in "
			   "[].", text);
	a->is_remote = !is_loopback(a->host);
	snprintf(a->path, sizeof(a->path), "tcp://%.400s:%u", a->host, a->port);
	return 0;
}

static int
parse_directory(const char *text, struct bus_address *a, char *error,
		size_t size)
{
	char cwd[BUS_PATH_MAX] = "";
	int len;

	if (text[0] == '\0' || strstr(text, "://"))
		return sentence_say(error, size, -EINVAL,
			   "The bus address \"%.200s\" is neither a directory "
			   "nor tcp://HOST:PORT.", text);
	if (text[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return sentence_say(error, size, errno == ERANGE ? -ENAMETOOLONG : -errno,
			   "The bus address \"%.200s\" is relative, and the "
			   "current directory cannot be told: %s.", text,
			   strerror(errno));
	while (text[0] == '.' && text[1] == '/')
		text += 2;
	len = snprintf(a->path, sizeof(a->path), "%s%s%s", cwd,
		       cwd[0] ? "/" : "", text);
	while (len > 1 && len < BUS_PATH_MAX && a->path[len - 1] == '/')
		a->path[--len] = '\0';
	if (len + NAME_LONGEST > UNIX_PATH_MOST)
		return sentence_say(error, size, -ENAMETOOLONG,
			   "The bus directory \"%.200s\" is too long: it may "
			   "have %d bytes, because a unix socket's path ends "
			   "at %d. Choose a shorter one, such as "
			   "/run/sse-fcgi.", text,
			   (int)UNIX_PATH_MOST - (int)NAME_LONGEST,
			   (int)UNIX_PATH_MOST);
	return 0;
}

int
bus_address_parse(const char *text, struct bus_address *ret_address,
		  char *error, size_t size)
{
	char found[BUS_PATH_MAX];
	struct bus_address a = { .origin = BUS_GIVEN };
	int r;

	if (!text)
		text = variable("SSE_BUS");
	if (!text) {
		a.origin = find_default(found, sizeof(found));
		text = found;
	}
	if (strncmp(text, "tcp://", 6) == 0)
		r = parse_tcp(text, &a, error, size);
	else
		r = parse_directory(text, &a, error, size);
	if (r == 0)
		*ret_address = a;
	return r;
}

static void
write_endpoint(const struct bus_address *a, enum bus_endpoint which,
	       const char *host, char out[BUS_ENDPOINT_MAX])
{
	/* Nobody gets to a socket beyond loopback without keys. */
	assert(!a->is_remote || curve_is_set(&a->curve));
	if (a->is_tcp)
		snprintf(out, BUS_ENDPOINT_MAX, "tcp://%.400s:%u", host,
			 a->port + (unsigned)which);
	else
		snprintf(out, BUS_ENDPOINT_MAX, "ipc://%.400s/%s", a->path,
			 names[which]);
}

void
bus_address_endpoint(const struct bus_address *a, enum bus_endpoint which,
		     char out[BUS_ENDPOINT_MAX])
{
	write_endpoint(a, which, a->host, out);
}

void
bus_address_peer(const struct bus_address *a, enum bus_endpoint which,
		 char out[BUS_ENDPOINT_MAX])
{
	const char *host = a->host;

	if (strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	else if (strcmp(host, "[::]") == 0)
		host = "[::1]";
	write_endpoint(a, which, host, out);
}

/* Whether events may be entrusted to what this user runs. */
static bool
is_trusted(const struct bus_address *a, uid_t owner)
{
	const struct passwd *pw;

	if (owner == geteuid())
		return true;
	/* In /tmp anyone can make a directory first. */
	if (a->origin == BUS_TMP)
		return false;
	if (owner == 0)
		return true;
	pw = getpwnam("sse-fcgi");
	return pw && pw->pw_uid == owner;
}

int
bus_address_check_directory(const struct bus_address *a, char *error,
			    size_t size)
{
	struct stat st;

	if (a->is_tcp)
		return 0;
	if ((a->origin == BUS_TMP ? lstat : stat)(a->path, &st) < 0)
		return sentence_say(error, size, -errno,
			   "The bus directory %s cannot be used: %s.", a->path,
			   strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return sentence_say(error, size, -ENOTDIR,
			   "The bus address %s is not a directory.", a->path);
	if (!is_trusted(a, st.st_uid))
		return sentence_say(error, size, -EPERM,
			   "The bus directory %s belongs to user %lu, not to "
			   "this user, root or sse-fcgi. Use a directory of "
			   "your own, or \"sudo sse-fcgi --setup\" for a "
			   "common one.", a->path, (unsigned long)st.st_uid);
	if (st.st_mode & S_IWOTH)
		return sentence_say(error, size, -EPERM,
			   "Everyone can write to the bus directory %s and so "
			   "replace its sockets. Take that right away: "
			   "chmod o-w %s", a->path, a->path);
	return 0;
}

/* Fills in the socket address of an endpoint; returns its length, 0: none. */
static socklen_t
socket_address(const struct bus_address *a, enum bus_endpoint which,
	       struct sockaddr_storage *out)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	uint16_t port = htons((uint16_t)(a->port + (unsigned)which));

	memset(out, 0, sizeof(*out));
	if (!a->is_tcp) {
		un->sun_family = AF_UNIX;
		if (snprintf(un->sun_path, sizeof(un->sun_path), "%s/%s",
			     a->path, names[which]) > UNIX_PATH_MOST)
			return 0;
		return sizeof(*un);
	}
	if (a->host[0] == '[') {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = port;
		v6->sin6_addr = in6addr_loopback;
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = port;
	return inet_pton(AF_INET, a->host, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
}

/* What became of a connection under way, as far as can be told at once. */
static int
outcome(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&p, 1, 0) > 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
		return -error;
	return 0;
}

int
bus_address_probe(const struct bus_address *a, enum bus_endpoint which)
{
	struct sockaddr_storage to;
	socklen_t len = socket_address(a, which, &to);
	int fd, r = 0;

	/* It may be a name, and would be known too late anyway. */
	if (a->is_remote)
		return 0;
	if (len == 0)
		return -EINVAL;
	fd = socket(to.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return -errno;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&to, len) < 0)
		r = -errno;
	if (r == -EINPROGRESS)
		r = outcome(fd);
	if (r == -EAGAIN)	/* there, with a full queue of connections */
		r = 0;
	close(fd);
	return r;
}
