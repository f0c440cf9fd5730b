/* SPDX-License-Identifier: MIT */
#include "fcgi/guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct guest {
	uint64_t count;
	struct slice address;	/* points behind the struct */
};

int
guests_enter(struct guests *g, struct slice address, uint64_t most,
	     struct guest **ret_guest)
{
	struct guest *guest;

	*ret_guest = NULL;
	if (!address.p || most == 0)
		return 0;
	guest = map_get(&g->by_address, address);
	if (guest) {
		if (guest->count >= most)
			return -EBUSY;
		guest->count++;
		*ret_guest = guest;
		return 0;
	}
	guest = malloc(sizeof(*guest) + address.len);
	if (!guest)
		return -ENOMEM;
	memcpy(guest + 1, address.p, address.len);
	guest->address = (struct slice){ (char *)(guest + 1), address.len };
	guest->count = 1;
	if (map_put(&g->by_address, guest->address, guest) < 0) {
		free(guest);
		return -ENOMEM;
	}
	*ret_guest = guest;
	return 0;
}

void
guests_leave(struct guests *g, struct guest *guest)
{
	if (!guest || --guest->count > 0)
		return;
	(void)map_del(&g->by_address, guest->address);
	free(guest);
}

void
guests_done(struct guests *g)
{
	struct guest *guest;
	size_t iter = 0;

	while ((guest = map_next(&g->by_address, &iter)))
		free(guest);
	map_done(&g->by_address);
}
