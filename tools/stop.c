/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int wake[2] = { -1, -1 };

static void
on_signal(int number)
{
	int saved = errno;
	ssize_t n;

	caught = number;
	n = write(wake[1], "", 1);
	(void)n;		/* a full pipe wakes as well */
	errno = saved;
}

int
stop_catch(void)
{
	const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = SIG_IGN }, old;
	size_t i;

	if (pipe(wake) < 0)
		return -errno;
	for (i = 0; i < 2; i++) {
		(void)fcntl(wake[i], F_SETFL, O_NONBLOCK);
		(void)fcntl(wake[i], F_SETFD, FD_CLOEXEC);
	}
	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
	action.sa_handler = on_signal;
	action.sa_flags = (int)SA_RESETHAND;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* nohup(1) and `&` in a script ignore some: let them. */
		if (sigaction(numbers[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
	return wake[0];
}

int
stop_signal(void)
{
	return caught;
}
