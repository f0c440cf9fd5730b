/* SPDX-License-Identifier: MIT */
/*
 * The publisher against a hub that is played by the test: a ROUTER that
 * answers when it is told to, or goes away.
 */
#include "config.h"

#include <sse-fcgi/publisher.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/bus/frame.h"
#include "lib/bus/zmqport.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 20000 };

struct fake {
	char dir[64], endpoint[96];
	struct zmqport *port;
	struct zmqport_socket *router;	/* NULL: away */
	struct zmqport_message *message;
	struct buf peer, key, data;	/* of the last request */
	bool is_behind;			/* it names another one */
};

struct acks {
	unsigned count;
	uint64_t cookies[LIMIT_PUBLISH_WINDOW + 1];
	int result;
	char id[256], reason[256];
};

static void
fake_up(struct fake *f)
{
	const struct zmqport_options o = {
		.kind = ZMQPORT_ROUTER, .max_frame = 16 << 20,
	};

	assert_int_equal(zmqport_new(&f->port), 0);
	assert_int_equal(zmqport_open(f->port, &o, &f->router), 0);
	assert_int_equal(zmqport_bind(f->router, f->endpoint, 0600, (gid_t)-1),
			 0);
}

static void
fake_down(struct fake *f)
{
	f->router = zmqport_close(f->router);
	f->port = zmqport_free(f->port);
	unlink(f->endpoint + 6);	/* some versions of ZeroMQ leave it */
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/sse-publisher-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->endpoint, sizeof(f->endpoint), "ipc://%s/publish", f->dir);
	if (zmqport_message_new(8, &f->message) < 0)
		return -1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	if (f->router)
		fake_down(f);
	zmqport_message_free(f->message);
	buf_done(&f->peer);
	buf_done(&f->key);
	buf_done(&f->data);
	unlink(f->endpoint + 6);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void
on_ack(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	struct acks *a = user;

	a->cookies[a->count++] = cookie;
	a->result = result;
	snprintf(a->id, sizeof(a->id), "%s", id ? id : "(none)");
	snprintf(a->reason, sizeof(a->reason), "%s",
		 reason ? reason : "(none)");
	assert_int_equal(id == NULL, result < 0);
	assert_int_equal(reason != NULL, result < 0);
}

/* Lets the publisher run until the hub has a request, and keeps it. */
static void
await_request(struct fake *f, struct sse_publisher *p)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	const struct slice *parts;
	struct frame frame;
	const char *why;
	size_t n;

	while (zmqport_receive(f->router, f->message) != 1) {
		assert_true(clock_mono_ms() < end_ms);
		(void)sse_publisher_poll(p, 5);
	}
	parts = zmqport_parts(f->message, &n);
	assert_int_equal(n, 4);
	assert_int_equal(frame_parse(parts + 1, 3, &frame, &why), 0);
	buf_clear(&f->peer);
	buf_clear(&f->key);
	buf_clear(&f->data);
	assert_int_equal(buf_append_slice(&f->peer, parts[0]), 0);
	assert_int_equal(buf_append_slice(&f->key, frame.event.key), 0);
	assert_int_equal(buf_append_slice(&f->data, frame.event.data), 0);
	f->is_behind = frame.previous.p != NULL;
}

/* The next request is the event with this data. */
static void
await_data(struct fake *f, struct sse_publisher *p, const char *data)
{
	await_request(f, p);
	assert_true(slice_eq(buf_slice(&f->data), slice_of(data)));
}

static void
answer_row(struct fake *f, enum ack_class class, struct slice key,
	   unsigned count)
{
	struct ack a = {
		.class = class, .id = SLICE_LIT("10000000-5"),
		.reason = SLICE_LIT("because"), .key = key, .count = count,
	};
	struct slice peer = buf_slice(&f->peer), parts[ACK_PARTS_MAX];

	assert_int_equal(zmqport_send2(f->router, &peer, 1, parts,
				       ack_parts(&a, parts)), 0);
}

static void
answer(struct fake *f, enum ack_class class, struct slice key)
{
	answer_row(f, class, key, 1);
}

static void
await_acks(struct sse_publisher *p, const struct acks *a, unsigned count)
{
	int64_t end_ms = clock_mono_ms() + PATIENCE_MS;

	while (a->count < count) {
		assert_true(clock_mono_ms() < end_ms);
		(void)sse_publisher_poll(p, 5);
	}
}

static void
send_text(struct sse_publisher *p, const char *text, const char *key,
	  uint64_t cookie)
{
	struct sse_event *e;

	assert_int_equal(sse_event_new("t", text, strlen(text), &e), 0);
	assert_int_equal(sse_event_set_key(e, key), 0);
	assert_int_equal(sse_publisher_send(p, e, cookie), 0);
	sse_event_free(e);
}

static void
tells_what_the_hub_said(void **state)
{
	static const struct {
		enum ack_class class;
		int want;
	} rows[] = {
		{ ACK_OK, 0 },
		{ ACK_EVENT, -EINVAL },
		{ ACK_SIZE, -EMSGSIZE },
		{ ACK_VERSION, -EPROTO },
		{ ACK_FULL, -ENOSPC },
		{ ACK_BUSY, -EBUSY },
		{ ACK_DENIED, -EIO },
		{ ACK_OTHER, -EIO },
	};
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	size_t i;

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	assert_string_equal(sse_publisher_bus(p), f->dir);
	assert_string_equal(sse_publisher_error(p), "");
	sse_publisher_set_on_ack(p, on_ack, &a);
	for (i = 0; i < COUNT_OF(rows); i++) {
		send_text(p, "x", i % 2 ? NULL : "my-key", i);
		await_request(f, p);
		if (i % 2 == 0)
			assert_true(slice_eq(buf_slice(&f->key),
					     SLICE_LIT("my-key")));
		else
			assert_int_equal(f->key.len, 32);
		/* An answer to somebody else's question changes nothing. */
		answer(f, ACK_OK, SLICE_LIT("no such key"));
		answer(f, rows[i].class, buf_slice(&f->key));
		await_acks(p, &a, (unsigned)i + 1);
		assert_int_equal(a.cookies[i], i);
		assert_int_equal(a.result, rows[i].want);
		if (rows[i].want == 0)
			assert_string_equal(a.id, "10000000-5");
		else
			assert_string_equal(a.reason, "because");
		assert_int_equal(sse_publisher_pending(p), 0);
	}
	sse_publisher_free(p);
}

static void
a_hub_of_another_version_cannot_name_the_key(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	send_text(p, "x", NULL, 7);
	await_request(f, p);
	answer(f, ACK_VERSION, SLICE_NONE);
	await_acks(p, &a, 1);
	assert_int_equal(a.result, -EPROTO);
	sse_publisher_free(p);
}

static void
on_row(void *user, uint64_t cookie, int result, const char *id,
       const char *reason)
{
	struct acks *a = user;
	char want[32];

	on_ack(user, cookie, result, id, reason);
	/* The last one is number 5. */
	snprintf(want, sizeof(want), "10000000-%u", 2 + a->count);
	assert_string_equal(a->id, want);
}

/* One answer for several is one for each of them, with its own id. */
static void
takes_one_answer_for_several(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	struct buf third = { 0 };
	char text[8];
	unsigned i;

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_row, &a);
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%u", i);
		send_text(p, text, NULL, i);
	}
	for (i = 0; i < 4; i++) {
		await_request(f, p);
		if (i == 2)
			assert_int_equal(buf_append_slice(&third,
				buf_slice(&f->key)), 0);
	}
	/* There are not so many before it. */
	answer_row(f, ACK_OK, buf_slice(&third), 4);
	answer_row(f, ACK_OK, buf_slice(&third), 3);
	await_acks(p, &a, 3);
	assert_int_equal(a.count, 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(a.cookies[i], i);
	assert_int_equal(sse_publisher_pending(p), 1);
	buf_done(&third);
	sse_publisher_free(p);
}

static void
waits_for_a_hub_that_is_not_there_yet(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	int fds[2];

	assert_int_equal(sse_publisher_open(f->dir, &p), -ENOENT);
	assert_non_null(strstr(sse_publisher_error(p), f->dir));
	sse_publisher_set_on_ack(p, on_ack, &a);
	send_text(p, "early", NULL, 1);
	assert_int_equal(sse_publisher_poll(p, 30), -ENOENT);
	assert_int_equal(sse_publisher_fds(p, fds), 0);
	fake_up(f);
	await_request(f, p);
	assert_int_equal(sse_publisher_fds(p, fds), 2);
	assert_true(fds[0] >= 0 && fds[1] >= 0);
	answer(f, ACK_OK, buf_slice(&f->key));
	await_acks(p, &a, 1);
	assert_int_equal(a.result, 0);
	sse_publisher_free(p);
}

static void
sends_all_again_after_the_hub_was_away(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	char keys[3][33], text[8];
	unsigned i;

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%u", i);
		send_text(p, text, NULL, i);
	}
	for (i = 0; i < 4; i++) {
		await_request(f, p);
		if (i == 0)
			answer(f, ACK_OK, buf_slice(&f->key));
		else
			snprintf(keys[i - 1], sizeof(keys[0]), "%.*s",
				 (int)f->key.len, f->key.p);
	}
	await_acks(p, &a, 1);
	fake_down(f);
	while (sse_publisher_poll(p, 5) == 0)
		continue;
	assert_int_equal(sse_publisher_poll(p, 5), -ENOENT);
	assert_int_equal(sse_publisher_pending(p), 3);
	fake_up(f);
	for (i = 0; i < 3; i++) {
		await_request(f, p);
		snprintf(text, sizeof(text), "%u", i + 1);
		assert_true(slice_eq(buf_slice(&f->data), slice_of(text)));
		assert_true(slice_eq(buf_slice(&f->key), slice_of(keys[i])));
		answer(f, ACK_OK, buf_slice(&f->key));
	}
	await_acks(p, &a, 4);
	assert_int_equal(a.cookies[3], 3);
	sse_publisher_free(p);
}

static void
sends_again_what_is_not_answered_in_time(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	struct buf first = { 0 };

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	send_text(p, "x", NULL, 1);
	await_request(f, p);
	assert_int_equal(buf_append_slice(&first, buf_slice(&f->key)), 0);
	await_request(f, p);
	assert_true(slice_eq(buf_slice(&first), buf_slice(&f->key)));
	answer(f, ACK_OK, buf_slice(&f->key));
	await_acks(p, &a, 1);
	buf_done(&first);
	sse_publisher_free(p);
}

static void
its_window_is_bounded(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	struct sse_event *e;
	unsigned i;

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	assert_int_equal(sse_event_new("t", "x", 1, &e), 0);
	for (i = 0; i < LIMIT_PUBLISH_WINDOW; i++)
		assert_int_equal(sse_publisher_send(p, e, i), 0);
	assert_int_equal(sse_publisher_send(p, e, i), -EAGAIN);
	for (i = 0; i < LIMIT_PUBLISH_WINDOW; i++) {
		await_request(f, p);
		answer(f, ACK_OK, buf_slice(&f->key));
	}
	await_acks(p, &a, LIMIT_PUBLISH_WINDOW);
	for (i = 0; i < LIMIT_PUBLISH_WINDOW; i++)
		assert_int_equal(a.cookies[i], i);
	assert_int_equal(sse_publisher_send(p, e, i), 0);
	sse_event_free(e);
	sse_publisher_free(p);
}

/* A hub that has no room now gets all of them again, in order. */
static void
insists_in_order(void **state)
{
	static const struct {
		enum ack_class class;
		int want;
	} rows[] = { { ACK_FULL, -ENOSPC }, { ACK_BUSY, -EBUSY } };
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };
	unsigned i, k;
	int fds[2];

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	sse_publisher_insist(p);
	for (i = 0; i < COUNT_OF(rows); i++) {
		a.count = 0;
		send_text(p, "one", NULL, 1);
		send_text(p, "two", NULL, 2);
		send_text(p, "three", NULL, 3);
		await_data(f, p, "one");
		answer(f, ACK_OK, buf_slice(&f->key));
		for (k = 0; k < 3; k++) {
			if (k == 0)
				await_data(f, p, "two");
			assert_int_equal(f->is_behind, k == 0);
			answer(f, rows[i].class, buf_slice(&f->key));
			await_data(f, p, "three");
			assert_true(f->is_behind);
			answer(f, ACK_ORDER, buf_slice(&f->key));
			await_data(f, p, "two");
			assert_int_equal(sse_publisher_poll(p, 0),
					 rows[i].want);
			assert_non_null(strstr(sse_publisher_error(p),
					       "because"));
			assert_int_equal(sse_publisher_fds(p, fds), 2);
		}
		answer(f, ACK_OK, buf_slice(&f->key));
		await_data(f, p, "three");
		answer(f, ACK_OK, buf_slice(&f->key));
		await_acks(p, &a, 3);
		for (k = 0; k < 3; k++)
			assert_int_equal(a.cookies[k], k + 1);
		assert_int_equal(a.result, 0);
		assert_int_equal(sse_publisher_poll(p, 0), 0);
	}
	sse_publisher_free(p);
}

/* What was sent behind an event that was refused for good is sent again. */
static void
a_refused_event_does_not_hold_up_the_next(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct acks a = { 0 };

	fake_up(f);
	assert_int_equal(sse_publisher_open(f->dir, &p), 0);
	sse_publisher_set_on_ack(p, on_ack, &a);
	send_text(p, "bad", NULL, 1);
	send_text(p, "good", NULL, 2);
	await_data(f, p, "bad");
	answer(f, ACK_EVENT, buf_slice(&f->key));
	await_data(f, p, "good");
	assert_true(f->is_behind);
	answer(f, ACK_ORDER, buf_slice(&f->key));
	await_acks(p, &a, 1);
	assert_int_equal(a.result, -EINVAL);
	await_data(f, p, "good");
	assert_false(f->is_behind);
	answer(f, ACK_OK, buf_slice(&f->key));
	await_acks(p, &a, 2);
	assert_int_equal(a.result, 0);
	/* A hub that says so of one that names no other is mistaken. */
	send_text(p, "again", NULL, 3);
	await_data(f, p, "again");
	answer(f, ACK_ORDER, buf_slice(&f->key));
	await_acks(p, &a, 3);
	assert_int_equal(a.result, -EIO);
	sse_publisher_free(p);
}

/* What a killed hub leaves behind. */
static void
leave_file(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
}

static void
tells_a_missing_hub_from_a_silent_one(void **state)
{
	struct fake *f = *state;
	struct sse_publisher *p;
	struct sse_event *e;
	char id[256] = "untouched";

	assert_int_equal(sse_event_new("t", "x", 1, &e), 0);
	assert_int_equal(sse_publisher_open(f->dir, &p), -ENOENT);
	assert_int_equal(sse_publisher_publish(p, e, 0, id), -ENOENT);
	assert_int_equal(sse_publisher_publish(p, e, 50, id), -ENOENT);
	fake_up(f);
	assert_int_equal(sse_publisher_publish(p, e, 300, id), -ETIMEDOUT);
	assert_non_null(strstr(sse_publisher_error(p), "safe"));
	assert_string_equal(id, "untouched");
	assert_int_equal(sse_publisher_pending(p), 0);
	sse_publisher_free(p);

	/* A socket file that nobody listens on any more. */
	fake_down(f);
	leave_file(f->endpoint + 6);
	assert_int_equal(sse_publisher_open(f->dir, &p), -ECONNREFUSED);
	sse_publisher_free(p);
	sse_event_free(e);
}

static void
refuses_an_address_that_is_none(void **state)
{
	static char longest[200];
	struct fake *f = *state;
	struct {
		const char *bus;
		int want;
	} rows[] = {
		{ "", -EINVAL },
		{ "tcp://10.0.0.1:7000", -EINVAL },
		{ "udp://x", -EINVAL },
		{ longest, -ENAMETOOLONG },
	};
	struct sse_publisher *p;
	size_t i;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	for (i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(sse_publisher_open(rows[i].bus, &p),
				 rows[i].want);
		assert_non_null(p);
		assert_true(sse_publisher_error(p)[0]);
		sse_publisher_free(p);
	}
	/* A directory that everyone can write to is nobody's. */
	assert_int_equal(chmod(f->dir, 0777), 0);
	assert_int_equal(sse_publisher_open(f->dir, &p), -EPERM);
	assert_non_null(strstr(sse_publisher_error(p), f->dir));
	sse_publisher_free(p);
	sse_publisher_free(NULL);
}

int
main(void)
{
#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_HUB(tells_what_the_hub_said),
		WITH_HUB(a_hub_of_another_version_cannot_name_the_key),
		WITH_HUB(takes_one_answer_for_several),
		WITH_HUB(waits_for_a_hub_that_is_not_there_yet),
		WITH_HUB(sends_all_again_after_the_hub_was_away),
		WITH_HUB(sends_again_what_is_not_answered_in_time),
		WITH_HUB(its_window_is_bounded),
		WITH_HUB(insists_in_order),
		WITH_HUB(a_refused_event_does_not_hold_up_the_next),
		WITH_HUB(tells_a_missing_hub_from_a_silent_one),
		WITH_HUB(refuses_an_address_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
