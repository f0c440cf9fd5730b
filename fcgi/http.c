/* SPDX-License-Identifier: MIT */
#include "fcgi/http.h"

#include <stddef.h>
#include <strings.h>

#include "lib/base/units.h"

#define BLANKS " \t"

/* What the fields of one head have said so far. */
struct said {
	bool has_length, has_coding, has_host, closes, keeps;
	uint64_t length;
};

static enum http_result
bad(struct http_request *r, int status, const char *why)
{
	r->phase = HTTP_OVER;
	r->status = status;
	r->why = why;
	return HTTP_BAD;
}

static enum http_result
out_of_memory(struct http_request *r)
{
	return bad(r, 503, "There is no memory left for this request.");
}

/* ---- the head ---- */

static bool
is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z') ||
		    (c && strchr("!#$%&'*+-.^_`|~", c)))
			continue;
		return false;
	}
	return s.len > 0;
}

static bool
is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static enum http_result
read_request_line(struct http_request *r, struct slice line)
{
	struct params *p = &r->params;
	struct slice path;

	p->method = slice_take_until(&line, ' ');
	p->uri = slice_take_until(&line, ' ');
	p->protocol = line;
	if (!is_token(p->method))
		return bad(r, 400, "The request does not begin with a method.");
	if (p->uri.len == 0 || p->uri.p[0] != '/')
		return bad(r, 400, "The request's target must be a path, such "
			   "as /news.");
	for (size_t i = 0; i < p->uri.len; i++)
		if (p->uri.p[i] <= ' ' || p->uri.p[i] > '~')
			return bad(r, 400, "The request's target holds a byte "
				   "that must be percent-encoded.");
	if (slice_eq(line, SLICE_LIT("HTTP/1.1")))
		r->keep = true;
	else if (!slice_eq(line, SLICE_LIT("HTTP/1.0")))
		return bad(r, 400, "The request is not one of HTTP/1.1.");
	p->query = p->uri;
	path = slice_take_until(&p->query, '?');
	if (path.len == p->uri.len)
		p->query = SLICE_NONE;
	return HTTP_MORE;
}

static enum http_result
on_length(struct http_request *r, struct said *said, struct slice value)
{
	if (said->has_length)
		return bad(r, 400, "Content-Length came twice.");
	said->has_length = true;
	if (parse_u64(value, &said->length) < 0)
		return bad(r, 400, "Content-Length is not a number.");
	return HTTP_MORE;
}

static enum http_result
on_coding(struct http_request *r, struct said *said, struct slice value)
{
	if (said->has_coding || !is_word(value, "chunked"))
		return bad(r, 400, "A Transfer-Encoding other than chunked is "
			   "not understood.");
	said->has_coding = true;
	return HTTP_MORE;
}

static enum http_result
on_host(struct http_request *r, struct said *said, struct slice value)
{
	if (said->has_host)
		return bad(r, 400, "Host came twice.");
	said->has_host = true;
	if (value.len > 0)
		r->params.host = value;
	return HTTP_MORE;
}

static enum http_result
on_connection(struct http_request *r, struct said *said, struct slice value)
{
	(void)r;
	while (value.len > 0) {
		struct slice option = slice_trim(slice_take_until(&value, ','),
						 BLANKS);

		said->closes |= is_word(option, "close");
		said->keeps |= is_word(option, "keep-alive");
	}
	return HTTP_MORE;
}

static enum http_result
on_expect(struct http_request *r, struct said *said, struct slice value)
{
	(void)said;
	if (!is_word(value, "100-continue"))
		return bad(r, 417, "Only 100-continue can be expected.");
	r->wants_continue = true;
	return HTTP_MORE;
}

static const struct {
	const char *name;
	enum http_result (*read)(struct http_request *r, struct said *said,
				 struct slice value);
} framing[] = {
	{ "Content-Length", on_length }, { "Transfer-Encoding", on_coding },
	{ "Host", on_host },		 { "Connection", on_connection },
	{ "Expect", on_expect },
};

/* What is passed on, once each. */
static const struct {
	const char *name;
	size_t offset;		/* in struct params */
} passed[] = {
	{ "Content-Type", offsetof(struct params, content_type) },
	{ "Origin", offsetof(struct params, origin) },
	{ "Referer", offsetof(struct params, referer) },
	{ "Idempotency-Key", offsetof(struct params, idempotency_key) },
};

static enum http_result
pass_on(struct http_request *r, struct slice name, struct slice value)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++) {
		struct slice *slot = (struct slice *)(void *)
		    ((char *)&r->params + passed[i].offset);

		if (!is_word(name, passed[i].name))
			continue;
		if (slot->p)
			return bad(r, 400, "A field of the request that may "
				   "come once came twice.");
		if (value.len > 0)
			*slot = value;
	}
	return HTTP_MORE;
}

static enum http_result
read_field(struct http_request *r, struct said *said, struct slice line)
{
	struct slice rest = line;
	struct slice name = slice_take_until(&rest, ':');
	struct slice value = slice_trim(rest, BLANKS);

	/* A blank before the colon, or a folded line, is no token either. */
	if (name.len == line.len || !is_token(name))
		return bad(r, 400, "A line of the request's head is not a "
			   "field.");
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return bad(r, 400, "A field of the request holds a "
				   "control character.");
	}
	for (size_t i = 0; i < sizeof(framing) / sizeof(*framing); i++)
		if (is_word(name, framing[i].name))
			return framing[i].read(r, said, value);
	return pass_on(r, name, value);
}

static enum http_result
settle(struct http_request *r, const struct said *said)
{
	if (said->has_length && said->has_coding)
		return bad(r, 400, "The request has both Content-Length and "
			   "Transfer-Encoding, and which one is meant cannot "
			   "be known.");
	if (!said->has_host && r->keep)
		return bad(r, 400, "The request has no Host field.");
	if (!r->keep && said->has_coding)
		return bad(r, 400, "HTTP/1.0 has no Transfer-Encoding.");
	/* Who speaks 1.0 is sent nothing before the answer, either. */
	r->wants_continue &= r->keep;
	r->keep = !said->closes && (r->keep || said->keeps);
	r->is_chunked = said->has_coding;
	r->left = said->length;
	r->phase = HTTP_AFTER_HEAD;
	return HTTP_HEAD;
}

/* Each line is known to end with CR LF and to hold no other LF. */
static enum http_result
read_head(struct http_request *r)
{
	struct slice rest = { r->head.p, r->head.len - 2 };
	struct said said = { 0 };
	enum http_result result = HTTP_MORE;

	for (unsigned n = 0; result == HTTP_MORE && rest.len > 0; n++) {
		struct slice line = slice_take_until(&rest, '\n');

		line.len--;
		if (memchr(line.p, '\r', line.len))
			return bad(r, 400, "A line of the request's head "
				   "holds a CR.");
		if (n > HTTP_FIELDS_MAX)
			return bad(r, 431, "The request has too many fields.");
		result = n == 0 ? read_request_line(r, line) :
				  read_field(r, &said, line);
	}
	if (result == HTTP_MORE && !r->params.method.p)
		return bad(r, 400, "The request begins with an empty line.");
	return result == HTTP_MORE ? settle(r, &said) : result;
}

/* One line of the head more, or a part of one. */
static enum http_result
feed_head(struct http_request *r, struct slice *in)
{
	const char *end = memchr(in->p, '\n', in->len);
	size_t len = end ? (size_t)(end - in->p) + 1 : in->len;

	if (len > HTTP_HEAD_MAX - r->head.len)
		return bad(r, 431, "The request's head is longer than 16 KiB.");
	if (buf_append(&r->head, in->p, len) < 0)
		return out_of_memory(r);
	in->p += len;
	in->len -= len;
	if (!end)
		return HTTP_MORE;
	len = r->head.len - r->line_at;
	if (len < 2 || r->head.p[r->head.len - 2] != '\r')
		return bad(r, 400, "A line of the request's head does not end "
			   "with CR LF.");
	r->line_at = r->head.len;
	return len == 2 ? read_head(r) : HTTP_MORE;
}

/* ---- the body ---- */

static enum http_result
whole(struct http_request *r)
{
	r->phase = HTTP_OVER;
	return HTTP_WHOLE;
}

static enum http_result
begin_body(struct http_request *r)
{
	if (r->is_chunked) {
		r->phase = HTTP_IN_CHUNK_LINE;
		return HTTP_MORE;
	}
	if (r->left > r->body_max)
		return bad(r, 413, "The body is longer than --max-event "
			   "allows. Publish a link to it instead, or send it "
			   "in parts.");
	r->phase = HTTP_IN_BODY;
	return r->left == 0 ? whole(r) : HTTP_MORE;
}

/* Of what is left of the body or of the chunk. */
static enum http_result
feed_bytes(struct http_request *r, struct slice *in)
{
	size_t len = in->len < r->left ? in->len : (size_t)r->left;

	if (buf_append(&r->body, in->p, len) < 0)
		return out_of_memory(r);
	in->p += len;
	in->len -= len;
	r->left -= len;
	if (r->left > 0)
		return HTTP_MORE;
	if (r->phase == HTTP_IN_BODY)
		return whole(r);
	r->phase = HTTP_IN_CHUNK_END;
	r->chunk_line_len = 0;
	return HTTP_MORE;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes bytes up to a line feed. 1: the line is there; 0: more; -1: bad. */
static int
take_line(struct http_request *r, struct slice *in)
{
	while (in->len > 0) {
		char c = in->p[0];

		if (r->chunk_line_len == sizeof(r->chunk_line))
			return -1;
		r->chunk_line[r->chunk_line_len++] = c;
		in->p++;
		in->len--;
		if (c != '\n')
			continue;
		if (r->chunk_line_len < 2 ||
		    r->chunk_line[r->chunk_line_len - 2] != '\r')
			return -1;
		r->chunk_line_len -= 2;
		return 1;
	}
	return 0;
}

static enum http_result
read_chunk_line(struct http_request *r)
{
	uint64_t size = 0;

	for (size_t i = 0; i < r->chunk_line_len; i++) {
		int digit = hex(r->chunk_line[i]);

		if (digit < 0)
			return bad(r, 400, "A chunk's length is not a "
				   "hexadecimal number.");
		size = size << 4 | (unsigned)digit;
	}
	if (r->chunk_line_len == 0)
		return bad(r, 400, "A chunk has no length.");
	if (size > r->body_max - r->body.len)
		return bad(r, 413, "The body is longer than --max-event "
			   "allows. Publish a link to it instead, or send it "
			   "in parts.");
	r->left = size;
	r->chunk_line_len = 0;
	r->phase = size ? HTTP_IN_CHUNK : HTTP_IN_LAST;
	return HTTP_MORE;
}

static enum http_result
feed_chunk_line(struct http_request *r, struct slice *in)
{
	int n = take_line(r, in);

	if (n < 0)
		return bad(r, 400, "The body's chunks are not as HTTP has "
			   "them; extensions and trailers are not taken.");
	if (n == 0)
		return HTTP_MORE;
	if (r->phase == HTTP_IN_CHUNK_LINE)
		return read_chunk_line(r);
	if (r->chunk_line_len > 0)
		return bad(r, 400, "A chunk is longer than it says, or there "
			   "are trailers, which are not taken.");
	if (r->phase == HTTP_IN_LAST)
		return whole(r);
	r->phase = HTTP_IN_CHUNK_LINE;
	return HTTP_MORE;
}

enum http_result
http_feed(struct http_request *r, struct slice *in)
{
	enum http_result result = HTTP_MORE;

	if (r->phase == HTTP_OVER)
		return HTTP_BAD;
	/* Also without bytes: a body may be empty. */
	if (r->phase == HTTP_AFTER_HEAD)
		result = begin_body(r);
	while (result == HTTP_MORE && in->len > 0) {
		if (r->phase == HTTP_IN_HEAD)
			result = feed_head(r, in);
		else if (r->phase == HTTP_IN_BODY || r->phase == HTTP_IN_CHUNK)
			result = feed_bytes(r, in);
		else
			result = feed_chunk_line(r, in);
	}
	return result;
}

void
http_done(struct http_request *r)
{
	buf_done(&r->head);
	buf_done(&r->body);
	memset(r, 0, sizeof(*r));
}
