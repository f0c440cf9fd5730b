/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int
on_event(void *user, const struct sse_parsed *e)
{
	struct answer *a = user;
	struct answer_mark mark = { .at_ms = a->now_ms };
	enum told told;

	a->events++;
	if (e->name_len != strlen("sse-probe") ||
	    memcmp(e->name, "sse-probe", e->name_len) != 0)
		return 0;
	told = told_read(e->data, e->data_len, &a->hello, &mark.since_ms);
	a->has_hello = a->has_hello || told == TOLD_HELLO;
	if (told == TOLD_LAST) {
		a->has_last = true;
		a->last_ms = a->now_ms;
	} else if (told != TOLD_NOTHING && a->mark_count < ANSWER_MARKS_MAX) {
		a->marks[a->mark_count++] = mark;
	}
	return 0;
}

int
answer_init(struct answer *a)
{
	memset(a, 0, sizeof(*a));
	a->asked_ms = a->head_ms = a->first_ms = -1;
	a->recent_ms = a->end_ms = a->last_ms = -1;
	return sse_parser_new(ANSWER_EVENT_MAX, on_event, a, &a->parser);
}

void
answer_done(struct answer *a)
{
	sse_parser_free(a->parser);
	a->parser = NULL;
}

/* ---- the header ---- */

/* Of a redirect only where it led to is kept. */
static void
take_status(struct answer *a, const char *line, int64_t now_ms)
{
	const char *version = line + strlen("HTTP/");
	const char *blank = strchr(version, ' ');

	if (a->status >= 300 && a->status < 400)
		a->redirects++;
	a->http = 10 * atoi(version) + (version[1] == '.' ? version[2] - '0' :
							    0);
	a->status = blank != NULL ? atoi(blank) : 0;
	a->head_ms = now_ms;
	*a->server = *a->type = *a->cache_control = *a->encoding = '\0';
	*a->allow_origin = *a->retry_after = '\0';
	a->has_accel = a->has_length = false;
}

static void
take_field(struct answer *a, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *at;
		size_t size;
	} fields[] = {
		{ "Server", a->server, sizeof(a->server) },
		{ "Content-Type", a->type, sizeof(a->type) },
		{ "Cache-Control", a->cache_control, sizeof(a->cache_control) },
		{ "Content-Encoding", a->encoding, sizeof(a->encoding) },
		{ "Access-Control-Allow-Origin", a->allow_origin,
		  sizeof(a->allow_origin) },
		{ "Retry-After", a->retry_after, sizeof(a->retry_after) },
		{ "Location", a->location, sizeof(a->location) },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcasecmp(name, fields[i].name) == 0)
			told_copy(fields[i].at, fields[i].size, value,
				  strlen(value));
	a->has_accel |= strcasecmp(name, "X-Accel-Buffering") == 0;
	a->has_length |= strcasecmp(name, "Content-Length") == 0;
}

void
answer_take_header(struct answer *a, const char *line, size_t len,
		   int64_t now_ms)
{
	char text[1024], *colon, *value;

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	told_copy(text, sizeof(text), line, len);
	if (strncmp(text, "HTTP/", 5) == 0) {
		take_status(a, text, now_ms);
		return;
	}
	colon = strchr(text, ':');
	if (colon == NULL)
		return;
	*colon = '\0';
	for (value = colon + 1; *value == ' '; value++)
		;
	take_field(a, text, value);
}

/* ---- the body ---- */

bool
answer_is_stream(const struct answer *a)
{
	const size_t len = strlen("text/event-stream");

	return a->status == 200 &&
	       strncasecmp(a->type, "text/event-stream", len) == 0 &&
	       strchr("; ", a->type[len]) != NULL;
}

static void
take_reason(struct answer *a, const char *bytes, size_t len)
{
	size_t had = strlen(a->reason);

	if (strncmp(a->type, "text/plain", strlen("text/plain")) != 0)
		return;
	if (memchr(bytes, '\n', len) != NULL)
		len = (size_t)((const char *)memchr(bytes, '\n', len) - bytes);
	told_copy(a->reason + had, sizeof(a->reason) - had, bytes, len);
}

static bool
read_stream(struct answer *a, const char *bytes, size_t len)
{
	size_t id_len;
	int r = sse_parser_push(a->parser, bytes, len);

	a->has_id = sse_parser_last_id(a->parser, &id_len) != NULL;
	return r == 0;
}

bool
answer_take_body(struct answer *a, const char *bytes, size_t len,
		 int64_t now_ms)
{
	if (a->first_ms < 0)
		a->first_ms = now_ms;
	a->pieces += a->recent_ms != now_ms;
	a->recent_ms = a->now_ms = now_ms;
	a->bytes += len;
	if (answer_is_stream(a))
		return read_stream(a, bytes, len);
	take_reason(a, bytes, len);
	return a->bytes < ANSWER_EVENT_MAX;
}

/* ---- the pace ---- */

static int64_t
way_of(const struct answer *a, unsigned i)
{
	return a->marks[i].at_ms - a->asked_ms - a->marks[i].since_ms;
}

bool
answer_pace(const struct answer *a, struct answer_pace *ret_pace)
{
	unsigned n = a->mark_count;
	int64_t apart_ms = a->hello.every_ms / 4;
	int64_t least_ms, most_ms;

	if (n < 3)
		return false;
	*ret_pace = (struct answer_pace){
		.events = n,
		.batches = 1,
		.sent_ms = a->marks[n - 1].since_ms - a->marks[0].since_ms,
		.came_ms = a->marks[n - 1].at_ms - a->marks[0].at_ms,
	};
	least_ms = most_ms = way_of(a, 0);
	for (unsigned i = 1; i < n; i++) {
		int64_t way_ms = way_of(a, i);

		ret_pace->batches += a->marks[i].at_ms - a->marks[i - 1].at_ms >
				     apart_ms;
		least_ms = way_ms < least_ms ? way_ms : least_ms;
		most_ms = way_ms > most_ms ? way_ms : most_ms;
	}
	ret_pace->late_ms = most_ms - least_ms;
	return true;
}

bool
answer_is_held(const struct answer *a)
{
	struct answer_pace p;

	return answer_pace(a, &p) && (p.came_ms * 2 < p.sent_ms ||
				      p.batches * 2 <= p.events);
}
