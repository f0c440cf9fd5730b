/* SPDX-License-Identifier: MIT */
/*
 * sse-token: makes tokens and tickets, and says what they say.
 * doc/sse-token.1 is its contract.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/auth/jwt.h"
#include "lib/auth/keyring.h"
#include "lib/auth/login.h"
#include "lib/auth/ticket.h"
#include "lib/base/base64url.h"
#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "tools/complain.h"
#include "tools/duration.h"
#include "tools/token_explain.h"

enum { SECRET_BYTES = 48, DEFAULT_TTL_MS = 3600 * 1000 };

struct command {		/* the command line; texts are borrowed */
	const char *key, *make_key, *user, *payload, *url;
	char **operands;	/* ends with NULL */
	int64_t ttl_ms;		/* -1: for ever */
	bool is_ticket;
	bool is_done;		/* --help or --version was answered */
};

static const char help_text[] =
"Usage: sse-token [OPTION]... {subscribe|publish} TOPIC... [{subscribe|publish} TOPIC...]\n"
"  or:  sse-token [OPTION]... explain {TOKEN|-}\n"
"  or:  sse-token --make-key FILE\n"
"Makes a JSON Web Token, or a ticket, with which its bearer may read or publish to\n"
"the topics, which may be selectors; or says what one grants, and whether it is good.\n"
"\n"
"  -k, --key [ALG:]FILE  the key that sse-fcgi has as --jwt-key or --ticket-key\n"
"                        (default: $SSE_TOKEN_KEY, a file's name too)\n"
"      --ttl TIME        how long it is good: 90s, 15m, 1h, 7d, or never (1h)\n"
"      --user NAME       who it is for\n"
"      --payload JSON    the claim mercure.payload, for programs that look at it\n"
"      --ticket          a ticket, see sse-ticket(5)\n"
"      --url URL         print that URL with it in the query\n"
"      --make-key FILE   make a secret; nothing that is there is overwritten\n"
"  -h, --help            print this and exit\n"
"      --version         print the version and exit\n"
"\n"
"Exit codes: 0 as wished, 64 usage, 65 what was to be explained is neither, 73 the\n"
"key cannot be made, 77 the token is not good, or the key's file may not be used.\n";

enum { OPTION_TTL = 256, OPTION_USER, OPTION_PAYLOAD, OPTION_TICKET, OPTION_URL,
       OPTION_MAKE_KEY, OPTION_VERSION };

static const char short_options[] = ":k:h";
static const struct option long_options[] = {
	{ "key", required_argument, NULL, 'k' },
	{ "ttl", required_argument, NULL, OPTION_TTL },
	{ "user", required_argument, NULL, OPTION_USER },
	{ "payload", required_argument, NULL, OPTION_PAYLOAD },
	{ "ticket", no_argument, NULL, OPTION_TICKET },
	{ "url", required_argument, NULL, OPTION_URL },
	{ "make-key", required_argument, NULL, OPTION_MAKE_KEY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* ---- the command line ---- */

static int
take_ttl(struct command *c, const char *text)
{
	c->ttl_ms = -1;
	if (strcmp(text, "never") == 0)
		return 0;
	if (duration_parse(text, &c->ttl_ms) == 0 && c->ttl_ms >= 1000)
		return 0;
	complain("--ttl %s: must be a time such as 90s, 15m, 1h or 7d, at most "
		 "24d, or never", text);
	return -EINVAL;
}

static int
refuse_option(int found, char **argv)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		complain("%s needs a value; see sse-token --help", word);
	else
		complain("%s is not an option, or has a value too many; see "
			 "sse-token --help", word);
	return -EINVAL;
}

static int
take_option(struct command *c, int found, char **argv)
{
	switch (found) {
	case 'k':
		c->key = optarg;
		return 0;
	case OPTION_TTL:
		return take_ttl(c, optarg);
	case OPTION_USER:
		c->user = optarg;
		return 0;
	case OPTION_PAYLOAD:
		c->payload = optarg;
		return 0;
	case OPTION_TICKET:
		c->is_ticket = true;
		return 0;
	case OPTION_URL:
		c->url = optarg;
		return 0;
	case OPTION_MAKE_KEY:
		c->make_key = optarg;
		return 0;
	case 'h':
		fputs(help_text, stdout);
		c->is_done = true;
		return 0;
	case OPTION_VERSION:
		puts("sse-token (" PACKAGE_NAME ") " PACKAGE_VERSION);
		c->is_done = true;
		return 0;
	default:
		return refuse_option(found, argv);
	}
}

/* What does not go together. A sentence, or NULL. */
static const char *
find_conflict(const struct command *c)
{
	if (c->make_key)
		return *c->operands ? "--make-key stands alone" : NULL;
	if (!*c->operands)
		return "say what to make: subscribe or publish, and topics; or "
		       "explain, and a token";
	if (c->is_ticket && c->ttl_ms < 0)
		return "a ticket has an end; give --ttl a time";
	if (c->is_ticket && c->payload)
		return "a ticket has no --payload";
	if (c->user && !login_is_name(slice_of(c->user)))
		return "--user: a name has no `/`, `*`, `{`, `}` and control "
		       "characters, and is none of private, $SYS, . and ..";
	if (c->url && strpbrk(c->url, "# \t\n"))
		return "--url: this is not a URL without a fragment";
	return NULL;
}

static int
parse(struct command *c, int argc, char **argv)
{
	const char *conflict;
	int found;

	opterr = 0;
	for (;;) {
		found = getopt_long(argc, argv, short_options, long_options,
				    NULL);
		if (found < 0)
			break;
		if (take_option(c, found, argv) < 0)
			return EX_USAGE;
		if (c->is_done)
			return EX_OK;
	}
	c->operands = argv + optind;
	if (!c->key)
		c->key = getenv("SSE_TOKEN_KEY");
	conflict = find_conflict(c);
	if (conflict) {
		complain("%s; see sse-token --help", conflict);
		return EX_USAGE;
	}
	return EX_OK;
}

/* ---- making a key ---- */

static int
make_key(const char *path)
{
	unsigned char bytes[SECRET_BYTES];
	struct buf text = { 0 };
	bool is_written;
	int fd, saved;

	random_bytes(bytes, sizeof(bytes));
	if (base64url_encode((struct slice){ (char *)bytes, sizeof(bytes) },
			     &text) < 0 || buf_append_char(&text, '\n') < 0) {
		complain("not enough memory");
		return EX_OSERR;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	is_written = fd >= 0 &&
		     write(fd, text.p, text.len) == (ssize_t)text.len &&
		     fsync(fd) == 0;
	saved = errno;
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 && !is_written)
		(void)unlink(path);
	buf_done(&text);
	if (is_written)
		return EX_OK;
	complain("cannot make %s: %s", path, strerror(saved));
	return EX_CANTCREAT;
}

/* ---- making a token ---- */

/* What is to be made: of a token the grants, of a ticket its statements, in which
 * {user} still stands for the name. */
struct wish {
	struct grants grants;
	struct buf statements;
};

static void
wish_done(struct wish *w)
{
	grants_done(&w->grants);
	buf_done(&w->statements);
}

static int
add_topic(const struct command *c, struct wish *w, enum grants_action action,
	  const char *topic)
{
	struct slice selector = slice_of(topic);
	struct event_fault fault;
	int r;

	if (login_check_selector(selector, &fault) < 0) {
		complain("%s: %s", topic, fault.why);
		return EX_DATAERR;
	}
	if (c->is_ticket)
		r = buf_printf(&w->statements, "\n%s %s",
			       action == GRANTS_PUBLISH ? "publish" :
							  "subscribe", topic);
	else if (strcmp(topic, "*") == 0)
		r = grants_add_all(&w->grants, action, SLICE_NONE);
	else
		r = grants_add(&w->grants, action, selector);
	if (r == 0)
		return EX_OK;
	if (r == -EINVAL)
		complain("%s: {user} stands for a name in tickets only", topic);
	else if (r == -ENOBUFS)
		complain("%s: this is one topic more than the %d that there "
			 "can be for an action", topic, GRANTS_MOST);
	else
		complain("not enough memory");
	return r == -ENOMEM ? EX_OSERR : EX_DATAERR;
}

static int
take_topics(const struct command *c, struct wish *w)
{
	enum grants_action action = GRANTS_ACTIONS;
	int code = EX_OK;

	for (char **at = c->operands; *at && code == EX_OK; at++) {
		if (strcmp(*at, "subscribe") == 0) {
			action = GRANTS_SUBSCRIBE;
		} else if (strcmp(*at, "publish") == 0) {
			action = GRANTS_PUBLISH;
		} else if (action == GRANTS_ACTIONS) {
			complain("%s: say first what may be done with it: "
				 "subscribe or publish", *at);
			code = EX_USAGE;
		} else {
			code = add_topic(c, w, action, *at);
		}
	}
	if (code == EX_OK && w->statements.len == 0 &&
	    grants_are_empty(&w->grants, GRANTS_SUBSCRIBE) &&
	    grants_are_empty(&w->grants, GRANTS_PUBLISH)) {
		complain("name the topics, as in sse-token subscribe 'news/*'");
		code = EX_USAGE;
	}
	return code;
}

static int
make_ticket(const struct command *c, const struct keyring_key *key,
	    const struct wish *w, int64_t now_ms, struct buf *out)
{
	struct buf text = { 0 };
	int r = buf_printf(&text, "expires %lld",
			   (long long)((now_ms + c->ttl_ms) / 1000));

	if (r == 0)
		r = buf_append_slice(&text, buf_slice(&w->statements));
	if (r == 0 && c->user)
		r = buf_printf(&text, "\nuser %s", c->user);
	if (r == 0)
		r = ticket_make(key, buf_slice(&text), out);
	buf_done(&text);
	return r;
}

static int
make_token(const struct command *c, const struct keyring_key *key,
	   struct wish *w, int64_t now_ms, struct buf *out)
{
	struct grants *g = &w->grants;
	int r = 0;

	if (c->ttl_ms >= 0)
		grants_end_at(g, now_ms + c->ttl_ms);
	if (c->user)
		r = buf_append_text(&g->user, c->user);
	if (r == 0 && c->payload)
		r = buf_append_text(&g->payload, c->payload);
	return r == 0 ? jwt_make(key, g, now_ms, out) : r;
}

static int
print_made(const struct command *c, struct slice made)
{
	const char *name = c->is_ticket ? "ticket" : "authorization";

	if (made.len > JWT_MAX) {
		complain("the token has %zu bytes, and at most %d are taken",
			 made.len, JWT_MAX);
		return EX_DATAERR;
	}
	if (c->url)
		printf("%s%c%s=", c->url, strchr(c->url, '?') ? '&' : '?',
		       name);
	printf("%.*s\n", (int)made.len, made.p);
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
make(const struct command *c, const struct keyring_key *key, struct wish *w)
{
	int64_t now_ms = clock_wall_ms();
	struct buf made = { 0 };
	int code = take_topics(c, w), r;

	if (code != EX_OK)
		return code;
	r = c->is_ticket ? make_ticket(c, key, w, now_ms, &made) :
			   make_token(c, key, w, now_ms, &made);
	if (r == 0) {
		code = print_made(c, buf_slice(&made));
	} else if (r == -EINVAL) {
		complain("--payload is not JSON, or --user is not UTF-8");
		code = EX_DATAERR;
	} else {
		complain("not enough memory");
		code = EX_OSERR;
	}
	buf_done(&made);
	return code;
}

static int
make_with(const struct command *c, const struct keyring *keys)
{
	struct wish w = { 0 };
	int code;

	if (keys->count == 0) {
		complain("there is no key; give --key, a file that sse-token "
			 "--make-key has made");
		return EX_USAGE;
	}
	if (!keys->keys[0].secret ||
	    (c->is_ticket && keys->keys[0].alg != CRYPTO_HS256)) {
		complain("--key %s: to make one needs a secret%s", c->key,
			 c->is_ticket ? ", for HS256" : "");
		return EX_USAGE;
	}
	code = make(c, &keys->keys[0], &w);
	wish_done(&w);
	return code;
}

/* ---- explaining one ---- */

/* One line of standard input. */
static int
explain_input(const struct keyring *keys)
{
	char text[JWT_MAX + 2];
	struct slice line;

	if (!fgets(text, sizeof(text), stdin)) {
		complain("there is no token on standard input");
		return EX_DATAERR;
	}
	line = (struct slice){ text, strcspn(text, "\r\n") };
	return token_explain(line, keys);
}

static int
explain(const struct command *c, const struct keyring *keys)
{
	const char *text = c->operands[1];

	if (keys->count == 0)
		keys = NULL;
	if (!text || c->operands[2]) {
		complain("explain takes one token, or - for standard input");
		return EX_USAGE;
	}
	return strcmp(text, "-") == 0 ? explain_input(keys) :
					token_explain(slice_of(text), keys);
}

static int
run(const struct command *c)
{
	struct keyring keys = { 0 };
	char error[512];
	int code, r = 0;

	if (c->make_key)
		return make_key(c->make_key);
	if (c->key)
		r = keyring_add(&keys, "key", c->key, KEYRING_BOTH, error,
				sizeof(error));
	if (r < 0) {
		complain("%s", error);
		return r == -EPERM ? EX_NOPERM : EX_USAGE;
	}
	code = strcmp(c->operands[0], "explain") == 0 ? explain(c, &keys) :
							make_with(c, &keys);
	keyring_done(&keys);
	return code;
}

int
main(int argc, char **argv)
{
	struct command c = { .ttl_ms = DEFAULT_TTL_MS };
	int code;

	complain_as("sse-token");
	code = parse(&c, argc, argv);
	if (code == EX_OK && !c.is_done)
		code = run(&c);
	if (fflush(stdout) != 0 && code == EX_OK)
		code = EX_IOERR;
	return code;
}
