/* SPDX-License-Identifier: MIT */
/*
 * junk: what strangers send that is of no use. Each is counted; one line in
 * ten seconds says so, because a log that a stranger can fill is a hole.
 */
#ifndef HUB_JUNK_H
#define HUB_JUNK_H

#include <stdint.h>

struct junk {			/* zeroed: none yet */
	uint64_t count;
	uint64_t unsaid;	/* since the last line */
	int64_t quiet_until_ms;
};

/* `where` names the socket, `why` is a sentence. Lent for the call. */
void junk_note(struct junk *j, int64_t now_ms, const char *where,
	       const char *why);

/* The same of somebody who was not let in at all. */
void junk_note_client(struct junk *j, int64_t now_ms, const char *where,
		      const char *why);

#endif
