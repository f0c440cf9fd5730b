/* SPDX-License-Identifier: MIT */
/* unstored: says in the log that the store takes no events, now and then while
 * that lasts, and that it does again. */
#ifndef HUB_UNSTORED_H
#define HUB_UNSTORED_H

#include <stdbool.h>
#include <stdint.h>

struct unstored {		/* zeroed: all is well */
	bool is_wrong;
	int64_t quiet_until_ms;
};

/* After each batch: `why` it could not be stored, or NULL if it was. */
void unstored_note(struct unstored *u, int64_t now_ms, const char *why);

#endif
