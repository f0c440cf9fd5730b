/* SPDX-License-Identifier: MIT */
#include "cgi/answer.h"

#include <errno.h>
#include <fastcgi.h>
#include <string.h>
#include <strings.h>

enum { ORIGIN_MAX = 300 };	/* a host's name has 253 */

static const struct slice status_name = SLICE_LIT("Status:");

/* ---- the head of an nph- program ---- */

/* The length of the head with its empty line; 0: it is not whole. */
static size_t
head_length(struct slice s)
{
	for (size_t i = 0; i + 4 <= s.len; i++)
		if (memcmp(s.p + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	return 0;
}

/* Takes the first line off, with its end; the empty one ends the head. */
static struct slice
take_line(struct slice *head)
{
	const char *end = memchr(head->p, '\n', head->len);
	struct slice line = { head->p, (size_t)(end - head->p) + 1 };

	head->p += line.len;
	head->len -= line.len;
	return line;
}

static bool
is_status(struct slice line)
{
	return line.len > status_name.len &&
	       strncasecmp(line.p, status_name.p, status_name.len) == 0;
}

static int
append_status_line(struct slice head, struct buf *out)
{
	int r = buf_append_text(out, "HTTP/1.1 ");

	while (r == 0 && head.len > 0) {
		struct slice line = take_line(&head);

		if (!is_status(line))
			continue;
		line.p += status_name.len;
		line.len -= status_name.len;
		while (line.p[0] == ' ') {
			line.p++;
			line.len--;
		}
		return buf_append_slice(out, line);
	}
	return r < 0 ? r : buf_append_text(out, "200 OK\r\n");
}

/* The connection ends with the program: nobody but it knows how long it is. */
static int
append_http_head(struct slice head, struct buf *out)
{
	int r = append_status_line(head, out);

	if (r == 0)
		r = buf_append_text(out, "Connection: close\r\n");
	while (r == 0 && head.len > 0) {
		struct slice line = take_line(&head);

		if (!is_status(line))
			r = buf_append_slice(out, line);
	}
	return r;
}

static int
take_nph_head(struct answer *a, struct slice piece, struct buf *out)
{
	size_t len;
	int r;

	if (piece.len > ANSWER_HEAD_MAX - a->head.len)
		return -EPROTO;
	r = buf_append_slice(&a->head, piece);
	if (r < 0)
		return r;
	len = head_length(buf_slice(&a->head));
	if (len == 0)
		return 0;
	a->has_head = true;
	r = append_http_head((struct slice){ a->head.p, len }, out);
	if (r == 0)
		r = buf_append(out, a->head.p + len, a->head.len - len);
	buf_done(&a->head);
	return r;
}

/* ---- records ---- */

static int
take_stdout(struct answer *a, struct slice piece, struct buf *out)
{
	if (a->is_nph && !a->has_head)
		return take_nph_head(a, piece, out);
	a->has_head = true;
	return buf_append_slice(out, piece);
}

static int
take_piece(struct answer *a, struct slice piece, struct buf *out,
	   struct buf *err)
{
	size_t room = sizeof(a->end) - a->end_have;

	if (a->walker.type == FCGI_STDOUT)
		return take_stdout(a, piece, out);
	if (a->walker.type == FCGI_STDERR)
		return err ? buf_append_slice(err, piece) : 0;
	if (piece.len > room)
		return -EPROTO;
	memcpy(a->end + a->end_have, piece.p, piece.len);
	a->end_have += piece.len;
	return 0;
}

static int
take_end(struct answer *a)
{
	if (a->walker.type != FCGI_END_REQUEST)
		return 0;
	if (a->end_have != sizeof(a->end))
		return -EPROTO;
	a->is_over = true;
	a->is_refused = a->end[4] != FCGI_REQUEST_COMPLETE;
	return 0;
}

int
answer_feed(struct answer *a, struct slice in, struct buf *out, struct buf *err)
{
	struct slice piece;
	const char *why;
	int r = 0;

	a->walker.is_answer = true;
	while (r == 0 && !a->is_over) {
		switch (record_next(&a->walker, &in, &piece, &why)) {
		case RECORD_MORE:
			return 0;
		case RECORD_BEGIN:
			break;
		case RECORD_PIECE:
			r = take_piece(a, piece, out, err);
			break;
		case RECORD_END:
			r = take_end(a);
			break;
		case RECORD_BAD:
			r = -EPROTO;
			break;
		}
	}
	return r;
}

void
answer_done(struct answer *a)
{
	buf_done(&a->head);
}

void
answer_restart(struct answer *a)
{
	answer_done(a);
	*a = (struct answer){ .is_nph = a->is_nph, .no_body = a->no_body,
			      .origin = a->origin };
}

/* ---- answers of our own ---- */

static int
append_head(const struct answer *a, struct slice head, struct buf *out)
{
	return a->is_nph ? append_http_head(head, out) :
			   buf_append_slice(out, head);
}

/* What a browser sends as one; a header line can be made of it. */
static bool
is_origin(const char *s)
{
	size_t len = s ? strlen(s) : 0;

	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return len > 0 && len <= ORIGIN_MAX;
}

int
answer_later(const struct answer *a, unsigned retry_ms, struct buf *out)
{
	struct buf head = { NULL, 0, 0 };
	bool is_known = is_origin(a->origin);
	int r;

	r = buf_printf(&head,
		       "Status: 200 OK\r\n"
		       "Content-Type: text/event-stream\r\n"
		       "Cache-Control: no-cache, no-transform\r\n"
		       "Access-Control-Allow-Origin: %s\r\n%s\r\n",
		       is_known ? a->origin : "*",
		       is_known ? "Access-Control-Allow-Credentials: true\r\n"
				  "Vary: Origin\r\n" : "");
	if (r == 0)
		r = append_head(a, buf_slice(&head), out);
	if (r == 0 && !a->no_body)
		r = buf_printf(out, ":\nretry: %u\n\n", retry_ms);
	buf_done(&head);
	return r;
}

int
answer_status(const struct answer *a, const char *status, const char *text,
	      struct buf *out)
{
	struct buf head = { NULL, 0, 0 };
	int r;

	r = buf_printf(&head,
		       "Status: %s\r\n"
		       "Content-Type: text/plain; charset=utf-8\r\n"
		       "X-Content-Type-Options: nosniff\r\n"
		       "Cache-Control: no-store\r\n\r\n", status);
	if (r == 0)
		r = append_head(a, buf_slice(&head), out);
	if (r == 0 && !a->no_body)
		r = buf_printf(out, "%s\n", text);
	buf_done(&head);
	return r;
}
