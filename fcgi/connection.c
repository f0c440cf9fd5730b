/* SPDX-License-Identifier: MIT */
#include "fcgi/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/params.h"
#include "fcgi/reply.h"
#include "lib/base/list.h"
#include "lib/base/units.h"

enum {
	READ_BYTES = 65536 + 4096,	/* the largest request, in one read */
	STALLED_MS = 1000,
	/* of all bodies that are arriving; who comes beyond is told to come
	 * again, so that those that have begun can be finished */
	BODIES_MAX = 64 << 20,
	/* so much of a body in --request-timeout is fast enough */
	BODY_STEP = 65536,
};

struct connection {
	struct loop_io io;
	struct list kept;		/* connections->open, oldest first; or doomed */
	struct connections *all;	/* borrowed */
	int64_t deadline_ms;
	uint64_t body_seen;		/* of request, at the last deadline */
	struct request request;
};

struct connections {
	struct loop *loop;		/* borrowed */
	struct connections_config config;
	const struct connections_ops *ops;	/* borrowed */
	void *user;
	struct list open;		/* by deadline: all have the same time */
	struct list doomed;
	size_t count;
	size_t body_bytes;		/* of all requests, now */
	struct loop_timer timer;
	struct buf out;
	struct connections_stats stats;
	char input[READ_BYTES];
};

static void on_deadline(struct loop_timer *t, int64_t now_ms);

int
connections_new(struct loop *loop, const struct connections_config *config,
		const struct connections_ops *ops, void *user,
		struct connections **ret_connections)
{
	struct connections *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->config = *config;
	c->ops = ops;
	c->user = user;
	c->timer.on_due = on_deadline;
	list_init(&c->open);
	list_init(&c->doomed);
	*ret_connections = c;
	return 0;
}

static void
forget_request(struct connections *c, struct request *r)
{
	c->body_bytes -= r->body.len;
	request_done(r);
}

/* Forgets a connection; its descriptor is somebody else's now, or closed. */
static void
connection_doom(struct connection *n)
{
	struct connections *c = n->all;

	loop_del(c->loop, &n->io);
	forget_request(c, &n->request);
	list_del(&n->kept);
	list_add(&c->doomed, &n->kept);
	c->count--;
}

static void
connection_close(struct connection *n)
{
	int fd = n->io.fd;

	connection_doom(n);
	close(fd);
}

void
connections_reap(struct connections *c)
{
	while (!list_is_empty(&c->doomed)) {
		struct connection *n = list_entry(c->doomed.next,
						  struct connection, kept);

		list_del(&n->kept);
		free(n);
	}
}

struct connections *
connections_free(struct connections *c)
{
	if (!c)
		return NULL;
	while (!list_is_empty(&c->open))
		connection_close(list_entry(c->open.next, struct connection,
					    kept));
	connections_reap(c);
	loop_timer_stop(c->loop, &c->timer);
	buf_done(&c->out);
	free(c);
	return NULL;
}

void
connections_abandon(struct connections *c)
{
	for (struct list *at = c->open.next; at != &c->open; at = at->next)
		close(list_entry(at, struct connection, kept)->io.fd);
}

size_t
connections_count(const struct connections *c)
{
	return c->count;
}

const struct connections_stats *
connections_get_stats(const struct connections *c)
{
	return &c->stats;
}

static void
meet(const struct connections *c, enum bound bound, const char *why)
{
	if (c->ops->on_bound)
		c->ops->on_bound(c->user, bound, why);
}

/* ---- deadlines ---- */

/* From now on. All have the same time, so that the last is the latest. */
static void
set_deadline(struct connection *n)
{
	struct connections *c = n->all;

	n->deadline_ms = loop_now_ms(c->loop) + c->config.request_timeout_ms;
	n->body_seen = n->request.body_len;
	list_del(&n->kept);
	list_add(&c->open, &n->kept);
}

static void
set_timer(struct connections *c)
{
	const struct connection *n;

	if (list_is_empty(&c->open)) {
		loop_timer_stop(c->loop, &c->timer);
		return;
	}
	n = list_entry(c->open.next, struct connection, kept);
	(void)loop_timer_set(c->loop, &c->timer, n->deadline_ms);
}

static void
on_deadline(struct loop_timer *t, int64_t now_ms)
{
	struct connections *c = list_entry(t, struct connections, timer);

	while (!list_is_empty(&c->open)) {
		struct connection *n = list_entry(c->open.next,
						  struct connection, kept);

		if (n->deadline_ms > now_ms)
			break;
		/* A kept connection that rests between requests may go too:
		 * web servers open a new one then. */
		if (!request_is_idle(&n->request)) {
			c->stats.timeouts++;
			meet(c, BOUND_TIME, NULL);
		}
		connection_close(n);
	}
	set_timer(c);
}

/* ---- answers ---- */

/*
 * A fresh socket takes an answer whole; one that does not has a peer that
 * does not read, which is its own loss. False: then nothing can follow it.
 */
static bool
send_answer(struct connections *c, int fd)
{
	ssize_t n = send(fd, c->out.p, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	bool is_whole = n == (ssize_t)c->out.len;

	buf_clear(&c->out);
	return is_whole;
}

enum outcome {
	OUTCOME_TAKEN,		/* the descriptor is a stream now */
	OUTCOME_ANSWERED,	/* ready for the connection's next request */
	OUTCOME_CLOSE,
};

static enum outcome
answer(struct connections *c, int fd, const struct request *r,
       const struct route *route)
{
	struct reply reply = {
		.id = r->id,
		.head = route->head,
		.headers = buf_slice(&route->headers),
	};

	c->stats.refused += route->status >= 400;
	if (route->is_excess)
		meet(c, BOUND_TOPICS, route->why);
	if (reply_answer(&c->out, &reply, route->status,
			 slice_of(route->why)) < 0) {
		meet(c, BOUND_MEMORY, NULL);
		return OUTCOME_CLOSE;
	}
	return send_answer(c, fd) && r->keep ? OUTCOME_ANSWERED :
	       OUTCOME_CLOSE;
}

static enum outcome
open_stream(struct connections *c, int fd, const struct request *r,
	    const struct route *route, const struct params *params)
{
	struct reply reply = {
		.id = r->id,
		.head = route->head,
		.headers = buf_slice(&route->headers),
	};
	int err;

	if (route->head) {
		err = reply_stream(&c->out, &reply, 0, SLICE_NONE);
	} else {
		err = route->later ? -EBUSY :
		      c->ops->on_stream(c->user, fd, r->id, route,
					params->remote_addr);
		if (err == 0)
			return OUTCOME_TAKEN;
		c->stats.later++;
		err = reply_later(&c->out, &reply,
				  c->ops->retry_later(c->user));
	}
	if (err < 0) {
		meet(c, BOUND_MEMORY, NULL);
		return OUTCOME_CLOSE;
	}
	return send_answer(c, fd) && r->keep ? OUTCOME_ANSWERED :
	       OUTCOME_CLOSE;
}

static enum outcome
open_probe(struct connections *c, int fd, const struct request *r,
	   struct route *route, const struct params *params)
{
	int err = c->ops->on_probe(c->user, fd, r->id, params, route);

	if (err == 0)
		return OUTCOME_TAKEN;
	if (err == -EINVAL || err == -EBUSY)
		return answer(c, fd, r, route);
	meet(c, BOUND_MEMORY, NULL);
	return OUTCOME_CLOSE;
}

/* ---- what is published ---- */

/* The body of what is no publication is dropped, as ever. */
static void
begin_body(struct connections *c, struct request *r)
{
	struct params params;
	struct route route = { 0 };
	const char *why;

	r->is_dropped = true;
	if (params_decode(r->params, &params, &why) == 0 &&
	    route_request(&c->config.route, &params, &route) == 0 &&
	    route.is_publish) {
		r->body_max = c->ops->post_max(c->user, &params, &route);
		r->is_dropped = r->body_max == 0;
	}
	route_done(&route);
}

/* It is read to its end all the same: see request.h. */
static void
drop_body(struct connections *c, struct request *r, int status,
	  const char *why)
{
	c->body_bytes -= r->body.len;
	buf_done(&r->body);
	r->is_dropped = true;
	r->refusal = status;
	r->refusal_why = why;
}

static int
keep_body(void *user, struct request *r, struct slice piece)
{
	struct connections *c = user;

	if (r->body_len == piece.len)
		begin_body(c, r);
	if (r->is_dropped)
		return 0;
	if (piece.len > r->body_max - r->body.len)
		drop_body(c, r, 413, "The body is longer than --max-event "
			  "allows. Publish a link to it instead, or send it "
			  "in parts.");
	else if (piece.len > BODIES_MAX - c->body_bytes)
		drop_body(c, r, 503, "So much is being published that there "
			  "is no room for more now.");
	else if (buf_append_slice(&r->body, piece) < 0)
		drop_body(c, r, 503, "There is no memory left for this "
			  "request.");
	else
		c->body_bytes += piece.len;
	return 0;
}

/* Whether it is as long as the web server says; a client may have gone away in
 * the middle of it. */
static bool
is_cut(const struct request *r, const struct params *params)
{
	uint64_t len;

	return params->content_length.p &&
	       (parse_u64(params->content_length, &len) < 0 ||
		len != r->body_len);
}

static enum outcome
publish(struct connections *c, int fd, const struct request *r,
	struct route *route, const struct params *params)
{
	int err = 0;

	if (!c->ops->on_post)
		err = route_refuse_publish(route, 503, "Nothing can be "
					   "published now.");
	else if (r->refusal)
		err = route_refuse_publish(route, r->refusal, r->refusal_why);
	else if (is_cut(r, params))
		err = route_refuse_publish(route, 400, "The body is not as "
					   "long as Content-Length says.");
	else if (c->ops->on_post(c->user, fd, r, params, route) == 0)
		return OUTCOME_TAKEN;
	if (route->is_denied && c->ops->on_denied)
		c->ops->on_denied(c->user, params, route);
	if (err == 0)
		return answer(c, fd, r, route);
	meet(c, BOUND_MEMORY, NULL);
	return OUTCOME_CLOSE;
}

/* A whole request: becomes a stream or gets its answer. */
static enum outcome
serve(struct connections *c, int fd, const struct request *r)
{
	struct params params;
	struct route route = { 0 };
	const char *why;
	enum outcome outcome = OUTCOME_CLOSE;

	c->stats.requests++;
	if (params_decode(r->params, &params, &why) < 0) {
		c->stats.bad++;
		route_refuse(&route, 400, why);
		outcome = answer(c, fd, r, &route);
	} else if (route_request(&c->config.route, &params, &route) == 0) {
		if (route.is_denied && c->ops->on_denied)
			c->ops->on_denied(c->user, &params, &route);
		/* Who serves no streams serves no probes (standin.h). */
		if (route.is_probe && !c->ops->on_probe)
			route.later = true;
		if (route.is_publish)
			outcome = publish(c, fd, r, &route, &params);
		else if (route.is_probe && !route.head && !route.later)
			outcome = open_probe(c, fd, r, &route, &params);
		else
			outcome = route.status == 200 ?
			    open_stream(c, fd, r, &route, &params) :
			    answer(c, fd, r, &route);
	} else {
		meet(c, BOUND_MEMORY, NULL);
	}
	route_done(&route);
	return outcome;
}

static void
refuse_bad(struct connections *c, int fd, const struct request *r)
{
	struct route route = { 0 };

	if (r->status == 413 || r->status == 431) {
		meet(c, BOUND_REQUEST, r->why);
	} else if (r->is_starved) {
		meet(c, BOUND_MEMORY, NULL);
	} else {
		c->stats.bad++;
		if (c->ops->on_bad)
			c->ops->on_bad(c->user, r->why ? r->why :
				       "unreadable");
	}
	if (r->status == 0 || r->id == 0)
		return;
	route_refuse(&route, r->status, r->why);
	(void)answer(c, fd, r, &route);
	route_done(&route);
}

/* ---- reading ---- */

enum feed { FEED_MORE, FEED_TAKEN, FEED_CLOSE };

/*
 * Feeds the bytes to the request, and to the next ones of a connection that
 * is kept. After FEED_MORE `r` holds what was begun.
 */
static enum feed
feed(struct connections *c, int fd, struct request *r, struct slice in)
{
	while (in.len > 0) {
		enum request_result result;
		enum outcome outcome;

		if (c->ops->on_post) {
			r->on_body = keep_body;
			r->user = c;
		}
		result = request_feed(r, &c->config.limits, &in, &c->out);

		if (c->out.len && !send_answer(c, fd))
			return FEED_CLOSE;
		if (result == REQUEST_MORE)
			return FEED_MORE;
		if (result == REQUEST_BAD)
			refuse_bad(c, fd, r);
		if (result == REQUEST_BAD ||
		    (result == REQUEST_ABORTED && !r->keep))
			return FEED_CLOSE;
		outcome = result == REQUEST_WHOLE ? serve(c, fd, r) :
			  OUTCOME_ANSWERED;
		forget_request(c, r);
		if (outcome == OUTCOME_TAKEN)
			return FEED_TAKEN;
		if (outcome == OUTCOME_CLOSE)
			return FEED_CLOSE;
	}
	return FEED_MORE;
}

static void
connection_on_ready(struct loop_io *io, unsigned ready)
{
	struct connection *n = list_entry(io, struct connection, io);
	struct connections *c = n->all;
	int fd = io->fd;
	uint64_t requests = c->stats.requests;
	ssize_t got = recv(fd, c->input, sizeof(c->input), MSG_DONTWAIT);

	(void)ready;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
			errno == EINTR))
		return;
	if (got <= 0) {
		connection_close(n);
		return;
	}
	/*
	 * The loop must not watch the descriptor for us any more when a stream
	 * takes it; it is put back if nobody does.
	 */
	loop_del(c->loop, io);
	switch (feed(c, fd, &n->request, (struct slice){ c->input,
		     (size_t)got })) {
	case FEED_TAKEN:
		connection_doom(n);
		return;
	case FEED_CLOSE:
		connection_doom(n);
		close(fd);
		return;
	case FEED_MORE:
		io->fd = fd;
		if (loop_add(c->loop, io, LOOP_READ) < 0) {
			io->fd = -1;
			meet(c, BOUND_MEMORY, NULL);
			connection_doom(n);
			close(fd);
		} else if (c->stats.requests > requests ||
			   n->request.body_len >= n->body_seen + BODY_STEP) {
			set_deadline(n);	/* for the next request, or for
						 * more of its body */
		}
		return;
	}
}

bool
connections_make_room(struct connections *c)
{
	struct connection *n;
	int64_t since_ms;

	if (list_is_empty(&c->open))
		return false;
	n = list_entry(c->open.next, struct connection, kept);
	since_ms = n->deadline_ms - c->config.request_timeout_ms;
	if (loop_now_ms(c->loop) - since_ms < STALLED_MS)
		return false;
	c->stats.crowded++;
	connection_close(n);
	return true;
}

/* Keeps a connection whose request is not whole yet. */
static void
connection_keep(struct connections *c, int fd, struct request *r)
{
	struct connection *n = calloc(1, sizeof(*n));

	if (!n)
		goto fail;
	n->all = c;
	n->io.fd = fd;
	n->io.on_ready = connection_on_ready;
	list_init(&n->kept);
	if (loop_add(c->loop, &n->io, LOOP_READ) < 0) {
		free(n);
		goto fail;
	}
	n->request = *r;
	set_deadline(n);
	if (++c->count > c->config.half_open_max) {
		c->stats.crowded++;
		meet(c, BOUND_HALF_OPEN, NULL);
		connection_close(list_entry(c->open.next, struct connection,
					    kept));
	}
	if (!c->timer.heap)
		set_timer(c);
	return;
fail:
	meet(c, BOUND_MEMORY, NULL);
	forget_request(c, r);
	close(fd);
}

void
connections_add(struct connections *c, int fd)
{
	struct request r = { 0 };
	enum feed result = FEED_MORE;
	ssize_t got = recv(fd, c->input, sizeof(c->input), MSG_DONTWAIT);

	c->stats.accepted++;
	if (got > 0)
		result = feed(c, fd, &r, (struct slice){ c->input,
			      (size_t)got });
	else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK &&
			      errno != EINTR))
		result = FEED_CLOSE;
	if (result == FEED_MORE) {
		connection_keep(c, fd, &r);
		return;
	}
	forget_request(c, &r);
	if (result == FEED_CLOSE)
		close(fd);
}
