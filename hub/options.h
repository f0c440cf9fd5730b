/* SPDX-License-Identifier: MIT */
/* options.h: the hub's options, the same in sse-hub and in sse-fcgi. */
#ifndef HUB_OPTIONS_H
#define HUB_OPTIONS_H

#include "hub/hub.h"

struct buf;

/* --store, --history, --source, --curve-key, ...: the entries
 * of lib/base/options.h, ending with a NULL name. One set per process. */
const struct option *hub_options(void);

/* Makes a configuration of what was given; defaults where nothing was. The
 * rest (bus, embedded, lifeline, ready) is the caller's. 0, or -EINVAL with a
 * sentence. */
int hub_options_config(struct hub_config *ret_config, char *error, size_t size);

/*
 * Reads the keys for a configuration whose bus is filled in, and checks the
 * file of clients. `hub` is the file of the hub's public key, or NULL. 0;
 * -EPERM or -EINVAL with a sentence.
 */
int hub_options_use_keys(struct hub_config *config, const char *hub,
			 char *error, size_t size);

/*
 * Writes all that decides what a hub of this configuration is: every option of
 * the table, the bus, the keys. Two equal texts: the same hub. There are
 * secrets in it. 0 or -ENOMEM.
 */
int hub_options_text(const struct hub_config *config, struct buf *out);

#endif
