/* SPDX-License-Identifier: MIT */
/*
 * jwt: what a JSON Web Token grants (RFC 7519; signed, in the compact form of
 * RFC 7515).
 *
 * Only a token that one of the keys signed grants anything, and which algorithm
 * counts is the key's matter, never the token's: `none` is no algorithm, and a
 * public key is no secret. Claims that are read:
 *
 *	exp, nbf	seconds of Unix time; exp may be missing
 *	sub		who it is for (a name, lib/auth/grants.h)
 *	mercure		{"subscribe": [...], "publish": [...], "payload": ...},
 *			also spelled "https://mercure.rocks/", which counts alone
 *			where both are; `*` in a list is all of the site
 *
 * A list holds selectors; what is none is skipped, because no topic can match it.
 */
#ifndef LIB_AUTH_JWT_H
#define LIB_AUTH_JWT_H

#include <stdint.h>

#include "lib/auth/grants.h"
#include "lib/auth/keyring.h"
#include "lib/base/slice.h"

enum {
	JWT_MAX = 8192,		/* bytes, as of a header field */
	/* by so much the clock of who made it may be ahead of ours */
	JWT_LEEWAY_MS = 60000,
};

/*
 * Checks a token at a time, and adds what it grants to `g`, with the site's prefix
 * (which may be absent) before each topic. 0; -EACCES: it is not good, and
 * *ret_why (a literal) says why in a sentence; -ENOBUFS: it grants more than
 * GRANTS_MOST; -ENOMEM. `g` may have a part of it after a failure.
 */
int jwt_check(const struct keyring *keys, struct slice token, int64_t unix_ms,
	      struct slice prefix, struct grants *g, const char **ret_why);

/*
 * What a token says, whoever made it and whenever it ends: to show it, and for
 * nothing else. As jwt_check; its algorithm may be CRYPTO_NONE.
 */
int jwt_read(struct slice token, struct grants *g, enum crypto_alg *ret_alg,
	     const char **ret_why);

/*
 * Appends a token that grants what is in `g`, until its end if it has one. The
 * key is a secret. 0; -EINVAL: g's payload is not JSON, or its user not UTF-8;
 * -ENOMEM.
 */
int jwt_make(const struct keyring_key *key, const struct grants *g,
	     int64_t unix_ms, struct buf *out);

#endif
