/* SPDX-License-Identifier: MIT */
/*
 * reach: a connection to a worker: to one that somebody else starts, or to
 * this account's own service, which is started if it does not run.
 *
 * A hundred requests may come at once where nothing runs. Who gets the lock
 * starts the service and leaves the lock with it; the others see somebody else
 * hold it and wait for the socket. So there is never a second one, also while
 * an idle one is ending: it gives its socket up first and the lock last.
 */
#ifndef CGI_REACH_H
#define CGI_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgi/home.h"
#include "cgi/settings.h"

struct reach {			/* zeroed but for the first */
	const struct settings *settings;	/* borrowed */
	struct home home;	/* path "": others start what is at `socket` */
	char socket[256];
	pid_t child;		/* what we started and have to end; or 0 */
};

/*
 * Decides where the worker is, and complains (complain.h) of what every
 * request has to bear. 0, or negative errno with a whole sentence.
 */
int reach_find(struct reach *r, char *error, size_t size);

/*
 * Connects, by `deadline_ms` (clock_mono_ms) at the latest. Returns the
 * descriptor, non-blocking and close-on-exec; or negative errno with a whole
 * sentence: -EAGAIN, -ETIMEDOUT, -ECHILD (it was started, and has ended) and
 * -ECONNREFUSED (nobody is to start it here) may pass, others need somebody to
 * do something.
 */
int reach_worker(struct reach *r, int64_t deadline_ms, char *error,
		 size_t size);

/*
 * Waits until the hub of the service that reach_worker found can be published
 * to. 0 or negative errno with a whole sentence; a worker's connection is
 * given up.
 */
int reach_bus(struct reach *r, int fd, int64_t deadline_ms, char *error,
	      size_t size);

/* Whether a failure of reach_worker may pass by itself. */
bool reach_may_pass(int error);

/* Whether what runs, or would, ends with the request that started it. */
static inline bool
reach_is_fleeting(const struct reach *r)
{
	return r->home.path[0] && !r->settings->stay;
}

/* Ends what was started for this request only. */
void reach_done(struct reach *r);

#endif
