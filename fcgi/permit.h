/* SPDX-License-Identifier: MIT */
/*
 * permit: asks a responder's program about one request (on_request in
 * include/sse-fcgi/responder.h, and the sse_request_* that it may call).
 */
#ifndef FCGI_PERMIT_H
#define FCGI_PERMIT_H

#include <stddef.h>

#include <sse-fcgi/responder.h>

#include "fcgi/route.h"
#include "lib/base/buf.h"

enum {
	/* half a record, which must hold the whole head of an answer */
	PERMIT_HEADERS_MAX = 32768,
};

struct permit {			/* zeroed but for the first two */
	sse_responder_on_request *on_request;
	void *user;		/* borrowed */
	/* Memory that is kept from one request to the next, all owned. */
	struct buf text;
	const char **topics;
	size_t topics_cap;
	char why[ROUTE_WHY_MAX];
};

/* A rights_judge; `permit` is a struct permit. */
int permit_judge(void *permit, struct rights_case *c);
void permit_done(struct permit *p);

#endif
