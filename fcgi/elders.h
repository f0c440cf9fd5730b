/* SPDX-License-Identifier: MIT */
/*
 * elders: the children that an earlier supervisor of this process started,
 * before it gave way to this one.
 *
 * They go on serving until they are told to end. Who was told has until its
 * deadline, and is killed then. Nobody starts an elder again.
 */
#ifndef FCGI_ELDERS_H
#define FCGI_ELDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/loop/loop.h"

struct elder {
	pid_t pid;
	bool is_hub;
	int64_t grace_ms;	/* to end in, from when it is told */
	int64_t deadline_ms;	/* monotonic; 0: not told yet */
};

struct elders {
	struct loop *loop;	/* borrowed */
	struct elder *items;	/* owned array */
	size_t count;
	struct loop_timer overdue;
};

/* Whether a number is that of a child of this process, alive or dead. */
bool elder_is_child(pid_t pid);

/* Takes the array, and drops of it what is not a child of this process: a
 * number means somebody else then. */
void elders_init(struct elders *e, struct loop *loop, struct elder *items,
		 size_t count);
void elders_done(struct elders *e);

size_t elders_serving(const struct elders *e);	/* workers, not told yet */
size_t elders_workers(const struct elders *e);	/* told or not */
bool elders_hub_ends(const struct elders *e);	/* one that was told */

/* Sends SIGTERM to those that were not told yet, hub or workers. */
void elders_tell(struct elders *e, bool hub);
void elders_signal(const struct elders *e, int number);

/* A child ended. Whether it was an elder, which goes to *ret_elder. */
bool elders_bury(struct elders *e, pid_t pid, struct elder *ret_elder);

#endif
