/* SPDX-License-Identifier: MIT */
/*
 * keymaker: the keys for a bus over the network, and who gets which.
 *
 * In a directory: hub.key and hub.pub, NAME.key for each client, and `clients`,
 * where their public keys are listed. What is there already is kept: a key is
 * never replaced, and to run it again is harmless.
 */
#ifndef HUB_KEYMAKER_H
#define HUB_KEYMAKER_H

#include <stddef.h>

/*
 * Makes what is missing, and prints what was made and what to do with it.
 * `clients` ends with NULL; each is RIGHTS:NAME; none: one to publish, one to
 * follow. An exit status, with a sentence if it is not 0.
 */
int keymaker_run(const char *directory, const char *const *clients, char *error,
		 size_t size);

#endif
