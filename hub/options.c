/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/clients.h"
#include "hub/store.h"
#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/base/units.h"

#define HISTORY_DEFAULT "10000events,8MiB,1h"

enum {
	KEEPS_MAX = 64,
	KEEP_MOST = 100000,
};

/* What the table fills in; one set per process, as an option table is. */
static struct {
	char *store;
	char *history;
	char *window;
	char *sync;
	char *on_damage;
	struct option_texts keeps;
	char *curve_key, *curve_clients;
	struct option_texts sources;
	uint64_t max_event;
} given = { .max_event = LIMIT_EVENT_DEFAULT };

static const struct option table[] = {
	{ "store", 0, OPTION_TEXT, &given.store, "DIR|memory",
	  "the directory where events are kept; or only in memory, where they "
	  "are gone when the hub is killed (default: $STATE_DIRECTORY, /var/lib/sse-fcgi or "
	  "~/.local/state/sse-fcgi as it goes with the bus, or store in the "
	  "directory of --bus; memory where that cannot be made)" },
	{ "sync", 0, OPTION_TEXT, &given.sync, "always|TIME",
	  "acknowledge an event when it is on the disk for good; or when it is "
	  "written, and bring it to the disk within TIME (default always)" },
	{ "on-damage", 0, OPTION_TEXT, &given.on_damage, "stop|start-new",
	  "what to do with a store that is damaged: nothing, or put it aside "
	  "and begin anew (default stop)" },
	{ "history", 0, OPTION_TEXT, &given.history, "BOUNDS",
	  "how much is kept to resume from: events, bytes and age, any of "
	  "them; what is not named does not bound (default "
	  HISTORY_DEFAULT ")" },
	{ "window", 0, OPTION_TEXT, &given.window, "BOUNDS",
	  "how much of it is held in memory, written alike (default: the "
	  "history, and at most " HISTORY_DEFAULT ")" },
	{ "keep", 0, OPTION_TEXTS, &given.keeps, "SELECTOR=N",
	  "of each topic that SELECTOR means, the newest N events stay beyond "
	  "the history; repeatable" },
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

static int
read_bounds(struct hub_config *c, char *error, size_t size)
{
	struct store_limits window;
	int r;

	r = parse_bounds("history", given.history ? given.history :
			 HISTORY_DEFAULT, &c->history, error, size);
	if (r == 0)
		r = parse_bounds("window", given.window ? given.window :
				 HISTORY_DEFAULT, &window, error, size);
	if (r < 0)
		return r;
	c->window = catalog_tighter(&c->history, &window);
	c->has_window = given.window != NULL;
	return 0;
}

static int
read_sync(struct hub_config *c, char *error, size_t size)
{
	c->sync_ms = 0;
	if (!given.sync || strcmp(given.sync, "always") == 0)
		return 0;
	if (parse_duration(slice_of(given.sync), &c->sync_ms) == 0 &&
	    c->sync_ms > 0 && c->sync_ms <= 3600000)
		return 0;
	snprintf(error, size, "--sync: \"%.100s\" is neither always nor a time of at most an hour, such as 1s.",
		 given.sync);
	return -EINVAL;
}

static int
read_on_damage(struct hub_config *c, char *error, size_t size)
{
	const char *text = given.on_damage;

	c->may_start_new = text && strcmp(text, "start-new") == 0;
	if (!text || c->may_start_new || strcmp(text, "stop") == 0)
		return 0;
	snprintf(error, size, "--on-damage: \"%.100s\" is neither stop nor start-new.",
		 text);
	return -EINVAL;
}

/* "SELECTOR=N"; a selector may have a = in it. */
static int
read_keep(const char *text, struct catalog_rule *ret_rule, char *error,
	  size_t size)
{
	const char *sign = strrchr(text, '=');
	struct event_fault fault;

	if (!sign || parse_u64(slice_of(sign + 1), &ret_rule->keep) < 0 ||
	    ret_rule->keep < 1 || ret_rule->keep > KEEP_MOST) {
		snprintf(error, size, "--keep: \"%.100s\" is not SELECTOR=N with a number of 1 to %d, such as alarm/*=1.",
			 text, KEEP_MOST);
		return -EINVAL;
	}
	ret_rule->selector = (struct slice){ text, (size_t)(sign - text) };
	if (selector_parse(ret_rule->selector, &ret_rule->kind, &fault) == 0)
		return 0;
	snprintf(error, size, "--keep: \"%.100s\": %s", text, fault.why);
	return -EINVAL;
}

static int
read_keeps(struct hub_config *c, char *error, size_t size)
{
	static struct catalog_rule rules[KEEPS_MAX];
	size_t i;
	int r = 0;

	if (given.keeps.count > KEEPS_MAX) {
		snprintf(error, size, "--keep: there are %zu of them; at most %d can be given.",
			 given.keeps.count, KEEPS_MAX);
		return -EINVAL;
	}
	for (i = 0; r == 0 && i < given.keeps.count; i++)
		r = read_keep(given.keeps.items[i], &rules[i], error, size);
	c->keeps = rules;
	c->n_keeps = given.keeps.count;
	return r;
}

static int
read_store(struct hub_config *c, char *error, size_t size)
{
	c->store = given.store;
	if (!given.store || given.store[0] == '/' ||
	    strcmp(given.store, "memory") == 0)
		return 0;
	snprintf(error, size, "--store: \"%.100s\" is neither memory nor the path of a directory, which begins with /.",
		 given.store);
	return -EINVAL;
}

static int
read_max_event(struct hub_config *c, char *error, size_t size)
{
	c->max_event = given.max_event;
	if (c->max_event >= 1 && c->max_event <= LIMIT_EVENT_MOST)
		return 0;
	snprintf(error, size, "--max-event: the most bytes of an event are 1 to %d (8MiB).",
		 LIMIT_EVENT_MOST);
	return -EINVAL;
}

int
hub_options_config(struct hub_config *ret_config, char *error, size_t size)
{
	static int (*const readers[])(struct hub_config *c, char *error,
				      size_t size) = {
		read_store, read_sync, read_on_damage, read_bounds, read_keeps,
		read_max_event,
	};
	size_t i;
	int r = 0;

	*ret_config = (struct hub_config){
		.curve_key = given.curve_key,
		.curve_clients = given.curve_clients,
		.sources = &given.sources,
		.lifeline = -1,
		.ready = -1,
	};
	for (i = 0; r == 0 && i < sizeof(readers) / sizeof(*readers); i++)
		r = readers[i](ret_config, error, size);
	return r;
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

int
hub_options_text(const struct hub_config *config, struct buf *out)
{
	const struct curve *curve = &config->bus.curve;
	int r = options_write(table, out);

	/* A configuration is made of the table alone, but for these. */
	if (r == 0)
		r = buf_printf(out, "bus %s\nkeys %s %s %s\n",
			       config->bus.path, curve->public, curve->secret,
			       curve->hub);
	return r;
}
