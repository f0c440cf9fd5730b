/* SPDX-License-Identifier: MIT */
#include "lib/auth/cryptoport.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum {
	RSA_LEAST = 2048, RSA_MOST = 8192,	/* bits */
	ES256_HALF = 32,	/* a signature is two numbers of that size */
};

/* struct crypto_key is never defined: it is an EVP_PKEY by another name. */
static EVP_PKEY *
pkey_of(const struct crypto_key *key)
{
	return (EVP_PKEY *)(uintptr_t)key;
}

static const struct {
	enum crypto_alg alg;
	const char *name;
} algs[] = {
	{ CRYPTO_HS256, "HS256" }, { CRYPTO_HS384, "HS384" },
	{ CRYPTO_HS512, "HS512" }, { CRYPTO_RS256, "RS256" },
	{ CRYPTO_ES256, "ES256" },
};

enum crypto_alg
crypto_alg_of(struct slice name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (slice_eq(name, slice_of(algs[i].name)))
			return algs[i].alg;
	return CRYPTO_NONE;
}

const char *
crypto_alg_name(enum crypto_alg alg)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return "none";
}

/* ---- secrets ---- */

size_t
crypto_mac(enum crypto_alg alg, struct slice key, struct slice data,
	   unsigned char out[CRYPTO_MAC_MAX])
{
	const EVP_MD *md = alg == CRYPTO_HS256 ? EVP_sha256() :
			   alg == CRYPTO_HS384 ? EVP_sha384() :
			   alg == CRYPTO_HS512 ? EVP_sha512() : NULL;
	unsigned len = 0;

	if (!md || key.len > INT_MAX)
		return 0;
	if (!HMAC(md, key.p, (int)key.len, (const unsigned char *)data.p,
		  data.len, out, &len))
		return 0;
	return len;
}

bool
crypto_is_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	       (a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0);
}

/* ---- public keys ---- */

/* The object identifier of P-256 in the key's own encoding; which of the ways to
 * ask for a curve exists depends on the library's version. */
static bool
is_p256(EVP_PKEY *pkey)
{
	static const unsigned char oid[] = { 0x06, 0x08, 0x2a, 0x86, 0x48,
					     0xce, 0x3d, 0x03, 0x01, 0x07 };
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);
	bool found = false;

	for (int i = 0; i + (int)sizeof(oid) <= len && !found; i++)
		found = memcmp(der + i, oid, sizeof(oid)) == 0;
	OPENSSL_free(der);
	return found;
}

static enum crypto_alg
alg_of(EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_bits(pkey);

	switch (EVP_PKEY_base_id(pkey)) {
	case EVP_PKEY_RSA:
		return bits >= RSA_LEAST && bits <= RSA_MOST ? CRYPTO_RS256 :
							       CRYPTO_NONE;
	case EVP_PKEY_EC:
		return bits == 256 && is_p256(pkey) ? CRYPTO_ES256 :
						      CRYPTO_NONE;
	default:
		return CRYPTO_NONE;
	}
}

/* Nobody is to be asked for a password on the terminal. */
static int
no_password(char *out, int size, int rwflag, void *user)
{
	(void)out;
	(void)size;
	(void)rwflag;
	(void)user;
	return -1;
}

int
crypto_key_read(struct slice pem, struct crypto_key **ret_key,
		enum crypto_alg *ret_alg)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (pem.len > INT_MAX)
		return -EINVAL;
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (!bio)
		return -ENOMEM;
	pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	BIO_free(bio);
	*ret_alg = pkey ? alg_of(pkey) : CRYPTO_NONE;
	ERR_clear_error();
	if (*ret_alg == CRYPTO_NONE) {
		EVP_PKEY_free(pkey);
		return -EINVAL;
	}
	*ret_key = (struct crypto_key *)pkey;
	return 0;
}

struct crypto_key *
crypto_key_free(struct crypto_key *key)
{
	EVP_PKEY_free(pkey_of(key));
	return NULL;
}

/* RFC 7518 writes the two numbers side by side, OpenSSL wants them in DER. */
static int
der_of(struct slice raw, unsigned char **ret_der)
{
	const unsigned char *bytes = (const unsigned char *)raw.p;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	int len = -1;

	if (sig && raw.len == 2 * ES256_HALF) {
		r = BN_bin2bn(bytes, ES256_HALF, NULL);
		s = BN_bin2bn(bytes + ES256_HALF, ES256_HALF, NULL);
	}
	if (r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL;	/* are the signature's now */
		len = i2d_ECDSA_SIG(sig, ret_der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return len;
}

static bool
verify(EVP_PKEY *pkey, struct slice data, const unsigned char *signature,
       size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_good;

	is_good = ctx &&
		  EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
		  EVP_DigestVerify(ctx, signature, len,
				   (const unsigned char *)data.p, data.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return is_good;
}

bool
crypto_verify(const struct crypto_key *key, enum crypto_alg alg,
	      struct slice data, struct slice signature)
{
	unsigned char *der = NULL;
	bool is_good = false;
	int len;

	if (alg == CRYPTO_RS256)
		return verify(pkey_of(key), data,
			      (const unsigned char *)signature.p,
			      signature.len);
	if (alg != CRYPTO_ES256)
		return false;
	len = der_of(signature, &der);
	if (len > 0)
		is_good = verify(pkey_of(key), data, der, (size_t)len);
	OPENSSL_free(der);
	return is_good;
}
