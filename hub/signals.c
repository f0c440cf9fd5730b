/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static int pipe_fds[2] = { -1, -1 };
static volatile sig_atomic_t stop, reopen;

static const int caught[] = { SIGTERM, SIGINT, SIGUSR1 };

static void
on_signal(int signal)
{
	int error = errno;

	if (signal == SIGUSR1)
		reopen = 1;
	else
		stop = 1;
	/* A full pipe wakes just as well. */
	(void)!write(pipe_fds[1], "", 1);
	errno = error;
}

static int
prepare(int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int
signals_open(void)
{
	struct sigaction action;
	sigset_t set;
	size_t i;
	int r;

	stop = reopen = 0;
	if (pipe(pipe_fds) < 0)
		return -errno;
	r = prepare(pipe_fds[0]);
	if (r == 0)
		r = prepare(pipe_fds[1]);
	if (r < 0) {
		signals_close();
		return r;
	}
	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	sigemptyset(&set);
	action.sa_handler = on_signal;
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		sigaction(caught[i], &action, NULL);
		sigaddset(&set, caught[i]);
	}
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return 0;
}

void
signals_close(void)
{
	size_t i;

	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		signal(caught[i], SIG_DFL);
	for (i = 0; i < 2; i++) {
		if (pipe_fds[i] >= 0)
			close(pipe_fds[i]);
		pipe_fds[i] = -1;
	}
}

int
signals_fd(void)
{
	return pipe_fds[0];
}

/* Empties the pipe, so that it wakes only for what comes next. */
static void
drain(void)
{
	char bytes[16];

	while (read(pipe_fds[0], bytes, sizeof(bytes)) > 0)
		continue;
}

bool
signals_stop(void)
{
	drain();
	return stop;
}

bool
signals_take_reopen(void)
{
	bool was = reopen;

	reopen = 0;
	return was;
}
