/* SPDX-License-Identifier: MIT */
/* outcome: the exit codes of sse-publish, and what is said with them. */
#ifndef TOOLS_OUTCOME_H
#define TOOLS_OUTCOME_H

#include <sse-fcgi/publisher.h>

/*
 * The exit code for the result of a publish (also the acknowledgement's):
 *  0            0   acknowledged
 *  65 EX_DATAERR     -EINVAL, -EMSGSIZE
 *  69 EX_UNAVAILABLE -ENOENT, -ECONNREFUSED: no hub was reached
 *  71 EX_OSERR       -ENOMEM and what else the system refuses
 *  75 EX_TEMPFAIL    -ETIMEDOUT, -EBUSY, -ENOSPC, -EIO: try again later
 *  76 EX_PROTOCOL    -EPROTO
 *  77 EX_NOPERM      -EACCES, -EPERM
 */
int outcome_exit(int result);

/* The same for sse_publisher_open, where -EINVAL is an address (64 EX_USAGE). */
int outcome_exit_open(int result);

/* Says the publisher's own error sentence. `p` may be NULL. */
void outcome_complain(int result, const struct sse_publisher *p);

#endif
