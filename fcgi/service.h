/* SPDX-License-Identifier: MIT */
/*
 * service: the web servers' socket, and the streams that come of it.
 *
 * What every program that holds streams does: it accepts (and rests when
 * descriptors are out), keeps to the limits, lets the fan-out begin streams
 * and ends them over some time. Where the events come from is its owner's
 * business: a worker follows the bus (worker.c), a responder is given them
 * (responder.c). Nothing here logs; what is worth a line is said to the owner.
 */
#ifndef FCGI_SERVICE_H
#define FCGI_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/connection.h"
#include "fcgi/counts.h"
#include "fcgi/fanout.h"
#include "fcgi/listen.h"
#include "lib/base/logging.h"
#include "lib/loop/loop.h"

struct service;

struct service_config {
	struct fanout_config fanout;
	struct connections_config connections;
	uint64_t default_last;	/* for streams that say no beginning; 0: none */
	uint64_t max_clients, max_clients_per_address;	/* 0: no limit */
};

/* All that has a default; the window and what is 0 here have none. */
extern const struct service_config service_defaults;

struct service_ops {
	/* as of fanout_ops */
	int (*ask)(void *user, uint64_t tag, struct slice id);
	void (*forget)(void *user, uint64_t tag);
	int (*page)(void *user, uint64_t tag,
		    const struct follower_question *question);
	/* As of connections_ops; NULL: nothing is published here. */
	size_t (*post_max)(void *user, const struct params *params,
			   struct route *route);
	int (*on_post)(void *user, int fd, const struct request *r,
		       const struct params *params, struct route *route);
	/* A sentence for the log, without a full stop; not often. */
	void (*say)(void *user, enum logging_level level, const char *text);
};

/*
 * Checks the times and the limits. 0, or -EINVAL and a sentence that names
 * the option of sse-fcgi.
 */
int service_check(const struct service_config *c, char *error, size_t size);

/*
 * Makes the fan-out and serves the listeners (the second, or both, may be
 * NULL), after service_accept or in accept_in_ms at the latest (-1: not
 * before). All but `config` itself and the array is borrowed. 0, -ENOMEM or
 * -errno of the loop.
 */
int service_new(struct loop *loop, const struct service_config *config,
		const struct listener *const listeners[2], int64_t accept_in_ms,
		const struct service_ops *ops, void *user,
		struct service **ret_service);
struct service *service_free(struct service *s);	/* ends all streams */

/* Takes requests from now on. Harmless when it does already, or drains. */
void service_accept(struct service *s);

/*
 * For another door: whether one more stream may begin on this descriptor, 0 or
 * -EBUSY (said). The last few descriptors are not for streams: who takes part
 * in the bus has to connect again when the hub was away.
 */
int service_ask_room(struct service *s, int fd);

/* Begins a stream there, as fanout_open does; default_last applies. */
int service_open(struct service *s, const struct fanout_request *request);

/* A connection that on_post took has its answer, and is open for more. */
void service_return(struct service *s, int fd);

/* For probes, when the routes have them: whether the hub is in reach now. */
void service_note_hub(struct service *s, bool is_followed);

/* Where the events go in. */
struct fanout *service_fanout(struct service *s);

/* At the end of each turn of the loop; returns what fanout_turn returns. */
int64_t service_turn(struct service *s, int64_t now_ms);

/* Accepts no more, for good: the socket can be closed. */
void service_leave(struct service *s);

/* Accepts no more and ends all streams, spread over drain_ms. */
void service_drain(struct service *s);
bool service_is_draining(const struct service *s);

/* Whether it drains and nothing is left, or only requests that stall. */
bool service_is_over(const struct service *s);

size_t service_count(const struct service *s);	/* streams */
/* Whether a web server is connected, with a stream or a request. */
bool service_is_busy(const struct service *s);
void service_get_counts(const struct service *s, struct counts *ret_counts);

#endif
