/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/url.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include <curl/curl.h>

#include <sse-fcgi/parser.h>

#include "tools/complain.h"
#include "tools/curlport.h"
#include "tools/duration.h"

enum {
	URL_RETRY_MS = 3000,		/* where the stream says nothing */
	URL_RETRY_LEAST_MS = 100,	/* whatever it says */
	URL_RETRY_MOST_MS = 30000,	/* after failures, which double it */
	URL_CONNECT_MS = 10000,
	URL_EVENT_MAX = 64 << 20,	/* 8 MiB of line ends are 56 MiB there */
	URL_REASON_MAX = 400,		/* of a refusal's body */
};

struct url {
	const struct url_options *o;	/* borrowed */
	struct show *show;		/* borrowed */
	CURL *curl;
	struct sse_parser *parser;
	char reason[URL_REASON_MAX + 1];	/* what a refusal says */
	size_t reason_len;
	bool is_judged, is_stream;	/* by this answer's header */
	bool was_stream;		/* an answer once was one */
	bool is_over;
	int exit_code;
};

bool
url_is_one(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 ||
	       strncasecmp(text, "https://", 8) == 0;
}

static void
end(struct url *u, int exit_code)
{
	u->is_over = true;
	u->exit_code = exit_code;
}

static int
on_event(void *user, const struct sse_parsed *e)
{
	struct url *u = user;
	const struct shown s = {
		.event = { e->name, e->name_len },
		.id = { e->last_id_len > 0 ? e->last_id : NULL, e->last_id_len },
		.data = { e->data, e->data_len },
	};

	return show_event(u->show, &s) ? 0 : -ECANCELED;
}

static long
get_status(struct url *u)
{
	long status = 0;

	curl_easy_getinfo(u->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static const char *
get_type(struct url *u)
{
	char *type = NULL;

	curl_easy_getinfo(u->curl, CURLINFO_CONTENT_TYPE, &type);
	return type != NULL ? type : "no Content-Type";
}

static void
judge(struct url *u)
{
	const char *type = get_type(u);
	const size_t len = strlen("text/event-stream");

	u->is_judged = true;
	u->is_stream = get_status(u) == 200 &&
		       strncasecmp(type, "text/event-stream", len) == 0 &&
		       strchr("; \t", type[len]) != NULL;
	u->was_stream = u->was_stream || u->is_stream;
}

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *user)
{
	struct url *u = user;
	size_t len = size * count, room;
	int r;

	if (!u->is_judged)
		judge(u);
	if (!u->is_stream) {
		room = URL_REASON_MAX - u->reason_len;
		room = len < room ? len : room;
		memcpy(u->reason + u->reason_len, bytes, room);
		u->reason_len += room;
		return u->reason_len < URL_REASON_MAX ? len : 0;
	}
	r = sse_parser_push(u->parser, bytes, len);
	u->exit_code = show_flush(&u->is_over);
	if (r == -EMSGSIZE)
		complain("an event of more than %d bytes came; trying again",
			 URL_EVENT_MAX);
	if (u->show->left == 0)
		end(u, EX_OK);
	return r < 0 || u->is_over ? 0 : len;
}

static struct curl_slist *
make_headers(struct url *u)
{
	struct curl_slist *list, *more;
	const char *id;
	char *line;
	size_t len;

	list = curl_slist_append(NULL, "Accept: text/event-stream");
	more = curl_slist_append(list, "Cache-Control: no-cache");
	id = sse_parser_last_id(u->parser, &len);
	if (id == NULL)
		return more;
	line = malloc(len + sizeof("Last-Event-ID: "));
	if (line == NULL)
		return more;
	sprintf(line, "Last-Event-ID: %s", id);
	list = curl_slist_append(more, line);
	free(line);
	return list;
}

/* An answer that is no event stream: say what the server says. */
static void
refuse(struct url *u)
{
	char *line_end;

	u->reason[u->reason_len] = '\0';
	line_end = strchr(u->reason, '\n');
	if (line_end != NULL)
		*line_end = '\0';
	if (get_status(u) == 200)
		complain("%s is no event stream, but %s", u->o->url,
			 get_type(u));
	else
		complain("%s answers %ld%s%s", u->o->url, get_status(u),
			 *u->reason != '\0' ? ": " : "", u->reason);
	end(u, EX_UNAVAILABLE);
}

/* Whether trying again may help. */
static bool
is_passing(const struct url *u, CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_SSL_CONNECT_ERROR:
		return u->was_stream;	/* it was right before */
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_TOO_MANY_REDIRECTS:
		return false;
	default:
		return true;
	}
}

/* Reads one answer to its end. True: it was a stream. */
static bool
read_once(struct url *u)
{
	struct curl_slist *headers = make_headers(u);
	char why[CURL_ERROR_SIZE] = "";
	int64_t left = u->o->until_ms - duration_now();
	CURLcode result;

	u->is_judged = u->is_stream = false;
	u->reason_len = 0;
	sse_parser_restart(u->parser);
	curl_easy_setopt(u->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(u->curl, CURLOPT_ERRORBUFFER, why);
	if (u->o->until_ms >= 0)
		curl_easy_setopt(u->curl, CURLOPT_TIMEOUT_MS,
				 (long)(left > 1 ? left : 1));
	result = curl_easy_perform(u->curl);
	curl_easy_setopt(u->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_slist_free_all(headers);
	if (u->is_over)
		return u->is_stream;
	if (!u->is_judged && result == CURLE_OK)
		judge(u);
	if (u->is_judged && !u->is_stream) {
		refuse(u);
	} else if (result != CURLE_OK && !u->is_stream) {
		complain("%s: %s", u->o->url,
			 *why != '\0' ? why : curl_easy_strerror(result));
		if (!is_passing(u, result))
			end(u, result == CURLE_URL_MALFORMAT ? EX_USAGE
							     : EX_UNAVAILABLE);
	}
	return u->is_stream;
}

/* Sleeps as the stream wishes; after failures twice as long each time. */
static void
pause_before_again(const struct url *u, unsigned failures)
{
	int64_t ms = sse_parser_retry(u->parser), left;

	if (ms < 0)
		ms = URL_RETRY_MS;
	if (ms < URL_RETRY_LEAST_MS)
		ms = URL_RETRY_LEAST_MS;
	for (; failures > 1 && ms < URL_RETRY_MOST_MS; failures--)
		ms = ms * 2 < URL_RETRY_MOST_MS ? ms * 2 : URL_RETRY_MOST_MS;
	left = u->o->until_ms < 0 ? ms : u->o->until_ms - duration_now();
	ms = left < ms ? left : ms;
	if (ms > 0)
		(void)poll(NULL, 0, ms < DURATION_MAX_MS ? (int)ms
							 : (int)DURATION_MAX_MS);
}

static int
follow(struct url *u)
{
	unsigned failures = 0;

	while (!u->is_over) {
		failures = read_once(u) ? 0 : failures + 1;
		if (u->is_over)
			break;
		pause_before_again(u, failures);
		if (u->o->until_ms >= 0 && duration_now() >= u->o->until_ms)
			break;
	}
	if (u->is_over)
		return u->exit_code;
	if (!u->was_stream)
		return EX_UNAVAILABLE;
	if (u->show->left == UINT64_MAX)
		return EX_OK;
	complain("the time is over before the last events came; missing: %" PRIu64,
		 u->show->left);
	return EX_TEMPFAIL;
}

static int
set_up(struct url *u)
{
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return -ENOMEM;
	u->curl = curl_easy_init();
	if (u->curl == NULL)
		return -ENOMEM;
	curl_easy_setopt(u->curl, CURLOPT_URL, u->o->url);
	curl_easy_setopt(u->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(u->curl, CURLOPT_WRITEDATA, u);
	curl_easy_setopt(u->curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(u->curl, CURLOPT_MAXREDIRS, 20L);
	curlport_only_http(u->curl);
	curl_easy_setopt(u->curl, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)URL_CONNECT_MS);
	curl_easy_setopt(u->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(u->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(u->curl, CURLOPT_USERAGENT,
			 "sse-subscribe/" PACKAGE_VERSION);
	r = sse_parser_new(URL_EVENT_MAX, on_event, u, &u->parser);
	if (r == 0 && u->o->after != NULL)
		r = sse_parser_set_last_id(u->parser, u->o->after);
	return r;
}

int
url_run(const struct url_options *o, struct show *show)
{
	struct url u = { .o = o, .show = show };
	int code = EX_OSERR;

	if (set_up(&u) == 0)
		code = follow(&u);
	else
		complain("not enough memory");
	sse_parser_free(u.parser);
	curl_easy_cleanup(u.curl);
	curl_global_cleanup();
	return code;
}
