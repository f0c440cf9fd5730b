/* SPDX-License-Identifier: MIT */
/*
 * loopbench: a loop under test, with what was called recorded, and the frame
 * that runs a file of tests once with each back-end.
 */
#ifndef TESTS_SUPPORT_LOOPBENCH_H
#define TESTS_SUPPORT_LOOPBENCH_H

#include <stdint.h>

#include "lib/loop/loop.h"

struct CMUnitTest;

/* A loop that gives up after many turns instead of hanging, and a record of
 * what was called in which order. */
struct bench {
	struct loop *l;
	unsigned turns;
	unsigned turns_most;	/* then the loop is stopped */
	int64_t bound_ms;	/* what the hook answers */
	char calls[256];	/* a letter each */
	size_t calls_len;
};
extern struct bench bench;

/* Between them a test has `bench`; `state` is what cmocka gave it. */
void bench_begin(void **state);
void bench_end(void);
enum loop_backend bench_backend(void **state);

void bench_called(char c);	/* adds a letter to bench.calls */

/* Runs so many turns; descriptors that are ready now are called in each. */
void bench_turns(unsigned turns);

/* One end of a socket pair in the loop, the other in our hand. */
struct peer {
	struct loop_io io;	/* first: callbacks cast back */
	int fd;			/* as in io, which forgets it */
	int other;		/* or -1 */
	char letter;		/* its on_ready records it */
	unsigned ready;		/* of the last call */
	struct peer *kill;	/* delete this one when called */
};

void peer_on_ready(struct loop_io *io, unsigned ready);
void peer_open(struct peer *p, char letter, unsigned want);
void peer_close(struct peer *p);
void peer_poke(const struct peer *p);	/* makes it readable */

/* A timer that records its letter. */
struct alarm {
	struct loop_timer timer;	/* first: its callback casts back */
	char letter;
	int again;			/* how often to arm itself for now */
	struct alarm *stop;
};

void alarm_set(struct alarm *a, char letter, int64_t due_ms);

/* A row of a test's table, for bench_run. */
#define BENCH_TEST(name) { #name, name, NULL, NULL, NULL }

/* main()'s work: all tests with each back-end. Returns the exit status. */
int bench_run(const struct CMUnitTest *tests, size_t count);

#endif
