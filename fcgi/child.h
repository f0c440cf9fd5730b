/* SPDX-License-Identifier: MIT */
/*
 * child: a process that the supervisor keeps running: the hub, or a worker.
 *
 * When it ends it is started again, at longer and longer intervals while it
 * keeps dying. It tells by a byte in a pipe that it is ready.
 */
#ifndef FCGI_CHILD_H
#define FCGI_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/loop/loop.h"

struct child;

struct child_ops {
	/* In the new process: opens signals.h, which are held back until then,
	 * lives, and returns its exit status. Tells by `ready` that it
	 * serves. */
	int (*run)(void *user, const struct child *c, int ready);
	/* It became ready. */
	void (*on_ready)(void *user, struct child *c);
};

struct child {
	pid_t pid;		/* 0: not running */
	unsigned number;	/* of a worker, from 1; 0: the hub */
	bool is_ready;
	struct loop *loop;		/* borrowed, as all below */
	const struct child_ops *ops;
	void *user;
	struct loop_io ready;	/* the pipe it tells that by */
	int64_t started_ms;
	int64_t delay_ms;	/* before the next start */
	struct loop_timer again;
};

void child_init(struct child *c, struct loop *loop, unsigned number,
		const struct child_ops *ops, void *user);

/* Starts it, or tries again later. */
void child_start(struct child *c);

/* Takes over one that runs already. */
void child_adopt(struct child *c, pid_t pid);

/* It ended: logs that, and starts it again after a while. */
void child_restart(struct child *c, int status);

/* It ended, or is somebody else's now; no other is started. */
void child_forget(struct child *c);

#endif
