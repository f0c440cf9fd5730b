/* SPDX-License-Identifier: MIT */
/*
 * Probes: what may be asked for, and the streams themselves on a real loop,
 * with the web server at the other end of a socket pair.
 */
#include "config.h"

#include "fcgi/probe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/probe_wish.h"
#include "tests/support/fault.h"
#include "tests/support/fault_call.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

enum { AT_A_TIME = 32 };

static struct {
	struct loop *loop;
	struct probes *probes;
	struct probes_view view;
	unsigned turns;
	char got[65536];	/* what the web server has read, last */
	size_t len;
	struct route route;
} bench;

/* ---- what may be asked for ---- */

static int
parse(const char *query, struct probe_wish *ret_wish)
{
	char why[200] = "";
	int r = probe_wish_parse(slice_of(query), ret_wish, why, sizeof(why));

	assert_int_equal(r < 0, why[0] != '\0');
	return r;
}

static void
test_a_wish_has_defaults(void **state)
{
	struct probe_wish w;

	(void)state;
	assert_int_equal(parse("topic=a&probe", &w), 0);
	assert_int_equal(w.count, 10);
	assert_int_equal(w.every_ms, 200);
	assert_int_equal(w.idle_ms, 1000);
	assert_int_equal(w.beat_ms, 0);
	assert_string_equal(w.key, "");
	assert_int_equal(parse("probe=3&every=50ms&idle=10m&beat=1s&key=Ab9"
			       "&about=x", &w), 0);
	assert_int_equal(w.count, 3);
	assert_int_equal(w.every_ms, 50);
	assert_int_equal(w.idle_ms, 600000);
	assert_int_equal(w.beat_ms, 1000);
	assert_string_equal(w.key, "Ab9");
	assert_string_equal(w.about, "x");
}

static void
test_a_wish_is_bounded(void **state)
{
	static const char *const bad[] = {
		"probe=21", "probe=-1", "probe=x", "probe=1&every=19ms",
		"probe=1&every=1001ms", "probe=1&idle=601s", "probe=1&idle=",
		"probe=1&beat=99ms", "probe=1&beat=61s", "probe=1&key=",
		"probe=1&key=a-b", "probe=1&about=%41",
		"probe=1&key=123456789012345678901234567890123",
	};
	struct probe_wish w;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		unit_check(parse(bad[i], &w) == -EINVAL, "%s", bad[i]);
}

static void
test_a_probe_is_wished_by_name(void **state)
{
	(void)state;
	assert_true(probe_is_wished(SLICE_LIT("probe")));
	assert_true(probe_is_wished(SLICE_LIT("a=b&prob%65=1")));
	assert_false(probe_is_wished(SLICE_LIT("topic=probe&probes=1")));
	assert_false(probe_is_wished(SLICE_NONE));
}

/* ---- streams ---- */

static void
look(void *user, struct probes_view *ret_view)
{
	(void)user;
	*ret_view = bench.view;
}

static int64_t
on_turn(void *user, int64_t now_ms)
{
	(void)user, (void)now_ms;
	probes_reap(bench.probes);
	if (bench.turns-- == 0)
		loop_stop(bench.loop);
	return 20;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&bench, 0, sizeof(bench));
	bench.view = (struct probes_view){ PROBES_HUB_FOLLOWED, 7, 15000, 3000 };
	return loop_new(LOOP_BACKEND_BEST, &bench.loop) < 0 ||
	       probes_new(bench.loop, look, NULL, &bench.probes) < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bench.probes = probes_free(bench.probes);
	bench.loop = loop_free(bench.loop);
	route_done(&bench.route);
	return 0;
}

static void
pump(void)
{
	bench.turns = 1;
	loop_on_turn(bench.loop, on_turn, NULL);
	assert_int_equal(loop_run(bench.loop), 0);
}

/* Returns the web server's end, or the failure. */
static int
open_probe(const char *query)
{
	struct buf block = { 0 };
	struct params params;
	const char *why;
	int pair[2], r;

	fault_pause(true);
	put_pair(&block, "REQUEST_METHOD", "GET");
	put_pair(&block, "QUERY_STRING", query);
	put_pair(&block, "SERVER_SOFTWARE", "lighttpd/1.4.69");
	put_pair(&block, "HTTP_LAST_EVENT_ID", "a\"b");
	put_pair(&block, "REMOTE_USER", "secret");
	assert_int_equal(params_decode(buf_slice(&block), &params, &why), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair), 0);
	route_done(&bench.route);
	fault_pause(false);
	r = probes_open(bench.probes, pair[0], 1, &params, &bench.route);
	fault_pause(true);
	buf_done(&block);
	if (r < 0) {
		close(pair[0]);
		close(pair[1]);
	}
	fault_pause(false);
	return r < 0 ? r : pair[1];
}

/* Reads what is there. False: the worker has closed. */
static bool
read_some(int fd)
{
	ssize_t n = recv(fd, bench.got + bench.len,
			 sizeof(bench.got) - 1 - bench.len, 0);

	if (n > 0)
		bench.len += (size_t)n;
	/* headers hold NULs; text is looked for behind them */
	for (size_t i = 0; i < bench.len; i++)
		if (bench.got[i] == '\0')
			bench.got[i] = ' ';
	bench.got[bench.len] = '\0';
	return n != 0;
}

static void
read_to_end(int fd)
{
	bench.len = 0;
	while (read_some(fd))
		pump();
	close(fd);
}

static bool
has(const char *text)
{
	return strstr(bench.got, text) != NULL;
}

static unsigned
count(const char *text)
{
	unsigned n = 0;

	for (const char *at = bench.got; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void
test_a_probe_from_beginning_to_end(void **state)
{
	int fd = open_probe("probe=3&every=20ms&idle=500ms&beat=100ms");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(probes_count(bench.probes), 1);
	read_some(fd);
	assert_true(has("Content-Type: text/event-stream\r\n"));
	assert_true(has("retry: 3000\n"));
	assert_true(has("\"probe\":\"hello\""));
	assert_true(has("\"hub\":\"followed\",\"streams\":7,\"probes\":0"));
	assert_true(has("\"SERVER_SOFTWARE\":\"lighttpd\""));
	assert_true(has("\"HTTP_LAST_EVENT_ID\":\"a\\\"b\""));
	assert_false(has("secret"));
	read_to_end(fd);
	assert_int_equal(count("\"probe\":\"event\""), 3);
	assert_int_equal(count("\"probe\":\"last\",\"n\":4,"), 1);
	assert_in_range(count(":\n\n"), 1, 5);
	assert_int_equal(probes_count(bench.probes), 0);
}

static void
ask_about(const char *key, const char *want)
{
	char query[80], text[80];

	snprintf(query, sizeof(query), "probe=0&about=%s", key);
	snprintf(text, sizeof(text), "\"about\":{\"state\":\"%s\"", want);
	read_to_end(open_probe(query));
	unit_check(has(text), "about %s: %s", key, bench.got);
}

static void
test_what_became_of_a_probe(void **state)
{
	int fd = open_probe("probe=1&idle=10m&key=mine");

	(void)state;
	ask_about("mine", "open");
	ask_about("other", "unknown");
	close(fd);
	while (probes_count(bench.probes) > 0)
		pump();
	ask_about("mine", "gone");
	read_to_end(open_probe("probe=1&every=20ms&idle=0&key=whole"));
	ask_about("whole", "done");
}

static void
test_a_wrong_wish_is_answered(void **state)
{
	(void)state;
	assert_int_equal(open_probe("probe=99"), -EINVAL);
	assert_int_equal(bench.route.status, 400);
	assert_non_null(strstr(bench.route.why, "0 to 20"));
}

static void
test_so_many_at_a_time(void **state)
{
	int fds[AT_A_TIME];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		fds[i] = open_probe("probe=1&idle=10m");
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(open_probe("probe"), -EBUSY);
	assert_int_equal(bench.route.status, 429);
	assert_true(slice_starts(buf_slice(&bench.route.headers),
				 SLICE_LIT("Retry-After: ")));
	close(fds[0]);
	while (probes_count(bench.probes) == AT_A_TIME)
		pump();
	fds[0] = open_probe("probe=1&idle=10m");
	assert_true(fds[0] >= 0);
	probes_drain(bench.probes);
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		read_to_end(fds[i]);
}

static void
test_so_many_in_a_while(void **state)
{
	unsigned served = 0;
	int fd;

	(void)state;
	while ((fd = open_probe("probe=0")) >= 0) {
		close(fd);
		served++;
		assert_in_range(served, 1, 1000);
	}
	assert_int_equal(fd, -EBUSY);
	assert_in_range(served, 100, 140);
}

static void
test_memory_runs_out(void **state)
{
	size_t n;

	(void)state;
	for (n = 1;; n++) {
		int fd;

		bench.probes = probes_free(bench.probes);
		assert_int_equal(probes_new(bench.loop, look, NULL,
					    &bench.probes), 0);
		fault_arm(n);
		fd = open_probe("probe=1&every=20ms&idle=0");
		if (!fault_disarm()) {
			read_to_end(fd);
			break;
		}
		assert_int_equal(fd, -ENOMEM);
		assert_int_equal(probes_count(bench.probes), 0);
	}
	assert_true(n > 3);
}

/* One system call of a probe's whole life fails: it ends, and is forgotten. */
static void
test_a_system_call_fails(void **state)
{
	static const int errors[] = { ECONNRESET, EAGAIN, FAULT_SHORT };
	size_t n, e;

	(void)state;
	for (e = 0; e < COUNT_OF(errors); e++) {
		for (n = 1;; n++) {
			int fd;

			fault_call_arm(FAULT_SEND, n, errors[e]);
			fd = open_probe("probe=2&every=20ms&idle=0&key=k");
			assert_true(fd >= 0);
			while (probes_count(bench.probes) > 0)
				pump();
			if (!fault_call_disarm())
				break;
			close(fd);
		}
		assert_in_range(n, 4, 10);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wish_has_defaults),
		cmocka_unit_test(test_a_wish_is_bounded),
		cmocka_unit_test(test_a_probe_is_wished_by_name),
		cmocka_unit_test_setup_teardown(
		    test_a_probe_from_beginning_to_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_became_of_a_probe,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_wrong_wish_is_answered,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_so_many_at_a_time, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_so_many_in_a_while,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory_runs_out, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_system_call_fails,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
