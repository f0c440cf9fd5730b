/* SPDX-License-Identifier: MIT */
/*
 * halted: publishers one of whose events was refused for now. What they have
 * sent behind it must not overtake it, whatever else is known of it, until
 * they begin again.
 */
#ifndef HUB_HALTED_H
#define HUB_HALTED_H

#include <stdbool.h>

#include "lib/base/buf.h"

enum {
	/* Of more than these at a time the oldest is forgotten: its events are
	 * then judged by the keys that they name alone. */
	HALTED_MOST = 64,
	HALTED_ADDRESS_MAX = 255,	/* as long as ZeroMQ's can be */
};

struct halted {
	struct halted_peer {
		unsigned char len;	/* 0: none */
		char address[HALTED_ADDRESS_MAX];
	} peers[HALTED_MOST];
	unsigned count;
	unsigned next;	/* where the next one goes when all are taken */
};

void halted_add(struct halted *h, struct slice address);
void halted_remove(struct halted *h, struct slice address);
bool halted_has(const struct halted *h, struct slice address);

#endif
