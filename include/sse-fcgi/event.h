/* SPDX-License-Identifier: MIT */
/*
 * event.h: one event, as it is published and as it is received.
 *
 * A program that publishes makes an event with sse_event_new, fills it in and
 * hands it to a publisher, which copies it. A subscriber lends its events to
 * the program. All text is UTF-8 and all lengths are bytes.
 *
 * Functions that can fail return 0 or a negative errno value; where a rule of
 * the field was broken (-EINVAL, -EMSGSIZE), sse_event_error says in a
 * sentence which rule and at which byte.
 *
 * No function here blocks, logs or exits. An event may be used by one thread
 * at a time.
 */
#ifndef SSE_FCGI_EVENT_H
#define SSE_FCGI_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/api.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sse_event;

/*
 * Makes an event with a topic and data. Both are copied. `data` may be NULL
 * when len is 0. -EINVAL: a topic or data that breaks the rules, -EMSGSIZE:
 * data above 8 MiB (the event is made all the same, so that sse_event_error
 * can tell; publishing it fails); -ENOMEM: *ret_event is NULL. The caller
 * frees it with sse_event_free.
 *
 * A topic has 1-255 bytes, no control characters, no `{` or `}`, and no `*` as
 * its last segment. Topics that begin with $SYS/ are the hub's own. Data is at
 * most what the hub's --max-event says (1 MiB by default).
 */
SSE_API SSE_MUSTCHECK int sse_event_new(const char *topic, const void *data,
					size_t len, struct sse_event **ret_event);

/* Frees an event that sse_event_new made. NULL is fine. */
SSE_API void sse_event_free(struct sse_event *e);

/*
 * The fields beside topic and data. Each copies its text; NULL takes the field
 * away. 0, -ENOMEM, or -EINVAL (the field keeps its old value).
 *
 * name: the SSE `event` field, 1-255 bytes without control characters; names
 *       that begin with `sse-` are reserved.
 * id:   an id of the publisher's own, 1-255 bytes, used on the wire instead of
 *       the hub's. One that looks like the hub's ids is refused.
 * key:  1-64 bytes; the hub takes an event with a key it has seen within ten
 *       minutes only once. A publisher makes one when none is given.
 */
SSE_API SSE_MUSTCHECK int sse_event_set_name(struct sse_event *e, const char *name);
SSE_API SSE_MUSTCHECK int sse_event_set_id(struct sse_event *e, const char *id);
SSE_API SSE_MUSTCHECK int sse_event_set_key(struct sse_event *e, const char *key);

/*
 * Adds another topic, at most 9 beside the first, by the same rules. The event is
 * of each of them alike: who follows any of them gets it, and once. 0, -ENOMEM,
 * or -EINVAL (a rule, one too many, or one that it has); nothing was added then.
 */
SSE_API SSE_MUSTCHECK int sse_event_add_topic(struct sse_event *e, const char *topic);

/* The reconnection time in milliseconds that goes with the event; -1: none. */
SSE_API void sse_event_set_retry(struct sse_event *e, int64_t retry_ms);

/* A private event reaches only streams that were granted its topic. */
SSE_API void sse_event_set_private(struct sse_event *e, int is_private);

/*
 * What an event holds. The bytes belong to the event and end with a NUL beyond
 * their length. An absent field is NULL with length 0; data is never NULL.
 */
SSE_API const char *sse_event_topic(const struct sse_event *e, size_t *ret_len);
/* The other topics, counted from 0; NULL: there is none so far. */
SSE_API const char *sse_event_also(const struct sse_event *e, size_t i, size_t *ret_len);
SSE_API const char *sse_event_data(const struct sse_event *e, size_t *ret_len);
SSE_API const char *sse_event_name(const struct sse_event *e, size_t *ret_len);
SSE_API int64_t sse_event_retry(const struct sse_event *e);	/* -1: none */
SSE_API int sse_event_is_private(const struct sse_event *e);

/*
 * The id as it stands on the SSE wire: the publisher's own, else the hub's
 * `<epoch>-<number>`; NULL for an event without a number (not published yet,
 * or from a plain PUB socket).
 */
SSE_API const char *sse_event_id(const struct sse_event *e, size_t *ret_len);

/* Unix time in milliseconds of the hub's numbering; 0: not numbered. */
SSE_API int64_t sse_event_time(const struct sse_event *e);

/* The last refusal of a field, a whole sentence; "" when there was none. */
SSE_API const char *sse_event_error(const struct sse_event *e);

/*
 * Whether a selector means a topic: 1, 0, or -EINVAL when the selector or the
 * topic is not one. Selectors:
 *   news           that topic
 *   news/ with *    (a last segment `*`) what is below news/, not news itself
 *   *              everything
 *   a/{x}{?y,z}    a URI template (RFC 6570, all levels): whatever it can
 *                  expand to, with nothing for variables that are undefined.
 *                  {x} stands for bytes but :/?#[]@!$&'()*+;= and {+x} for any
 * No wildcard stands for a segment `private` or for $SYS: they must be spelt.
 */
SSE_API int sse_topic_matches(const char *selector, const char *topic);

/* 0, or -EINVAL and a sentence (cut to `size`) that says what is wrong. */
SSE_API SSE_MUSTCHECK int sse_selector_check(const char *selector, char *error,
					     size_t size);

#ifdef __cplusplus
}
#endif
#endif
