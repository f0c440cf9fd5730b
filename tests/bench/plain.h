/* SPDX-License-Identifier: MIT */
/*
 * plain: what a worker is held against: a process that does nothing but what
 * the kernel must do: accept connections, and send() bytes to them.
 */
#ifndef TESTS_BENCH_PLAIN_H
#define TESTS_BENCH_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Send `len` bytes to `count` connections: first, first + step, ... */
struct plain_order {
	uint32_t len, first, count, step;
};

struct plain {
	pid_t pid;
	int orders;
};

/* Listens at `path`, accepts `count` connections and sends as it is told. */
void plain_start_sends(struct plain *p, const char *path, size_t count);
void plain_order(struct plain *p, const struct plain_order *order);
/* Listens at `path`; reads a request from each connection and sends it these
 * bytes, as fast as it takes them. */
void plain_start_answers(struct plain *p, const char *path, const char *bytes,
			 size_t len);
void plain_stop(struct plain *p);

#endif
