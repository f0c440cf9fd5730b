/* SPDX-License-Identifier: MIT */
/*
 * bench-acks ENDPOINT COUNT WINDOW BYTES SECONDS
 *
 * Publishes COUNT events of so many bytes (or for so many seconds, whichever
 * ends first), at most WINDOW of them not acknowledged, and says how many were
 * acknowledged in a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zmq.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	fprintf(stderr, "bench-acks: %s: %s\n", what, zmq_strerror(zmq_errno()));
	exit(1);
}

static void
publish(void *socket, const char *data, size_t bytes)
{
	if (zmq_send(socket, "bench", 5, ZMQ_SNDMORE) < 0 ||
	    zmq_send(socket, data, bytes, 0) < 0)
		fail("send");
}

static void
take_ack(void *socket)
{
	char part[512];
	int more, n = zmq_recv(socket, part, sizeof(part), 0);
	size_t len = sizeof(more);

	if (n != 2 || memcmp(part, "OK", 2) != 0)
		fail("an event was not taken");
	while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len) == 0 && more)
		if (zmq_recv(socket, part, sizeof(part), 0) < 0)
			fail("receive");
}

int
main(int argc, char **argv)
{
	void *context = zmq_ctx_new();
	void *socket = context ? zmq_socket(context, ZMQ_DEALER) : NULL;
	long count, window, sent = 0, acked = 0;
	int patience_ms = 30000;
	double begun, seconds;
	size_t bytes;
	char *data;

	if (argc != 6) {
		fputs("usage: bench-acks ENDPOINT COUNT WINDOW BYTES SECONDS\n",
		      stderr);
		return 64;
	}
	count = atol(argv[2]);
	window = atol(argv[3]);
	bytes = (size_t)atol(argv[4]);
	seconds = atof(argv[5]);
	data = malloc(bytes + 1);
	if (!socket || !data)
		fail("start");
	memset(data, 'x', bytes);
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms));
	if (zmq_connect(socket, argv[1]) < 0)
		fail(argv[1]);
	/* The connection is made, and all is warm. */
	publish(socket, data, bytes);
	take_ack(socket);
	begun = now();
	while (acked < count && (acked < sent || now() - begun < seconds)) {
		while (sent < count && sent - acked < window &&
		       now() - begun < seconds) {
			publish(socket, data, bytes);
			sent++;
		}
		if (acked < sent) {
			take_ack(socket);
			acked++;
		}
	}
	printf("%.0f\n", (double)acked / (now() - begun));
	zmq_close(socket);
	zmq_ctx_term(context);
	free(data);
	return 0;
}
