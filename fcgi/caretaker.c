/* SPDX-License-Identifier: MIT */
#include "fcgi/caretaker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/listen.h"
#include "fcgi/pass.h"
#include "fcgi/program.h"
#include "lib/base/logging.h"

enum { LOOK_MS = 200 };		/* how often signals are looked for */

/* Buries those that ended. Whether others are left. */
static bool
has_children(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid == 0;
}

/* The sockets to accept on, the checks of a tcp one's peers included. Returns
 * how many. */
static size_t
find_listeners(const struct reload *r,
	       struct listener ret_listeners[RELOAD_SOCKETS_MAX])
{
	const struct listen_config c = {
		.web_servers = getenv("FCGI_WEB_SERVER_ADDRS"),
	};
	struct listen_fault fault;
	size_t i, n = 0;

	for (i = 0; i < r->n_sockets; i++) {
		const struct reload_socket *s = &r->sockets[i];
		/* A copy, because a listener owns its descriptor. */
		int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);

		if (fd >= 0 && listen_adopt(fd, s->origin, s->address, &c,
					    &ret_listeners[n], &fault) == 0)
			n++;
	}
	return n;
}

/* Passes one connection on, and waits until there is room for it. */
static void
pass_on(const struct listener *l, const struct pass *p)
{
	struct pollfd room = { .fd = p->in, .events = POLLOUT };
	int fd = listen_accept(l), e = fd < 0 ? fd : pass_send(p->in, fd);

	while ((e == -EAGAIN || e == -ENOBUFS) && fd >= 0 && has_children()) {
		(void)poll(&room, e == -EAGAIN, LOOK_MS);
		e = pass_send(p->in, fd);
	}
	if (e < 0 && fd >= 0)
		close(fd);
	else if (e < 0 && e != -EAGAIN && e != -EPERM)
		(void)poll(NULL, 0, LOOK_MS);	/* descriptors are out */
}

/* Lets web servers in for a little while. */
static void
let_in(const struct listener *listeners, size_t n, const struct pass *p)
{
	struct pollfd fds[RELOAD_SOCKETS_MAX];
	size_t i;

	for (i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = listeners[i].fd,
					  .events = POLLIN };
	if (poll(fds, (nfds_t)n, LOOK_MS) <= 0)
		return;
	for (i = 0; i < n; i++)
		if (fds[i].revents)
			pass_on(&listeners[i], p);
}

int
caretaker_run(const struct reload *r, char **argv, const char *why)
{
	struct listener listeners[RELOAD_SOCKETS_MAX];
	const struct timespec none = { 0 };
	size_t n = find_listeners(r, listeners);
	struct program program;
	sigset_t all;
	int number = 0, e;

	sigemptyset(&all);
	sigaddset(&all, SIGHUP);
	sigaddset(&all, SIGINT);
	sigaddset(&all, SIGTERM);
	sigaddset(&all, SIGUSR1);
	sigaddset(&all, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	program_find(&program, argv);
	log_error("cannot start, so the old workers serve on: %s. Mend that, and send SIGHUP again",
		  why);
	while (has_children() && number != SIGTERM && number != SIGINT) {
		let_in(listeners, n, &r->pass);
		number = sigtimedwait(&all, NULL, &none);
		if (number != SIGHUP)
			continue;
		e = reload_exec(r, &program);
		log_error("cannot run %s: %s", program.path, strerror(-e));
	}
	return EX_CONFIG;
}
