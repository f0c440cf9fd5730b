/* SPDX-License-Identifier: MIT */
#include "fcgi/succession.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/logging.h"
#include "lib/loop/signals.h"

enum {
	/* so many generations of workers may end at the same time */
	GENERATIONS_MOST = 4,
};

/* While older ones still serve for ours, ours are not needed: of two
 * generations that nobody relieved, the first goes on. */
static void
add_workers(const struct supervisor *s, struct reload *r)
{
	int64_t grace = supervisor_grace_ms(s->config), deadline_ms = 0;

	if (elders_serving(&s->elders) > 0)
		deadline_ms = loop_now_ms(s->loop) + grace + 1;
	for (size_t i = 0; i < s->n_workers; i++) {
		const struct child *c = &s->workers[i];

		if (!c->pid)
			continue;
		r->elders[r->n_elders++] = (struct elder){
			.pid = c->pid,
			.grace_ms = grace,
			.deadline_ms = deadline_ms,
		};
		if (deadline_ms)
			(void)kill(c->pid, SIGTERM);
	}
}

static void
add_socket(struct reload *r, const struct listener *l)
{
	struct reload_socket *socket = &r->sockets[r->n_sockets];

	if (l->fd < 0)
		return;
	socket->fd = l->fd;
	socket->origin = l->origin;
	snprintf(socket->address, sizeof(socket->address), "%s",
		 l->address ? l->address : "");
	r->n_sockets++;
}

/* All but the workers. 0 or -ENOMEM; reload_done in any case. */
static int
describe(const struct supervisor *s, struct reload *r)
{
	*r = (struct reload){
		.handoff = s->handoff,
		.publish = s->local->fd,
		.lifeline = { s->lifeline[0], s->lifeline[1] },
		.pass = s->pass,
		.hub = s->hub.pid,
		.hub_print = s->hub_print,
		.hub_place = s->hub_place,
	};
	memcpy(r->handoff_path, s->handoff_path, sizeof(r->handoff_path));
	if (s->local->fd >= 0)
		snprintf(r->publish_address, sizeof(r->publish_address), "%s",
			 s->local->address);
	add_socket(r, s->listener);
	add_socket(r, s->former);
	r->elders = calloc(s->elders.count + s->n_workers + 1,
			   sizeof(*r->elders));
	if (!r->elders)
		return -ENOMEM;
	for (size_t i = 0; i < s->elders.count; i++)
		r->elders[r->n_elders++] = s->elders.items[i];
	return 0;
}

/* Whether so many old workers end already that more would be too many. */
static bool
is_crowded(const struct supervisor *s)
{
	size_t ending = s->elders.count - elders_serving(&s->elders);

	return ending > GENERATIONS_MOST * s->n_workers;
}

void
succession_refuse(const char *why)
{
	log_error("not reloaded, all goes on as before: %s", why);
}

void
succession_try(struct supervisor *s)
{
	struct reload r;
	int e;

	if (!s->is_wanted || s->is_stopping || s->is_leaving || s->trial.pid ||
	    is_crowded(s))
		return;
	s->is_wanted = false;
	e = describe(s, &r);
	r.is_trial = true;
	if (e == 0)
		e = trial_start(&s->trial, s->program, &r);
	reload_done(&r);
	if (e < 0)
		succession_refuse(strerror(-e));
}

void
succession_leave(struct supervisor *s)
{
	struct reload r;
	int e = describe(s, &r);

	if (e == 0) {
		add_workers(s, &r);
		log_notice("giving way to %s", s->program->path);
		/* What comes meanwhile waits for the new program. */
		signals_hold();
		e = reload_exec(&r, s->program);
		signals_release();
	}
	reload_done(&r);
	s->is_leaving = false;
	succession_refuse(strerror(-e));
}
