/* SPDX-License-Identifier: MIT */
/*
 * dumpline: one line of a dump: a JSON object with a member `kind`, and those
 * that the kind has. Pure; dumpline.c is the only file of this room that knows
 * the JSON library.
 *
 *	head	format "sse-hub dump", version, epoch, last, floor, lost, blind,
 *		clock (the store's) and wall (Unix time), in milliseconds
 *	epoch	epoch and end: an earlier one, and its last number
 *	topic	topic and lost: the number of its newest event that is gone
 *	key	number, clock, key: a publisher's key that is remembered
 *	event	number, clock, time (Unix), topic, data; also (a list of its
 *		other topics), event, id, retry, private and key if it has them
 *	end	lines: how many the whole dump has, this one included
 *
 * Keys are any bytes, and written in hexadecimal.
 */
#ifndef HUB_DUMPLINE_H
#define HUB_DUMPLINE_H

#include "hub/disk_meta.h"
#include "lib/base/buf.h"
#include "lib/sse/event.h"

enum dumpline_kind {
	DUMPLINE_HEAD,
	DUMPLINE_EPOCH,
	DUMPLINE_TOPIC,
	DUMPLINE_KEY,
	DUMPLINE_EVENT,
	DUMPLINE_END,
	DUMPLINE_KINDS,
};

struct dumpline {
	enum dumpline_kind kind;
	uint64_t epoch;		/* HEAD, EPOCH */
	uint64_t last, floor, lost, blind;	/* HEAD; TOPIC: lost */
	uint64_t end;		/* EPOCH */
	uint64_t lines;		/* END */
	int64_t clock_ms;	/* HEAD, KEY, EVENT */
	int64_t wall_ms;	/* HEAD */
	/* KEY: number and key; TOPIC: topic; EVENT: all but its epoch. */
	struct event event;
	char key[EVENT_KEY_MAX];	/* parsing: where event.key points */
	struct buf also;	/* parsing: owned; where event.also points */
	void *root;		/* parsing: owned; the texts live in it */
};

/* Appends the line and its end. 0, -ENOMEM; -ERANGE: a number of it that no
 * dump can hold; -EINVAL: text that is not UTF-8. */
int dumpline_write(const struct dumpline *l, struct buf *out);

/*
 * Reads a line without its end: which members there are, of which form and in
 * which range; what they mean together is not looked at. 0; -EINVAL; -EPROTO: a
 * head of a later version; -ENOMEM; with a sentence's end in `error`.
 * dumpline_done is due if it returned 0.
 */
int dumpline_parse(struct slice line, struct dumpline *ret_line, char *error,
		   size_t size);
void dumpline_done(struct dumpline *l);

#endif
