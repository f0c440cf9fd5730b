/* SPDX-License-Identifier: MIT */
/*
 * fcgx.h: where programs written with libfcgi meet server-sent events.
 *
 * Two ways. sse_handoff gives an open request to a running sse-fcgi worker and
 * leaves the program free for its next one: thousands of streams, each let in
 * by the program's own session and permission logic. sse_fcgx_* write correct
 * events to an FCGX_Stream, as FastCGI or plain CGI, for a program that
 * streams by itself.
 *
 * Link with -lsse-fcgi -lfcgi. Functions may be called from several threads,
 * with a request each.
 */
#ifndef SSE_FCGI_FCGX_H
#define SSE_FCGI_FCGX_H

#include <stddef.h>
#include <stdint.h>

#include <fcgiapp.h>

#include <sse-fcgi/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a handed-over stream is to be. Zero it, then fill in. */
struct sse_handoff {
	/*
	 * The topics (or selectors) the stream gets and is granted, private
	 * ones too. Ends with NULL. At least one. The request's
	 * SSE_TOPIC_PREFIX, which a virtual host may set, goes before each.
	 */
	const char *const *topics;
	/*
	 * Further response header lines, such as a refreshed session cookie;
	 * each "Name: value" without a line end. Ends with NULL; may be NULL.
	 * Those that say what the answer is (Content-Type, Status, Location,
	 * Connection and the like) are the worker's.
	 */
	const char *const *headers;
	/*
	 * Where to resume: an event id, or "earliest", or "" for what comes
	 * from now on. NULL takes HTTP_LAST_EVENT_ID and the query
	 * (lastEventID and its spellings, last=N) from the request.
	 */
	const char *last_event_id;
	/*
	 * The worker's hand-over socket: NULL takes $SSE_HANDOFF, else
	 * BUS/handoff for the default bus address.
	 */
	const char *socket;
};

/*
 * Hands an accepted request to a worker. Nothing may have been written to
 * request->out or ->err. Reads the rest of STDIN (at most 64 KiB) first, and
 * blocks as long as the web server needs to send it.
 *
 * Returns 0 when the worker has it: the request is freed, its descriptor is
 * closed here, and FCGX_Accept_r can be called at once (not FCGX_Finish_r).
 * Returns 1 when the answer was written here instead; finish the request as
 * usual. That is so when no worker took it within 200 ms (a 200 with a retry:
 * of a few seconds, so that the browser comes back by itself), and for a HEAD
 * request, which is a header only.
 *
 * Negative: nothing was written, answer as you like.
 *   -EINVAL	no topics or one that is not a selector, output already
 *		written, a header line that is not one, plain CGI, an
 *		SSE_TOPIC_PREFIX that does not end with a slash, a bus without
 *		a directory and no socket named
 *   -EMSGSIZE	STDIN, or topics and headers together, are too long
 *   -ENAMETOOLONG	a unix socket takes 107 bytes
 *   -EPERM	the socket belongs to another user
 *   -EPROTO	the worker refuses it; it is of another release
 *   -EIO	the web server ended the request
 *   -ENOMEM, -EMFILE and others of the system
 */
SSE_API SSE_MUSTCHECK int sse_handoff(FCGX_Request *request,
				      const struct sse_handoff *what);

/*
 * Begins a stream: writes the response header, `retry:` if retry_ms is not
 * negative, and a comment, and flushes, so that the browser's `open` comes at
 * once. 0; -EIO: the browser is gone.
 */
SSE_API SSE_MUSTCHECK int sse_fcgx_begin(FCGX_Stream *out, int64_t retry_ms);

/*
 * Writes one event and flushes; blocks while the browser does not read. `name`
 * and `id` may be NULL; an empty id makes the browser forget its last one.
 * Line ends in data are handled as the standard says. 0; -EINVAL: a line end
 * in name or id, or something that is not UTF-8; -ENOMEM; -EIO: the browser is
 * gone, end the loop.
 */
SSE_API SSE_MUSTCHECK int sse_fcgx_send(FCGX_Stream *out, const char *name,
					const char *id, const void *data,
					size_t len);

/* Writes a comment, which keeps proxies awake and notices a gone browser. */
SSE_API SSE_MUSTCHECK int sse_fcgx_heartbeat(FCGX_Stream *out);

/*
 * The same for plain CGI, where libfcgi has no stream: one over standard
 * output, for these functions and FCGX_PutS and its like. It is always the
 * same one; nobody frees it. A program that does not ignore SIGPIPE is ended
 * by it when the browser is gone.
 */
SSE_API FCGX_Stream *sse_fcgx_cgi_out(void);

#ifdef __cplusplus
}
#endif
#endif
