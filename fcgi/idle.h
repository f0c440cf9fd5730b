/* SPDX-License-Identifier: MIT */
/*
 * idle: how long no web server has been connected (--idle-exit).
 *
 * Each worker writes whether it holds a connection into a seat of its own in
 * memory that it shares with the supervisor, which looks there now and then: a
 * worker that is killed says nothing any more, and its successor begins anew.
 */
#ifndef FCGI_IDLE_H
#define FCGI_IDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IDLE_LEAST_MS = 100,
	IDLE_MOST_MS = 7 * 24 * 3600 * 1000,
};

struct idle_seat {
	_Atomic uint32_t is_busy;
};

struct idle {			/* zeroed: never */
	int64_t limit_ms;	/* 0: never */
	int64_t since_ms;	/* when it was first seen so; -1: it is not */
	struct idle_seat *seats;	/* owned, shared; NULL: never */
	size_t count;
};

/* Makes the seats, all of them busy until a worker says else. 0 or -errno. */
int idle_init(struct idle *i, int64_t limit_ms, size_t workers);
void idle_done(struct idle *i);

/* A worker's, by its number from 1; NULL without a limit. */
struct idle_seat *idle_seat(const struct idle *i, unsigned number);

/* By the worker. Harmless for NULL. */
void idle_tell(struct idle_seat *seat, bool is_busy);

/* When to look next, from now on. */
int64_t idle_interval_ms(const struct idle *i);

/*
 * A look, with what the supervisor itself knows. True: for all of the limit
 * it has been seen idle.
 */
bool idle_look(struct idle *i, bool is_busy, int64_t now_ms);

#endif
