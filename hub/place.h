/* SPDX-License-Identifier: MIT */
/*
 * place: the bus directory as the hub needs it, the lock in it, and who may
 * use the sockets. These functions log; they return exit statuses.
 */
#ifndef HUB_PLACE_H
#define HUB_PLACE_H

#include <sys/types.h>

#include "lib/bus/address.h"

/* Name of the group whose members may publish. */
#define PLACE_GROUP "sse-publish"

/*
 * Makes the directory when it is a fallback of this user's own, and checks
 * that it can be trusted. 0, or EX_CANTCREAT, EX_NOPERM with the reason
 * logged.
 */
int place_prepare(const struct bus_address *bus);

/* Who is the hub: whoever has the lock. A second binder of a unix socket would
 * steal it without a word, so the lock comes before the bind. */
struct place_lock {
	int fd;			/* -1: not held */
};

enum { PLACE_HELD = -1 };	/* somebody else has it */

/*
 * Tries to take the lock: D/hub.lock, or for tcp a name in the abstract socket
 * namespace, which like the ports is the network namespace's own. 0,
 * PLACE_HELD, or an exit status with the reason logged.
 */
int place_lock(const struct bus_address *bus, struct place_lock *ret_lock);
void place_unlock(struct place_lock *lock);

/* The group for the publish socket; -1: there is none. */
gid_t place_group(void);

/*
 * The group that may write in the bus directory, -1: none. Its members could
 * take the hub's place anyway, so they may follow it and have its lock: first a
 * hub by hand as root, then the web server's; or one server's worker with the
 * other's hub.
 */
gid_t place_directory_group(const struct bus_address *bus);

/*
 * Says who can publish, if that is fewer than the default set-up would allow:
 * on a fallback address, or where the group could not be given the socket.
 */
void place_notice(const struct bus_address *bus, gid_t group, bool has_group);

#endif
