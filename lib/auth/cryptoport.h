/* SPDX-License-Identifier: MIT */
/* cryptoport: the only file that sees OpenSSL (1.1.1 or 3). */
#ifndef LIB_AUTH_CRYPTOPORT_H
#define LIB_AUTH_CRYPTOPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

/* The algorithms of RFC 7518 section 3 that are known here. */
enum crypto_alg {
	CRYPTO_NONE,		/* no algorithm; nothing is ever signed with it */
	CRYPTO_HS256,
	CRYPTO_HS384,
	CRYPTO_HS512,
	CRYPTO_RS256,
	CRYPTO_ES256,
};

enum { CRYPTO_MAC_MAX = 64 };

struct crypto_key;

/* Whether it is one of the HMACs: who can check one can make one. */
static inline bool
crypto_is_secret(enum crypto_alg alg)
{
	return alg >= CRYPTO_HS256 && alg <= CRYPTO_HS512;
}

/* By its name in a token, exactly; CRYPTO_NONE: it is not known. */
enum crypto_alg crypto_alg_of(struct slice name);
const char *crypto_alg_name(enum crypto_alg alg);

/* HMAC of `data`, for the HS algorithms; its length. 0: it failed. */
size_t crypto_mac(enum crypto_alg alg, struct slice key, struct slice data,
		  unsigned char out[CRYPTO_MAC_MAX]);

/* Compares in a time that tells nothing of where they differ. */
bool crypto_is_equal(struct slice a, struct slice b);

/*
 * Reads a public key in PEM. 0; -EINVAL: it is none of RSA (2048 to 8192 bits)
 * or of the curve P-256; -ENOMEM. *ret_alg is what it checks.
 */
int crypto_key_read(struct slice pem, struct crypto_key **ret_key,
		    enum crypto_alg *ret_alg);
struct crypto_key *crypto_key_free(struct crypto_key *key);

/* Whether `signature`, in the form of RFC 7518, is the key's for `data`. */
bool crypto_verify(const struct crypto_key *key, enum crypto_alg alg,
		   struct slice data, struct slice signature);

#endif
