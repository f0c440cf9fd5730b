/* SPDX-License-Identifier: MIT */
/* store_memory: keeps events until the process ends; `--store memory`. */
#ifndef HUB_STORE_MEMORY_H
#define HUB_STORE_MEMORY_H

#include "hub/store.h"

/* An empty log of this epoch. 0 or -ENOMEM. Free it with store_free. */
int store_memory_new(const struct store_limits *limits, uint64_t epoch,
		     struct store **ret_store);

#endif
