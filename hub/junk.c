/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/junk.h"

#include <inttypes.h>

#include "lib/base/logging.h"

enum { JUNK_QUIET_MS = 10000 };

void
junk_note(struct junk *j, int64_t now_ms, const char *where, const char *why)
{
	j->count++;
	if (now_ms < j->quiet_until_ms) {
		j->unsaid++;
		return;
	}
	if (j->unsaid)
		log_warning("%s: refused a message: %s (and %" PRIu64
			    " more before it)", where, why, j->unsaid);
	else
		log_warning("%s: refused a message: %s", where, why);
	j->unsaid = 0;
	j->quiet_until_ms = now_ms + JUNK_QUIET_MS;
}
