/* SPDX-License-Identifier: MIT */
/* Every test here runs with each back-end that is built in. */
#include "config.h"

#include "lib/loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

/* A loop that gives up after many turns instead of hanging, and a record of
 * what was called in which order. */
struct bench {
	struct loop *l;
	unsigned turns;
	unsigned turns_most;	/* then the loop is stopped */
	int64_t bound_ms;	/* what the hook answers */
	char calls[256];	/* a letter each */
	size_t calls_len;
};

static struct bench bench;

static void
called(char c)
{
	if (bench.calls_len < sizeof(bench.calls) - 1)
		bench.calls[bench.calls_len++] = c;
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	assert_ptr_equal(user, &bench);
	assert_true(now_ms == loop_now_ms(bench.l));
	if (++bench.turns >= bench.turns_most)
		loop_stop(bench.l);
	return bench.bound_ms;
}

/* `state` is the back-end, by way of the test's initial state. */
static enum loop_backend
backend_of(void **state)
{
	return *(const enum loop_backend *)*state;
}

static void
begin(void **state)
{
	memset(&bench, 0, sizeof(bench));
	bench.turns_most = 1000;
	bench.bound_ms = -1;
	assert_int_equal(loop_new(backend_of(state), &bench.l), 0);
	loop_on_turn(bench.l, on_turn, &bench);
}

static void
end(void)
{
	bench.l = loop_free(bench.l);
	assert_null(bench.l);
}

/* Runs so many turns; descriptors that are ready now are called in each. */
static void
run_turns(unsigned turns)
{
	bench.turns = 0;
	bench.turns_most = turns + 1;	/* one before the first sleep */
	bench.bound_ms = 0;
	assert_int_equal(loop_run(bench.l), 0);
}

/* --- descriptors -------------------------------------------------------- */

/* One end of a socket pair in the loop, the other in our hand. */
struct peer {
	struct loop_io io;	/* first: on_peer casts back */
	int fd;			/* as in io, which forgets it */
	int other;
	char letter;
	unsigned ready;		/* of the last call */
	struct peer *kill;	/* delete this one when called */
};

static void
on_peer(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;

	p->ready = ready;
	called(p->letter);
	if (p->kill)
		loop_del(bench.l, &p->kill->io);
}

static void
peer_open(struct peer *p, char letter, unsigned want)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*p = (struct peer){
		.io = { .fd = fds[0], .on_ready = on_peer },
		.fd = fds[0], .other = fds[1], .letter = letter,
	};
	assert_int_equal(loop_add(bench.l, &p->io, want), 0);
}

static void
peer_close(struct peer *p)
{
	loop_del(bench.l, &p->io);
	assert_int_equal(p->io.fd, -1);
	close(p->fd);
	if (p->other >= 0)
		close(p->other);
}

static void
poke(const struct peer *p)
{
	assert_int_equal(write(p->other, "x", 1), 1);
}

static void
an_io_stays_small(void **state)
{
	(void)state;
	if (sizeof(void *) == 8)
		assert_int_equal(sizeof(struct loop_io), 16);
}

static void
the_back_end_is_the_one_asked_for(void **state)
{
	begin(state);
	assert_string_equal(loop_backend_name(bench.l),
			    backend_of(state) == LOOP_BACKEND_EPOLL ? "epoll"
								    : "poll");
	end();
}

static void
calls_what_is_readable_each_turn(void **state)
{
	struct peer a, b;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	run_turns(3);
	assert_string_equal(bench.calls, "");
	poke(&b);
	run_turns(3);		/* level-triggered: it is not read */
	assert_string_equal(bench.calls, "bbb");
	assert_int_equal(b.ready, LOOP_READ);
	peer_close(&a);
	peer_close(&b);
	end();
}

static void
write_is_reported_only_when_wanted(void **state)
{
	struct peer a;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	run_turns(2);
	assert_string_equal(bench.calls, "");
	assert_int_equal(loop_want(bench.l, &a.io, LOOP_READ | LOOP_WRITE), 0);
	run_turns(1);
	assert_string_equal(bench.calls, "a");
	assert_int_equal(a.ready, LOOP_WRITE);
	poke(&a);
	run_turns(1);
	assert_int_equal(a.ready, LOOP_READ | LOOP_WRITE);
	assert_int_equal(loop_want(bench.l, &a.io, LOOP_WRITE), 0);
	run_turns(1);
	assert_int_equal(a.ready, LOOP_WRITE);
	assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
	run_turns(3);
	assert_string_equal(bench.calls, "aaa");
	peer_close(&a);
	end();
}

static void
a_gone_peer_is_reported(void **state)
{
	static const struct {
		unsigned want, ready;
	} rows[] = {
		{ LOOP_READ, LOOP_READ | LOOP_CLOSED },
		{ LOOP_WRITE, LOOP_WRITE | LOOP_CLOSED },
		{ LOOP_READ | LOOP_WRITE,
		  LOOP_READ | LOOP_WRITE | LOOP_CLOSED },
		{ 0, LOOP_CLOSED },
	};
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		struct peer a;

		begin(state);
		peer_open(&a, 'a', rows[i].want);
		close(a.other);
		a.other = -1;
		run_turns(1);
		unit_check(a.ready == rows[i].ready, "want %u gave %u",
			   rows[i].want, a.ready);
		peer_close(&a);
		end();
	}
}

static void
a_half_closed_peer_is_readable(void **state)
{
	struct peer a;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	shutdown(a.other, SHUT_WR);
	run_turns(1);
	assert_int_equal(a.ready, LOOP_READ);
	peer_close(&a);
	end();
}

static void
a_deleted_one_is_not_called_in_the_same_turn(void **state)
{
	struct peer a, b;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.kill = &b;		/* whichever is called first */
	b.kill = &a;
	poke(&a);
	poke(&b);
	run_turns(1);
	assert_int_equal(bench.calls_len, 1);
	peer_close(&a);
	peer_close(&b);
	end();
}

static struct peer *reuse_victim;

/* Deletes the victim, closes it, and gives its memory and number to another. */
static void
on_reuse(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;
	struct peer *victim = reuse_victim == p ? NULL : reuse_victim;

	(void)ready;
	called(p->letter);
	loop_del(bench.l, io);
	if (victim && victim->io.fd >= 0) {
		peer_close(victim);
		peer_open(victim, 'n', LOOP_READ);
	}
}

static void
a_stale_event_does_not_reach_the_next_owner(void **state)
{
	struct peer a, b;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_reuse;
	poke(&a);
	poke(&b);
	reuse_victim = &b;
	run_turns(3);
	/* "a", or "ba" when b came first; never the new one, "n" */
	unit_check(strcmp(bench.calls, "a") == 0 ||
		   strcmp(bench.calls, "ba") == 0, "%s", bench.calls);
	peer_close(&a);
	if (b.io.fd >= 0)
		peer_close(&b);
	end();
}

static void
on_unwant(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;

	(void)ready;
	called(p->letter);
	assert_int_equal(loop_want(bench.l, &p->kill->io, 0), 0);
}

static void
what_is_no_longer_wanted_is_not_reported(void **state)
{
	struct peer a, b;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_unwant;
	a.kill = &b;
	b.kill = &a;
	poke(&a);
	poke(&b);
	run_turns(1);
	assert_int_equal(bench.calls_len, 1);
	peer_close(&a);
	peer_close(&b);
	end();
}

static void
deleting_itself_is_fine(void **state)
{
	struct peer a;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	a.kill = &a;
	poke(&a);
	run_turns(3);
	assert_string_equal(bench.calls, "a");
	loop_del(bench.l, &a.io);	/* harmless again */
	peer_close(&a);
	end();
}

static void
refuses_what_it_cannot_watch(void **state)
{
	struct loop_io none = { .fd = -1, .on_ready = on_peer };
	struct peer a;
	struct loop_io again;

	begin(state);
	assert_int_equal(loop_add(bench.l, &none, LOOP_READ), -EBADF);
	peer_open(&a, 'a', LOOP_READ);
	again = (struct loop_io){ .fd = a.fd, .on_ready = on_peer };
	assert_int_equal(loop_add(bench.l, &again, LOOP_READ), -EEXIST);
	poke(&a);
	run_turns(1);
	assert_string_equal(bench.calls, "a");
	peer_close(&a);
	end();
}

enum { MANY = 700 };		/* more than two batches */

static void
many_all_get_their_turn(void **state)
{
	struct rlimit limit;
	struct peer *peers = calloc(MANY, sizeof(*peers));
	unsigned seen = 0, turn;
	size_t i;

	assert_non_null(peers);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * MANY + 50) {
		free(peers);
		skip();
	}
	begin(state);
	for (i = 0; i < MANY; i++) {
		peer_open(&peers[i], '.', LOOP_READ);
		poke(&peers[i]);
	}
	/* Nobody reads, all stay ready: still nobody is left out for long. */
	for (turn = 0; turn < 4; turn++)
		run_turns(1);
	for (i = 0; i < MANY; i++)
		seen += peers[i].ready == LOOP_READ;
	assert_int_equal(seen, MANY);

	/* Out of the middle, from both ends: the others stay. */
	for (i = 0; i < MANY; i++) {
		peers[i].ready = 0;
		if (i % 3 != 1)
			peer_close(&peers[i]);
	}
	for (turn = 0; turn < 4; turn++)
		run_turns(1);
	for (i = 0; i < MANY; i++)
		assert_int_equal(peers[i].ready, i % 3 == 1 ? LOOP_READ : 0);
	for (i = 1; i < MANY; i += 3)
		peer_close(&peers[i]);
	end();
	free(peers);
}

static void
an_exclusive_one_can_be_paused(void **state)
{
	struct peer a;
	int want;

	begin(state);
	peer_open(&a, 'a', LOOP_READ | LOOP_EXCLUSIVE);
	poke(&a);
	run_turns(1);
	assert_string_equal(bench.calls, "a");
	for (want = 0; want < 3; want++) {
		assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
		assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
		run_turns(2);
		assert_int_equal(bench.calls_len, 1 + want);
		assert_int_equal(loop_want(bench.l, &a.io, LOOP_READ), 0);
		run_turns(1);
		assert_int_equal(bench.calls_len, 2 + want);
	}
	assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
	peer_close(&a);
	end();
}

/* --- timers ------------------------------------------------------------- */

struct alarm {
	struct loop_timer timer;	/* first: on_alarm casts back */
	char letter;
	int again;			/* how often to arm itself for now */
	struct alarm *stop;
};

static void
on_alarm(struct loop_timer *t, int64_t now_ms)
{
	struct alarm *a = (struct alarm *)(void *)t;

	assert_true(now_ms >= t->due_ms);
	assert_int_equal(t->heap, 0);
	called(a->letter);
	if (a->stop)
		loop_timer_stop(bench.l, &a->stop->timer);
	if (a->again-- > 0)
		assert_int_equal(loop_timer_set(bench.l, t, now_ms), 0);
}

static void
alarm_set(struct alarm *a, char letter, int64_t due_ms)
{
	a->timer.on_due = on_alarm;
	a->letter = letter;
	assert_int_equal(loop_timer_set(bench.l, &a->timer, due_ms), 0);
}

static void
timers_fire_in_their_order(void **state)
{
	struct alarm alarms[5] = { { .letter = 0 } };
	int64_t now;

	begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&alarms[0], 'd', now - 1);
	alarm_set(&alarms[1], 'b', now - 30);
	alarm_set(&alarms[2], 'c', now - 20);
	alarm_set(&alarms[3], 'a', now - 40);
	alarm_set(&alarms[4], 'z', now + 3600000);
	run_turns(1);
	assert_string_equal(bench.calls, "abcd");
	loop_timer_stop(bench.l, &alarms[4].timer);
	end();
}

static void
a_timer_fires_once_and_wakes(void **state)
{
	struct alarm a = { .letter = 0 };
	int64_t due;

	begin(state);
	due = loop_now_ms(bench.l) + 20;
	alarm_set(&a, 'a', due);
	bench.turns_most = 3;	/* before the sleep, after it; one more: */
	bench.bound_ms = -1;
	assert_int_equal(loop_timer_set(bench.l, &a.timer, due), 0);
	a.again = 1;
	assert_int_equal(loop_run(bench.l), 0);
	assert_true(loop_now_ms(bench.l) >= due);
	assert_string_equal(bench.calls, "aa");
	end();
}

static void
a_timer_can_be_moved_and_stopped(void **state)
{
	struct alarm a = { .letter = 0 }, b = { .letter = 0 };
	int64_t now;

	begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&a, 'a', now - 2);
	alarm_set(&b, 'b', now - 1);
	alarm_set(&a, 'a', now + 3600000);
	run_turns(1);
	assert_string_equal(bench.calls, "b");
	alarm_set(&a, 'a', now - 2);
	loop_timer_stop(bench.l, &a.timer);
	loop_timer_stop(bench.l, &a.timer);	/* harmless again */
	loop_timer_stop(bench.l, &b.timer);
	run_turns(1);
	assert_string_equal(bench.calls, "b");
	end();
}

static void
a_timer_can_stop_another_that_is_due(void **state)
{
	struct alarm a = { .letter = 0 }, b = { .letter = 0 };
	int64_t now;

	begin(state);
	now = loop_now_ms(bench.l);
	alarm_set(&a, 'a', now - 2);
	alarm_set(&b, 'b', now - 1);
	a.stop = &b;
	run_turns(2);
	assert_string_equal(bench.calls, "a");
	end();
}

static void
a_timer_for_now_does_not_starve_descriptors(void **state)
{
	struct alarm a = { .letter = 0 };
	struct peer p;

	begin(state);
	alarm_set(&a, 't', 0);
	a.again = 1 << 30;
	peer_open(&p, 'p', LOOP_READ);
	poke(&p);
	run_turns(2);
	assert_string_equal(bench.calls, "tptpt");
	loop_timer_stop(bench.l, &a.timer);
	peer_close(&p);
	end();
}

static struct {
	int64_t last_ms;
	size_t count;
} ordered;

static void
on_ordered(struct loop_timer *t, int64_t now_ms)
{
	(void)now_ms;
	assert_true(t->due_ms >= ordered.last_ms);
	ordered.last_ms = t->due_ms;
	ordered.count++;
}

/* Sets, moves and stops many in a scrambled order. */
static void
the_heap_keeps_order(void **state)
{
	enum { TIMERS = 1000 };
	static struct loop_timer timers[TIMERS];
	uint32_t scramble = 1;
	size_t i, armed = 0;

	memset(timers, 0, sizeof(timers));
	memset(&ordered, 0, sizeof(ordered));
	begin(state);
	for (i = 0; i < 10 * TIMERS; i++) {
		struct loop_timer *t;

		scramble = scramble * 1664525 + 1013904223;
		t = &timers[(scramble >> 8) % TIMERS];
		t->on_due = on_ordered;
		if (scramble >> 30 == 0)
			loop_timer_stop(bench.l, t);
		else
			assert_int_equal(loop_timer_set(bench.l, t,
				(int64_t)(scramble >> 12) % 5000), 0);
	}
	for (i = 0; i < TIMERS; i++)
		armed += timers[i].heap != 0;
	assert_true(armed > TIMERS / 2 && armed < TIMERS);
	run_turns(1);
	assert_int_equal(ordered.count, armed);
	end();
}

/* --- turns -------------------------------------------------------------- */

static void
the_hook_bounds_the_sleep(void **state)
{
	struct alarm far = { .letter = 0 };

	begin(state);
	alarm_set(&far, 'z', loop_now_ms(bench.l) + 3600000);
	bench.turns_most = 5;
	bench.bound_ms = 1;	/* with -1 the loop would sleep an hour */
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 5);
	assert_string_equal(bench.calls, "");
	loop_timer_stop(bench.l, &far.timer);
	end();
}

static void
stops_before_it_runs(void **state)
{
	begin(state);
	loop_stop(bench.l);
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 1);

	/* and can be run again after that */
	bench.turns_most = 4;
	bench.bound_ms = 0;
	assert_int_equal(loop_run(bench.l), 0);
	assert_int_equal(bench.turns, 4);
	end();
}

static void
on_stop(struct loop_io *io, unsigned ready)
{
	(void)io;
	(void)ready;
	called('s');
	loop_stop(bench.l);
}

static void
stops_from_a_callback_after_the_turn(void **state)
{
	struct peer a, b;

	begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_stop;
	poke(&a);
	poke(&b);
	assert_int_equal(loop_run(bench.l), 0);
	assert_string_equal(bench.calls, "ss");
	assert_int_equal(bench.turns, 2);
	peer_close(&a);
	peer_close(&b);
	end();
}

static void
on_signal(int number)
{
	(void)number;
	called('s');
	loop_stop(bench.l);
}

/* The linker gives us the system's waits: a signal can come just before. */
static bool raise_before_wait;
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __real_epoll_wait(int fd, void *events, int most, int timeout_ms);
int __wrap_epoll_wait(int fd, void *events, int most, int timeout_ms);

static void
before_wait(void)
{
	if (raise_before_wait)
		raise(SIGUSR1);
	raise_before_wait = false;
}

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	before_wait();
	return __real_poll(fds, count, timeout_ms);
}

#ifdef HAVE_SYS_EPOLL_H
int
__wrap_epoll_wait(int fd, void *events, int most, int timeout_ms)
{
	before_wait();
	return __real_epoll_wait(fd, events, most, timeout_ms);
}
#endif

static void
a_signal_right_before_the_sleep_is_not_lost(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, old;
	struct alarm late = { .letter = 0 };

	begin(state);
	/* A lost one would let the loop sleep until then. */
	alarm_set(&late, 'z', loop_now_ms(bench.l) + 10000);
	bench.turns_most = 3;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	raise_before_wait = true;
	assert_int_equal(loop_run(bench.l), 0);
	assert_string_equal(bench.calls, "s");
	assert_int_equal(bench.turns, 2);
	sigaction(SIGUSR1, &old, NULL);
	loop_timer_stop(bench.l, &late.timer);
	end();
}

static volatile sig_atomic_t alarms_caught;

static void
on_sigalrm(int number)
{
	(void)number;
	if (++alarms_caught == 3)
		loop_stop(bench.l);
}

/* The first two only interrupt the sleep: the hook runs, the loop goes on. */
static void
signals_wake_but_do_not_end_it(void **state)
{
	struct sigaction action = { .sa_handler = on_sigalrm }, old;
	struct itimerval each = { { 0, 5000 }, { 0, 5000 } };
	struct itimerval none = { { 0, 0 }, { 0, 0 } };

	begin(state);
	alarms_caught = 0;
	assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &each, NULL), 0);
	assert_int_equal(loop_run(bench.l), 0);
	setitimer(ITIMER_REAL, &none, NULL);
	assert_true(alarms_caught >= 3);
	assert_true(bench.turns >= 2);
	sigaction(SIGALRM, &old, NULL);
	end();
}

static void
stopping_very_often_is_harmless(void **state)
{
	int i;

	begin(state);
	errno = ENOENT;
	for (i = 0; i < 100000; i++)
		loop_stop(bench.l);	/* more than the pipe holds */
	assert_int_equal(errno, ENOENT);
	assert_int_equal(loop_run(bench.l), 0);
	run_turns(2);
	assert_int_equal(bench.turns, 3);
	end();
}

/* --- refusals ----------------------------------------------------------- */

static void
freeing_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(loop_free(NULL));
}

static void
the_environment_chooses(void **state)
{
	struct loop *l = NULL;

	(void)state;
	setenv("SSE_LOOP", "poll", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	assert_string_equal(loop_backend_name(l), "poll");
	l = loop_free(l);
	setenv("SSE_LOOP", "kqueue", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), -EINVAL);
	assert_null(l);
	setenv("SSE_LOOP", "", 1);
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	l = loop_free(l);
	unsetenv("SSE_LOOP");
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &l), 0);
	l = loop_free(l);
}

/* Closes all we opened: the lowest free number is the same again. */
static int
lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static void
no_descriptors_left(void **state)
{
	struct loop *l = NULL;
	struct rlimit old, few;
	int lowest = lowest_free_fd(), more, r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (more = 0;; more++) {
		few = old;
		few.rlim_cur = (rlim_t)(lowest + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = loop_new(backend_of(state), &l);
		setrlimit(RLIMIT_NOFILE, &old);
		if (r == 0)
			break;
		assert_int_equal(r, -EMFILE);
		assert_int_equal(lowest_free_fd(), lowest);
	}
	assert_true(more >= 2);
	l = loop_free(l);
	assert_int_equal(lowest_free_fd(), lowest);
}

static void
no_memory_left(void **state)
{
	int lowest = lowest_free_fd();
	struct loop *l = NULL;
	size_t n;
	int r;

	for (n = 1;; n++) {
		fault_arm(n);
		r = loop_new(backend_of(state), &l);
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(l);
		assert_int_equal(lowest_free_fd(), lowest);
	}
	assert_int_equal(r, 0);
	l = loop_free(l);
}

static void
no_memory_for_more(void **state)
{
	enum { COUNT = 100 };
	static struct loop_timer timers[COUNT];
	static struct peer peers[COUNT];
	size_t n, i, added, armed;

	for (n = 1;; n++) {
		int fds[2], r = 0;
		bool failed;

		memset(timers, 0, sizeof(timers));
		begin(state);
		assert_int_equal(pipe(fds), 0);
		fault_arm(n);
		for (armed = 0; armed < COUNT && r == 0; armed += r == 0)
			r = loop_timer_set(bench.l, &timers[armed], 1);
		for (added = 0; added < COUNT && r == 0; added += r == 0) {
			peers[added].io = (struct loop_io){
				.fd = dup(fds[0]), .on_ready = on_peer,
			};
			peers[added].fd = peers[added].io.fd;
			r = loop_add(bench.l, &peers[added].io, LOOP_READ);
			if (r < 0)
				close(peers[added].fd);
		}
		failed = fault_disarm();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (armed < COUNT)
			assert_int_equal(timers[armed].heap, 0);
		for (i = 0; i < armed; i++)
			loop_timer_stop(bench.l, &timers[i]);
		run_turns(1);
		for (i = 0; i < added; i++) {
			loop_del(bench.l, &peers[i].io);
			close(peers[i].fd);
		}
		close(fds[0]);
		close(fds[1]);
		end();
		if (!failed)
			break;
	}
	assert_true(n > 2);
}

#define TEST(name) \
	cmocka_unit_test_prestate(name, &backend)

static int
run_all(const char *name, enum loop_backend chosen)
{
	static enum loop_backend backend;
	const struct CMUnitTest tests[] = {
		TEST(an_io_stays_small),
		TEST(the_back_end_is_the_one_asked_for),
		TEST(calls_what_is_readable_each_turn),
		TEST(write_is_reported_only_when_wanted),
		TEST(a_gone_peer_is_reported),
		TEST(a_half_closed_peer_is_readable),
		TEST(a_deleted_one_is_not_called_in_the_same_turn),
		TEST(a_stale_event_does_not_reach_the_next_owner),
		TEST(what_is_no_longer_wanted_is_not_reported),
		TEST(deleting_itself_is_fine),
		TEST(refuses_what_it_cannot_watch),
		TEST(many_all_get_their_turn),
		TEST(an_exclusive_one_can_be_paused),
		TEST(timers_fire_in_their_order),
		TEST(a_timer_fires_once_and_wakes),
		TEST(a_timer_can_be_moved_and_stopped),
		TEST(a_timer_can_stop_another_that_is_due),
		TEST(a_timer_for_now_does_not_starve_descriptors),
		TEST(the_heap_keeps_order),
		TEST(the_hook_bounds_the_sleep),
		TEST(stops_before_it_runs),
		TEST(stops_from_a_callback_after_the_turn),
		TEST(a_signal_right_before_the_sleep_is_not_lost),
		TEST(signals_wake_but_do_not_end_it),
		TEST(stopping_very_often_is_harmless),
		TEST(freeing_nothing_is_fine),
		TEST(the_environment_chooses),
		TEST(no_descriptors_left),
		TEST(no_memory_left),
		TEST(no_memory_for_more),
	};

	backend = chosen;
	print_message("--- %s\n", name);
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = run_all("poll", LOOP_BACKEND_POLL);

#ifdef HAVE_SYS_EPOLL_H
	failed += run_all("epoll", LOOP_BACKEND_EPOLL);
#endif
	return failed != 0;
}
