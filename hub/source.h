/* SPDX-License-Identifier: MIT */
/*
 * source: events from other people's PUB sockets, numbered at receipt.
 *
 * Nobody waits for an answer there, so what breaks a rule is counted, logged
 * and dropped; data that is not UTF-8 is mended. What was lost on the way to
 * us cannot be seen.
 */
#ifndef HUB_SOURCE_H
#define HUB_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/announce.h"
#include "hub/core.h"
#include "hub/junk.h"
#include "hub/unstored.h"
#include "lib/base/buf.h"
#include "lib/bus/zmqport.h"

struct source {
	struct core *core;		/* borrowed, as all of these */
	struct announce *announce;
	struct zmqport_socket *sub;
	struct zmqport_message *message;	/* owned */
	struct buf mended;
	struct junk junk;
	struct unstored unstored;
};

/* 0 or -ENOMEM. */
int source_init(struct source *s, struct core *core, struct announce *announce,
		struct zmqport_socket *sub);
void source_done(struct source *s);

/* One batch. Whether there may be more. */
bool source_run(struct source *s, int64_t now_ms, int64_t wall_ms);

#endif
