/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "lib/auth/keyring.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/textfile.h"

/* Where a mistake is told. */
struct report {
	const char *option, *path;
	char *error;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int
wrong(const struct report *r, int code, const char *format, ...)
{
	va_list args;
	int n = snprintf(r->error, r->size, "--%s %.200s: ", r->option,
			 r->path);

	va_start(args, format);
	if (n > 0 && (size_t)n < r->size)
		vsnprintf(r->error + n, r->size - (size_t)n, format, args);
	va_end(args);
	return code;
}

/* ALG: and the file's name. A name with a colon that begins with no algorithm
 * is a name. */
static const char *
split_spec(const char *spec, enum crypto_alg *ret_alg)
{
	const char *colon = strchr(spec, ':');

	*ret_alg = CRYPTO_NONE;
	if (!colon)
		return spec;
	*ret_alg = crypto_alg_of((struct slice){ spec, (size_t)(colon - spec) });
	return *ret_alg == CRYPTO_NONE ? spec : colon + 1;
}

static int
take_public(struct keyring_key *key, const struct report *report,
	    struct slice text, enum crypto_alg alg)
{
	int r;

	if (strstr(text.p, "PRIVATE KEY-----"))
		return wrong(report, -EINVAL, "This is a private key, which "
			     "belongs where tokens are made; give its public "
			     "part (openssl pkey -pubout).");
	r = crypto_key_read(text, &key->public, &key->alg);
	if (r == -ENOMEM)
		return wrong(report, r, "There is no memory for it.");
	if (r < 0)
		return wrong(report, r, "This is no public key for RS256 (RSA "
			     "of 2048 bits or more) or ES256 (P-256) in PEM.");
	if (alg != CRYPTO_NONE && alg != key->alg)
		return wrong(report, -EINVAL, "This is a key for %s, and none "
			     "for %s.", crypto_alg_name(key->alg),
			     crypto_alg_name(alg));
	return 0;
}

static int
take_secret(struct keyring_key *key, const struct report *report,
	    struct slice text, enum crypto_alg alg)
{
	if (alg != CRYPTO_NONE && !crypto_is_secret(alg))
		return wrong(report, -EINVAL, "There is no public key in PEM, "
			     "which %s needs.", crypto_alg_name(alg));
	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--;
	if (text.len < KEYRING_SECRET_LEAST)
		return wrong(report, -EINVAL, "The secret has %zu bytes, and "
			     "one of fewer than %d can be guessed; "
			     "`sse-token --make-key FILE` makes a good one.",
			     text.len, KEYRING_SECRET_LEAST);
	key->alg = alg == CRYPTO_NONE ? CRYPTO_HS256 : alg;
	key->secret = malloc(text.len);
	if (!key->secret)
		return wrong(report, -ENOMEM, "There is no memory for it.");
	memcpy(key->secret, text.p, text.len);
	key->secret_len = text.len;
	return 0;
}

static int
take_text(struct keyring_key *key, const struct report *report,
	  struct slice text, bool is_private, enum crypto_alg alg)
{
	if (strstr(text.p, "-----BEGIN "))
		return take_public(key, report, text, alg);
	if (!is_private)
		return wrong(report, -EPERM, "Every user can read this secret. "
			     "Take that right away: chmod o-r %.200s",
			     report->path);
	return take_secret(key, report, text, alg);
}

int
keyring_add(struct keyring *k, const char *option, const char *spec,
	    unsigned actions, char *error, size_t size)
{
	struct report report = { option, spec, error, size };
	struct keyring_key key = { .actions = actions };
	char text[KEYRING_FILE_SIZE];
	enum crypto_alg alg;
	bool is_private;
	int r;

	report.path = split_spec(spec, &alg);
	if (k->count == KEYRING_MOST)
		return wrong(&report, -EINVAL, "This is one key more than the "
			     "%d that there can be.", KEYRING_MOST);
	r = textfile_read(report.path, text, sizeof(text), &is_private, error,
			  size);
	if (r == 0)
		r = take_text(&key, &report, slice_of(text), is_private, alg);
	explicit_bzero(text, sizeof(text));
	if (r < 0) {
		crypto_key_free(key.public);
		return r;
	}
	k->keys[k->count++] = key;
	return 0;
}

void
keyring_done(struct keyring *k)
{
	for (size_t i = 0; i < k->count; i++) {
		if (k->keys[i].secret)
			explicit_bzero(k->keys[i].secret,
				       k->keys[i].secret_len);
		free(k->keys[i].secret);
		crypto_key_free(k->keys[i].public);
	}
	memset(k, 0, sizeof(*k));
}
