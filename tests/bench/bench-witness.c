/* SPDX-License-Identifier: MIT */
/*
 * bench-witness --bus DIR --unix PATH | --http PORT: one reader with a topic of
 * its own that gets an event every 10 ms, which this process publishes. Each
 * line of standard input is answered with what it saw since the line before, as
 * JSON: the longest time between two events, and the longest one that an event
 * was under way.
 *
 * It cannot tell a server that stalls from a machine that is busy: that is at
 * most added to what is measured.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

#include "tests/bench/bench.h"
#include "tests/bench/crowd.h"

enum { TICK_MS = 10, REMEMBERED = 1 << 16 };

static char topic[32];
static struct crowd crowd = { .count = 1 };
static struct sse_publisher *publisher;
static uint64_t sent, seen;
static double sent_at[REMEMBERED], seen_at, longest_gap, longest_way;

static noreturn void
fail(const char *what)
{
	errno = 0;
	bench_die(what);
}

static void
reader_path(void *user, size_t i, char *out, size_t size)
{
	(void)user;
	(void)i;
	snprintf(out, size, "/events?topic=%s", topic);
}

static void
on_event(void *user, struct reader *r, uint64_t number, uint64_t unused)
{
	double now = bench_now_s(), way = now - sent_at[number % REMEMBERED];

	(void)user;
	(void)unused;
	if (number != r->last + 1)
		fail("an event was lost, doubled or out of order");
	if (seen_at > 0 && now - seen_at > longest_gap)
		longest_gap = now - seen_at;
	if (way > longest_way)
		longest_way = way;
	seen_at = now;
	seen++;
}

static void
tick(void)
{
	struct sse_event *e;
	char data[64];
	int r;

	sent_at[++sent % REMEMBERED] = bench_now_s();
	snprintf(data, sizeof(data), "%llu 0", (unsigned long long)sent);
	if (sse_event_new(topic, data, strlen(data), &e) < 0)
		fail("no event can be made");
	/* Its window is full: what is under way comes first. */
	while ((r = sse_publisher_send(publisher, e, 0)) == -EAGAIN)
		(void)sse_publisher_poll(publisher, 1000);
	sse_event_free(e);
	if (r < 0)
		fail(sse_publisher_error(publisher));
}

/* False: there is no more standard input. */
static bool
answer_line(void)
{
	char line[256];
	ssize_t got = read(STDIN_FILENO, line, sizeof(line));

	if (got <= 0)
		return false;
	printf("{\"events\":%llu,\"longest_gap_ms\":%.3f,"
	       "\"longest_way_ms\":%.3f}\n", (unsigned long long)seen,
	       longest_gap * 1000, longest_way * 1000);
	fflush(stdout);
	seen = 0;
	longest_gap = longest_way = 0;
	return true;
}

static void
run(void)
{
	double due = bench_now_s();

	for (;;) {
		struct pollfd p[] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = crowd.epoll, .events = POLLIN },
		};
		double left_ms = (due - bench_now_s()) * 1000;

		if (left_ms <= 0) {
			tick();
			due += TICK_MS / 1000.0;
		}
		(void)sse_publisher_poll(publisher, 0);
		(void)poll(p, 2, left_ms > 1 ? (int)left_ms : left_ms > 0);
		if (p[1].revents)
			crowd_poll(&crowd, 0);
		if (p[0].revents && !answer_line())
			return;
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "unix", 1, NULL, 'u' }, { "http", 1, NULL, 'h' },
		{ "bus", 1, NULL, 'b' },  { NULL, 0, NULL, 0 },
	};
	const char *bus = NULL;
	int c;

	bench_begin("bench-witness", NULL);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'u')
			crowd.unix_path = optarg;
		else if (c == 'h')
			crowd.port = (uint16_t)atoi(optarg);
		else if (c == 'b')
			bus = optarg;
	}
	if (!bus || (!crowd.unix_path && !crowd.port))
		fail("--bus DIR and --unix PATH or --http PORT are needed");
	snprintf(topic, sizeof(topic), "witness/%d", (int)getpid());
	crowd.path = reader_path;
	crowd.on_event = on_event;
	crowd_begin(&crowd);
	crowd_open_all(&crowd);
	if (sse_publisher_open(bus, &publisher) < 0)
		fail(sse_publisher_error(publisher));
	run();
	sse_publisher_free(publisher);
	return 0;
}
