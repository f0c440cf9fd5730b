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

#include "fcgi/connection.h"
#include "fcgi/handoff.h"
#include "fcgi/worker.h"
#include "hub/hub.h"
#include "lib/base/logging.h"
#include "lib/loop/loop.h"
#include "lib/loop/signals.h"

enum {
	/* a child that lived shorter than this is one that keeps dying */
	CHILD_STEADY_MS = 2000,
	CHILD_DELAY_LEAST_MS = 50,
	CHILD_DELAY_MOST_MS = 5000,
	/* no worker ready: how long web servers wait before we answer */
	STARVED_MS = 300,
	/* descriptors are out: how long accepting pauses then */
	ACCEPT_PAUSE_MS = 100,
	/* requests in the middle of arriving; a worker still has to be started */
	HALF_OPEN_MOST = 256,
	/* beyond --drain, for a worker to end by itself */
	STOP_GRACE_MS = 3000,
};

struct child {
	pid_t pid;		/* 0: not running */
	unsigned number;	/* of a worker, from 1; 0: the hub */
	bool is_ready;		/* workers: it serves */
	struct loop_io ready;	/* the pipe it tells that by */
	int64_t started_ms;
	int64_t delay_ms;	/* before the next start */
	struct loop_timer again;
	struct supervisor *all;
};

struct supervisor {
	const struct settings *config;	/* borrowed */
	struct listener *listener;	/* borrowed */
	struct loop *loop;
	struct connections *connections;
	struct loop_io signals, starved_listener;
	struct loop_timer starved, stopping;
	int lifeline[2];
	int handoff;
	char handoff_path[BUS_PATH_MAX + 16];
	struct child hub;
	struct child *workers;		/* owned array */
	size_t n_workers;
	bool is_stopping;
	bool is_answering;		/* for the workers */
	bool said_starved;
};

static void start_child(struct child *c);

/* ---- answering for the workers ---- */

static int
on_stream(void *user, int fd, uint16_t id, struct slice headers,
	  const struct subscription *s, struct slice address)
{
	(void)user, (void)fd, (void)id, (void)headers, (void)s, (void)address;
	return -EBUSY;
}

static uint64_t
retry_later(void *user)
{
	const struct supervisor *s = user;

	return fanout_later_ms(&s->config->service.fanout);
}

static const struct connections_ops connections_ops = {
	.on_stream = on_stream,
	.retry_later = retry_later,
};

static bool
has_ready_worker(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].is_ready)
			return true;
	return false;
}

static void
on_connection(struct loop_io *io, unsigned ready)
{
	struct supervisor *s = list_entry(io, struct supervisor,
					  starved_listener);
	int fd = listen_accept(s->listener);

	(void)ready;
	if (fd >= 0) {
		connections_add(s->connections, fd);
	} else if ((fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ||
		    fd == -ENOBUFS) && !connections_make_room(s->connections)) {
		/* The socket stays readable: asking on would burn the CPU. */
		loop_del(s->loop, io);
		s->is_answering = false;
		(void)loop_timer_set(s->loop, &s->starved,
				     loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
	}
}

static void
on_starved(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, starved);

	(void)now_ms;
	if (s->is_stopping || s->is_answering || has_ready_worker(s))
		return;
	if (!s->said_starved)
		log_warning("no worker is ready; browsers are asked to come back later");
	s->said_starved = true;
	s->starved_listener.fd = s->listener->fd;
	s->starved_listener.on_ready = on_connection;
	s->is_answering = loop_add(s->loop, &s->starved_listener, LOOP_READ) == 0;
}

/* Answers for the workers from a moment on, or stops doing so. */
static void
check_starving(struct supervisor *s)
{
	if (!has_ready_worker(s)) {
		if (!s->is_answering && !s->starved.heap)
			(void)loop_timer_set(s->loop, &s->starved,
					     loop_now_ms(s->loop) + STARVED_MS);
		return;
	}
	loop_timer_stop(s->loop, &s->starved);
	if (s->is_answering)
		loop_del(s->loop, &s->starved_listener);
	s->is_answering = s->said_starved = false;
}

/* ---- children ---- */

static void
on_child_ready(struct loop_io *io, unsigned ready)
{
	struct child *c = list_entry(io, struct child, ready);
	int fd = io->fd;
	char byte;

	(void)ready;
	c->is_ready = read(fd, &byte, 1) == 1;
	loop_del(c->all->loop, io);
	close(fd);
	check_starving(c->all);
}

/*
 * In a child: lets go of what is the supervisor's. Its loop is only closed:
 * taking descriptors out would take them out of the parent's as well, because
 * the two share one epoll instance.
 */
static void
become_child(struct supervisor *s, const char *role)
{
	(void)signals_open();
	close(s->lifeline[1]);
	connections_abandon(s->connections);
	s->loop = loop_free(s->loop);
	logging_set_role(role);
	(void)prctl(PR_SET_NAME, role);
}

static int
run_hub(struct supervisor *s)
{
	struct hub_config hub = s->config->hub;

	become_child(s, "hub");
	listen_close(s->listener, false);
	hub.lifeline = s->lifeline[0];
	hub.ready = -1;
	return hub_run(&hub);
}

static int
run_worker(struct supervisor *s, const struct child *c, int ready)
{
	struct worker_config worker = {
		.config = s->config,
		.listener = s->listener,
		.handoff = s->handoff,
		.lifeline = s->lifeline[0],
		.ready = ready,
	};
	char role[32];

	snprintf(role, sizeof(role), "worker %u", c->number);
	become_child(s, role);
	return worker_run(&worker);
}

static void
on_again(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	start_child(list_entry(t, struct child, again));
}

static void
start_later(struct child *c)
{
	struct supervisor *s = c->all;

	c->again.on_due = on_again;
	(void)loop_timer_set(s->loop, &c->again,
			     loop_now_ms(s->loop) + c->delay_ms);
	c->delay_ms = c->delay_ms * 2 < CHILD_DELAY_MOST_MS ?
		      c->delay_ms * 2 : CHILD_DELAY_MOST_MS;
}

static void
start_child(struct child *c)
{
	struct supervisor *s = c->all;
	int ready[2];
	pid_t pid;

	if (s->is_stopping)
		return;
	if (pipe(ready) < 0) {
		log_error("cannot start a child: %s", strerror(errno));
		start_later(c);
		return;
	}
	(void)fcntl(ready[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ready[1], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		exit(c->number ? run_worker(s, c, ready[1]) : run_hub(s));
	}
	close(ready[1]);
	if (pid < 0) {
		log_error("cannot start a child: %s", strerror(errno));
		close(ready[0]);
		start_later(c);
		return;
	}
	c->pid = pid;
	c->is_ready = false;
	c->started_ms = loop_now_ms(s->loop);
	c->ready.fd = ready[0];
	c->ready.on_ready = on_child_ready;
	if (!c->number || loop_add(s->loop, &c->ready, LOOP_READ) < 0)
		close(ready[0]), c->ready.fd = -1;
}

static struct child *
child_of(struct supervisor *s, pid_t pid)
{
	if (s->hub.pid == pid)
		return &s->hub;
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid == pid)
			return &s->workers[i];
	return NULL;
}

static void
log_death(const struct child *c, int status)
{
	char name[32];

	snprintf(name, sizeof(name), c->number ? "worker %u" : "the hub",
		 c->number);
	if (WIFSIGNALED(status))
		log_error("%s was killed by signal %d; starting another", name,
			  WTERMSIG(status));
	else
		log_error("%s ended with status %d; starting another", name,
			  WEXITSTATUS(status));
}

static bool
all_workers_gone(const struct supervisor *s)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid)
			return false;
	return true;
}

static void
bury(struct supervisor *s, struct child *c, int status)
{
	int64_t lived = loop_now_ms(s->loop) - c->started_ms;

	c->pid = 0;
	c->is_ready = false;
	if (c->ready.fd >= 0) {
		int fd = c->ready.fd;

		loop_del(s->loop, &c->ready);
		close(fd);
	}
	if (s->is_stopping)
		return;
	log_death(c, status);
	if (lived >= CHILD_STEADY_MS)
		c->delay_ms = CHILD_DELAY_LEAST_MS;
	start_later(c);
	if (c->number)
		check_starving(s);
}

/* The hub ends last, so that what workers still wait for can come. */
static void
go_on_stopping(struct supervisor *s)
{
	if (!all_workers_gone(s))
		return;
	if (s->hub.pid)
		(void)kill(s->hub.pid, SIGTERM);
	else
		loop_stop(s->loop);
}

static void
reap_children(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *c = child_of(s, pid);

		if (c)
			bury(s, c, status);
	}
	if (s->is_stopping)
		go_on_stopping(s);
}

static void
signal_children(struct supervisor *s, int number, bool with_hub)
{
	for (size_t i = 0; i < s->n_workers; i++)
		if (s->workers[i].pid)
			(void)kill(s->workers[i].pid, number);
	if (with_hub && s->hub.pid)
		(void)kill(s->hub.pid, number);
}

/* ---- stopping ---- */

static void
on_stopping(struct loop_timer *t, int64_t now_ms)
{
	struct supervisor *s = list_entry(t, struct supervisor, stopping);

	log_warning("children did not end in time; they are killed");
	signal_children(s, SIGKILL, true);
	(void)loop_timer_set(s->loop, t, now_ms + STOP_GRACE_MS);
}

static void
stop(struct supervisor *s)
{
	const struct settings *c = s->config;

	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->stopping.on_due = on_stopping;
	(void)loop_timer_set(s->loop, &s->stopping, loop_now_ms(s->loop) +
			     c->service.fanout.drain_ms + STOP_GRACE_MS +
			     c->service.connections.request_timeout_ms);
	signal_children(s, SIGTERM, false);
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
	}
	if (seen & SIGNALS_STOP)
		stop(s);
	if (seen & SIGNALS_CHILD)
		reap_children(s);
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	struct supervisor *s = user;

	(void)now_ms;
	connections_reap(s->connections);
	return -1;
}

/* ---- set-up ---- */

/* The hand-over socket, one for all workers. Without it streams that come
 * through the web server go on, so a failure is a notice. */
static void
open_handoff(struct supervisor *s)
{
	const struct settings *c = s->config;
	char error[400];

	if (c->handoff)
		snprintf(s->handoff_path, sizeof(s->handoff_path), "%s",
			 c->handoff);
	else if (!c->is_plain && !c->bus.is_tcp)
		snprintf(s->handoff_path, sizeof(s->handoff_path),
			 "%s/handoff", c->bus.path);
	else
		return;
	s->handoff = handoff_listen(s->handoff_path, error, sizeof(error));
	if (s->handoff < 0)
		log_notice("other programs cannot hand requests over: %s",
			   error);
}

static int
set_up(struct supervisor *s)
{
	const struct settings *c = s->config;
	struct connections_config answering = c->service.connections;
	int r;

	if (answering.half_open_max > HALF_OPEN_MOST)
		answering.half_open_max = HALF_OPEN_MOST;
	if (pipe(s->lifeline) < 0)
		return -errno;
	(void)fcntl(s->lifeline[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(s->lifeline[1], F_SETFD, FD_CLOEXEC);
	r = signals_open();
	if (r == 0)
		r = loop_new(LOOP_BACKEND_BEST, &s->loop);
	if (r == 0)
		r = connections_new(s->loop, &answering, &connections_ops, s,
				    &s->connections);
	if (r < 0)
		return r;
	s->signals.fd = signals_fd();
	s->signals.on_ready = on_signal;
	s->starved.on_due = on_starved;
	s->workers = calloc((size_t)c->workers, sizeof(*s->workers));
	if (!s->workers)
		return -ENOMEM;
	s->n_workers = (size_t)c->workers;
	loop_on_turn(s->loop, on_turn, s);
	return loop_add(s->loop, &s->signals, LOOP_READ);
}

static void
start_all(struct supervisor *s)
{
	s->hub.all = s;
	s->hub.ready.fd = -1;
	s->hub.delay_ms = CHILD_DELAY_LEAST_MS;
	if (s->config->has_hub)
		start_child(&s->hub);
	for (size_t i = 0; i < s->n_workers; i++) {
		struct child *c = &s->workers[i];

		c->all = s;
		c->ready.fd = -1;
		c->number = (unsigned)i + 1;
		c->delay_ms = CHILD_DELAY_LEAST_MS;
		start_child(c);
	}
	check_starving(s);
}

int
supervisor_run(const struct settings *config, struct listener *listener)
{
	struct supervisor s = {
		.config = config,
		.listener = listener,
		.lifeline = { -1, -1 },
		.handoff = -1,
	};
	int r, status = EX_OK;

	if (config->has_hub)
		status = hub_prepare(&config->bus);
	if (status)
		return status;
	r = set_up(&s);
	if (r == 0) {
		open_handoff(&s);
		start_all(&s);
		log_notice("serving %s with %zu worker%s", listener->name,
			   s.n_workers, s.n_workers == 1 ? "" : "s");
		r = loop_run(s.loop);
	}
	if (s.handoff >= 0)
		handoff_unlisten(s.handoff, s.handoff_path);
	s.connections = s.loop ? connections_free(s.connections) : NULL;
	s.loop = loop_free(s.loop);
	free(s.workers);
	if (r < 0) {
		log_error("cannot run: %s", strerror(-r));
		return EX_OSERR;
	}
	return EX_OK;
}
