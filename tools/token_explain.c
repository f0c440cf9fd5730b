/* SPDX-License-Identifier: MIT */
#include "tools/token_explain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "lib/auth/grants.h"
#include "lib/auth/jwt.h"
#include "lib/auth/ticket.h"
#include "lib/base/clock.h"
#include "tools/complain.h"
#include "tools/jsontext.h"

static void
print_text(const char *what, struct slice text)
{
	if (text.len == 0)
		return;
	printf("%s: ", what);
	jsontext_put(text.p, text.len);
	putchar('\n');
}

static void
print_grants(const struct grants *g, enum grants_action action,
	     const char *what)
{
	struct slice rest = grants_selectors(g, action), each;

	if (grants_are_empty(g, action))
		return;
	printf("%s:", what);
	if (g->of[action].all)
		fputs(" everything but $SYS/", stdout);
	while (grants_next(&rest, &each)) {
		putchar(' ');
		jsontext_put(each.p, each.len);
	}
	putchar('\n');
}

static void
print_end(int64_t expires_ms)
{
	int64_t left = (expires_ms - clock_wall_ms()) / 1000;
	time_t at = (time_t)(expires_ms / 1000);
	char text[64] = "?";
	struct tm tm;

	if (expires_ms == 0) {
		puts("until: for ever");
		return;
	}
	if (gmtime_r(&at, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC",
			       &tm);
	if (left >= 0)
		printf("until: %s, %" PRId64 " seconds from now\n", text, left);
	else
		printf("until: %s, %" PRId64 " seconds ago\n", text, -left);
}

/* Whether a worker would take it. */
static int
check(struct slice text, bool is_ticket, const struct keyring *keys)
{
	struct grants g = { 0 };
	const char *why = "there is no memory for it";
	int r;

	if (!keys) {
		puts("signature: not checked, there is no --key");
		return EX_OK;
	}
	r = is_ticket ?
	    ticket_check(keys, text, clock_wall_ms(), SLICE_NONE, &g, &why) :
	    jwt_check(keys, text, clock_wall_ms(), SLICE_NONE, &g, &why);
	grants_done(&g);
	printf("is it good? %s\n", r == 0 ? "yes" : why);
	return r == 0 ? EX_OK : EX_NOPERM;
}

int
token_explain(struct slice text, const struct keyring *keys)
{
	bool is_ticket = ticket_is_one(text);
	enum crypto_alg alg = CRYPTO_HS256;
	struct grants g = { 0 };
	const char *why = "there is no memory for it";
	int r = is_ticket ? ticket_read(text, &g, &why) :
			    jwt_read(text, &g, &alg, &why);

	if (r < 0) {
		complain("%s", why);
		grants_done(&g);
		return EX_DATAERR;
	}
	if (is_ticket)
		puts("a ticket");
	else
		printf("a JSON Web Token, algorithm: %s\n",
		       alg == CRYPTO_NONE ? "none that is taken" :
					    crypto_alg_name(alg));
	print_text("for", buf_slice(&g.user));
	print_grants(&g, GRANTS_SUBSCRIBE, "may read");
	print_grants(&g, GRANTS_PUBLISH, "may publish");
	if (g.payload.len > 0) {
		fputs("payload: ", stdout);
		jsontext_put_value(g.payload.p, g.payload.len);
		putchar('\n');
	}
	print_end(g.expires_ms);
	grants_done(&g);
	return check(text, is_ticket, keys);
}
