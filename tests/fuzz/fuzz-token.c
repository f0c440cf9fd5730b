/* SPDX-License-Identifier: MIT */
/*
 * Tokens and tickets: nothing but the key's own signature grants anything, and
 * what is signed is read without harm whatever it says. Input: a byte that says
 * how, and a token, a ticket, or what is to be signed.
 */
#include <errno.h>
#include <string.h>

#include "lib/auth/jwt.h"
#include "lib/auth/ticket.h"
#include "lib/base/base64url.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS INT64_C(1700000000000)

static char secret[] = "0123456789abcdef0123456789abcdef";

static const struct keyring ring = {
	.keys = { { .alg = CRYPTO_HS256, .actions = KEYRING_BOTH,
		    .secret = secret, .secret_len = sizeof(secret) - 1 } },
	.count = 1,
};

static void
check_result(int r, struct grants *g, const char *why)
{
	must(r == 0 || r == -ENOBUFS || (r == -EACCES && why));
	if (r == 0 && g->expires_ms)
		must(g->expires_ms > NOW_MS);
	must(!grants_cover(g, GRANTS_SUBSCRIBE, SLICE_LIT("$SYS")) ||
	     g->of[GRANTS_SUBSCRIBE].count > 0 || g->of[GRANTS_SUBSCRIBE].all);
	grants_done(g);
}

/* As it came. The signature of a token that fits would be a great find. */
static void
check_raw(struct slice text)
{
	struct grants g = { 0 };
	enum crypto_alg alg;
	const char *why = NULL;
	int r;

	r = jwt_check(&ring, text, NOW_MS, SLICE_NONE, &g, &why);
	check_result(r, &g, why);
	r = ticket_check(&ring, text, NOW_MS, SLICE_NONE, &g, &why);
	check_result(r, &g, why);
	(void)jwt_read(text, &g, &alg, &why);
	(void)ticket_read(text, &g, &why);
	grants_done(&g);
}

static void
check_claims(struct slice claims)
{
	struct buf token = { 0 };
	struct grants g = { 0 };
	unsigned char mac[CRYPTO_MAC_MAX];
	const char *why = NULL;
	size_t len;
	int r;

	must(buf_append_text(&token, "eyJhbGciOiJIUzI1NiJ9.") == 0);
	must(base64url_encode(claims, &token) == 0);
	len = crypto_mac(CRYPTO_HS256, slice_of(secret), buf_slice(&token), mac);
	must(buf_append_char(&token, '.') == 0);
	must(base64url_encode((struct slice){ (char *)mac, len }, &token) == 0);
	r = jwt_check(&ring, buf_slice(&token), NOW_MS, SLICE_LIT("site/"), &g,
		      &why);
	check_result(r, &g, why);
	buf_done(&token);
}

static void
check_ticket(struct slice text)
{
	struct buf ticket = { 0 };
	struct grants g = { 0 };
	const char *why = NULL;
	int r;

	must(ticket_make(&ring.keys[0], text, &ticket) == 0);
	r = ticket_check(&ring, buf_slice(&ticket), NOW_MS, SLICE_NONE, &g,
			 &why);
	check_result(r, &g, why);
	buf_done(&ticket);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice text = { (const char *)bytes + 1, len - 1 };

	if (len < 2)
		return 0;
	switch (bytes[0] % 3) {
	case 0:
		check_raw(text);
		break;
	case 1:
		check_claims(text);
		break;
	default:
		check_ticket(text);
	}
	return 0;
}
