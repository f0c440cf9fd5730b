/* SPDX-License-Identifier: MIT */
/* remedy: what mends a fault, in the words of the web server that has it. */
#ifndef TOOLS_REMEDY_H
#define TOOLS_REMEDY_H

#include <stddef.h>

enum remedy {
	REMEDY_NONE,
	REMEDY_FLUSH,		/* events are held back */
	REMEDY_COMPRESSION,
	REMEDY_IDLE,		/* streams are cut */
	REMEDY_GONE,		/* browsers that leave are noticed late */
	REMEDY_HTTP2,		/* few streams of one connection are served */
	REMEDY_MOUNT,		/* the URL is not the worker's */
	REMEDY_WORKER,		/* the worker is out of reach */
	REMEDY_RIGHTS,		/* the web server refuses */
	REMEDY_HEADERS,
	REMEDY_RESUME,		/* Last-Event-ID does not arrive */
	REMEDY_REDIRECT,
	REMEDY_CORS,
	REMEDY_HUB,
	REMEDY_REFUSED,		/* the worker has said why */
	REMEDY_READY,		/* the worker is full, or there is none */
	REMEDY_SOCKET,
	REMEDY_COUNT
};

enum remedy_server {
	REMEDY_UNKNOWN,
	REMEDY_LIGHTTPD,
	REMEDY_APACHE,
	REMEDY_NGINX,
	REMEDY_CADDY,
	REMEDY_SERVER_COUNT
};

/* By a Server header or SERVER_SOFTWARE. */
enum remedy_server remedy_server_of(const char *product);
const char *remedy_server_name(enum remedy_server server);

enum {
	REMEDY_MOUNT_SIZE = 128,
	REMEDY_TEXT_SIZE = 4096,	/* for the longest text and mount */
};

/* Where a site has its streams: the mount, without the slash before it. */
struct remedy_place {
	char mount[REMEDY_MOUNT_SIZE];
	char pattern[2 * REMEDY_MOUNT_SIZE];	/* that matches it */
};

/*
 * The mount of a URL that was examined: all of its path when the topics stand in
 * the query, else all but the last part, which is the topic. What could not
 * stand in a configuration as it is becomes /events.
 */
void remedy_place_of(const char *url, struct remedy_place *ret_place);

/*
 * Lines, each ended by a line feed; those that begin with a blank are to be
 * put into a configuration. NULL: nothing to say for that server. What does
 * not depend on the server is said for REMEDY_UNKNOWN. They name that place, and
 * are written to `out`, which is returned.
 */
const char *remedy_text(enum remedy remedy, enum remedy_server server,
			const struct remedy_place *place, char *out,
			size_t size);

#endif
