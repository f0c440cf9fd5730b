/* SPDX-License-Identifier: MIT */
/*
 * intake: takes events from publishers in batches, and answers them.
 *
 * A batch is what is there, up to a bound: sequence, store, commit once, and
 * only then acknowledge and announce. A publisher alone gets a commit of its
 * own; a crowd shares one.
 */
#ifndef HUB_INTAKE_H
#define HUB_INTAKE_H

#include <stdint.h>

#include "hub/announce.h"
#include "hub/core.h"
#include "hub/halted.h"
#include "hub/junk.h"
#include "hub/unstored.h"
#include "lib/bus/zmqport.h"

struct intake {
	struct core *core;		/* borrowed, as all of these */
	struct announce *announce;
	struct zmqport_socket *router;
	struct zmqport_message *message;	/* owned */
	struct intake_note *notes;	/* owned: who waits for which answer */
	size_t count;
	struct buf bytes;		/* what the notes point into */
	struct halted halted;
	struct junk junk;
	struct unstored unstored;
};

/* 0 or -ENOMEM. */
int intake_init(struct intake *i, struct core *core, struct announce *announce,
		struct zmqport_socket *router);
void intake_done(struct intake *i);

/* One batch. Whether there may be more. now_ms is monotonic. */
bool intake_run(struct intake *i, int64_t now_ms, int64_t wall_ms);

#endif
