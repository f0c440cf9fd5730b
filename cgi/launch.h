/* SPDX-License-Identifier: MIT */
/*
 * launch: starts sse-fcgi as this account's service.
 *
 * Nothing of the request may reach it: a web server waits for ever for a
 * descriptor of its own that somebody still holds, and the CGI environment is
 * a stranger's. It keeps one descriptor, the lock that says that it lives; no
 * other is started until the last process of it is gone.
 */
#ifndef CGI_LAUNCH_H
#define CGI_LAUNCH_H

#include <stddef.h>
#include <sys/types.h>

#include "cgi/home.h"
#include "cgi/settings.h"

enum launch_way {
	LAUNCH_STAYS,		/* outlives the request, in its own session */
	LAUNCH_ENDS,		/* it is our child, and ends with us */
};

struct launch {
	const struct settings *settings;	/* borrowed, as home */
	const struct home *home;
	enum launch_way way;
	int lock;		/* borrowed; it is left open in the service */
};

/*
 * 0: the program runs (not: it serves). *ret_pid is our child with
 * LAUNCH_ENDS, else 0. Negative errno with a whole sentence otherwise; -EAGAIN
 * and -ENOMEM may pass.
 */
int launch_service(const struct launch *l, pid_t *ret_pid, char *error,
		   size_t size);

#endif
