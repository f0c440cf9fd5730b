/* SPDX-License-Identifier: MIT */
/* sse-hub: the hub as a program of its own. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hub/hub.h"
#include "hub/keymaker.h"
#include "hub/offline.h"
#include "hub/options.h"
#include "hub/store_open.h"
#include "lib/base/logging.h"

static struct {
	char *bus, *config, *log, *make_keys;
	bool check, dump, load, recover, new_epoch, check_config;
	bool help, version;
} given;

static const struct option own[] = {
	{ "bus", 'b', OPTION_TEXT, &given.bus, "ADDRESS",
	  "the directory of the sockets, or tcp://HOST:PORT (default "
	  "$RUNTIME_DIRECTORY, /run/sse-fcgi, ~/.local/state/sse-cgi, "
	  "$XDG_RUNTIME_DIR/sse-fcgi or /tmp/sse-fcgi-UID, the first that "
	  "exists)" },
	{ "config", 'c', OPTION_TEXT, &given.config, "FILE",
	  "read options from FILE, one \"name = value\" a line (default "
	  "~/.config/sse-hub.conf, else /etc/sse-hub.conf)" },
	{ "log", 0, OPTION_TEXT, &given.log, "stderr|syslog|FILE",
	  "where to log; FILE is opened again at SIGUSR1 (default stderr)" },
	{ "make-keys", 0, OPTION_TEXT, &given.make_keys, "DIR",
	  "make keys for a bus over the network, say what each is for, and "
	  "exit; each CLIENT publish:NAME or follow:NAME gets a key (default "
	  "publish:publisher and follow:worker)" },
	{ "check", 0, OPTION_ACTION, &given.check, NULL,
	  "read the whole store, say what is in it, and exit" },
	{ "dump", 0, OPTION_ACTION, &given.dump, NULL,
	  "write the store to standard output as lines of JSON, and exit" },
	{ "load", 0, OPTION_ACTION, &given.load, NULL,
	  "make a store of a dump on standard input, and exit" },
	{ "recover", 0, OPTION_ACTION, &given.recover, NULL,
	  "save what can be read of a damaged store into a new one, and exit" },
	{ "new-epoch", 0, OPTION_ACTION, &given.new_epoch, NULL,
	  "begin a new epoch of ids in the store, and exit; with --load, in "
	  "the one that is made" },
	{ "check-config", 0, OPTION_ACTION, &given.check_config, NULL,
	  "check the options, the keys and the directory of --store, and "
	  "exit" },
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

/* The action that was asked for; OFFLINE_NONE: to be the hub; -1: two. */
static int
action(char *error, size_t size)
{
	const struct {
		bool is_given;
		enum offline_action action;
	} all[] = {
		{ given.check, OFFLINE_CHECK },
		{ given.dump, OFFLINE_DUMP },
		{ given.load, OFFLINE_LOAD },
		{ given.recover, OFFLINE_RECOVER },
		{ given.new_epoch && !given.load, OFFLINE_NEW_EPOCH },
	};
	int found = OFFLINE_NONE;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (!all[i].is_given)
			continue;
		if (found != OFFLINE_NONE) {
			snprintf(error, size, "only one of --check, --dump, --load, --recover and --new-epoch can be done at a time; --load --new-epoch is one");
			return -1;
		}
		found = (int)all[i].action;
	}
	return found;
}

static int
run(char *error, size_t size)
{
	struct hub_config config;
	int r, what = action(error, size);

	if (what < 0 || hub_options_config(&config, error, size) < 0 ||
	    bus_address_parse(given.bus, &config.bus, error, size) < 0)
		return EX_USAGE;
	if (what != OFFLINE_NONE)
		return offline_run((enum offline_action)what, &config,
				   given.new_epoch, error, size);
	r = hub_options_use_keys(&config, NULL, error, size);
	if (r < 0)
		return r == -EPERM ? EX_NOPERM : EX_USAGE;
	if (given.check_config)
		return store_open_check(&config);
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
			    "   or: sse-hub --make-keys DIR [CLIENT]...\n"
			    "   or: sse-hub --check|--dump|--recover|--new-epoch "
			    "[--store DIR | --bus ADDRESS]\n"
			    "   or: sse-hub --load [--new-epoch] "
			    "[--store DIR | --bus ADDRESS]",
		.summary = "Gives events one order, keeps the recent ones, and "
			   "hands them to sse-fcgi workers.",
	};
	char error[4096] = "";
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
