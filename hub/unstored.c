/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/unstored.h"

#include "lib/base/logging.h"

enum { UNSTORED_QUIET_MS = 10000 };

void
unstored_note(struct unstored *u, int64_t now_ms, const char *why)
{
	if (!why) {
		if (u->is_wrong)
			log_notice("events are stored again");
		u->is_wrong = false;
		return;
	}
	if (!u->is_wrong || now_ms >= u->quiet_until_ms) {
		log_error("events are refused: %s", why);
		u->quiet_until_ms = now_ms + UNSTORED_QUIET_MS;
	}
	u->is_wrong = true;
}
