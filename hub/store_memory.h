/* SPDX-License-Identifier: MIT */
/* store_memory: keeps events until the process ends. */
#ifndef HUB_STORE_MEMORY_H
#define HUB_STORE_MEMORY_H

#include "hub/store.h"

/* 0 or -ENOMEM. The rules are borrowed. */
int store_memory_new(const struct store_limits *limits,
		     const struct catalog_rule *rules, size_t n_rules,
		     uint64_t epoch, struct store **ret_store);

#endif
