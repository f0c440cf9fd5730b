/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/cors.h"

#include "tests/unit/unit.h"

/* Whose page it is, for a site at www.example.org. */
static const struct {
	const char *origin, *referer, *host;
	enum cors_source named, anybody;	/* without and with `*` */
} rows[] = {
	{ NULL, NULL, "www.example.org", CORS_UNKNOWN, CORS_UNKNOWN },
	{ "https://www.example.org", NULL, "www.example.org", CORS_OWN,
	  CORS_OWN },
	{ "http://WWW.example.org:8080", NULL, "www.example.org:8080",
	  CORS_OWN, CORS_OWN },
	{ "http://www.example.org:81", NULL, "www.example.org", CORS_FOREIGN,
	  CORS_ANYBODY },
	{ "https://friend.example", NULL, "www.example.org", CORS_NAMED,
	  CORS_NAMED },
	{ "http://friend.example", NULL, "www.example.org", CORS_FOREIGN,
	  CORS_ANYBODY },
	{ "https://evil.example", NULL, "www.example.org", CORS_FOREIGN,
	  CORS_ANYBODY },
	{ "https://www.example.org.evil.example", NULL, "www.example.org",
	  CORS_FOREIGN, CORS_ANYBODY },
	{ "https://evilwww.example.org", NULL, "www.example.org", CORS_FOREIGN,
	  CORS_ANYBODY },
	{ "null", NULL, "www.example.org", CORS_FOREIGN, CORS_ANYBODY },
	{ "https://", NULL, "", CORS_FOREIGN, CORS_ANYBODY },
	/* the Origin goes first */
	{ "https://evil.example", "https://www.example.org/a",
	  "www.example.org", CORS_FOREIGN, CORS_ANYBODY },
	{ NULL, "https://www.example.org/a?b#c", "www.example.org", CORS_OWN,
	  CORS_OWN },
	{ NULL, "https://www.example.org", "www.example.org", CORS_OWN,
	  CORS_OWN },
	{ NULL, "https://friend.example/x", "www.example.org", CORS_NAMED,
	  CORS_NAMED },
	{ NULL, "https://evil.example/https://www.example.org",
	  "www.example.org", CORS_FOREIGN, CORS_ANYBODY },
	{ NULL, "https://evil.example?www.example.org", "www.example.org",
	  CORS_FOREIGN, CORS_ANYBODY },
	{ NULL, "https://www.example.org@evil.example/", "www.example.org",
	  CORS_FOREIGN, CORS_ANYBODY },
	{ NULL, "rubbish", "www.example.org", CORS_FOREIGN, CORS_ANYBODY },
	{ NULL, "://www.example.org", "www.example.org", CORS_FOREIGN,
	  CORS_ANYBODY },
};

static void
knows_whose_page_it_is(void **state)
{
	char *texts[] = { (char[]){ "https://friend.example" },
			  (char[]){ "*" } };
	struct option_texts named = { .items = texts, .count = 1 };
	struct option_texts anybody = { .items = texts, .count = 2 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct params p = {
			.origin = slice_of(rows[i].origin),
			.referer = slice_of(rows[i].referer),
			.host = slice_of(rows[i].host),
		};

		unit_check(cors_source(&named, &p) == rows[i].named,
			   "row %zu: %d", i, cors_source(&named, &p));
		unit_check(cors_source(&anybody, &p) == rows[i].anybody,
			   "row %zu with *: %d", i, cors_source(&anybody, &p));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_whose_page_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
