/* SPDX-License-Identifier: MIT */
/*
 * zmqport: ZeroMQ as the rest of the project sees it; zmqport.c is the only
 * file that includes <zmq.h>.
 *
 * Every socket is bounded: frame size, queue lengths, handshake time; LINGER
 * is 0. Nothing here blocks. Errors are -errno; errors that only ZeroMQ has
 * become -EIO.
 *
 * A socket's descriptor is edge-triggered: it becomes readable when something
 * changed, in either direction, and stays silent about what was left unread.
 * So: when it is readable, after every send, and before every sleep, look at
 * zmqport_events until it says nothing of interest.
 */
#ifndef LIB_BUS_ZMQPORT_H
#define LIB_BUS_ZMQPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/slice.h"
#include "lib/bus/curve.h"

struct zmqport;			/* a ZeroMQ context */
struct zmqport_socket;
struct zmqport_message;

/* Starts no thread before the first socket. 0 or -ENOMEM. */
int zmqport_new(struct zmqport **ret_port);
/* All sockets must be closed before. NULL is fine; returns NULL. */
struct zmqport *zmqport_free(struct zmqport *z);

enum zmqport_kind {
	ZMQPORT_PUB,
	ZMQPORT_SUB,
	ZMQPORT_ROUTER,
	ZMQPORT_DEALER,
};

struct zmqport_options {
	enum zmqport_kind kind;
	size_t max_frame;	/* bytes; a peer that sends more is cut off */
	int send_queue;		/* messages for each peer; 0: no bound */
	int receive_queue;	/* messages of each peer; 0: no bound */
	bool no_reconnect;	/* a lost connection stays lost */
	/*
	 * Keys, copied; NULL: plain. A PUB or ROUTER lets in whom the gate
	 * lets in: a ROUTER of the same zmqport, bound to ZMQPORT_GATE before
	 * and closed after it, that answers ZeroMQ's authentication requests
	 * (RFC 27). Without that gate EVERYBODY is let in.
	 */
	const struct curve *curve;
	const char *domain;	/* PUB, ROUTER: what the gate is asked about */
};

#define ZMQPORT_GATE "inproc://zeromq.zap.01"

/*
 * The queue length that holds 4 MiB of the largest events, at least 256, and
 * a max_frame that fits such events and any header or topic.
 */
int zmqport_queue(size_t max_event);
size_t zmqport_max_frame(size_t max_event);

/* A SUB ignores send_queue: its subscriptions are never to be cut. Pings tcp
 * peers every 2 s and gives them up after 6 s. 0, -ENOMEM, -EMFILE. */
int zmqport_open(struct zmqport *z, const struct zmqport_options *options,
		 struct zmqport_socket **ret_socket);
struct zmqport_socket *zmqport_close(struct zmqport_socket *s);	/* NULL is fine */

/*
 * Binds. An ipc socket file gets exactly `mode` and, unless gid is -1, that
 * group; nobody else can connect in between. A file that is there already is
 * replaced: take a lock first. 0, -EADDRINUSE, -EACCES, -ENAMETOOLONG, ...;
 * -EPERM: bound, but the group could not be set.
 */
int zmqport_bind(struct zmqport_socket *s, const char *endpoint, mode_t mode,
		 gid_t gid);
int zmqport_connect(struct zmqport_socket *s, const char *endpoint);
/* Gives up the connection to `endpoint`, such as one that was refused, which
 * ZeroMQ does not try again, and makes a new one. */
int zmqport_renew(struct zmqport_socket *s, const char *endpoint);
int zmqport_subscribe(struct zmqport_socket *s, struct slice prefix);

/* Lets what is queued leave for so long after the close. */
void zmqport_set_linger(struct zmqport_socket *s, int linger_ms);

/* The endpoint last bound, with the port that "tcp://127.0.0.1:*" got. 0 or
 * -errno. */
int zmqport_endpoint(struct zmqport_socket *s, char *out, size_t size);

enum { ZMQPORT_IN = 1, ZMQPORT_OUT = 2 };
unsigned zmqport_events(struct zmqport_socket *s);
int zmqport_fd(struct zmqport_socket *s);

/*
 * Of a DEALER. What is sent while there is no connection waits for the next
 * one; what was sent and not answered when one was lost may be lost with it.
 */
bool zmqport_is_connected(struct zmqport_socket *s);
/* How many connections, and attempts at one, failed so far. */
unsigned zmqport_losses(struct zmqport_socket *s);
/* Readable (edge-triggered) when one of these, or the verdict, may have
 * changed: look at one of them before every sleep. -1: not of this socket. */
int zmqport_watch_fd(const struct zmqport_socket *s);

enum zmqport_verdict {
	ZMQPORT_UNDECIDED,	/* the socket has no keys, or nothing came yet */
	ZMQPORT_LET_IN,
	ZMQPORT_REFUSED,	/* not with this key */
	ZMQPORT_STRANGE,	/* the peer speaks without keys, or otherwise */
	ZMQPORT_HUNG_UP,	/* in the middle of the handshake, each time: the
				 * peer has another key, or speaks without */
	ZMQPORT_AWAY,		/* nobody is there */
};

/* What became of the last connection of a SUB or DEALER with keys. */
enum zmqport_verdict zmqport_verdict(struct zmqport_socket *s);

bool zmqport_has_curve(void);	/* libzmq can be built without */
int zmqport_key_pair(char ret_public[CURVE_SIZE], char ret_secret[CURVE_SIZE]);
int zmqport_key_public(const char secret[CURVE_SIZE],
		       char ret_public[CURVE_SIZE]);
bool zmqport_key_is_one(const char *text);
/* `bytes`: CURVE_BYTES of them, as the gate gets a key. */
void zmqport_key_text(const void *bytes, char ret_text[CURVE_SIZE]);

/*
 * A place to receive messages into, reused for all of them. At most max_parts
 * parts are kept. 0 or -ENOMEM.
 */
int zmqport_message_new(size_t max_parts, struct zmqport_message **ret_message);
struct zmqport_message *zmqport_message_free(struct zmqport_message *m);

/* The parts last received: good until the next receive into `m`. */
const struct slice *zmqport_parts(const struct zmqport_message *m, size_t *ret_n);
/* Whether parts beyond max_parts were dropped. */
bool zmqport_message_is_cut(const struct zmqport_message *m);

/* 1: a message is in `m`; 0: none is there; -ENOMEM (the message is lost);
 * -EIO. */
int zmqport_receive(struct zmqport_socket *s, struct zmqport_message *m);

/*
 * Sends one message of n >= 1 parts (copied), all or nothing. 0; -EAGAIN: the
 * peers' queues are full (DEALER; PUB and ROUTER drop instead); -ENOMEM.
 * A ROUTER's first part is the peer.
 */
int zmqport_send(struct zmqport_socket *s, const struct slice *parts, size_t n);

/* The same for a message made of two lists: an envelope or head, and more. */
int zmqport_send2(struct zmqport_socket *s, const struct slice *head,
		  size_t n_head, const struct slice *tail, size_t n_tail);

#endif
