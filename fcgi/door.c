/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/door.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/logging.h"

enum {
	/* no worker ready: how long web servers wait before we answer */
	STARVED_MS = 300,
	/* descriptors are out: how long nobody is let in then */
	PAUSE_MS = 100,
	LET_IN_PER_TURN = 256,
};

static void look(struct door *d);

/* ---- who comes in ---- */

static void
look_later(struct door *d)
{
	(void)loop_timer_set(d->loop, &d->again,
			     loop_now_ms(d->loop) + PAUSE_MS);
}

/* There is no room at the workers: one is held, and nobody more let in. */
static void
hold(struct door *d, int fd, bool is_seen)
{
	d->held = fd;
	if (is_seen)
		d->room.fd = d->pass->in;
	if (!is_seen || loop_add(d->loop, &d->room, LOOP_WRITE) < 0) {
		d->room.fd = -1;
		look_later(d);
	}
	look(d);
}

static void
let_in(struct door *d, int fd)
{
	int r;

	d->was_used = true;
	if (d->mode == DOOR_ANSWERING) {
		standin_take(&d->standin, fd);
		return;
	}
	r = pass_send(d->pass->in, fd);
	if (r == -EAGAIN || r == -ENOBUFS)
		hold(d, fd, r == -EAGAIN);
	else if (r < 0)
		close(fd);
}

/* What is held goes on, if there is room now. */
static void
release(struct door *d)
{
	int fd = d->held;

	loop_del(d->loop, &d->room);
	d->held = -1;
	if (fd >= 0)
		let_in(d, fd);
	look(d);
}

static void
on_room(struct loop_io *io, unsigned ready)
{
	(void)ready;
	release(list_entry(io, struct door, room));
}

static bool
is_out(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM ||
	       error == -ENOBUFS;
}

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct door_side *side = list_entry(io, struct door_side, io);
	struct door *d = side->door;
	unsigned i;
	int fd;

	(void)ready;
	for (i = 0; i < LET_IN_PER_TURN && io->fd >= 0 && d->held < 0; i++) {
		fd = listen_accept(side->listener);
		if (fd >= 0) {
			let_in(d, fd);
		} else if (is_out(fd) &&
			   !(d->mode == DOOR_ANSWERING &&
			     standin_make_room(&d->standin))) {
			/* It stays readable: asking on would burn the CPU. */
			look_later(d);
			look(d);
			return;
		} else if (fd == -EAGAIN) {
			return;
		}
	}
}

/* ---- when somebody is let in ---- */

/* Has the sockets watched, or not. */
static void
look(struct door *d)
{
	bool is_open = d->mode != DOOR_CLOSED && d->held < 0 && !d->again.heap;
	size_t i;

	for (i = 0; i < 2; i++) {
		struct door_side *side = &d->sides[i];

		if (!is_open || !side->listener ||
		    (side->is_shared && d->mode == DOOR_PASSING)) {
			loop_del(d->loop, &side->io);
			continue;
		}
		if (side->io.fd >= 0)
			continue;
		side->io.fd = side->listener->fd;
		if (loop_add(d->loop, &side->io, LOOP_READ) < 0) {
			side->io.fd = -1;
			look_later(d);
		}
	}
}

static void
on_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	release(list_entry(t, struct door, again));
}

static void
set_mode(struct door *d, enum door_mode mode)
{
	loop_timer_stop(d->loop, &d->starved);
	if (mode == DOOR_PASSING)
		d->said = false;
	d->mode = mode;
	release(d);
}

void
door_pass(struct door *d)
{
	if (d->mode != DOOR_PASSING)
		set_mode(d, DOOR_PASSING);
}

void
door_close(struct door *d)
{
	if (d->mode != DOOR_CLOSED || d->starved.heap)
		set_mode(d, DOOR_CLOSED);
}

void
door_answer(struct door *d)
{
	int fd;

	if (d->mode == DOOR_ANSWERING)
		return;
	set_mode(d, DOOR_ANSWERING);
	/* Those who were passed on, too, and whom nobody has taken. */
	while ((fd = pass_receive(d->pass->out)) >= 0)
		standin_take(&d->standin, fd);
}

static void
on_starved(struct loop_timer *t, int64_t now_ms)
{
	struct door *d = list_entry(t, struct door, starved);

	(void)now_ms;
	if (!d->said)
		log_warning("no worker is ready; browsers are asked to come back later");
	d->said = true;
	door_answer(d);
}

void
door_expect(struct door *d)
{
	if (d->mode == DOOR_ANSWERING || d->starved.heap)
		return;
	set_mode(d, DOOR_CLOSED);
	(void)loop_timer_set(d->loop, &d->starved,
			     loop_now_ms(d->loop) + STARVED_MS);
}

/* ---- the beginning and the end ---- */

bool
door_is_shared(const struct settings *config, const struct listener *l)
{
	return l->origin != LISTEN_STDIN && config->idle_exit_ms == 0;
}

int
door_init(struct door *d, const struct settings *config, struct loop *loop,
	  const struct pass *pass, const struct listener *listener,
	  const struct listener *former)
{
	const struct listener *listeners[2] = { listener, former };
	size_t i;

	*d = (struct door){
		.loop = loop,
		.pass = pass,
		.room = { .fd = -1, .on_ready = on_room },
		.starved.on_due = on_starved,
		.again.on_due = on_again,
		.held = -1,
	};
	for (i = 0; i < 2; i++)
		d->sides[i] = (struct door_side){
			.io = { .fd = -1, .on_ready = on_connection },
			.listener = listeners[i],
			.is_shared = i == 0 &&
				     door_is_shared(config, listener),
			.door = d,
		};
	return standin_init(&d->standin, config, loop);
}

void
door_done(struct door *d)
{
	if (!d->loop)
		return;
	loop_timer_stop(d->loop, &d->starved);
	loop_timer_stop(d->loop, &d->again);
	loop_del(d->loop, &d->room);
	loop_del(d->loop, &d->sides[0].io);
	loop_del(d->loop, &d->sides[1].io);
	if (d->held >= 0)
		close(d->held);
	standin_done(&d->standin);
}

void
door_abandon(struct door *d)
{
	if (d->held >= 0)
		close(d->held);
	standin_abandon(&d->standin);
}

void
door_forget_former(struct door *d)
{
	loop_del(d->loop, &d->sides[1].io);
	d->sides[1].listener = NULL;
}

void
door_forget_all(struct door *d)
{
	door_forget_former(d);
	loop_del(d->loop, &d->sides[0].io);
	d->sides[0].listener = NULL;
}

/* Whether something can be read there: a connection. */
static bool
is_waited_at(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

bool
door_is_quiet(struct door *d)
{
	bool was_used = d->was_used;

	d->was_used = false;
	if (was_used || d->mode != DOOR_PASSING || d->held >= 0 ||
	    !standin_is_idle(&d->standin) || is_waited_at(d->pass->out))
		return false;
	for (size_t i = 0; i < 2; i++)
		if (d->sides[i].listener &&
		    is_waited_at(d->sides[i].listener->fd))
			return false;
	return true;
}

bool
door_is_idle(const struct door *d)
{
	return d->mode == DOOR_CLOSED && !d->starved.heap && d->held < 0 &&
	       standin_is_idle(&d->standin);
}

void
door_reap(struct door *d)
{
	standin_reap(&d->standin);
}
