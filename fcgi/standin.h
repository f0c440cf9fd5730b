/* SPDX-License-Identifier: MIT */
/*
 * standin: answers on the web servers' socket while no worker does: come back
 * later. So nobody waits in vain, and no browser gives up.
 */
#ifndef FCGI_STANDIN_H
#define FCGI_STANDIN_H

#include <stdbool.h>

#include "fcgi/connection.h"
#include "fcgi/settings.h"
#include "fcgi/listen.h"
#include "lib/loop/loop.h"

struct standin {
	const struct settings *config;	/* borrowed, as the next two */
	const struct listener *listener;
	struct loop *loop;
	struct connections *connections;	/* owned */
	struct loop_io listening;
	struct loop_timer begin;
	bool said;		/* that nobody else answers */
};

/* 0 or -ENOMEM. */
int standin_init(struct standin *s, const struct settings *config,
		 const struct listener *listener, struct loop *loop);
void standin_done(struct standin *s);

/* In a forked child: closes what was accepted. */
void standin_abandon(struct standin *s);

/* Answers, from a moment on; unless standin_end comes before. */
void standin_expect(struct standin *s);
void standin_begin(struct standin *s);	/* at once */
void standin_end(struct standin *s);	/* accepts no more */

/* Whether it accepts nothing and all have their answer. */
bool standin_is_idle(const struct standin *s);

void standin_reap(struct standin *s);	/* at the end of each turn */

#endif
