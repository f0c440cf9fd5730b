/* SPDX-License-Identifier: MIT */
/*
 * publisher: what this project's own programs may do with a publisher beyond
 * the public header.
 */
#ifndef LIB_BUS_PUBLISHER_H
#define LIB_BUS_PUBLISHER_H

#include <stdint.h>

#include <sse-fcgi/publisher.h>

#include "lib/bus/address.h"

/* As sse_publisher_open, for an address that is read already and has its keys. */
int publisher_open_at(const struct bus_address *bus,
		      struct sse_publisher **ret_publisher);

/*
 * Takes an event back that was never sent, or that the hub has refused for the
 * time being since. 0: it is gone, and on_ack is not called for it; -EALREADY:
 * the hub may have it, and on_ack tells; -ENOENT: no event with this cookie
 * waits.
 */
int publisher_cancel(struct sse_publisher *p, uint64_t cookie);

#endif
