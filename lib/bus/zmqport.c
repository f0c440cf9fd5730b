/* SPDX-License-Identifier: MIT */
/*
 * zmqport: the one file that knows libzmq (4.3 and later).
 *
 * Options that are set on every socket are there because of what was measured
 * without them: a silent peer held a connection for 30 s, a frame of a stated
 * terabyte was waited for, a SUB with more subscriptions than its send queue
 * lost the rest at each reconnect without a word.
 *
 * Neither ZMQ_IMMEDIATE nor a ZMQ_RECONNECT_IVL of -1 may be set, although both
 * say at once, and without a monitor, that a connection is lost: they end the
 * socket's side of it, and when that is noticed between two parts of a message
 * that is being read, libzmq aborts the process ("!_more", fq.cpp).
 */
#include "config.h"

#include "lib/bus/zmqport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "lib/bus/curve.h"

enum {
	HANDSHAKE_MS = 5000,
	PING_MS = 2000,		/* tcp only: a unix socket's peer cannot vanish */
	PING_TIMEOUT_MS = 6000,
	/* Not longer the longer nobody is there: trying costs next to nothing
	 * on one machine, and a hub that comes back is to be found at once. */
	RECONNECT_MS = 100,
	RECONNECT_KEYS_MS = 1000,	/* with keys it costs two machines more */
	NEVER_MS = 24 * 3600 * 1000,

	QUEUE_BYTES = 4 << 20,
	/* A batch of the hub has hardly more than that; with 64 a quarter fewer
	 * events are stored in a second, the slower the disk the worse. */
	QUEUE_LEAST = 256,
	QUEUE_MOST = 10000,
	FRAME_SPARE = 4096,	/* header, topic, key: all below this */

	/* A hub that stops may hang up on a handshake once; a hub that does it
	 * each time means it. */
	HANGUPS_MOST = 3,
};

struct zmqport {
	void *context;		/* owned */
	unsigned watched;	/* sockets so far; names their monitors */
};

struct zmqport_socket {
	void *socket;		/* owned */
	void *monitor;		/* owned; NULL: not watched */
	bool is_connected;	/* as the monitor told, as what follows */
	unsigned losses;
	bool has_keys;
	enum zmqport_verdict verdict;
	unsigned hangups;	/* one after the other */
	unsigned hangups_most;
};

struct zmqport_message {
	zmq_msg_t *msgs;	/* owned; max of them; the first n are in use.
				 * Never moved: small frames live inside. */
	struct slice *parts;	/* owned; into msgs */
	size_t n, max;
	bool is_cut;
};

/* ZeroMQ's own error numbers mean nothing to anybody else. */
static int
error_of(int number)
{
	return number > 0 && number < ZMQ_HAUSNUMERO ? -number : -EIO;
}

static bool
set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

int
zmqport_new(struct zmqport **ret_port)
{
	struct zmqport *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->context = zmq_ctx_new();
	if (!z->context) {
		free(z);
		return -ENOMEM;
	}
	*ret_port = z;
	return 0;
}

struct zmqport *
zmqport_free(struct zmqport *z)
{
	if (!z)
		return NULL;
	while (zmq_ctx_term(z->context) < 0 && errno == EINTR)
		;
	free(z);
	return NULL;
}

int
zmqport_queue(size_t max_event)
{
	size_t n = max_event > 0 ? QUEUE_BYTES / max_event : QUEUE_MOST;

	if (n < QUEUE_LEAST)
		return QUEUE_LEAST;
	return n > QUEUE_MOST ? QUEUE_MOST : (int)n;
}

size_t
zmqport_max_frame(size_t max_event)
{
	return max_event + FRAME_SPARE;
}

static bool
set_options(void *socket, const struct zmqport_options *o)
{
	int64_t max_frame = (int64_t)o->max_frame;
	int send_queue = o->send_queue, receive_queue = o->receive_queue;

	/* Subscriptions travel in these two queues. */
	if (o->kind == ZMQPORT_SUB)
		send_queue = 0;
	if (o->kind == ZMQPORT_PUB)
		receive_queue = 0;
	return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_frame,
			      sizeof(max_frame)) == 0 &&
	       set_int(socket, ZMQ_LINGER, 0) &&
	       set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS) &&
	       set_int(socket, ZMQ_SNDHWM, send_queue) &&
	       set_int(socket, ZMQ_RCVHWM, receive_queue) &&
	       set_int(socket, ZMQ_RECONNECT_IVL,
		       o->no_reconnect ? NEVER_MS : RECONNECT_MS) &&
	       set_int(socket, ZMQ_RECONNECT_IVL_MAX,
		       o->curve && !o->no_reconnect ? RECONNECT_KEYS_MS : 0);
}

static bool
set_text(void *socket, int option, const char *text)
{
	return zmq_setsockopt(socket, option, text, strlen(text)) == 0;
}

static bool
set_key(void *socket, int option, const char *key)
{
	return zmq_setsockopt(socket, option, key, CURVE_SIZE) == 0;
}

/* The hub's end: who comes in is asked of the gate, under the name `domain`. */
static bool
set_server_keys(void *socket, const struct zmqport_options *o)
{
	return set_int(socket, ZMQ_CURVE_SERVER, 1) &&
	       set_key(socket, ZMQ_CURVE_SECRETKEY, o->curve->secret) &&
	       set_text(socket, ZMQ_ZAP_DOMAIN, o->domain);
}

static bool
set_client_keys(void *socket, const struct curve *curve)
{
	return set_key(socket, ZMQ_CURVE_PUBLICKEY, curve->public) &&
	       set_key(socket, ZMQ_CURVE_SECRETKEY, curve->secret) &&
	       set_key(socket, ZMQ_CURVE_SERVERKEY, curve->hub);
}

/* A monitor is the only way to learn what became of a handshake, and the only
 * safe one to learn that a connection is lost. */
static bool
watch(struct zmqport *z, struct zmqport_socket *s)
{
	const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
			   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
			   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
			   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
			   ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED;
	char name[32];

	snprintf(name, sizeof(name), "inproc://watch-%u", z->watched++);
	if (zmq_socket_monitor(s->socket, name, events) < 0)
		return false;
	s->monitor = zmq_socket(z->context, ZMQ_PAIR);
	/* Without a bound: a full queue would stop ZeroMQ's own thread. */
	return s->monitor && set_int(s->monitor, ZMQ_LINGER, 0) &&
	       set_int(s->monitor, ZMQ_RCVHWM, 0) &&
	       zmq_connect(s->monitor, name) == 0;
}

static bool
set_keys(struct zmqport_socket *s, const struct zmqport_options *o)
{
	if (!o->curve)
		return true;
	if (o->kind == ZMQPORT_ROUTER || o->kind == ZMQPORT_PUB)
		return set_server_keys(s->socket, o);
	s->has_keys = true;
	s->hangups_most = o->no_reconnect ? 1 : HANGUPS_MOST;
	return set_client_keys(s->socket, o->curve);
}

/* A SUB without keys finds out by what it hears. */
static bool
is_watched(const struct zmqport_options *o)
{
	return o->kind == ZMQPORT_DEALER || (o->kind == ZMQPORT_SUB && o->curve);
}

int
zmqport_open(struct zmqport *z, const struct zmqport_options *options,
	     struct zmqport_socket **ret_socket)
{
	static const int types[] = {
		[ZMQPORT_PUB] = ZMQ_PUB,
		[ZMQPORT_SUB] = ZMQ_SUB,
		[ZMQPORT_ROUTER] = ZMQ_ROUTER,
		[ZMQPORT_DEALER] = ZMQ_DEALER,
	};
	struct zmqport_socket *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->socket = zmq_socket(z->context, types[options->kind]);
	if (!s->socket || !set_options(s->socket, options) ||
	    !set_keys(s, options) || (is_watched(options) && !watch(z, s)))
		r = error_of(errno);
	if (r < 0) {
		zmqport_close(s);
		return r;
	}
	*ret_socket = s;
	return 0;
}

struct zmqport_socket *
zmqport_close(struct zmqport_socket *s)
{
	if (!s)
		return NULL;
	if (s->monitor) {
		(void)zmq_socket_monitor(s->socket, NULL, 0);
		zmq_close(s->monitor);
	}
	if (s->socket)
		zmq_close(s->socket);
	free(s);
	return NULL;
}

/* --- what the monitor tells --------------------------------------------- */

static void
take_verdict(struct zmqport_socket *s, unsigned event, unsigned value)
{
	/* A peer that stays silent is none; only one that hangs up says no. */
	if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && value != EPIPE &&
	    value != ECONNRESET)
		event = ZMQ_EVENT_CLOSED;
	if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
		s->hangups = 0;
	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		s->verdict = ZMQPORT_LET_IN;
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		s->verdict = ZMQPORT_REFUSED;
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
		s->verdict = ZMQPORT_STRANGE;
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		if (++s->hangups >= s->hangups_most)
			s->verdict = ZMQPORT_HUNG_UP;
		break;
	case ZMQ_EVENT_CLOSED:
		s->verdict = ZMQPORT_AWAY;
		break;
	}
}

/* The next event and what goes with it. False: there is none. */
static bool
next_event(void *monitor, unsigned *ret_event, unsigned *ret_value)
{
	uint8_t bytes[6];	/* of the host's order: 2 and 4 */
	uint16_t number;
	uint32_t value;
	int n, more = 1;
	size_t size = sizeof(more);

	do
		n = zmq_recv(monitor, bytes, sizeof(bytes), ZMQ_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return false;
	memcpy(&number, bytes, sizeof(number));
	memcpy(&value, bytes + sizeof(number), sizeof(value));
	*ret_event = number;
	*ret_value = value;
	/* the rest names the endpoint */
	while (zmq_getsockopt(monitor, ZMQ_RCVMORE, &more, &size) == 0 && more)
		if (zmq_recv(monitor, NULL, 0, ZMQ_DONTWAIT) < 0 &&
		    errno != EINTR)
			break;
	return true;
}

static void
look(struct zmqport_socket *s)
{
	unsigned event, value;

	while (s->monitor && next_event(s->monitor, &event, &value)) {
		s->is_connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
		if (!s->is_connected)
			s->losses++;
		if (s->has_keys && event != ZMQ_EVENT_DISCONNECTED)
			take_verdict(s, event, value);
	}
}

bool
zmqport_is_connected(struct zmqport_socket *s)
{
	look(s);
	return s->is_connected;
}

unsigned
zmqport_losses(struct zmqport_socket *s)
{
	look(s);
	return s->losses;
}

enum zmqport_verdict
zmqport_verdict(struct zmqport_socket *s)
{
	look(s);
	return s->verdict;
}

static int
fd_of(void *socket)
{
	int fd = -1;
	size_t size = sizeof(fd);

	return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0 ? -1 : fd;
}

int
zmqport_watch_fd(const struct zmqport_socket *s)
{
	return s->monitor ? fd_of(s->monitor) : -1;
}

/* --- endpoints ---------------------------------------------------------- */

/* Options that hang on the endpoint; they count for what comes after. */
static int
prepare(struct zmqport_socket *s, const char *endpoint)
{
	if (strncmp(endpoint, "tcp://", 6) != 0)
		return 0;
	if (!set_int(s->socket, ZMQ_HEARTBEAT_IVL, PING_MS) ||
	    !set_int(s->socket, ZMQ_HEARTBEAT_TIMEOUT, PING_TIMEOUT_MS))
		return error_of(errno);
	if (endpoint[6] == '[' && !set_int(s->socket, ZMQ_IPV6, 1))
		return error_of(errno);
	return 0;
}

int
zmqport_bind(struct zmqport_socket *s, const char *endpoint, mode_t mode,
	     gid_t gid)
{
	const char *path = NULL;
	mode_t old = 0;
	int r = prepare(s, endpoint);

	if (r < 0)
		return r;
	if (strncmp(endpoint, "ipc://", 6) == 0) {
		path = endpoint + 6;
		old = umask(0177);
	}
	if (zmq_bind(s->socket, endpoint) < 0)
		r = error_of(errno);
	if (!path)
		return r;
	umask(old);
	if (r < 0)
		return r;
	/* The group first: the wider mode must not serve the wrong one. */
	if (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0)
		return -errno;
	return chmod(path, mode) < 0 ? -errno : 0;
}

int
zmqport_connect(struct zmqport_socket *s, const char *endpoint)
{
	int r = prepare(s, endpoint);

	if (r < 0)
		return r;
	return zmq_connect(s->socket, endpoint) < 0 ? error_of(errno) : 0;
}

int
zmqport_renew(struct zmqport_socket *s, const char *endpoint)
{
	look(s);
	(void)zmq_disconnect(s->socket, endpoint);
	s->is_connected = false;
	s->losses++;
	return zmqport_connect(s, endpoint);
}

int
zmqport_subscribe(struct zmqport_socket *s, struct slice prefix)
{
	return zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, prefix.p,
			      prefix.len) < 0 ? error_of(errno) : 0;
}

void
zmqport_set_linger(struct zmqport_socket *s, int linger_ms)
{
	(void)set_int(s->socket, ZMQ_LINGER, linger_ms);
}

int
zmqport_endpoint(struct zmqport_socket *s, char *out, size_t size)
{
	return zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, out, &size) < 0 ?
		       error_of(errno) : 0;
}

unsigned
zmqport_events(struct zmqport_socket *s)
{
	int events = 0;
	size_t size = sizeof(events);

	while (zmq_getsockopt(s->socket, ZMQ_EVENTS, &events, &size) < 0)
		if (errno != EINTR)
			return 0;
	return (events & ZMQ_POLLIN ? ZMQPORT_IN : 0) |
	       (events & ZMQ_POLLOUT ? ZMQPORT_OUT : 0);
}

int
zmqport_fd(struct zmqport_socket *s)
{
	return fd_of(s->socket);
}

/* --- keys --------------------------------------------------------------- */

bool
zmqport_has_curve(void)
{
	return zmq_has("curve") == 1;
}

int
zmqport_key_pair(char ret_public[CURVE_SIZE], char ret_secret[CURVE_SIZE])
{
	return zmq_curve_keypair(ret_public, ret_secret) < 0 ?
		       error_of(errno) : 0;
}

int
zmqport_key_public(const char secret[CURVE_SIZE], char ret_public[CURVE_SIZE])
{
	return zmq_curve_public(ret_public, secret) < 0 ? error_of(errno) : 0;
}

bool
zmqport_key_is_one(const char *text)
{
	uint8_t bytes[CURVE_BYTES];
	bool is_one = strlen(text) == CURVE_SIZE - 1 &&
		      zmq_z85_decode(bytes, text);

	explicit_bzero(bytes, sizeof(bytes));
	return is_one;
}

void
zmqport_key_text(const void *bytes, char ret_text[CURVE_SIZE])
{
	(void)zmq_z85_encode(ret_text, bytes, CURVE_BYTES);
}

/* --- receiving ---------------------------------------------------------- */

int
zmqport_message_new(size_t max_parts, struct zmqport_message **ret_message)
{
	struct zmqport_message *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->max = max_parts;
	m->msgs = calloc(max_parts, sizeof(*m->msgs));
	m->parts = calloc(max_parts, sizeof(*m->parts));
	if (!m->msgs || !m->parts) {
		zmqport_message_free(m);
		return -ENOMEM;
	}
	*ret_message = m;
	return 0;
}

static void
message_clear(struct zmqport_message *m)
{
	while (m->n > 0)
		zmq_msg_close(&m->msgs[--m->n]);
	m->is_cut = false;
}

struct zmqport_message *
zmqport_message_free(struct zmqport_message *m)
{
	if (!m)
		return NULL;
	message_clear(m);
	free(m->msgs);
	free(m->parts);
	free(m);
	return NULL;
}

const struct slice *
zmqport_parts(const struct zmqport_message *m, size_t *ret_n)
{
	*ret_n = m->n;
	return m->parts;
}

bool
zmqport_message_is_cut(const struct zmqport_message *m)
{
	return m->is_cut;
}

/* Receives one part. 1: and more follow; 0: it was the last; -errno. */
static int
receive_part(struct zmqport_socket *s, zmq_msg_t *msg)
{
	zmq_msg_init(msg);
	while (zmq_msg_recv(msg, s->socket, ZMQ_DONTWAIT) < 0) {
		int r = errno;

		if (r == EINTR)
			continue;
		zmq_msg_close(msg);
		return error_of(r);
	}
	return zmq_msg_more(msg) ? 1 : 0;
}

/* ZeroMQ hands over whole messages: the rest is there to be read. */
static int
drop_rest(struct zmqport_socket *s)
{
	zmq_msg_t msg;
	int more;

	do {
		more = receive_part(s, &msg);
		if (more >= 0)
			zmq_msg_close(&msg);
	} while (more > 0);
	return more;
}

int
zmqport_receive(struct zmqport_socket *s, struct zmqport_message *m)
{
	int more = 1;

	message_clear(m);
	while (more > 0 && m->n < m->max) {
		zmq_msg_t *msg = &m->msgs[m->n];

		more = receive_part(s, msg);
		if (more < 0)
			break;
		m->parts[m->n].p = zmq_msg_data(msg);
		m->parts[m->n].len = zmq_msg_size(msg);
		m->n++;
	}
	if (more > 0) {
		more = drop_rest(s);
		m->is_cut = true;
	}
	if (more == 0)
		return 1;
	if (more == -EAGAIN && m->n == 0)
		return 0;
	message_clear(m);
	return more == -EAGAIN ? -EIO : more;
}

/* --- sending ------------------------------------------------------------ */

static int
send_part(struct zmqport_socket *s, struct slice part, bool more)
{
	/* An absent part is an empty one; NULL would offend memcpy. */
	const char *p = part.len > 0 ? part.p : "";

	while (zmq_send(s->socket, p, part.len,
			ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0)
		if (errno != EINTR)
			return error_of(errno);
	return 0;
}

int
zmqport_send2(struct zmqport_socket *s, const struct slice *head,
	      size_t n_head, const struct slice *tail, size_t n_tail)
{
	size_t n = n_head + n_tail, i;
	int r;

	for (i = 0; i < n; i++) {
		r = send_part(s, i < n_head ? head[i] : tail[i - n_head],
			      i + 1 < n);
		if (r < 0)
			break;
	}
	if (i == n)
		return 0;
	/* Out of memory in the middle: end the message, which now is too short
	 * to be taken for a whole one, so that the next one stands alone. */
	if (i > 0)
		(void)send_part(s, SLICE_NONE, false);
	return i > 0 && r == -EAGAIN ? -EIO : r;
}

int
zmqport_send(struct zmqport_socket *s, const struct slice *parts, size_t n)
{
	return zmqport_send2(s, parts, n, NULL, 0);
}
