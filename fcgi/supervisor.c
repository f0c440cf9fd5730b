/* SPDX-License-Identifier: MIT */
#include "fcgi/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "fcgi/handoff.h"
#include "fcgi/succession.h"
#include "fcgi/supervisor_priv.h"
#include "fcgi/worker.h"
#include "hub/hub.h"
#include "hub/options.h"
#include "lib/base/list.h"
#include "lib/base/logging.h"
#include "lib/base/siphash.h"
#include "lib/loop/loop.h"
#include "lib/loop/signals.h"

enum {
	/* beyond --drain, for a worker to end by itself */
	GRACE_MS = 3000,
	/* how often those that do not end are killed again */
	KILL_AGAIN_MS = 3000,
	/* for a hub that is replaced: its store is closed in order */
	HUB_GRACE_MS = 10000,
	/* new workers are ready by then, or it is said that they are not */
	READY_MOST_MS = 30000,
};

static size_t
ready_workers(const struct supervisor *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_workers; i++)
		n += s->workers[i].is_ready;
	return n;
}

/* Who comes in is for the workers; or, from a moment on, for us. */
static void
check_starving(struct supervisor *s)
{
	if (s->is_stopping)
		door_answer(&s->door);
	else if (s->is_leaving)
		door_close(&s->door);
	else if (ready_workers(s) > 0 || elders_serving(&s->elders) > 0)
		door_pass(&s->door);
	else
		door_expect(&s->door);
}

int64_t
supervisor_grace_ms(const struct settings *c)
{
	return c->service.fanout.drain_ms + GRACE_MS +
	       c->service.connections.request_timeout_ms;
}

/* ---- children ---- */

/*
 * In a child: lets go of what is the supervisor's. Its loop is only closed:
 * taking descriptors out would take them out of the parent's as well, because
 * the two share one epoll instance.
 */
static void
become_child(struct supervisor *s, const char *role)
{
	close(s->lifeline[1]);
	door_abandon(&s->door);
	close(s->pass.in);
	listen_close(s->listener, false);
	listen_close(s->former, false);
	listen_close(s->local, false);
	if (s->trial.said.fd >= 0)
		close(s->trial.said.fd);
	s->loop = loop_free(s->loop);
	logging_set_role(role);
	(void)prctl(PR_SET_NAME, role);
}

static int
run_hub(struct supervisor *s, int ready)
{
	struct hub_config hub = s->config->hub;

	/* It opens its signals itself; once, or what came between is lost. */
	become_child(s, "hub");
	close(ready);
	close(s->pass.out);
	if (s->handoff >= 0)
		close(s->handoff);
	hub.lifeline = s->lifeline[0];
	hub.ready = -1;
	return hub_run(&hub);
}

static int
run_worker(struct supervisor *s, const struct child *c, int ready)
{
	struct listener passed = {
		.fd = s->pass.out, .origin = LISTEN_PASSED,
	}, own = { .fd = -1 }, local = *s->local;
	struct worker_config worker = {
		.config = s->config,
		.passed = &passed,
		.listener = door_is_shared(s->config, s->listener) ? &own : NULL,
		.handoff = s->handoff,
		.local = local.fd >= 0 ? &local : NULL,
		.lifeline = s->lifeline[0],
		.ready = ready,
		.seat = idle_seat(&s->idle, c->number),
		.turns = watchdog_seat(&s->watchdog, c->number),
		.turn_most_ms = s->watchdog.limit_ms ?
				watchdog_interval_ms(&s->watchdog) : -1,
		/* The old ones serve on: no hurry, and no half-ready worker. */
		.accepts_when_live = elders_serving(&s->elders) > 0,
	};
	char role[32];
	int status;

	snprintf(role, sizeof(role), "worker %u", c->number);
	if (worker.listener) {
		own = *s->listener;
		*s->listener = (struct listener){ .fd = -1 };
	}
	*s->local = (struct listener){ .fd = -1 };
	become_child(s, role);
	(void)signals_open();
	status = worker_run(&worker);
	listen_close(&own, false);
	listen_close(&local, false);
	return status;
}

static int
run_child(void *user, const struct child *c, int ready)
{
	return c->number ? run_worker(user, c, ready) :
			   run_hub(user, ready);
}

/* The new ones serve: the old ones need not go on. */
static void
relieve_elders(struct supervisor *s)
{
	if (elders_serving(&s->elders) > 0)
		log_notice("%zu of %zu new workers serve; the old ones (%zu) drain",
			   ready_workers(s), s->n_workers,
			   elders_serving(&s->elders));
	loop_timer_stop(s->loop, &s->unready);
	elders_tell(&s->elders, false);
	elders_tell(&s->elders, true);
	if (s->former->fd < 0)
		return;
	door_forget_former(&s->door);
	listen_close(s->former, true);
}

static void
on_child_ready(void *user, struct child *c)
{
	struct supervisor *s = user;

	(void)c;
	check_starving(s);
	if (ready_workers(s) == s->n_workers || s->is_late)
		relieve_elders(s);
}

static const struct child_ops child_ops = {
	.run = run_child,
	.on_ready = on_child_ready,
};

/*
 * Nothing gets worse by a configuration with which workers cannot start: the
 * old ones serve for as long as it takes, and the new ones are tried again.
 */
static void
on_unready(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, unready);

	(void)now_ms;
	s->is_late = true;
	if (ready_workers(s) > 0)
		relieve_elders(s);
	else
		log_error("no new worker is ready after %d s; the old ones serve on until one is. Mend what is logged above, and send SIGHUP again",
			  READY_MOST_MS / 1000);
}

/* As soon as the old one has gone: the two would want the same bus. */
static void
start_hub(struct supervisor *s)
{
	if (s->config->has_hub && !s->hub.pid && !s->is_stopping &&
	    !elders_hub_ends(&s->elders))
		child_start(&s->hub);
}

/* ---- stopping ---- */

static void
signal_children(struct supervisor *s, int number, bool with_hub)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid)
			(void)kill(s->workers[i].pid, number);
	if (with_hub && s->hub.pid)
		(void)kill(s->hub.pid, number);
}

static bool
all_workers_gone(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid)
			return false;
	return elders_workers(&s->elders) == 0;
}

static bool
all_gone(const struct supervisor *s)
{
	return all_workers_gone(s) && !s->hub.pid && s->elders.count == 0;
}

/* The hub ends last, so that what workers still wait for can come. */
static void
go_on_stopping(struct supervisor *s)
{
	if (!all_workers_gone(s))
		return;
	if (s->hub.pid)
		(void)kill(s->hub.pid, SIGTERM);
	elders_tell(&s->elders, true);
	if (all_gone(s))
		door_close(&s->door);
}

static void
on_stopping(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, stopping);

	log_warning("children did not end in time; they are killed");
	signal_children(s, SIGKILL, true);
	elders_signal(&s->elders, SIGKILL);
	(void)loop_timer_set(s->loop, t, now_ms + KILL_AGAIN_MS);
}

static void
forget_starts(struct supervisor *s)
{
	loop_timer_stop(s->loop, &s->unready);
	for (size_t i = 0; i < s->n_workers; i++)
		if (!s->workers[i].pid)
			child_forget(&s->workers[i]);
	if (!s->hub.pid)
		child_forget(&s->hub);
}

static void
stop(struct supervisor *s)
{
	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->is_wanted = s->is_leaving = false;
	/* Who publishes then finds nobody, rather than one who cannot. */
	listen_close(s->local, true);
	trial_stop(&s->trial);
	forget_starts(s);
	s->stopping.on_due = on_stopping;
	(void)loop_timer_set(s->loop, &s->stopping,
			     loop_now_ms(s->loop) +
			     supervisor_grace_ms(s->config));
	signal_children(s, SIGTERM, false);
	elders_tell(&s->elders, false);
	check_starving(s);
	go_on_stopping(s);
}

/* ---- idle ---- */

/* What is going on here that another one would have to do. */
static bool
is_busy(struct supervisor *s)
{
	return s->is_stopping || s->is_leaving || s->is_wanted ||
	       s->elders.count > 0 || ready_workers(s) < s->n_workers ||
	       !door_is_quiet(&s->door);
}

/*
 * The sockets go first, and at once: whoever comes now must find nobody rather
 * than one who is ending. One who came in this very moment is cut off without
 * an answer, which tells him to try again.
 */
static void
end_idle(struct supervisor *s)
{
	log_notice("no web server was connected for %g s (--idle-exit); ending",
		   (double)s->idle.limit_ms / 1000);
	door_forget_all(&s->door);
	listen_close(s->former, true);
	listen_close(s->listener, true);
	stop(s);
}

static void
on_look(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, look);

	if (idle_look(&s->idle, is_busy(s), now_ms))
		end_idle(s);
	else if (!s->is_stopping)
		(void)loop_timer_set(s->loop, t,
				     now_ms + idle_interval_ms(&s->idle));
}

/* ---- workers that hang ---- */

/* Another one gets its streams back; they would wait for ever for this one. */
static void
look_at_worker(struct supervisor *s, const struct child *c, int64_t now_ms)
{
	struct watchdog_sight sight = { 0 };

	if (c->pid)
		(void)watchdog_see(c->pid, &sight);
	if (!watchdog_look(&s->watchdog, c->number, c->pid, &sight, now_ms))
		return;
	log_error("worker %u hangs: it has done nothing for %g s (--worker-timeout); it is killed, and its streams come back",
		  c->number, (double)s->watchdog.limit_ms / 1000);
	(void)kill(c->pid, SIGKILL);
}

static void
on_guard(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, guard);

	if (s->is_stopping)	/* which has a limit of its own */
		return;
	for (size_t i = 0; i < s->n_workers; i++)
		look_at_worker(s, &s->workers[i], now_ms);
	(void)loop_timer_set(s->loop, t,
			     now_ms + watchdog_interval_ms(&s->watchdog));
}

/* ---- signals ---- */

static void
bury(struct supervisor *s, pid_t pid, int status)
{
	struct elder elder;
	const char *why;

	if (trial_bury(&s->trial, pid, status, &why)) {
		if (why)
			succession_refuse(why);
		s->is_leaving = !why;
	} else if (elders_bury(&s->elders, pid, &elder)) {
		if (elder.is_hub)
			start_hub(s);
		else if (!elder.deadline_ms)
			log_error("an old worker ended before it was told to");
	} else if (pid == s->hub.pid) {
		if (s->is_stopping)
			child_forget(&s->hub);
		else
			child_restart(&s->hub, status);
	}
}

static void
bury_worker(struct supervisor *s, struct child *c, int status)
{
	if (s->is_stopping)
		child_forget(c);
	else
		child_restart(c, status);
}

static struct child *
worker_of(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid == pid)
			return &s->workers[i];
	return NULL;
}

static void
reap_children(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = worker_of(s, pid);

		if (c)
			bury_worker(s, c, status);
		else
			bury(s, pid, status);
	}
	check_starving(s);
	if (s->is_stopping)
		go_on_stopping(s);
}

static void
on_signal(struct loop_io *io, unsigned ready)
{
	struct supervisor *s = list_entry(io, struct supervisor, signals);
	unsigned seen = signals_take();

	(void)ready;
	if (seen & SIGNALS_REOPEN) {
		(void)logging_reopen();
		signal_children(s, SIGUSR1, true);
		elders_signal(&s->elders, SIGUSR1);
	}
	if (seen & SIGNALS_STOP)
		stop(s);
	if (seen & SIGNALS_CHILD)
		reap_children(s);
	if (seen & SIGNALS_RELOAD)
		s->is_wanted = true;
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct supervisor *s = user;

	(void)now_ms;
	door_reap(&s->door);
	if (s->is_wanted)
		s->is_leaving = false;	/* something changed since the trial */
	succession_try(s);
	if (s->is_leaving) {
		door_close(&s->door);
		if (door_is_idle(&s->door))
			succession_leave(s);
		check_starving(s);	/* it did not work out */
	}
	if (s->is_stopping && all_gone(s) && door_is_idle(&s->door))
		loop_stop(s->loop);
	return -1;
}

/* ---- set-up ---- */

/* The hand-over socket, one for all workers. Without it streams that come
 * through the web server go on, so a failure is a notice. */
static void
open_handoff(struct supervisor *s)
{
	char error[400];

	s->handoff = handoff_listen(s->handoff_path, error, sizeof(error));
	if (s->handoff < 0)
		log_notice("other programs cannot hand requests over: %s",
			   error);
}

/* The one passed on, if it is where one is wanted. */
static void
find_handoff(struct supervisor *s, const struct reload *r)
{
	const struct settings *c = s->config;

	if (c->handoff)
		snprintf(s->handoff_path, sizeof(s->handoff_path), "%s",
			 c->handoff);
	else if (!c->is_plain && !c->bus.is_tcp)
		snprintf(s->handoff_path, sizeof(s->handoff_path),
			 "%s/handoff", c->bus.path);
	if (r->handoff >= 0 && strcmp(s->handoff_path, r->handoff_path) == 0)
		s->handoff = r->handoff;
	else if (r->handoff >= 0)
		handoff_unlisten(r->handoff, r->handoff_path);
	if (s->handoff < 0 && s->handoff_path[0])
		open_handoff(s);
}

/* What tells our hub from one of another program or configuration. */
static int
find_hub_print(struct supervisor *s)
{
	static const uint64_t key[2] = { 0 };	/* nobody attacks it */
	struct buf text = { 0 };
	int r = program_identity(s->program, &text);

	s->hub_place = siphash13(key, slice_of(s->config->bus.path));
	if (r == 0)
		r = hub_options_text(&s->config->hub, &text);
	if (r == 0)
		s->hub_print = siphash13(key, buf_slice(&text));
	buf_done(&text);
	return r;
}

static int
find_lifeline(struct supervisor *s, const struct reload *r)
{
	if (r->is_set)
		memcpy(s->lifeline, r->lifeline, sizeof(s->lifeline));
	else if (pipe(s->lifeline) < 0)
		return -errno;
	(void)fcntl(s->lifeline[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(s->lifeline[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

/* The way to the workers, the old ones too, if there are any. */
static int
find_pass(struct supervisor *s, const struct reload *r)
{
	if (!r->is_set)
		return pass_open(&s->pass);
	s->pass = r->pass;
	(void)fcntl(s->pass.in, F_SETFD, FD_CLOEXEC);
	(void)fcntl(s->pass.out, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int
set_up(struct supervisor *s, const struct reload *r)
{
	const struct settings *c = s->config;
	int e = find_lifeline(s, r);

	if (e == 0)
		e = signals_open();
	if (e == 0)
		e = loop_new(LOOP_BACKEND_BEST, &s->loop);
	if (e == 0)
		e = find_pass(s, r);
	if (e == 0)
		e = door_init(&s->door, c, s->loop, &s->pass, s->listener,
			      s->former->fd >= 0 ? s->former : NULL);
	if (e == 0)
		e = find_hub_print(s);
	if (e < 0)
		return e;
	s->signals.fd = signals_fd();
	s->signals.on_ready = on_signal;
	s->unready.on_due = on_unready;
	s->workers = calloc((size_t)c->workers, sizeof(*s->workers));
	if (!s->workers)
		return -ENOMEM;
	s->n_workers = (size_t)c->workers;
	trial_init(&s->trial, s->loop);
	e = idle_init(&s->idle, c->idle_exit_ms, s->n_workers);
	if (e < 0)
		return e;
	e = watchdog_init(&s->watchdog, c->worker_timeout_ms, s->n_workers);
	if (e < 0)
		return e;
	s->guard.on_due = on_guard;
	if (s->watchdog.limit_ms)
		(void)loop_timer_set(s->loop, &s->guard, loop_now_ms(s->loop) +
				     watchdog_interval_ms(&s->watchdog));
	s->look.on_due = on_look;
	if (s->idle.limit_ms)
		(void)loop_timer_set(s->loop, &s->look, loop_now_ms(s->loop) +
				     idle_interval_ms(&s->idle));
	loop_on_turn(s->loop, on_turn, s);
	return loop_add(s->loop, &s->signals, LOOP_READ);
}

/*
 * The hub that runs is kept if the one to start would be no other. One that
 * is in the way of that one ends now, and any other with the old workers, for
 * which it goes on until then.
 */
static void
adopt_hub(struct supervisor *s, struct reload *r)
{
	struct elder old = {
		.pid = r->hub,
		.is_hub = true,
		.grace_ms = HUB_GRACE_MS,
	};

	if (s->config->has_hub && r->hub_print == s->hub_print) {
		child_adopt(&s->hub, r->hub);
		/* Its log file, too, is opened again. */
		(void)kill(r->hub, SIGUSR1);
		return;
	}
	if (s->config->has_hub && r->hub_place == s->hub_place) {
		log_notice("the hub's options or its program changed; another one takes its place");
		(void)kill(r->hub, SIGTERM);
		old.deadline_ms = loop_now_ms(s->loop) + HUB_GRACE_MS;
	}
	r->elders[r->n_elders++] = old;
}

static void
adopt_children(struct supervisor *s, struct reload *r)
{
	if (r->hub && elder_is_child(r->hub))
		adopt_hub(s, r);
	elders_init(&s->elders, s->loop, r->elders, r->n_elders);
	r->elders = NULL;
	r->n_elders = 0;
	if (elders_serving(&s->elders) > 0)
		(void)loop_timer_set(s->loop, &s->unready,
				     loop_now_ms(s->loop) + READY_MOST_MS);
	/* Their signals came to the program before us, perhaps. */
	reap_children(s);
}

static void
start_all(struct supervisor *s, struct reload *r)
{
	child_init(&s->hub, s->loop, 0, &child_ops, s);
	for (size_t i = 0; i < s->n_workers; i++)
		child_init(&s->workers[i], s->loop, (unsigned)i + 1,
			   &child_ops, s);
	adopt_children(s, r);
	start_hub(s);
	for (size_t i = 0; i < s->n_workers; i++)
		child_start(&s->workers[i]);
	check_starving(s);
}

static void
tear_down(struct supervisor *s)
{
	if (s->handoff >= 0)
		handoff_unlisten(s->handoff, s->handoff_path);
	if (s->loop) {
		loop_timer_stop(s->loop, &s->stopping);
		loop_timer_stop(s->loop, &s->unready);
		loop_timer_stop(s->loop, &s->look);
		loop_timer_stop(s->loop, &s->guard);
	}
	idle_done(&s->idle);
	watchdog_done(&s->watchdog);
	elders_done(&s->elders);
	door_done(&s->door);
	pass_close(&s->pass);
	s->loop = loop_free(s->loop);
	free(s->workers);
}

int
supervisor_run(const struct supervisor_start *start)
{
	const struct settings *config = start->config;
	struct supervisor s = {
		.config = config,
		.program = start->program,
		.listener = start->listener,
		.former = start->former,
		.local = start->local,
		.lifeline = { -1, -1 },
		.pass = { -1, -1 },
		.handoff = -1,
		.trial.said.fd = -1,
	};
	int r, status = EX_OK;

	if (config->has_hub)
		status = hub_prepare(&config->bus);
	/* Workers that serve go on, whatever became of the directory. */
	if (status && !start->reload->is_set)
		return status;
	/* It may wait a little for one before us; the loop's time must not. */
	find_handoff(&s, start->reload);
	r = set_up(&s, start->reload);
	if (r == 0) {
		start_all(&s, start->reload);
		log_notice("serving %s with %zu worker%s", s.listener->name,
			   s.n_workers, s.n_workers == 1 ? "" : "s");
		r = loop_run(s.loop);
	}
	tear_down(&s);
	if (r < 0) {
		log_error("cannot run: %s", strerror(-r));
		return EX_OSERR;
	}
	return EX_OK;
}
