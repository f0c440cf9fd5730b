/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/local.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/http.h"
#include "fcgi/posts.h"
#include "fcgi/reply.h"
#include "lib/base/list.h"

enum {
	READ_BYTES = 65536,
	ACCEPTS_PER_TURN = 64,
	/* of all bodies that are arriving */
	BODIES_MAX = 64 << 20,
	/* so much of a body in the request's time is fast enough */
	BODY_STEP = 65536,
	/* what a client sends after it was refused is read for so long, so that
	 * it gets to the answer */
	LINGER_MS = 1000,
	/* descriptors are out: how long accepting pauses */
	ACCEPT_PAUSE_MS = 100,
};

enum visitor_state {
	VISITOR_READING,	/* in local->timed */
	VISITOR_WAITING,	/* for the hub; in local->waiting */
	VISITOR_LINGERING,	/* has its answer, the last; in local->timed */
	VISITOR_DOOMED,		/* in local->doomed */
};

struct visitor {
	struct loop_io io;
	struct list kept;
	struct local *all;	/* borrowed */
	enum visitor_state state;
	bool is_refused;	/* not one of the users */
	bool keep;
	bool was_served;	/* has had an answer */
	uid_t uid;
	int fd;			/* owned */
	int64_t deadline_ms;
	size_t body_seen;	/* bytes of it, at the last deadline */
	size_t body_counted;	/* ... in local->bodies */
	struct http_request request;
};

struct local {
	struct loop *loop;	/* borrowed */
	struct local_config config;
	struct route_config route;
	struct posts posts;
	struct loop_io gate;
	int listener;		/* borrowed */
	struct list timed, waiting, doomed;
	struct loop_timer timer, accept_again;
	size_t count, bodies;
	bool is_draining;
	struct local_stats stats;
	char input[READ_BYTES];
};

static struct visitor *
visitor_at(struct list *at)
{
	return list_entry(at, struct visitor, kept);
}

/* ---- the end of one ---- */

static void
forget_request(struct visitor *v)
{
	v->all->bodies -= v->body_counted;
	v->body_counted = v->body_seen = 0;
	http_done(&v->request);
}

static void
visitor_close(struct visitor *v)
{
	struct local *l = v->all;

	loop_del(l->loop, &v->io);
	close(v->fd);
	forget_request(v);
	v->state = VISITOR_DOOMED;
	list_del(&v->kept);
	list_add(&l->doomed, &v->kept);
	l->count--;
}

void
local_reap(struct local *l)
{
	while (!list_is_empty(&l->doomed)) {
		struct visitor *v = visitor_at(l->doomed.next);

		list_del(&v->kept);
		free(v);
	}
}

/* ---- deadlines ---- */

/* The one that is due first. Few enough to look at each. */
static void
set_timer(struct local *l)
{
	int64_t first_ms = INT64_MAX;

	for (struct list *at = l->timed.next; at != &l->timed; at = at->next)
		if (visitor_at(at)->deadline_ms < first_ms)
			first_ms = visitor_at(at)->deadline_ms;
	if (first_ms == INT64_MAX)
		loop_timer_stop(l->loop, &l->timer);
	else
		(void)loop_timer_set(l->loop, &l->timer, first_ms);
}

static void
set_deadline(struct visitor *v, int64_t in_ms)
{
	struct local *l = v->all;

	v->deadline_ms = loop_now_ms(l->loop) + in_ms;
	v->body_seen = v->request.body.len;
	list_del(&v->kept);
	list_add(&l->timed, &v->kept);
	if (!l->timer.heap || v->deadline_ms < l->timer.due_ms)
		(void)loop_timer_set(l->loop, &l->timer, v->deadline_ms);
}

/* ---- answers ---- */

static bool
send_bytes(int fd, const struct buf *out)
{
	return send(fd, out->p, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)out->len;
}

static bool
send_answer(struct visitor *v, int status, const char *type, struct slice text,
	    struct slice headers)
{
	struct buf out = { 0 };
	bool sent;
	int r;

	v->all->stats.refused += status >= 400;
	r = buf_printf(&out, "HTTP/1.1 %d %s\r\n"
		       "Content-Type: %s\r\n"
		       "Content-Length: %zu\r\n"
		       "Connection: %s\r\n", status, reply_phrase(status), type,
		       text.len, v->keep ? "keep-alive" : "close");
	if (r == 0)
		r = buf_append_slice(&out, headers);
	if (r == 0)
		r = buf_append_text(&out, "\r\n");
	if (r == 0)
		r = buf_append_slice(&out, text);
	sent = r == 0 && send_bytes(v->fd, &out);
	buf_done(&out);
	return sent;
}

static void
linger(struct visitor *v)
{
	(void)shutdown(v->fd, SHUT_WR);
	forget_request(v);
	v->state = VISITOR_LINGERING;
	set_deadline(v, LINGER_MS);
}

/* With a line feed, for people. */
static void
refuse(struct visitor *v, int status, const char *why, struct slice headers)
{
	char text[ROUTE_WHY_MAX + 2];

	v->keep = false;
	snprintf(text, sizeof(text), "%s\n", why);
	if (send_answer(v, status, REPLY_PLAIN, slice_of(text), headers))
		linger(v);
	else
		visitor_close(v);
}

static void
refuse_route(struct visitor *v, const struct route *route)
{
	if (route->status == 204)
		refuse(v, 405, "Events are published here, with POST.",
		       buf_slice(&route->headers));
	else
		refuse(v, route->status, route->why,
		       buf_slice(&route->headers));
}

static void
on_done(void *user, const struct publishing_answer *a)
{
	struct visitor *v = user;
	char retry[32] = "";
	bool sent;

	if (a->status == 503)
		snprintf(retry, sizeof(retry), "Retry-After: %d\r\n",
			 ROUTE_RETRY_S);
	v->keep &= !v->all->is_draining;
	sent = send_answer(v, a->status,
			   a->is_json ? "application/json" : REPLY_PLAIN,
			   a->text, slice_of(retry));
	v->was_served = true;
	if (!sent || !v->keep || v->io.fd < 0 ||
	    loop_want(v->all->loop, &v->io, LOOP_READ) < 0) {
		visitor_close(v);
		return;
	}
	v->state = VISITOR_READING;
	set_deadline(v, v->all->config.request_timeout_ms);
}

/* ---- requests ---- */

/* The head is there: is it one that publishes? Its body may be so long. */
static bool
admit(struct visitor *v)
{
	struct local *l = v->all;
	struct http_request *r = &v->request;
	struct route route = { 0 };
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct buf out = { (char *)(uintptr_t)go_on, sizeof(go_on) - 1, 0 };
	bool is_good;

	l->stats.requests++;
	is_good = route_request(&l->route, &r->params, &route) == 0 &&
		  route.is_publish;
	if (is_good)
		r->body_max = publication_body_max(
		    publication_kind(&r->params), l->config.max_event);
	else
		refuse_route(v, &route);
	route_done(&route);
	if (is_good && r->wants_continue &&
	    (r->is_chunked || (r->left > 0 && r->left <= r->body_max)) &&
	    !send_bytes(v->fd, &out)) {
		visitor_close(v);
		return false;
	}
	return is_good;
}

static void
refuse_user(struct visitor *v)
{
	const struct passwd *p = getpwuid(v->uid);
	char why[ROUTE_WHY_MAX];

	snprintf(why, sizeof(why), "User %.64s (%lu) may not publish here. To "
		 "allow it: sse-fcgi --publish-user %.64s",
		 p ? p->pw_name : "without a name", (unsigned long)v->uid,
		 p ? p->pw_name : "NAME");
	refuse(v, 403, why, SLICE_NONE);
}

/* The request is whole. */
static void
serve(struct visitor *v)
{
	struct local *l = v->all;
	struct route route = { 0 };
	int r = route_request(&l->route, &v->request.params, &route);

	if (r == 0)
		r = posts_take(&l->posts, &v->request.params,
			       buf_slice(&v->request.body), &route, on_done,
			       v);
	if (r == 0) {
		v->state = VISITOR_WAITING;
		list_del(&v->kept);
		list_add(&l->waiting, &v->kept);
		(void)loop_want(l->loop, &v->io, 0);
		forget_request(v);
	} else if (r == -EINVAL) {
		refuse_route(v, &route);
	} else {
		refuse(v, 503, "There is no memory left for this request.",
		       SLICE_NONE);
	}
	route_done(&route);
}

/* Counts what has come of the body. False: there is too much of it all. */
static bool
count_body(struct visitor *v)
{
	struct local *l = v->all;
	size_t more = v->request.body.len - v->body_counted;

	l->bodies += more;
	v->body_counted += more;
	return l->bodies <= BODIES_MAX;
}

static void
feed(struct visitor *v, struct slice in)
{
	struct http_request *r = &v->request;
	enum http_result result = http_feed(r, &in);

	if (result == HTTP_HEAD && v->is_refused) {
		refuse_user(v);
		return;
	}
	if (result == HTTP_HEAD) {
		if (!admit(v))
			return;
		result = http_feed(r, &in);
	}
	if (result == HTTP_BAD) {
		refuse(v, r->status, r->why, SLICE_NONE);
	} else if (!count_body(v)) {
		refuse(v, 503, "So much is being published that there is no "
		       "room for more now.", SLICE_LIT("Retry-After: 2\r\n"));
	} else if (result == HTTP_WHOLE) {
		/* What stands behind it is lost with the connection. */
		v->keep = r->keep && in.len == 0;
		serve(v);
	} else if (r->body.len >= v->body_seen + BODY_STEP) {
		set_deadline(v, v->all->config.request_timeout_ms);
	}
}

static void
on_ready(struct loop_io *io, unsigned ready)
{
	struct visitor *v = list_entry(io, struct visitor, io);
	struct local *l = v->all;
	ssize_t got;

	/* It is gone while the hub is waited for: that is finished. */
	if (v->state == VISITOR_WAITING) {
		if (ready & LOOP_CLOSED)
			loop_del(l->loop, io);
		return;
	}
	got = recv(v->fd, l->input, sizeof(l->input), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		visitor_close(v);
	else if (v->state == VISITOR_READING)
		feed(v, (struct slice){ l->input, (size_t)got });
}

static void
on_deadline(struct loop_timer *t, int64_t now_ms)
{
	struct local *l = list_entry(t, struct local, timer);
	struct list *at = l->timed.next, *next;

	for (; at != &l->timed; at = next) {
		struct visitor *v = visitor_at(at);

		next = at->next;
		if (v->deadline_ms > now_ms)
			continue;
		if (v->state == VISITOR_READING && !http_is_idle(&v->request))
			refuse(v, 408, "The request was not whole in time.",
			       SLICE_NONE);
		else
			visitor_close(v);
	}
	set_timer(l);
}

/* ---- accepting ---- */

static bool
is_user(const struct local *l, uid_t uid)
{
	for (size_t i = 0; i < l->config.n_users; i++)
		if (l->config.users[i] == uid)
			return true;
	return false;
}

/*
 * Who may not publish goes first: nobody is to lose his place to him. Then one that
 * rests between two requests, which has the least to lose.
 */
static bool
close_one(struct local *l, bool (*goes)(const struct visitor *v))
{
	for (struct list *at = l->timed.next; at != &l->timed; at = at->next)
		if (goes(visitor_at(at))) {
			visitor_close(visitor_at(at));
			return true;
		}
	return false;
}

static bool
is_stranger(const struct visitor *v)
{
	return v->is_refused;
}

static bool
is_resting(const struct visitor *v)
{
	return v->state != VISITOR_READING || http_is_idle(&v->request);
}

static void
make_room(struct local *l)
{
	if (close_one(l, is_stranger) || close_one(l, is_resting))
		return;
	if (l->count >= LOCAL_MOST && !list_is_empty(&l->timed))
		visitor_close(visitor_at(l->timed.next));
}

static void
visitor_add(struct local *l, int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	struct visitor *v = calloc(1, sizeof(*v));

	if (!v || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		goto fail;
	if (l->count >= LOCAL_MOST && !is_user(l, peer.uid) &&
	    !close_one(l, is_stranger))
		goto fail;
	v->all = l;
	v->fd = fd;
	v->uid = peer.uid;
	v->is_refused = !is_user(l, peer.uid);
	v->io = (struct loop_io){ .fd = fd, .on_ready = on_ready };
	list_init(&v->kept);
	if (loop_add(l->loop, &v->io, LOOP_READ) < 0)
		goto fail;
	if (l->count >= LOCAL_MOST)
		make_room(l);
	l->count++;
	set_deadline(v, l->config.request_timeout_ms);
	return;
fail:
	free(v);
	close(fd);
}

static void
on_accept_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	local_accept(list_entry(t, struct local, accept_again));
}

/* Descriptors are out. One that rests may go; the others end soon. */
static void
pause_accepting(struct local *l)
{
	make_room(l);
	(void)loop_want(l->loop, &l->gate, 0);
	(void)loop_timer_set(l->loop, &l->accept_again,
			     loop_now_ms(l->loop) + ACCEPT_PAUSE_MS);
}

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct local *l = list_entry(io, struct local, gate);

	(void)ready;
	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(l->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE ||
			       errno == ENOBUFS || errno == ENOMEM))
			pause_accepting(l);
		if (fd < 0)
			return;
		visitor_add(l, fd);
	}
}

/* ---- the beginning and the end ---- */

void
local_accept(struct local *l)
{
	if (!l->is_draining)
		(void)loop_want(l->loop, &l->gate, LOOP_READ);
}

void
local_drain(struct local *l)
{
	struct list *at = l->timed.next, *next;

	l->is_draining = true;
	loop_timer_stop(l->loop, &l->accept_again);
	loop_del(l->loop, &l->gate);
	for (; at != &l->timed; at = next) {
		struct visitor *v = visitor_at(at);

		next = at->next;
		/* One that has just come is about to ask. */
		if (v->state == VISITOR_READING && v->was_served &&
		    http_is_idle(&v->request))
			visitor_close(v);
	}
}

size_t
local_count(const struct local *l)
{
	return l->count;
}

const struct local_stats *
local_get_stats(const struct local *l)
{
	return &l->stats;
}

int
local_new(struct loop *loop, const struct local_config *config, int fd,
	  struct publishing *publishing, struct local **ret_local)
{
	struct local *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->config = *config;
	l->listener = fd;
	l->route = (struct route_config){
		.mount = "/",
		.has_publish = true,
		.publishes_only = true,
	};
	l->posts = (struct posts){
		.route = &l->route,
		.publishing = publishing,
		.max_event = config->max_event,
		.is_trusted = true,
	};
	l->timer.on_due = on_deadline;
	l->accept_again.on_due = on_accept_again;
	l->gate = (struct loop_io){ .fd = fd, .on_ready = on_connection };
	list_init(&l->timed);
	list_init(&l->waiting);
	list_init(&l->doomed);
	r = loop_add(loop, &l->gate, LOOP_EXCLUSIVE);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret_local = l;
	return 0;
}

struct local *
local_free(struct local *l)
{
	if (!l)
		return NULL;
	loop_del(l->loop, &l->gate);
	while (!list_is_empty(&l->timed))
		visitor_close(visitor_at(l->timed.next));
	while (!list_is_empty(&l->waiting))
		visitor_close(visitor_at(l->waiting.next));
	local_reap(l);
	loop_timer_stop(l->loop, &l->timer);
	loop_timer_stop(l->loop, &l->accept_again);
	free(l);
	return NULL;
}
