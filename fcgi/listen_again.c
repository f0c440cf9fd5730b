/* SPDX-License-Identifier: MIT */
#include "fcgi/listen_again.h"

#include <errno.h>
#include <string.h>

#include "lib/base/logging.h"

/* Whether that is the socket to serve. One that was handed down is, whatever
 * --listen says, and so is any when it says nothing. */
static bool
is_wanted(const struct listener *l, const struct listen_config *c)
{
	return l->fd >= 0 && (!l->address || !c->address ||
			      strcmp(l->address, c->address) == 0);
}

static int
adopt(const struct reload *r, size_t i, const struct listen_config *c,
      struct listener *ret_listener, struct listen_fault *f)
{
	const struct reload_socket *s = &r->sockets[i];

	if (i >= r->n_sockets)
		return 0;
	return listen_adopt(s->fd, s->origin, s->address, c, ret_listener, f);
}

/* The older one is to be served: the newer one never was. */
static void
go_back(struct listener *current, struct listener *former)
{
	struct listener newer = *current;

	*current = *former;
	*former = (struct listener){ .fd = -1 };
	listen_close(&newer, true);
}

/* The address changed: what is served now becomes the former one. */
static void
go_on(struct listener *current, struct listener *former,
      const struct listen_config *c)
{
	struct listen_fault f;
	struct listener made;

	if (listen_open(c, &made, &f) < 0) {
		log_error("%s %s is served as before.", f.why, current->name);
		return;
	}
	/* With two of them, old workers serve the former; nobody the other. */
	if (former->fd >= 0)
		listen_close(current, true);
	else
		*former = *current;
	*current = made;
}

int
listen_again(const struct listen_config *c, const struct reload *r,
	     struct listener *ret_listener, struct listener *ret_former,
	     struct listen_fault *ret_fault)
{
	struct listener current = { .fd = -1 }, former = { .fd = -1 };
	int e = adopt(r, 0, c, &current, ret_fault);

	if (e == 0)
		e = adopt(r, 1, c, &former, ret_fault);
	if (e < 0) {
		listen_close(&current, false);
		return e;
	}
	if (is_wanted(&former, c) && !is_wanted(&current, c))
		go_back(&current, &former);
	else if (!is_wanted(&current, c))
		go_on(&current, &former, c);
	*ret_listener = current;
	*ret_former = former;
	return 0;
}
