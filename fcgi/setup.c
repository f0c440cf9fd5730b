/* SPDX-License-Identifier: MIT */
#include "fcgi/setup.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define RUN_DIRECTORY "/run/sse-fcgi"
#define STATE_DIRECTORY "/var/lib/sse-fcgi"
#define TMPFILES_DIRECTORY "/etc/tmpfiles.d"
#define TMPFILES_FILE TMPFILES_DIRECTORY "/sse-fcgi.conf"
#define OWNER "sse-fcgi"
#define PUBLISHERS "sse-publish"

/*
 * The directory: the hub and the workers (group sse-fcgi) make their sockets
 * in it; everybody may pass through to the publish socket, whose own group
 * says who may publish.
 */
#define RUN_MODE 0771

/*
 * The store: any member of the group may be the hub, and what one leaves there
 * the next one uses; nobody else sees events in it.
 */
#define STATE_MODE 02770

static const char tmpfiles[] =
    "# The bus of sse-fcgi, made again at each boot, and its store.\n"
    "d " RUN_DIRECTORY " 0771 " OWNER " " OWNER " -\n"
    "d " STATE_DIRECTORY " 2770 " OWNER " " OWNER " -\n";

/* Runs a program and waits. True: it ended well. */
static bool
run(const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], (char *const *)(const void *)argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
fail(const char *what, const char *remedy)
{
	fprintf(stderr, "sse-fcgi --setup: %s. %s\n", what, remedy);
	return EX_OSERR;
}

static int
make_group(const char *name)
{
	if (getgrnam(name))
		return 0;
	if (!run((const char *const[]){ "groupadd", "--system", name, NULL }) &&
	    !run((const char *const[]){ "addgroup", "-S", name, NULL }))
		return fail("cannot add a group", "groupadd (Debian's package "
			    "passwd) must be there and able to write "
			    "/etc/group");
	printf("made the group %s\n", name);
	return 0;
}

static int
make_user(void)
{
	if (getpwnam(OWNER))
		return 0;
	if (!run((const char *const[]){ "useradd", "--system", "--gid", OWNER,
		 "--no-create-home", "--home-dir", "/nonexistent", "--shell",
		 "/usr/sbin/nologin", OWNER, NULL }))
		return fail("cannot add the user " OWNER, "useradd (Debian's "
			    "package passwd) must be there and able to write "
			    "/etc/passwd");
	printf("made the user %s\n", OWNER);
	return 0;
}

static bool
is_member(const char *user, const char *group)
{
	const struct group *g = getgrnam(group);

	for (char *const *m = g ? g->gr_mem : NULL; m && *m; m++)
		if (strcmp(*m, user) == 0)
			return true;
	return false;
}

static int
join(const char *user, const char *group)
{
	char what[256];

	if (is_member(user, group))
		return 0;
	if (!run((const char *const[]){ "usermod", "-aG", group, user, NULL })) {
		snprintf(what, sizeof(what), "cannot put %.64s into the group "
			 "%.64s", user, group);
		return fail(what, "Try usermod -aG by hand");
	}
	printf("put %s into the group %s; programs that run as it must be "
	       "restarted\n", user, group);
	return 0;
}

static int
make_directory(const char *path, mode_t mode)
{
	const struct passwd *owner = getpwnam(OWNER);
	const struct group *group = getgrnam(OWNER);
	char what[256];
	struct stat st;

	if (!owner || !group)
		return fail("the user " OWNER " is not there yet", "Is the name "
			    "service cached? Try again");
	if (mkdir(path, 0700) == 0) {
		printf("made %s\n", path);
	} else if (errno != EEXIST) {
		snprintf(what, sizeof(what), "cannot make %.64s", path);
		return fail(what, strerror(errno));
	}
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		snprintf(what, sizeof(what), "%.64s is not a directory", path);
		return fail(what, "Move it away and run --setup again");
	}
	if (chown(path, owner->pw_uid, group->gr_gid) < 0 ||
	    chmod(path, mode) < 0) {
		snprintf(what, sizeof(what), "cannot give %.64s to " OWNER,
			 path);
		return fail(what, strerror(errno));
	}
	return 0;
}

static int
write_tmpfiles(void)
{
	char old[sizeof(tmpfiles) + 1] = "";
	FILE *file = fopen(TMPFILES_FILE, "r");

	if (file) {
		size_t n = fread(old, 1, sizeof(old) - 1, file);

		old[n] = '\0';
		fclose(file);
		if (strcmp(old, tmpfiles) == 0)
			return 0;
	}
	(void)mkdir(TMPFILES_DIRECTORY, 0755);
	file = fopen(TMPFILES_FILE, "w");
	if (!file)
		return fail("cannot write " TMPFILES_FILE, strerror(errno));
	fputs(tmpfiles, file);
	if (fclose(file) != 0)
		return fail("cannot write " TMPFILES_FILE, strerror(errno));
	printf("wrote %s\n", TMPFILES_FILE);
	return 0;
}

/*
 * What a2enconf and lighty-enable-mod look for, where these are. A copy and not
 * a link: it is the administrator's from now on, and lighty-enable-mod fails at
 * all when one of the files there cannot be read.
 */
static const struct offer {
	const char *from, *to, *enable;
} offers[] = {
	{ PKGDATADIR "/apache/sse-fcgi.conf",
	  "/etc/apache2/conf-available/sse-fcgi.conf",
	  "a2enconf sse-fcgi" },
	{ PKGDATADIR "/apache/sse-fcgi-sethandler.conf",
	  "/etc/apache2/conf-available/sse-fcgi-sethandler.conf",
	  "a2enconf sse-fcgi-sethandler" },
	{ PKGDATADIR "/apache/sse-mercure.conf",
	  "/etc/apache2/conf-available/sse-mercure.conf",
	  "a2enconf sse-mercure" },
	{ PKGDATADIR "/lighttpd/50-sse-fcgi.conf",
	  "/etc/lighttpd/conf-available/50-sse-fcgi.conf",
	  "lighty-enable-mod sse-fcgi" },
	{ PKGDATADIR "/lighttpd/50-sse-fcgi-external.conf",
	  "/etc/lighttpd/conf-available/50-sse-fcgi-external.conf",
	  "lighty-enable-mod sse-fcgi-external" },
	{ PKGDATADIR "/lighttpd/50-sse-mercure.conf",
	  "/etc/lighttpd/conf-available/50-sse-mercure.conf",
	  "lighty-enable-mod sse-mercure" },
};

static int
copy_file(FILE *from, const char *path)
{
	FILE *to = fopen(path, "wx");
	char block[4096];
	size_t n;

	if (!to)
		return errno == EEXIST || errno == ENOENT ? 0 : -errno;
	while ((n = fread(block, 1, sizeof(block), from)) > 0)
		fwrite(block, 1, n, to);
	if (ferror(from) || ferror(to)) {
		fclose(to);
		(void)unlink(path);
		return -EIO;
	}
	return fclose(to) == 0 ? 1 : -errno;
}

/* One that is there already stays as it is. */
static int
offer(const struct offer *o)
{
	FILE *from = fopen(o->from, "r");
	char what[160];
	int r;

	if (!from)	/* not installed: run from where it was built */
		return 0;
	r = copy_file(from, o->to);
	fclose(from);
	if (r > 0)
		printf("wrote %s; to use it: %s\n", o->to, o->enable);
	if (r >= 0)
		return 0;
	snprintf(what, sizeof(what), "cannot write %s", o->to);
	return fail(what, strerror(-r));
}

int
setup_run(const char *web_user)
{
	int r;

	if (!web_user)
		web_user = "www-data";
	if (geteuid() != 0) {
		fputs("sse-fcgi --setup: only root can do this. Run: sudo "
		      "sse-fcgi --setup\n", stderr);
		return EX_NOPERM;
	}
	r = make_group(OWNER);
	if (r == 0)
		r = make_group(PUBLISHERS);
	if (r == 0)
		r = make_user();
	if (r == 0)
		r = join(OWNER, PUBLISHERS);
	if (r == 0 && getpwnam(web_user))
		r = join(web_user, OWNER);
	if (r == 0 && getpwnam(web_user))
		r = join(web_user, PUBLISHERS);
	else if (r == 0)
		printf("there is no user %s here; name the web server's with "
		       "--setup-user\n", web_user);
	if (r == 0)
		r = make_directory(RUN_DIRECTORY, RUN_MODE);
	if (r == 0)
		r = make_directory(STATE_DIRECTORY, STATE_MODE);
	if (r == 0)
		r = write_tmpfiles();
	for (size_t i = 0; r == 0 && i < sizeof(offers) / sizeof(*offers); i++)
		r = offer(&offers[i]);
	if (r == 0)
		puts("ready: the bus is " RUN_DIRECTORY ", events are kept in "
		     STATE_DIRECTORY "; to let somebody publish: usermod -aG "
		     PUBLISHERS " USER");
	return r;
}
