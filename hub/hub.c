/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/hub.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>

#include "hub/place.h"
#include "hub/serve.h"
#include "lib/base/logging.h"
#include "lib/loop/signals.h"

enum { STAND_BY_MS = 200 };	/* how often the lock is tried */

/* Waits a little. False: a signal or the lifeline's end came. */
static bool
stay(const struct hub_config *config)
{
	struct pollfd fds[2] = {
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = config->lifeline, .events = POLLIN },
	};
	unsigned seen;

	if (poll(fds, 2, STAND_BY_MS) <= 0)
		return true;
	seen = signals_take();
	if (seen & SIGNALS_REOPEN)
		(void)logging_reopen();	/* the old file goes on otherwise */
	return !fds[1].revents && !(seen & SIGNALS_STOP);
}

/* Becomes the hub, serves, and leaves. An exit status. */
static int
run(const struct hub_config *config)
{
	struct place_lock lock;
	bool told = false;
	int r;

	r = place_prepare(&config->bus);
	if (r != 0)
		return r;
	while ((r = place_lock(&config->bus, &lock)) == PLACE_HELD) {
		if (!told)
			log_notice("another hub serves the bus at %s; standing by",
				   config->bus.path);
		told = true;
		if (!stay(config))
			return 0;
	}
	if (r != 0)
		return r;
	r = serve_run(config);
	place_unlock(&lock);
	return r;
}

int
hub_prepare(const struct bus_address *bus)
{
	return place_prepare(bus);
}

int
hub_run(const struct hub_config *config)
{
	int r;

	if (config->embedded)
		logging_set_role("hub");
	r = signals_open();
	if (r < 0) {
		log_error("cannot catch signals: %s", strerror(-r));
		return EX_OSERR;
	}
	r = run(config);
	signals_close();
	return r;
}
