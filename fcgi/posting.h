/* SPDX-License-Identifier: MIT */
/*
 * posting: the POST requests of web servers that wait for the hub, each with
 * its connection, and their answers.
 *
 * Nothing is read from the connection meanwhile: should the web server take the
 * request back, it is published all the same, and what it said of that comes
 * before the connection's next request.
 */
#ifndef FCGI_POSTING_H
#define FCGI_POSTING_H

#include "fcgi/posts.h"
#include "fcgi/request.h"
#include "lib/base/list.h"

struct posting {
	struct posts posts;
	/* A connection that had its answer, and is open for more. */
	void (*give_back)(void *user, int fd);
	void *user;
	struct list waiting;
};

void posting_init(struct posting *p);	/* the other members are set */

/* Closes the connections that wait. After this publishing must not call. */
void posting_done(struct posting *p);

/* As on_post of connections_ops. */
int posting_take(struct posting *p, int fd, const struct request *r,
		 const struct params *params, struct route *route);

#endif
