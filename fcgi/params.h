/* SPDX-License-Identifier: MIT */
/*
 * params: the variables of a request (FastCGI 1.0 §3.4), as slices over the
 * bytes of its PARAMS stream.
 *
 * An empty variable is an absent one: nginx and Caddy send those. nginx sends
 * a variable twice when a configuration sets it twice; two different values
 * would mean that the web server checked one and we act on the other, so they
 * are refused. Variables that are not in the table are skipped.
 */
#ifndef FCGI_PARAMS_H
#define FCGI_PARAMS_H

#include "lib/base/slice.h"

struct params {			/* absent: p is NULL; all borrowed */
	struct slice method;		/* REQUEST_METHOD */
	struct slice uri;		/* REQUEST_URI, raw, with the query */
	struct slice script_name;	/* SCRIPT_NAME */
	struct slice path_info;		/* PATH_INFO, decoded or not */
	struct slice query;		/* QUERY_STRING, raw */
	struct slice last_event_id;	/* HTTP_LAST_EVENT_ID */
	struct slice origin;		/* HTTP_ORIGIN */
	struct slice host;		/* HTTP_HOST */
	struct slice referer;		/* HTTP_REFERER */
	struct slice idempotency_key;	/* HTTP_IDEMPOTENCY_KEY */
	struct slice cors_method;	/* HTTP_ACCESS_CONTROL_REQUEST_METHOD */
	struct slice cors_headers;	/* HTTP_ACCESS_CONTROL_REQUEST_HEADERS */
	struct slice accept;		/* HTTP_ACCEPT */
	struct slice cookie;		/* HTTP_COOKIE */
	struct slice authorization;	/* HTTP_AUTHORIZATION */
	struct slice remote_user;	/* REMOTE_USER */
	struct slice remote_addr;	/* REMOTE_ADDR */
	struct slice content_length;	/* CONTENT_LENGTH */
	struct slice content_type;	/* CONTENT_TYPE */
	struct slice topic_prefix;	/* SSE_TOPIC_PREFIX */
	struct slice max_clients;	/* SSE_MAX_CLIENTS */
	struct slice poll;		/* SSE_POLL */
	struct slice protocol;		/* SERVER_PROTOCOL */
	struct slice block;		/* all of them, for params_next */
};

/*
 * Reads a complete PARAMS stream. 0, or -EINVAL with a sentence in *ret_why:
 * a length beyond the end, or a variable with two values.
 */
int params_decode(struct slice block, struct params *ret_params,
		  const char **ret_why);

/*
 * Takes the next name and value off *block; names and values may be empty.
 * 1: there is one; 0: the end; -EINVAL: a length beyond the end.
 */
int params_next(struct slice *block, struct slice *ret_name,
		struct slice *ret_value);

#endif
