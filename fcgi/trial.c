/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/list.h"

enum {
	/* a program that hangs is as broken as one that fails */
	TRIAL_MOST_MS = 30000,
	TRIAL_EXEC_FAILED = 127,
};

void
trial_init(struct trial *t, struct loop *loop)
{
	*t = (struct trial){ .loop = loop, .said.fd = -1 };
}

/* Takes what is there; more than fits is read and forgotten. */
static void
take_words(struct trial *t)
{
	char piece[256];
	ssize_t n;

	while ((n = read(t->said.fd, piece, sizeof(piece))) > 0) {
		size_t room = sizeof(t->text) - 1 - t->len;
		size_t len = (size_t)n < room ? (size_t)n : room;

		memcpy(t->text + t->len, piece, len);
		t->len += len;
	}
}

static void
on_said(struct loop_io *io, unsigned ready)
{
	struct trial *t = list_entry(io, struct trial, said);
	int fd = io->fd;

	take_words(t);
	if (ready & LOOP_CLOSED) {	/* reported until it is taken out */
		loop_del(t->loop, io);
		close(fd);
	}
}

static void
on_late(struct loop_timer *timer, int64_t now_ms)
{
	struct trial *t = list_entry(timer, struct trial, late);

	(void)now_ms;
	t->was_late = true;
	(void)kill(t->pid, SIGKILL);
}

/* In the child: as a program that somebody starts. Does not return. */
static void
become_trial(const struct program *p, const struct reload *r, int said)
{
	struct buf text = { 0 };
	sigset_t none;
	int null = open("/dev/null", O_RDWR);
	int e;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	(void)dup2(said, STDERR_FILENO);
	e = reload_format(r, getpid(), &text);
	if (e == 0)
		e = buf_append_char(&text, '\0');
	if (e == 0 && setenv(RELOAD_VARIABLE, text.p, 1) < 0)
		e = -errno;
	if (e == 0)
		e = program_exec(p, "--check-config");
	dprintf(STDERR_FILENO, "%s cannot be run: %s\n", p->path,
		strerror(-e));
	_exit(TRIAL_EXEC_FAILED);
}

int
trial_start(struct trial *t, const struct program *p, const struct reload *r)
{
	int ends[2], e;

	if (pipe(ends) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	t->pid = fork();
	if (t->pid == 0)
		become_trial(p, r, ends[1]);
	e = t->pid < 0 ? -errno : 0;
	close(ends[1]);
	t->path = p->path;
	t->len = 0;
	t->was_late = false;
	t->said.fd = ends[0];
	t->said.on_ready = on_said;
	t->late.on_due = on_late;
	if (e == 0)
		e = loop_add(t->loop, &t->said, LOOP_READ);
	if (e == 0)
		e = loop_timer_set(t->loop, &t->late,
				   loop_now_ms(t->loop) + TRIAL_MOST_MS);
	if (e < 0) {
		t->said.fd = ends[0];
		trial_stop(t);
	}
	return e;
}

static void
let_go(struct trial *t)
{
	int fd = t->said.fd;

	loop_timer_stop(t->loop, &t->late);
	if (fd >= 0) {
		take_words(t);
		loop_del(t->loop, &t->said);
		close(fd);
	}
	t->pid = 0;
	t->text[t->len] = '\0';
}

void
trial_stop(struct trial *t)
{
	if (t->pid > 0)
		(void)kill(t->pid, SIGKILL);
	let_go(t);
}

/* The first line it said, or else how it ended. */
static const char *
explain(struct trial *t, int status)
{
	t->text[strcspn(t->text, "\n")] = '\0';
	if (t->was_late)
		snprintf(t->text, sizeof(t->text),
			 "%.900s --check-config did not end within %d s",
			 t->path, TRIAL_MOST_MS / 1000);
	else if (!t->text[0] && WIFSIGNALED(status))
		snprintf(t->text, sizeof(t->text),
			 "%.900s --check-config was killed by signal %d",
			 t->path, WTERMSIG(status));
	else if (!t->text[0])
		snprintf(t->text, sizeof(t->text),
			 "%.900s --check-config ended with status %d",
			 t->path, WEXITSTATUS(status));
	return t->text;
}

bool
trial_bury(struct trial *t, pid_t pid, int status, const char **ret_why)
{
	if (t->pid <= 0 || pid != t->pid)
		return false;
	let_go(t);
	*ret_why = WIFEXITED(status) && WEXITSTATUS(status) == 0 ?
			   NULL : explain(t, status);
	return true;
}
