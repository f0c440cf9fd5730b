/* SPDX-License-Identifier: MIT */
/*
 * settings: what sse-cgi is told by the environment (SSE_CGI_...) and by
 * sse-cgi.conf. Never by its arguments: Apache hands a query without a `=` to
 * a CGI program as arguments, so they are the client's.
 */
#ifndef CGI_SETTINGS_H
#define CGI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct settings {
	char *socket;		/* of a worker that others start; or NULL */
	char *state;		/* the directory of ours; NULL: the usual one */
	char *program;		/* sse-fcgi; NULL: it is looked for */
	uint64_t streams;	/* at a time; who comes beyond polls */
	bool stay;		/* a service may stay behind */
	int64_t idle_ms;	/* after which that ends */
};

/* 0, or -EINVAL and the like with a whole sentence. Once per process. */
int settings_load(struct settings *ret_settings, char *error, size_t size);
void settings_print_help(void);
void settings_free(void);

#endif
