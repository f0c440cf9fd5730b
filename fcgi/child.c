/* SPDX-License-Identifier: MIT */
#include "fcgi/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/logging.h"
#include "lib/loop/signals.h"

enum {
	/* a child that lived shorter than this is one that keeps dying */
	CHILD_STEADY_MS = 2000,
	CHILD_DELAY_LEAST_MS = 50,
	CHILD_DELAY_MOST_MS = 5000,
};

static void
stop_listening(struct child *c)
{
	int fd = c->ready.fd;

	if (fd < 0)
		return;
	loop_del(c->loop, &c->ready);
	close(fd);
}

static void
on_ready(struct loop_io *io, unsigned ready)
{
	struct child *c = list_entry(io, struct child, ready);
	char byte;

	(void)ready;
	c->is_ready = read(io->fd, &byte, 1) == 1;
	stop_listening(c);
	if (c->is_ready)
		c->ops->on_ready(c->user, c);
}

static void
on_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	child_start(list_entry(t, struct child, again));
}

static void
start_later(struct child *c)
{
	(void)loop_timer_set(c->loop, &c->again,
			     loop_now_ms(c->loop) + c->delay_ms);
	c->delay_ms = c->delay_ms * 2 < CHILD_DELAY_MOST_MS ?
		      c->delay_ms * 2 : CHILD_DELAY_MOST_MS;
}

void
child_init(struct child *c, struct loop *loop, unsigned number,
	   const struct child_ops *ops, void *user)
{
	*c = (struct child){
		.number = number,
		.loop = loop,
		.ops = ops,
		.user = user,
		.ready.fd = -1,
		.ready.on_ready = on_ready,
		.again.on_due = on_again,
		.delay_ms = CHILD_DELAY_LEAST_MS,
	};
}

/* 0 or -errno; in the child it does not return. */
static int
spawn(struct child *c)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	/* What is sent to it before it has a pipe of its own must not go into
	 * ours: it would never end. It opens its signals first of all. */
	signals_hold();
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		exit(c->ops->run(c->user, c, ends[1]));
	}
	signals_release();
	if (pid < 0) {
		int r = -errno;

		close(ends[0]);
		close(ends[1]);
		return r;
	}
	close(ends[1]);
	child_adopt(c, pid);
	c->ready.fd = ends[0];
	if (loop_add(c->loop, &c->ready, LOOP_READ) < 0) {
		close(ends[0]);
		c->ready.fd = -1;
	}
	return 0;
}

void
child_start(struct child *c)
{
	int r = spawn(c);

	if (r < 0) {
		log_error("cannot start a child: %s", strerror(-r));
		start_later(c);
	}
}

void
child_adopt(struct child *c, pid_t pid)
{
	loop_timer_stop(c->loop, &c->again);
	c->pid = pid;
	c->is_ready = false;
	c->started_ms = loop_now_ms(c->loop);
}

static void
log_death(const struct child *c, int status)
{
	char name[32];

	if (c->number)
		snprintf(name, sizeof(name), "worker %u", c->number);
	else
		snprintf(name, sizeof(name), "the hub");
	if (WIFSIGNALED(status))
		log_error("%s was killed by signal %d; starting another", name,
			  WTERMSIG(status));
	else
		log_error("%s ended with status %d; starting another", name,
			  WEXITSTATUS(status));
}

void
child_forget(struct child *c)
{
	loop_timer_stop(c->loop, &c->again);
	stop_listening(c);
	c->pid = 0;
	c->is_ready = false;
}

void
child_restart(struct child *c, int status)
{
	int64_t lived = loop_now_ms(c->loop) - c->started_ms;

	child_forget(c);
	log_death(c, status);
	if (lived >= CHILD_STEADY_MS)
		c->delay_ms = CHILD_DELAY_LEAST_MS;
	start_later(c);
}
