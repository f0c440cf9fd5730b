/* SPDX-License-Identifier: MIT */
#include "fcgi/posting.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/reply.h"

struct post {
	struct list kept;
	struct posting *all;
	int fd;			/* owned */
	uint16_t id;
	bool keep;
	struct buf headers;	/* of the answer; owned */
};

void
posting_init(struct posting *p)
{
	list_init(&p->waiting);
}

static void
post_free(struct post *one)
{
	list_del(&one->kept);
	buf_done(&one->headers);
	free(one);
}

void
posting_done(struct posting *p)
{
	while (!list_is_empty(&p->waiting)) {
		struct post *one = list_entry(p->waiting.next, struct post,
					      kept);

		close(one->fd);
		post_free(one);
	}
}

/* A fresh socket takes it whole; a peer that does not read has its own loss. */
static bool
send_answer(const struct post *one, const struct publishing_answer *a)
{
	const struct reply reply = {
		.id = one->id,
		.headers = buf_slice(&one->headers),
		.type = a->is_json ? "application/json" : REPLY_PLAIN,
	};
	struct buf out = { 0 };
	bool sent = false;

	if (reply_answer(&out, &reply, a->status, a->text) == 0)
		sent = send(one->fd, out.p, out.len, MSG_DONTWAIT |
			    MSG_NOSIGNAL) == (ssize_t)out.len;
	buf_done(&out);
	return sent;
}

static void
on_done(void *user, const struct publishing_answer *a)
{
	struct post *one = user;
	struct posting *p = one->all;
	int r = 0, fd = one->fd;
	bool sent;

	if (a->status == 503)
		r = buf_printf(&one->headers, "Retry-After: %d\r\n",
			       ROUTE_RETRY_S);
	sent = r == 0 && send_answer(one, a);
	if (sent && one->keep)
		p->give_back(p->user, fd);
	else
		close(fd);
	post_free(one);
}

/* There was no right to it when its body began, so that there is none. */
static int
deny(const struct posting *p, const struct params *params, struct route *route)
{
	int r = posts_check(&p->posts, params, route);

	if (r == 0)
		r = route_refuse_publish(route, 503, "What you may do changed "
					 "while this came in; send it again.");
	return r < 0 ? r : -EINVAL;
}

int
posting_take(struct posting *p, int fd, const struct request *r,
	     const struct params *params, struct route *route)
{
	struct post *one;
	int e = r->is_dropped ? deny(p, params, route) : 0;

	if (e < 0)
		return e;
	one = calloc(1, sizeof(*one));
	if (!one)
		return -ENOMEM;
	list_init(&one->kept);
	one->all = p;
	one->fd = fd;
	one->id = r->id;
	one->keep = r->keep;
	e = posts_take(&p->posts, params, buf_slice(&r->body), route, on_done,
		       one);
	if (e < 0) {
		free(one);
		return e;
	}
	one->headers = route->headers;
	route->headers = (struct buf){ 0 };
	list_add(&p->waiting, &one->kept);
	return 0;
}
