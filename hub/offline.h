/* SPDX-License-Identifier: MIT */
/* offline: what sse-hub does with a store on disk while no hub uses it. */
#ifndef HUB_OFFLINE_H
#define HUB_OFFLINE_H

#include "hub/hub.h"

enum offline_action {
	OFFLINE_NONE,
	OFFLINE_CHECK,		/* says what is in it, and whether it is whole */
	OFFLINE_DUMP,		/* writes it to standard output */
	OFFLINE_LOAD,		/* makes one of what is on standard input */
	OFFLINE_RECOVER,	/* saves what can be read of a damaged one */
	OFFLINE_NEW_EPOCH,	/* begins a new epoch in it */
};

/*
 * Does it to the store that this configuration's hub would use. Returns an
 * exit status, with a sentence if it is not 0. `is_new_epoch` goes with LOAD.
 */
int offline_run(enum offline_action action, const struct hub_config *config,
		bool is_new_epoch, char *error, size_t size);

#endif
