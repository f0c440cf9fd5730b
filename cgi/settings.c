/* SPDX-License-Identifier: MIT */
#include "cgi/settings.h"

#include <errno.h>
#include <stdio.h>

#include "lib/base/options.h"

enum {
	STREAMS_DEFAULT = 8,
	STREAMS_MOST = 100000,
	IDLE_DEFAULT_MS = 5 * 60 * 1000,
	IDLE_LEAST_MS = 100,	/* as sse-fcgi takes them */
	IDLE_MOST_MS = 7 * 24 * 3600 * 1000,
};

static struct settings given;
static char *file;
static bool show_help, show_version;

static const struct option table[] = {
	{ "cgi-socket", 0, OPTION_TEXT, &given.socket, "PATH",
	  "the socket of an sse-fcgi that somebody else starts" },
	{ "cgi-state", 0, OPTION_TEXT, &given.state, "DIR",
	  "where the service that is started here has its sockets, its store "
	  "and its log (default ~/.local/state/sse-cgi)" },
	{ "cgi-program", 0, OPTION_TEXT, &given.program, "FILE",
	  "the sse-fcgi to start (default: the one that was installed with "
	  "this)" },
	{ "cgi-streams", 0, OPTION_COUNT, &given.streams, "N",
	  "streams of this account at a time; who comes beyond polls "
	  "(default 8)" },
	{ "cgi-stay", 0, OPTION_FLAG, &given.stay, NULL,
	  "whether a service may stay when the request that started it is "
	  "over; without it all poll (default yes)" },
	{ "cgi-idle", 0, OPTION_DURATION, &given.idle_ms, "TIME",
	  "after which a service that nobody is connected to ends "
	  "(default 5m)" },
	{ "config", 'c', OPTION_TEXT, &file, "FILE",
	  "the configuration file; read from SSE_CONFIG (default "
	  "~/.config/sse-cgi.conf, else /etc/sse-cgi.conf)" },
	{ "version", 'V', OPTION_ACTION, &show_version, NULL,
	  "print the version and exit" },
	{ "help", 'h', OPTION_ACTION, &show_help, NULL,
	  "print this help and exit" },
	{ 0 },
};

static const struct option *const tables[] = { table, NULL };
static const struct options options = {
	.tables = tables,
	.program = "sse-cgi",
	.synopsis = "",
	.summary = "Server-sent events for web servers that know nothing but "
		   "CGI. These are names for its configuration file and, as "
		   "SSE_CGI_..., its environment; it takes no arguments.",
};

static int
check(char *error, size_t size)
{
	const struct settings *s = &given;

	if ((s->socket && s->socket[0] != '/') ||
	    (s->state && s->state[0] != '/') ||
	    (s->program && s->program[0] != '/'))
		snprintf(error, size, "cgi-socket, cgi-state and cgi-program "
			 "are absolute paths; begin them with a slash.");
	else if (s->streams > STREAMS_MOST)
		snprintf(error, size, "cgi-streams: %llu is out of range; "
			 "write 0 to %d.", (unsigned long long)s->streams,
			 STREAMS_MOST);
	else if (s->idle_ms < IDLE_LEAST_MS || s->idle_ms > IDLE_MOST_MS)
		snprintf(error, size, "cgi-idle: %lldms is out of range; "
			 "write %dms to %dd.", (long long)s->idle_ms,
			 IDLE_LEAST_MS, IDLE_MOST_MS / (24 * 3600 * 1000));
	else
		return 0;
	return -EINVAL;
}

int
settings_load(struct settings *ret_settings, char *error, size_t size)
{
	char name[] = "sse-cgi", *nothing[] = { name, NULL };
	int first, r;

	given = (struct settings){
		.streams = STREAMS_DEFAULT,
		.stay = true,
		.idle_ms = IDLE_DEFAULT_MS,
	};
	r = options_load(&options, 1, nothing, &first, error, size);
	if (r == 0)
		r = check(error, size);
	*ret_settings = given;
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
	options_free(&options);
}
