/* SPDX-License-Identifier: MIT */
/*
 * sse_handoff, the library's side of a hand-over. libfcgi blocks and is meant
 * to: this runs in the program's own loop, one request at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/fcgx.h"
#include "fcgi/handoff_call.h"
#include "fcgi/handoff_message.h"
#include "fcgi/query.h"
#include "fcgi/route.h"
#include "lib/base/random.h"
#include "lib/base/units.h"
#include "lib/bus/address.h"

enum {
	WAIT_MS = 200,		/* a visitor of the page does not notice */
	STDIN_MOST = 64 * 1024,
	RETRY_MS = 3000,	/* the worker's own default ... */
	RETRY_SPREAD_MS = 5000,	/* ... and what it drains in */
	RECORD_HEADER = 8,	/* FastCGI 1.0 §3.3 */
	STDOUT_RECORD = 6, STDERR_RECORD = 7,
	WRITTEN_HERE = 1,
};

/*
 * What libfcgi (2.4.0 to 2.4.7) keeps behind FCGX_Stream.data. It is the only
 * place that tells whether output has left already.
 */
struct libfcgi_writer {
	unsigned char *buff;
	int bufflen;
	unsigned char *mBuff;
	unsigned char *buffStop;
	int type, eorStop, skip, contentLen, paddingLen;
	int isAnythingWritten;
	int rawWrite;
	FCGX_Request *reqDataPtr;
};

/*
 * Whether anything was written. In a libfcgi that looks different inside, the
 * answer is no: then it is the program that has to keep the rule.
 */
static bool
is_used(const FCGX_Request *request, const FCGX_Stream *s)
{
	struct libfcgi_writer w;

	if (s->isClosed || !s->data)
		return true;
	memcpy(&w, s->data, sizeof(w));
	if (w.reqDataPtr != request || w.buffStop != s->stop ||
	    (w.type != STDOUT_RECORD && w.type != STDERR_RECORD) ||
	    w.buff + w.bufflen != w.buffStop)
		return false;
	return w.isAnythingWritten || s->wrNext != w.buff + RECORD_HEADER;
}

static bool
is_fit(const FCGX_Request *request, const struct sse_handoff *what)
{
	return request->ipcFd >= 0 && request->in && request->out &&
	       request->err && request->envp && what->topics &&
	       what->topics[0] && !is_used(request, request->out) &&
	       !is_used(request, request->err);
}

/* A variable of the request; an empty one is an absent one. */
static struct slice
variable(const FCGX_Request *request, const char *name)
{
	struct slice s = slice_of(FCGX_GetParam(name, request->envp));

	return s.len > 0 ? s : SLICE_NONE;
}

/* ---- the message ---- */

static int
add_texts(struct buf *message, enum handoff_field kind,
	  const char *const *texts)
{
	int r = 0;

	for (; r == 0 && texts && *texts; texts++)
		r = handoff_message_add(message, kind, slice_of(*texts));
	return r;
}

/* One that no event can have counts as one that the hub does not know. */
static int
add_after(struct buf *message, struct slice id)
{
	if (!handoff_after_check(id))
		id.len = 0;
	return handoff_message_add(message, HANDOFF_AFTER, id);
}

/* The value of the first parameter of that name that has one. */
static struct slice
query_value(struct slice query, const char *name)
{
	struct slice found, value;

	while (query_next(&query, &found, &value))
		if (value.len > 0 && query_name_is(found, name))
			return value;
	return SLICE_NONE;
}

static int
add_last(struct buf *message, struct slice query)
{
	struct slice raw = query_value(query, "last");
	uint64_t n = 0;

	/* What is not a number asks for nothing; it is no reason to refuse. */
	if (!raw.p || parse_u64(raw, &n) < 0 || n == 0)
		return 0;
	if (n > ROUTE_LAST_MAX)
		n = ROUTE_LAST_MAX;
	return handoff_message_add_last(message, (uint32_t)n);
}

/* In the order of route.h, so that both doors read a request in one way. */
static int
add_resume(struct buf *message, const FCGX_Request *request)
{
	static const char *const spellings[] = {
		"lastEventID", "Last-Event-ID", "last_event_id", "lastEventId",
	};
	struct slice query = variable(request, "QUERY_STRING");
	struct slice id = variable(request, "HTTP_LAST_EVENT_ID");
	struct slice raw = SLICE_NONE;
	struct buf decoded = { 0 };
	size_t i;
	int r;

	if (id.p)
		return add_after(message, id);
	for (i = 0; !raw.p && i < sizeof(spellings) / sizeof(*spellings); i++)
		raw = query_value(query, spellings[i]);
	if (!raw.p)
		return add_last(message, query);

	r = query_decode(raw, QUERY_PLUS_IS_SPACE, &decoded);
	if (r == -EINVAL)	/* badly escaped: no event's id either */
		r = add_after(message, SLICE_LIT(""));
	else if (r == 0)
		r = add_after(message, buf_slice(&decoded));
	buf_done(&decoded);
	return r;
}

static int
build_message(struct buf *message, const FCGX_Request *request,
	      const struct sse_handoff *what)
{
	struct slice prefix = variable(request, "SSE_TOPIC_PREFIX");
	int r;

	if (request->requestId < 1 || request->requestId > UINT16_MAX)
		return -EINVAL;
	r = handoff_message_begin(message, (uint16_t)request->requestId,
				  (uint16_t)request->role,
				  request->keepConnection != 0);
	if (r == 0 && prefix.p)
		r = handoff_message_add(message, HANDOFF_PREFIX, prefix);
	if (r == 0)
		r = add_texts(message, HANDOFF_TOPIC, what->topics);
	if (r == 0)
		r = add_texts(message, HANDOFF_HEADER, what->headers);
	if (r < 0)
		return r;
	if (!what->last_event_id)
		return add_resume(message, request);
	if (what->last_event_id[0] == '\0')
		return 0;
	return add_after(message, slice_of(what->last_event_id));
}

/* ---- handing over ---- */

/* The worker's socket, in `path`. */
static int
find_socket(const struct sse_handoff *what, char *path, size_t size)
{
	struct bus_address bus;
	char error[256];
	const char *text = what->socket;
	const char *more = "";
	size_t len;
	int r;

	if (!text || text[0] == '\0')
		text = getenv("SSE_HANDOFF");
	if (!text || text[0] == '\0') {
		r = bus_address_parse(NULL, &bus, error, sizeof(error));
		if (r < 0)
			return r;
		if (bus.is_tcp)
			return -EINVAL;
		text = bus.path;
		more = "/handoff";
	}
	len = strlen(text);
	if (len + strlen(more) >= size)
		return -ENAMETOOLONG;
	memcpy(path, text, len);
	memcpy(path + len, more, strlen(more) + 1);
	return 0;
}

/*
 * The web server may have sent bytes that libfcgi holds in its buffer, and
 * Apache answers 503 when a request's end was not read.
 */
static int
read_stdin(FCGX_Request *request)
{
	char bytes[1024];
	size_t len = 0;
	int n;

	do {
		n = FCGX_GetStr(bytes, sizeof(bytes), request->in);
		if (n > 0)
			len += (size_t)n;
		if (len > STDIN_MOST)
			return -EMSGSIZE;
	} while (n == (int)sizeof(bytes));
	/* A connection that broke ends STDIN too, but with an error. */
	return FCGX_GetError(request->in) == 0 ? 0 : -EIO;
}

/* The browser is to come back by itself: any status but 200 ends that. */
static int
answer_later(FCGX_Request *request, const struct sse_handoff *what)
{
	uint64_t retry_ms = RETRY_MS + random_spread(RETRY_SPREAD_MS + 1);

	fcgx_put_header(request->out, what->headers);
	/* What cannot be written to a browser that is gone is no loss. */
	FCGX_FPrintF(request->out, "retry: %lu\n:\n\n",
		     (unsigned long)retry_ms);
	return WRITTEN_HERE;
}

static int
answer_head(FCGX_Request *request, const struct sse_handoff *what)
{
	fcgx_put_header(request->out, what->headers);
	return WRITTEN_HERE;
}

/* The connection is the worker's now: closed here, never shut down. */
static void
let_go(FCGX_Request *request)
{
	int fd = request->ipcFd;

	FCGX_Free(request, 0);
	request->ipcFd = -1;
	close(fd);
}

int
sse_handoff(FCGX_Request *request, const struct sse_handoff *what)
{
	char path[BUS_PATH_MAX];
	struct buf message = { 0 };
	int r;

	if (!is_fit(request, what))
		return -EINVAL;
	r = build_message(&message, request, what);
	if (r == 0)
		r = find_socket(what, path, sizeof(path));
	if (r == 0)
		r = read_stdin(request);
	if (r < 0)
		goto out;

	if (slice_eq(variable(request, "REQUEST_METHOD"), SLICE_LIT("HEAD"))) {
		r = answer_head(request, what);
		goto out;
	}
	r = handoff_call(path, request->ipcFd, buf_slice(&message), WAIT_MS);
	if (r == 0)
		let_go(request);
	else if (r > 0)
		r = answer_later(request, what);
out:
	buf_done(&message);
	return r;
}
