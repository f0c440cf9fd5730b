/* SPDX-License-Identifier: MIT */
/*
 * counts: what a service has done since it began, and how often each of the
 * bounds that keep it running was met.
 */
#ifndef FCGI_COUNTS_H
#define FCGI_COUNTS_H

#include <stdint.h>

#include "lib/base/buf.h"

/*
 * Whoever is turned away by one of these is told (a browser: to come back
 * later), and everybody else is served as before.
 */
enum bound {
	BOUND_CLIENTS,		/* --max-clients: no stream */
	BOUND_ADDRESS,		/* --max-clients-per-address: no stream */
	BOUND_TOPICS,		/* --max-topics, or too many templates: 400 */
	BOUND_REQUEST,		/* --max-request, or a long body: 431, 413 */
	BOUND_TIME,		/* --request-timeout: closed */
	BOUND_HALF_OPEN,	/* --max-half-open: the oldest was closed */
	BOUND_DESCRIPTORS,	/* descriptors are out: no stream, or one that
				 * stalled in its request was closed */
	BOUND_ACCEPT,		/* nothing could be accepted for a while */
	BOUND_MEMORY,		/* a stream or an event found no memory */
	BOUND_WINDOW,		/* a stream read so slowly that it was cut, or
				 * told that events are gone */
};

enum { BOUND_COUNT = BOUND_WINDOW + 1 };

struct counts {
	uint64_t accepted, requests;	/* of web servers */
	uint64_t refused;		/* answered with a status of 400 and up */
	uint64_t bad;			/* no request at all: malformed */
	uint64_t later;			/* told to come back later */
	uint64_t posts;			/* requests that were to publish, by
					 * the socket of --publish-listen */
	uint64_t published;		/* events, by HTTP, and acknowledged */
	uint64_t unpublished;		/* ... and not */
	uint64_t streams;		/* that are open now */
	uint64_t opened, closed;	/* streams */
	uint64_t half_open;		/* requests that are not whole now */
	uint64_t events, flushes, writes;
	uint64_t gaps;			/* streams told of one */
	uint64_t pages;			/* of the hub, for who was before the window */
	uint64_t window_events, window_bytes;	/* what is kept now */
	uint64_t held_bytes;		/* beside it, for who stalled in them */
	uint64_t met[BOUND_COUNT];
};

/* How often any bound was met. */
uint64_t counts_met(const struct counts *c);

/* Appends all of it as one JSON object, without a line end. 0 or -ENOMEM. */
int counts_format(const struct counts *c, struct buf *out);

#endif
