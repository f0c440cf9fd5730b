/* SPDX-License-Identifier: MIT */
/*
 * Connections on a real loop, with the web server at the other end of a socket
 * pair, and a fan-out that is only a note of who would have got a stream.
 */
#include "config.h"

#include "fcgi/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/guests.h"
#include "lib/base/clock.h"
#include "tests/support/fault.h"
#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 60000 };

static struct {
	struct loop *loop;
	struct connections *c;
	struct connections_config config;
	unsigned turns;
	int64_t nap_ms;
	int stream_result;		/* what on_stream says */
	int stream_fd;			/* taken; -1: none */
	uint16_t stream_id;
	char key[64];
	unsigned streams, bad;
	unsigned posts;
	size_t post_max, post_len;	/* bytes allowed, and got */
	bool takes_posts;
	unsigned met[BOUND_COUNT];
	char got[65536];		/* what the web server has read */
	size_t got_len;
	bool is_closed;
} bench;

static int
on_stream(void *user, int fd, uint16_t id, const struct route *route,
	  struct slice address)
{
	const struct subscription *s = &route->subscription;

	(void)address;
	assert_ptr_equal(user, &bench);
	bench.streams++;
	if (bench.stream_result < 0)
		return bench.stream_result;
	bench.stream_fd = fd;
	bench.stream_id = id;
	assert_true(s->key.len < sizeof(bench.key));
	memcpy(bench.key, s->key.p, s->key.len);
	bench.key[s->key.len] = '\0';
	return 0;
}

static uint64_t
retry_later(void *user)
{
	(void)user;
	return 4321;
}

static void
on_bad(void *user, const char *why)
{
	(void)user;
	assert_true(strlen(why) > 0);
	bench.bad++;
}

static void
on_bound(void *user, enum bound bound, const char *why)
{
	(void)user;
	bench.met[bound]++;
	assert_int_equal(why != NULL, bound == BOUND_TOPICS ||
			 bound == BOUND_REQUEST);
}

static size_t
post_max(void *user, const struct params *params, struct route *route)
{
	(void)user;
	(void)route;
	(void)params;
	return bench.post_max;
}

/* Takes the body, and the connection where it is asked to. */
static int
on_post(void *user, int fd, const struct request *r,
	const struct params *params, struct route *route)
{
	(void)user;
	(void)params;
	bench.posts++;
	bench.post_len = r->body.len;
	assert_true(slice_eq(buf_slice(&route->topic), SLICE_LIT("news")));
	if (bench.takes_posts) {
		bench.stream_fd = fd;
		return 0;
	}
	return route_refuse_publish(route, 400, "No.") < 0 ? -ENOMEM : -EINVAL;
}

static const struct connections_ops ops = {
	on_stream, NULL, NULL, NULL, retry_later, on_bad, NULL, on_bound,
};

static const struct connections_ops posting_ops = {
	.on_stream = on_stream,
	.post_max = post_max,
	.on_post = on_post,
	.retry_later = retry_later,
	.on_bad = on_bad,
	.on_bound = on_bound,
};

static int64_t
on_turn(void *user, int64_t now_ms)
{
	(void)user;
	(void)now_ms;
	connections_reap(bench.c);
	if (bench.turns-- == 0)
		loop_stop(bench.loop);
	return bench.nap_ms;
}

static void
pump(void)
{
	bench.turns = 1;
	assert_int_equal(loop_run(bench.loop), 0);
}

static void
begin(void)
{
	memset(&bench, 0, sizeof(bench));
	bench.stream_fd = -1;
	bench.config = (struct connections_config){
		.route = { .mount = "/sse", .max_topics = 10 },
		.limits = { .params = 4096, .body = 1000 },
		.request_timeout_ms = 3600000,
		.half_open_max = 100,
	};
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &bench.loop), 0);
	loop_on_turn(bench.loop, on_turn, &bench);
}

static void
serve_with(void)
{
	assert_int_equal(connections_new(bench.loop, &bench.config, &ops,
					 &bench, &bench.c), 0);
}

static void
post_with(const struct connections_ops *with)
{
	begin();
	bench.config.route.has_publish = true;
	bench.config.limits.body = 2 << 20;
	bench.post_max = 100;
	assert_int_equal(connections_new(bench.loop, &bench.config, with,
					 &bench, &bench.c), 0);
}

static void
end(void)
{
	bench.c = connections_free(bench.c);
	assert_null(bench.c);
	if (bench.stream_fd >= 0)
		close(bench.stream_fd);
	loop_free(bench.loop);
}

/* A web server connects; what it sends first is there already. */
static int
connect_with(struct slice first)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (first.len)
		assert_int_equal(send(fds[1], first.p, first.len, 0),
				 first.len);
	connections_add(bench.c, fds[0]);
	return fds[1];
}

static void
say(int fd, struct slice bytes)
{
	assert_int_equal(send(fd, bytes.p, bytes.len, MSG_NOSIGNAL), bytes.len);
	pump();
}

/* Reads what there is; the text of the records is in bench.got. */
static void
hear(int fd)
{
	char bytes[32768];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		assert_true(bench.got_len + (size_t)n < sizeof(bench.got));
		memcpy(bench.got + bench.got_len, bytes, (size_t)n);
		bench.got_len += (size_t)n;
	}
	bench.is_closed = n == 0 || (n < 0 && errno == ECONNRESET);
	bench.got[bench.got_len] = '\0';
}

static unsigned
count_heard(const char *what)
{
	size_t len = strlen(what);
	unsigned count = 0;

	for (size_t i = 0; i + len <= bench.got_len; i++)
		count += memcmp(bench.got + i, what, len) == 0;
	return count;
}

static void
forget_heard(void)
{
	bench.got_len = 0;
}

static void
close_stream(void)
{
	close(bench.stream_fd);
	bench.stream_fd = -1;
}

/* ---- requests ---- */

static void
a_whole_request_becomes_a_stream_at_once(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	begin();
	serve_with();
	put_get(&in, 3, 0, "/sse/news");
	fd = connect_with(buf_slice(&in));
	assert_int_equal(bench.streams, 1);
	assert_int_equal(bench.stream_id, 3);
	assert_string_equal(bench.key, "-news\n");
	assert_int_equal(connections_count(bench.c), 0);
	/* it is not watched here any more */
	say(fd, SLICE_LIT("xxx"));
	hear(fd);
	assert_false(bench.is_closed);
	assert_int_equal(bench.got_len, 0);
	close(fd);
	buf_done(&in);
	end();
}

static void
a_request_may_come_in_any_two_pieces(void **state)
{
	struct buf in = { 0 };

	(void)state;
	put_get(&in, 1, 0, "/sse/news");
	begin();
	serve_with();
	for (size_t at = 0; at < in.len; at++) {
		int fd = connect_with((struct slice){ in.p, at });

		assert_int_equal(bench.streams, at);
		assert_int_equal(connections_count(bench.c), 1);
		say(fd, (struct slice){ in.p + at, in.len - at });
		assert_int_equal(bench.streams, at + 1);
		assert_string_equal(bench.key, "-news\n");
		assert_int_equal(connections_count(bench.c), 0);
		close_stream();
		close(fd);
	}
	end();
	buf_done(&in);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	put_get(&in, 1, 0, "/sse/news");
	begin();
	serve_with();
	fd = connect_with(SLICE_NONE);
	for (size_t i = 0; i < in.len; i++)
		say(fd, (struct slice){ in.p + i, 1 });
	assert_int_equal(bench.streams, 1);
	assert_string_equal(bench.key, "-news\n");
	close(fd);
	end();
	buf_done(&in);
}

static void
refusals_say_why_and_keep_what_is_to_be_kept(void **state)
{
	(void)state;
	for (uint8_t keep = 0; keep < 2; keep++) {
		struct buf in = { 0 };
		int fd;

		begin();
		serve_with();
		put_get(&in, 1, keep ? FCGI_KEEP_CONN : 0, "/elsewhere");
		fd = connect_with(buf_slice(&in));
		hear(fd);
		assert_int_equal(count_heard("Status: 4"), 1);
		assert_int_equal(bench.is_closed, !keep);
		assert_int_equal(connections_count(bench.c), keep);
		if (keep) {
			buf_clear(&in);
			put_get(&in, 2, FCGI_KEEP_CONN, "/sse/a");
			say(fd, buf_slice(&in));
			assert_int_equal(bench.streams, 1);
			assert_int_equal(bench.stream_id, 2);
		}
		assert_int_equal(connections_get_stats(bench.c)->refused, 1);
		close(fd);
		buf_done(&in);
		end();
	}
}

static void
requests_that_come_together_are_all_answered(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	begin();
	serve_with();
	for (uint16_t id = 1; id <= 20; id++)
		put_get(&in, id, FCGI_KEEP_CONN, "/sse");
	put_get(&in, 21, FCGI_KEEP_CONN, "/sse/a");
	fd = connect_with(buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 4"), 20);
	assert_int_equal(bench.stream_id, 21);
	close(fd);
	buf_done(&in);
	end();
}

static void
who_cannot_have_a_stream_is_asked_to_come_back(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	begin();
	serve_with();
	bench.stream_result = -EBUSY;
	put_get(&in, 1, 0, "/sse/a");
	fd = connect_with(buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 200"), 1);
	assert_int_equal(count_heard("retry: 4321"), 1);
	assert_true(bench.is_closed);
	assert_int_equal(connections_get_stats(bench.c)->later, 1);
	close(fd);
	buf_done(&in);
	end();
}

static void
put_probe(struct buf *in)
{
	struct buf params = { 0 };

	put_pair(&params, "REQUEST_METHOD", "GET");
	put_pair(&params, "REQUEST_URI", "/sse/news?probe=1");
	put_pair(&params, "QUERY_STRING", "probe=1");
	put_begin(in, 1, FCGI_RESPONDER, 0);
	put_record(in, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(in, FCGI_STDIN, 1, SLICE_NONE, 0);
	buf_done(&params);
}

static void
where_nobody_serves_probes_they_come_later(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	begin();
	bench.config.route.has_probes = true;
	serve_with();
	put_probe(&in);
	fd = connect_with(buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 200"), 1);
	assert_int_equal(count_heard("retry: 4321"), 1);
	assert_true(bench.is_closed);
	assert_int_equal(bench.streams, 0);
	close(fd);
	buf_done(&in);
	end();
}

static void
junk_is_refused(void **state)
{
	static const struct slice junk[] = {
		SLICE_LIT("GET / HTTP/1.1\r\n\r\n"),
		SLICE_LIT("\1\11\0\0\0\0\0\0"),		/* GET_VALUES */
		SLICE_LIT("\1\4\0\1\0\0\0\0"),		/* no BEGIN */
		SLICE_LIT("\1\1\0\1\0\1\0\0x"),		/* a short one */
	};

	(void)state;
	begin();
	serve_with();
	for (size_t i = 0; i < COUNT_OF(junk); i++) {
		int fd = connect_with(junk[i]);

		pump();
		hear(fd);
		unit_check(bench.is_closed, "junk %zu", i);
		assert_int_equal(bench.bad, i + 1);
		close(fd);
	}
	assert_int_equal(bench.streams, 0);
	end();
}

static void
requests_beyond_a_bound_are_refused_and_counted(void **state)
{
	struct buf in = { 0 }, params = { 0 };
	char target[5000];
	int fd;

	(void)state;
	begin();
	serve_with();
	put_pair(&params, "REQUEST_METHOD", "GET");
	put_pair(&params, "REQUEST_URI", "/sse/a");
	put_pair(&params, "QUERY_STRING", "topic=0&topic=1&topic=2&topic=3&"
		 "topic=4&topic=5&topic=6&topic=7&topic=8&topic=9&topic=10");
	put_begin(&in, 1, FCGI_RESPONDER, 0);
	put_record(&in, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(&in, FCGI_PARAMS, 1, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 1, SLICE_NONE, 0);
	buf_done(&params);
	fd = connect_with(buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 400"), 1);
	assert_int_equal(bench.met[BOUND_TOPICS], 1);
	close(fd);

	memset(target, 'x', sizeof(target) - 1);
	memcpy(target, "/sse/", 5);
	target[sizeof(target) - 1] = '\0';
	buf_clear(&in);
	put_get(&in, 1, 0, target);
	fd = connect_with(buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 431"), 1);
	assert_int_equal(bench.met[BOUND_REQUEST], 1);
	assert_int_equal(bench.bad, 0);
	close(fd);
	buf_done(&in);
	end();
}

static void
a_web_server_that_goes_is_forgotten(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	put_get(&in, 1, 0, "/sse/a");
	begin();
	serve_with();
	fd = connect_with((struct slice){ in.p, in.len - 3 });
	close(fd);
	pump();
	assert_int_equal(connections_count(bench.c), 0);
	fd = connect_with(SLICE_NONE);
	close(fd);
	pump();
	assert_int_equal(connections_count(bench.c), 0);
	assert_int_equal(bench.streams, 0);
	end();
	buf_done(&in);
}

/* An answer that was cut cannot be followed by another one. */
static void
who_does_not_read_its_answers_is_closed(void **state)
{
	struct buf in = { 0 };
	int fds[2], room = 5000;

	(void)state;
	begin();
	serve_with();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room,
				    sizeof(room)), 0);
	connections_add(bench.c, fds[0]);
	for (uint16_t id = 1; id < 100 && connections_count(bench.c); id++) {
		buf_clear(&in);
		put_get(&in, id, FCGI_KEEP_CONN, "/elsewhere");
		say(fds[1], buf_slice(&in));
	}
	assert_int_equal(connections_count(bench.c), 0);
	hear(fds[1]);
	assert_true(bench.is_closed);
	close(fds[1]);
	buf_done(&in);
	end();
}

/* ---- time and room ---- */

static void
wait_for(bool (*is_so)(void))
{
	int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

	bench.nap_ms = 20;
	while (!is_so()) {
		assert_true(clock_mono_ms() < until_ms);
		pump();
	}
	bench.nap_ms = 0;
}

static bool
nobody_is_left(void)
{
	return connections_count(bench.c) == 0;
}

static void
half_a_request_has_its_time(void **state)
{
	int fds[3];

	(void)state;
	begin();
	bench.config.request_timeout_ms = 100;
	serve_with();
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = connect_with(SLICE_LIT("\1\1\0"));
	assert_int_equal(connections_count(bench.c), 3);
	wait_for(nobody_is_left);
	assert_int_equal(connections_get_stats(bench.c)->timeouts, 3);
	assert_int_equal(bench.met[BOUND_TIME], 3);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		hear(fds[i]);
		assert_true(bench.is_closed);
		close(fds[i]);
	}
	end();
}

/* On a kept connection each request has it anew. */
static void
a_kept_connection_that_is_used_stays(void **state)
{
	struct buf in = { 0 };
	int64_t until_ms;
	unsigned answers = 0;
	int fd;

	(void)state;
	put_get(&in, 1, FCGI_KEEP_CONN, "/elsewhere");
	begin();
	bench.config.request_timeout_ms = 2000;
	serve_with();
	bench.nap_ms = 20;
	fd = connect_with(SLICE_NONE);
	until_ms = clock_mono_ms() + 3000;
	while (clock_mono_ms() < until_ms) {
		say(fd, buf_slice(&in));
		forget_heard();
		hear(fd);
		answers += count_heard("Status: 4");
		assert_false(bench.is_closed);
	}
	assert_true(answers > 1);
	/* one that rests goes, and that is nobody's fault */
	wait_for(nobody_is_left);
	assert_int_equal(connections_get_stats(bench.c)->timeouts, 0);
	assert_int_equal(bench.met[BOUND_TIME], 0);
	close(fd);
	buf_done(&in);
	end();
}

static void
of_too_many_the_oldest_goes(void **state)
{
	int fds[8];

	(void)state;
	begin();
	bench.config.half_open_max = 5;
	serve_with();
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = connect_with(SLICE_LIT("\1\1\0"));
	assert_int_equal(connections_count(bench.c), 5);
	assert_int_equal(connections_get_stats(bench.c)->crowded, 3);
	assert_int_equal(bench.met[BOUND_HALF_OPEN], 3);
	for (size_t i = 0; i < COUNT_OF(fds); i++) {
		hear(fds[i]);
		assert_int_equal(bench.is_closed, i < 3);
		close(fds[i]);
	}
	pump();
	assert_int_equal(connections_count(bench.c), 0);
	end();
}

static void
the_open_ones_are_closed_at_the_end(void **state)
{
	int fd;

	(void)state;
	begin();
	serve_with();
	fd = connect_with(SLICE_LIT("\1\1\0"));
	end();
	hear(fd);
	assert_true(bench.is_closed);
	close(fd);
	assert_null(connections_free(NULL));
}

/* ---- memory runs out ---- */

static void
without_memory_one_connection_is_lost(void **state)
{
	struct buf in = { 0 };
	bool failed = true;

	(void)state;
	put_get(&in, 1, 0, "/sse/a/b?topic=c");
	for (size_t n = 1; failed; n++) {
		int r;

		begin();
		fault_arm(n);
		r = connections_new(bench.loop, &bench.config, &ops, &bench,
				    &bench.c);
		if (r == 0) {
			int fd = connect_with((struct slice){ in.p, 20 });

			if (connections_count(bench.c))
				say(fd, (struct slice){ in.p + 20,
				    in.len - 20 });
			failed = fault_disarm();
			/* whoever is lost is counted */
			assert_int_equal(bench.met[BOUND_MEMORY],
					 bench.streams == 0);
			assert_int_equal(connections_count(bench.c), 0);
			assert_true(failed || bench.streams == 1);
			close(fd);
		} else {
			assert_true(fault_disarm());
			assert_int_equal(r, -ENOMEM);
		}
		end();
	}
	buf_done(&in);
}

/* ---- guests ---- */

static void
guests_are_counted_by_address(void **state)
{
	struct guests g = { 0 };
	struct guest *a[3], *b, *none;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(guests_enter(&g, SLICE_LIT("10.0.0.1"), 3,
					      &a[i]), 0);
		assert_ptr_equal(a[i], a[0]);
	}
	assert_int_equal(guests_enter(&g, SLICE_LIT("10.0.0.1"), 3, &none),
			 -EBUSY);
	assert_null(none);
	assert_int_equal(guests_enter(&g, SLICE_LIT("::1"), 3, &b), 0);
	assert_ptr_not_equal(b, a[0]);
	guests_leave(&g, a[2]);
	assert_int_equal(guests_enter(&g, SLICE_LIT("10.0.0.1"), 3, &a[2]), 0);
	for (size_t i = 0; i < 3; i++)
		guests_leave(&g, a[i]);
	guests_leave(&g, NULL);
	/* gone and come again */
	assert_int_equal(guests_enter(&g, SLICE_LIT("10.0.0.1"), 1, &a[0]), 0);
	/* no address, or no limit: nobody counts */
	assert_int_equal(guests_enter(&g, SLICE_NONE, 1, &none), 0);
	assert_null(none);
	assert_int_equal(guests_enter(&g, SLICE_LIT("x"), 0, &none), 0);
	assert_null(none);
	guests_done(&g);
}

static void
a_guest_without_memory_is_refused(void **state)
{
	struct guests g = { 0 };
	struct guest *guest = NULL;
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		int r;

		fault_arm(n);
		r = guests_enter(&g, SLICE_LIT("a"), 1, &guest);
		failed = fault_disarm();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	}
	guests_leave(&g, guest);
	guests_done(&g);
}

/* ---- what is published ---- */

static void
put_post(struct buf *b, const char *length, struct slice body)
{
	struct buf params = { 0 };

	put_pair(&params, "REQUEST_METHOD", "POST");
	put_pair(&params, "REQUEST_URI", "/sse/news");
	put_pair(&params, "CONTENT_LENGTH", length);
	put_begin(b, 1, FCGI_RESPONDER, FCGI_KEEP_CONN);
	put_record(b, FCGI_PARAMS, 1, buf_slice(&params), 0);
	put_record(b, FCGI_PARAMS, 1, SLICE_NONE, 0);
	for (size_t at = 0; at < body.len; at += 40) {
		size_t n = body.len - at < 40 ? body.len - at : 40;

		put_record(b, FCGI_STDIN, 1,
			   (struct slice){ body.p + at, n }, 0);
	}
	put_record(b, FCGI_STDIN, 1, SLICE_NONE, 0);
	buf_done(&params);
}

static void
a_body_is_collected_however_it_comes(void **state)
{
	static const char body[100];
	struct buf in = { 0 };

	(void)state;
	post_with(&posting_ops);
	put_post(&in, "100", (struct slice){ body, sizeof(body) });
	for (size_t cut = 1; cut < in.len; cut += 13) {
		int fd = connect_with((struct slice){ in.p, cut });

		bench.posts = 0;
		say(fd, (struct slice){ in.p + cut, in.len - cut });
		assert_int_equal(bench.posts, 1);
		assert_int_equal(bench.post_len, sizeof(body));
		forget_heard();
		hear(fd);
		assert_int_equal(count_heard("Status: 400"), 1);
		assert_false(bench.is_closed);
		close(fd);
	}
	buf_done(&in);
	end();
}

static void
who_publishes_is_taken_and_given_back(void **state)
{
	struct buf in = { 0 };
	int fd, taken;

	(void)state;
	post_with(&posting_ops);
	bench.takes_posts = true;
	put_post(&in, "5", SLICE_LIT("hello"));
	fd = connect_with(buf_slice(&in));
	taken = bench.stream_fd;
	assert_true(taken >= 0);
	assert_int_equal(connections_count(bench.c), 0);
	bench.stream_fd = -1;
	connections_add(bench.c, taken);
	assert_int_equal(connections_count(bench.c), 1);
	say(fd, buf_slice(&in));
	assert_int_equal(bench.posts, 2);
	close(fd);
	buf_done(&in);
	end();
}

/* The answer comes when all of it was read, and the connection goes on. */
static void
a_body_is_refused_when_it_is_over(void **state)
{
	static const char body[101];
	struct buf in = { 0 };
	int fd;

	(void)state;
	post_with(&posting_ops);
	put_post(&in, "101", (struct slice){ body, sizeof(body) });
	fd = connect_with((struct slice){ in.p, in.len - 8 });
	hear(fd);
	assert_int_equal(bench.got_len, 0);
	say(fd, (struct slice){ in.p + in.len - 8, 8 });
	hear(fd);
	assert_int_equal(count_heard("Status: 413"), 1);
	assert_int_equal(bench.posts, 0);
	/* Not as long as it should be: its client went away. */
	buf_clear(&in);
	forget_heard();
	put_post(&in, "6", SLICE_LIT("hello"));
	say(fd, buf_slice(&in));
	hear(fd);
	assert_int_equal(count_heard("Status: 400"), 1);
	assert_int_equal(bench.posts, 0);
	close(fd);
	buf_done(&in);
	end();
}

/* Where nobody publishes, in a moment perhaps; without --http-publish, never. */
static void
where_nothing_is_published(void **state)
{
	struct buf in = { 0 };
	int fd;

	(void)state;
	put_post(&in, "5", SLICE_LIT("hello"));
	for (int i = 0; i < 2; i++) {
		post_with(i == 0 ? &ops : &posting_ops);
		if (i == 1) {
			connections_free(bench.c);
			bench.config.route.has_publish = false;
			assert_int_equal(connections_new(bench.loop,
					 &bench.config, &posting_ops, &bench,
					 &bench.c), 0);
		}
		fd = connect_with(buf_slice(&in));
		hear(fd);
		assert_int_equal(count_heard(i == 0 ? "Status: 503" :
						      "Status: 405"), 1);
		assert_int_equal(count_heard("Retry-After: "), i == 0);
		close(fd);
		end();
	}
	buf_done(&in);
}

/* Bodies that are arriving have a bound together, too. */
static void
of_all_bodies_so_much_is_kept(void **state)
{
	enum { SIZE = 1 << 20, HALVES = 65 };
	static char body[SIZE];
	struct buf head = { 0 };
	int fds[HALVES];

	(void)state;
	post_with(&posting_ops);
	bench.post_max = SIZE + 1;
	put_post(&head, "1048577", SLICE_NONE);
	head.len -= 8;	/* without the end */
	for (int i = 0; i < HALVES; i++) {
		struct buf piece = { 0 };

		fds[i] = connect_with(buf_slice(&head));
		for (size_t at = 0; at < SIZE; at += 32768) {
			buf_clear(&piece);
			put_record(&piece, FCGI_STDIN, 1,
				   (struct slice){ body + at, 32768 }, 0);
			say(fds[i], buf_slice(&piece));
		}
		buf_done(&piece);
	}
	/* The last one has no room, the first has; and those that go make it. */
	buf_clear(&head);
	put_record(&head, FCGI_STDIN, 1, SLICE_LIT("x"), 0);
	put_record(&head, FCGI_STDIN, 1, SLICE_NONE, 0);
	say(fds[HALVES - 1], buf_slice(&head));
	hear(fds[HALVES - 1]);
	assert_int_equal(count_heard("Status: 503"), 1);
	for (int i = 1; i < HALVES; i++)
		close(fds[i]);
	pump();
	say(fds[0], buf_slice(&head));
	assert_int_equal(bench.post_len, SIZE + 1);
	close(fds[0]);
	buf_done(&head);
	end();
}

static int
with_back_end(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_request_becomes_a_stream_at_once),
		cmocka_unit_test(a_request_may_come_in_any_two_pieces),
		cmocka_unit_test(a_request_may_come_byte_by_byte),
		cmocka_unit_test(refusals_say_why_and_keep_what_is_to_be_kept),
		cmocka_unit_test(requests_that_come_together_are_all_answered),
		cmocka_unit_test(who_cannot_have_a_stream_is_asked_to_come_back),
		cmocka_unit_test(where_nobody_serves_probes_they_come_later),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(requests_beyond_a_bound_are_refused_and_counted),
		cmocka_unit_test(a_web_server_that_goes_is_forgotten),
		cmocka_unit_test(who_does_not_read_its_answers_is_closed),
		cmocka_unit_test(half_a_request_has_its_time),
		cmocka_unit_test(a_kept_connection_that_is_used_stays),
		cmocka_unit_test(of_too_many_the_oldest_goes),
		cmocka_unit_test(the_open_ones_are_closed_at_the_end),
		cmocka_unit_test(without_memory_one_connection_is_lost),
		cmocka_unit_test(guests_are_counted_by_address),
		cmocka_unit_test(a_guest_without_memory_is_refused),
		cmocka_unit_test(a_body_is_collected_however_it_comes),
		cmocka_unit_test(who_publishes_is_taken_and_given_back),
		cmocka_unit_test(a_body_is_refused_when_it_is_over),
		cmocka_unit_test(where_nothing_is_published),
		cmocka_unit_test(of_all_bodies_so_much_is_kept),
	};

	assert_int_equal(setenv("SSE_LOOP", name, 1), 0);
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = with_back_end("poll");

#ifdef HAVE_SYS_EPOLL_H
	failed += with_back_end("epoll");
#endif
	return failed;
}
