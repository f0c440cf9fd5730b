/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LOG_MOST = 1 << 20,	/* a longer log is set aside at a start */
	FDS_MOST = 65536,
};

#define PATH_OF_SERVICE "PATH=/usr/local/bin:/usr/bin:/bin"

/* All that the new process needs, made before the fork. */
struct plan {
	char program[PATH_MAX];
	char listen[PATH_MAX], log[PATH_MAX], idle[32], home[PATH_MAX];
	const char *argv[16];
	const char *env[4];
};

/* ---- the program ---- */

static bool
try_program(char out[PATH_MAX], const char *folder, size_t len,
	    const char *name)
{
	int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)len, folder, name);

	return n > 0 && n < PATH_MAX && access(out, X_OK) == 0;
}

/* Beside this file, or where `make install` puts it as seen from here, so
 * that a folder that was moved finds its own; else where it was installed. */
static bool
find_program(char out[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash && (try_program(out, self, (size_t)(slash - self),
				  "sse-fcgi") ||
		      try_program(out, self, (size_t)(slash - self),
				  "../../bin/sse-fcgi")))
		return true;
	return try_program(out, BINDIR, strlen(BINDIR), "sse-fcgi");
}

/* ---- the plan ---- */

static void
set_log_aside(const char *log)
{
	char old[PATH_MAX];
	struct stat st;

	if (stat(log, &st) == 0 && st.st_size > LOG_MOST &&
	    (size_t)snprintf(old, sizeof(old), "%s.old", log) < sizeof(old))
		(void)rename(log, old);
}

static void
fill_arguments(struct plan *p, const struct launch *l)
{
	const char *argv[] = {
		p->program, "--listen", p->listen, "--listen-mode", "0600",
		"--bus", l->home->path, "--log", p->log, "--idle-exit",
		p->idle,
		/* What ends with its request has no time for more. */
		l->way == LAUNCH_ENDS ? "--drain" : NULL, "100ms", NULL,
	};

	_Static_assert(sizeof(argv) <= sizeof(p->argv), "room for them");
	memcpy(p->argv, argv, sizeof(argv));
}

static int
make_plan(struct plan *p, const struct launch *l, char *error, size_t size)
{
	const struct settings *s = l->settings;
	const char *named = s->program;

	memset(p, 0, sizeof(*p));
	if (named && access(named, X_OK) == 0)
		snprintf(p->program, sizeof(p->program), "%s", named);
	else if (named || !find_program(p->program)) {
		snprintf(error, size, "The service cannot be started: %.200s "
			 "cannot be executed. Name the program sse-fcgi with "
			 "SSE_CGI_PROGRAM, or cgi-program in sse-cgi.conf.",
			 named ? named : p->program);
		return -ENOENT;
	}
	snprintf(p->listen, sizeof(p->listen), "unix:%s/worker.sock",
		 l->home->path);
	snprintf(p->log, sizeof(p->log), "%s/log", l->home->path);
	snprintf(p->idle, sizeof(p->idle), "%lldms", (long long)s->idle_ms);
	snprintf(p->home, sizeof(p->home), "HOME=%s", getenv("HOME") ?
		 getenv("HOME") : "/");
	fill_arguments(p, l);
	p->env[0] = p->home;
	p->env[1] = PATH_OF_SERVICE;
	set_log_aside(p->log);
	return 0;
}

/* ---- the new process ---- */

/* All but `keep` and those below 3. */
static void
close_others(int keep_a, int keep_b)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;
	int list = dir ? dirfd(dir) : -1;

	if (!dir) {
		for (int fd = 3; fd < FDS_MOST; fd++)
			if (fd != keep_a && fd != keep_b)
				close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		int fd = atoi(d->d_name);

		if (fd > 2 && fd != list && fd != keep_a && fd != keep_b)
			close(fd);
	}
	closedir(dir);
}

static int
set_descriptors(const struct plan *p, int lock, int report)
{
	int null = open("/dev/null", O_RDWR);
	/* What it says before it has read its options, too. */
	int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW,
		       0600);

	if (null < 0 || log < 0)
		return -errno;
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0)
		return -errno;
	close_others(lock, report);
	return fcntl(lock, F_SETFD, 0) < 0 ? -errno : 0;
}

static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
}

/* What a request may use up is little for a service; more than the hard limit
 * is not ours to give. */
static void
raise_limits(void)
{
	static const int kinds[] = { RLIMIT_CPU, RLIMIT_AS, RLIMIT_DATA };
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (getrlimit(kinds[i], &limit) < 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(kinds[i], &limit);
	}
}

/* Becomes the program; reports why it could not. */
static void
become(const struct plan *p, const struct launch *l, int report)
{
	int r;

	reset_signals();
	raise_limits();
#ifdef __linux__
	if (l->way == LAUNCH_ENDS)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	(void)umask(077);
	r = chdir("/") < 0 ? -errno : set_descriptors(p, l->lock, report);
	if (r == 0) {
		execve(p->program, (char *const *)(uintptr_t)p->argv,
		       (char *const *)(uintptr_t)p->env);
		r = -errno;
	}
	(void)!write(report, &r, sizeof(r));
	_exit(1);
}

/* In the first child: a session of its own, and a process that cannot get a
 * terminal nor be waited for. */
static void
step_aside(const struct plan *p, const struct launch *l, int report)
{
	int r;
	pid_t pid;

	if (l->way == LAUNCH_ENDS)
		become(p, l, report);
	pid = setsid() < 0 ? -1 : fork();
	if (pid == 0)
		become(p, l, report);
	if (pid > 0)
		_exit(0);
	r = -errno;
	(void)!write(report, &r, sizeof(r));
	_exit(1);
}

/* What the new process reports; nothing: it has become the program. */
static int
wait_for_it(const struct launch *l, int report, pid_t pid)
{
	int r = 0;
	ssize_t n;

	do {
		n = read(report, &r, sizeof(r));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(r))
		r = 0;
	if (l->way == LAUNCH_STAYS || r < 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return r;
}

int
launch_service(const struct launch *l, pid_t *ret_pid, char *error, size_t size)
{
	struct plan plan;
	int ends[2], r = make_plan(&plan, l, error, size);
	pid_t pid;

	*ret_pid = 0;
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		r = -errno;
		goto fail;
	}
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		step_aside(&plan, l, ends[1]);
	}
	r = -errno;
	close(ends[1]);
	if (pid > 0)
		r = wait_for_it(l, ends[0], pid);
	close(ends[0]);
	if (r == 0) {
		*ret_pid = l->way == LAUNCH_ENDS ? pid : 0;
		return 0;
	}
fail:
	snprintf(error, size, "The service cannot be started: %s (%s). %s",
		 strerror(-r), plan.program, r == -EAGAIN || r == -ENOMEM ?
		 "The account may have no more processes now." :
		 "Name the program sse-fcgi with SSE_CGI_PROGRAM.");
	return r;
}
