/* SPDX-License-Identifier: MIT */
/*
 * handoff_message: what a program says when it hands a request over.
 *
 * Pure: bytes in, fields out. Both sides put every field through the same
 * check, so that a message that was encoded here is decoded there.
 *
 * The bytes: "SSEH", a version byte, then fields. A field is a byte for its
 * kind, two for the length of its value (the higher first), and the value.
 * The first is HANDOFF_REQUEST. Kinds that the reader does not know are
 * skipped; another version is refused.
 */
#ifndef FCGI_HANDOFF_MESSAGE_H
#define FCGI_HANDOFF_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	/* one packet; below what a unix socket takes at once by default */
	HANDOFF_MESSAGE_MAX = 60 * 1024,
	HANDOFF_VERSION = 1,
};

enum handoff_field {
	HANDOFF_REQUEST = 1,	/* id (2 bytes), role (2), 1 if kept alive (1) */
	HANDOFF_TOPIC,		/* a selector that selector_parse takes */
	HANDOFF_HEADER,		/* "Name: value", see handoff_header_check */
	HANDOFF_AFTER,		/* an event id, or "earliest"; empty: one that
				 * no event can have */
	HANDOFF_LAST,		/* the newest N of each topic: 4 bytes, not 0 */
	HANDOFF_PREFIX,		/* goes before every topic (SSE_TOPIC_PREFIX);
				 * ends with a slash */
};

struct handoff_message {
	uint16_t request_id;	/* not 0 */
	uint16_t role;
	bool keep;
	struct slice after;	/* borrowed from the message; absent: none */
	struct slice prefix;	/* borrowed; absent: none */
	uint32_t last_n;	/* 0: none */
	struct slice fields;	/* borrowed: for handoff_message_next */
};

/*
 * Whether `line` may go into the answer as it is: a name that is a token, a
 * colon, a value without control characters but tab, and not one of the
 * headers that say what the answer is (content-type, status and the like).
 */
bool handoff_header_check(struct slice line, const char **ret_why);

/* Whether an event id may be resumed from: 1-255 bytes of UTF-8 without
 * control characters, so that it can stand in an id line. */
bool handoff_after_check(struct slice id);

/*
 * Starts a message in an empty buf, then adds fields to it. 0, -ENOMEM,
 * -EINVAL (not such a field), -EMSGSIZE (the message would be too long).
 */
int handoff_message_begin(struct buf *out, uint16_t request_id, uint16_t role,
			  bool keep);
int handoff_message_add(struct buf *out, enum handoff_field kind,
			struct slice value);
int handoff_message_add_last(struct buf *out, uint32_t last_n);

/*
 * Reads a whole message and checks every field of it. 0, or -EINVAL with half
 * a sentence in *ret_why. The slices point into `bytes`.
 */
int handoff_message_decode(struct slice bytes, struct handoff_message *ret,
			   const char **ret_why);

/*
 * Walks the fields of one kind, in order: start with *at = 0. False at the
 * end.
 */
bool handoff_message_next(const struct handoff_message *m,
			  enum handoff_field kind, size_t *at,
			  struct slice *ret_value);

#endif
