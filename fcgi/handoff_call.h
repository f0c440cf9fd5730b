/* SPDX-License-Identifier: MIT */
/*
 * handoff_call: asks a worker to take a request, and waits for its answer.
 *
 * Afterwards it is certain whose the request is: when the time is over the
 * socket is shut first, so that a late OK fails at the worker, and an OK that
 * was sent before is still read.
 */
#ifndef FCGI_HANDOFF_CALL_H
#define FCGI_HANDOFF_CALL_H

#include "lib/base/slice.h"

/*
 * Sends the message and a copy of `fd` to the worker that listens at `path`.
 * May block for wait_ms. Returns
 *   0	the worker has it: close `fd` (never shut it down)
 *   1	no worker there, none free, or no answer in time
 *   -EPERM	the socket is there and another user's
 *   -EPROTO	the worker refuses the message for good
 *   -ENAMETOOLONG	a unix socket takes 107 bytes of path
 *   -errno	the system's (-EMFILE, ...)
 */
int handoff_call(const char *path, int fd, struct slice message, int wait_ms);

#endif
