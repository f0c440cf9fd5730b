/* SPDX-License-Identifier: MIT */
#include "fcgi/fcgx.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/utf8.h"
#include "lib/sse/encode.h"

void
fcgx_put_header(FCGX_Stream *out, const char *const *lines)
{
	FCGX_PutS("Content-Type: text/event-stream\r\n"
		  "Cache-Control: no-cache, no-transform\r\n"
		  /* nginx: do not collect the stream before passing it on */
		  "X-Accel-Buffering: no\r\n", out);
	for (; lines && *lines; lines++) {
		FCGX_PutS(*lines, out);
		FCGX_PutS("\r\n", out);
	}
	FCGX_PutS("\r\n", out);
}

/* A failed stream still takes bytes and says nothing; so ask for the error. */
static bool
is_gone(const FCGX_Stream *out)
{
	return out->isClosed || out->FCGI_errno != 0;
}

int
fcgx_flush(FCGX_Stream *out)
{
	if (is_gone(out) || FCGX_FFlush(out) == EOF || is_gone(out))
		return -EIO;
	return 0;
}

static int
put(FCGX_Stream *out, struct slice s)
{
	while (s.len > 0) {
		int n = s.len < INT_MAX ? (int)s.len : INT_MAX;

		if (is_gone(out) || FCGX_PutStr(s.p, n, out) != n)
			return -EIO;
		s.p += n;
		s.len -= (size_t)n;
	}
	return fcgx_flush(out);
}

int
sse_fcgx_begin(FCGX_Stream *out, int64_t retry_ms)
{
	struct buf text = { 0 };
	int r = 0;

	fcgx_put_header(out, NULL);
	/* The body has to begin: Apache sends no header before it does. */
	if (retry_ms >= 0)
		r = encode_retry(&text, (uint64_t)retry_ms);
	if (r == 0)
		r = buf_append_text(&text, ":\n\n");
	if (r == 0)
		r = put(out, buf_slice(&text));
	buf_done(&text);
	return r;
}

/* One line of text, whatever stands in it. */
static bool
fits_line(struct slice s)
{
	return utf8_is_valid(s) &&
	       (s.len == 0 || (!memchr(s.p, '\n', s.len) &&
			       !memchr(s.p, '\r', s.len)));
}

int
sse_fcgx_send(FCGX_Stream *out, const char *name, const char *id,
	      const void *data, size_t len)
{
	struct event e = {
		.name = slice_of(name),
		.data = { len > 0 ? data : "", len },
	};
	struct buf text = { 0 };
	int r;

	if (!fits_line(e.name) || !fits_line(slice_of(id)) ||
	    !utf8_is_valid(e.data))
		return -EINVAL;
	if (is_gone(out))
		return -EIO;
	r = encode_event(&text, &e, slice_of(id));
	if (r == 0)
		r = put(out, buf_slice(&text));
	buf_done(&text);
	return r;
}

int
sse_fcgx_heartbeat(FCGX_Stream *out)
{
	return put(out, SLICE_LIT(":\n"));
}

/* ---- plain CGI ---- */

static unsigned char cgi_bytes[8192];

static int
write_all(int fd, const unsigned char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd writable = { fd, POLLOUT, 0 };

			(void)poll(&writable, 1, -1); /* write tells */
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static void
cgi_empty(FCGX_Stream *out, int is_closing)
{
	int r = write_all(STDOUT_FILENO, cgi_bytes,
			  (size_t)(out->wrNext - cgi_bytes));

	out->wrNext = cgi_bytes;
	if (r < 0 && out->FCGI_errno == 0)
		out->FCGI_errno = -r;
	if (r < 0 || is_closing)
		out->isClosed = 1;
}

FCGX_Stream *
sse_fcgx_cgi_out(void)
{
	static FCGX_Stream out = {
		.rdNext = cgi_bytes + sizeof(cgi_bytes),
		.wrNext = cgi_bytes,
		.stop = cgi_bytes + sizeof(cgi_bytes),
		.emptyBuffProc = cgi_empty,
	};

	return &out;
}
