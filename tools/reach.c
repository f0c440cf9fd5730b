/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/reach.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

enum { GROUPS_MOST = 256 };

/* Where the examples put it. */
static const char *const usual[] = {
	"/run/sse-fcgi/worker.sock",
	"/run/lighttpd/sse-fcgi.sock",
};

static bool
is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static const char *
find_socket(const struct reach_options *o)
{
	if (o->socket != NULL)
		return o->socket;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (is_socket(usual[i]))
			return usual[i];
	return NULL;
}

static enum seen_socket
try_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, failed;

	if (strlen(path) >= sizeof(un.sun_path))
		return SEEN_SOCKET_NONE;
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return SEEN_SOCKET_NOT_TRIED;
	failed = connect(fd, (struct sockaddr *)(void *)&un, sizeof(un));
	failed = failed < 0 ? errno : 0;
	close(fd);
	if (failed == 0)
		return SEEN_SOCKET_OPEN;
	return failed == EACCES ? SEEN_SOCKET_FORBIDDEN : SEEN_SOCKET_CLOSED;
}

static enum seen_socket
look_at(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == EACCES ? SEEN_SOCKET_HIDDEN : SEEN_SOCKET_NONE;
	return S_ISSOCK(st.st_mode) ? try_connect(path) :
				      SEEN_SOCKET_NO_SOCKET;
}

/* ---- somebody else's permissions ---- */

struct somebody {
	uid_t uid;
	gid_t groups[GROUPS_MOST];
	int group_count;
};

static bool
find_somebody(const char *name, struct somebody *ret_who)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return false;
	ret_who->uid = user->pw_uid;
	ret_who->group_count = GROUPS_MOST;
	return getgrouplist(name, user->pw_gid, ret_who->groups,
			    &ret_who->group_count) >= 0;
}

/* `bits` as of others: 1 to search, 2 to write. */
static bool
may(const struct somebody *who, const struct stat *st, mode_t bits)
{
	if (who->uid == 0)
		return true;
	if (who->uid == st->st_uid)
		return (st->st_mode >> 6 & bits) == bits;
	for (int i = 0; i < who->group_count; i++)
		if (who->groups[i] == st->st_gid)
			return (st->st_mode >> 3 & bits) == bits;
	return (st->st_mode & bits) == bits;
}

static void
name_barrier(struct seen_reach *r, const char *path, const struct stat *st)
{
	const struct passwd *user = getpwuid(st->st_uid);
	const struct group *group = getgrgid(st->st_gid);

	r->user_is_out = true;
	snprintf(r->barrier, sizeof(r->barrier), "%s (mode %04o, %s:%s)", path,
		 (unsigned)st->st_mode & 07777,
		 user != NULL ? user->pw_name : "?",
		 group != NULL ? group->gr_name : "?");
}

/* Each directory on the way must be searched, and the socket written to. */
static void
find_barrier(struct seen_reach *r, const struct somebody *who)
{
	char path[sizeof(r->path)];
	struct stat st;

	strcpy(path, r->path);
	for (char *at = path + 1; !r->user_is_out; at++) {
		char kept = *at;

		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		if (stat(path, &st) == 0 &&
		    !may(who, &st, S_ISDIR(st.st_mode) ? 1 : 2))
			name_barrier(r, path, &st);
		*at = kept;
		if (kept == '\0')
			return;
	}
}

void
reach_look_at_socket(const struct reach_options *o,
		     struct seen_reach *ret_reach)
{
	const char *path = find_socket(o);
	const char *user = o->user != NULL ? o->user : "www-data";
	struct somebody who;

	if (path == NULL || *path != '/' ||
	    strlen(path) >= sizeof(ret_reach->path))
		return;
	strcpy(ret_reach->path, path);
	ret_reach->socket = look_at(path);
	if (!is_socket(path) || !find_somebody(user, &who))
		return;
	snprintf(ret_reach->user, sizeof(ret_reach->user), "%s", user);
	find_barrier(ret_reach, &who);
}

/* ---- the hub ---- */

void
reach_look_for_hub(const struct reach_options *o, struct seen_reach *ret_reach)
{
	struct sse_publisher *p = NULL;
	int r = sse_publisher_open(o->bus, &p);

	ret_reach->hub_was_tried = true;
	if (r < 0)
		snprintf(ret_reach->hub_error, sizeof(ret_reach->hub_error),
			 "%s", p != NULL ? sse_publisher_error(p) :
					   strerror(-r));
	sse_publisher_free(p);
}
