/* SPDX-License-Identifier: MIT */
/*
 * parser.h: reads a text/event-stream, as a browser's EventSource does
 * (WHATWG HTML §9.2.6).
 *
 * For programs that fetch a stream by a means of their own: bytes go in as
 * they come, in pieces of any size, and whole events come out. What is not
 * UTF-8 becomes U+FFFD; line ends in data are line feeds.
 *
 * One thread at a time. No function here blocks, logs or exits.
 */
#ifndef SSE_FCGI_PARSER_H
#define SSE_FCGI_PARSER_H

#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/api.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sse_parser;

/* An event of the stream. The bytes are lent for the call; no NUL ends them. */
struct sse_parsed {
	const char *name;	/* "message" where the stream gave none */
	size_t name_len;
	const char *data;
	size_t data_len;
	const char *last_id;	/* the stream's last event id; may be empty */
	size_t last_id_len;
};

/* The next event. A negative value ends sse_parser_push with that value. */
typedef int sse_parser_on_event(void *user, const struct sse_parsed *e);

/*
 * Makes a parser. `max_bytes` bounds what it keeps of one event. 0 or -ENOMEM.
 * The caller frees it with sse_parser_free; NULL is fine there.
 */
SSE_API SSE_MUSTCHECK int sse_parser_new(size_t max_bytes,
					 sse_parser_on_event *on_event,
					 void *user,
					 struct sse_parser **ret_parser);
SSE_API void sse_parser_free(struct sse_parser *p);

/*
 * Takes bytes and calls on_event for every event they complete. 0; -EMSGSIZE:
 * an event above max_bytes; -ENOMEM; or what on_event returned if that was
 * negative. After a negative result only sse_parser_restart, the functions
 * below and sse_parser_free may be called.
 */
SSE_API SSE_MUSTCHECK int sse_parser_push(struct sse_parser *p,
					  const void *bytes, size_t len);

/*
 * A new connection begins: an unfinished event is dropped, as the standard
 * says; the last event id and the reconnection time stay.
 */
SSE_API void sse_parser_restart(struct sse_parser *p);

/*
 * What to send as Last-Event-ID when reconnecting; NULL: nothing. It ends with
 * a NUL and is good until the next push or restart.
 */
SSE_API const char *sse_parser_last_id(struct sse_parser *p, size_t *ret_len);

/* Sets the last event id, for a stream resumed from an earlier run. 0, -ENOMEM. */
SSE_API SSE_MUSTCHECK int sse_parser_set_last_id(struct sse_parser *p,
						 const char *id);

/* The reconnection time that the stream gave, in milliseconds; -1: none. */
SSE_API int64_t sse_parser_retry(const struct sse_parser *p);

#ifdef __cplusplus
}
#endif
#endif
