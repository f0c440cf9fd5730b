/* SPDX-License-Identifier: MIT */
/*
 * local: HTTP on a unix socket, for programs of this machine that publish:
 * `curl --unix-socket PATH -d hello http://localhost/news`.
 *
 * Who connects is known by the kernel, so that no secret is needed: certain
 * users may, and publish whatever they like but for $SYS/. Anybody else is told
 * so. One request at a time on a connection, which may be kept for the next
 * ones; what is sent behind a request before its answer has come is not read,
 * and the connection is closed with that answer.
 */
#ifndef FCGI_LOCAL_H
#define FCGI_LOCAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fcgi/publishing.h"
#include "lib/loop/loop.h"

enum {
	LOCAL_USERS_MAX = 64,
	/* connections of a worker; the oldest one that rests goes for more */
	LOCAL_MOST = 1024,
};

struct local;

struct local_config {
	const uid_t *users;	/* who may; borrowed */
	size_t n_users;
	size_t max_event;
	int64_t request_timeout_ms;
};

struct local_stats {
	uint64_t requests;
	uint64_t refused;	/* answered with a status of 400 and up */
};

/* Serves a listening socket, which is lent, after local_accept. 0, -ENOMEM or
 * -errno of the loop. */
int local_new(struct loop *loop, const struct local_config *config, int fd,
	      struct publishing *publishing, struct local **ret_local);

/* Closes all connections; after this publishing must not call. */
struct local *local_free(struct local *l);	/* NULL is fine */

void local_accept(struct local *l);	/* from now on */

/* Accepts no more, for good, and keeps no connection beyond its answer. */
void local_drain(struct local *l);

size_t local_count(const struct local *l);	/* connections */
const struct local_stats *local_get_stats(const struct local *l);
void local_reap(struct local *l);	/* at the end of each turn */

#endif
