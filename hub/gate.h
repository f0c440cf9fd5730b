/* SPDX-License-Identifier: MIT */
/*
 * gate: who may come in, of those that connect with a key (ZAP, RFC 27).
 *
 * ZeroMQ asks by a message for each connection to a socket with keys, and lets
 * nobody in before the answer. The gate is a socket like the others: no thread
 * of its own, no waiting. The file of clients is read again when it was
 * changed; who is in already stays in. The hub's own key may do everything,
 * for whoever has it is the hub.
 */
#ifndef HUB_GATE_H
#define HUB_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/clients.h"
#include "hub/junk.h"
#include "lib/bus/address.h"
#include "lib/bus/zmqport.h"

struct gate {			/* zeroed: none */
	struct zmqport_socket *zap;	/* borrowed, as these */
	const char *path;		/* of the file of clients */
	const char *own;		/* the hub's public key */
	struct clients clients;
	struct zmqport_message *message;	/* owned */
	struct junk no_publisher, no_follower;	/* refused */
};

/* What the gate is asked about an endpoint. */
const char *gate_domain(enum bus_endpoint which);

/* 0; -ENOMEM; -EPERM or -EINVAL: the file is not usable; with a sentence. */
int gate_init(struct gate *g, struct zmqport_socket *zap, const char *path,
	      const char *own, char *error, size_t size);
void gate_done(struct gate *g);

/* Answers a batch of questions. Whether there may be more. */
bool gate_run(struct gate *g, int64_t now_ms);

#endif
