/* SPDX-License-Identifier: MIT */
/* sse-hub: the hub as a program of its own. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hub/hub.h"
#include "hub/keymaker.h"
#include "hub/options.h"
#include "lib/base/logging.h"

static struct {
	char *bus, *config, *log, *make_keys;
	bool help, version;
} given;

static const struct option own[] = {
	{ "bus", 'b', OPTION_TEXT, &given.bus, "ADDRESS",
	  "the directory of the sockets, or tcp://HOST:PORT (default "
	  "$RUNTIME_DIRECTORY, /run/sse-fcgi, $XDG_RUNTIME_DIR/sse-fcgi or "
	  "/tmp/sse-fcgi-UID, the first that exists)" },
	{ "config", 'c', OPTION_TEXT, &given.config, "FILE",
	  "read options from FILE, one \"name = value\" a line (default "
	  "~/.config/sse-hub.conf, else /etc/sse-hub.conf)" },
	{ "log", 0, OPTION_TEXT, &given.log, "stderr|syslog|FILE",
	  "where to log; FILE is opened again at SIGUSR1 (default stderr)" },
	{ "make-keys", 0, OPTION_TEXT, &given.make_keys, "DIR",
	  "make keys for a bus over the network, say what each is for, and "
	  "exit; each CLIENT publish:NAME or follow:NAME gets a key (default "
	  "publish:publisher and follow:worker)" },
	{ "version", 'V', OPTION_ACTION, &given.version, NULL,
	  "print the version and exit" },
	{ "help", 'h', OPTION_ACTION, &given.help, NULL,
	  "print this help and exit" },
	{ 0 },
};

static int
read_options(const struct options *o, int argc, char **argv, int *ret_first,
	     char *error, size_t size)
{
	int r = options_load(o, argc, argv, ret_first, error, size);

	if (r == 0 && *ret_first < argc && !given.make_keys) {
		snprintf(error, size,
			 "\"%.100s\" is one argument too many; try %s --help",
			 argv[*ret_first], o->program);
		r = -EINVAL;
	}
	return r;
}

static int
run(char *error, size_t size)
{
	struct hub_config config;
	int r;

	if (hub_options_config(&config, error, size) < 0 ||
	    bus_address_parse(given.bus, &config.bus, error, size) < 0)
		return EX_USAGE;
	r = hub_options_use_keys(&config, NULL, error, size);
	if (r < 0)
		return r == -EPERM ? EX_NOPERM : EX_USAGE;
	r = logging_open("sse-hub", given.log);
	if (r < 0) {
		snprintf(error, size, "cannot log to %.200s: %s", given.log,
			 strerror(-r));
		return EX_CANTCREAT;
	}
	return hub_run(&config);
}

int
main(int argc, char **argv)
{
	const struct option *tables[] = { own, hub_options(), NULL };
	struct options options = {
		.tables = tables,
		.program = "sse-hub",
		.synopsis = "[OPTION]...\n"
			    "   or: sse-hub --make-keys DIR [CLIENT]...",
		.summary = "Gives events one order, keeps the recent ones, and "
			   "hands them to sse-fcgi workers.",
	};
	char error[1024] = "";
	int first, r;

	r = read_options(&options, argc, argv, &first, error,
			 sizeof(error)) < 0 ? EX_USAGE : 0;
	if (r == 0 && given.help)
		options_print_help(&options);
	else if (r == 0 && given.version)
		puts("sse-hub " PACKAGE_VERSION);
	else if (r == 0 && given.make_keys)
		r = keymaker_run(given.make_keys,
				 (const char *const *)argv + first, error,
				 sizeof(error));
	else if (r == 0)
		r = run(error, sizeof(error));
	if (error[0])
		fprintf(stderr, "sse-hub: %s\n", error);
	options_free(&options);
	return r;
}
