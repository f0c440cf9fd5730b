/* SPDX-License-Identifier: MIT */
/*
 * stored: an event as a store on disk keeps it: one run of bytes. Pure.
 *
 *	 0  checksum of all that follows, u64 (SipHash-1-3 without a secret:
 *	    against bad disks, not against people who can write the file)
 *	 8  version u8 (1), then lengths of topic u8, id u8, key u8
 *	12  length of the header u16, zero u16, length of the data u32
 *	20  zero u32
 *	24  number u64, the hub's time i64
 *	40  topic, id, key, header, data
 *
 * All numbers are big endian, so that a record is the same on every machine.
 */
#ifndef HUB_STORED_H
#define HUB_STORED_H

#include "hub/store.h"
#include "lib/base/limits.h"
#include "lib/bus/frame.h"

enum {
	STORED_HEAD = 40,
	STORED_AT_NUMBER = 24,
	/* the longest that there is */
	STORED_MOST = STORED_HEAD + TOPIC_MAX + EVENT_ID_MAX + EVENT_KEY_MAX +
		      FRAME_HEADER_MAX + LIMIT_EVENT_MOST,
};

/* Lengths are what event_check and frame_write_header allow. */
size_t stored_size(const struct store_record *r);
void stored_write(const struct store_record *r, char *out);

/*
 * Slices point into `bytes`, which is the record and nothing else. 0, -EINVAL:
 * it is none. -EBADMSG: the checksum says that it was damaged; it is looked at
 * if `is_checked`.
 */
int stored_parse(struct slice bytes, bool is_checked,
		 struct store_record *ret_record);

/* The length of the record that begins here; 0: none does, or it is cut. */
size_t stored_length(struct slice bytes);

/*
 * Whether a record could begin here, by its first STORED_HEAD bytes, and how
 * long it would be; for who looks for records in a run of bytes. (No text has
 * one in it: the header begins with a byte that is not UTF-8.)
 */
bool stored_begins(const char *head, size_t *ret_len);

/* Whether what stands in it is an event, as well as a record. */
bool stored_is_event(const struct store_record *record);

/* The number alone, as stores use it for a key. */
void stored_put_u64(char *out, uint64_t value);
uint64_t stored_get_u64(const char *p);

#endif
