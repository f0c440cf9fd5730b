/* SPDX-License-Identifier: MIT */
/*
 * bench-echo ENDPOINT COUNT WINDOW BYTES
 *
 * What ZeroMQ alone can do for acknowledged events: a DEALER sends COUNT
 * messages with frames as long as an event's, at most WINDOW of them
 * unanswered, to a ROUTER in a process of its own, which answers each with
 * frames as long as an acknowledgement's, and does nothing else. Checks that
 * the answers come in order; says the seconds from spawn to exit and those of
 * CPU that both processes used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

enum {
	TOPIC = 5,
	HEADER = 102,		/* with a key and the key of the one before */
	ID = 15,
	KEY = 32,
	PATIENCE_MS = 30000,
};

static char bytes[1 << 20];

static void
fail(const char *what)
{
	fprintf(stderr, "bench-echo: %s: %s\n", what, zmq_strerror(zmq_errno()));
	exit(1);
}

static void
send_part(void *socket, const void *part, size_t len, int flags)
{
	if (zmq_send(socket, part, len, flags) < 0)
		fail("send");
}

static void *
open_socket(void *context, int type)
{
	void *socket = context ? zmq_socket(context, type) : NULL;
	int patience_ms = PATIENCE_MS, no_bound = 0;

	if (!socket)
		fail("open a socket");
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms));
	zmq_setsockopt(socket, ZMQ_SNDHWM, &no_bound, sizeof(no_bound));
	zmq_setsockopt(socket, ZMQ_RCVHWM, &no_bound, sizeof(no_bound));
	return socket;
}

/* ---- the ROUTER ---- */

static void
answer(void *socket)
{
	zmq_msg_t peer, part;
	char key[KEY];
	int more = 1;

	zmq_msg_init(&peer);
	if (zmq_msg_recv(&peer, socket, 0) < 0)
		fail("receive");
	for (int i = 0; more; i++) {
		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, socket, 0) < 0)
			fail("receive");
		if (i == 1 && zmq_msg_size(&part) == HEADER)
			memcpy(key, zmq_msg_data(&part), KEY);
		more = zmq_msg_more(&part);
		zmq_msg_close(&part);
	}
	if (zmq_msg_send(&peer, socket, ZMQ_SNDMORE) < 0)
		fail("send");
	send_part(socket, "OK", 2, ZMQ_SNDMORE);
	send_part(socket, bytes, ID, ZMQ_SNDMORE);
	send_part(socket, key, KEY, 0);
}

static void
serve(const char *endpoint, long count)
{
	void *context = zmq_ctx_new();
	void *socket = open_socket(context, ZMQ_ROUTER);

	if (zmq_bind(socket, endpoint) < 0)
		fail(endpoint);
	while (count-- > 0)
		answer(socket);
	/* The last answers leave before the process does. */
	zmq_close(socket);
	zmq_ctx_term(context);
	exit(0);
}

/* ---- the DEALER ---- */

static void
ask(void *socket, long number, size_t data_len)
{
	char header[HEADER] = { 0 };

	memcpy(header, &number, sizeof(number));
	send_part(socket, bytes, TOPIC, ZMQ_SNDMORE);
	send_part(socket, header, HEADER, ZMQ_SNDMORE);
	send_part(socket, bytes, data_len, 0);
}

static void
take_answer(void *socket, long number)
{
	size_t len = sizeof(int);
	int more = 1, n = 0;
	char part[64];

	while (more) {
		n = zmq_recv(socket, part, sizeof(part), 0);
		if (n < 0 ||
		    zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len) < 0)
			fail("receive");
	}
	if (n == KEY && memcmp(part, &number, sizeof(number)) == 0)
		return;
	fputs("bench-echo: an answer is not the next one\n", stderr);
	exit(1);
}

static void
exchange(const char *endpoint, long count, long window, size_t data_len)
{
	void *socket = open_socket(zmq_ctx_new(), ZMQ_DEALER);
	long sent = 0, answered = 0;

	if (zmq_connect(socket, endpoint) < 0)
		fail(endpoint);
	while (answered < count) {
		while (sent < count && sent - answered < window)
			ask(socket, sent++, data_len);
		take_answer(socket, answered++);
	}
	exit(0);
}

/* ---- both ---- */

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
tv_s(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* The seconds of CPU that it used; ends the program if it failed. */
static double
wait_for(pid_t pid)
{
	struct rusage use;
	int status;

	if (wait4(pid, &status, 0, &use) != pid || status != 0)
		exit(1);
	return tv_s(use.ru_utime) + tv_s(use.ru_stime);
}

int
main(int argc, char **argv)
{
	double begun, seconds, cpu;
	pid_t server, client;
	size_t data_len;
	long count;

	if (argc != 5 || atol(argv[4]) > (long)sizeof(bytes)) {
		fputs("usage: bench-echo ENDPOINT COUNT WINDOW BYTES\n", stderr);
		return 64;
	}
	count = atol(argv[2]);
	data_len = (size_t)atol(argv[4]);
	server = fork();
	if (server == 0)
		serve(argv[1], count);
	begun = now_s();
	client = fork();
	if (client == 0)
		exchange(argv[1], count, atol(argv[3]), data_len);
	cpu = wait_for(client);
	seconds = now_s() - begun;
	cpu += wait_for(server);
	printf("%.6f %.6f\n", seconds, cpu);
	return 0;
}
