/* SPDX-License-Identifier: MIT */
/*
 * publisher.h: hands events to a hub and tells what became of each.
 *
 * The bus protocol is in doc/protocol.md. Events are sent in order over one
 * connection; up to 1024 events or 1 MiB may wait for their acknowledgement.
 * When the connection is lost or an acknowledgement is late, the publisher
 * opens a new one and sends the waiting events again, in order; the keys they
 * carry let the hub take each only once. Each also names the key of the one
 * before it, so that none is taken before the one that it follows, unless that
 * was refused for good (which on_ack tells).
 *
 * One thread at a time. Nothing here logs or exits. Functions that take a
 * timeout block up to it; with timeout_ms 0 none blocks.
 */
#ifndef SSE_FCGI_PUBLISHER_H
#define SSE_FCGI_PUBLISHER_H

#include <stdint.h>

#include <sse-fcgi/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sse_publisher;

/*
 * Opens a publisher to the hub at `bus`: a directory, or tcp://HOST:PORT. NULL
 * means $SSE_BUS, else the default address (sse_bus_default).
 *
 * tcp beyond loopback needs keys, which "sse-hub --make-keys" makes:
 * $SSE_CURVE_KEY names the file with our own pair, $SSE_CURVE_HUB the one with
 * the hub's public key. On loopback they are used when set; for a directory
 * they are not looked at. That the hub refuses them shows when it answers:
 * sse_publisher_poll and _publish then return -EACCES.
 *
 * Returns 0; -EACCES: the socket is there but may not be used by this user;
 * -ENOENT or -ECONNREFUSED: no hub is there now; -EINVAL: not an address, or
 * no usable keys for it; -ENAMETOOLONG: a path longer than a unix socket can
 * have; -EPERM: the bus directory belongs to somebody else, or a key file may
 * not be read, or not by so many; -ENOMEM. After -EACCES, -ENOENT and
 * -ECONNREFUSED *ret_publisher is made all the same and keeps trying while it
 * is used; after the others it is a publisher that only sse_publisher_error
 * and sse_publisher_free take (NULL after -ENOMEM). Free it in each case.
 */
SSE_API SSE_MUSTCHECK int sse_publisher_open(const char *bus,
					     struct sse_publisher **ret_publisher);

/* Closes without waiting: what is not acknowledged has an unknown outcome. */
SSE_API void sse_publisher_free(struct sse_publisher *p);

/*
 * What the acknowledgement of one event says. Called from within
 * sse_publisher_poll and the functions that block. `cookie` is what was given
 * to sse_publisher_send. `result` is 0 and `id` the event's id, or `result` is
 * negative, `id` NULL and `reason` a sentence from the hub:
 *   -EINVAL    the hub refuses the event as it is
 *   -EMSGSIZE  its data is longer than the hub takes
 *   -EPROTO    hub and publisher speak different major protocol versions
 *   -ENOSPC    the hub cannot store it now; later it may
 *   -EBUSY     the hub cannot take it now (it stops, hands over, or stands by)
 *   -EIO       anything else the hub says; `reason` has it
 */
typedef void sse_publisher_on_ack(void *user, uint64_t cookie, int result,
				  const char *id, const char *reason);
SSE_API void sse_publisher_set_on_ack(struct sse_publisher *p,
				      sse_publisher_on_ack *on_ack, void *user);

/*
 * From now on an event that the hub refuses for the time being (-ENOSPC,
 * -EBUSY) is not given to on_ack: it and all that wait behind it are sent
 * again, in order, until the hub takes them. As long as it does not,
 * sse_publisher_poll says why. How long that is worth is the caller's decision.
 */
SSE_API void sse_publisher_insist(struct sse_publisher *p);

/*
 * Queues an event (copied) and sends it as soon as possible. Never blocks.
 * 0; -EAGAIN: the window is full, poll first; -EINVAL or -EMSGSIZE: the event
 * broke a rule, see sse_event_error; -ENOMEM.
 */
SSE_API SSE_MUSTCHECK int sse_publisher_send(struct sse_publisher *p,
					     const struct sse_event *e,
					     uint64_t cookie);

/* How many events wait for their acknowledgement. */
SSE_API unsigned sse_publisher_pending(const struct sse_publisher *p);

/*
 * Waits up to timeout_ms (-1: for ever) until something was acknowledged or
 * the connection changed, and handles all that is there. At once when no event
 * waits. 0; -EACCES, -ENOENT or -ECONNREFUSED while events wait and the hub
 * cannot be reached, -ENOSPC or -EBUSY while it takes none (only after
 * sse_publisher_insist); polling again keeps trying. -EINTR: a signal came.
 */
SSE_API int sse_publisher_poll(struct sse_publisher *p, int timeout_ms);

/*
 * The descriptors for an event loop: when one becomes readable (edge-triggered),
 * and at least every 500 ms while events wait, call sse_publisher_poll(p, 0).
 * They may change after each call of sse_publisher_poll or _send. Returns how
 * many there are now, 0 to 2; places of fds beyond that become -1.
 */
SSE_API int sse_publisher_fds(const struct sse_publisher *p, int fds[2]);

/*
 * Publishes one event and waits for its acknowledgement. Returns 0 and writes
 * the id (at most 255 bytes and a NUL) to ret_id unless that is NULL; a
 * negative result as for on_ack (-EBUSY only if the hub was busy to the end);
 * -EACCES, -ENOENT or -ECONNREFUSED: no hub was reached in time; -ETIMEDOUT:
 * reached, but not acknowledged in time: the outcome is unknown, and sending
 * the same event with the same key again is safe. Must not be mixed with
 * events still pending.
 */
SSE_API SSE_MUSTCHECK int sse_publisher_publish(struct sse_publisher *p,
						const struct sse_event *e,
						int timeout_ms, char ret_id[256]);

/*
 * The last failure in whole sentences, with its cause, the value at fault and
 * what to do about it. "" when there was none. Good until the next call.
 */
SSE_API const char *sse_publisher_error(const struct sse_publisher *p);

/* The address in use, as given or found. */
SSE_API const char *sse_publisher_bus(const struct sse_publisher *p);

/*
 * The default bus address of this process, in the order $SSE_BUS,
 * $RUNTIME_DIRECTORY, /run/sse-fcgi if it exists, ~/.local/state/sse-cgi if it
 * exists (made by sse-cgi), $XDG_RUNTIME_DIR/sse-fcgi, /tmp/sse-fcgi-UID. Writes at most `size` bytes with the NUL; -ENAMETOOLONG
 * if that is too few. 0 otherwise.
 */
SSE_API int sse_bus_default(char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
