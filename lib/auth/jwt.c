/* SPDX-License-Identifier: MIT */
#include "lib/auth/jwt.h"

#include <errno.h>
#include <string.h>

#include "lib/auth/claims.h"
#include "lib/base/base64url.h"

/* A token in pieces. */
struct token {
	struct slice header, payload;	/* still encoded */
	struct slice signed_part;	/* both, with their dot */
	struct buf signature;		/* owned */
	struct claims *claims;		/* owned */
	unsigned actions;		/* of the keys that signed it */
	const char *why;		/* it is not good; NULL: no reason yet */
};

static int
deny(struct token *t, const char *why)
{
	t->why = why;
	return -EACCES;
}

/* ---- its form ---- */

static int
split(struct token *t, struct slice text)
{
	const char *end = text.p + text.len, *one, *two;
	int r;

	if (text.len > JWT_MAX)
		return deny(t, "The token has more than 8192 bytes.");
	one = text.len ? memchr(text.p, '.', text.len) : NULL;
	two = one ? memchr(one + 1, '.', (size_t)(end - one - 1)) : NULL;
	if (!two || memchr(two + 1, '.', (size_t)(end - two - 1)))
		return deny(t, "The token is not of three parts with dots "
			       "between them.");
	t->header = (struct slice){ text.p, (size_t)(one - text.p) };
	t->payload = (struct slice){ one + 1, (size_t)(two - one - 1) };
	t->signed_part = (struct slice){ text.p, (size_t)(two - text.p) };
	r = base64url_decode((struct slice){ two + 1, (size_t)(end - two - 1) },
			     &t->signature);
	return r == -EINVAL ?
	       deny(t, "The token's signature is not in base64url.") : r;
}

static int
read_part(struct slice part, struct claims **ret_claims)
{
	struct buf json = { 0 };
	int r = base64url_decode(part, &json);

	if (r == 0)
		r = claims_read(buf_slice(&json), ret_claims);
	buf_done(&json);
	return r;
}

/* ---- its signature ---- */

static bool
is_signed_by(const struct token *t, const struct keyring_key *key)
{
	unsigned char mac[CRYPTO_MAC_MAX];
	size_t len;

	if (!crypto_is_secret(key->alg))
		return crypto_verify(key->public, key->alg, t->signed_part,
				     buf_slice(&t->signature));
	len = crypto_mac(key->alg, keyring_secret(key), t->signed_part, mac);
	return len > 0 && crypto_is_equal(buf_slice(&t->signature),
					  (struct slice){ (char *)mac, len });
}

static int
find_key(struct token *t, const struct keyring *keys, enum crypto_alg alg)
{
	bool has_one = false;

	/* One key may be there twice, for reading and for publishing. */
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->keys[i].alg != alg)
			continue;
		has_one = true;
		if ((keys->keys[i].actions & ~t->actions) &&
		    is_signed_by(t, &keys->keys[i]))
			t->actions |= keys->keys[i].actions;
	}
	if (!has_one)
		return deny(t, "There is no key here for the algorithm that "
			       "the token says it is signed with.");
	return t->actions ? 0 :
	       deny(t, "The token's signature fits none of the keys.");
}

static int
read_header(struct token *t, enum crypto_alg *ret_alg)
{
	struct claims *header = NULL;
	struct slice name = SLICE_NONE;
	size_t n;
	int r = read_part(t->header, &header);

	if (r == -EINVAL)
		r = deny(t, "The token's header is not a JSON object in "
			    "base64url.");
	if (r < 0)
		return r;
	if (claims_text(header, "alg", &name) < 0)
		r = deny(t, "The token's header names no algorithm.");
	/* Extensions that must be understood; none is. */
	else if (claims_list(header, "crit", &n) != -ENOENT)
		r = deny(t, "The token's header demands an extension (crit) "
			    "that is not known here.");
	*ret_alg = crypto_alg_of(name);
	claims_free(header);
	return r;
}

static int
check_signature(struct token *t, const struct keyring *keys)
{
	enum crypto_alg alg;
	int r = read_header(t, &alg);

	if (r == 0 && alg == CRYPTO_NONE)
		r = deny(t, "The token is not signed with HS256, HS384, HS512, "
			    "RS256 or ES256.");
	return r < 0 ? r : find_key(t, keys, alg);
}

/* ---- its time ---- */

static int
check_time(struct token *t, int64_t unix_ms, struct grants *g)
{
	int64_t ms;
	int r = claims_time(t->claims, "nbf", &ms);

	if (r == -EINVAL)
		return deny(t, "The token's `nbf` is no number.");
	if (r == 0 && ms > unix_ms + JWT_LEEWAY_MS)
		return deny(t, "The token is not good yet (nbf).");
	r = claims_time(t->claims, "exp", &ms);
	if (r == -EINVAL)
		return deny(t, "The token's `exp` is no number.");
	if (r < 0)
		return 0;
	if (ms <= unix_ms)
		return deny(t, "The token has expired (exp).");
	grants_end_at(g, ms);
	return 0;
}

/* ---- what it grants ---- */

static int
grant(struct grants *g, enum grants_action action, struct slice prefix,
      struct slice selector)
{
	int r;

	if (slice_eq(selector, SLICE_LIT("*")))
		return grants_add_all(g, action, prefix);
	r = grants_add_below(g, action, prefix, selector);
	return r == -EINVAL || r == -EMSGSIZE ? 0 : r;
}

static int
grant_list(struct token *t, const struct claims *mercure,
	   enum grants_action action, struct slice prefix, struct grants *g)
{
	const char *name = action == GRANTS_PUBLISH ? "publish" : "subscribe";
	size_t n = 0;
	int r = claims_list(mercure, name, &n);

	if (r == -EINVAL)
		return deny(t, action == GRANTS_PUBLISH ?
			    "The token's mercure.publish is not a list of "
			    "topics." :
			    "The token's mercure.subscribe is not a list of "
			    "topics.");
	if (r < 0 || !(t->actions & 1u << action))
		return 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = grant(g, action, prefix, claims_item(mercure, name, i));
	return r;
}

static int
take_payload(const struct claims *mercure, struct grants *g)
{
	int r;

	if (g->payload.len > 0)
		return 0;
	r = claims_append(mercure, "payload", &g->payload);
	return r == -ENOENT ? 0 : r;
}

static int
take_subject(const struct token *t, struct grants *g)
{
	struct slice name;

	if (g->user.len > 0 || claims_text(t->claims, "sub", &name) < 0)
		return 0;
	return buf_append_slice(&g->user, name);
}

static int
take_grants(struct token *t, struct slice prefix, struct grants *g)
{
	const struct claims *mercure = NULL;
	int r = claims_object(t->claims, "https://mercure.rocks/", &mercure);

	if (r == -ENOENT)
		r = claims_object(t->claims, "mercure", &mercure);
	if (r == -EINVAL)
		return deny(t, "The token's `mercure` is not an object.");
	if (r < 0)
		return take_subject(t, g);
	r = grant_list(t, mercure, GRANTS_SUBSCRIBE, prefix, g);
	if (r == 0)
		r = grant_list(t, mercure, GRANTS_PUBLISH, prefix, g);
	if (r == 0)
		r = take_payload(mercure, g);
	return r < 0 ? r : take_subject(t, g);
}

static int
read_claims(struct token *t)
{
	int r = read_part(t->payload, &t->claims);

	return r == -EINVAL ? deny(t, "The token's claims are not a JSON "
				      "object in base64url.") : r;
}

static int
done(struct token *t, int r, const char **ret_why)
{
	if (t->claims)
		claims_free(t->claims);
	buf_done(&t->signature);
	*ret_why = t->why;
	return r;
}

int
jwt_check(const struct keyring *keys, struct slice token, int64_t unix_ms,
	  struct slice prefix, struct grants *g, const char **ret_why)
{
	struct token t = { 0 };
	int r = split(&t, token);

	if (r == 0)
		r = check_signature(&t, keys);
	if (r == 0)
		r = read_claims(&t);
	if (r == 0)
		r = check_time(&t, unix_ms, g);
	if (r == 0)
		r = take_grants(&t, prefix, g);
	return done(&t, r, ret_why);
}

int
jwt_read(struct slice text, struct grants *g, enum crypto_alg *ret_alg,
	 const char **ret_why)
{
	struct token t = { .actions = KEYRING_BOTH };
	int64_t ms;
	int r = split(&t, text);

	if (r == 0)
		r = read_header(&t, ret_alg);
	if (r == 0)
		r = read_claims(&t);
	if (r == 0 && claims_time(t.claims, "exp", &ms) == 0)
		grants_end_at(g, ms);
	if (r == 0)
		r = take_grants(&t, SLICE_NONE, g);
	return done(&t, r, ret_why);
}

int
jwt_make(const struct keyring_key *key, const struct grants *g,
	 int64_t unix_ms, struct buf *out)
{
	unsigned char mac[CRYPTO_MAC_MAX];
	struct buf text = { 0 };
	size_t from = out->len, len;
	int r = buf_printf(&text, "{\"typ\":\"JWT\",\"alg\":\"%s\"}",
			   crypto_alg_name(key->alg));

	if (r == 0)
		r = base64url_encode(buf_slice(&text), out);
	if (r == 0)
		r = buf_append_char(out, '.');
	buf_clear(&text);
	if (r == 0)
		r = claims_write(g, unix_ms, &text);
	if (r == 0)
		r = base64url_encode(buf_slice(&text), out);
	buf_done(&text);
	if (r < 0)
		return r;
	len = crypto_mac(key->alg, keyring_secret(key),
			 (struct slice){ out->p + from, out->len - from }, mac);
	r = len > 0 ? buf_append_char(out, '.') : -ENOMEM;
	return r < 0 ? r :
	       base64url_encode((struct slice){ (char *)mac, len }, out);
}
