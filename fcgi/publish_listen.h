/* SPDX-License-Identifier: MIT */
/*
 * publish_listen: the unix socket of --publish-listen, made or taken over from
 * the program before this one (reload.h). Anybody may connect to it: who it is
 * is asked of the kernel (local.h).
 */
#ifndef FCGI_PUBLISH_LISTEN_H
#define FCGI_PUBLISH_LISTEN_H

#include "fcgi/listen.h"
#include "fcgi/reload.h"

/*
 * `address` NULL: there is to be none. *ret_listener has fd -1 then. A new one
 * that cannot be made in the place of an old one is logged, and the old one
 * goes on. 0, or negative errno with *ret_fault.
 */
int publish_listen(const char *address, const struct reload *r,
		   struct listener *ret_listener,
		   struct listen_fault *ret_fault);

#endif
