/* SPDX-License-Identifier: MIT */
/*
 * publisher: a window of events, and a connection that may be lost at any time.
 *
 * ZeroMQ says nothing of a refused connection and sends nothing again after a
 * lost one. So a plain connect(2) asks first whether a hub is there; the
 * socket does not reconnect by itself; and when its connection is lost, or an
 * answer is late, a new one takes its place and the whole window is sent again.
 *
 * A hub that has no room for an event has none for those sent behind it either
 * (they name its key). When each of them has its answer, so that none can be
 * taken for that of the next attempt, all are sent again.
 */
#include "config.h"

#include <sse-fcgi/publisher.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/bus/address.h"
#include "lib/bus/frame.h"
#include "lib/bus/message.h"
#include "lib/bus/publisher.h"
#include "lib/bus/window.h"
#include "lib/bus/zmqport.h"
#include "lib/sse/id.h"

enum {
	PATIENCE_MS = 1000,	/* an answer later than this is late; doubles */
	PATIENCE_MOST_MS = 5000,
	RETRY_MS = 20,		/* between two connections; doubles */
	RETRY_MOST_MS = 250,
	/* A refused permission may be a hub that is just opening its sockets,
	 * but is not worth more than a glance. */
	DENIED_MS = 300,
	ANSWER_FRAME = 4096,
	QUEUE = 2 * LIMIT_PUBLISH_WINDOW,	/* never full: see above */
	KEY_BYTES = 16,
	KEYS_DRAWN = 16,	/* at once: a system call each costs as much as
				 * all the rest of sending */
	REASON_MAX = 512,
	DROPS_TOLD = 2,		/* lost without an answer, one after the other */
};

struct sse_publisher {
	struct bus_address bus;
	bool is_usable;			/* the address is one */
	struct zmqport *port;		/* owned, as these */
	struct zmqport_socket *socket;	/* NULL: no connection */
	struct zmqport_message *message;
	struct window window;
	int unreachable;		/* why there is no connection, or 0 */
	bool insists;			/* sends again what is refused for now */
	bool is_single;			/* sse_publisher_publish waits */
	int refusal;			/* why the hub takes nothing now, or 0 */
	bool was_let_in;		/* by a hub with keys, at some time */
	unsigned drops;			/* connections lost without an answer */
	int64_t next_try_ms;		/* for a new connection, at the earliest */
	int64_t retry_ms;
	int64_t next_send_ms;		/* of what was refused, at the earliest */
	int64_t pause_ms;
	int64_t progress_ms;		/* when something was last sent or answered */
	int64_t patience_ms;
	sse_publisher_on_ack *on_ack;
	void *user;
	unsigned char keys[KEYS_DRAWN][KEY_BYTES];	/* random; the first */
	unsigned n_keys;		/* ... of them are not used yet */
	char error[1024];
};

static void __attribute__((format(printf, 2, 3)))
say(struct sse_publisher *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, sizeof(p->error), format, args);
	va_end(args);
}

static bool
has_keys(const struct sse_publisher *p)
{
	return bus_address_curve(&p->bus);
}

/* --- what is wrong, in words -------------------------------------------- */

/* One of the three that our interface has for a hub that cannot be reached. */
static int
kind_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return -EACCES;
	case -ENOENT:
	case -ENOTDIR:
		return -ENOENT;
	default:
		return -ECONNREFUSED;
	}
}

/* The group that would be let in at `path`, if its mode names one. */
static const char *
group_of(const char *path, mode_t needed)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st) < 0 || (st.st_mode & needed) != needed)
		return NULL;
	group = getgrgid(st.st_gid);
	return group ? group->gr_name : NULL;
}

static void
say_denied(struct sse_publisher *p, const char *endpoint)
{
	const struct passwd *me = getpwuid(geteuid());
	const char *path = strstr(endpoint, "://") + 3, *group;
	char name[64];

	if (me)
		snprintf(name, sizeof(name), "%s", me->pw_name);
	else
		snprintf(name, sizeof(name), "%lu", (unsigned long)geteuid());
	/* Either the socket is refused, or the way to it. */
	group = group_of(path, S_IWGRP);
	if (!group)
		group = group_of(p->bus.path, S_IXGRP);
	if (!group || strcmp(group, "root") == 0)
		say(p, "User %s may not publish at %s. To let a group of users do so, run once: sudo sse-fcgi --setup, and then: sudo usermod -aG sse-publish %s",
		    name, path, name);
	else
		say(p, "User %s may not publish at %s, but the members of group %s may. To join it: sudo usermod -aG %s %s, and log in again.",
		    name, path, group, group, name);
}

static void
say_unreachable(struct sse_publisher *p, int error)
{
	char endpoint[BUS_ENDPOINT_MAX];

	bus_address_endpoint(&p->bus, BUS_PUBLISH, endpoint);
	if (kind_of(error) == -EACCES)
		say_denied(p, endpoint);
	else if (kind_of(error) == -ENOENT)
		say(p, "No hub is at %s: there is no socket %s. Start sse-fcgi or sse-hub, or name another address with --bus or $SSE_BUS.",
		    p->bus.path, strstr(endpoint, "://") + 3);
	else if (error == -ECONNREFUSED)
		say(p, "No hub is at %s: nobody listens on %s. Start sse-fcgi or sse-hub, or name another address with --bus or $SSE_BUS.",
		    p->bus.path, endpoint);
	else
		say(p, "The hub at %s cannot be reached: %s.", p->bus.path,
		    strerror(-error));
}

static void
say_late(struct sse_publisher *p, int timeout_ms)
{
	bool may_want_keys = p->bus.is_tcp && !has_keys(p) &&
			     p->drops >= DROPS_TOLD;

	say(p, "The hub at %s did not acknowledge the event within %d ms. It may have taken it or not; to send it again with the same key is safe.%s",
	    p->bus.path, timeout_ms, !may_want_keys ? "" :
	    " It ends each connection at once: if it is one with keys, give --curve-key and --curve-hub, or set $SSE_CURVE_KEY and $SSE_CURVE_HUB.");
}

/* --- the connection ----------------------------------------------------- */

/* Takes up what became of the connection. 0, or why it is none. */
static int
take_verdict(struct sse_publisher *p, enum zmqport_verdict verdict)
{
	char why[sizeof(p->error)];
	int r;

	/* Once, that may have been a hub that stops. */
	if (verdict == ZMQPORT_HUNG_UP && p->drops + 1 < DROPS_TOLD)
		verdict = ZMQPORT_UNDECIDED;
	r = bus_address_explain(&p->bus, BUS_PUBLISH, verdict, why,
				sizeof(why));
	if (r < 0 && r != p->unreachable)
		say(p, "%s", why);
	/* What kept us out stays true until the hub has let us in. */
	if (r < 0 || verdict == ZMQPORT_LET_IN)
		p->unreachable = r;
	if (verdict == ZMQPORT_LET_IN) {
		p->was_let_in = true;
		p->drops = 0;
	}
	return r;
}

static void
disconnect(struct sse_publisher *p)
{
	p->socket = zmqport_close(p->socket);
	window_restart(&p->window);
}

/* 0, or why there is none. */
static int
make_socket(struct sse_publisher *p)
{
	const struct zmqport_options options = {
		.kind = ZMQPORT_DEALER,
		.max_frame = ANSWER_FRAME,
		.send_queue = QUEUE,
		.receive_queue = QUEUE,
		.no_reconnect = true,
		.curve = bus_address_curve(&p->bus),
	};
	char endpoint[BUS_ENDPOINT_MAX];
	int r = 0;

	if (!p->message)
		r = zmqport_message_new(1 + ACK_PARTS_MAX + 1, &p->message);
	if (r == 0 && !p->port)
		r = zmqport_new(&p->port);
	if (r == 0)
		r = zmqport_open(p->port, &options, &p->socket);
	if (r < 0)
		return r;
	bus_address_peer(&p->bus, BUS_PUBLISH, endpoint);
	return zmqport_connect(p->socket, endpoint);
}

/* Makes a connection, or notes why there is none and when to try again. */
static void
try_connect(struct sse_publisher *p, int64_t now_ms)
{
	int r, kind;

	disconnect(p);
	p->next_try_ms = now_ms + p->retry_ms;
	p->retry_ms = p->retry_ms ? 2 * p->retry_ms : RETRY_MS;
	if (p->retry_ms > RETRY_MOST_MS)
		p->retry_ms = RETRY_MOST_MS;
	r = bus_address_probe(&p->bus, BUS_PUBLISH);
	if (r == 0)
		r = make_socket(p);
	kind = r < 0 ? kind_of(r) : 0;
	if (r < 0) {
		disconnect(p);
		if (kind != p->unreachable)
			say_unreachable(p, r);
	}
	if (r < 0 || !has_keys(p))
		p->unreachable = kind;
	p->progress_ms = now_ms;
}

/* Where no hub has let us in, nothing was sent. */
static void
judge_silence(struct sse_publisher *p)
{
	if (has_keys(p) && !p->was_let_in && !p->unreachable)
		(void)take_verdict(p, ZMQPORT_AWAY);
}

/* The connection is none any more. */
static void
lose(struct sse_publisher *p)
{
	if (has_keys(p))
		(void)take_verdict(p, zmqport_verdict(p->socket));
	p->drops++;
	disconnect(p);
}

/* Sends what is not sent yet. */
static void
flush(struct sse_publisher *p, int64_t now_ms)
{
	struct slice parts[3];

	if (p->window.refused > 0 || now_ms < p->next_send_ms)
		return;
	if (p->window.sent == 0)
		p->progress_ms = now_ms;
	while (p->socket && p->window.sent < p->window.count) {
		window_next(&p->window, parts);
		if (zmqport_send(p->socket, parts, 3) < 0) {
			lose(p);
			return;
		}
		p->window.sent++;
	}
}

/* --- answers ------------------------------------------------------------ */

static int
result_of(enum ack_class class)
{
	switch (class) {
	case ACK_OK:
		return 0;
	case ACK_EVENT:
		return -EINVAL;
	case ACK_SIZE:
		return -EMSGSIZE;
	case ACK_VERSION:
		return -EPROTO;
	case ACK_FULL:
		return -ENOSPC;
	case ACK_BUSY:
		return -EBUSY;
	case ACK_DENIED:
	case ACK_ORDER:
	case ACK_OTHER:
		break;
	}
	return -EIO;
}

/* What an answer is to us. */
enum answer {
	ANSWER_STRANGE,		/* nobody waits for it */
	ANSWER_FINAL,		/* about one event, and its last */
	ANSWER_AGAIN,		/* all are to be sent again, at once */
	ANSWER_LATER,		/* ... or a little later */
};

static enum answer
kind_of_answer(const struct sse_publisher *p, const struct ack *ack)
{
	enum window_refused about;
	unsigned first;

	if (ack->class == ACK_OK)
		return window_find_row(&p->window, ack->key, ack->count,
				       &first) < 0 ? ANSWER_STRANGE :
						     ANSWER_FINAL;
	/* Only a refusal may be without the key: the hub could not read it. */
	about = window_find(&p->window, ack->key);
	if (about == WINDOW_STRANGER)
		return ANSWER_STRANGE;
	if (ack->class == ACK_ORDER && about == WINDOW_BEHIND)
		return ANSWER_AGAIN;
	if ((ack->class == ACK_BUSY && (p->insists || p->is_single)) ||
	    (ack->class == ACK_FULL && p->insists))
		return ANSWER_LATER;
	return ANSWER_FINAL;
}

/* Takes the event out of the window and tells that it was refused. */
static void
finish(struct sse_publisher *p, const struct ack *ack, const char *reason)
{
	uint64_t cookie;

	if (window_take(&p->window, ack->key, &cookie) == 0 && p->on_ack)
		p->on_ack(p->user, cookie, result_of(ack->class), NULL, reason);
}

/* The same with those that are stored, the oldest first. */
static void
finish_row(struct sse_publisher *p, const struct ack *ack)
{
	unsigned count = ack->count, first, k;
	uint64_t epoch, number = 0, cookie;
	char id[EVENT_ID_MAX + 1];

	if (window_find_row(&p->window, ack->key, count, &first) < 0)
		return;
	/* Of one it is passed on as it is; a row has numbers one by one. */
	snprintf(id, sizeof(id), "%.*s", (int)ack->id.len, ack->id.p);
	if (count > 1 && id_parse(ack->id, &epoch, &number) < 0)
		number = 0;
	for (k = 1; k <= count && first < p->window.count; k++) {
		cookie = window_take_at(&p->window, first);
		if (number >= count)
			(void)id_format(epoch, number - count + k, id);
		if (p->on_ack)
			p->on_ack(p->user, cookie, 0, id, NULL);
	}
}

/* Handles the answer at hand. */
static enum answer
take_answer(struct sse_publisher *p)
{
	const struct slice *parts;
	char reason[REASON_MAX];
	enum answer kind;
	struct ack ack;
	size_t n, skip;

	parts = zmqport_parts(p->message, &n);
	skip = frame_delimiter(parts, n);
	if (zmqport_message_is_cut(p->message) ||
	    ack_parse(parts + skip, n - skip, &ack) < 0)
		return ANSWER_STRANGE;
	kind = kind_of_answer(p, &ack);
	if (kind == ANSWER_AGAIN || kind == ANSWER_LATER)
		window_refuse(&p->window, ack.key);
	if (kind == ANSWER_STRANGE || kind == ANSWER_AGAIN)
		return kind;
	snprintf(reason, sizeof(reason), "%.*s",
		 (int)(ack.reason.len < REASON_MAX ? ack.reason.len : REASON_MAX),
		 ack.reason.p ? ack.reason.p : "");
	if (ack.class != ACK_OK)
		say(p, "The hub at %s refused the event: %s", p->bus.path,
		    reason);
	if (kind == ANSWER_LATER) {
		p->refusal = result_of(ack.class);
		return kind;
	}
	if (ack.class == ACK_OK) {
		p->refusal = 0;
		p->pause_ms = 0;
		finish_row(p, &ack);
	} else {
		finish(p, &ack, reason);
	}
	return kind;
}

/* An event stays in the window: when may all of it be sent again? */
static void
put_off(struct sse_publisher *p, enum answer why, int64_t now_ms)
{
	if (why != ANSWER_LATER)
		return;
	p->pause_ms = p->pause_ms ? 2 * p->pause_ms : RETRY_MS;
	if (p->pause_ms > RETRY_MOST_MS)
		p->pause_ms = RETRY_MOST_MS;
	p->next_send_ms = now_ms + p->pause_ms;
}

static bool
take_answers(struct sse_publisher *p, int64_t now_ms)
{
	bool any = false;

	while (p->socket && zmqport_receive(p->socket, p->message) > 0) {
		enum answer kind = take_answer(p);

		if (kind == ANSWER_STRANGE)
			continue;
		p->progress_ms = now_ms;
		p->patience_ms = PATIENCE_MS;
		p->retry_ms = 0;
		p->drops = 0;
		if (kind == ANSWER_FINAL)
			any = true;
		else
			put_off(p, kind, now_ms);
		if (window_is_refused(&p->window))
			window_restart(&p->window);
	}
	return any;
}

/* --- one turn ----------------------------------------------------------- */

static bool
is_late(const struct sse_publisher *p, int64_t now_ms)
{
	return p->window.sent > 0 &&
	       now_ms - p->progress_ms >= p->patience_ms;
}

/* Gives up a connection that is none any more, or seems so. */
static void
check_connection(struct sse_publisher *p, int64_t now_ms)
{
	if (zmqport_losses(p->socket) > 0 ||
	    (has_keys(p) &&
	     take_verdict(p, zmqport_verdict(p->socket)) < 0)) {
		lose(p);
		return;
	}
	if (!is_late(p, now_ms))
		return;
	p->patience_ms *= 2;
	if (p->patience_ms > PATIENCE_MOST_MS)
		p->patience_ms = PATIENCE_MOST_MS;
	judge_silence(p);
	disconnect(p);
}

/* Does all that can be done now. Whether anything changed for the caller. */
static bool
step(struct sse_publisher *p, int64_t now_ms)
{
	int was = p->unreachable;
	bool changed = take_answers(p, now_ms);

	if (p->socket)
		check_connection(p, now_ms);
	if (!p->socket && p->window.count > 0 && now_ms >= p->next_try_ms)
		try_connect(p, now_ms);
	changed |= was != p->unreachable;
	flush(p, now_ms);
	/* Sending may have swallowed the news of an answer. */
	while (p->socket && zmqport_events(p->socket) & ZMQPORT_IN) {
		if (!take_answers(p, now_ms))
			break;
		changed = true;
	}
	return changed;
}

/* How long nothing can happen but what the descriptor tells. */
static int64_t
wake_ms(const struct sse_publisher *p)
{
	if (!p->socket)
		return p->next_try_ms;
	if (p->window.sent == 0)
		return p->next_send_ms;
	return p->progress_ms + p->patience_ms;
}

/* 0 or -EINTR. */
static int
sleep_until(struct sse_publisher *p, int64_t now_ms, int64_t until_ms)
{
	int64_t ms = until_ms - now_ms;
	struct pollfd fds[2];
	int fd[2], n, i;

	if (ms <= 0)
		return 0;
	n = sse_publisher_fds(p, fd);
	for (i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	if (poll(fds, (nfds_t)n, ms > 10000 ? 10000 : (int)ms) < 0 && errno == EINTR)
		return -EINTR;
	return 0;
}

/* --- the interface ------------------------------------------------------ */

/* The address is there, with its keys. */
static int
start(struct sse_publisher *p)
{
	int r = bus_address_check_directory(&p->bus, p->error,
					    sizeof(p->error));

	if (r == -EPERM || r == -EINVAL)
		return r;
	if (r == -ENOTDIR)
		return -EINVAL;
	p->error[0] = '\0';	/* what else may be, the connection tells */
	p->is_usable = true;
	try_connect(p, clock_mono_ms());
	return p->unreachable;
}

int
sse_publisher_open(const char *bus, struct sse_publisher **ret_publisher)
{
	struct sse_publisher *p = calloc(1, sizeof(*p));
	int r;

	*ret_publisher = p;
	if (!p)
		return -ENOMEM;
	p->patience_ms = PATIENCE_MS;
	r = bus_address_parse(bus, &p->bus, p->error, sizeof(p->error));
	if (r < 0) {
		snprintf(p->bus.path, sizeof(p->bus.path), "%s",
			 bus ? bus : "");
		return r == -ENAMETOOLONG ? r : -EINVAL;
	}
	r = bus_address_use_environment(&p->bus, p->error, sizeof(p->error));
	return r == -EPERM || r == -EINVAL ? r : start(p);
}

int
publisher_open_at(const struct bus_address *bus,
		  struct sse_publisher **ret_publisher)
{
	struct sse_publisher *p = calloc(1, sizeof(*p));

	*ret_publisher = p;
	if (!p)
		return -ENOMEM;
	p->patience_ms = PATIENCE_MS;
	p->bus = *bus;
	return start(p);
}

int
publisher_cancel(struct sse_publisher *p, uint64_t cookie)
{
	return window_cancel(&p->window, cookie);
}

void
sse_publisher_free(struct sse_publisher *p)
{
	if (!p)
		return;
	zmqport_message_free(p->message);
	zmqport_close(p->socket);
	zmqport_free(p->port);
	window_done(&p->window);
	free(p);
}

void
sse_publisher_set_on_ack(struct sse_publisher *p, sse_publisher_on_ack *on_ack,
			 void *user)
{
	p->on_ack = on_ack;
	p->user = user;
}

void
sse_publisher_insist(struct sse_publisher *p)
{
	p->insists = true;
}

/* A key for an event that has none. */
static void
make_key(struct sse_publisher *p, char ret_key[2 * KEY_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes;
	unsigned i;

	if (p->n_keys == 0) {
		random_bytes(p->keys, sizeof(p->keys));
		p->n_keys = KEYS_DRAWN;
	}
	bytes = p->keys[--p->n_keys];
	for (i = 0; i < KEY_BYTES; i++) {
		ret_key[2 * i] = digits[bytes[i] >> 4];
		ret_key[2 * i + 1] = digits[bytes[i] & 15];
	}
}

int
sse_publisher_send(struct sse_publisher *p, const struct sse_event *e,
		   uint64_t cookie)
{
	const struct event *event = message_event(e);
	char made[2 * KEY_BYTES];
	struct slice key = event->key;
	int64_t now_ms;
	int r;

	if (!p->is_usable)
		return -EINVAL;
	r = message_check(e);
	if (r < 0)
		return r;
	if (!key.p) {
		make_key(p, made);
		key = (struct slice){ made, sizeof(made) };
	}
	r = window_add(&p->window, event, key, cookie);
	if (r < 0)
		return r;
	now_ms = clock_mono_ms();
	if (!p->socket && now_ms >= p->next_try_ms)
		try_connect(p, now_ms);
	flush(p, now_ms);
	return 0;
}

unsigned
sse_publisher_pending(const struct sse_publisher *p)
{
	return p->window.count;
}

int
sse_publisher_poll(struct sse_publisher *p, int timeout_ms)
{
	int64_t now_ms = clock_mono_ms(), until_ms, wake;
	int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : now_ms + timeout_ms;

	for (;;) {
		if (step(p, now_ms))
			return 0;
		if (p->window.count == 0)
			return 0;
		if (now_ms >= deadline_ms)
			return p->unreachable ? p->unreachable : p->refusal;
		wake = wake_ms(p);
		until_ms = wake < deadline_ms ? wake : deadline_ms;
		if (sleep_until(p, now_ms, until_ms) < 0)
			return -EINTR;
		now_ms = clock_mono_ms();
	}
}

int
sse_publisher_fds(const struct sse_publisher *p, int fds[2])
{
	fds[0] = fds[1] = -1;
	/* While what was refused waits for its time, no answer can come. */
	if (!p->socket || (p->window.count > 0 && p->window.sent == 0))
		return 0;
	fds[0] = zmqport_fd(p->socket);
	fds[1] = zmqport_watch_fd(p->socket);
	return 2;
}

/* What sse_publisher_publish waits for. */
struct single {
	bool is_done;
	int result;
	char *id;		/* borrowed; may be NULL */
};

static void
on_single(void *user, uint64_t cookie, int result, const char *id,
	  const char *reason)
{
	struct single *s = user;

	(void)cookie;
	(void)reason;		/* is in the publisher's error already */
	s->is_done = true;
	s->result = result;
	if (result == 0 && s->id)
		snprintf(s->id, EVENT_ID_MAX + 1, "%s", id);
}

/* Waits for the one event's answer. 0: it is there; else why it is not. */
static int
await(struct sse_publisher *p, const struct single *s, int timeout_ms)
{
	int64_t start_ms = clock_mono_ms(), left_ms = timeout_ms;
	int r;

	for (;;) {
		if (p->unreachable == -EACCES &&
		    (timeout_ms < 0 || left_ms > DENIED_MS))
			left_ms = DENIED_MS;
		r = sse_publisher_poll(p, (int)left_ms);
		if (s->is_done)
			return 0;
		left_ms = timeout_ms < 0 ? -1 :
			start_ms + timeout_ms - clock_mono_ms();
		if (r == -EACCES)
			return r;
		if (timeout_ms >= 0 && left_ms <= 0)
			break;
	}
	judge_silence(p);
	if (p->unreachable)
		return p->unreachable;
	/* A late answer must not be taken for that of the next event. */
	disconnect(p);
	if (p->refusal)
		return p->refusal;
	say_late(p, timeout_ms);
	return -ETIMEDOUT;
}

int
sse_publisher_publish(struct sse_publisher *p, const struct sse_event *e,
		      int timeout_ms, char ret_id[256])
{
	sse_publisher_on_ack *on_ack = p->on_ack;
	void *user = p->user;
	struct single s = { .id = ret_id };
	int r;

	r = sse_publisher_send(p, e, 0);
	if (r < 0)
		return r;
	sse_publisher_set_on_ack(p, on_single, &s);
	p->is_single = true;
	r = await(p, &s, timeout_ms);
	p->is_single = false;
	p->next_send_ms = p->pause_ms = 0;
	sse_publisher_set_on_ack(p, on_ack, user);
	if (r == 0)
		return s.result;
	/* Nobody waits for it any more: it must not be sent again by itself. */
	window_done(&p->window);
	p->refusal = 0;
	return r;
}

const char *
sse_publisher_error(const struct sse_publisher *p)
{
	return p->error;
}

const char *
sse_publisher_bus(const struct sse_publisher *p)
{
	return p->bus.path;
}

int
sse_bus_default(char *out, size_t size)
{
	struct bus_address bus;
	char error[256];
	int r;

	r = bus_address_parse(NULL, &bus, error, sizeof(error));
	if (r < 0)
		return r;
	if (strlen(bus.path) >= size)
		return -ENAMETOOLONG;
	memcpy(out, bus.path, strlen(bus.path) + 1);
	return 0;
}
