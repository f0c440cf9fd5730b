/* SPDX-License-Identifier: MIT */
/*
 * sse-publish: hands events to a hub from the shell, and tells by its exit
 * code what became of them. doc/sse-publish.1 is its contract.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <sse-fcgi/publisher.h>

#include "tools/complain.h"
#include "tools/draft.h"
#include "tools/duration.h"
#include "tools/feed.h"
#include "tools/input.h"
#include "tools/keys.h"
#include "tools/outcome.h"

enum {
	PUBLISH_TIMEOUT_MS = 5000,
	/* --timeout 0 waits for no hub, but lets one that is there answer; an
	 * error still comes within a second */
	PUBLISH_ANSWER_MS = 800,
	PUBLISH_AGAIN_MS = 100,	/* between two looks for a hub that is away */
};

struct publish {		/* the command line; texts are borrowed */
	struct draft draft;
	const char *bus;
	const char *data;	/* NULL: standard input */
	bool is_raw, is_lines, is_json, is_verbose, skip_bad;
	bool is_done;		/* --help or --version was answered */
	int64_t timeout_ms;
};

static const char help_text[] =
"Usage: sse-publish [OPTION]... TOPIC [DATA]\n"
"  or:  sse-publish --lines [OPTION]... TOPIC\n"
"  or:  sse-publish --json [OPTION]... [TOPIC]\n"
"Publishes an event to everyone who reads TOPIC, and waits until the hub has\n"
"acknowledged it. Without DATA, the data is all of standard input.\n"
"\n"
"      --also TOPIC      another topic of the same event (repeatable, up to 9)\n"
"  -e, --event EVENT     the event's name; without it the page's onmessage gets it\n"
"  -i, --id ID           an id of your own instead of the hub's\n"
"  -r, --retry MS        tell browsers to reconnect after MS milliseconds\n"
"  -k, --key KEY         the hub takes an event with a known key only once\n"
"      --private         only for streams that were granted the topic\n"
"  -b, --bus BUS         the hub: a directory or tcp://HOST:PORT (default: $SSE_BUS)\n"
"      --curve-key FILE  our keys, for a hub on another machine\n"
"      --curve-hub FILE  its public key (sse-hub --make-keys makes both)\n"
"      --raw             cut nothing from standard input\n"
"      --lines           each line of standard input is an event, as it arrives\n"
"      --json            each line is an object {topic,also,event,id,retry,data,key,private}\n"
"      --skip-bad        report bad lines and go on with the next\n"
"      --timeout TIME    wait that long for the hub (default: 5s; 0: do not wait for one)\n"
"  -v, --verbose         print the ids of the events as they are acknowledged\n"
"  -h, --help            print this and exit\n"
"      --version         print the version and exit\n"
"\n"
"DATA that begins with a dash goes after --. Exit codes: 0 all acknowledged,\n"
"64 usage, 65 bad topic, name, id or data, 69 no hub, 75 not acknowledged in\n"
"time, or no room for it now (trying again with the same key is safe), 77 no\n"
"permission.\n";

enum { OPTION_PRIVATE = 256, OPTION_RAW, OPTION_LINES, OPTION_JSON,
       OPTION_SKIP_BAD, OPTION_TIMEOUT, OPTION_VERSION, OPTION_CURVE_KEY,
       OPTION_CURVE_HUB, OPTION_ALSO };

static const char short_options[] = ":e:i:r:k:b:vh";
static const struct option long_options[] = {
	{ "also", required_argument, NULL, OPTION_ALSO },
	{ "event", required_argument, NULL, 'e' },
	{ "id", required_argument, NULL, 'i' },
	{ "retry", required_argument, NULL, 'r' },
	{ "key", required_argument, NULL, 'k' },
	{ "private", no_argument, NULL, OPTION_PRIVATE },
	{ "bus", required_argument, NULL, 'b' },
	{ "curve-key", required_argument, NULL, OPTION_CURVE_KEY },
	{ "curve-hub", required_argument, NULL, OPTION_CURVE_HUB },
	{ "raw", no_argument, NULL, OPTION_RAW },
	{ "lines", no_argument, NULL, OPTION_LINES },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "skip-bad", no_argument, NULL, OPTION_SKIP_BAD },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int
take_retry(struct publish *c, const char *text)
{
	char *end;
	unsigned long long ms;

	errno = 0;
	ms = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    ms > UINT32_MAX) {
		complain("--retry %s: must be whole milliseconds from 0 to "
			 "4294967295", text);
		return -EINVAL;
	}
	c->draft.retry_ms = (int64_t)ms;
	return 0;
}

static int
take_timeout(struct publish *c, const char *text)
{
	if (duration_parse(text, &c->timeout_ms) < 0) {
		complain("--timeout %s: must be a time such as 500ms, 5s, 2m or "
			 "a number of seconds, at most 24d", text);
		return -EINVAL;
	}
	return 0;
}

static int
refuse_option(int found, char **argv)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		complain("%s needs a value; see sse-publish --help", word);
	else if (optopt > 0 && optopt < 256 &&
		 strchr(short_options, optopt) == NULL)
		complain("-%c is not an option; data that begins with a dash "
			 "goes after --, as in: sse-publish TOPIC -- -5", optopt);
	else
		complain("%s is not an option, or has a value too many; see "
			 "sse-publish --help", word);
	return -EINVAL;
}

static int
take_also(struct publish *c, const char *topic)
{
	if (c->draft.also_count == DRAFT_ALSO_MAX) {
		complain("--also %s: an event has at most %d topics beside its "
			 "first", topic, DRAFT_ALSO_MAX);
		return -EINVAL;
	}
	c->draft.also[c->draft.also_count++] = topic;
	return 0;
}

static int
take_option(struct publish *c, int found, char **argv)
{
	switch (found) {
	case OPTION_ALSO:
		return take_also(c, optarg);
	case 'e':
		c->draft.name = optarg;
		return 0;
	case 'i':
		c->draft.id = optarg;
		return 0;
	case 'r':
		return take_retry(c, optarg);
	case 'k':
		c->draft.key = optarg;
		return 0;
	case 'b':
		c->bus = optarg;
		return 0;
	case OPTION_CURVE_KEY:
		return keys_take("SSE_CURVE_KEY", optarg);
	case OPTION_CURVE_HUB:
		return keys_take("SSE_CURVE_HUB", optarg);
	case 'v':
		c->is_verbose = true;
		return 0;
	case OPTION_PRIVATE:
		c->draft.is_private = true;
		return 0;
	case OPTION_RAW:
		c->is_raw = true;
		return 0;
	case OPTION_LINES:
		c->is_lines = true;
		return 0;
	case OPTION_JSON:
		c->is_json = true;
		return 0;
	case OPTION_SKIP_BAD:
		c->skip_bad = true;
		return 0;
	case OPTION_TIMEOUT:
		return take_timeout(c, optarg);
	case 'h':
		fputs(help_text, stdout);
		c->is_done = true;
		return 0;
	case OPTION_VERSION:
		puts("sse-publish (" PACKAGE_NAME ") " PACKAGE_VERSION);
		c->is_done = true;
		return 0;
	default:
		return refuse_option(found, argv);
	}
}

/* What does not go together. A sentence, or NULL. */
static const char *
find_conflict(const struct publish *c, int operands)
{
	bool is_feed = c->is_lines || c->is_json;

	if (c->is_lines && c->is_json)
		return "--lines and --json exclude each other";
	if (operands == 0 && !c->is_json)
		return "a TOPIC is missing, as in: sse-publish news 'hello'";
	if (operands > 2)
		return "too many operands; data with blanks goes in quotes, as "
		       "in: sse-publish news 'hello world'";
	if (is_feed && operands > 1)
		return "--lines and --json read the data from standard input; "
		       "leave out DATA";
	if (is_feed && c->draft.key != NULL)
		return "--key is for one event; with --json give each line its "
		       "own \"key\"";
	if (is_feed && c->draft.id != NULL)
		return "--id is for one event; with --json give each line its "
		       "own \"id\"";
	if (c->skip_bad && !is_feed)
		return "--skip-bad goes with --lines or --json";
	if (c->is_raw && (c->is_json || operands == 2))
		return "--raw is for data from standard input";
	return NULL;
}

static int
parse(struct publish *c, int argc, char **argv)
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
		if (r < 0 || c->is_done)
			return r;
	}
	conflict = find_conflict(c, argc - optind);
	if (conflict != NULL) {
		complain("%s; see sse-publish --help", conflict);
		return -EINVAL;
	}
	if (optind < argc)
		c->draft.topic = argv[optind];
	if (optind + 1 < argc)
		c->data = argv[optind + 1];
	return 0;
}

static int
read_data(const struct publish *c, char **ret_data, size_t *ret_len)
{
	int r;

	if (isatty(STDIN_FILENO))
		complain("reading the data from the terminal; Ctrl-D on a line "
			 "of its own ends it");
	r = input_read_all(STDIN_FILENO, FEED_LINE_MAX + 2, ret_data, ret_len);
	if (r == -EMSGSIZE)
		complain("the data has more than %d bytes; publish a link to it "
			 "instead", FEED_LINE_MAX);
	else if (r < 0)
		complain("cannot read standard input: %s", strerror(-r));
	else if (!c->is_raw)
		*ret_len = input_cut_line_end(*ret_data, *ret_len);
	if (r == -EMSGSIZE)
		return EX_DATAERR;
	if (r == -ENOMEM)
		return EX_OSERR;
	return r < 0 ? EX_IOERR : EX_OK;
}

/* The one event of a plain call. Returns an exit code. */
static int
make_event(const struct publish *c, struct sse_event **ret_event)
{
	char error[DRAFT_ERROR_SIZE];
	char *read_bytes = NULL;
	const char *data = c->data;
	size_t len = data != NULL ? strlen(data) : 0;
	int r;

	if (data == NULL) {
		r = read_data(c, &read_bytes, &len);
		if (r != EX_OK)
			return r;
		data = read_bytes;
	}
	r = draft_event(&c->draft, data, len, ret_event, error);
	if (r < 0)
		complain("%s", error);
	free(read_bytes);
	return outcome_exit(r);
}

static int
publish_one(const struct publish *c, struct sse_publisher *p,
	    const struct sse_event *e)
{
	char id[256];
	int r;

	r = sse_publisher_publish(p, e, (int)c->timeout_ms, id);
	if (r < 0) {
		outcome_complain(r, p);
		return outcome_exit(r);
	}
	if (c->is_verbose && (puts(id) < 0 || fflush(stdout) != 0)) {
		complain("the event was acknowledged as %s, but standard "
			 "output cannot be written: %s", id, strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}

static int
publish_lines(const struct publish *c, struct sse_publisher *p)
{
	const struct feed_options options = {
		.draft = c->draft,
		.is_json = c->is_json,
		.keep_cr = c->is_raw,
		.skip_bad = c->skip_bad,
		.print_ids = c->is_verbose,
		.timeout_ms = c->timeout_ms,
	};

	return feed_run(p, &options, STDIN_FILENO);
}

/*
 * Opens the publisher. A hub that is away may come back while the one event
 * waits; a feed waits for it here, for its first line may be long in coming.
 */
static int
reach(struct publish *c, bool is_feed, struct sse_publisher **ret_publisher)
{
	int64_t until = duration_now() + c->timeout_ms;
	int r;

	for (;;) {
		r = sse_publisher_open(c->bus, ret_publisher);
		if ((r != -ENOENT && r != -ECONNREFUSED) ||
		    duration_now() >= until)
			break;
		if (!is_feed)
			return EX_OK;
		sse_publisher_free(*ret_publisher);
		*ret_publisher = NULL;
		(void)poll(NULL, 0, PUBLISH_AGAIN_MS);
	}
	if (r < 0) {
		outcome_complain(r, *ret_publisher);
		return outcome_exit_open(r);
	}
	if (c->timeout_ms == 0)
		c->timeout_ms = PUBLISH_ANSWER_MS;
	return EX_OK;
}

/*
 * Ends the process with all that is open. Taking ZeroMQ's threads down in
 * order, and libraries that were never used, would take as long as the event
 * itself; what was to be known about it is known.
 */
static void
leave(int code)
{
	if (fflush(stdout) != 0 && code == EX_OK)
		code = EX_IOERR;
	_exit(code);
}

int
main(int argc, char **argv)
{
	static struct publish c = {
		.draft = { .retry_ms = -1 },
		.timeout_ms = PUBLISH_TIMEOUT_MS,
	};
	struct sse_publisher *p = NULL;
	struct sse_event *e = NULL;
	bool is_feed;
	int code = EX_OK;

	complain_as("sse-publish");
	if (parse(&c, argc, argv) < 0)
		return EX_USAGE;
	if (c.is_done)
		return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	is_feed = c.is_lines || c.is_json;
	if (!is_feed)
		code = make_event(&c, &e);
	if (code == EX_OK)
		code = reach(&c, is_feed, &p);
	if (code == EX_OK)
		code = is_feed ? publish_lines(&c, p) : publish_one(&c, p, e);
	if (!is_feed)
		leave(code);
	sse_publisher_free(p);
	return code;
}
