/* SPDX-License-Identifier: MIT */
/*
 * route: from a request's variables to a subscription, or to the answer that
 * it gets instead. Pure: no clock, no descriptors, no log.
 *
 * Where the topic stands. REQUEST_URI is raw and the same with every web
 * server, so it decides: when it begins with the mount, what follows is the
 * topic, percent-decoded once and not normalised; so it does when it begins with
 * /.well-known/mercure, where Mercure clients look. Else, or without a mount,
 * SCRIPT_NAME says what to strip; and when REQUEST_URI does not begin with
 * that either (it was rewritten), PATH_INFO is the topic as it is. To these
 * come `topic=` parameters of the query, and SSE_TOPIC_PREFIX goes before each.
 *
 * Where it resumes. The Last-Event-ID header, else in the query lastEventID,
 * Last-Event-ID, last_event_id, lastEventId, in this order; empty ones are
 * absent. `earliest` means everything kept. One that no event can have
 * (longer than EVENT_ID_MAX, not UTF-8, with control characters, badly
 * escaped) is never an error, because a browser gives up for good on any
 * status but 200: it counts as an id that the hub does not know
 * (FROM_UNKNOWN). Without one, `last=N`.
 *
 * How many streams the web server can bear: SSE_MAX_CLIENTS; who counts them
 * keeps to it.
 *
 * Who may read it: rights.h.
 *
 * What a POST publishes is found when all of it is there (publication.h); here
 * it is decided whether there is any such thing, and what topic the path names.
 */
#ifndef FCGI_ROUTE_H
#define FCGI_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/params.h"
#include "fcgi/rights.h"
#include "fcgi/subscription.h"
#include "lib/base/buf.h"
#include "lib/base/options.h"
#include "lib/base/slice.h"

enum {
	/* a URL of 8 KiB, as web servers take it, names no more */
	ROUTE_TOPICS_DEFAULT = 100,
	/* templates: each has to be compared with each topic there is, so one
	 * request with many of them would keep all streams waiting */
	ROUTE_TEMPLATES_MAX = 16,
	ROUTE_LAST_MAX = 1000,
	/* SSE_POLL: below, a page would be asking all the time */
	ROUTE_POLL_LEAST_MS = 100,
	ROUTE_POLL_MOST_MS = 3600 * 1000,
	ROUTE_WHY_MAX = 320,
	ROUTE_RETRY_S = 2,	/* Retry-After of what cannot be published now */
};

struct route_config {
	const char *mount;	/* "/events", "/"; NULL: SCRIPT_NAME tells */
	const struct option_texts *default_topics;	/* may be NULL */
	const struct option_texts *cors_origins;	/* "*" or origins */
	uint64_t max_topics;	/* of one stream */
	rights_judge *judge;	/* NULL: nothing is granted */
	void *judge_user;
	bool has_publish;	/* POST publishes (publication.h) */
	bool publishes_only;	/* ... and nothing else is to be had */
	bool has_probes;	/* a pair `probe` in the query asks for one */
};

/* Checks a configuration. 0, or -EINVAL with a sentence that names the option. */
int route_config_check(const struct route_config *c, char *error, size_t size);

struct route {
	int status;		/* 200: a stream (or its header, see head) */
	bool head;		/* a HEAD request: no body */
	bool later;		/* status 200: no stream now, come back */
	uint64_t max_clients;	/* status 200: of the worker; 0: no limit */
	bool is_probe;		/* status 200: no topics, a probe (probe.h) */
	bool is_publish;	/* status 200: no stream, a POST to be read */
	struct buf topic;	/* ... what the path names, decoded, or empty */
	bool is_excess;		/* status 400: more topics than one may have */
	bool is_denied;		/* status 401, 403: for want of rights */
	const char *detail;	/* is_denied: for the log; NULL: see why */
	struct buf headers;	/* further header lines, each with CR LF */
	struct subscription subscription;	/* status 200: sealed */
	char why[ROUTE_WHY_MAX];	/* other status: plain text for people */
};

/* Decides. 0 or -ENOMEM; route_done in each case. */
int route_request(const struct route_config *c, const struct params *p,
		  struct route *ret_route);
void route_done(struct route *r);

/* Turns a publication down; later is better where that is a 503. 0 or -ENOMEM. */
int route_refuse_publish(struct route *r, int status, const char *why);

/* An answer to a request that never got so far (request.h: why and status). */
void route_refuse(struct route *r, int status, const char *why);

#endif
