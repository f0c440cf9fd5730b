/* SPDX-License-Identifier: MIT */
/*
 * keyring: the keys that tokens and tickets are checked with, from files.
 *
 * A key is for one algorithm. With several, old tokens stay good while a new key
 * is being taken into use.
 */
#ifndef LIB_AUTH_KEYRING_H
#define LIB_AUTH_KEYRING_H

#include <stddef.h>

#include "lib/auth/cryptoport.h"
#include "lib/auth/grants.h"
#include "lib/base/slice.h"

enum {
	KEYRING_MOST = 32,	/* each is tried for each token */
	KEYRING_FILE_SIZE = 16384,
	/* a shorter secret than SHA-256 has can be guessed (RFC 7518 3.2) */
	KEYRING_SECRET_LEAST = 32,

	KEYRING_SUBSCRIBE = 1 << GRANTS_SUBSCRIBE,
	KEYRING_PUBLISH = 1 << GRANTS_PUBLISH,
	KEYRING_BOTH = KEYRING_SUBSCRIBE | KEYRING_PUBLISH,
};

struct keyring_key {
	enum crypto_alg alg;
	unsigned actions;		/* what it can give rights for */
	char *secret;			/* owned; of the HS algorithms */
	size_t secret_len;
	struct crypto_key *public;	/* owned; of the others */
};

struct keyring {			/* zeroed: empty */
	struct keyring_key keys[KEYRING_MOST];
	size_t count;
};

/*
 * Adds the key of a file, `[ALG:]FILE`: a public key in PEM (RS256, ES256), or a
 * secret (HS256 unless ALG says HS384 or HS512), whose final line end is no part
 * of it. `option` is what to call it in sentences. 0; -ENOMEM; -EPERM: the
 * file's permissions are too wide, or it may not be read; -EINVAL; each with a
 * sentence, in which the key does not stand.
 */
int keyring_add(struct keyring *k, const char *option, const char *spec,
		unsigned actions, char *error, size_t size);

static inline struct slice
keyring_secret(const struct keyring_key *key)
{
	return (struct slice){ key->secret, key->secret_len };
}

void keyring_done(struct keyring *k);	/* wipes and frees */

#endif
