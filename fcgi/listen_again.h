/* SPDX-License-Identifier: MIT */
/*
 * listen_again: the listening socket of a program that took another one's
 * place (reload.h): the same one, unless --listen names another address now.
 */
#ifndef FCGI_LISTEN_AGAIN_H
#define FCGI_LISTEN_AGAIN_H

#include "fcgi/listen.h"
#include "fcgi/reload.h"

/*
 * Takes over the sockets that were passed on, and makes another one if it has
 * to. *ret_listener is the one to serve; *ret_former, fd -1 if there is none,
 * the one that old workers still serve. A new one that cannot be made is
 * logged, and the old one goes on. 0, or negative errno with *ret_fault.
 */
int listen_again(const struct listen_config *c, const struct reload *r,
		 struct listener *ret_listener, struct listener *ret_former,
		 struct listen_fault *ret_fault);

#endif
