/* SPDX-License-Identifier: MIT */
/* takeover: asks the hub that has the bus to make room for this one. */
#ifndef HUB_TAKEOVER_H
#define HUB_TAKEOVER_H

#include <stdbool.h>

#include "lib/bus/address.h"

/* Waits for the answer, not long. Whether that hub ends now. */
bool takeover_ask(const struct bus_address *bus);

#endif
