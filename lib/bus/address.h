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

#include "lib/bus/curve.h"
#include "lib/bus/zmqport.h"

enum { BUS_PATH_MAX = 512, BUS_ENDPOINT_MAX = BUS_PATH_MAX + 16 };

enum bus_endpoint { BUS_PUBLISH, BUS_FOLLOW, BUS_EVENTS };

enum bus_origin {		/* how the address was found */
	BUS_GIVEN,		/* option or $SSE_BUS */
	BUS_RUNTIME_DIRECTORY,	/* $RUNTIME_DIRECTORY, from systemd */
	BUS_SYSTEM,		/* /run/sse-fcgi */
	BUS_CGI,		/* ~/.local/state/sse-cgi, if sse-cgi made it */
	BUS_XDG,		/* $XDG_RUNTIME_DIR/sse-fcgi */
	BUS_TMP,		/* /tmp/sse-fcgi-UID */
};

struct bus_address {
	bool is_tcp;
	bool is_remote;		/* tcp, and perhaps not on the loopback */
	char path[BUS_PATH_MAX];	/* the directory, absolute; or tcp://HOST:PORT */
	char host[BUS_PATH_MAX];
	unsigned port;
	enum bus_origin origin;
	struct curve curve;	/* keys; set: no other talk on these sockets */
};

/*
 * `text` NULL: $SSE_BUS, else the default. 0, or with a whole sentence in
 * `error`: -EINVAL (neither a directory path nor tcp://HOST:PORT),
 * -ENAMETOOLONG (a unix socket takes 107 bytes). Before the address is used,
 * bus_address_use_keys must have been asked.
 */
int bus_address_parse(const char *text, struct bus_address *ret_address,
		      char *error, size_t size);

struct bus_keys {		/* names of key files; NULL: not given */
	const char *own;	/* our own pair */
	const char *hub;	/* the hub's public key */
	bool is_hub;		/* our own pair is the hub's */
};

/*
 * Reads the keys of an address. Beyond loopback it is refused without them,
 * on loopback they are used when given; a directory has permissions instead,
 * and for it no file is looked at. 0; -EPERM: a key file may not be read, or
 * may be read or written by too many; -EINVAL: no keys, or not usable ones;
 * each with a whole sentence.
 */
int bus_address_use_keys(struct bus_address *a, const struct bus_keys *keys,
			 char *error, size_t size);

/* The same with what $SSE_CURVE_KEY and $SSE_CURVE_HUB name. */
int bus_address_use_environment(struct bus_address *a, char *error,
				size_t size);

/* The keys for a socket; NULL: plain. */
const struct curve *bus_address_curve(const struct bus_address *a);

/*
 * Writes the endpoint as ZeroMQ takes it: to bind, and to connect. The two
 * differ for an address that means all of the machine's own.
 */
void bus_address_endpoint(const struct bus_address *a, enum bus_endpoint which,
			  char out[BUS_ENDPOINT_MAX]);
void bus_address_peer(const struct bus_address *a, enum bus_endpoint which,
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
 * wait: a TCP connection that is under way counts as reached, and beyond
 * loopback it is not even begun.
 */
int bus_address_probe(const struct bus_address *a, enum bus_endpoint which);

/*
 * Says what zmqport_verdict found at an endpoint, in sentences, with what to
 * do. 0 and "" when nothing is wrong; -EACCES: the keys are refused, and will
 * be; -ECONNREFUSED: nobody is there.
 */
int bus_address_explain(const struct bus_address *a, enum bus_endpoint which,
			enum zmqport_verdict verdict, char *error, size_t size);

#endif
