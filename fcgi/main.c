/* SPDX-License-Identifier: MIT */
/* sse-fcgi: server-sent events behind the web server that is already there. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "fcgi/caretaker.h"
#include "fcgi/settings.h"
#include "fcgi/listen.h"
#include "fcgi/listen_again.h"
#include "fcgi/program.h"
#include "fcgi/publish_listen.h"
#include "fcgi/reload.h"
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
open_log(const struct settings *config)
{
	int r = logging_open("sse-fcgi", config->log);

	if (r == 0)
		return 0;
	fprintf(stderr, "sse-fcgi: --log: cannot open \"%s\": %s.\n",
		config->log, strerror(-r));
	return EX_CANTCREAT;
}

/*
 * A supervisor asks before it gives way (trial.h): whether what a start needs
 * is there, beyond the options.
 */
static int
try_start(const struct settings *config)
{
	int r = config->has_hub ? hub_try(&config->hub) : 0;

	return r ? r : open_log(config);
}

/* The sockets of the program before this one, or a first one. */
static int
open_sockets(const struct settings *config, struct reload *reload,
	     struct listener *ret_listener, struct listener *ret_former,
	     struct listen_fault *ret_fault)
{
	*ret_former = (struct listener){ .fd = -1 };
	if (!reload->is_set)
		return listen_open(&config->listen, ret_listener, ret_fault);
	if (reload_check(reload) == 0)
		return listen_again(&config->listen, reload, ret_listener,
				    ret_former, ret_fault);
	*ret_fault = (struct listen_fault){
		EX_SOFTWARE, "The sockets were not passed on."
	};
	return -EBADF;
}

static int
serve(const struct settings *config, char **argv, struct reload *reload)
{
	struct listener listener, former, local;
	struct program program;
	struct supervisor_start start = {
		.config = config,
		.program = &program,
		.listener = &listener,
		.former = &former,
		.local = &local,
		.reload = reload,
	};
	struct listen_fault fault;
	int r = open_log(config);

	if (r != 0 && reload->is_set)
		return caretaker_run(reload, argv, "--log cannot be opened");
	if (r != 0)
		return r;
	if (open_sockets(config, reload, &listener, &former, &fault) < 0) {
		log_error("%s", fault.why);
		return fault.status;
	}
	if (publish_listen(config->publish_listen, reload, &local,
			   &fault) < 0) {
		log_error("%s", fault.why);
		listen_close(&listener, true);
		return fault.status;
	}
	raise_descriptor_limit();
	program_find(&program, argv);
	r = supervisor_run(&start);
	listen_close(&listener, true);
	listen_close(&former, true);
	listen_close(&local, true);
	return r;
}

static int
run(int argc, char **argv, struct reload *reload)
{
	struct settings config;
	char error[1024];
	int r;

	r = settings_load(argc, argv, &config, error, sizeof(error));
	if (r < 0 && reload->is_set && !reload->is_trial) {
		(void)logging_open("sse-fcgi", NULL);
		r = caretaker_run(reload, argv, error);
	} else if (r < 0) {
		fprintf(stderr, "sse-fcgi: %s\n", error);
		r = r == -EPERM ? EX_NOPERM : EX_USAGE;
	} else if (config.show_help) {
		settings_print_help();
	} else if (config.show_version) {
		puts("sse-fcgi " PACKAGE_VERSION);
	} else if (config.setup) {
		r = setup_run(config.setup_user);
	} else if (!config.check_only) {
		r = serve(&config, argv, reload);
	} else if (reload->is_set) {
		r = try_start(&config);
	}
	settings_free();
	return r;
}

int
main(int argc, char **argv)
{
	struct reload reload;
	int r = reload_take(&reload);

	if (r < 0) {
		fprintf(stderr, "sse-fcgi: this version cannot take over from the one that runs; restart it instead.\n");
		return EX_SOFTWARE;
	}
	r = run(argc, argv, &reload);
	reload_done(&reload);
	return r;
}
