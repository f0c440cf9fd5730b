/* SPDX-License-Identifier: MIT */
/* supervisor_priv: what supervisor.c and succession.c share. */
#ifndef FCGI_SUPERVISOR_PRIV_H
#define FCGI_SUPERVISOR_PRIV_H

#include "fcgi/child.h"
#include "fcgi/door.h"
#include "fcgi/elders.h"
#include "fcgi/idle.h"
#include "fcgi/pass.h"
#include "fcgi/supervisor.h"
#include "fcgi/trial.h"
#include "fcgi/watchdog.h"
#include "lib/loop/loop.h"

struct supervisor {
	const struct settings *config;	/* borrowed, as the next four */
	const struct program *program;
	struct listener *listener, *former, *local;
	struct loop *loop;
	struct loop_io signals;
	struct loop_timer stopping;
	struct door door;
	struct pass pass;		/* to the workers, old ones too */
	int lifeline[2];
	int handoff;
	char handoff_path[RELOAD_TEXT_MAX];
	struct child hub;
	uint64_t hub_print, hub_place;	/* as of struct reload */
	struct child *workers;		/* owned array */
	size_t n_workers;
	struct elders elders;
	struct loop_timer unready;	/* how long new workers are awaited */
	struct trial trial;
	struct idle idle;
	struct loop_timer look;		/* ... whether it is */
	struct watchdog watchdog;
	struct loop_timer guard;	/* when workers are looked at */
	bool is_late;			/* ... and that was too long ago */
	bool is_stopping;
	bool is_wanted;			/* a reload, when there is room */
	bool is_leaving;		/* when all have their answer */
};

/* For a worker that was told to end, to end in. */
int64_t supervisor_grace_ms(const struct settings *c);

#endif
