/* SPDX-License-Identifier: MIT */
/*
 * address: one bus address stands for three endpoints.
 *
 * A directory D: ipc://D/publish, ipc://D/follow, ipc://D/events.
 * tcp://HOST:PORT: publish on PORT, follow on PORT+1, events on PORT+2.
 */
#ifndef LIB_BUS_ADDRESS_H
#define LIB_BUS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { BUS_PATH_MAX = 512, BUS_ENDPOINT_MAX = BUS_PATH_MAX + 16 };

enum bus_endpoint { BUS_PUBLISH, BUS_FOLLOW, BUS_EVENTS };

enum bus_origin {		/* how the address was found */
	BUS_GIVEN,		/* option or $SSE_BUS */
	BUS_RUNTIME_DIRECTORY,	/* $RUNTIME_DIRECTORY, from systemd */
	BUS_SYSTEM,		/* /run/sse-fcgi */
	BUS_XDG,		/* $XDG_RUNTIME_DIR/sse-fcgi */
	BUS_TMP,		/* /tmp/sse-fcgi-UID */
};

struct bus_address {
	bool is_tcp;
	char path[BUS_PATH_MAX];	/* the directory, absolute; or tcp://HOST:PORT */
	char host[BUS_PATH_MAX];
	unsigned port;
	enum bus_origin origin;
};

/*
 * `text` NULL: $SSE_BUS, else the default. 0, or with a whole sentence in
 * `error`: -EINVAL (neither a directory path nor tcp://HOST:PORT; tcp beyond
 * loopback), -ENAMETOOLONG (a unix socket takes 107 bytes).
 */
int bus_address_parse(const char *text, struct bus_address *ret_address,
		      char *error, size_t size);

/* Writes the endpoint as ZeroMQ takes it. */
void bus_address_endpoint(const struct bus_address *a, enum bus_endpoint which,
			  char out[BUS_ENDPOINT_MAX]);

/*
 * Checks that the directory is ours to trust: it belongs to us, to root or to
 * the user sse-fcgi (the one in /tmp: to us), and not everyone can write to
 * it. 0, -ENOENT, -ENOTDIR, -EACCES or -EPERM, each with a sentence.
 */
int bus_address_check_directory(const struct bus_address *a, char *error, size_t size);

/*
 * A plain connect(2) to an endpoint, because ZeroMQ retries a refused
 * permission in silence. 0, or -EACCES, -ENOENT, -ECONNREFUSED, ... Does not
 * wait: a TCP connection that is under way counts as reached.
 */
int bus_address_probe(const struct bus_address *a, enum bus_endpoint which);

#endif
