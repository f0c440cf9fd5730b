/* SPDX-License-Identifier: MIT */
/*
 * connection: what a web server's connection is before it is a stream.
 *
 * Nearly always the whole request is there at the first read; then nothing is
 * kept of it and the descriptor becomes a stream, or gets its answer, at once.
 * Otherwise it costs one descriptor and a deadline, and of too many that are
 * half open the oldest one goes.
 */
#ifndef FCGI_CONNECTION_H
#define FCGI_CONNECTION_H

#include <stdint.h>

#include "fcgi/counts.h"
#include "fcgi/listen.h"
#include "fcgi/params.h"
#include "fcgi/request.h"
#include "fcgi/route.h"
#include "lib/loop/loop.h"

struct connections;

struct connections_config {
	struct route_config route;
	struct request_limits limits;
	int64_t request_timeout_ms;
	size_t half_open_max;
};

struct connections_ops {
	/*
	 * A stream may begin on fd: 0, it is taken; -EBUSY: not now (the
	 * browser is asked to come back); else a failure, likewise. The
	 * route is lent.
	 */
	int (*on_stream)(void *user, int fd, uint16_t id,
			 const struct route *route, struct slice address);
	/*
	 * A probe may begin on fd: 0, it is taken; -EINVAL or -EBUSY: `route`
	 * holds the answer; else a failure. NULL: not now, as a stream.
	 */
	int (*on_probe)(void *user, int fd, uint16_t id,
			const struct params *params, struct route *route);
	/*
	 * The most bytes of the body that a POST may publish, 0: it may not at
	 * all, so that none is kept. And, when it is whole (r->body, or
	 * r->is_dropped): 0, fd is taken and the answer comes, after which it
	 * may be added again; -EINVAL: `route` holds the answer. NULL, both of
	 * them: not now, the answer is a 503.
	 */
	size_t (*post_max)(void *user, const struct params *params,
			   struct route *route);
	int (*on_post)(void *user, int fd, const struct request *r,
		       const struct params *params, struct route *route);
	/* The retry: in milliseconds for a browser that comes back later. */
	uint64_t (*retry_later)(void *user);
	/* A request was refused because it was malformed. May be NULL. */
	void (*on_bad)(void *user, const char *why);
	/* A request was refused for want of rights. May be NULL. */
	void (*on_denied)(void *user, const struct params *params,
			  const struct route *route);
	/* A bound was met; `why` is a sentence where there is more to say than
	 * that, else NULL. May be NULL. */
	void (*on_bound)(void *user, enum bound bound, const char *why);
};

struct connections_stats {
	uint64_t accepted, requests;
	uint64_t refused;		/* answered with a status of 400 and up */
	uint64_t later;			/* told to come back later */
	uint64_t bad;			/* malformed */
	uint64_t timeouts;		/* not whole in time */
	uint64_t crowded;		/* closed to make room for others */
};

/* 0 or -ENOMEM. All but `config` itself is borrowed. */
int connections_new(struct loop *loop, const struct connections_config *config,
		    const struct connections_ops *ops, void *user,
		    struct connections **ret_connections);
struct connections *connections_free(struct connections *c);

/*
 * In a forked child: closes its copies of the descriptors. The loop is the
 * parent's and is left alone.
 */
void connections_abandon(struct connections *c);

/* Serves a connection just accepted; takes fd. */
void connections_add(struct connections *c, int fd);

/*
 * Descriptors are out: closes the connection that has been in mid-request for
 * longest, if that is more than a second, in which those that are alive have
 * long been answered. False: there is none.
 */
bool connections_make_room(struct connections *c);

/* Frees what was closed; at the end of each turn. */
void connections_reap(struct connections *c);

size_t connections_count(const struct connections *c);
const struct connections_stats *connections_get_stats(const struct connections *c);

#endif
