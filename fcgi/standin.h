/* SPDX-License-Identifier: MIT */
/*
 * standin: answers requests while no worker does: come back later. So nobody
 * waits in vain, and no browser gives up.
 */
#ifndef FCGI_STANDIN_H
#define FCGI_STANDIN_H

#include <stdbool.h>

#include "fcgi/connection.h"
#include "fcgi/settings.h"
#include "lib/loop/loop.h"

struct standin {
	const struct settings *config;	/* borrowed */
	struct connections *connections;	/* owned */
};

/* 0 or -ENOMEM. */
int standin_init(struct standin *s, const struct settings *config,
		 struct loop *loop);
void standin_done(struct standin *s);

/* In a forked child: closes what was taken. */
void standin_abandon(struct standin *s);

void standin_take(struct standin *s, int fd);	/* answers it, and closes it */

/* Descriptors are out. Whether one was freed. */
bool standin_make_room(struct standin *s);

bool standin_is_idle(const struct standin *s);	/* all have their answer */
void standin_reap(struct standin *s);	/* at the end of each turn */

#endif
