/* SPDX-License-Identifier: MIT */
#include "hub/halted.h"

#include <stddef.h>
#include <string.h>

/* The index of an address; of the empty one, a free place. HALTED_MOST: none. */
static unsigned
find(const struct halted *h, struct slice address)
{
	unsigned k;

	for (k = 0; k < HALTED_MOST; k++) {
		const struct halted_peer *peer = h->peers + k;

		if (peer->len == address.len &&
		    memcmp(peer->address, address.p, address.len) == 0)
			break;
	}
	return k;
}

void
halted_add(struct halted *h, struct slice address)
{
	unsigned k;

	if (address.len == 0 || address.len > HALTED_ADDRESS_MAX ||
	    halted_has(h, address))
		return;
	k = find(h, (struct slice){ "", 0 });
	if (k == HALTED_MOST) {
		k = h->next;
		h->next = (h->next + 1) % HALTED_MOST;
	} else {
		h->count++;
	}
	h->peers[k].len = (unsigned char)address.len;
	memcpy(h->peers[k].address, address.p, address.len);
}

void
halted_remove(struct halted *h, struct slice address)
{
	unsigned k;

	if (!halted_has(h, address))
		return;
	k = find(h, address);
	h->peers[k].len = 0;
	h->count--;
}

bool
halted_has(const struct halted *h, struct slice address)
{
	return h->count && address.len && find(h, address) < HALTED_MOST;
}
