/* SPDX-License-Identifier: MIT */
#include "lib/loop/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static int ends[2] = { -1, -1 };

static void
on_signal(int number)
{
	int saved = errno;
	char c = number == SIGCHLD ? SIGNALS_CHILD :
		 number == SIGUSR1 ? SIGNALS_REOPEN :
		 number == SIGHUP ? SIGNALS_RELOAD :
		 SIGNALS_STOP;

	/* A full pipe has woken the loop already. */
	(void)!write(ends[1], &c, 1);
	errno = saved;
}

static const int caught[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD };

enum { CAUGHT = sizeof(caught) / sizeof(*caught) };

static void
close_pipe(void)
{
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
		ends[i] = -1;
	}
}

void
signals_close(void)
{
	for (size_t i = 0; i < CAUGHT; i++)
		(void)signal(caught[i], SIG_DFL);
	close_pipe();
}

static void
mask(int how)
{
	sigset_t all;

	sigemptyset(&all);
	for (size_t i = 0; i < CAUGHT; i++)
		sigaddset(&all, caught[i]);
	(void)sigprocmask(how, &all, NULL);
}

void
signals_hold(void)
{
	mask(SIG_BLOCK);
}

void
signals_release(void)
{
	mask(SIG_UNBLOCK);
}

int
signals_open(void)
{
	struct sigaction sa;

	close_pipe();
	if (pipe(ends) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		(void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		(void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
	}
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	for (size_t i = 0; i < CAUGHT; i++)
		(void)sigaction(caught[i], &sa, NULL);
	signals_release();
	return 0;
}

int
signals_fd(void)
{
	return ends[0];
}

unsigned
signals_take(void)
{
	unsigned seen = 0;
	char c[64];
	ssize_t n;

	while ((n = read(ends[0], c, sizeof(c))) > 0)
		for (ssize_t i = 0; i < n; i++)
			seen |= (unsigned)c[i];
	return seen;
}
