/* SPDX-License-Identifier: MIT */
/*
 * subscriber.h: follows a hub's events, or plain PUB sockets.
 *
 * From a hub (sse_subscriber_open) every event comes exactly once and in the
 * hub's order; what was missed on the way is fetched again (doc/protocol.md,
 * "Follow and repair"), and what cannot be had any more is announced. From
 * plain PUB sockets (sse_subscriber_connect) events come as ZeroMQ delivers
 * them: no ids, no repair.
 *
 * One thread at a time. Nothing here logs or exits.
 */
#ifndef SSE_FCGI_SUBSCRIBER_H
#define SSE_FCGI_SUBSCRIBER_H

#include <stdint.h>

#include <sse-fcgi/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sse_subscriber;

/* What the subscriber tells. Slices and events are lent for the call. */
struct sse_subscriber_ops {
	/* The next event. */
	void (*on_event)(void *user, const struct sse_event *e);
	/*
	 * Events are gone: those after `after` (NULL: unknown) up to and with
	 * `resumed_at`. `reason` is one word: "trimmed", "restarted". May be
	 * NULL.
	 */
	void (*on_gap)(void *user, const char *after, const char *resumed_at,
		       const char *reason);
	/* The hub was found (1) or is silent (0). May be NULL. */
	void (*on_hub)(void *user, int is_there);
};

/*
 * Follows the hub at `bus` (as for sse_publisher_open). `after` is an event id
 * of the hub to go on from; "earliest": from the oldest kept event; NULL: only
 * what comes from now on. A hub that is not there is waited for;
 * sse_subscriber_error says what keeps it away.
 *
 * Beyond loopback tcp needs keys; $SSE_CURVE_KEY and $SSE_CURVE_HUB name their
 * files (publisher.h).
 *
 * 0; -EACCES: this user may not follow that hub (the subscriber keeps trying
 * while it is used); -EINVAL: not an address, no usable keys for it, or `after`
 * is no id of a hub's; -ENAMETOOLONG: a path longer than a unix socket can
 * have; -EPERM: the bus directory belongs to somebody else, or a key file may
 * not be read, or not by so many; -ENOMEM. After -EINVAL,
 * -ENAMETOOLONG and -EPERM it is a subscriber that only sse_subscriber_error
 * and sse_subscriber_free take (NULL after -ENOMEM). Free it in each case.
 */
SSE_API SSE_MUSTCHECK int
sse_subscriber_open(const char *bus, const char *after,
		    const struct sse_subscriber_ops *ops, void *user,
		    struct sse_subscriber **ret_subscriber);

/*
 * Subscribes to plain PUB sockets instead. `endpoints` and `prefixes` end with
 * NULL; no prefix means everything. 0; -EINVAL: something among the endpoints
 * is none (the subscriber is then for sse_subscriber_error alone); -ENOMEM.
 */
SSE_API SSE_MUSTCHECK int
sse_subscriber_connect(const char *const *endpoints, const char *const *prefixes,
		       const struct sse_subscriber_ops *ops, void *user,
		       struct sse_subscriber **ret_subscriber);

SSE_API void sse_subscriber_free(struct sse_subscriber *s);

/*
 * Waits up to timeout_ms (-1: for ever) for something to happen and makes the
 * calls. Returns 0; -EINTR when a signal came; -ENOMEM when an event was lost
 * for want of memory; -EACCES when the hub refuses our keys, at once and then
 * at the end of each wait (polling again keeps trying).
 */
SSE_API int sse_subscriber_poll(struct sse_subscriber *s, int timeout_ms);

/* The last failure, a whole sentence; "" when there was none. */
SSE_API const char *sse_subscriber_error(const struct sse_subscriber *s);

#ifdef __cplusplus
}
#endif
#endif
