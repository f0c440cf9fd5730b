/* SPDX-License-Identifier: MIT */
/* Tokens and tickets: what is good, and what somebody might try. */
#include "lib/auth/jwt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/auth/ticket.h"
#include "lib/base/base64url.h"
#include "tests/unit/unit.h"

#define NOW_MS INT64_C(1700000000000)

static char secret[] = "0123456789abcdef0123456789abcdef";
static char ticket_secret[] = "fedcba9876543210fedcba9876543210";

/* Made by another program, which also signed the tokens below. */
static const char rsa_public[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqyteggSd1meHoaTI8mWR\n"
	"T+0A/Eqsy0GDcTLsvcLuwC4iQ0XQxE5lY2hQlOGtZI2+rIrRm1rQP1kWol55QeCM\n"
	"gizXmkWiX9xEMqxOCWlVhEeMD0j0Q7bbqLhQW9Z6vZ/ZAzqY8fU9jajBxHvuW5IR\n"
	"KxiaP64gZwiLaPdFzOb8VDNQG87fnQAP40iwZozTiZPhFrZsn7KpN51BcPKAhgwU\n"
	"OipBeK6qkW5qG4aRPYrrfipCdUY+aZWXFiQHMgO1WKaGJyvsR1VZ0e7zcNFGs0Lb\n"
	"1PX0PTLMNytEBiwDySmYXuttm89cDbK3U64kWhRAC1TnfeyCRElqZGsfSVaeFRAT\n"
	"kQIDAQAB\n"
	"-----END PUBLIC KEY-----\n";
static const char rsa_token[] =
	"eyJhbGciOiJSUzI1NiJ9.eyJtZXJjdXJlIjp7InN1YnNjcmliZSI6WyJhIl19fQ."
	"PiQBoF4h3cKGwJRSn6-_vo3U8rANBXM1OCq2-BP3kXW_vQw8EOuqNzLqN-WDuUQO"
	"ldT7Eqh8Q3hPkHdsYIv0zcvk6aM57x44CArK0ywnkKuci4MUHLwkHxoPxwFK93Ob"
	"cEqKZUayqUZHOIJ9zJdY-Gh5o0W56Avbtxc17dczaAE5Se5cascIZ7MFBTXH7gtV"
	"fmmFoA8OrQuITVzJ-C8q-yfACUdS43OrPHvoQrQ_eYFpyc4vRmDT4Zy-"
	"v_hMn406rwQDJcIDRh4ZNuGGcrWKmRqTWFx-"
	"dzbYTOituYJDor9ZoiVt3J-tblI_M8-QSmjroGeA-6PK5DLriDMahLLjfA";
static const char ec_public[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAET9ZynGGvRgMsVKW+uiqDkUqHbpLd\n"
	"Z12lY5OnQp9Q6djx/kDsOwU8TksDB9hEhptjc7itW97X6fEuXgIXLj4WVQ==\n"
	"-----END PUBLIC KEY-----\n";
static const char ec_token[] =
	"eyJhbGciOiJFUzI1NiJ9.eyJtZXJjdXJlIjp7InN1YnNjcmliZSI6WyJhIl19fQ."
	"w2GhzEkmY_LD8O6f74gPvs2RaVuxQCoc6CYiloK5zoHrUhloio_mSvKyutiptVJN"
	"fY3EweaEtKqLVS5vV2hb_A";

static struct keyring
ring_of(enum crypto_alg alg, char *text)
{
	return (struct keyring){
		.keys = { { .alg = alg, .actions = KEYRING_BOTH,
			    .secret = text, .secret_len = strlen(text) } },
		.count = 1,
	};
}

static struct keyring
public_ring(const char *pem)
{
	struct keyring k = { .count = 1 };

	k.keys[0].actions = KEYRING_BOTH;
	assert_int_equal(crypto_key_read(slice_of(pem), &k.keys[0].public,
					 &k.keys[0].alg), 0);
	return k;
}

/* Both parts as they stand here, signed with a key of that algorithm. */
static void
sign(const char *header, const char *claims, enum crypto_alg alg,
     const char *key, struct buf *out)
{
	unsigned char mac[CRYPTO_MAC_MAX];
	size_t len;

	buf_clear(out);
	assert_int_equal(base64url_encode(slice_of(header), out), 0);
	assert_int_equal(buf_append_char(out, '.'), 0);
	assert_int_equal(base64url_encode(slice_of(claims), out), 0);
	len = crypto_mac(alg, slice_of(key), buf_slice(out), mac);
	assert_true(len > 0);
	assert_int_equal(buf_append_char(out, '.'), 0);
	assert_int_equal(base64url_encode((struct slice){ (char *)mac, len },
					  out), 0);
}

#define HS256 "{\"alg\":\"HS256\"}"
#define ALL "{\"mercure\":{\"subscribe\":[\"*\"]}}"

static const struct {
	const char *header, *claims;
	enum crypto_alg alg;	/* that it is signed with */
	int result;
} rows[] = {
	{ HS256, ALL, CRYPTO_HS256, 0 },
	{ "{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"x\"}", ALL, CRYPTO_HS256, 0 },
	{ HS256, "{}", CRYPTO_HS256, 0 },
	{ " \n" HS256 "\t", ALL, CRYPTO_HS256, 0 },
	/* The algorithm. */
	{ "{\"alg\":\"none\"}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":\"\"}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":null}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":[\"HS256\"]}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":\"hs256\"}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":\"HS384\"}", ALL, CRYPTO_HS384, -EACCES },
	{ "{\"alg\":\"HS256\"}", ALL, CRYPTO_HS384, -EACCES },
	{ "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":\"RS256\"}", ALL, CRYPTO_HS256, -EACCES },
	{ "{}", ALL, CRYPTO_HS256, -EACCES },
	{ "[]", ALL, CRYPTO_HS256, -EACCES },
	{ "", ALL, CRYPTO_HS256, -EACCES },
	{ "{\"alg\":\"HS256\",\"crit\":[]}", ALL, CRYPTO_HS256, -EACCES },
	{ HS256 "x", ALL, CRYPTO_HS256, -EACCES },
	/* The claims. */
	{ HS256, "", CRYPTO_HS256, -EACCES },
	{ HS256, "[]", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":{\"subscribe\":[\"*\"]}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":1}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":{\"subscribe\":\"*\"}}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":{\"subscribe\":[1]}}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":{\"subscribe\":[\"a\\u0000b\"]}}", CRYPTO_HS256,
	  -EACCES },
	{ HS256, "{\"a\":1,\"a\":2}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"mercure\":{\"publish\":[],\"publish\":[\"*\"]}}",
	  CRYPTO_HS256, -EACCES },
	{ HS256, "{\"a\":\"\xff\"}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", CRYPTO_HS256,
	  -EACCES },
	/* Time. */
	{ HS256, "{\"exp\":1700000001}", CRYPTO_HS256, 0 },
	{ HS256, "{\"exp\":1700000000}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":1700000000.5}", CRYPTO_HS256, 0 },
	{ HS256, "{\"exp\":-1}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":9223372036854775807}", CRYPTO_HS256, 0 },
	{ HS256, "{\"exp\":99999999999999999999999}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":1e300}", CRYPTO_HS256, 0 },
	{ HS256, "{\"exp\":1e999}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":\"1800000000\"}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":null}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"exp\":true}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"nbf\":1700000060}", CRYPTO_HS256, 0 },
	{ HS256, "{\"nbf\":1700000061}", CRYPTO_HS256, -EACCES },
	{ HS256, "{\"nbf\":\"x\"}", CRYPTO_HS256, -EACCES },
	/* Topics that cannot be are skipped. */
	{ HS256, "{\"mercure\":{\"subscribe\":[\"\",\"a{\",\"b\"]}}",
	  CRYPTO_HS256, 0 },
};

static int
check(const struct keyring *k, struct slice token, struct grants *g,
      const char **ret_why)
{
	*ret_why = NULL;
	return jwt_check(k, token, NOW_MS, SLICE_NONE, g, ret_why);
}

static void
takes_what_is_good_and_nothing_else(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, secret);
	struct buf token = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct grants g = { 0 };
		const char *why;
		int r;

		sign(rows[i].header, rows[i].claims, rows[i].alg, secret, &token);
		r = check(&k, buf_slice(&token), &g, &why);
		unit_check(r == rows[i].result && !why == !r,
			   "row %zu: %d %s: %s", i, r, rows[i].claims,
			   why ? why : "");
		grants_done(&g);
	}
	buf_done(&token);
}

/* Every byte of a good token counts, and so does how long it is. */
static void
takes_no_token_that_is_nearly_good(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, secret);
	struct buf token = { 0 };
	const char *why;

	(void)state;
	sign(HS256, ALL, CRYPTO_HS256, secret, &token);
	for (size_t i = 0; i < token.len; i++) {
		struct grants g = { 0 };
		char was = token.p[i];

		assert_int_equal(check(&k, (struct slice){ token.p, i }, &g,
				       &why), -EACCES);
		token.p[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(check(&k, buf_slice(&token), &g, &why),
				 -EACCES);
		token.p[i] = '=';
		assert_int_equal(check(&k, buf_slice(&token), &g, &why),
				 -EACCES);
		token.p[i] = was;
		assert_true(grants_are_empty(&g, GRANTS_SUBSCRIBE));
		grants_done(&g);
	}
	for (const char *more = "A=. \n"; *more; more++) {
		struct grants g = { 0 };

		assert_int_equal(buf_append_char(&token, *more), 0);
		assert_int_equal(check(&k, buf_slice(&token), &g, &why),
				 -EACCES);
		token.len--;
		grants_done(&g);
	}
	buf_done(&token);
}

static void
takes_tokens_of_another_program(void **state)
{
	struct keyring rsa = public_ring(rsa_public);
	struct keyring ec = public_ring(ec_public);
	struct buf forged = { 0 };
	struct grants g = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(check(&rsa, slice_of(rsa_token), &g, &why), 0);
	assert_int_equal(check(&ec, slice_of(ec_token), &g, &why), 0);
	assert_true(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("a")));
	assert_int_equal(check(&rsa, slice_of(ec_token), &g, &why), -EACCES);
	assert_int_equal(check(&ec, slice_of(rsa_token), &g, &why), -EACCES);
	/* The same signature, spelled with a bit that means nothing. */
	assert_int_equal(buf_append_text(&forged, ec_token), 0);
	assert_int_equal(forged.p[forged.len - 1], 'A');
	forged.p[forged.len - 1] = 'B';
	assert_int_equal(check(&ec, buf_slice(&forged), &g, &why), -EACCES);
	/* What everybody knows is no secret. */
	sign(HS256, ALL, CRYPTO_HS256, rsa_public, &forged);
	assert_int_equal(check(&rsa, buf_slice(&forged), &g, &why), -EACCES);
	assert_int_equal(check(&ec, buf_slice(&forged), &g, &why), -EACCES);
	grants_done(&g);
	buf_done(&forged);
	keyring_done(&rsa);
	keyring_done(&ec);
}

static void
a_key_is_for_what_it_is_for(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, secret);
	struct buf token = { 0 };
	struct grants g = { 0 };
	const char *why;

	(void)state;
	k.keys[0].actions = KEYRING_PUBLISH;
	sign(HS256, "{\"mercure\":{\"subscribe\":[\"*\"],\"publish\":[\"b\"]},"
		    "\"sub\":\"ann\"}", CRYPTO_HS256, secret, &token);
	assert_int_equal(jwt_check(&k, buf_slice(&token), NOW_MS,
				   slice_of("site/"), &g, &why), 0);
	assert_true(grants_are_empty(&g, GRANTS_SUBSCRIBE));
	assert_true(grants_cover(&g, GRANTS_PUBLISH, slice_of("site/b")));
	assert_false(grants_cover(&g, GRANTS_PUBLISH, slice_of("b")));
	assert_true(slice_eq(buf_slice(&g.user), slice_of("ann")));
	grants_done(&g);
	buf_done(&token);
}

/* As the reference hub has it. */
static void
the_long_name_counts_alone(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, secret);
	struct buf token = { 0 };
	struct grants g = { 0 };
	const char *why;

	(void)state;
	sign(HS256, "{\"mercure\":{\"publish\":[\"a\"],\"subscribe\":[\"a\"]},"
		    "\"https://mercure.rocks/\":{\"subscribe\":[\"b\"]}}",
	     CRYPTO_HS256, secret, &token);
	assert_int_equal(check(&k, buf_slice(&token), &g, &why), 0);
	assert_true(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("b")));
	assert_false(grants_cover(&g, GRANTS_SUBSCRIBE, slice_of("a")));
	assert_true(grants_are_empty(&g, GRANTS_PUBLISH));
	grants_done(&g);
	buf_done(&token);
}

static void
what_is_made_is_read_again(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS384, secret);
	struct grants g = { 0 }, back = { 0 };
	struct buf token = { 0 };
	enum crypto_alg alg;
	const char *why;

	(void)state;
	assert_int_equal(grants_add(&g, GRANTS_SUBSCRIBE, slice_of("a/{x}")), 0);
	assert_int_equal(grants_add_all(&g, GRANTS_PUBLISH, SLICE_NONE), 0);
	assert_int_equal(buf_append_text(&g.user, "\"ann\""), 0);
	assert_int_equal(buf_append_text(&g.payload, "[1, {}]"), 0);
	grants_end_at(&g, NOW_MS + 5000);
	assert_int_equal(jwt_make(&k.keys[0], &g, NOW_MS, &token), 0);
	assert_int_equal(check(&k, buf_slice(&token), &back, &why), 0);
	assert_true(grants_cover(&back, GRANTS_SUBSCRIBE, slice_of("a/b")));
	assert_true(grants_cover(&back, GRANTS_PUBLISH, slice_of("private/z")));
	assert_int_equal(back.expires_ms, NOW_MS + 5000);
	assert_true(slice_eq(buf_slice(&back.payload), slice_of("[1,{}]")));
	assert_true(slice_eq(buf_slice(&back.user), slice_of("\"ann\"")));
	grants_done(&back);
	assert_int_equal(jwt_read(buf_slice(&token), &back, &alg, &why), 0);
	assert_int_equal(alg, CRYPTO_HS384);
	buf_clear(&g.payload);
	assert_int_equal(buf_append_text(&g.payload, "{"), 0);
	assert_int_equal(jwt_make(&k.keys[0], &g, NOW_MS, &token), -EINVAL);
	grants_done(&g);
	grants_done(&back);
	buf_done(&token);
}

/* ---- tickets ---- */

static const struct {
	const char *text;
	int result;
	const char *reads;	/* NULL: nothing to look at */
} tickets[] = {
	{ "expires 1700000001", 0, NULL },
	{ "expires 1700000001\nsubscribe private/{user}/*\nuser ann", 0,
	  "private/ann/x" },
	{ "subscribe private/{user}/*\nexpires 1700000001\nuser J\xc3\xb6rg", 0,
	  "private/J\xc3\xb6rg/x" },
	{ "expires 1700000001\nsubscribe a/{user}", 0, NULL },
	{ "", -EACCES, NULL },
	{ "subscribe a", -EACCES, NULL },
	{ "expires 1700000000", -EACCES, NULL },
	{ "expires never", -EACCES, NULL },
	{ "expires -1", -EACCES, NULL },
	{ "expires 99999999999999999999", -EACCES, NULL },
	{ "expires 1700000001\nexpires 1", -EACCES, NULL },
	{ "expires 1700000001\n", 0, NULL },
	{ "expires 1700000001\n\n", -EACCES, NULL },
	{ "expires 1700000001\nuser a/b", -EACCES, NULL },
	{ "expires 1700000001\nuser *", -EACCES, NULL },
	{ "expires 1700000001\nuser private", -EACCES, NULL },
	/* A name with a line end is no statement. */
	{ "expires 1700000001\nuser ann\nsubscribe *", -EACCES, NULL },
	{ "expires 1700000001\nsubscribe", -EACCES, NULL },
	{ "expires 1700000001\nSubscribe a", -EACCES, NULL },
	{ "expires 1700000001\r\nsubscribe a", -EACCES, NULL },
};

static void
takes_good_tickets_and_nothing_else(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, ticket_secret);
	struct keyring other = ring_of(CRYPTO_HS256, secret);
	struct buf ticket = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(tickets); i++) {
		struct grants g = { 0 };
		const char *why = NULL;
		int r;

		buf_clear(&ticket);
		assert_int_equal(ticket_make(&k.keys[0],
					     slice_of(tickets[i].text),
					     &ticket), 0);
		r = ticket_check(&k, buf_slice(&ticket), NOW_MS, SLICE_NONE, &g,
				 &why);
		unit_check(r == tickets[i].result && !why == !r,
			   "row %zu: %d %s", i, r, why ? why : "");
		if (tickets[i].reads)
			assert_true(grants_cover(&g, GRANTS_SUBSCRIBE,
						 slice_of(tickets[i].reads)));
		else
			assert_true(r < 0 ||
				    grants_are_empty(&g, GRANTS_SUBSCRIBE));
		assert_int_equal(ticket_check(&other, buf_slice(&ticket),
					      NOW_MS, SLICE_NONE, &g, &why),
				 -EACCES);
		grants_done(&g);
	}
	buf_done(&ticket);
}

static void
takes_no_ticket_that_is_nearly_good(void **state)
{
	struct keyring k = ring_of(CRYPTO_HS256, ticket_secret);
	struct buf ticket = { 0 };

	(void)state;
	assert_int_equal(ticket_make(&k.keys[0],
				     slice_of("expires 1700000001\n"
					      "subscribe a"), &ticket), 0);
	for (size_t i = 0; i < ticket.len; i++) {
		struct grants g = { 0 };
		char was = ticket.p[i];
		const char *why;

		assert_int_equal(ticket_check(&k, (struct slice){ ticket.p, i },
					      NOW_MS, SLICE_NONE, &g, &why),
				 -EACCES);
		for (const char *c = "0aAFg-"; *c; c++) {
			ticket.p[i] = *c;
			if (*c != was)
				assert_int_equal(ticket_check(
				    &k, buf_slice(&ticket), NOW_MS, SLICE_NONE,
				    &g, &why), -EACCES);
		}
		ticket.p[i] = was;
		grants_done(&g);
	}
	buf_done(&ticket);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_good_and_nothing_else),
		cmocka_unit_test(takes_no_token_that_is_nearly_good),
		cmocka_unit_test(takes_tokens_of_another_program),
		cmocka_unit_test(a_key_is_for_what_it_is_for),
		cmocka_unit_test(the_long_name_counts_alone),
		cmocka_unit_test(what_is_made_is_read_again),
		cmocka_unit_test(takes_good_tickets_and_nothing_else),
		cmocka_unit_test(takes_no_ticket_that_is_nearly_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
