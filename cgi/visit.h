/* SPDX-License-Identifier: MIT */
/* visit: one request by CGI, from its environment to the last byte. */
#ifndef CGI_VISIT_H
#define CGI_VISIT_H

#include <stdint.h>

#include "cgi/settings.h"

enum {
	VISIT_LATER_MS = 5000,	/* when a browser comes back that was put off */
};

/* What is said where nobody is there. */
#define VISIT_AWAY "The event service is not there now."

/* By when a worker has to be there for a request that begins now. */
int64_t visit_deadline_ms(void);

/* `fault` (may be NULL) is what is wrong with the settings. The exit status. */
int visit_run(const struct settings *settings, const char *fault);

#endif
