/* SPDX-License-Identifier: MIT */
/*
 * A whole service on a real socket: web servers connect, events come, and then
 * the n-th allocation or the n-th system call fails, for every n there is. One
 * client may be lost to that; the others get everything, and the service goes
 * on, drains and leaves nothing behind.
 */
#include "config.h"

#include "fcgi/service.h"

#include <signal.h>
#include <sys/un.h>

#include "lib/base/list.h"
#include "tests/support/fault_call.h"
#include "tests/unit/fanout_rig.h"
#include "tests/unit/fcgi_bytes.h"

enum {
	PAGES = 6,
	WITNESS = 0,	/* there before anything fails */
	STALLED = 3,	/* does not read until the end */
	HALF = 4,	/* sends its request in two pieces */
	NOBODY = 5,	/* its request is refused */
	EVENTS = 12,
	EVENT_BYTES = 3000,
	REPLAY = 6,
};

static struct {
	struct loop *loop;
	struct service *service;
	struct listener listener;
	struct service_config config;
	char path[64];
	unsigned turns;
	int64_t nap_ms;
	uint64_t number;
	unsigned said[LOGGING_DEBUG + 1];
	char last_said[400];
	struct page pages[PAGES + 1];	/* and one that comes afterwards */
} bench;

/* Not every call fails with each back-end: that would take too long. */
static size_t step = 1;

static int
ask(void *user, uint64_t tag, struct slice id)
{
	(void)user, (void)tag, (void)id;
	return 0;
}

static void
forget(void *user, uint64_t tag)
{
	(void)user, (void)tag;
}

static void
say(void *user, enum logging_level level, const char *text)
{
	(void)user;
	bench.said[level]++;
	snprintf(bench.last_said, sizeof(bench.last_said), "%s", text);
}

static const struct service_ops service_ops = {
	.ask = ask, .forget = forget, .say = say,
};

static int64_t
on_turn(void *user, int64_t now_ms)
{
	int64_t sleep_ms = service_turn(bench.service, now_ms);

	(void)user;
	if (bench.turns-- == 0) {
		loop_stop(bench.loop);
		return 0;
	}
	return sleep_ms >= 0 && sleep_ms < bench.nap_ms ? sleep_ms :
	       bench.nap_ms;
}

static void
pump(void)
{
	bench.turns = 1;
	assert_int_equal(loop_run(bench.loop), 0);
}

/* ---- the beginning and the end ---- */

static void
listen_there(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", bench.path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(fd, 100), 0);
	bench.listener.fd = fd;
}

static void
prepare(void)
{
	memset(&bench, 0, sizeof(bench));
	snprintf(bench.path, sizeof(bench.path), "/tmp/sse-service-%ld.sock",
		 (long)getpid());
	unlink(bench.path);
	listen_there();
	bench.config = service_defaults;
	bench.config.fanout.heartbeat_ms = 3600000;
	bench.config.fanout.drain_ms = 0;
	bench.config.fanout.window.events = 1000;
	bench.config.connections.route.mount = "/sse";
	for (size_t i = 0; i <= PAGES; i++)
		bench.pages[i].fd = -1;
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &bench.loop), 0);
}

static void
go_live(void)
{
	struct fanout *f = service_fanout(bench.service);

	loop_on_turn(bench.loop, on_turn, NULL);
	fanout_gap(f, &(struct follower_gap){
		.epoch = RIG_EPOCH, .reason = "trimmed" });
	fanout_state(f, FOLLOWER_LIVE);
	service_accept(bench.service);
}

static const struct listener *const listeners[2] = { &bench.listener, NULL };

static void
begin(void)
{
	assert_int_equal(service_new(bench.loop, &bench.config, listeners, 0,
				     &service_ops, NULL, &bench.service), 0);
	go_live();
}

static void
end(void)
{
	for (size_t i = 0; i <= PAGES; i++)
		page_close(&bench.pages[i]);
	bench.service = service_free(bench.service);
	bench.loop = loop_free(bench.loop);
	close(bench.listener.fd);
	unlink(bench.path);
}

/* ---- web servers ---- */

static void
page_connect(size_t i)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct page *p = &bench.pages[i];

	*p = (struct page){ .id = 1 };
	p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	decode_init(&p->decode, 16 << 20);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", bench.path);
	assert_int_equal(connect(p->fd, (struct sockaddr *)&un, sizeof(un)), 0);
}

/* What the test does by itself is not to fail. */
static void
pause_faults(bool is_paused)
{
	fault_pause(is_paused);
	fault_call_pause(is_paused);
}

/* What the service has closed does not take the rest. */
static void
page_write(size_t i, const char *bytes, size_t len)
{
	(void)!write(bench.pages[i].fd, bytes, len);
}

static void
page_ask(size_t i, const char *address, const char *uri)
{
	struct buf in = { 0 }, params = { 0 };

	pause_faults(true);
	put_pair(&params, "REQUEST_METHOD", "GET");
	put_pair(&params, "REQUEST_URI", uri);
	put_pair(&params, "REMOTE_ADDR", address);
	if (strchr(uri, '?'))
		put_pair(&params, "QUERY_STRING", strchr(uri, '?') + 1);
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(&in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 1, SLICE_NONE, 0);
	page_connect(i);
	pause_faults(false);
	if (i == HALF) {
		page_write(i, in.p, in.len / 2);
		pump();
		pump();
	}
	page_write(i, in.p + (i == HALF ? in.len / 2 : 0),
		   in.len - (i == HALF ? in.len / 2 : 0));
	buf_done(&params);
	buf_done(&in);
}

static bool
page_take(size_t i)
{
	bool any;

	pause_faults(true);
	any = page_read(&bench.pages[i]);
	pause_faults(false);
	return any;
}

static void
publish(const char *topic)
{
	char data[EVENT_BYTES + 1];
	struct event e = {
		.topic = slice_of(topic), .epoch = RIG_EPOCH,
		.number = ++bench.number, .time_ms = clock_wall_ms(),
		.data = { data, EVENT_BYTES },
	};

	snprintf(data, sizeof(data), "%llu ",
		 (unsigned long long)bench.number);
	memset(data + strlen(data), '.', sizeof(data) - strlen(data) - 1);
	fanout_event(service_fanout(bench.service), &e);
}

/* Whether the page has the newest event, or will never have it. */
static bool
is_through(size_t i)
{
	const struct page *p = &bench.pages[i];

	if (p->is_closed || p->is_ended || p->fd < 0)
		return true;
	return p->count > 0 && !p->got[p->count - 1].is_gap &&
	       p->got[p->count - 1].number == bench.number;
}

static void
wait_through(size_t from, size_t to)
{
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;
	bool done = false;

	bench.nap_ms = 5;
	while (!done) {
		done = true;
		pump();
		for (size_t i = from; i < to; i++) {
			page_take(i);
			done &= is_through(i);
		}
		assert_true(clock_mono_ms() < until_ms);
	}
	bench.nap_ms = 0;
}

static void
wait_open(size_t i)
{
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;

	bench.nap_ms = 5;
	while (!bench.pages[i].has_header && !bench.pages[i].is_closed) {
		assert_true(clock_mono_ms() < until_ms);
		pump();
		page_take(i);
	}
	bench.nap_ms = 0;
}

/* Everything from its first event on, or a gap where there is none; the first
 * `loose` events may have holes, as the answer to `last=3` of two topics has. */
static bool
has_all(const struct page *p, size_t loose)
{
	uint64_t next = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (p->got[i].is_gap) {
			next = 0;
			continue;
		}
		if (p->got[i].number < next ||
		    (next && p->got[i].number > next && i >= loose))
			return false;
		next = p->got[i].number + 1;
	}
	return true;
}

/* ---- the story ---- */

/* Streams begin, read, stall, resume and go, while events come. */
static void
tell_story(void)
{
	page_ask(1, "192.0.2.1", "/sse/*");
	page_ask(2, "192.0.2.1", "/sse/*?lastEventID=earliest");
	page_ask(STALLED, "192.0.2.2", "/sse/*");
	page_ask(HALF, "192.0.2.3", "/sse/*?last=3");
	page_ask(NOBODY, "192.0.2.4", "/elsewhere");
	pump();
	pump();
	for (unsigned i = 0; i < EVENTS; i++) {
		publish(i % 3 ? "a" : "b");
		if (i % 4 == 3)
			pump();
		for (size_t k = 0; k < PAGES; k++)
			if (k != STALLED)
				page_take(k);
	}
	/* Enough for any socket to be full. */
	for (unsigned i = 0; i < 80; i++)
		publish("a");
	pump();
	for (size_t k = 0; k < PAGES; k++)
		page_take(k);
	pump();
}

/* What must hold after it, when at most one thing has failed. */
static unsigned
check_story(void)
{
	struct counts c;
	unsigned lost = 0;

	for (size_t i = 0; i < PAGES; i++)
		wait_open(i);
	publish("a");
	wait_through(0, PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		const struct page *p = &bench.pages[i];

		assert_true(has_all(p, i == HALF ? REPLAY : 0));
		lost += i != NOBODY && (p->is_closed || p->is_ended);
	}
	/* Whoever comes now is served. */
	page_ask(PAGES, "192.0.2.1", "/sse/*");
	wait_open(PAGES);
	publish("a");
	wait_through(0, PAGES + 1);
	assert_false(bench.pages[PAGES].is_closed);
	assert_int_equal(bench.pages[PAGES].count, 1);
	service_get_counts(bench.service, &c);
	assert_int_equal(c.streams, PAGES - lost);
	assert_int_equal(c.opened - c.closed, c.streams);
	assert_int_equal(c.half_open, 0);
	assert_int_equal(c.held_bytes, 0);
	return lost;
}

static void
drain(void)
{
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;
	struct counts c;

	service_drain(bench.service);
	bench.nap_ms = 5;
	while (!service_is_over(bench.service)) {
		assert_true(clock_mono_ms() < until_ms);
		pump();
	}
	service_get_counts(bench.service, &c);
	assert_int_equal(c.opened, c.closed);
}

static void
begin_story(void)
{
	prepare();
	bench.config.max_clients_per_address = 4;
	begin();
	page_ask(WITNESS, "192.0.2.9", "/sse/*");
	pump();
	pump();
	publish("a");
	wait_through(WITNESS, WITNESS + 1);
}

static void
a_day_without_faults(void **state)
{
	(void)state;
	begin_story();
	tell_story();
	assert_int_equal(check_story(), 0);
	for (size_t i = 0; i < NOBODY; i++)
		assert_false(bench.pages[i].is_closed);
	assert_int_equal(bench.said[LOGGING_WARNING] +
			 bench.said[LOGGING_ERROR], 0);
	drain();
	end();
}

/* Half a request keeps nobody from ending, however long it may take. */
static void
draining_does_not_wait_for_who_stalls(void **state)
{
	(void)state;
	prepare();
	bench.config.connections.request_timeout_ms = 3600000;
	begin();
	page_ask(0, "192.0.2.1", "/sse/a");
	page_connect(1);
	page_write(1, "\1\1\0", 3);
	pump();
	pump();
	assert_int_equal(service_count(bench.service), 1);
	drain();
	page_take(0);
	assert_true(bench.pages[0].is_ended);
	end();
}

/* ---- system calls fail ---- */

static void
any_system_call_may_fail(void **state)
{
	static const struct {
		unsigned calls;
		int error;
		unsigned lost;	/* clients, at most */
	} faults[] = {
		{ FAULT_SEND, EAGAIN, 1 },	/* an answer is sent once */
		{ FAULT_SEND, FAULT_SHORT, 1 },
		{ FAULT_SEND, ECONNRESET, 1 },
		{ FAULT_RECV, EAGAIN, 0 },
		{ FAULT_RECV, ECONNRESET, 1 },
		{ FAULT_ACCEPT, EAGAIN, 0 },
		{ FAULT_ACCEPT, ECONNABORTED, 0 },
		{ FAULT_ACCEPT, EMFILE, 0 },
		{ FAULT_ACCEPT, ENOBUFS, 0 },
		{ FAULT_WATCH, ENOMEM, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		bool has_failed = true;
		size_t n;

		for (n = 1; has_failed; n += step) {
			struct counts c;
			unsigned lost;

			begin_story();
			fault_call_arm(faults[i].calls, n, faults[i].error);
			tell_story();
			has_failed = fault_call_disarm();
			lost = check_story();
			unit_check(lost <= faults[i].lost,
				   "fault %zu, call %zu: %u lost", i, n, lost);
			service_get_counts(bench.service, &c);
			assert_int_equal(c.gaps, 0);
			if (n % 8 == 1)		/* it takes its time */
				drain();
			end();
		}
		unit_check(n > 3 || faults[i].calls == FAULT_WATCH,
			   "fault %zu: %zu calls", i, n);
	}
}

/* While nothing can be accepted, the streams go on; later all are served. */
static void
without_descriptors_accepting_pauses(void **state)
{
	struct counts c;

	(void)state;
	begin_story();
	page_ask(1, "192.0.2.1", "/sse/*");
	fault_call_arm(FAULT_ACCEPT, 1, EMFILE);
	pump();
	assert_true(fault_call_disarm());
	assert_int_equal(bench.said[LOGGING_ERROR], 1);
	assert_non_null(strstr(bench.last_said, "cannot accept connections"));
	publish("a");
	wait_through(WITNESS, WITNESS + 1);
	assert_int_equal(bench.pages[WITNESS].count, 2);
	service_get_counts(bench.service, &c);
	assert_int_equal(c.met[BOUND_ACCEPT], 1);
	bench.nap_ms = 5;
	for (int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;
	     service_count(bench.service) < 2;) {
		assert_true(clock_mono_ms() < until_ms);
		pump();
	}
	end();
}

/* ---- memory runs out ---- */

static void
any_allocation_may_fail(void **state)
{
	unsigned in_memory = 0, gaps = 0;
	bool has_failed = true;
	size_t n;

	(void)state;
	for (n = 1; has_failed; n += step) {
		struct counts c;
		unsigned lost;

		begin_story();
		fault_arm(n);
		tell_story();
		has_failed = fault_disarm();
		lost = check_story();
		unit_check(lost <= 1, "allocation %zu: %u lost", n, lost);
		service_get_counts(bench.service, &c);
		unit_check(c.met[BOUND_MEMORY] <= 1,
			   "allocation %zu: %llu times", n,
			   (unsigned long long)c.met[BOUND_MEMORY]);
		unit_check(c.met[BOUND_MEMORY] == 1 || lost == 0,
			   "allocation %zu is not told of", n);
		in_memory += c.met[BOUND_MEMORY] > 0;
		gaps += c.gaps > 0;
		if (n % 8 == 1)
			drain();
		end();
	}
	assert_true(in_memory > 20 / step && gaps > 0);
}

static void
a_service_without_memory_is_not_made(void **state)
{
	bool has_failed = true;

	(void)state;
	for (size_t n = 1; has_failed; n++) {
		int r;

		prepare();
		fault_arm(n);
		r = service_new(bench.loop, &bench.config, listeners, 0,
				&service_ops, NULL, &bench.service);
		has_failed = fault_disarm();
		assert_int_equal(r, has_failed ? -ENOMEM : 0);
		end();
	}
}

/* ---- bounds ---- */

static void
each_bound_is_said_and_counted(void **state)
{
	struct buf text = { 0 };
	struct counts c;

	(void)state;
	prepare();
	bench.config.max_clients = 2;
	bench.config.max_clients_per_address = 1;
	bench.config.connections.half_open_max = 1;
	begin();
	page_ask(0, "192.0.2.1", "/sse/a");
	pump();
	pump();
	for (size_t i = 1; i < 3; i++) {
		page_ask(i, "192.0.2.1", "/sse/a");
		pump();
		pump();
		page_take(i);
		assert_true(bench.pages[i].is_ended);
	}
	assert_int_equal(bench.said[LOGGING_WARNING], 1);
	assert_non_null(strstr(bench.last_said, "192.0.2.1 has 1 streams"));
	page_ask(3, "192.0.2.2", "/sse/a");
	pump();
	pump();
	page_connect(4);
	page_write(4, "\1\1\0", 3);
	pump();
	pump();
	page_connect(5);
	page_write(5, "\1\1\0", 3);
	pump();
	pump();
	assert_int_equal(bench.said[LOGGING_WARNING], 2);
	assert_non_null(strstr(bench.last_said, "--max-half-open"));
	page_ask(6, "192.0.2.3", "/sse/a");
	pump();
	pump();
	assert_int_equal(bench.said[LOGGING_WARNING], 3);
	assert_non_null(strstr(bench.last_said, "--max-clients are taken"));
	service_get_counts(bench.service, &c);
	assert_int_equal(c.met[BOUND_ADDRESS], 2);
	assert_int_equal(c.met[BOUND_CLIENTS], 1);
	assert_int_equal(c.met[BOUND_HALF_OPEN], 1);
	assert_int_equal(counts_met(&c), 4);
	assert_int_equal(c.streams, 2);
	assert_int_equal(c.half_open, 1);
	assert_int_equal(c.later, 3);
	assert_int_equal(counts_format(&c, &text), 0);
	assert_int_equal(buf_append_char(&text, '\0'), 0);
	assert_non_null(strstr(text.p, "\"streams\":2,\"opened\":2,"));
	assert_non_null(strstr(text.p, "\"limits\":{\"clients\":1,"
			       "\"address\":2,\"topics\":0,"));
	assert_string_equal(text.p + strlen(text.p) - 12, "\"window\":0}}");
	buf_done(&text);
	end();
}

/* What stalls costs a copy of one piece at most, and is told in the end. */
static void
who_never_reads_is_held_within_bounds(void **state)
{
	enum { WINDOW = 64 };
	struct counts c;

	(void)state;
	prepare();
	bench.config.fanout.window.events = WINDOW;
	begin();
	for (size_t i = 0; i < 4; i++)
		page_ask(i, "192.0.2.1", "/sse/*");
	pump();
	pump();
	for (unsigned i = 0; i < 600; i++) {
		publish("a");
		if (i % 8 != 7)
			continue;
		wait_through(0, 2);	/* the others stall */
		service_get_counts(bench.service, &c);
		assert_true(c.window_events <= WINDOW);
		assert_true(c.held_bytes <= 2 * 65536);
	}
	assert_int_equal(bench.pages[0].count, 600);
	assert_int_equal(bench.pages[1].count, 600);
	assert_true(has_all(&bench.pages[0], 0) && has_all(&bench.pages[1], 0));
	for (size_t i = 2; i < 4; i++) {
		size_t gaps = 0;

		wait_through(i, i + 1);
		for (size_t k = 0; k < bench.pages[i].count; k++)
			gaps += bench.pages[i].got[k].is_gap;
		assert_true(bench.pages[i].is_closed || gaps == 1);
		assert_true(has_all(&bench.pages[i], 0));
	}
	service_get_counts(bench.service, &c);
	assert_int_equal(c.met[BOUND_WINDOW], 2);
	assert_int_equal(c.held_bytes, 0);
	assert_int_equal(bench.said[LOGGING_WARNING], 1);
	assert_non_null(strstr(bench.last_said, "slowly"));
	end();
}

static int
with_back_end(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_without_faults),
		cmocka_unit_test(draining_does_not_wait_for_who_stalls),
		cmocka_unit_test(any_system_call_may_fail),
		cmocka_unit_test(without_descriptors_accepting_pauses),
		cmocka_unit_test(any_allocation_may_fail),
		cmocka_unit_test(a_service_without_memory_is_not_made),
		cmocka_unit_test(each_bound_is_said_and_counted),
		cmocka_unit_test(who_never_reads_is_held_within_bounds),
	};

	assert_int_equal(setenv("SSE_LOOP", name, 1), 0);
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed;

	signal(SIGPIPE, SIG_IGN);
#ifdef HAVE_SYS_EPOLL_H
	failed = with_back_end("epoll");
	step = 5;
	failed += with_back_end("poll");
#else
	failed = with_back_end("poll");
#endif
	return failed;
}
