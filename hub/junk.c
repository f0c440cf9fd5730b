/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/junk.h"

#include <inttypes.h>

#include "lib/base/logging.h"

enum { JUNK_QUIET_MS = 10000 };

static void
note(struct junk *j, int64_t now_ms, const char *where, const char *what,
     const char *why)
{
	j->count++;
	if (now_ms < j->quiet_until_ms) {
		j->unsaid++;
		return;
	}
	if (j->unsaid)
		log_warning("%s: refused a %s: %s (and %" PRIu64
			    " more before it)", where, what, why, j->unsaid);
	else
		log_warning("%s: refused a %s: %s", where, what, why);
	j->unsaid = 0;
	j->quiet_until_ms = now_ms + JUNK_QUIET_MS;
}

void
junk_note(struct junk *j, int64_t now_ms, const char *where, const char *why)
{
	note(j, now_ms, where, "message", why);
}

void
junk_note_client(struct junk *j, int64_t now_ms, const char *where,
		 const char *why)
{
	note(j, now_ms, where, "client", why);
}
