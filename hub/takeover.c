/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/takeover.h"

#include <poll.h>

#include "lib/base/clock.h"
#include "lib/bus/frame.h"
#include "lib/bus/zmqport.h"

enum {
	ANSWER_MS = 2000,	/* a hub that is stopped answers nothing */
	LOOK_MS = 20,
	ANSWER_FRAME = 4096,
	QUEUE = 8,
};

/* 1: yes; 0: no answer yet; -1: no. */
static int
take_answer(struct zmqport_socket *socket, struct zmqport_message *message)
{
	const struct slice *parts;
	struct follow_reply reply;
	const char *why;
	size_t n;
	int r = zmqport_receive(socket, message);

	if (r <= 0)
		return r;
	parts = zmqport_parts(message, &n);
	if (follow_reply_parse(parts, n, &reply, &why) < 0)
		return -1;
	return reply.kind == FOLLOW_HANDED_OVER ? 1 : -1;
}

static bool
ask(struct zmqport_socket *socket, struct zmqport_message *message)
{
	const struct follow_request q = {
		.verb = FOLLOW_HANDOVER, .tag = SLICE_LIT("handover"),
	};
	int64_t until_ms = clock_mono_ms() + ANSWER_MS;
	struct slice parts[FOLLOW_REQUEST_PARTS_MAX];
	struct follow_digits digits;
	int r = 0;

	if (zmqport_send(socket, parts,
			 follow_request_parts(&q, &digits, parts)) < 0)
		return false;
	while (r == 0 && clock_mono_ms() < until_ms) {
		struct pollfd fd = { .fd = zmqport_fd(socket), .events = POLLIN };

		(void)poll(&fd, 1, LOOK_MS);
		r = take_answer(socket, message);
	}
	return r == 1;
}

bool
takeover_ask(const struct bus_address *bus)
{
	const struct zmqport_options options = {
		.kind = ZMQPORT_DEALER,
		.max_frame = ANSWER_FRAME,
		.send_queue = QUEUE,
		.receive_queue = QUEUE,
	};
	struct zmqport_message *message = NULL;
	struct zmqport_socket *socket = NULL;
	struct zmqport *port = NULL;
	char endpoint[BUS_ENDPOINT_MAX];
	bool is_granted = false;
	int r = zmqport_new(&port);

	bus_address_endpoint(bus, BUS_FOLLOW, endpoint);
	if (r == 0)
		r = zmqport_message_new(FOLLOW_HEAD_PARTS, &message);
	if (r == 0)
		r = zmqport_open(port, &options, &socket);
	if (r == 0)
		r = zmqport_connect(socket, endpoint);
	if (r == 0)
		is_granted = ask(socket, message);
	zmqport_message_free(message);
	zmqport_close(socket);
	zmqport_free(port);
	return is_granted;
}
