/* SPDX-License-Identifier: MIT */
/* Every test here runs with each back-end that is built in. */
#include "config.h"

#include "lib/loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/loopbench.h"
#include "tests/unit/unit.h"

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
	bench_begin(state);
	assert_string_equal(loop_backend_name(bench.l),
			    bench_backend(state) == LOOP_BACKEND_EPOLL ? "epoll"
								    : "poll");
	bench_end();
}

static void
calls_what_is_readable_each_turn(void **state)
{
	struct peer a, b;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	bench_turns(3);
	assert_string_equal(bench.calls, "");
	peer_poke(&b);
	bench_turns(3);		/* level-triggered: it is not read */
	assert_string_equal(bench.calls, "bbb");
	assert_int_equal(b.ready, LOOP_READ);
	peer_close(&a);
	peer_close(&b);
	bench_end();
}

static void
write_is_reported_only_when_wanted(void **state)
{
	struct peer a;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	bench_turns(2);
	assert_string_equal(bench.calls, "");
	assert_int_equal(loop_want(bench.l, &a.io, LOOP_READ | LOOP_WRITE), 0);
	bench_turns(1);
	assert_string_equal(bench.calls, "a");
	assert_int_equal(a.ready, LOOP_WRITE);
	peer_poke(&a);
	bench_turns(1);
	assert_int_equal(a.ready, LOOP_READ | LOOP_WRITE);
	assert_int_equal(loop_want(bench.l, &a.io, LOOP_WRITE), 0);
	bench_turns(1);
	assert_int_equal(a.ready, LOOP_WRITE);
	assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
	bench_turns(3);
	assert_string_equal(bench.calls, "aaa");
	peer_close(&a);
	bench_end();
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

		bench_begin(state);
		peer_open(&a, 'a', rows[i].want);
		close(a.other);
		a.other = -1;
		bench_turns(1);
		unit_check(a.ready == rows[i].ready, "want %u gave %u",
			   rows[i].want, a.ready);
		peer_close(&a);
		bench_end();
	}
}

static void
a_half_closed_peer_is_readable(void **state)
{
	struct peer a;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	shutdown(a.other, SHUT_WR);
	bench_turns(1);
	assert_int_equal(a.ready, LOOP_READ);
	peer_close(&a);
	bench_end();
}

static void
a_deleted_one_is_not_called_in_the_same_turn(void **state)
{
	struct peer a, b;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.kill = &b;		/* whichever is called first */
	b.kill = &a;
	peer_poke(&a);
	peer_poke(&b);
	bench_turns(1);
	assert_int_equal(bench.calls_len, 1);
	peer_close(&a);
	peer_close(&b);
	bench_end();
}

static struct peer *reuse_victim;

/* Deletes the victim, closes it, and gives its memory and number to another. */
static void
on_reuse(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;
	struct peer *victim = reuse_victim == p ? NULL : reuse_victim;

	(void)ready;
	bench_called(p->letter);
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

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_reuse;
	peer_poke(&a);
	peer_poke(&b);
	reuse_victim = &b;
	bench_turns(3);
	/* "a", or "ba" when b came first; never the new one, "n" */
	unit_check(strcmp(bench.calls, "a") == 0 ||
		   strcmp(bench.calls, "ba") == 0, "%s", bench.calls);
	peer_close(&a);
	if (b.io.fd >= 0)
		peer_close(&b);
	bench_end();
}

static void
on_unwant(struct loop_io *io, unsigned ready)
{
	struct peer *p = (struct peer *)(void *)io;

	(void)ready;
	bench_called(p->letter);
	assert_int_equal(loop_want(bench.l, &p->kill->io, 0), 0);
}

static void
what_is_no_longer_wanted_is_not_reported(void **state)
{
	struct peer a, b;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	peer_open(&b, 'b', LOOP_READ);
	a.io.on_ready = b.io.on_ready = on_unwant;
	a.kill = &b;
	b.kill = &a;
	peer_poke(&a);
	peer_poke(&b);
	bench_turns(1);
	assert_int_equal(bench.calls_len, 1);
	peer_close(&a);
	peer_close(&b);
	bench_end();
}

static void
deleting_itself_is_fine(void **state)
{
	struct peer a;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ);
	a.kill = &a;
	peer_poke(&a);
	bench_turns(3);
	assert_string_equal(bench.calls, "a");
	loop_del(bench.l, &a.io);	/* harmless again */
	peer_close(&a);
	bench_end();
}

static void
refuses_what_it_cannot_watch(void **state)
{
	struct loop_io none = { .fd = -1, .on_ready = peer_on_ready };
	struct peer a;
	struct loop_io again;

	bench_begin(state);
	assert_int_equal(loop_add(bench.l, &none, LOOP_READ), -EBADF);
	peer_open(&a, 'a', LOOP_READ);
	again = (struct loop_io){ .fd = a.fd, .on_ready = peer_on_ready };
	assert_int_equal(loop_add(bench.l, &again, LOOP_READ), -EEXIST);
	peer_poke(&a);
	bench_turns(1);
	assert_string_equal(bench.calls, "a");
	peer_close(&a);
	bench_end();
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
	bench_begin(state);
	for (i = 0; i < MANY; i++) {
		peer_open(&peers[i], '.', LOOP_READ);
		peer_poke(&peers[i]);
	}
	/* Nobody reads, all stay ready: still nobody is left out for long. */
	for (turn = 0; turn < 4; turn++)
		bench_turns(1);
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
		bench_turns(1);
	for (i = 0; i < MANY; i++)
		assert_int_equal(peers[i].ready, i % 3 == 1 ? LOOP_READ : 0);
	for (i = 1; i < MANY; i += 3)
		peer_close(&peers[i]);
	bench_end();
	free(peers);
}

static void
an_exclusive_one_can_be_paused(void **state)
{
	struct peer a;
	int want;

	bench_begin(state);
	peer_open(&a, 'a', LOOP_READ | LOOP_EXCLUSIVE);
	peer_poke(&a);
	bench_turns(1);
	assert_string_equal(bench.calls, "a");
	for (want = 0; want < 3; want++) {
		assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
		assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
		bench_turns(2);
		assert_int_equal(bench.calls_len, 1 + want);
		assert_int_equal(loop_want(bench.l, &a.io, LOOP_READ), 0);
		bench_turns(1);
		assert_int_equal(bench.calls_len, 2 + want);
	}
	assert_int_equal(loop_want(bench.l, &a.io, 0), 0);
	peer_close(&a);
	bench_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(an_io_stays_small),
		BENCH_TEST(the_back_end_is_the_one_asked_for),
		BENCH_TEST(calls_what_is_readable_each_turn),
		BENCH_TEST(write_is_reported_only_when_wanted),
		BENCH_TEST(a_gone_peer_is_reported),
		BENCH_TEST(a_half_closed_peer_is_readable),
		BENCH_TEST(a_deleted_one_is_not_called_in_the_same_turn),
		BENCH_TEST(a_stale_event_does_not_reach_the_next_owner),
		BENCH_TEST(what_is_no_longer_wanted_is_not_reported),
		BENCH_TEST(deleting_itself_is_fine),
		BENCH_TEST(refuses_what_it_cannot_watch),
		BENCH_TEST(many_all_get_their_turn),
		BENCH_TEST(an_exclusive_one_can_be_paused),
	};

	return bench_run(tests, COUNT_OF(tests));
}
