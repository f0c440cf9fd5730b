/* SPDX-License-Identifier: MIT */
/*
 * The hub's loop, intake and follow, over real sockets, with the n-th
 * allocation failing: a publisher that sends again what was not acknowledged
 * has each event stored once, whatever failed, and the hub goes on.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/announce.h"
#include "hub/core.h"
#include "hub/follow.h"
#include "hub/intake.h"
#include "hub/store_disk.h"
#include "hub/store_memory.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/sse/id.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

enum {
	EVENTS = 12,
	AGAIN_MS = 30,		/* a publisher's patience, here */
	PATIENCE_MS = 30000,
};

static char dir[32], store_dir[48];

static struct rig {
	struct zmqport *port;
	struct zmqport_socket *publish, *follow, *events;	/* the hub's */
	struct zmqport_socket *publisher, *follower;
	struct zmqport_message *answer;
	struct store *store;
	struct core core;
	struct announce announce;
	struct intake intake;
	struct follow replies;
	bool has_core, is_acked[EVENTS];
} rig;

/* --- the hub and its clients -------------------------------------------- */

static void
open_pair(enum zmqport_kind kind, const char *name,
	  struct zmqport_socket **ret_server,
	  struct zmqport_socket **ret_client)
{
	struct zmqport_options o = { .kind = kind, .max_frame = 9 << 20 };
	char endpoint[80];

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/%s", dir, name);
	assert_int_equal(zmqport_open(rig.port, &o, ret_server), 0);
	assert_int_equal(zmqport_bind(*ret_server, endpoint, 0600, (gid_t)-1),
			 0);
	if (!ret_client)
		return;
	o.kind = ZMQPORT_DEALER;
	assert_int_equal(zmqport_open(rig.port, &o, ret_client), 0);
	assert_int_equal(zmqport_connect(*ret_client, endpoint), 0);
}

static void
open_sockets(void)
{
	memset(&rig, 0, sizeof(rig));
	assert_int_equal(zmqport_new(&rig.port), 0);
	open_pair(ZMQPORT_ROUTER, "publish", &rig.publish, &rig.publisher);
	open_pair(ZMQPORT_ROUTER, "follow", &rig.follow, &rig.follower);
	open_pair(ZMQPORT_PUB, "events", &rig.events, NULL);
	assert_int_equal(zmqport_message_new(FOLLOW_REPLY_PARTS_MAX,
					     &rig.answer), 0);
}

static int
open_store(bool is_disk)
{
	const struct store_limits limits = { .events = 1000 };
	const struct disk_config disk = {
		.directory = store_dir, .limits = limits, .group = (gid_t)-1,
	};
	struct disk_fault fault;

	if (is_disk)
		return store_disk_open(&disk, &rig.store, &fault);
	return store_memory_new(&limits, NULL, 0, ID_EPOCH_MIN, &rig.store);
}

static int
open_hub(bool is_disk)
{
	int r = open_store(is_disk);

	if (r < 0)
		return r;
	rig.has_core = true;
	r = core_init(&rig.core, rig.store, LIMIT_EVENT_DEFAULT);
	announce_init(&rig.announce, rig.events);
	if (r == 0)
		r = intake_init(&rig.intake, &rig.core, &rig.announce,
				rig.publish);
	if (r == 0)
		r = follow_init(&rig.replies, &rig.core, &rig.intake.junk,
				rig.follow);
	return r;
}

static void
close_hub(void)
{
	follow_done(&rig.replies);
	intake_done(&rig.intake);
	announce_done(&rig.announce);
	if (rig.has_core)
		core_done(&rig.core);
	rig.has_core = false;
	rig.store = store_free(rig.store);
}

static void
close_all(void)
{
	close_hub();
	zmqport_message_free(rig.answer);
	zmqport_close(rig.publisher);
	zmqport_close(rig.follower);
	zmqport_close(rig.publish);
	zmqport_close(rig.follow);
	zmqport_close(rig.events);
	zmqport_free(rig.port);
}

static void
remove_files(void)
{
	static const char *const names[] = {
		"store/store.mdb", "store/store.mdb.new", "store/store.lock",
		"store/store.journal", "store", "publish", "follow", "events",
	};
	char path[80];
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
}

/* --- a publisher that does not give up ---------------------------------- */

static void
send_event(unsigned i)
{
	char key[16], data[32], header[FRAME_HEADER_MAX], id[16];
	struct frame f = { .type = FRAME_EVENT };
	struct slice parts[3] = { SLICE_LIT("a/topic"), { header, 0 } };

	snprintf(key, sizeof(key), "key-%u", i);
	snprintf(id, sizeof(id), "own-%u", i);
	snprintf(data, sizeof(data), "event %u", i);
	f.event.key = slice_of(key);
	if (i % 3 == 0)
		f.event.id = slice_of(id);
	parts[1].len = frame_write_header(&f, header);
	parts[2] = slice_of(data);
	(void)zmqport_send(rig.publisher, parts, 3);
}

static void
send_missing(void)
{
	unsigned i;

	for (i = 0; i < EVENTS; i++)
		if (!rig.is_acked[i])
			send_event(i);
}

static unsigned
count_missing(void)
{
	unsigned i, n = 0;

	for (i = 0; i < EVENTS; i++)
		n += !rig.is_acked[i];
	return n;
}

static void
take_acks(void)
{
	const struct slice *parts;
	char key[16];
	unsigned i;
	struct ack ack;
	size_t n;

	while (zmqport_receive(rig.publisher, rig.answer) > 0) {
		parts = zmqport_parts(rig.answer, &n);
		assert_int_equal(ack_parse(parts, n, &ack), 0);
		if (ack.class != ACK_OK)
			continue;
		for (i = 0; i < EVENTS; i++) {
			snprintf(key, sizeof(key), "key-%u", i);
			rig.is_acked[i] |= slice_eq(ack.key, slice_of(key));
		}
	}
}

static void
wait_a_little(struct zmqport_socket *a, struct zmqport_socket *b)
{
	struct pollfd fds[2] = {
		{ .fd = zmqport_fd(a), .events = POLLIN },
		{ .fd = zmqport_fd(b), .events = POLLIN },
	};

	(void)poll(fds, 2, 1);
}

static void
publish_all(void)
{
	int64_t begin_ms = clock_mono_ms(), sent_ms = 0, now_ms;

	while (count_missing() > 0) {
		now_ms = clock_mono_ms();
		assert_true(now_ms - begin_ms < PATIENCE_MS);
		if (now_ms - sent_ms >= AGAIN_MS) {
			send_missing();
			sent_ms = now_ms;
		}
		while (intake_run(&rig.intake, now_ms, clock_wall_ms()))
			continue;
		take_acks();
		wait_a_little(rig.publish, rig.publisher);
	}
}

/* --- a follower that does not give up ----------------------------------- */

static bool
take_page(unsigned seen[EVENTS])
{
	struct follow_reply reply;
	const struct slice *parts;
	const char *why;
	unsigned i;
	size_t n, k;

	if (zmqport_receive(rig.follower, rig.answer) <= 0)
		return false;
	parts = zmqport_parts(rig.answer, &n);
	assert_int_equal(follow_reply_parse(parts, n, &reply, &why), 0);
	if (reply.kind != FOLLOW_PAGE)
		return false;	/* busy: it has no memory for a page */
	assert_int_equal(reply.lost, 0);
	assert_int_equal(reply.to, reply.last);
	for (k = 0; k < reply.count; k++) {
		char text[32];

		snprintf(text, sizeof(text), "%.*s",
			 (int)reply.events[3 * k + 2].len,
			 reply.events[3 * k + 2].p);
		assert_int_equal(sscanf(text, "event %u", &i), 1);
		assert_true(i < EVENTS);
		seen[i]++;
	}
	return true;
}

/* Every event is there once. */
static void
check_stored(void)
{
	const struct follow_request q = {
		.verb = FOLLOW_AFTER, .tag = SLICE_LIT("x"), .limit = 1000,
	};
	int64_t begin_ms = clock_mono_ms(), sent_ms = 0, now_ms;
	struct slice parts[FOLLOW_REQUEST_PARTS_MAX];
	struct follow_digits digits;
	unsigned seen[EVENTS] = { 0 }, i;

	while (!take_page(seen)) {
		now_ms = clock_mono_ms();
		assert_true(now_ms - begin_ms < PATIENCE_MS);
		if (now_ms - sent_ms >= AGAIN_MS) {
			(void)zmqport_send(rig.follower, parts,
				follow_request_parts(&q, &digits, parts));
			sent_ms = now_ms;
		}
		while (follow_run(&rig.replies, now_ms))
			continue;
		wait_a_little(rig.follow, rig.follower);
	}
	for (i = 0; i < EVENTS; i++)
		unit_check(seen[i] == 1, "event %u is there %u times", i,
			   seen[i]);
}

/* --- faults ------------------------------------------------------------- */

/* False: there are fewer than n allocations. */
static bool
run_with_fault(bool is_disk, size_t n)
{
	bool happened;
	int r;

	open_sockets();
	fault_arm(n);
	r = open_hub(is_disk);
	if (r < 0) {
		/* It could not begin, and says so; then it can. */
		assert_true(fault_disarm());
		close_hub();
		assert_int_equal(open_hub(is_disk), 0);
		fault_arm(0);
	}
	publish_all();
	check_stored();
	happened = r < 0 || fault_disarm();
	(void)fault_disarm();
	close_hub();
	if (is_disk) {		/* nor is it any different the next time */
		assert_int_equal(open_hub(true), 0);
		check_stored();
		send_event(3);
		publish_all();
		assert_int_equal(rig.core.last, EVENTS);
	}
	close_all();
	remove_files();
	return happened;
}

static void
memory_goes_on_without_memory(void **state)
{
	size_t n;

	(void)state;
	for (n = 1; run_with_fault(false, n); n++)
		continue;
	assert_true(n > 25);
}

static void
disk_goes_on_without_memory(void **state)
{
	size_t n;

	(void)state;
	for (n = 1; run_with_fault(true, n); n++)
		continue;
	assert_true(n > 25);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_goes_on_without_memory),
		cmocka_unit_test(disk_goes_on_without_memory),
	};
	int r;

	strcpy(dir, "/tmp/sse-loop-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(store_dir, sizeof(store_dir), "%s/store", dir);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(dir);
	return r;
}
