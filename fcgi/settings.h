/* SPDX-License-Identifier: MIT */
/* settings: the options of sse-fcgi, read and checked. */
#ifndef FCGI_SETTINGS_H
#define FCGI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/authority.h"
#include "fcgi/listen.h"
#include "fcgi/local.h"
#include "fcgi/service.h"
#include "hub/hub.h"
#include "lib/base/options.h"
#include "lib/bus/address.h"

struct settings {
	/* what to do instead of serving */
	bool show_help, show_version, check_only, setup;
	char *setup_user;		/* --setup-user */

	uint64_t workers;
	bool has_hub;			/* runs one of its own */
	bool is_plain;			/* --connect */
	struct option_texts connect, prefixes;
	struct bus_address bus;
	struct hub_config hub;
	struct listen_config listen;
	struct service_config service;
	char *log;
	const struct authority *authority;	/* never NULL */
	bool http_publish;		/* POST by the web server */
	char *publish_listen;		/* "unix:PATH"; NULL: none */
	uid_t publish_users[LOCAL_USERS_MAX];	/* who may there */
	size_t n_publish_users;
	int64_t idle_exit_ms;		/* 0: never */
	int64_t worker_timeout_ms;	/* 0: never */
	char *handoff;			/* the hand-over socket; NULL: BUS/handoff */
};

/*
 * Reads the configuration file, the environment and the command line, and
 * checks all of it. 0; -EINVAL, or -EPERM for a file of keys, with a whole
 * sentence. Once per process.
 */
int settings_load(int argc, char **argv, struct settings *ret_config, char *error,
		size_t size);
void settings_print_help(void);
void settings_free(void);

#endif
