/* SPDX-License-Identifier: MIT */
/*
 * credential: where a request carries a token or a ticket. Pure.
 *
 * A token: `Authorization: Bearer`, else `authorization` in the query, else a
 * cookie. A ticket: `ticket` in the query, else a cookie. What is empty is absent.
 * An Authorization of another scheme is the web server's matter.
 */
#ifndef FCGI_CREDENTIAL_H
#define FCGI_CREDENTIAL_H

#include "fcgi/params.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

/*
 * 0: *ret_text is it, or absent; it points into the request or into `scratch`,
 * which is used. -EINVAL: it is badly encoded; -ENOMEM.
 */
int credential_token(const struct params *p, const char *cookie,
		     struct buf *scratch, struct slice *ret_text);
int credential_ticket(const struct params *p, const char *cookie,
		      struct buf *scratch, struct slice *ret_text);

/*
 * The value of a cookie as it was sent (RFC 6265 section 4.2.1), without quotes
 * around it; of several with one name the first, which is that of the longest
 * path. Absent: there is none.
 */
struct slice credential_cookie(struct slice cookies, const char *name);

#endif
