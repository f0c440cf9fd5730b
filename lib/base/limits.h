/* SPDX-License-Identifier: MIT */
/* limits: every bound that is not an option, with the reason for its number. */
#ifndef LIB_BASE_LIMITS_H
#define LIB_BASE_LIMITS_H

enum {
	/* data of one event by default (--max-event); a page that needs more
	 * wants a link to it, not a stream */
	LIMIT_EVENT_DEFAULT = 1 << 20,
	LIMIT_EVENT_MOST = 8 << 20,

	/* unacknowledged events of one publisher: enough to hide the round
	 * trip and a wait for the disk (with 256 a fifth to a half fewer are
	 * stored in a second, the slower the disk the worse), small enough to
	 * send again */
	LIMIT_PUBLISH_WINDOW = 1024,
	LIMIT_PUBLISH_WINDOW_BYTES = 1 << 20,

	/* a replay page: answered in well under a heartbeat */
	LIMIT_PAGE_EVENTS = 1000,
	LIMIT_PAGE_BYTES = 1 << 20,
	LIMIT_PAGE_SCANNED = 50000,

	/* live events that wait in a follower for a repair */
	LIMIT_REPAIR_BYTES = 4 << 20,

	/* keys that the hub remembers, by number and by age */
	LIMIT_KEYS = 100000,
	LIMIT_KEY_AGE_MS = 600000,

	/* hub heartbeats, and how many may be missing before a repair */
	LIMIT_HUB_HEARTBEAT_MS = 1000,
	LIMIT_HUB_SILENCE_MS = 3000,
};

#endif
