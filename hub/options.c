/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/clients.h"
#include "hub/store.h"
#include "lib/base/limits.h"
#include "lib/base/units.h"

#define HISTORY_DEFAULT "10000events,8MiB,1h"

/* What the table fills in; one set per process, as an option table is. */
static struct {
	char *store;
	char *history;
	char *window;
	char *curve_key, *curve_clients;
	struct option_texts sources;
	uint64_t max_event;
} given = { .max_event = LIMIT_EVENT_DEFAULT };

static const struct option table[] = {
	{ "store", 0, OPTION_TEXT, &given.store, "memory",
	  "where events are kept; only \"memory\", until the hub ends "
	  "(default memory)" },
	{ "history", 0, OPTION_TEXT, &given.history, "BOUNDS",
	  "how much is kept to resume from: events, bytes and age, any of "
	  "them; what is not named does not bound (default "
	  HISTORY_DEFAULT ")" },
	{ "window", 0, OPTION_TEXT, &given.window, "BOUNDS",
	  "how much of it is held in memory, written alike (default: the "
	  "history)" },
	{ "source", 0, OPTION_TEXTS, &given.sources, "ENDPOINT",
	  "a plain PUB socket whose events are taken in; repeatable" },
	{ "max-event", 0, OPTION_SIZE, &given.max_event, "SIZE",
	  "the most bytes of data of one event, up to 8MiB (default 1MiB)" },
	{ "curve-key", 0, OPTION_TEXT, &given.curve_key, "FILE",
	  "our own keys for a bus on tcp://HOST:PORT, which beyond loopback "
	  "must have some; sse-hub --make-keys makes them" },
	{ "curve-clients", 0, OPTION_TEXT, &given.curve_clients, "FILE",
	  "with --curve-key, for a hub: the public keys that may connect, one "
	  "\"publish KEY NAME\" or \"follow KEY NAME\" a line" },
	{ 0 },
};

const struct option *
hub_options(void)
{
	return table;
}

/* Takes one of the parts of BOUNDS. 0, or -EINVAL. */
static int
parse_part(struct slice part, struct store_limits *limits)
{
	static const char events[] = "events";
	const size_t len = sizeof(events) - 1;
	int64_t age;
	uint64_t value;

	if (part.len > len &&
	    memcmp(part.p + part.len - len, events, len) == 0) {
		part.len -= len;
		if (limits->events || parse_u64(part, &value) < 0 || !value)
			return -EINVAL;
		limits->events = value;
		return 0;
	}
	/* A bare number could mean any of the three. */
	if (part.len == 0 || strchr("0123456789", part.p[part.len - 1]))
		return -EINVAL;
	if (parse_duration(part, &age) == 0) {
		if (limits->age_ms || age <= 0)
			return -EINVAL;
		limits->age_ms = age;
		return 0;
	}
	if (limits->bytes || parse_size(part, &value) < 0 || !value)
		return -EINVAL;
	limits->bytes = value;
	return 0;
}

static int
parse_bounds(const char *option, const char *text, struct store_limits *ret,
	     char *error, size_t size)
{
	struct slice rest = slice_of(text), part;
	const char *comma;

	memset(ret, 0, sizeof(*ret));
	do {
		comma = memchr(rest.p, ',', rest.len);
		part = rest;
		if (comma) {
			part.len = (size_t)(comma - rest.p);
			rest.p = comma + 1;
			rest.len -= part.len + 1;
		}
		if (parse_part(part, ret) < 0) {
			snprintf(error, size,
				 "--%s: \"%.100s\" is not a set of bounds; write some of 10000events, 8MiB and 1h with commas between them.",
				 option, text);
			return -EINVAL;
		}
	} while (comma);
	return 0;
}

/* The tighter of two bounds, of which 0 is none. */
static uint64_t
tighter(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

int
hub_options_config(struct hub_config *ret_config, char *error, size_t size)
{
	struct store_limits history, window = { 0 };
	const char *text = given.history;
	int r;

	if (given.store && strcmp(given.store, "memory") != 0) {
		snprintf(error, size,
			 "--store: \"%.100s\" is not a store that this version has; write memory.",
			 given.store);
		return -EINVAL;
	}
	if (given.max_event < 1 || given.max_event > LIMIT_EVENT_MOST) {
		snprintf(error, size,
			 "--max-event: the most bytes of an event are 1 to %d (8MiB).",
			 LIMIT_EVENT_MOST);
		return -EINVAL;
	}
	if (!text)
		text = given.window ? given.window : HISTORY_DEFAULT;
	r = parse_bounds("history", text, &history, error, size);
	if (r == 0 && given.window)
		r = parse_bounds("window", given.window, &window, error, size);
	if (r < 0)
		return r;
	*ret_config = (struct hub_config){
		.store = "memory",
		/* All that is kept is in memory: both bounds hold for it. */
		.history_events = tighter(history.events, window.events),
		.history_bytes = tighter(history.bytes, window.bytes),
		.history_age_ms = (int64_t)tighter((uint64_t)history.age_ms,
						   (uint64_t)window.age_ms),
		.max_event = given.max_event,
		.curve_key = given.curve_key,
		.curve_clients = given.curve_clients,
		.sources = &given.sources,
		.lifeline = -1,
		.ready = -1,
	};
	return 0;
}

static int
check_clients(const char *path, char *error, size_t size)
{
	struct clients clients = { 0 };
	int r = clients_load(&clients, path, error, size);

	clients_done(&clients);
	return r;
}

int
hub_options_use_keys(struct hub_config *config, const char *hub, char *error,
		     size_t size)
{
	struct bus_keys keys = {
		.own = config->curve_key,
		.hub = hub,
		.is_hub = true,
	};
	int r = bus_address_use_keys(&config->bus, &keys, error, size);

	if (r < 0 || !bus_address_curve(&config->bus))
		return r;
	if (config->curve_clients)
		return check_clients(config->curve_clients, error, size);
	snprintf(error, size,
		 "--curve-key without --curve-clients: nobody could connect to the hub. Name the file of the public keys that may; \"sse-hub --make-keys DIR\" makes DIR/clients.%s",
		 config->embedded ? " To follow a hub on another machine instead, give --hub off and --curve-hub." : "");
	return -EINVAL;
}
