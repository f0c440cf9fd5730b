/* SPDX-License-Identifier: MIT */
/* sse-fcgi: server-sent events behind the web server that is already there. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "fcgi/settings.h"
#include "fcgi/listen.h"
#include "fcgi/setup.h"
#include "fcgi/supervisor.h"
#include "lib/base/logging.h"

/* A stream is a descriptor: as many as we may have. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
serve(const struct settings *config)
{
	struct listener listener;
	struct listen_fault fault;
	int r = logging_open("sse-fcgi", config->log);

	if (r < 0) {
		fprintf(stderr, "sse-fcgi: --log: cannot open \"%s\": %s.\n",
			config->log, strerror(-r));
		return EX_CANTCREAT;
	}
	r = listen_open(&config->listen, &listener, &fault);
	if (r < 0) {
		log_error("%s", fault.why);
		return fault.status;
	}
	raise_descriptor_limit();
	r = supervisor_run(config, &listener);
	listen_close(&listener, true);
	return r;
}

int
main(int argc, char **argv)
{
	struct settings config;
	char error[1024];
	int r;

	r = settings_load(argc, argv, &config, error, sizeof(error));
	if (r < 0) {
		fprintf(stderr, "sse-fcgi: %s\n", error);
		r = r == -EPERM ? EX_NOPERM : EX_USAGE;
	} else if (config.show_help) {
		settings_print_help();
	} else if (config.show_version) {
		puts("sse-fcgi " PACKAGE_VERSION);
	} else if (config.setup) {
		r = setup_run(config.setup_user);
	} else if (!config.check_only) {
		r = serve(&config);
	}
	settings_free();
	return r;
}
