/* SPDX-License-Identifier: MIT */
/*
 * sse-subscribe: shows what is on the bus, or at a URL.
 * doc/sse-subscribe.1 is its contract.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sse-fcgi/event.h>

#include "tools/complain.h"
#include "tools/duration.h"
#include "tools/keys.h"
#include "tools/show.h"
#include "tools/url.h"
#include "tools/watch.h"

struct subscribe {		/* the command line; texts are borrowed */
	const char *bus;
	const char **endpoints;	/* owned array, ends with NULL */
	size_t endpoint_count;
	const char *after;
	const char *const *operands;	/* ends with NULL */
	struct show show;
	int64_t until_ms;
	bool is_done;		/* --help or --version was answered */
};

static const char help_text[] =
"Usage: sse-subscribe [OPTION]... [TOPIC]...\n"
"  or:  sse-subscribe [OPTION]... URL\n"
"Shows events of the bus as they come, or those that an http:// or https:// URL\n"
"streams. TOPIC may be a selector: news, 'news/*', 'user/{id}/mail', '*';\n"
"without one, everything is shown that '*' stands for.\n"
"\n"
"  -b, --bus BUS         the hub: a directory or tcp://HOST:PORT (default: $SSE_BUS)\n"
"      --curve-key FILE  our keys, for a hub on another machine\n"
"      --curve-hub FILE  its public key (sse-hub --make-keys makes both)\n"
"      --connect ENDPOINT  a plain ZeroMQ PUB socket instead of a hub; repeatable\n"
"      --after ID        begin with what followed the event ID\n"
"      --earliest        begin with the oldest event that is kept\n"
"      --json            one object a line: {topic,event,id,time,data}\n"
"  -n, --count N         end after N events\n"
"      --timeout TIME    end after that time: 500ms, 5s, 2m, or seconds\n"
"  -h, --help            print this and exit\n"
"      --version         print the version and exit\n"
"\n"
"Exit codes: 0 as wished, 64 usage, 69 no hub or no stream, 75 the time was over\n"
"before N events, 77 no permission.\n";

enum { OPTION_CONNECT = 256, OPTION_AFTER, OPTION_EARLIEST, OPTION_JSON,
       OPTION_TIMEOUT, OPTION_VERSION, OPTION_CURVE_KEY, OPTION_CURVE_HUB };

static const char short_options[] = ":b:n:h";
static const struct option long_options[] = {
	{ "bus", required_argument, NULL, 'b' },
	{ "curve-key", required_argument, NULL, OPTION_CURVE_KEY },
	{ "curve-hub", required_argument, NULL, OPTION_CURVE_HUB },
	{ "connect", required_argument, NULL, OPTION_CONNECT },
	{ "after", required_argument, NULL, OPTION_AFTER },
	{ "earliest", no_argument, NULL, OPTION_EARLIEST },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "count", required_argument, NULL, 'n' },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int
take_count(struct subscribe *c, const char *text)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    n == 0 || n >= UINT64_MAX) {
		complain("--count %s: must be a whole number from 1 on", text);
		return -EINVAL;
	}
	c->show.left = n;
	return 0;
}

static int
take_timeout(struct subscribe *c, const char *text)
{
	int64_t ms;

	if (duration_parse(text, &ms) < 0) {
		complain("--timeout %s: must be a time such as 500ms, 5s, 2m or "
			 "a number of seconds, at most 24d", text);
		return -EINVAL;
	}
	c->until_ms = duration_now() + ms;
	return 0;
}

/* It becomes a line of a request, where it must not end the line. */
static int
take_after(struct subscribe *c, const char *text)
{
	const char *p;

	for (p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			complain("--after: an id has no control characters, "
				 "but byte %td is one", p - text);
			return -EINVAL;
		}
	}
	if (p == text) {
		complain("--after: the id is empty");
		return -EINVAL;
	}
	c->after = text;
	return 0;
}

static int
refuse_option(int found, char **argv)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		complain("%s needs a value; see sse-subscribe --help", word);
	else if (optopt > 0 && optopt < 256 &&
		 strchr(short_options, optopt) == NULL)
		complain("-%c is not an option; see sse-subscribe --help",
			 optopt);
	else
		complain("%s is not an option, or has a value too many; see "
			 "sse-subscribe --help", word);
	return -EINVAL;
}

static int
take_option(struct subscribe *c, int found, char **argv)
{
	switch (found) {
	case 'b':
		c->bus = optarg;
		return 0;
	case OPTION_CURVE_KEY:
		return keys_take("SSE_CURVE_KEY", optarg);
	case OPTION_CURVE_HUB:
		return keys_take("SSE_CURVE_HUB", optarg);
	case OPTION_CONNECT:
		c->endpoints[c->endpoint_count++] = optarg;
		return 0;
	case OPTION_AFTER:
		return take_after(c, optarg);
	case OPTION_EARLIEST:
		c->after = "earliest";
		return 0;
	case OPTION_JSON:
		c->show.is_json = true;
		return 0;
	case 'n':
		return take_count(c, optarg);
	case OPTION_TIMEOUT:
		return take_timeout(c, optarg);
	case 'h':
		fputs(help_text, stdout);
		c->is_done = true;
		return 0;
	case OPTION_VERSION:
		puts("sse-subscribe (" PACKAGE_NAME ") " PACKAGE_VERSION);
		c->is_done = true;
		return 0;
	default:
		return refuse_option(found, argv);
	}
}

static int
check_operands(const struct subscribe *c)
{
	const char *const *operand;
	char why[256];

	for (operand = c->operands; *operand != NULL; operand++) {
		if (url_is_one(*operand)) {
			if (c->operands[1] == NULL)
				continue;
			complain("%s: a URL stands alone; the topics are in it",
				 *operand);
			return EX_USAGE;
		}
		if (sse_selector_check(*operand, why, sizeof(why)) < 0) {
			complain("%s: %s", *operand, why);
			return EX_DATAERR;
		}
	}
	return EX_OK;
}

/* What does not go together. A sentence, or NULL. */
static const char *
find_conflict(const struct subscribe *c)
{
	bool is_plain = c->endpoint_count > 0;
	bool is_url = *c->operands != NULL && url_is_one(*c->operands);

	if (is_plain && c->bus != NULL)
		return "--bus and --connect exclude each other";
	if (is_plain && c->after != NULL)
		return "a plain PUB socket keeps nothing; leave out --after and "
		       "--earliest";
	if (is_url && (is_plain || c->bus != NULL))
		return "a URL needs neither --bus nor --connect";
	return NULL;
}

static int
parse(struct subscribe *c, int argc, char **argv)
{
	const char *conflict;
	int found, r;

	opterr = 0;
	for (;;) {
		found = getopt_long(argc, argv, short_options, long_options,
				    NULL);
		if (found < 0)
			break;
		r = take_option(c, found, argv);
		if (r < 0)
			return EX_USAGE;
		if (c->is_done)
			return EX_OK;
	}
	c->operands = (const char *const *)(argv + optind);
	conflict = find_conflict(c);
	if (conflict != NULL) {
		complain("%s; see sse-subscribe --help", conflict);
		return EX_USAGE;
	}
	return check_operands(c);
}

static int
run(struct subscribe *c)
{
	const struct url_options url = {
		.url = *c->operands,
		.after = c->after,
		.until_ms = c->until_ms,
	};
	const struct watch_options watch = {
		.bus = c->bus,
		.endpoints = c->endpoints,
		.after = c->after,
		.selectors = c->operands,
		.until_ms = c->until_ms,
	};

	c->show.is_terminal = isatty(STDOUT_FILENO);
	if (*c->operands != NULL && url_is_one(*c->operands))
		return url_run(&url, &c->show);
	return watch_run(&watch, &c->show);
}

int
main(int argc, char **argv)
{
	struct subscribe c = {
		.show = { .left = UINT64_MAX },
		.until_ms = -1,
	};
	int code;

	complain_as("sse-subscribe");
	(void)signal(SIGPIPE, SIG_IGN);	/* a write says it: show_flush */
	c.endpoints = calloc((size_t)argc + 1, sizeof(*c.endpoints));
	if (c.endpoints == NULL) {
		complain("not enough memory");
		return EX_OSERR;
	}
	code = parse(&c, argc, argv);
	if (code == EX_OK)
		code = c.is_done ? (fflush(stdout) == 0 ? EX_OK : EX_IOERR)
				 : run(&c);
	free(c.endpoints);
	return code;
}
