/* SPDX-License-Identifier: MIT */
/*
 * reload: what a supervisor passes on to the program that takes its place in
 * the same process: the sockets, the lifeline of its children, and who they
 * are.
 *
 * It travels as one environment variable, the descriptors stay open over the
 * exec. The variable names the process it is for and is taken out of the
 * environment at once; one that names another process means nothing. All of it
 * is checked before it is used.
 */
#ifndef FCGI_RELOAD_H
#define FCGI_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fcgi/elders.h"
#include "fcgi/listen.h"
#include "fcgi/pass.h"
#include "fcgi/program.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define RELOAD_VARIABLE "SSE_FCGI_RELOAD"

enum {
	RELOAD_SOCKETS_MAX = 2,	/* the one served, and the one before it */
	RELOAD_ELDERS_MAX = 2048,	/* the variable stays below 128 KiB */
	RELOAD_TEXT_MAX = 600,	/* an address or a path */
	RELOAD_FD_MAX = 1 << 20,
};

struct reload_socket {
	int fd;
	enum listen_origin origin;
	char address[RELOAD_TEXT_MAX];	/* of --listen; "": handed down */
};

struct reload {
	bool is_set;		/* false: this is a first start */
	bool is_trial;		/* it is only asked whether that would do */
	struct reload_socket sockets[RELOAD_SOCKETS_MAX];
	size_t n_sockets;	/* the first is the one served */
	int handoff;		/* the hand-over socket; -1: none */
	char handoff_path[RELOAD_TEXT_MAX];
	int publish;		/* that of --publish-listen; -1: none */
	char publish_address[RELOAD_TEXT_MAX];
	int lifeline[2];
	struct pass pass;	/* the way to the workers */
	pid_t hub;		/* 0: none runs */
	uint64_t hub_print;	/* tells whether it is the hub that is wanted */
	uint64_t hub_place;	/* ... and whether it has the bus of that one */
	struct elder *elders;	/* owned array, with room for one more */
	size_t n_elders;
};

void reload_done(struct reload *r);

/* Writes it as text for process `pid`. 0 or -ENOMEM. */
int reload_format(const struct reload *r, pid_t pid, struct buf *out);

/*
 * Reads such a text. 0; -ENOENT: it is for another process; -EINVAL: it is not
 * of this version, or damaged; -ENOMEM.
 */
int reload_parse(struct slice text, pid_t pid, struct reload *ret_reload);

/*
 * Takes the variable out of the environment. Without one, or with one for
 * another process, *ret_reload is an empty one. 0, -EINVAL or -ENOMEM.
 */
int reload_take(struct reload *ret_reload);

/* Whether the descriptors are what they are said to be. 0 or -EBADF. A
 * hand-over socket that is none is dropped, and so is that of publishers: the
 * rest does not need them. */
int reload_check(struct reload *r);

/*
 * Runs the program in the place of this process, with all of it. Returns only
 * on failure: -errno; all is as before.
 */
int reload_exec(const struct reload *r, const struct program *p);

/* Whether the descriptors stay open over an exec. */
void reload_keep(const struct reload *r, bool over_exec);

#endif
