/* SPDX-License-Identifier: MIT */
/*
 * responder_config: what sse_responder_options come to, with its defaults.
 */
#ifndef FCGI_RESPONDER_CONFIG_H
#define FCGI_RESPONDER_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/responder.h>

#include "fcgi/service.h"
#include "lib/base/options.h"

struct responder_config {	/* zeroed: empty */
	struct service_config service;	/* its texts are below; no judge */
	size_t max_event;
	int64_t tick_ms;
	char *mount;		/* owned, as are the next two */
	struct option_texts default_topics, cors_origins;
};

/*
 * Reads and checks options into an empty config, and copies their texts. 0,
 * -ENOMEM, or -EINVAL with a sentence that names options as sse-fcgi does.
 * responder_config_done in each case.
 */
int responder_config_read(struct responder_config *c,
			  const struct sse_responder_options *o, char *error,
			  size_t size);
void responder_config_done(struct responder_config *c);

#endif
