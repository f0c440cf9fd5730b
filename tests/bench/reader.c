/* SPDX-License-Identifier: MIT */
#include "tests/bench/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FCGI_PARAMS_TYPE = 4, FCGI_STDIN_TYPE = 5, FCGI_STDOUT_TYPE = 6 };

void
reader_begin(struct reader *r, int fd, bool is_http)
{
	char id[READER_KEEP];

	memcpy(id, r->id, sizeof(id));
	*r = (struct reader){ .fd = fd, .is_http = is_http, .last = r->last };
	memcpy(r->id, id, sizeof(id));
}

/* ---- the request ---- */

static size_t
put_header(char *out, char type, size_t len)
{
	const char header[8] = { 1, type, 0, 1, (char)(len >> 8), (char)len };

	memcpy(out, header, sizeof(header));
	return sizeof(header);
}

static size_t
put_length(char *out, size_t len)
{
	if (len < 128) {
		out[0] = (char)len;
		return 1;
	}
	out[0] = (char)(0x80 | len >> 24);
	out[1] = (char)(len >> 16);
	out[2] = (char)(len >> 8);
	out[3] = (char)len;
	return 4;
}

static size_t
put_pair(char *out, const char *name, const char *value)
{
	size_t at = put_length(out, strlen(name));

	at += put_length(out + at, strlen(value));
	return at + (size_t)sprintf(out + at, "%s%s", name, value);
}

static size_t
put_fcgi(char *out, const char *path, const char *last_id)
{
	static const char begin[8] = { 0, 1 };
	const char *query = strchr(path, '?');
	size_t at = put_header(out, 1, sizeof(begin)), params;

	memcpy(out + at, begin, sizeof(begin));
	params = at + sizeof(begin);
	at = params + 8;
	at += put_pair(out + at, "REQUEST_METHOD", "GET");
	at += put_pair(out + at, "REQUEST_URI", path);
	at += put_pair(out + at, "SCRIPT_NAME", "/events");
	at += put_pair(out + at, "QUERY_STRING", query ? query + 1 : "");
	if (last_id)
		at += put_pair(out + at, "HTTP_LAST_EVENT_ID", last_id);
	put_header(out + params, FCGI_PARAMS_TYPE, at - params - 8);
	at += put_header(out + at, FCGI_PARAMS_TYPE, 0);
	return at + put_header(out + at, FCGI_STDIN_TYPE, 0);
}

size_t
reader_request(const struct reader *r, const char *path, bool resumes,
	       char out[READER_REQUEST])
{
	const char *last_id = resumes && r->id[0] ? r->id : NULL;

	if (!r->is_http)
		return put_fcgi(out, path, last_id);
	return (size_t)sprintf(out, "GET %s HTTP/1.1\r\nHost: bench\r\n"
			       "Accept: text/event-stream\r\n%s%s%s\r\n", path,
			       last_id ? "Last-Event-ID: " : "",
			       last_id ? last_id : "", last_id ? "\r\n" : "");
}

/* ---- lines ---- */

static const char *
take_head_line(struct reader *r, const char *line, size_t len)
{
	if (len == 0)
		r->has_head = true;
	if ((strncmp(line, "HTTP/1.1 ", 9) == 0 ||
	     strncmp(line, "Status: ", 8) == 0) && !strstr(line, " 200"))
		return "a stream was refused";
	return NULL;
}

/* `line` is the beginning of it, with a NUL behind. */
static const char *
take_line(struct reader *r, const char *line, size_t len,
	  reader_on_event *on_event, void *user)
{
	char *end;
	uint64_t number;

	if (!r->has_head)
		return take_head_line(r, line, len);
	if (strncmp(line, "event: ", 7) == 0)
		return "a stream was told of a gap";
	if (strncmp(line, "id: ", 4) == 0) {
		snprintf(r->id, sizeof(r->id), "%s", line + 4);
		r->is_placed = true;
	}
	if (strncmp(line, "data: ", 6) != 0)
		return NULL;
	number = strtoull(line + 6, &end, 10);
	if (end == line + 6 || *end != ' ')
		return "an event is not as it was published";
	r->data_len = len - 6;
	r->events++;
	on_event(user, r, number, strtoull(end, NULL, 10));
	r->last = number;
	return NULL;
}

static void
keep_line(struct reader *r, const char *p, size_t len)
{
	size_t had = r->line_len;

	r->line_len += len;
	if (had >= READER_KEEP - 1)
		return;
	if (len > READER_KEEP - 1 - had)
		len = READER_KEEP - 1 - had;
	memcpy(r->line + had, p, len);
	r->line[had + len] = '\0';
}

/* Up to the end, or to where the head ends. */
static const char *
take_text(struct reader *r, const char *p, size_t len,
	  reader_on_event *on_event, void *user, size_t *ret_taken)
{
	const char *begin = p, *end = p + len, *wrong = NULL;
	bool had_head = r->has_head;

	while (p < end && !wrong && r->has_head == had_head) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);

		keep_line(r, p, n);
		p += n;
		if (!stop)
			break;
		p++;
		if (!r->has_head && r->line_len > 0)	/* its CR */
			r->line_len--;
		wrong = take_line(r, r->line, r->line_len, on_event, user);
		r->line_len = 0;
		r->line[0] = '\0';
	}
	*ret_taken = (size_t)(p - begin);
	return wrong;
}

/* ---- frames ---- */

static const char *
take_record_header(struct reader *r, char c)
{
	r->header[r->at++] = (uint8_t)c;
	if (r->at < 8)
		return NULL;
	r->at = 0;
	r->left = (size_t)r->header[4] << 8 | r->header[5];
	r->padding = r->header[6];
	return r->header[1] == FCGI_STDOUT_TYPE ? NULL : "a stream ended";
}

/* A byte of a chunk's first line, or of the end of the one before it. */
static const char *
take_chunk_header(struct reader *r, char c)
{
	if (c == '\n' && r->at > 0) {
		r->header[r->at] = '\0';
		r->left = strtoul((char *)r->header, NULL, 16);
		r->at = 0;
		return r->left ? NULL : "a stream ended";
	}
	if (c == '\r' || c == '\n')
		return NULL;
	if (r->at == 7)
		return "a chunk is too long";
	r->header[r->at++] = (uint8_t)c;
	return NULL;
}

const char *
reader_feed(struct reader *r, const char *p, size_t len,
	    reader_on_event *on_event, void *user)
{
	const char *wrong = NULL;

	r->bytes += len;
	while (len > 0 && !wrong) {
		bool is_head = r->is_http && !r->has_head;
		size_t n = 1;

		if (is_head || r->left > 0) {
			if (is_head || r->left > len)
				n = len;
			else
				n = r->left;
			wrong = take_text(r, p, n, on_event, user, &n);
			if (!is_head)
				r->left -= n;
		} else if (r->padding > 0) {
			r->padding--;
		} else if (r->is_http) {
			wrong = take_chunk_header(r, *p);
		} else {
			wrong = take_record_header(r, *p);
		}
		p += n;
		len -= n;
	}
	return wrong;
}
