/* SPDX-License-Identifier: MIT */
/* store_memory: keeps events until the process ends. */
#ifndef HUB_STORE_MEMORY_H
#define HUB_STORE_MEMORY_H

#include "hub/store.h"

/* 0 or -ENOMEM. The rules are borrowed. */
int store_memory_new(const struct store_limits *limits,
		     const struct catalog_rule *rules, size_t n_rules,
		     uint64_t epoch, struct store **ret_store);

/*
 * One that goes on where another ended. What that one had comes by the calls
 * below: topics, those with the newest loss first; kept events, in order; keys,
 * oldest first. Times are of the hub's clock of now. 0; -ENOMEM; -EINVAL: this
 * cannot be.
 */
struct memory_past {
	uint64_t epoch, last, floor, lost, blind;
};
int store_memory_restore(const struct store_limits *limits,
			 const struct catalog_rule *rules, size_t n_rules,
			 const struct memory_past *past,
			 struct store **ret_store);
int store_memory_add_topic(struct store *s, struct slice name, uint64_t lost);
int store_memory_add_event(struct store *s, const struct store_record *r);
int store_memory_add_key(struct store *s, uint64_t number, struct slice key,
			 int64_t time_ms);

#endif
