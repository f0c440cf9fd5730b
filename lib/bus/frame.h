/* SPDX-License-Identifier: MIT */
/*
 * frame: what travels on the bus, between slices and structs. Pure.
 *
 * Three conversations (doc/protocol.md is the contract):
 *   events    hub -> PUB: [topic][header][data], or plain [topic][data]
 *   publish   the same frames to the hub; ["OK"][id][key],
 *             ["OK"][id][key][count] or ["ERR"][class][reason][key] back
 *   follow    [verb][tag][arguments...]; a page, a position or text back
 *
 * Parsing never copies: the slices of what was parsed point into the parts
 * that were given. Nothing here checks the rules of an event's fields, that is
 * event_check; here only lengths, counts and numbers are checked. A parser
 * that refuses gives a reason, a whole sentence that lives for ever.
 */
#ifndef LIB_BUS_FRAME_H
#define LIB_BUS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/sse/event.h"

enum {
	FRAME_VERSION = 1,	/* major: another one cannot be read */
	FRAME_HEADER_SIZE = 32,	/* without TLVs */
	FRAME_HEADER_MAX = 4096,
	/* Receive this many parts of an event: one more than any form has, so
	 * that a message with too many is noticed. */
	FRAME_PARTS_MAX = 4,
};

enum frame_type {
	FRAME_EVENT,
	FRAME_FORGET,		/* reserved: read, and then ignored */
	FRAME_HEARTBEAT,
	FRAME_GOODBYE,
	FRAME_OTHER,		/* of a later minor version: ignored too */
};

/* Topics of the bus itself begin with a byte that no UTF-8 text has. */
#define FRAME_TOPIC_HEARTBEAT SLICE_LIT("\xff" "hb")
#define FRAME_TOPIC_GOODBYE SLICE_LIT("\xff" "bye")

static inline bool
frame_topic_is_ours(struct slice topic)
{
	return topic.len > 0 && (unsigned char)topic.p[0] == 0xff;
}

struct frame {
	enum frame_type type;
	bool is_full;		/* false: plain form, no header */
	bool is_replayed;	/* out of a page, not live */
	/*
	 * In a heartbeat and a goodbye, event.epoch and event.number are the
	 * hub's epoch and its last number.
	 */
	struct event event;
	bool has_first;
	uint64_t first;		/* the oldest number kept; last + 1: none is */
	struct slice previous;	/* publishing: the key of the publisher's event
				 * before this one, if that has no answer yet */
	bool may_share;		/* publishing: its answer may be one for several
				 * (ack.count) */
};

/*
 * Reads one message of `n` parts without an envelope. 0; -EINVAL with why;
 * -EPROTO: a header of another major version.
 */
int frame_parse(const struct slice *parts, size_t n, struct frame *ret_frame,
		const char **ret_why);

/* The other topics in a header that frame_parse took, to be read with also_next:
 * for who has no need of the rest. */
struct slice frame_header_also(struct slice header);

/*
 * Writes the header frame and returns its length. Name, id, keys and other topics
 * are at most what event_check allows, so it always fits; 0 if they are not. `is_full` is
 * not looked at.
 */
size_t frame_write_header(const struct frame *f, char out[FRAME_HEADER_MAX]);

/* The epoch in a header that frame_parse took, and to give it another one. */
uint64_t frame_header_epoch(struct slice header);
void frame_header_set_epoch(char *header, uint64_t epoch);

/* Adds frame.previous to a header of `len` bytes that has none, and returns its
 * new length. It fits; a key is at most what event_check allows. */
size_t frame_add_previous(char header[FRAME_HEADER_MAX], size_t len,
			  struct slice key);

/* --- publish ------------------------------------------------------------ */

/* REQ sockets put an empty frame first. 1 if parts[0] is one (accept it, and
 * begin the reply with one), else 0. */
size_t frame_delimiter(const struct slice *parts, size_t n);

enum ack_class {
	ACK_OK,
	ACK_EVENT,		/* "event": refused as it is */
	ACK_SIZE,		/* "size": data too long */
	ACK_VERSION,		/* "version": another major version */
	ACK_FULL,		/* "full": cannot be stored now */
	ACK_BUSY,		/* "busy": stopping, standing by */
	ACK_DENIED,		/* "denied" */
	ACK_ORDER,		/* "order": frame.previous is not stored */
	ACK_OTHER,		/* a class that we do not know (parsing only) */
};

struct ack {
	enum ack_class class;
	struct slice id;	/* of an OK */
	struct slice reason;	/* of anything else */
	struct slice key;	/* the publish key, empty when none was given */
	/*
	 * Of an OK to those who may_share: so many events in a row, as they
	 * were sent and with numbers one after the other, of which this is the
	 * last. 0 is 1, too.
	 */
	unsigned count;
	char digits[12];	/* of it, by ack_parts */
};

enum { ACK_PARTS_MAX = 4, ACK_COUNT_MAX = 1 << 20 };

/* Without delimiter. 0 or -EINVAL. */
int ack_parse(const struct slice *parts, size_t n, struct ack *ret_ack);
/* Returns how many parts; they point into `a` and to constants. */
size_t ack_parts(struct ack *a, struct slice parts[ACK_PARTS_MAX]);
const char *ack_class_name(enum ack_class class);	/* "OK", "event", ... */

/* --- follow ------------------------------------------------------------- */

enum {
	FOLLOW_TAG_MAX = 64,
	FOLLOW_SELECTORS_MAX = 128,
	FOLLOW_REQUEST_PARTS_MAX = 5 + FOLLOW_SELECTORS_MAX,
	FOLLOW_HEAD_PARTS = 8,	/* of a page, before its events */
	FOLLOW_REPLY_PARTS_MAX = FOLLOW_HEAD_PARTS + 3 * 1000,
};

enum follow_verb {
	FOLLOW_AFTER, FOLLOW_RESOLVE, FOLLOW_STATS, FOLLOW_HANDOVER,
};

struct follow_request {
	enum follow_verb verb;
	struct slice tag;	/* any bytes, echoed in the reply */
	uint64_t epoch, number;	/* AFTER; epoch 0: from the oldest kept */
	unsigned limit;		/* AFTER: events of one page, 1-1000 */
	const struct slice *selectors;	/* AFTER; none: every topic */
	size_t n_selectors;
	struct slice id;	/* RESOLVE */
};

/* Room for the decimal numbers of a request or of a reply's head. */
struct follow_digits {
	char text[6][21];
};

/*
 * Without delimiter. 0, or -EINVAL with why; ret_request->tag is set then too
 * (it may be absent), so that the refusal can carry it. A limit above 1000 is
 * read as 1000.
 */
int follow_request_parse(const struct slice *parts, size_t n,
			 struct follow_request *ret_request,
			 const char **ret_why);

/* Returns how many parts; more than FOLLOW_SELECTORS_MAX selectors are a bug. */
size_t follow_request_parts(const struct follow_request *r,
			    struct follow_digits *digits,
			    struct slice parts[FOLLOW_REQUEST_PARTS_MAX]);

enum follow_kind {
	FOLLOW_PAGE,
	FOLLOW_AT,		/* the id is (epoch, number) */
	FOLLOW_UNKNOWN,		/* the id is not known; epoch and last */
	FOLLOW_JSON,		/* the answer to STATS */
	FOLLOW_HANDED_OVER,	/* the hub ends now: take its place */
	FOLLOW_REFUSED,
};

struct follow_reply {
	enum follow_kind kind;
	struct slice tag;
	uint64_t epoch;		/* PAGE, AT, UNKNOWN */
	uint64_t number;	/* AT */
	/*
	 * PAGE: every kept event that matches, with from <= number <= to, is
	 * in it. from > asked + 1: what is between is gone. to + 1 == from:
	 * an empty range. `last` is the hub's newest number (UNKNOWN too).
	 * `lost` is the newest number above the asked one of an event that
	 * matches and is gone; 0: nothing asked for is missing.
	 */
	uint64_t from, to, last, lost;
	size_t count;		/* PAGE: three parts for each */
	const struct slice *events;	/* PAGE, parsing: 3 * count parts */
	struct slice json;	/* JSON */
	struct slice class;	/* REFUSED: "request", "selector", "busy" */
	struct slice reason;
};

/* Without delimiter. 0 or -EINVAL with why. Each event of a page is read with
 * frame_parse(reply.events + 3 * i, 3, ...). */
int follow_reply_parse(const struct slice *parts, size_t n,
		       struct follow_reply *ret_reply, const char **ret_why);

/* Returns how many parts; a page's events come behind them. */
size_t follow_reply_parts(const struct follow_reply *r,
			  struct follow_digits *digits,
			  struct slice parts[FOLLOW_HEAD_PARTS]);

#endif
