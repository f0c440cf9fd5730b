/* SPDX-License-Identifier: MIT */
/*
 * backend: what one way of waiting must do for the loop. It is told of ios
 * that are there (add, then change, then del), and never calls them: it only
 * says which are ready.
 */
#ifndef LIB_LOOP_BACKEND_H
#define LIB_LOOP_BACKEND_H

#include <stddef.h>

struct loop_io;

/* One io that is ready. The loop sets io to NULL when it is deleted before
 * its turn has come. */
struct loop_event {
	struct loop_io *io;	/* borrowed */
	unsigned ready;		/* LOOP_READ, LOOP_WRITE, LOOP_CLOSED */
};

struct loop_backend_ops {
	const char *name;
	int (*open)(void **ret_state);
	void (*close)(void *state);
	int (*add)(void *state, struct loop_io *io, unsigned want);
	int (*change)(void *state, struct loop_io *io, unsigned want);
	void (*del)(void *state, struct loop_io *io);

	/* A descriptor that is readable when wait has something; -1: none. */
	int (*fd)(const void *state);

	/* Returns how many of `cap` events it filled; -EINTR after a signal. */
	int (*wait)(void *state, int timeout_ms, struct loop_event *events,
		    size_t cap);
};

extern const struct loop_backend_ops loop_epoll_ops;
extern const struct loop_backend_ops loop_poll_ops;

#endif
