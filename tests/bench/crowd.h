/* SPDX-License-Identifier: MIT */
/*
 * crowd: many readers in one process. They may only count the bytes that come,
 * or read them; then each event is given to the owner.
 */
#ifndef TESTS_BENCH_CROWD_H
#define TESTS_BENCH_CROWD_H

#include "tests/bench/reader.h"

struct crowd {
	/* What the owner says: */
	const char *unix_path;		/* of a worker; NULL: HTTP to this, */
	uint16_t port;			/* ... on loopback */
	size_t count;
	bool is_raw;			/* bytes are only counted */
	bool resumes;			/* with Last-Event-ID */
	/* the path that reader i asks for; NULL: it sends no request */
	void (*path)(void *user, size_t i, char *out, size_t size);
	reader_on_event *on_event;
	void *user;

	/* What it can look at: */
	struct reader *readers;		/* owned */
	size_t opened;			/* readers 0 to opened - 1 are open */
	size_t placed;			/* they have an id */
	size_t done;			/* raw: they have wait_bytes, ... */
	uint64_t wait_bytes;		/* ... and more would be a fault */
	uint64_t bytes;			/* raw: of all */
	int epoll;			/* owned */
	/* what reader 0 got since all were opened, if it is to be kept */
	bool has_tape;
	char *tape;			/* owned */
	size_t tape_len, tape_cap;
};

void crowd_begin(struct crowd *c);
/* Opens the next reader. False: the server does not take one more now. */
bool crowd_open_next(struct crowd *c);
/* Opens all of them at once, and waits until each has its place. */
void crowd_open_all(struct crowd *c);
/* Reads what has come, waiting for it so long at the most. */
void crowd_poll(struct crowd *c, int timeout_ms);
/* Waits until each reader has `bytes` more; more than that is a fault. */
void crowd_wait_bytes(struct crowd *c, uint64_t bytes);
void crowd_close_all(struct crowd *c);
void crowd_end(struct crowd *c);	/* closes, and gives the memory back */

#endif
