/* SPDX-License-Identifier: MIT */
/*
 * claims: the two JSON objects of a token, read strictly: a name that stands
 * twice, bytes that are no UTF-8, a NUL, and anything behind the object make it
 * none.
 */
#ifndef LIB_AUTH_CLAIMS_H
#define LIB_AUTH_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/grants.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum {
	CLAIMS_DEEPEST = 16,	/* objects and arrays in one another */
	CLAIMS_LIST_MOST = 1000,
};

struct claims;

/* 0; -EINVAL: it is no such object; -ENOMEM. Free it. */
int claims_read(struct slice json, struct claims **ret_claims);
struct claims *claims_free(struct claims *c);

/*
 * Values by name. 0, or -ENOENT: there is none of that name; -EINVAL: it is of
 * another kind. Texts are good as long as the claims.
 */
int claims_text(const struct claims *c, const char *name,
		struct slice *ret_text);
/* Seconds as milliseconds; those beyond any calendar as its end. */
int claims_time(const struct claims *c, const char *name, int64_t *ret_ms);

/* The object of a name, within. It is part of `c`. */
int claims_object(const struct claims *c, const char *name,
		  const struct claims **ret_object);

/* How many texts the list of a name has; -EINVAL also: not only texts, or too
 * many. */
int claims_list(const struct claims *c, const char *name, size_t *ret_count);
struct slice claims_item(const struct claims *c, const char *name, size_t i);

/* Appends any value as compact JSON; also -ENOMEM. */
int claims_append(const struct claims *c, const char *name, struct buf *out);

/*
 * The claims that grant what is in `g`, as JSON: appended to `out`. 0; -EINVAL:
 * g's payload is not JSON, or its user is not UTF-8; -ENOMEM.
 */
int claims_write(const struct grants *g, int64_t unix_ms, struct buf *out);

#endif
