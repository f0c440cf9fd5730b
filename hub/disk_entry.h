/* SPDX-License-Identifier: MIT */
/*
 * disk_entry: how a store on disk keeps events, keys and topics as entries of
 * LMDB's tables.
 *
 *	events	number -> the record (stored.h)
 *	keys	number -> the store's time, i64, and the publisher's key
 *	topics	name -> the number of its newest event that is gone
 *
 * `is_last`: the number is above all that are there.
 */
#ifndef HUB_DISK_ENTRY_H
#define HUB_DISK_ENTRY_H

#include "hub/lmdbport.h"
#include "hub/store.h"

struct disk_entry_key {
	uint64_t number;
	int64_t time_ms;	/* the store's clock */
	struct slice key;
};

/* Within a transaction. 0 or an error of lmdbport's. */
int disk_entry_put_event(struct lmdbport *p, uint64_t number,
			 struct slice record, bool is_last);
int disk_entry_put_key(struct lmdbport *p, const struct disk_entry_key *k,
		       bool is_last);
int disk_entry_put_topic(struct lmdbport *p, struct slice name, uint64_t lost);

/* From what stands in the tables. 0 or -EBADMSG. */
int disk_entry_read_event(struct slice key, struct slice value, bool is_checked,
			  struct store_record *ret_record);
int disk_entry_read_key(struct slice key, struct slice value,
			struct disk_entry_key *ret_key);
int disk_entry_read_topic(struct slice key, struct slice value,
			  uint64_t *ret_lost);

#endif
