/* SPDX-License-Identifier: MIT */
/* follow: answers those who follow: pages, where an id is, statistics. */
#ifndef HUB_FOLLOW_H
#define HUB_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/core.h"
#include "hub/junk.h"
#include "hub/replay.h"
#include "lib/base/buf.h"
#include "lib/bus/zmqport.h"

struct follow {
	const struct core *core;	/* borrowed, as all of these */
	const struct junk *publish_junk;
	struct zmqport_socket *router;
	struct zmqport_message *message;	/* owned */
	struct replay replay;
	struct buf json;
	struct junk junk;
	uint64_t pages, resolves;
	bool may_hand_over;		/* an embedded hub, on a directory */
	bool is_handing_over;		/* somebody takes our place */
};

/* 0 or -ENOMEM. */
int follow_init(struct follow *f, const struct core *core,
		const struct junk *publish_junk, struct zmqport_socket *router);
void follow_done(struct follow *f);

/* Some requests. Whether there may be more. */
bool follow_run(struct follow *f, int64_t now_ms);

#endif
