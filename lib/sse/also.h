/* SPDX-License-Identifier: MIT */
/*
 * also: the topics that an event has beside its own, as they travel: fields of
 * the bus's header (doc/protocol.md), u8 type, u16 length and the bytes. Those of
 * other types are passed over, so that a header's fields can be looked at as
 * they stand.
 *
 * An event is of each of its topics alike. It may be followed by any of them and
 * is delivered once.
 */
#ifndef LIB_SSE_ALSO_H
#define LIB_SSE_ALSO_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	ALSO_TYPE = 7,		/* of such a field */
	ALSO_MAX = 9,		/* beside the event's own */
};

/* Takes the next one off *rest, which may be absent. False: there is no other,
 * or what there is ends within a field. */
bool also_next(struct slice *rest, struct slice *ret_topic);

/* 0 or -ENOMEM. The topic has at most TOPIC_MAX bytes. */
int also_append(struct buf *out, struct slice topic);

#endif
