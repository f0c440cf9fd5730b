/* SPDX-License-Identifier: MIT */
/*
 * responder.h: a program that holds streams by itself.
 *
 * A web server starts it, or connects to its socket, and hands it the requests
 * of the browsers; the program decides who may read what, and publishes events
 * that it makes itself. No hub and no other process are needed. Heartbeats,
 * slow readers, resuming by Last-Event-ID, come-back times and all else that
 * sse-fcgi does for a stream are done here too.
 *
 * The events of a responder are those of its process: they are numbered in an
 * order of their own, the newest are kept in memory, and a browser that comes
 * back gets what it missed. The ids of an earlier process are not known: a
 * browser that has one is told so (an event `sse-gap`) and gets all that is
 * kept. Nothing here follows a hub. A program that wants a hub's events uses
 * subscriber.h beside this and sse_responder_publish_event.
 *
 * Link with -lsse-fcgi (pkg-config sse-fcgi).
 *
 * One thread: all calls for a responder and those it makes are of the thread
 * that made it. From within a callback only sse_request_*,
 * sse_responder_publish, _publish_event, _stop, _count, _address and _error
 * may be called. Nothing here logs or exits, and no signal is caught, or
 * needs to be (SIGPIPE neither).
 *
 * Functions that can fail return 0 or a negative errno value, and
 * sse_responder_error says in a sentence what is wrong. Names in it are those
 * of the options below.
 */
#ifndef SSE_FCGI_RESPONDER_H
#define SSE_FCGI_RESPONDER_H

#include <stddef.h>
#include <stdint.h>

#include <sse-fcgi/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sse_responder;

/* ---- who may read what ---- */

/*
 * A browser's request for a stream, whole and well formed. Lent for the call
 * of on_request, as is all that it leads to; text ends with a NUL. What the
 * web server does not say is NULL; an empty variable is an absent one.
 */
struct sse_request {
	const char *method;		/* "GET", or "HEAD": headers only */
	const char *const *topics;	/* topics and selectors it asks for,
					 * ends with NULL; may have none */
	const char *remote_user;	/* whom the web server let in */
	const char *remote_addr;	/* the browser's address */
};

/*
 * Decides about one request; it is also called for a HEAD request, which gets
 * the same answer without its body. Other methods and requests that are
 * malformed are answered without it. It should not block: all streams wait.
 *
 * Returns 0: the stream begins, with the topics it asks for (those that are
 * guarded, see sse_request_grant, only when they were granted) and those that
 * were granted. What sse_request_refuse returned: refused. -EBUSY: not now;
 * the browser is told to come back by itself in a few seconds. Anything else:
 * refused with status 500.
 */
typedef int sse_responder_on_request(void *user, struct sse_request *request);

/*
 * A variable of the request by its FastCGI name, such as "HTTP_USER_AGENT" or
 * "QUERY_STRING"; NULL: there is none. One that came with two different values
 * is NULL, too, and the request is refused in any case: nobody can say which
 * of the two the web server has checked.
 */
SSE_API const char *sse_request_variable(struct sse_request *request,
					 const char *name);

/*
 * The value of a cookie, as the browser sent it; NULL: there is none. Of
 * several with one name the first, which is that of the longest path.
 */
SSE_API const char *sse_request_cookie(struct sse_request *request,
				       const char *name);

/*
 * Gives the stream the topics that a selector means (event.h says what that
 * is), whether it asked for them or not, and private events of them as well.
 * Guarded topics (those that have a segment `private`) are had in no other
 * way. The request's SSE_TOPIC_PREFIX, which a virtual host may set, goes
 * before it, as before each topic asked for.
 *
 * Text from outside that becomes a part of a selector must be checked: a user
 * called `*` or `a/b` would be given the topics of others.
 *
 * 0; -EINVAL: not a selector; -EMSGSIZE: too long with its prefix; -ENOBUFS:
 * more than max_topics, or more than 16 with {variables}; -ENOMEM. Nothing is granted then.
 */
SSE_API SSE_MUSTCHECK int sse_request_grant(struct sse_request *request,
					    const char *selector);

/*
 * Adds a header line to the answer, whatever it will be: "Name: value" without
 * a line end. Those that say what the answer is (Content-Type, Status,
 * Location, Connection and the like) are not the program's. 0; -EINVAL: not
 * such a line; -EMSGSIZE: above 32 KiB in all; -ENOMEM.
 */
SSE_API SSE_MUSTCHECK int sse_request_add_header(struct sse_request *request,
						 const char *line);

/*
 * Refuses the request with an HTTP status, 400-599 (else it becomes 500), and
 * a reason in plain text for people (copied, cut to 300 bytes; may be NULL).
 * A browser's EventSource gives up for good then; so does it for 204, which is
 * allowed as well and has no text. Returns a value for on_request to return;
 * the request is refused whatever that returns.
 */
SSE_API int sse_request_refuse(struct sse_request *request, int status,
			       const char *reason);

/* ---- making one ---- */

/*
 * What a responder is to be. Zero it, then fill in: 0 and NULL stand for what
 * is said to be the default. All of it is copied. Times are milliseconds.
 */
struct sse_responder_options {
	/*
	 * Where web servers connect, when no listening socket is handed down
	 * as descriptor 0 (by lighttpd's bin-path, spawn-fcgi) or by
	 * LISTEN_FDS (systemd): "unix:PATH" or "tcp:HOST:PORT". One that is
	 * open beyond the loopback needs FCGI_WEB_SERVER_ADDRS in the
	 * environment, because whoever reaches it can claim any REMOTE_USER.
	 */
	const char *listen;
	const char *listen_mode;	/* of a unix socket, octal; "0660" */
	const char *listen_group;	/* of a unix socket; the process's */

	/* What to strip from REQUEST_URI to find the topic, such as
	 * "/events"; NULL: SCRIPT_NAME tells. */
	const char *mount;
	const char *const *default_topics;	/* what a request that names
						 * none asks for; ends with
						 * NULL */
	const char *const *cors_origins;	/* sites whose pages may read
						 * too, or "*"; ends with NULL */

	sse_responder_on_request *on_request;	/* NULL: everybody may read
						 * all that is not guarded */
	/* Called every tick_ms until sse_responder_stop, for events that are
	 * made by the clock. */
	void (*on_tick)(void *user);
	/* Something for the log: `level` as syslog(3) has it, `text` a
	 * sentence without a full stop. Not often. */
	void (*on_log)(void *user, int level, const char *text);
	void *user;			/* is given to all three */
	int64_t tick_ms;		/* 1000 */

	int64_t heartbeat_ms;		/* silence before one; 15000 */
	int64_t retry_ms;		/* browsers reconnect after it; 3000 */
	int64_t drain_ms;		/* streams end over this time at a
					 * stop; 5000; -1: at once */
	int64_t max_lifetime_ms;	/* of a stream, give or take a tenth;
					 * 3600000; -1: for ever */
	int64_t coalesce_ms;		/* least time between two writes to
					 * the same readers; none */
	int64_t request_timeout_ms;	/* for one to arrive whole; 5000 */

	uint64_t max_clients;		/* streams; as many as there are
					 * descriptors (each takes one) */
	uint64_t max_clients_per_address;	/* of one REMOTE_ADDR; no
						 * limit */
	uint64_t max_half_open;		/* requests that have begun to arrive;
					 * 1024 */
	uint64_t max_topics;		/* of a stream; 100 */
	uint64_t max_request;		/* bytes of its variables; 65536 */
	uint64_t max_event;		/* bytes of data; 1 MiB */

	/* What is kept for those who come back: the newest events, up to each
	 * of these bounds. */
	uint64_t window_events;		/* 10000 */
	uint64_t window_bytes;		/* 8 MiB, as they are on the wire */
	int64_t window_age_ms;		/* 3600000; -1: any age */
	uint64_t default_last;		/* a stream that does not say where to
					 * begin gets the newest N of each of
					 * its topics first; none */

	uint64_t reserved[8];		/* must be zero */
};

/*
 * Makes a responder that listens; it serves once sse_responder_run or
 * sse_responder_step is called. `options` may be NULL.
 *
 * 0; -EINVAL: an option that cannot be, or no socket to serve; -EADDRINUSE,
 * -EACCES, -ENAMETOOLONG and others: the socket cannot be made; -EMFILE;
 * -ENOMEM. After a failure it is a responder that only sse_responder_error and
 * sse_responder_free take (NULL after -ENOMEM). Free it in each case.
 */
SSE_API SSE_MUSTCHECK int
sse_responder_new(const struct sse_responder_options *options,
		  struct sse_responder **ret_responder);

/*
 * Closes all streams at once, removes the socket if it was made here, and
 * frees. Not from within a callback. NULL is fine.
 */
SSE_API void sse_responder_free(struct sse_responder *r);

/* ---- events ---- */

/* An event. Zero it, then fill in. All is copied. */
struct sse_responder_event {
	const char *topic;	/* as for sse_event_new, with any prefix */
	const void *data;	/* UTF-8; may be NULL when len is 0 */
	size_t len;		/* bytes */
	const char *name;	/* the SSE `event` field; NULL: "message" */
	const char *id;		/* of your own; NULL: the responder's number */
	int64_t retry_ms;	/* a reconnection time to go with it; 0: none */
	int is_private;		/* reaches only streams that were granted its
				 * topic */
};

/*
 * Publishes an event to all streams that want it, and keeps it for those who
 * come back. The bytes leave at the end of the step that runs, or else at the
 * beginning of the next. May be called at any time between sse_responder_new
 * and _free, but not from a signal handler.
 *
 * 0; -EINVAL: a field breaks a rule (event.h says which there are);
 * -EMSGSIZE: data above max_event; -ENOMEM. It reaches nobody then.
 */
SSE_API SSE_MUSTCHECK int
sse_responder_publish(struct sse_responder *r,
		      const struct sse_responder_event *e);

/* ---- serving ---- */

/*
 * Serves until sse_responder_stop was called and all streams have ended.
 * 0, or negative when the system refuses to go on; no call can mend that.
 */
SSE_API SSE_MUSTCHECK int sse_responder_run(struct sse_responder *r);

/*
 * Ends serving: no more requests are taken, and each stream is told when to
 * come back and is ended, spread over drain_ms. Called once more, serving is
 * over at once, and the streams end with sse_responder_free. For callbacks and
 * for signal handlers of the responder's thread. A responder that was stopped
 * does not serve again.
 */
SSE_API void sse_responder_stop(struct sse_responder *r);

/*
 * One step, for a program that has a loop of its own: does all there is to do,
 * and waits for that up to timeout_ms (0: not at all; -1: as long as it
 * takes). Returns at a signal, too.
 *
 * 1: go on; 0: stopped, and all streams have ended; negative as for
 * sse_responder_run; -EDEADLK: called from within a callback.
 *
 *	struct pollfd p[2] = { { sse_responder_fd(r), POLLIN, 0 }, ... };
 *	while (sse_responder_step(r, 0) > 0)
 *		poll(p, 2, sse_responder_timeout(r));
 */
SSE_API SSE_MUSTCHECK int sse_responder_step(struct sse_responder *r,
					     int timeout_ms);

/*
 * A descriptor that is readable (level-triggered) when sse_responder_step has
 * something to do; the same for the responder's life. -1: this system has none
 * (no epoll); then step with a timeout.
 */
SSE_API int sse_responder_fd(const struct sse_responder *r);

/*
 * In how many milliseconds from now sse_responder_step must be called at the
 * latest, readable or not; 0: now; -1: no such time. Ask before each sleep:
 * sse_responder_publish changes it.
 */
SSE_API int sse_responder_timeout(const struct sse_responder *r);

/* How many streams are open. */
SSE_API size_t sse_responder_count(const struct sse_responder *r);

/* Where it listens, such as "unix:/run/x.sock" or "tcp:127.0.0.1:9000". Good
 * for the responder's life. */
SSE_API const char *sse_responder_address(const struct sse_responder *r);

/* The last failure, a whole sentence; "" when there was none. Good until the
 * next call. */
SSE_API const char *sse_responder_error(const struct sse_responder *r);

/* ---- events from elsewhere ---- */

/*
 * Publishes an event of event.h, such as one that a subscriber lends. It gets
 * a number of this responder; an id that it has is not kept. Results as for
 * sse_responder_publish. A program that calls this links with -lsse-bus, too.
 */
SSE_MUSTCHECK static inline int
sse_responder_publish_event(struct sse_responder *r, const struct sse_event *e)
{
	struct sse_responder_event copy;
	int64_t retry_ms = sse_event_retry(e);

	copy.topic = sse_event_topic(e, NULL);
	copy.data = sse_event_data(e, &copy.len);
	copy.name = sse_event_name(e, NULL);
	copy.id = NULL;
	copy.retry_ms = retry_ms > 0 ? retry_ms : 0;
	copy.is_private = sse_event_is_private(e);
	return sse_responder_publish(r, &copy);
}

#ifdef __cplusplus
}
#endif
#endif
