/* SPDX-License-Identifier: MIT */
/*
 * spare: what keeps a hub alive when descriptors run out.
 *
 * libzmq (4.3) aborts the process when accept(2) on a unix socket fails for
 * want of a descriptor or of memory, so that whoever may connect could end the
 * hub, and with it the history in its memory, by connecting often. One
 * descriptor is kept in reserve instead: with it the connection that is one
 * too many is taken and closed at once, which its owner notices, and which
 * does not leave libzmq spinning over a connection that it cannot take.
 */
#ifndef HUB_SPARE_H
#define HUB_SPARE_H

#include <stdbool.h>

/*
 * As many descriptors as this process may have, and one in reserve. Before the
 * first socket is bound. 0, or -errno: then there is no reserve.
 */
int spare_open(void);
void spare_close(void);

/* Whether a connection was turned away since the last call. */
bool spare_take_news(void);

#endif
