/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/handoff.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/sse/selector.h"

#include "fcgi/handoff_message.h"

enum {
	ACCEPTS_A_TURN = 64,	/* then the streams get their turn */
	REST_MS = 200,		/* after descriptors ran out */
	DESCRIPTORS_MOST = 8,	/* room for what a hostile peer sends along */
};

struct peer {
	struct list node;	/* in waiting, the oldest first; or in idle */
	struct loop_io io;
	int64_t due_ms;
	struct handoff_server *server;
};

struct handoff_server {
	struct loop *loop;	/* borrowed */
	const struct handoff_ops *ops;	/* borrowed */
	void *user;
	int listen_fd;		/* borrowed */
	struct loop_io listening;
	struct loop_timer deadline;	/* of the oldest peer */
	struct loop_timer rest;
	struct list waiting, idle;
	/* Never freed one by one, so that a late event finds its memory. */
	struct peer peers[HANDOFF_WAITING_MAX];
	char message[HANDOFF_MESSAGE_MAX];
};

/* What came with a message: at most one descriptor is wanted. */
struct parcel {
	struct slice bytes;
	int fd;			/* owned; -1: none */
	bool is_starved;	/* we have no descriptor to spare for it */
	const char *why;	/* NULL: fine so far */
};

void
handoff_done(struct handoff *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	buf_done(&h->headers);
	subscription_done(&h->subscription);
}

/* ---- one message ---- */

static void
parcel_open(struct parcel *p, struct msghdr *m)
{
	struct cmsghdr *c;
	unsigned count = 0;

	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t i, n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (count++ == 0)
				p->fd = fd;
			else
				close(fd);
		}
	}
	p->is_starved = count == 0 && (m->msg_flags & MSG_CTRUNC);
	if (m->msg_flags & MSG_TRUNC)
		p->why = "the message is too long";
	else if (count != 1 || (m->msg_flags & MSG_CTRUNC))
		p->why = "not exactly one descriptor came along";
}

/*
 * 1: something came; 0: nothing yet; negative: the peer is gone. The bytes
 * are lent by the server until the next call.
 */
static int
parcel_receive(struct handoff_server *s, int fd, struct parcel *ret_parcel)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
	} control;
	struct iovec v = { s->message, sizeof(s->message) };
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;

	*ret_parcel = (struct parcel){
		.bytes = { s->message, (size_t)n }, .fd = -1,
	};
	parcel_open(ret_parcel, &m);
	if (n == 0 && ret_parcel->fd < 0)
		return -ECONNRESET; /* the end, or a message of nothing */
	return 1;
}

static bool
is_connected_stream(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM)
		return false;
	len = sizeof(listens);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	       !listens;
}

static int
build_headers(struct buf *out, const struct handoff_message *m)
{
	struct slice line;
	size_t at = 0;
	int r = 0;

	while (r == 0 &&
	       handoff_message_next(m, HANDOFF_HEADER, &at, &line)) {
		r = buf_append_slice(out, line);
		if (r == 0)
			r = buf_append_text(out, "\r\n");
	}
	return r;
}

static int
build_subscription(struct subscription *sub, const struct handoff_message *m,
		   const char **ret_why)
{
	struct slice topic;
	size_t at = 0;
	int r;

	while (handoff_message_next(m, HANDOFF_TOPIC, &at, &topic)) {
		*ret_why = "a topic is too long with its prefix";
		if (m->prefix.len + topic.len > SELECTOR_MAX)
			return -EINVAL;
		r = subscription_add(sub, m->prefix, topic, REACH_ALL);
		if (r < 0)
			return r;
	}
	r = subscription_seal(sub);
	if (r < 0)
		return r;

	if (slice_eq(m->after, SLICE_LIT("earliest"))) {
		sub->from = FROM_EARLIEST;
	} else if (m->after.p && m->after.len == 0) {
		sub->from = FROM_UNKNOWN;
	} else if (m->after.p) {
		sub->from = FROM_ID;
		return buf_append_slice(&sub->after, m->after);
	} else if (m->last_n > 0) {
		sub->from = FROM_LAST;
		sub->last_n = m->last_n;
	}
	return 0;
}

/* Makes a hand-over of a parcel. 0, -EMFILE, -ENOMEM, or -EINVAL with why. */
static int
handoff_build(struct handoff *h, struct parcel *p, const char **ret_why)
{
	struct handoff_message m;
	int r;

	h->fd = p->fd;
	p->fd = -1;
	if (p->is_starved)
		return -EMFILE;
	*ret_why = p->why;
	if (p->why)
		return -EINVAL;
	r = handoff_message_decode(p->bytes, &m, ret_why);
	if (r < 0)
		return r;
	*ret_why = "the descriptor is not a connection";
	if (!is_connected_stream(h->fd))
		return -EINVAL;

	h->request_id = m.request_id;
	h->role = m.role;
	h->keep = m.keep;
	r = build_headers(&h->headers, &m);
	if (r == 0)
		r = build_subscription(&h->subscription, &m, ret_why);
	return r;
}

/* ---- peers ---- */

static void
set_deadline(struct handoff_server *s)
{
	struct peer *oldest;

	if (list_is_empty(&s->waiting)) {
		loop_timer_stop(s->loop, &s->deadline);
		return;
	}
	oldest = list_entry(s->waiting.next, struct peer, node);
	/* Without memory the deadline is late; peers still end by number. */
	(void)loop_timer_set(s->loop, &s->deadline, oldest->due_ms);
}

static void
peer_close(struct peer *p)
{
	struct handoff_server *s = p->server;
	int fd = p->io.fd;

	loop_del(s->loop, &p->io);
	close(fd);
	list_del(&p->node);
	list_add(&s->idle, &p->node);
}

static int
answer(int fd, const char *text)
{
	ssize_t n = send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 ? -errno : 0;
}

static void
refuse(struct handoff_server *s, int fd, const char *why)
{
	char text[160];

	snprintf(text, sizeof(text), "ERR %s", why);
	(void)answer(fd, text);	/* one that is gone needs no reason */
	if (s->ops->refused)
		s->ops->refused(s->user, why);
}

/* Answers, and hands on what was said OK to. */
static void
conclude(struct handoff_server *s, int peer_fd, struct handoff *h)
{
	int flags;

	if (s->ops->ask(s->user, h) < 0) {
		(void)answer(peer_fd, "BUSY");
		return;
	}
	/* One that gave up has shut its socket: then the request is its own. */
	if (answer(peer_fd, "OK") < 0)
		return;
	flags = fcntl(h->fd, F_GETFL);
	if (flags < 0 || fcntl(h->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return;		/* cannot happen with a socket */
	s->ops->take(s->user, h);
}

static void
on_peer(struct loop_io *io, unsigned ready)
{
	struct peer *p = list_entry(io, struct peer, io);
	struct handoff_server *s = p->server;
	struct handoff h = { .fd = -1 };
	struct parcel parcel = { .fd = -1 };
	const char *why = NULL;
	int r;

	(void)ready;
	r = parcel_receive(s, io->fd, &parcel);
	if (r == 0)
		return;
	if (r > 0) {
		r = handoff_build(&h, &parcel, &why);
		if (r == 0)
			conclude(s, io->fd, &h);
		else if (r == -EINVAL)
			refuse(s, io->fd, why);
		else
			(void)answer(io->fd, "BUSY");
		handoff_done(&h);
	}
	peer_close(p);
	set_deadline(s);
}

static void
on_deadline(struct loop_timer *t, int64_t now_ms)
{
	struct handoff_server *s =
	    list_entry(t, struct handoff_server, deadline);

	while (!list_is_empty(&s->waiting)) {
		struct peer *p =
		    list_entry(s->waiting.next, struct peer, node);

		if (p->due_ms > now_ms)
			break;
		refuse(s, p->io.fd, "nothing was sent in time");
		peer_close(p);
	}
	set_deadline(s);
}

static bool
is_trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static void
peer_open(struct handoff_server *s, int fd)
{
	struct peer *p;

	if (list_is_empty(&s->idle)) {
		p = list_entry(s->waiting.next, struct peer, node);
		refuse(s, p->io.fd, "too many wait without a word");
		peer_close(p);
	}
	p = list_entry(s->idle.next, struct peer, node);
	p->io = (struct loop_io){ .fd = fd, .on_ready = on_peer };
	p->due_ms = loop_now_ms(s->loop) + HANDOFF_DEADLINE_MS;
	if (loop_add(s->loop, &p->io, LOOP_READ) < 0) {
		(void)answer(fd, "BUSY");
		close(fd);
		return;
	}
	list_del(&p->node);
	list_add(&s->waiting, &p->node);
	set_deadline(s);
}

static int
start_listening(struct handoff_server *s)
{
	s->listening.fd = s->listen_fd;
	return loop_add(s->loop, &s->listening, LOOP_READ | LOOP_EXCLUSIVE);
}

static void
on_rested(struct loop_timer *t, int64_t now_ms)
{
	struct handoff_server *s = list_entry(t, struct handoff_server, rest);

	if (start_listening(s) < 0)
		(void)loop_timer_set(s->loop, t, now_ms + REST_MS);
}

/* Descriptors have run out: asking again at once would only burn the CPU. */
static void
rest(struct handoff_server *s)
{
	if (loop_timer_set(s->loop, &s->rest,
			   loop_now_ms(s->loop) + REST_MS) == 0)
		loop_del(s->loop, &s->listening);
}

static void
on_listening(struct loop_io *io, unsigned ready)
{
	struct handoff_server *s =
	    list_entry(io, struct handoff_server, listening);
	int i;

	(void)ready;
	for (i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(s->listen_fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0 && is_trusted(fd)) {
			peer_open(s, fd);
		} else if (fd >= 0) {
			refuse(s, fd, "another user may not hand over");
			close(fd);
		} else if (errno == EMFILE || errno == ENFILE ||
			   errno == ENOMEM || errno == ENOBUFS) {
			rest(s);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

int
handoff_server_new(struct loop *l, int listen_fd, const struct handoff_ops *ops,
		   void *user, struct handoff_server **ret_server)
{
	struct handoff_server *s;
	size_t i;
	int r;

	assert(ops->ask && ops->take);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->loop = l;
	s->ops = ops;
	s->user = user;
	s->deadline.on_due = on_deadline;
	s->rest.on_due = on_rested;
	list_init(&s->waiting);
	list_init(&s->idle);
	for (i = 0; i < HANDOFF_WAITING_MAX; i++) {
		s->peers[i].server = s;
		list_add(&s->idle, &s->peers[i].node);
	}
	s->listen_fd = listen_fd;
	s->listening.on_ready = on_listening;
	r = start_listening(s);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret_server = s;
	return 0;
}

struct handoff_server *
handoff_server_free(struct handoff_server *s)
{
	if (!s)
		return NULL;
	while (!list_is_empty(&s->waiting))
		peer_close(list_entry(s->waiting.next, struct peer, node));
	loop_timer_stop(s->loop, &s->deadline);
	loop_timer_stop(s->loop, &s->rest);
	if (s->listening.fd >= 0)
		loop_del(s->loop, &s->listening);
	free(s);
	return NULL;
}
