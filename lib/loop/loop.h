/* SPDX-License-Identifier: MIT */
/*
 * loop: waits for descriptors and times, and calls.
 *
 * Two back-ends, a file each: epoll and poll(2). Single-threaded. An io or a
 * timer is embedded in its owner; nothing is allocated per call. An io may be
 * deleted inside any callback, but the memory it is in must stay until the
 * turn is over (owners keep a doomed list and free it in the `turn` hook).
 * Level-triggered.
 */
#ifndef LIB_LOOP_LOOP_H
#define LIB_LOOP_LOOP_H

#include <stddef.h>
#include <stdint.h>

enum {
	LOOP_READ = 1,		/* readable, or the peer has closed */
	LOOP_WRITE = 2,
	LOOP_CLOSED = 4,	/* only reported: an error, or both sides hung up */
};

enum loop_backend { LOOP_BACKEND_BEST, LOOP_BACKEND_EPOLL, LOOP_BACKEND_POLL };

struct loop;

/* 16 bytes where a pointer has 8: there is one in every subscriber. */
struct loop_io {
	int fd;			/* the owner's; -1: not in a loop */
	uint8_t want;		/* LOOP_READ | LOOP_WRITE, set by loop_want */
	void (*on_ready)(struct loop_io *io, unsigned ready);
};

struct loop_timer {		/* zeroed: not armed */
	int64_t due_ms;
	size_t heap;		/* 1 + place in the loop's heap; 0: not armed */
	void (*on_due)(struct loop_timer *t, int64_t now_ms);
};

/* LOOP_BACKEND_BEST: the environment's SSE_LOOP ("epoll", "poll") or the best
 * there is. 0, -ENOMEM, or -errno. -ENOSYS: not built in. */
int loop_new(enum loop_backend backend, struct loop **ret_loop);
struct loop *loop_free(struct loop *l);		/* NULL is fine; returns NULL */
const char *loop_backend_name(const struct loop *l);

/*
 * 0, -ENOMEM, or -errno of the kernel's refusal (-EPERM: a plain file; it is
 * always ready and cannot be waited for). LOOP_EXCLUSIVE in `want` of loop_add
 * asks that only one of several processes waiting on the same listening socket
 * is woken (where the kernel can); it stays through loop_want. `want` 0 pauses;
 * LOOP_CLOSED is reported even then, again each turn until loop_del. With
 * LOOP_CLOSED come the wanted LOOP_READ and LOOP_WRITE, so that a reader finds
 * the end by reading. Delete before closing: a number may be given out again.
 */
enum { LOOP_EXCLUSIVE = 8 };
int loop_add(struct loop *l, struct loop_io *io, unsigned want);
int loop_want(struct loop *l, struct loop_io *io, unsigned want);

/* Sets io->fd = -1; does not close. Harmless on one that is in no loop. */
void loop_del(struct loop *l, struct loop_io *io);

/* Arms or moves a timer; it fires once. 0 or -ENOMEM. Stop it before its
 * memory goes, also before loop_free. */
int loop_timer_set(struct loop *l, struct loop_timer *t, int64_t due_ms);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

int64_t loop_now_ms(const struct loop *l);  /* monotonic, read once a turn */

/*
 * `turn` is called at the end of every turn, before the loop sleeps. It
 * returns the most milliseconds the loop may sleep: 0 when more work waits
 * that no descriptor tells of (ZeroMQ's edge-triggered ZMQ_FD), -1 for no
 * bound of its own. It also runs once before the first sleep, after a signal,
 * and a last time after loop_stop.
 */
void loop_on_turn(struct loop *l, int64_t (*turn)(void *user, int64_t now_ms),
		  void *user);

/* Runs until loop_stop. 0 or -errno of a broken loop. May be run again. */
int loop_run(struct loop *l);

/*
 * One turn, for a program that has a loop of its own: sleeps until something
 * is ready or due, timeout_ms at most (-1: no bound of its own; not at all when
 * loop_stop was called), and makes the calls. `turn` runs before and after the
 * sleep. 0, -EINTR: a signal came, or -errno of a broken loop.
 */
int loop_step(struct loop *l, int timeout_ms);

/*
 * For that program's own sleep: a descriptor that is readable when loop_step
 * has something to call (-1: the back-end has none), and in how many
 * milliseconds from now it is wanted at the latest (-1: no such time).
 */
int loop_fd(const struct loop *l);
int loop_timeout_ms(const struct loop *l);

/*
 * Makes loop_run return when the turn that runs is over; wakes the loop when it
 * sleeps or is about to. Before loop_run, that returns after one turn without
 * sleep. For callbacks and signal handlers (of the loop's own thread).
 */
void loop_stop(struct loop *l);

#endif
