/* SPDX-License-Identifier: MIT */
#include "fcgi/settings.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/authority.h"
#include "fcgi/idle.h"
#include "fcgi/watchdog.h"
#include "hub/options.h"
#include "lib/base/units.h"

enum { WORKERS_MAX = 256 };

/* What the table fills in; one set per process, as an option table is. */
static struct {
	struct settings c;
	char *listen, *listen_mode, *listen_group;
	char *mount, *bus, *hub, *probe, *file, *curve_hub, *access_file;
	char *anonymous, *token_cookie, *ticket_cookie;
	struct authority authority;
	struct option_texts default_topics, cors_origins, publish_users;
	struct option_texts jwt_keys, jwt_subscribe_keys, jwt_publish_keys;
	struct option_texts ticket_keys;
	uint64_t max_topics, max_request, max_half_open;
} given;

static const struct option table[] = {
	{ "listen", 'l', OPTION_TEXT, &given.listen, "unix:PATH|tcp:HOST:PORT",
	  "where web servers connect, when the socket is not handed down as "
	  "descriptor 0 or by LISTEN_FDS" },
	{ "listen-mode", 0, OPTION_TEXT, &given.listen_mode, "MODE",
	  "permissions of that unix socket (default 0660)" },
	{ "listen-group", 0, OPTION_TEXT, &given.listen_group, "GROUP",
	  "group of that unix socket, usually the web server's" },
	{ "mount", 'm', OPTION_TEXT, &given.mount, "PATH",
	  "what to strip from REQUEST_URI to find the topic (default: "
	  "SCRIPT_NAME tells)" },
	{ "workers", 'w', OPTION_COUNT, &given.c.workers, "N",
	  "processes that share the socket (default 1)" },
	{ "bus", 'b', OPTION_TEXT, &given.bus, "ADDRESS",
	  "the hub's directory, or tcp://HOST:PORT (default "
	  "$RUNTIME_DIRECTORY, /run/sse-fcgi, ~/.local/state/sse-cgi, "
	  "$XDG_RUNTIME_DIR/sse-fcgi or /tmp/sse-fcgi-UID, the first that "
	  "exists)" },
	{ "hub", 0, OPTION_TEXT, &given.hub, "auto|off",
	  "run a hub unless another has the bus, or leave that to sse-hub "
	  "(default auto)" },
	{ "curve-hub", 0, OPTION_TEXT, &given.curve_hub, "FILE",
	  "with --curve-key, to follow a hub elsewhere: the hub's public key" },
	{ "connect", 0, OPTION_TEXTS, &given.c.connect, "ENDPOINT",
	  "serve a plain ZeroMQ PUB socket live, without a hub; repeatable" },
	{ "subscribe", 0, OPTION_TEXTS, &given.c.prefixes, "PREFIX",
	  "with --connect: only topics that begin so; repeatable" },
	{ "default-topic", 0, OPTION_TEXTS, &given.default_topics, "TOPIC",
	  "what a request without a topic means; repeatable" },
	{ "default-last", 0, OPTION_COUNT, &given.c.service.default_last, "N",
	  "a stream that does not say where to begin gets the newest N events "
	  "of each topic first (default 0)" },
	{ "heartbeat", 0, OPTION_DURATION,
	  &given.c.service.fanout.heartbeat_ms, "TIME",
	  "silence after which a heartbeat is sent (default 15s)" },
	{ "retry", 0, OPTION_DURATION, &given.c.service.fanout.retry_ms,
	  "TIME",
	  "after which a browser reconnects (default 3s)" },
	{ "drain", 0, OPTION_DURATION, &given.c.service.fanout.drain_ms,
	  "TIME",
	  "time over which streams are ended at a stop (default 5s)" },
	{ "max-lifetime", 0, OPTION_DURATION,
	  &given.c.service.fanout.max_lifetime_ms, "TIME",
	  "longest life of a stream, give or take a tenth; 0: for ever "
	  "(default 1h)" },
	{ "coalesce", 0, OPTION_DURATION, &given.c.service.fanout.coalesce_ms,
	  "TIME",
	  "least time between two writes to the same readers; the first after "
	  "silence leaves at once (default 0)" },
	{ "max-clients", 0, OPTION_COUNT, &given.c.service.max_clients, "N",
	  "most streams of a worker; 0: as many as there are descriptors "
	  "(default 0)" },
	{ "max-clients-per-address", 0, OPTION_COUNT,
	  &given.c.service.max_clients_per_address, "N",
	  "most streams of one REMOTE_ADDR; 0: no limit (default 0)" },
	{ "max-topics", 0, OPTION_COUNT, &given.max_topics, "N",
	  "most topics of a stream (default 100)" },
	{ "max-request", 0, OPTION_SIZE, &given.max_request, "SIZE",
	  "most bytes of a request's variables (default 64KiB)" },
	{ "request-timeout", 0, OPTION_DURATION,
	  &given.c.service.connections.request_timeout_ms, "TIME",
	  "for a request to arrive whole (default 5s)" },
	{ "max-half-open", 0, OPTION_COUNT, &given.max_half_open, "N",
	  "most requests of a worker that have begun to arrive; the oldest "
	  "goes for a new one (default 1024)" },
	{ "access", 0, OPTION_TEXT, &given.access_file, "FILE",
	  "rules of who may read and publish what, see sse-access(5); without "
	  "it everybody may read what is not private" },
	{ "jwt-key", 0, OPTION_TEXTS, &given.jwt_keys, "[ALG:]FILE",
	  "key of JSON Web Tokens that may read and publish what they say: a "
	  "secret, or a public key in PEM; repeatable" },
	{ "jwt-subscribe-key", 0, OPTION_TEXTS, &given.jwt_subscribe_keys,
	  "[ALG:]FILE", "the same, for reading only; repeatable" },
	{ "jwt-publish-key", 0, OPTION_TEXTS, &given.jwt_publish_keys,
	  "[ALG:]FILE", "the same, for publishing only; repeatable" },
	{ "token-cookie", 0, OPTION_TEXT, &given.token_cookie, "NAME",
	  "cookie that may hold a token (default mercureAuthorization)" },
	{ "ticket-key", 0, OPTION_TEXTS, &given.ticket_keys, "FILE",
	  "secret of signed tickets, see sse-ticket(5); repeatable" },
	{ "ticket-cookie", 0, OPTION_TEXT, &given.ticket_cookie, "NAME",
	  "cookie that may hold a ticket (default sse_ticket)" },
	{ "anonymous", 0, OPTION_TEXT, &given.anonymous, "yes|no",
	  "whether somebody without a login, token or ticket may read "
	  "anything (default yes)" },
	{ "explain-auth", 0, OPTION_FLAG, &given.authority.explains, NULL,
	  "answers say what is wrong with a token or ticket, and not the log "
	  "alone" },
	{ "cors-origin", 0, OPTION_TEXTS, &given.cors_origins, "ORIGIN",
	  "a site whose pages may read too, or *; repeatable" },
	{ "http-publish", 0, OPTION_FLAG, &given.c.http_publish, NULL,
	  "take events by POST, from whoever has the right to (default no)" },
	{ "publish-listen", 0, OPTION_TEXT, &given.c.publish_listen,
	  "unix:PATH",
	  "a socket where programs of this machine publish by HTTP" },
	{ "publish-user", 0, OPTION_TEXTS, &given.publish_users, "USER",
	  "who may publish there, by name or number; repeatable (default: the "
	  "user that this runs as, and root)" },
	{ "probe", 0, OPTION_TEXT, &given.probe, "on|off",
	  "whether sse-doctor may probe streams, by `probe` in a URL's query "
	  "(default on)" },
	{ "idle-exit", 0, OPTION_DURATION, &given.c.idle_exit_ms, "TIME",
	  "end when no web server was connected for so long, for who is started "
	  "again on demand; 0: never (default 0)" },
	{ "worker-timeout", 0, OPTION_DURATION, &given.c.worker_timeout_ms,
	  "TIME",
	  "after which a worker that hangs is killed and another one started; "
	  "0: never (default 20s)" },
	{ "handoff", 0, OPTION_TEXT, &given.c.handoff, "PATH",
	  "socket for requests that other programs hand over (default "
	  "BUS/handoff)" },
	{ "log", 0, OPTION_TEXT, &given.c.log, "stderr|syslog|FILE",
	  "where to log; FILE is opened again at SIGUSR1 (default stderr, or "
	  "syslog when that is /dev/null)" },
	{ "config", 'c', OPTION_TEXT, &given.file, "FILE",
	  "read options from FILE, one \"name = value\" a line (default "
	  "~/.config/sse-fcgi.conf, else /etc/sse-fcgi.conf)" },
	{ "check-config", 0, OPTION_ACTION, &given.c.check_only, NULL,
	  "check the options and exit" },
	{ "setup", 0, OPTION_ACTION, &given.c.setup, NULL,
	  "as root: make the user, the groups, /run/sse-fcgi and "
	  "/var/lib/sse-fcgi, now and at each boot; harmless when repeated" },
	{ "setup-user", 0, OPTION_TEXT, &given.c.setup_user, "USER",
	  "with --setup: the web server's user (default www-data)" },
	{ "version", 'V', OPTION_ACTION, &given.c.show_version, NULL,
	  "print the version and exit" },
	{ "help", 'h', OPTION_ACTION, &given.c.show_help, NULL,
	  "print this help and exit" },
	{ 0 },
};

static const struct option *tables[3];
static const struct options options = {
	.tables = tables,
	.program = "sse-fcgi",
	.synopsis = "[OPTION]...",
	.summary = "Turns messages of a ZeroMQ bus into server-sent events for "
		   "the browsers behind Apache or lighttpd.",
};

static void
set_defaults(void)
{
	struct settings *c = &given.c;

	c->workers = 1;
	c->worker_timeout_ms = WATCHDOG_DEFAULT_MS;
	c->service = service_defaults;
	given.max_topics = c->service.connections.route.max_topics;
	given.max_request = c->service.connections.limits.params;
	given.max_half_open = c->service.connections.half_open_max;
}

/* ---- checks ---- */

__attribute__((format(printf, 3, 4))) static int
refuse(char *error, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return -EINVAL;
}

static int
check_workers(char *error, size_t size)
{
	if (given.c.workers >= 1 && given.c.workers <= WORKERS_MAX)
		return 0;
	snprintf(error, size,
		 "--workers: %llu is out of range; write 1 to %d.",
		 (unsigned long long)given.c.workers, WORKERS_MAX);
	return -EINVAL;
}

static int
check_idle_exit(char *error, size_t size)
{
	int64_t ms = given.c.idle_exit_ms;

	if (ms == 0 || (ms >= IDLE_LEAST_MS && ms <= IDLE_MOST_MS))
		return 0;
	snprintf(error, size, "--idle-exit: %lldms is out of range; write 0 "
		 "for never, or %dms to %dd.", (long long)ms, IDLE_LEAST_MS,
		 IDLE_MOST_MS / (24 * 3600 * 1000));
	return -EINVAL;
}

static int
check_worker_timeout(char *error, size_t size)
{
	int64_t ms = given.c.worker_timeout_ms;

	if (ms == 0 || (ms >= WATCHDOG_LEAST_MS && ms <= WATCHDOG_MOST_MS))
		return 0;
	snprintf(error, size, "--worker-timeout: %lldms is out of range; write "
		 "0 for never, or %ds to %dh.", (long long)ms,
		 WATCHDOG_LEAST_MS / 1000, WATCHDOG_MOST_MS / (3600 * 1000));
	return -EINVAL;
}

static int
check_source(char *error, size_t size)
{
	struct settings *c = &given.c;

	c->is_plain = c->connect.count > 0;
	c->has_hub = !c->is_plain;
	if (given.hub && strcmp(given.hub, "off") == 0) {
		c->has_hub = false;
	} else if (given.hub && strcmp(given.hub, "auto") != 0) {
		snprintf(error, size, "--hub: \"%.100s\" is neither auto nor off.",
			 given.hub);
		return -EINVAL;
	}
	if (c->is_plain && given.bus) {
		snprintf(error, size, "--connect and --bus exclude each other: "
			 "a worker follows plain PUB sockets or a hub. To give "
			 "those sockets history, use --source instead of "
			 "--connect.");
		return -EINVAL;
	}
	if (c->prefixes.count && !c->is_plain) {
		snprintf(error, size, "--subscribe goes with --connect; a "
			 "hub's events are chosen by each stream.");
		return -EINVAL;
	}
	return 0;
}

static int
check_probe(char *error, size_t size)
{
	struct route_config *route = &given.c.service.connections.route;

	route->has_probes = !given.probe || strcmp(given.probe, "on") == 0;
	if (route->has_probes || strcmp(given.probe, "off") == 0)
		return 0;
	snprintf(error, size, "--probe: \"%.100s\" is neither on nor off.",
		 given.probe);
	return -EINVAL;
}

static int
check_anonymous(char *error, size_t size)
{
	struct authority *a = &given.authority;

	a->refuses_anonymous = given.anonymous &&
			       strcmp(given.anonymous, "no") == 0;
	if (!given.anonymous || a->refuses_anonymous ||
	    strcmp(given.anonymous, "yes") == 0)
		return 0;
	snprintf(error, size, "--anonymous: \"%.100s\" is neither yes nor no.",
		 given.anonymous);
	return -EINVAL;
}

/* The name of a cookie is a token of HTTP (RFC 6265 section 4.1.1). */
static int
take_cookie(const char *option, const char *text, const char *fallback,
	    const char **ret_name, char *error, size_t size)
{
	*ret_name = text ? text : fallback;
	for (const char *p = *ret_name; *p; p++) {
		if (*p > ' ' && *p <= '~' && !strchr("()<>@,;:\\\"/[]?={}", *p))
			continue;
		snprintf(error, size, "--%s: \"%.100s\" cannot be the name of a "
			 "cookie.", option, text);
		return -EINVAL;
	}
	return 0;
}

static int
load_keys(struct keyring *ring, const char *option,
	  const struct option_texts *files, unsigned actions, char *error,
	  size_t size)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->count; i++)
		r = keyring_add(ring, option, files->items[i], actions, error,
				size);
	return r;
}

static int
load_all_keys(struct authority *a, char *error, size_t size)
{
	int r = load_keys(&a->tokens, "jwt-key", &given.jwt_keys, KEYRING_BOTH,
			  error, size);

	if (r == 0)
		r = load_keys(&a->tokens, "jwt-subscribe-key",
			      &given.jwt_subscribe_keys, KEYRING_SUBSCRIBE,
			      error, size);
	if (r == 0)
		r = load_keys(&a->tokens, "jwt-publish-key",
			      &given.jwt_publish_keys, KEYRING_PUBLISH, error,
			      size);
	if (r == 0)
		r = load_keys(&a->tickets, "ticket-key", &given.ticket_keys,
			      KEYRING_BOTH, error, size);
	for (size_t i = 0; r == 0 && i < a->tickets.count; i++)
		if (a->tickets.keys[i].alg != CRYPTO_HS256)
			r = refuse(error, size, "--ticket-key %.200s: Tickets "
				   "are signed with a secret and HS256.",
				   given.ticket_keys.items[i]);
	return r;
}

/* Who may do what. */
static int
load_authority(char *error, size_t size)
{
	struct route_config *route = &given.c.service.connections.route;
	struct authority *a = &given.authority;
	int r = check_anonymous(error, size);

	if (r == 0)
		r = take_cookie("token-cookie", given.token_cookie,
				"mercureAuthorization", &a->token_cookie, error,
				size);
	if (r == 0)
		r = take_cookie("ticket-cookie", given.ticket_cookie,
				"sse_ticket", &a->ticket_cookie, error, size);
	if (r == 0 && given.access_file)
		r = access_load(given.access_file, &a->access, error, size);
	if (r == 0)
		r = load_all_keys(a, error, size);
	if (r == 0 && authority_is_set(&given.authority)) {
		route->judge = authority_judge;
		route->judge_user = &given.authority;
	}
	given.c.authority = &given.authority;
	return r;
}

static int
find_user(const char *name, uid_t *ret_uid, char *error, size_t size)
{
	const struct passwd *p = getpwnam(name);
	uint64_t number;

	if (p)
		*ret_uid = p->pw_uid;
	else if (parse_u64(slice_of(name), &number) == 0 && number < UINT32_MAX)
		*ret_uid = (uid_t)number;
	else
		return refuse(error, size, "--publish-user: there is no user "
			      "%.80s. The user of the web server, and of its "
			      "PHP, is www-data on Debian.", name);
	return 0;
}

static int
check_publish_users(char *error, size_t size)
{
	const struct option_texts *names = &given.publish_users;
	struct settings *c = &given.c;
	int r = 0;

	if (names->count > LOCAL_USERS_MAX)
		return refuse(error, size, "--publish-user: %zu users are too "
			      "many; name %d at most.", names->count,
			      LOCAL_USERS_MAX);
	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = find_user(names->items[i], &c->publish_users[i], error,
			      size);
	c->n_publish_users = names->count;
	if (names->count == 0) {
		c->publish_users[0] = geteuid();
		c->publish_users[1] = 0;
		c->n_publish_users = 2;
	}
	return r;
}

static int
check_publish(char *error, size_t size)
{
	struct settings *c = &given.c;

	if (c->is_plain && (c->http_publish || c->publish_listen))
		return refuse(error, size, "--%s needs a hub, and --connect is "
			      "without one.", c->http_publish ?
			      "http-publish" : "publish-listen");
	if (c->publish_listen && strncmp(c->publish_listen, "unix:", 5) != 0)
		return refuse(error, size, "--publish-listen %.100s: it must "
			      "be a unix socket, as in unix:/run/sse-fcgi/http, "
			      "because only there it is known who connects.",
			      c->publish_listen);
	if (given.publish_users.count > 0 && !c->publish_listen)
		return refuse(error, size, "--publish-user goes with "
			      "--publish-listen.");
	return check_publish_users(error, size);
}

/* The keys of the bus. A hub of our own is followed with its own ones. */
static int
use_keys(char *error, size_t size)
{
	struct settings *c = &given.c;
	struct bus_keys keys = { .own = c->hub.curve_key,
				 .hub = given.curve_hub };
	int r;

	c->hub.bus = c->bus;
	if (c->has_hub)
		r = hub_options_use_keys(&c->hub, given.curve_hub, error, size);
	else
		r = bus_address_use_keys(&c->hub.bus, &keys, error, size);
	c->bus = c->hub.bus;
	return r;
}

static int
check_all(char *error, size_t size)
{
	struct settings *c = &given.c;
	struct service_config *s = &c->service;
	int r = check_workers(error, size);

	if (r == 0)
		r = check_idle_exit(error, size);
	if (r == 0)
		r = check_worker_timeout(error, size);
	if (r == 0)
		r = check_source(error, size);
	if (r == 0)
		r = hub_options_config(&c->hub, error, size);
	if (r == 0)
		r = check_publish(error, size);
	c->hub.embedded = true;
	if (r == 0 && !c->is_plain)
		r = bus_address_parse(given.bus, &c->bus, error, size);
	if (r == 0 && !c->is_plain)
		r = use_keys(error, size);
	if (r < 0)
		return r;
	c->listen = (struct listen_config){
		.address = given.listen,
		.mode = given.listen_mode,
		.group = given.listen_group,
		.web_servers = getenv("FCGI_WEB_SERVER_ADDRS"),
	};
	s->connections.route = (struct route_config){
		.mount = given.mount,
		.default_topics = &given.default_topics,
		.cors_origins = &given.cors_origins,
		.max_topics = given.max_topics,
		.has_publish = c->http_publish,
	};
	if (c->http_publish)
		s->connections.limits.body = REQUEST_BODY_PUBLISH;
	r = check_probe(error, size);
	if (r == 0)
		r = load_authority(error, size);
	if (r < 0)
		return r;
	s->connections.limits.params = given.max_request < SIZE_MAX ?
					(size_t)given.max_request : SIZE_MAX;
	s->connections.half_open_max = given.max_half_open < SIZE_MAX ?
					(size_t)given.max_half_open : SIZE_MAX;
	s->fanout.is_plain = c->is_plain;
	s->fanout.window = (struct evlog_limits){
		.events = c->hub.window.events,
		.bytes = c->hub.window.bytes,
		.age_ms = c->hub.window.age_ms,
	};
	return service_check(s, error, size);
}

int
settings_load(int argc, char **argv, struct settings *ret_config, char *error,
	    size_t size)
{
	int first, r;

	tables[0] = table;
	tables[1] = hub_options();
	set_defaults();
	r = options_load(&options, argc, argv, &first, error, size);
	if (r < 0)
		return r;
	if (first < argc) {
		snprintf(error, size, "\"%.100s\" is not an option, and sse-fcgi "
			 "takes nothing else; try --help.", argv[first]);
		return -EINVAL;
	}
	if (!given.c.show_help && !given.c.show_version)
		r = check_all(error, size);
	*ret_config = given.c;
	return r;
}

void
settings_print_help(void)
{
	options_print_help(&options);
}

void
settings_free(void)
{
	authority_done(&given.authority);
	options_free(&options);
}
