/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/hub.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>

#include "hub/place.h"
#include "hub/serve.h"
#include "hub/store_open.h"
#include "hub/takeover.h"
#include "lib/base/clock.h"
#include "lib/base/logging.h"
#include "lib/loop/signals.h"

enum {
	STAND_BY_MS = 200,	/* how often the lock is tried */
	/* ... while the hub that has it is ending for us, and for how long */
	TAKE_OVER_MS = 10,
	TAKE_OVER_MOST_MS = 5000,
	/* ... and not at all, after we have made room for another one */
	MAKE_ROOM_MS = 3000,
};

/* Waits a little. False: a signal or the lifeline's end came. */
static bool
stay(const struct hub_config *config, int wait_ms)
{
	struct pollfd fds[2] = {
		{ .fd = signals_fd(), .events = POLLIN },
		{ .fd = config->lifeline, .events = POLLIN },
	};
	int64_t until_ms = clock_mono_ms() + wait_ms, left_ms = wait_ms;
	unsigned seen;

	/* Other signals shorten nothing: whom we made room for needs it. */
	for (; left_ms > 0; left_ms = until_ms - clock_mono_ms()) {
		if (poll(fds, 2, (int)left_ms) <= 0)
			continue;
		seen = signals_take();
		if (seen & (SIGNALS_REOPEN | SIGNALS_RELOAD))
			(void)logging_reopen();	/* the old file goes on otherwise */
		if (fds[1].revents || (seen & SIGNALS_STOP))
			return false;
	}
	return true;
}

/* A hub that stands alone asks an embedded one for its place; on tcp nobody
 * can know who asks. */
static bool
take_over(const struct hub_config *config)
{
	if (config->embedded || config->bus.is_tcp ||
	    !takeover_ask(&config->bus))
		return false;
	log_notice("the hub of sse-fcgi at %s makes room for this one",
		   config->bus.path);
	return true;
}

/*
 * Takes the lock, and waits for it while another hub has it. 0, an exit status
 * with the reason logged, or PLACE_HELD: told to stop.
 */
static int
wait_for_lock(const struct hub_config *config, struct place_lock *lock)
{
	int64_t until_ms;
	int r = place_lock(&config->bus, lock);

	if (r == PLACE_HELD && take_over(config)) {
		until_ms = clock_mono_ms() + TAKE_OVER_MOST_MS;
		while (r == PLACE_HELD && clock_mono_ms() < until_ms) {
			if (!stay(config, TAKE_OVER_MS))
				return PLACE_HELD;
			r = place_lock(&config->bus, lock);
		}
	}
	if (r == PLACE_HELD)
		log_notice("another hub serves the bus at %s; standing by",
			   config->bus.path);
	while (r == PLACE_HELD) {
		if (!stay(config, STAND_BY_MS))
			return PLACE_HELD;
		r = place_lock(&config->bus, lock);
	}
	return r;
}

/* Becomes the hub, serves, and leaves, again and again while others take its
 * place. An exit status. */
static int
run(const struct hub_config *config)
{
	struct place_lock lock;
	int r;

	r = place_prepare(&config->bus);
	if (r != 0)
		return r;
	do {
		r = wait_for_lock(config, &lock);
		if (r != 0)
			return r == PLACE_HELD ? 0 : r;
		r = serve_run(config);
		place_unlock(&lock);
		if (r == SERVE_HANDED_OVER && !stay(config, MAKE_ROOM_MS))
			return 0;
	} while (r == SERVE_HANDED_OVER);
	return r;
}

int
hub_prepare(const struct bus_address *bus)
{
	return place_prepare(bus);
}

int
hub_try(const struct hub_config *config)
{
	int r = place_prepare(&config->bus);

	return r ? r : store_open_check(config);
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
