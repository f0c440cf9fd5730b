/* SPDX-License-Identifier: MIT */
/*
 * ticket: rights that a page of the site writes down and signs, with nothing but
 * what every scripting language has (sse-ticket(5)):
 *
 *	sse1-HEX-MAC
 *
 * HEX is a text in hexadecimal digits, MAC the HMAC-SHA256 of `sse1-HEX`, likewise.
 * The text has one statement a line; `expires` must be there, and `user`, if it is
 * there, is the last one and takes all that follows:
 *
 *	expires SECONDS			Unix time
 *	subscribe SELECTOR
 *	publish SELECTOR
 *	user NAME			and {user} in a selector stands for it
 *
 * So a name with a line end in it is a name that is refused, and no statement.
 * Digits are lower case: a ticket can be written in one way only.
 */
#ifndef LIB_AUTH_TICKET_H
#define LIB_AUTH_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/grants.h"
#include "lib/auth/keyring.h"
#include "lib/base/slice.h"

enum { TICKET_MAX = 8192 };	/* bytes, as of a header field */

/*
 * Checks a ticket with the HS256 keys of a ring, and adds what it grants to `g`. As
 * jwt_check (jwt.h).
 */
int ticket_check(const struct keyring *keys, struct slice ticket,
		 int64_t unix_ms, struct slice prefix, struct grants *g,
		 const char **ret_why);

/* What a ticket says, whoever made it and whenever it ends: to show it, and for
 * nothing else. As ticket_check. */
int ticket_read(struct slice ticket, struct grants *g, const char **ret_why);

bool ticket_is_one(struct slice text);	/* rather than a JSON Web Token */

/* Appends the ticket that a key makes of a text. 0 or -ENOMEM. */
int ticket_make(const struct keyring_key *key, struct slice text,
		struct buf *out);

#endif
