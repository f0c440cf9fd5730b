/* SPDX-License-Identifier: MIT */
/*
 * trial: the program on disk, asked whether it would serve with the
 * configuration on disk: --check-config, with the same arguments and
 * environment, before the supervisor gives way to it.
 */
#ifndef FCGI_TRIAL_H
#define FCGI_TRIAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "fcgi/program.h"
#include "fcgi/reload.h"
#include "lib/loop/loop.h"

struct trial {
	struct loop *loop;	/* borrowed */
	pid_t pid;		/* 0: none is under way */
	const char *path;	/* borrowed: of the program */
	struct loop_io said;	/* its stderr */
	struct loop_timer late;
	bool was_late;
	char text[1024];	/* the first bytes of what it said */
	size_t len;
};

void trial_init(struct trial *t, struct loop *loop);

/* Starts one; it is told what it would inherit, so that a program that does
 * not understand that says so. 0 or -errno. */
int trial_start(struct trial *t, const struct program *p,
		const struct reload *r);

/*
 * A child ended with that status. False: it was not the trial. Else *ret_why
 * is NULL when all is well, or says what is wrong, until the next start.
 */
bool trial_bury(struct trial *t, pid_t pid, int status, const char **ret_why);

/* Kills it; there is no outcome then. */
void trial_stop(struct trial *t);

#endif
