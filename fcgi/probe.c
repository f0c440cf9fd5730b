/* SPDX-License-Identifier: MIT */
#include "fcgi/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/probe_wish.h"
#include "fcgi/record.h"
#include "fcgi/reply.h"
#include "lib/base/clock.h"
#include "lib/base/list.h"
#include "lib/base/random.h"
#include "lib/base/units.h"
#include "lib/sse/encode.h"

enum {
	OPEN_MOST = 32,		/* at a time */
	BURST = 120,		/* one after the other, then ... */
	REFILL_MS = 500,	/* ... one each so often */
	FATES = 64,		/* ended ones with a key, whose fate is known */
	SAW_MAX = 100,		/* bytes of a variable that are told */
};

enum fate { FATE_UNKNOWN, FATE_OPEN, FATE_GONE, FATE_DONE };

static const char *const fate_names[] = {
	[FATE_UNKNOWN] = "unknown",
	[FATE_OPEN] = "open",
	[FATE_GONE] = "gone",
	[FATE_DONE] = "done",
};

static const char *const hub_names[] = {
	[PROBES_HUB_NONE] = "none",
	[PROBES_HUB_AWAY] = "away",
	[PROBES_HUB_FOLLOWED] = "followed",
};

struct ended {
	char key[PROBE_KEY_MAX + 1];
	enum fate fate;
	int64_t at_ms;
	uint32_t beats;
};

struct probe {
	struct loop_io io;
	struct loop_timer timer;
	struct list kept;		/* probes->open or ->doomed */
	struct probes *all;		/* borrowed */
	struct probe_wish wish;
	uint16_t id;
	uint32_t sent;
	uint32_t beats;			/* heartbeats written */
	int64_t begun_ms;
	int64_t idle_until_ms;
};

struct probes {
	struct loop *loop;		/* borrowed */
	probes_look *look;
	void *user;			/* borrowed */
	struct list open, doomed;
	size_t count;
	int64_t paid_until_ms;		/* the next one's turn if all came evenly */
	char worker[14];		/* tells one process from another */
	struct ended ended[FATES];	/* a ring */
	size_t ended_at;
	struct buf text, out;
};

int
probes_new(struct loop *loop, probes_look *look, void *user,
	   struct probes **ret_probes)
{
	struct probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->look = look;
	p->user = user;
	list_init(&p->open);
	list_init(&p->doomed);
	format_base36(random_u64(), p->worker);
	*ret_probes = p;
	return 0;
}

/* ---- the end of one ---- */

static void
remember(struct probes *p, const struct probe *n, enum fate fate)
{
	struct ended *e = &p->ended[p->ended_at];

	if (n->wish.key[0] == '\0')
		return;
	memcpy(e->key, n->wish.key, sizeof(e->key));
	e->fate = fate;
	e->at_ms = clock_mono_ms();
	e->beats = n->beats;
	p->ended_at = (p->ended_at + 1) % FATES;
}

static void
doom(struct probe *n, enum fate fate)
{
	struct probes *p = n->all;
	int fd = n->io.fd;

	remember(p, n, fate);
	loop_timer_stop(p->loop, &n->timer);
	loop_del(p->loop, &n->io);
	close(fd);
	list_del(&n->kept);
	list_add(&p->doomed, &n->kept);
	p->count--;
}

/* With a proper end, which lighttpd likes even when nobody reads it. */
static void
end(struct probe *n, enum fate fate)
{
	struct buf *out = &n->all->out;

	buf_clear(out);
	if (reply_end(out, n->id) == 0)
		(void)!send(n->io.fd, out->p, out->len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	doom(n, fate);
}

void
probes_reap(struct probes *p)
{
	while (p && !list_is_empty(&p->doomed)) {
		struct probe *n = list_entry(p->doomed.next, struct probe,
					     kept);

		list_del(&n->kept);
		free(n);
	}
}

void
probes_drain(struct probes *p)
{
	while (p && !list_is_empty(&p->open))
		end(list_entry(p->open.next, struct probe, kept), FATE_DONE);
}

struct probes *
probes_free(struct probes *p)
{
	if (!p)
		return NULL;
	probes_drain(p);
	probes_reap(p);
	buf_done(&p->text);
	buf_done(&p->out);
	free(p);
	return NULL;
}

size_t
probes_count(const struct probes *p)
{
	return p ? p->count : 0;
}

/* ---- what is sent ---- */

/*
 * Sends what stands in p->out. A probe is small and fits a socket many times
 * over: one that does not has a peer that does not read.
 */
static bool
flush(struct probe *n)
{
	struct buf *out = &n->all->out;

	return send(n->io.fd, out->p, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)out->len;
}

static int
put_event(struct probe *n, const char *what)
{
	struct probes *p = n->all;
	int64_t now_ms = clock_mono_ms();
	int r;

	buf_clear(&p->text);
	r = buf_printf(&p->text,
		       "event: sse-probe\ndata: {\"probe\":\"%s\",\"n\":%" PRIu32
		       ",\"since_ms\":%" PRId64 ",\"mono_ms\":%" PRId64
		       ",\"wall_ms\":%" PRId64 "}\n\n",
		       what, n->sent, now_ms - n->begun_ms, now_ms,
		       clock_wall_ms());
	if (r == 0)
		r = record_append_stdout(&p->out, n->id, buf_slice(&p->text));
	return r;
}

static int
put_heartbeat(struct probe *n)
{
	return record_append_stdout(&n->all->out, n->id, SLICE_LIT(":\n\n"));
}

/* The time of what comes next, once the numbered events are out. */
static int64_t
find_due(const struct probe *n, int64_t now_ms)
{
	int64_t due_ms = n->idle_until_ms;

	if (n->wish.beat_ms > 0 && now_ms + n->wish.beat_ms < due_ms)
		due_ms = now_ms + n->wish.beat_ms;
	return due_ms;
}

static void
on_due(struct loop_timer *t, int64_t now_ms)
{
	struct probe *n = list_entry(t, struct probe, timer);
	bool is_event = n->sent < n->wish.count;
	bool is_last = !is_event && now_ms >= n->idle_until_ms;
	int64_t due_ms;
	int r;

	buf_clear(&n->all->out);
	n->sent += is_event || is_last;
	n->beats += !is_event && !is_last;
	r = is_event || is_last ? put_event(n, is_last ? "last" : "event") :
				  put_heartbeat(n);
	if (r < 0 || !flush(n)) {
		doom(n, FATE_GONE);
		return;
	}
	if (is_last) {
		end(n, FATE_DONE);
		return;
	}
	if (is_event && n->sent == n->wish.count)
		n->idle_until_ms = now_ms + n->wish.idle_ms;
	due_ms = n->sent < n->wish.count ? now_ms + n->wish.every_ms :
					   find_due(n, now_ms);
	if (loop_timer_set(n->all->loop, t, due_ms) < 0)
		end(n, FATE_GONE);
}

/* A web server sends nothing more on a connection but the end. */
static void
on_ready(struct loop_io *io, unsigned ready)
{
	struct probe *n = list_entry(io, struct probe, io);
	char junk[64];
	ssize_t got = recv(io->fd, junk, sizeof(junk), MSG_DONTWAIT);

	(void)ready;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK ||
			errno == EINTR))
		return;
	end(n, FATE_GONE);
}

/* ---- the hello ---- */

/*
 * What the web server says of itself and of the request, without what a site
 * may want to keep: no address, no user, no cookie; a product without its
 * version.
 */
static const struct {
	const char *name;
	bool is_product;
} told[] = {
	{ "SERVER_SOFTWARE", true },
	{ "SERVER_PROTOCOL", false },
	{ "GATEWAY_INTERFACE", false },
	{ "REQUEST_METHOD", false },
	{ "HTTPS", false },
	{ "HTTP_ACCEPT_ENCODING", false },
	{ "HTTP_LAST_EVENT_ID", false },
};

static struct slice
cut_product(struct slice s)
{
	const char *slash = memchr(s.p, '/', s.len);

	if (slash)
		s.len = (size_t)(slash - s.p);
	return s;
}

static int
put_saw(struct buf *out, const struct params *params)
{
	struct slice block = params->block, name, value;
	const char *comma = "";
	int r = buf_append_text(out, ",\"saw\":{");

	while (r == 0 && params_next(&block, &name, &value) > 0) {
		for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
			if (value.len == 0 || !slice_eq(name,
							slice_of(told[i].name)))
				continue;
			if (told[i].is_product)
				value = cut_product(value);
			if (value.len > SAW_MAX)
				value.len = SAW_MAX;
			r = buf_printf(out, "%s\"%s\":", comma, told[i].name);
			if (r == 0)
				r = encode_json_string(out, value);
			comma = ",";
			break;
		}
	}
	return r == 0 ? buf_append_char(out, '}') : r;
}

/* NULL: none of that name has ended here. */
static const struct ended *
find_ended(const struct probes *p, const char *key)
{
	for (size_t i = 0; i < FATES; i++)
		if (strcmp(p->ended[i].key, key) == 0)
			return &p->ended[i];
	return NULL;
}

static bool
is_open(const struct probes *p, const char *key)
{
	struct list *at;

	for (at = p->open.next; at != &p->open; at = at->next)
		if (strcmp(list_entry(at, struct probe, kept)->wish.key,
			   key) == 0)
			return true;
	return false;
}

static int
put_about(struct probes *p, const struct probe_wish *w)
{
	const struct ended *e;
	enum fate fate;

	if (w->about[0] == '\0')
		return 0;
	e = find_ended(p, w->about);
	fate = is_open(p, w->about) ? FATE_OPEN : e ? e->fate : FATE_UNKNOWN;
	return buf_printf(&p->text,
			  ",\"about\":{\"state\":\"%s\",\"ago_ms\":%" PRId64
			  ",\"beats\":%" PRIu32 "}", fate_names[fate],
			  e ? clock_mono_ms() - e->at_ms : 0,
			  e ? e->beats : 0);
}

static int
put_hello(struct probe *n, const struct params *params,
	  const struct probes_view *view)
{
	struct probes *p = n->all;
	int r;

	buf_clear(&p->text);
	r = buf_printf(&p->text,
		       "event: sse-probe\ndata: {\"probe\":\"hello\""
		       ",\"worker\":\"%s\",\"mono_ms\":%" PRId64
		       ",\"wall_ms\":%" PRId64 ",\"count\":%" PRIu32
		       ",\"every_ms\":%" PRId64 ",\"idle_ms\":%" PRId64
		       ",\"beat_ms\":%" PRId64 ",\"heartbeat_ms\":%" PRId64
		       ",\"hub\":\"%s\",\"streams\":%zu,\"probes\":%zu",
		       p->worker, n->begun_ms, clock_wall_ms(), n->wish.count,
		       n->wish.every_ms, n->wish.idle_ms, n->wish.beat_ms,
		       view->heartbeat_ms, hub_names[view->hub], view->streams,
		       p->count);
	if (r == 0)
		r = put_saw(&p->text, params);
	if (r == 0)
		r = put_about(p, &n->wish);
	if (r == 0)
		r = buf_append_text(&p->text, "}\n\n");
	if (r == 0)
		r = record_append_stdout(&p->out, n->id, buf_slice(&p->text));
	return r;
}

/* ---- the beginning ---- */

/* A few at a time, and so many in a while. In how many seconds, or 0: now. */
static int64_t
ask_turn(struct probes *p)
{
	int64_t now_ms = loop_now_ms(p->loop);
	int64_t ahead_ms;

	if (p->paid_until_ms < now_ms)
		p->paid_until_ms = now_ms;
	ahead_ms = p->paid_until_ms - now_ms - (BURST - 1) * REFILL_MS;
	if (ahead_ms > 0)
		return 1 + ahead_ms / 1000;
	if (p->count >= OPEN_MOST)
		return 2;
	p->paid_until_ms += REFILL_MS;
	return 0;
}

static int
refuse_busy(struct route *route, int64_t in_s)
{
	int r = buf_printf(&route->headers, "Retry-After: %" PRId64 "\r\n",
			   in_s);

	if (r < 0)
		return r;
	route->status = 429;
	snprintf(route->why, sizeof(route->why), "A worker serves %d probes at "
		 "a time, and %d in a minute; ask again in %" PRId64
		 " seconds.", OPEN_MOST, 60000 / REFILL_MS, in_s);
	return -EBUSY;
}

static int
greet(struct probe *n, const struct params *params, const struct route *route)
{
	struct probes *p = n->all;
	struct reply reply = { .id = n->id,
			       .headers = buf_slice(&route->headers) };
	struct probes_view view;
	int r;

	p->look(p->user, &view);
	buf_clear(&p->out);
	r = reply_stream(&p->out, &reply, (uint64_t)view.retry_ms, SLICE_NONE);
	if (r == 0)
		r = put_hello(n, params, &view);
	return r;
}

static int
watch(struct probe *n, int fd)
{
	struct probes *p = n->all;
	int r;

	n->io.fd = fd;
	n->io.on_ready = on_ready;
	n->timer.on_due = on_due;
	r = loop_add(p->loop, &n->io, LOOP_READ);
	if (r < 0)
		return r;
	r = loop_timer_set(p->loop, &n->timer,
			   loop_now_ms(p->loop) + n->wish.every_ms);
	if (r < 0)
		loop_del(p->loop, &n->io);
	return r;
}

static int
begin(struct probes *p, int fd, struct probe *n, const struct params *params,
      const struct route *route)
{
	int r = watch(n, fd);

	if (r < 0)
		return r;
	r = greet(n, params, route);
	if (r < 0) {
		loop_timer_stop(p->loop, &n->timer);
		loop_del(p->loop, &n->io);
		return r;
	}
	list_add(&p->open, &n->kept);
	p->count++;
	if (!flush(n))
		doom(n, FATE_GONE);
	else if (n->wish.count == 0)
		end(n, FATE_DONE);
	return 0;
}

int
probes_open(struct probes *p, int fd, uint16_t id, const struct params *params,
	    struct route *route)
{
	struct probe *n;
	int64_t in_s;
	int r;

	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	r = probe_wish_parse(params->query, &n->wish, route->why,
			     sizeof(route->why));
	if (r < 0)
		route->status = 400;
	in_s = r == 0 ? ask_turn(p) : 0;
	if (in_s > 0)
		r = refuse_busy(route, in_s);
	n->all = p;
	n->id = id;
	n->begun_ms = clock_mono_ms();
	list_init(&n->kept);
	if (r == 0)
		r = begin(p, fd, n, params, route);
	if (r < 0)
		free(n);
	return r;
}
