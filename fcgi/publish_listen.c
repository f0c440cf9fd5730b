/* SPDX-License-Identifier: MIT */
#include "fcgi/publish_listen.h"

#include <string.h>

#include "lib/base/logging.h"

/* Another one is wanted than the one that is there, or none. */
static int
replace(const struct listen_config *c, struct listener *listener,
	struct listen_fault *f)
{
	struct listener made = { .fd = -1 };
	int r = c->address ? listen_make(c, &made, f) : 0;

	if (r < 0 && listener->fd >= 0) {
		log_error("%s %s is served as before.", f->why, listener->name);
		return 0;
	}
	if (r < 0)
		return r;
	/* Old workers go on accepting there until they end. */
	listen_close(listener, true);
	*listener = made;
	return 0;
}

int
publish_listen(const char *address, const struct reload *r,
	       struct listener *ret_listener, struct listen_fault *ret_fault)
{
	const struct listen_config c = {
		.option = "--publish-listen",
		.address = address,
		.mode = "0666",
	};
	struct listener listener = { .fd = -1 };
	int e = 0;

	if (r->publish >= 0)
		e = listen_adopt(r->publish, LISTEN_MADE, r->publish_address,
				 &c, &listener, ret_fault);
	if (e == 0 && (listener.fd < 0 || !address ||
		       strcmp(address, r->publish_address) != 0))
		e = replace(&c, &listener, ret_fault);
	*ret_listener = listener;
	return e;
}
