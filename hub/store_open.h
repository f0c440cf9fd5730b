/* SPDX-License-Identifier: MIT */
/*
 * store_open: which store a hub uses, and what becomes of one that cannot be
 * used. These functions log; they return exit statuses.
 */
#ifndef HUB_STORE_OPEN_H
#define HUB_STORE_OPEN_H

#include "hub/hub.h"
#include "hub/keys.h"
#include "hub/store.h"

/*
 * The directory of this hub's store; false: it is in memory. Where no --store
 * says so it is the state directory that belongs to the bus, or, of a bus in a
 * directory of its own, that directory's `store`.
 */
bool store_open_directory(const struct hub_config *config, char *out,
			  size_t size);

/* 0, or EX_CANTCREAT, EX_NOPERM, EX_TEMPFAIL, EX_DATAERR, EX_OSERR with the
 * reason logged. */
int store_open(const struct hub_config *config, struct store **ret_store);

/* Whether a directory that --store names could be one, without touching it. 0,
 * or an exit status with the reason logged. */
int store_open_check(const struct hub_config *config);

/* At an orderly end, when nothing is taken any more: what would be gone with
 * the process is left to the next hub. */
void store_leave(const struct hub_config *config, struct store *s,
		 const struct keys *keys);

/* The exit status for a store that cannot be used; the errors of disk_fault. */
int store_open_status(int error);

#endif
