/* SPDX-License-Identifier: MIT */
/*
 * pass: accepted connections on their way from the supervisor to its workers.
 *
 * Of a socket that a web server has made only the supervisor has a copy: when it
 * is gone, however it went, that socket is closed in the same moment. A lighttpd
 * that starts us looks right then whether somebody still serves the socket, and
 * would start nothing while a worker held it open for a little longer. So, too,
 * go connections to a former address, and those that the supervisor let in while
 * no worker was there.
 *
 * All workers read from one pair; whoever is awake first takes the next
 * connection. What a worker that died had not taken yet, another one takes.
 */
#ifndef FCGI_PASS_H
#define FCGI_PASS_H

#include <stdbool.h>

struct pass {
	int in, out;		/* owned; -1: not open */
};

/* Both non-blocking, close-on-exec. 0 or -errno. */
int pass_open(struct pass *p);
void pass_close(struct pass *p);

/* Whether these are the two ends, as far as that can be told. */
bool pass_is_one(const struct pass *p);

/*
 * Gives a connection away and closes it here. 0; -EAGAIN: there is no room
 * until workers have taken some; -ENOBUFS: nor can it be seen when there is, so
 * it is for later; -EPIPE: no worker can have it any more; -errno. Then it stays
 * the caller's.
 */
int pass_send(int in, int fd);

/*
 * Takes one: non-blocking, close-on-exec. The descriptor; -EAGAIN: none waits;
 * -EMFILE: there is none to spare here, and it waits; -errno.
 */
int pass_receive(int out);

#endif
