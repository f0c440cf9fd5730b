/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/bus/zmqport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { PATIENCE_MS = 10000 };

static char dir[32], endpoint[64];
static struct zmqport *port;
static struct zmqport_message *message;

static int
begin(void **state)
{
	(void)state;
	/* A failed test leaves its sockets open, and ZeroMQ waits for them. */
	(void)alarm(120);
	snprintf(dir, sizeof(dir), "/tmp/sse-zmqport-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
	assert_int_equal(zmqport_new(&port), 0);
	assert_int_equal(zmqport_message_new(4, &message), 0);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	message = zmqport_message_free(message);
	port = zmqport_free(port);
	(void)unlink(endpoint + 6);
	return rmdir(dir);
}

static struct zmqport_socket *
make(struct zmqport_options o)
{
	struct zmqport_socket *s = NULL;

	if (o.max_frame == 0)
		o.max_frame = 100000;
	assert_int_equal(zmqport_open(port, &o, &s), 0);
	return s;
}

/* Until something changed. */
static void
pause_for(struct zmqport_socket *s, int timeout_ms)
{
	struct pollfd p = { .fd = zmqport_fd(s), .events = POLLIN };

	if (!(zmqport_events(s) & ZMQPORT_IN))
		(void)poll(&p, 1, timeout_ms);
}

/* Receives, waiting for it. Returns the parts. */
static const struct slice *
get(struct zmqport_socket *s, size_t want)
{
	const struct slice *parts;
	size_t n;
	int r = zmqport_receive(s, message), tries;

	/* A wake-up need not mean a message: ZeroMQ's own business comes too. */
	for (tries = 0; r == 0 && tries < 1000; tries++) {
		pause_for(s, PATIENCE_MS);
		r = zmqport_receive(s, message);
	}
	assert_int_equal(r, 1);
	parts = zmqport_parts(message, &n);
	assert_int_equal(n, want);
	return parts;
}

static void
put(struct zmqport_socket *s, const struct slice *parts, size_t n)
{
	int r = -EAGAIN, tries;

	for (tries = 0; r == -EAGAIN && tries < 1000; tries++) {
		r = zmqport_send(s, parts, n);
		if (r == -EAGAIN)
			pause_for(s, 10);
	}
	assert_int_equal(r, 0);
}

static void
await_connected(struct zmqport_socket *s)
{
	struct pollfd p = { .fd = zmqport_watch_fd(s), .events = POLLIN };
	int tries;

	for (tries = 0; tries < 1000 && !zmqport_is_connected(s); tries++)
		(void)poll(&p, 1, 20);
	assert_true(zmqport_is_connected(s));
}

static void
await_loss(struct zmqport_socket *s)
{
	struct pollfd p = { .fd = zmqport_watch_fd(s), .events = POLLIN };
	int tries;

	for (tries = 0; tries < 1000 && zmqport_losses(s) == 0; tries++)
		(void)poll(&p, 1, 20);
	assert_true(zmqport_losses(s) > 0);
}

static void
carries_messages_both_ways(void **state)
{
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER });
	struct zmqport_socket *dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER });
	const struct slice parts[3] = { SLICE_LIT("a"), SLICE_NONE,
					SLICE_LIT("c\0d") };
	const struct slice *got;
	char peer[64];
	struct slice head;

	(void)state;
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	assert_false(zmqport_is_connected(dealer));
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	assert_int_equal(zmqport_receive(router, message), 0);
	await_connected(dealer);
	put(dealer, parts, 3);
	got = get(router, 4);
	assert_true(slice_eq(got[1], parts[0]));
	assert_int_equal(got[2].len, 0);
	assert_true(slice_eq(got[3], parts[2]));
	assert_false(zmqport_message_is_cut(message));

	assert_true(got[0].len <= sizeof(peer));
	memcpy(peer, got[0].p, got[0].len);
	head = (struct slice){ peer, got[0].len };
	assert_int_equal(zmqport_send2(router, &head, 1, parts, 2), 0);
	got = get(dealer, 2);
	assert_true(slice_eq(got[0], parts[0]));
	assert_int_equal(zmqport_receive(dealer, message), 0);
	assert_true(zmqport_fd(dealer) >= 0);
	zmqport_close(dealer);
	zmqport_close(router);
}

static void
drops_what_is_too_many(void **state)
{
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER });
	struct zmqport_socket *dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER });
	static struct slice many[20000];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(many); i++)
		many[i] = SLICE_LIT("x");
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	put(dealer, many, COUNT_OF(many));
	put(dealer, many, 3);
	put(dealer, many, 4);
	(void)get(router, 4);
	assert_true(zmqport_message_is_cut(message));
	(void)get(router, 4);
	assert_false(zmqport_message_is_cut(message));
	(void)get(router, 4);
	assert_true(zmqport_message_is_cut(message));
	assert_int_equal(zmqport_receive(router, message), 0);
	zmqport_close(dealer);
	zmqport_close(router);
}

static void
gives_the_socket_file_its_mode(void **state)
{
	struct zmqport_socket *s = make((struct zmqport_options){
		.kind = ZMQPORT_PUB });
	mode_t before = umask(077), after;
	struct stat st;
	char lost[64];

	(void)state;
	assert_int_equal(zmqport_bind(s, endpoint, 0660,
				      geteuid() == 0 ? 12345 : getegid()), 0);
	after = umask(before);
	assert_int_equal(after, 077);	/* as it was */
	assert_int_equal(stat(endpoint + 6, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(st.st_gid, geteuid() == 0 ? 12345 : getegid());
	snprintf(lost, sizeof(lost), "ipc://%s/no/where", dir);
	assert_true(zmqport_bind(s, lost, 0600, (gid_t)-1) < 0);
	assert_int_equal(zmqport_bind(s, "nonsense", 0600, (gid_t)-1), -EINVAL);
	assert_int_equal(zmqport_connect(s, "nonsense"), -EINVAL);
	zmqport_close(s);
}

static void
publishes_and_subscribes(void **state)
{
	struct zmqport_socket *pub = make((struct zmqport_options){
		.kind = ZMQPORT_PUB });
	struct zmqport_socket *sub = make((struct zmqport_options){
		.kind = ZMQPORT_SUB, .send_queue = 1, .receive_queue = 64 });
	const struct slice news[2] = { SLICE_LIT("news"), SLICE_LIT("x") };
	const struct slice other[2] = { SLICE_LIT("other"), SLICE_LIT("y") };
	char bound[64];
	int i;

	(void)state;
	assert_int_equal(zmqport_bind(pub, "tcp://127.0.0.1:*", 0, (gid_t)-1), 0);
	assert_int_equal(zmqport_endpoint(pub, bound, sizeof(bound)), 0);
	assert_int_equal(zmqport_subscribe(sub, SLICE_LIT("news")), 0);
	assert_int_equal(zmqport_connect(sub, bound), 0);
	for (i = 0; i < 1000 && zmqport_receive(sub, message) == 0; i++) {
		assert_int_equal(zmqport_send(pub, other, 2), 0);
		assert_int_equal(zmqport_send(pub, news, 2), 0);
		pause_for(sub, 20);
	}
	assert_true(i < 1000);
	assert_true(slice_eq(zmqport_parts(message, &(size_t){ 0 })[0], news[0]));
	zmqport_close(sub);
	zmqport_close(pub);
}

static int
connect_raw(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

static void
outlives_junk(void **state)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char huge[] = "\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL\0\0\0\0\0\0"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		"\0\0\0\0\0\0\0\0\0\0\0\0\4\x19\5READY\13Socket-Type\0\0\0\6DEALER"
		"\2\0\0\1\0\0\0\0\0";
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER, .max_frame = 1000 });
	struct zmqport_socket *dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER });
	const struct slice good = SLICE_LIT("good");
	int http_fd, huge_fd, silent_fd;
	char sink[4096];

	(void)state;
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	http_fd = connect_raw();
	huge_fd = connect_raw();
	silent_fd = connect_raw();
	assert_true(write(http_fd, http, sizeof(http) - 1) > 0);
	assert_true(write(huge_fd, huge, sizeof(huge) - 1) > 0);
	/* Both are cut off: reading comes to an end. */
	while (read(huge_fd, sink, sizeof(sink)) > 0)
		;
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	put(dealer, &good, 1);
	assert_true(slice_eq(get(router, 2)[1], good));
	close(http_fd);
	close(huge_fd);
	close(silent_fd);
	zmqport_close(dealer);
	zmqport_close(router);
}

static void
cuts_off_who_sends_too_much(void **state)
{
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER, .max_frame = 1000 });
	struct zmqport_socket *dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER });
	static char bytes[1001];
	const struct slice big = { bytes, 1001 }, fit = { bytes, 1000 };
	int i;

	(void)state;
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	put(dealer, &fit, 1);
	assert_int_equal(get(router, 2)[1].len, 1000);
	put(dealer, &big, 1);
	/* It connects anew; what it sends then comes. */
	for (i = 0; i < 1000 && zmqport_receive(router, message) == 0; i++) {
		put(dealer, &fit, 1);
		pause_for(router, 20);
	}
	assert_true(i < 1000);
	assert_int_equal(zmqport_parts(message, &(size_t){ 0 })[1].len, 1000);
	zmqport_close(dealer);
	zmqport_close(router);
}

static void
stays_lost_when_told_so(void **state)
{
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER });
	struct zmqport_socket *dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER, .no_reconnect = true });
	const struct slice part = SLICE_LIT("x");

	(void)state;
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	put(dealer, &part, 1);
	(void)get(router, 2);
	assert_int_equal(zmqport_losses(dealer), 0);
	zmqport_close(router);
	await_loss(dealer);
	assert_false(zmqport_is_connected(dealer));
	router = make((struct zmqport_options){ .kind = ZMQPORT_ROUTER });
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	(void)poll(NULL, 0, 300);	/* others would be back by now */
	assert_false(zmqport_is_connected(dealer));
	zmqport_close(dealer);
	zmqport_close(router);
}

/* Sends `n` messages of `n_parts` to a peer that ends behind them. */
static void
send_and_end(struct zmqport_socket *dealer, size_t n, size_t n_parts)
{
	struct zmqport_socket *router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER });
	static struct slice parts[3000];
	const struct slice hello = SLICE_LIT("hello");
	struct slice head;
	char peer[64];
	size_t i;

	for (i = 0; i < n_parts; i++)
		parts[i] = SLICE_LIT("part");
	assert_int_equal(zmqport_bind(router, endpoint, 0600, (gid_t)-1), 0);
	assert_int_equal(zmqport_connect(dealer, endpoint), 0);
	put(dealer, &hello, 1);
	(void)get(router, 2);
	head = zmqport_parts(message, &(size_t){ 0 })[0];
	memcpy(peer, head.p, head.len);
	head.p = peer;
	for (i = 0; i < n; i++)
		assert_int_equal(zmqport_send2(router, &head, 1, parts,
					       n_parts), 0);
	/* The first one is there, the others are on their way. */
	while (!(zmqport_events(dealer) & ZMQPORT_IN))
		pause_for(dealer, 20);
	zmqport_close(router);
}

/* libzmq aborted the process here, in most rounds. */
static void
reads_on_when_the_peer_ends(void **state)
{
	static const struct {
		size_t n, parts;
		bool no_reconnect;
	} rows[] = { { 5000, 6, false }, { 10, 3000, false },
		     { 5000, 6, true }, { 10, 3000, true } };
	size_t i, round;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		for (round = 0; round < 5; round++) {
			struct zmqport_socket *dealer =
				make((struct zmqport_options){
					.kind = ZMQPORT_DEALER,
					.no_reconnect = rows[i].no_reconnect });
			size_t n;

			send_and_end(dealer, rows[i].n, rows[i].parts);
			while (zmqport_losses(dealer) == 0 ||
			       zmqport_events(dealer) & ZMQPORT_IN) {
				if (zmqport_receive(dealer, message) == 0) {
					pause_for(dealer, 1);
					continue;
				}
				(void)zmqport_parts(message, &n);
				assert_true(n <= rows[i].parts);
			}
			zmqport_close(dealer);
		}
	}
}

static void
bounds_its_queues(void **state)
{
	(void)state;
	assert_int_equal(zmqport_queue(1 << 20), 256);
	assert_int_equal(zmqport_queue(8 << 20), 256);
	assert_int_equal(zmqport_queue(4096), 1024);
	assert_int_equal(zmqport_queue(1), 10000);
	assert_int_equal(zmqport_queue(0), 10000);
	assert_true(zmqport_max_frame(100) >= 100 + 1024);
	assert_null(zmqport_close(NULL));
	assert_null(zmqport_free(NULL));
	assert_null(zmqport_message_free(NULL));
}

/* --- keys --------------------------------------------------------------- */

struct keyring {
	struct curve hub, client, stranger;
};

static void
make_keys(struct keyring *k)
{
	struct curve *all[] = { &k->hub, &k->client, &k->stranger };
	size_t i;

	if (!zmqport_has_curve())
		skip();
	for (i = 0; i < COUNT_OF(all); i++)
		assert_int_equal(zmqport_key_pair(all[i]->public,
						  all[i]->secret), 0);
	for (i = 0; i < COUNT_OF(all); i++)
		memcpy(all[i]->hub, k->hub.public, CURVE_SIZE);
}

/* Answers one question about a key, if there is one: yes if it is `public`. */
static void
run_gate(struct zmqport_socket *gate, const char *public)
{
	struct zmqport_message *m = NULL;
	const struct slice *q;
	char key[CURVE_SIZE];
	size_t n;

	assert_int_equal(zmqport_message_new(9, &m), 0);
	if (zmqport_receive(gate, m) == 1) {
		q = zmqport_parts(m, &n);
		assert_int_equal(n, 9);
		assert_true(slice_eq(q[4], SLICE_LIT("room")));
		assert_true(slice_eq(q[7], SLICE_LIT("CURVE")));
		assert_int_equal(q[8].len, CURVE_BYTES);
		zmqport_key_text(q[8].p, key);
		assert_int_equal(zmqport_send2(gate, q, 2, (struct slice[]){
			SLICE_LIT("1.0"), q[3],
			slice_of(strcmp(key, public) == 0 ? "200" : "400"),
			SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT(""),
		}, 6), 0);
	}
	zmqport_message_free(m);
}

struct meeting {
	struct zmqport_socket *gate, *router, *dealer;
};

/* A hub's socket with `hub`, or plain, and a client's with `client`. */
static struct meeting
meet(const struct curve *hub, const struct curve *client)
{
	struct meeting m;

	m.gate = make((struct zmqport_options){ .kind = ZMQPORT_ROUTER });
	assert_int_equal(zmqport_bind(m.gate, ZMQPORT_GATE, 0, (gid_t)-1), 0);
	m.router = make((struct zmqport_options){
		.kind = ZMQPORT_ROUTER, .curve = hub, .domain = "room" });
	m.dealer = make((struct zmqport_options){
		.kind = ZMQPORT_DEALER, .curve = client });
	assert_int_equal(zmqport_bind(m.router, "tcp://127.0.0.1:*", 0,
				      (gid_t)-1), 0);
	assert_int_equal(zmqport_endpoint(m.router, endpoint,
					  sizeof(endpoint)), 0);
	return m;
}

static void
part(struct meeting *m)
{
	zmqport_close(m->dealer);
	zmqport_close(m->router);
	zmqport_close(m->gate);
	/* for the teardown */
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", dir);
}

/* What the client learns, with a gate that knows `public`. */
static enum zmqport_verdict
await_verdict(struct meeting *m, const char *public)
{
	enum zmqport_verdict verdict = ZMQPORT_UNDECIDED;
	int tries;

	for (tries = 0; tries < 1000 && !verdict; tries++) {
		struct pollfd p[2] = {
			{ .fd = zmqport_fd(m->gate), .events = POLLIN },
			{ .fd = zmqport_watch_fd(m->dealer),
			  .events = POLLIN },
		};

		run_gate(m->gate, public);
		verdict = zmqport_verdict(m->dealer);
		if (!verdict)
			(void)poll(p, 2, 20);
	}
	return verdict;
}

/* One meeting: a context forgets the name of a gate only in its own time. */
static void
check_verdict(const struct curve *hub, const struct curve *client,
	      const char *known, unsigned want)
{
	struct meeting m;
	enum zmqport_verdict verdict;

	m = meet(hub, client);
	assert_int_equal(zmqport_watch_fd(m.router), -1);
	assert_int_equal(zmqport_verdict(m.dealer), ZMQPORT_UNDECIDED);
	assert_int_equal(zmqport_connect(m.dealer, endpoint), 0);
	verdict = await_verdict(&m, known);
	part(&m);
	unit_check(want & 1u << verdict, "%d", (int)verdict);
}

static void
lets_in_the_right_key(void **state)
{
	struct keyring k;

	(void)state;
	make_keys(&k);
	check_verdict(&k.hub, &k.client, k.client.public,
		      1u << ZMQPORT_LET_IN);
}

static void
refuses_a_strangers_key(void **state)
{
	struct keyring k;

	(void)state;
	make_keys(&k);
	check_verdict(&k.hub, &k.stranger, k.client.public,
		      1u << ZMQPORT_REFUSED);
}

static void
sees_that_the_hub_is_another_one(void **state)
{
	struct keyring k;

	(void)state;
	make_keys(&k);
	memcpy(k.client.hub, k.stranger.public, CURVE_SIZE);
	check_verdict(&k.hub, &k.client, k.client.public,
		      1u << ZMQPORT_HUNG_UP);
}

static void
sees_that_the_hub_has_no_keys(void **state)
{
	struct keyring k;

	(void)state;
	make_keys(&k);
	/* which end of the two finds it out first is chance */
	check_verdict(NULL, &k.client, k.client.public,
		      1u << ZMQPORT_STRANGE | 1u << ZMQPORT_HUNG_UP);
}

static void
sees_that_nobody_is_there(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	enum zmqport_verdict verdict;
	struct meeting m;
	struct keyring k;

	(void)state;
	make_keys(&k);
	/* a port that is taken, so that nobody else can listen on it */
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	m = meet(&k.hub, &k.client);
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u",
		 (unsigned)ntohs(in.sin_port));
	assert_int_equal(zmqport_connect(m.dealer, endpoint), 0);
	verdict = await_verdict(&m, "");
	part(&m);
	close(fd);
	assert_int_equal(verdict, ZMQPORT_AWAY);
}

/* After a refusal ZeroMQ does not try again; a new connection does. */
static void
comes_in_after_a_refusal(void **state)
{
	struct slice hello = SLICE_LIT("hello");
	enum zmqport_verdict verdict;
	struct keyring k;
	struct meeting m;
	bool is_heard;
	int tries;

	(void)state;
	make_keys(&k);
	m = meet(&k.hub, &k.client);
	assert_int_equal(zmqport_connect(m.dealer, endpoint), 0);
	verdict = await_verdict(&m, "nobody");
	assert_int_equal(zmqport_renew(m.dealer, endpoint), 0);
	for (tries = 0; tries < 1000; tries++) {
		run_gate(m.gate, k.client.public);
		if (zmqport_verdict(m.dealer) == ZMQPORT_LET_IN)
			break;
		(void)poll(NULL, 0, 5);
	}
	put(m.dealer, &hello, 1);
	is_heard = slice_eq(get(m.router, 2)[1], hello);
	part(&m);
	assert_int_equal(verdict, ZMQPORT_REFUSED);
	assert_true(is_heard);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(carries_messages_both_ways),
		TEST(drops_what_is_too_many),
		TEST(gives_the_socket_file_its_mode),
		TEST(publishes_and_subscribes),
		TEST(outlives_junk),
		TEST(cuts_off_who_sends_too_much),
		TEST(stays_lost_when_told_so),
		TEST(reads_on_when_the_peer_ends),
		TEST(bounds_its_queues),
		TEST(lets_in_the_right_key),
		TEST(refuses_a_strangers_key),
		TEST(sees_that_the_hub_is_another_one),
		TEST(sees_that_the_hub_has_no_keys),
		TEST(sees_that_nobody_is_there),
		TEST(comes_in_after_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
