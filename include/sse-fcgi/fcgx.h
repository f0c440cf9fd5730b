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
	 * ones too. Ends with NULL. At least one.
	 */
	const char *const *topics;
	/*
	 * Further response header lines, such as a refreshed session cookie;
	 * each "Name: value" without a line end. Ends with NULL; may be NULL.
	 */
	const char *const *headers;
	/*
	 * Where to resume: NULL takes HTTP_LAST_EVENT_ID and the query
	 * (lastEventID and its spellings) from the request.
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
 * request->out or ->err. Reads the rest of STDIN (at most 64 KiB) first.
 *
 * Returns 0 when the worker has it: the request is freed, its descriptor is
 * closed here, and FCGX_Accept_r can be called at once (not FCGX_Finish_r).
 * Returns 1 when no worker took it within 200 ms: a 200 with a retry: of a few
 * seconds was written, so that the browser comes back by itself; finish the
 * request as usual. Negative: -EINVAL (no topics, output already written, a
 * header line that is not one, plain CGI), -EMSGSIZE, -EPERM (the socket
 * belongs to another user); nothing was written, answer as you like.
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
 * Writes one event and flushes. `name` and `id` may be NULL. Line ends in data
 * are handled as the standard says. 0; -EINVAL: a line end or NUL in name or
 * id, or data that is not UTF-8; -EIO: the browser is gone, end the loop.
 */
SSE_API SSE_MUSTCHECK int sse_fcgx_send(FCGX_Stream *out, const char *name,
					const char *id, const void *data,
					size_t len);

/* Writes a comment, which keeps proxies awake and notices a gone browser. */
SSE_API SSE_MUSTCHECK int sse_fcgx_heartbeat(FCGX_Stream *out);

#ifdef __cplusplus
}
#endif
#endif
