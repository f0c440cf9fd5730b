/* SPDX-License-Identifier: MIT */
/*
 * sse-doctor: finds what breaks streaming between a worker and a browser.
 * doc/sse-doctor.1 is its contract.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/complain.h"
#include "tools/duration.h"
#include "tools/exam.h"
#include "tools/judge.h"
#include "tools/reach.h"
#include "tools/report.h"
#include "tools/show.h"

enum {
	LONG_DEFAULT_MS = 90000,	/* web servers cut at 40, 60 and 65 s */
	LONG_MOST_MS = 600000,		/* as a probe */
	WAIT_DEFAULT_MS = 20000,	/* more than a heartbeat's 15 s */
	ORIGIN_MAX = 200,
};

struct doctor {			/* the command line; texts are borrowed */
	struct seen seen;
	struct reach_options reach;
	unsigned header_count;
	bool is_json;
	bool is_done;		/* --help or --version was answered */
};

static const char help_text[] =
"Usage: sse-doctor [OPTION]... URL\n"
"Reads the event stream at URL as browsers do and says what the web servers on\n"
"the way do wrong, and which line of their configuration mends it.\n"
"\n"
"      --long[=TIME]     also find out whether silence is cut (default 90s)\n"
"      --origin ORIGIN   whether pages of that site may read: https://HOST[:PORT]\n"
"  -H, --header LINE     send it too, such as 'Cookie: session=...'; repeatable\n"
"      --wait TIME       for a stream without probes to say something (default 20s)\n"
"  -k, --insecure        go on where a certificate is not to be trusted\n"
"      --socket PATH     the worker's socket on this machine\n"
"      --web-user USER   who has to get in there (default www-data)\n"
"  -b, --bus BUS         the worker's bus, to be looked at if its hub is away\n"
"      --json            one object a line: {check,result,text,remedy}\n"
"  -h, --help            print this and exit\n"
"      --version         print the version and exit\n"
"\n"
"Exit codes: 0 nothing is wrong, 64 usage, 69 no stream comes, or no hub is\n"
"behind it, 75 all probes are taken, 76 something is wrong with the stream, 77 no\n"
"permission.\n";

enum { OPTION_LONG = 256, OPTION_ORIGIN, OPTION_WAIT, OPTION_SOCKET,
       OPTION_WEB_USER, OPTION_JSON, OPTION_VERSION };

static const char short_options[] = ":kb:H:h";
static const struct option long_options[] = {
	{ "long", optional_argument, NULL, OPTION_LONG },
	{ "origin", required_argument, NULL, OPTION_ORIGIN },
	{ "header", required_argument, NULL, 'H' },
	{ "wait", required_argument, NULL, OPTION_WAIT },
	{ "insecure", no_argument, NULL, 'k' },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "web-user", required_argument, NULL, OPTION_WEB_USER },
	{ "bus", required_argument, NULL, 'b' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int
take_time(const char *option, const char *text, int64_t *ret_ms)
{
	int64_t ms;

	if (duration_parse(text, &ms) < 0 || ms < 1 || ms > LONG_MOST_MS) {
		complain("%s %s: must be a time such as 500ms, 5s, 2m or a "
			 "number of seconds, at most 10m", option, text);
		return -EINVAL;
	}
	*ret_ms = ms;
	return 0;
}

/* It becomes a line of a request, and is compared with one of the answer. */
static int
take_origin(struct doctor *d, const char *text)
{
	const char *host = strstr(text, "://");
	const char *p;

	for (p = text; *p > 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0' || host == NULL || strchr(host + 3, '/') != NULL ||
	    strlen(text) > ORIGIN_MAX / 2) {
		complain("--origin %s: must be a scheme and a host, such as "
			 "https://www.example.org", text);
		return -EINVAL;
	}
	d->seen.origin = text;
	return 0;
}

static int
take_header(struct doctor *d, const char *text)
{
	const char *colon = strchr(text, ':');
	const char *p;

	for (p = text; (unsigned char)*p >= 0x20 && *p != 0x7f; p++)
		;
	if (*p != '\0' || colon == NULL || colon == text) {
		complain("--header: must be a name, a colon and a value, such "
			 "as 'Cookie: session=1', in one line");
		return -EINVAL;
	}
	if (d->header_count == SEEN_HEADERS_MAX) {
		complain("--header: there can be %d of them",
			 SEEN_HEADERS_MAX);
		return -EINVAL;
	}
	d->seen.headers[d->header_count++] = text;
	return 0;
}

static int
refuse_option(int found, char **argv)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		complain("%s needs a value; see sse-doctor --help", word);
	else if (optopt > 0 && optopt < 256 &&
		 strchr(short_options, optopt) == NULL)
		complain("-%c is not an option; see sse-doctor --help", optopt);
	else
		complain("%s is not an option, or has a value too many; see "
			 "sse-doctor --help", word);
	return -EINVAL;
}

static int
take_option(struct doctor *d, int found, char **argv)
{
	switch (found) {
	case OPTION_LONG:
		d->seen.long_ms = LONG_DEFAULT_MS;
		return optarg == NULL ? 0 : take_time("--long", optarg,
						      &d->seen.long_ms);
	case OPTION_ORIGIN:
		return take_origin(d, optarg);
	case 'H':
		return take_header(d, optarg);
	case OPTION_WAIT:
		return take_time("--wait", optarg, &d->seen.wait_ms);
	case 'k':
		d->seen.is_insecure = true;
		return 0;
	case OPTION_SOCKET:
		d->reach.socket = optarg;
		return 0;
	case OPTION_WEB_USER:
		d->reach.user = optarg;
		return 0;
	case 'b':
		d->reach.bus = optarg;
		return 0;
	case OPTION_JSON:
		d->is_json = true;
		return 0;
	case 'h':
		fputs(help_text, stdout);
		d->is_done = true;
		return 0;
	case OPTION_VERSION:
		puts("sse-doctor (" PACKAGE_NAME ") " PACKAGE_VERSION);
		d->is_done = true;
		return 0;
	default:
		return refuse_option(found, argv);
	}
}

static bool
is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 ||
	       strncmp(text, "https://", 8) == 0;
}

static int
parse(struct doctor *d, int argc, char **argv)
{
	int found;

	opterr = 0;
	while ((found = getopt_long(argc, argv, short_options, long_options,
				    NULL)) >= 0) {
		if (take_option(d, found, argv) < 0)
			return EX_USAGE;
		if (d->is_done)
			return EX_OK;
	}
	if (argc - optind != 1 || !is_url(argv[optind])) {
		complain("one http:// or https:// URL is wanted; see "
			 "sse-doctor --help");
		return EX_USAGE;
	}
	d->seen.url = argv[optind];
	if (d->reach.socket != NULL && *d->reach.socket != '/') {
		complain("--socket %s: must be a path that begins with /",
			 d->reach.socket);
		return EX_USAGE;
	}
	return EX_OK;
}

static void
look_around(struct doctor *d)
{
	struct seen *s = &d->seen;
	bool is_here = s->page.is_local || s->plain.is_local;

	if (is_here || d->reach.socket != NULL)
		reach_look_at_socket(&d->reach, &s->reach);
	if (strcmp(s->plain.hello.hub, "away") == 0 &&
	    (is_here || d->reach.bus != NULL))
		reach_look_for_hub(&d->reach, &s->reach);
}

static int
run(struct doctor *d)
{
	struct findings findings;
	bool is_over = false;
	int code = EX_OSERR;

	if (exam_run(&d->seen) == 0) {
		look_around(d);
		judge(&d->seen, &findings);
		report(&findings, d->seen.url, d->is_json);
		code = show_flush(&is_over);
		if (code == EX_OK)
			code = findings_exit_code(&findings);
	} else {
		complain("not enough memory");
	}
	exam_done(&d->seen);
	return code;
}

int
main(int argc, char **argv)
{
	struct doctor d = { .seen.wait_ms = WAIT_DEFAULT_MS };
	int code;

	complain_as("sse-doctor");
	(void)signal(SIGPIPE, SIG_IGN);	/* a write says it: show_flush */
	code = parse(&d, argc, argv);
	if (code != EX_OK)
		return code;
	if (d.is_done)
		return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	return run(&d);
}
