/* SPDX-License-Identifier: MIT */
#include "fcgi/authority.h"

#include <errno.h>
#include <string.h>

#include "fcgi/credential.h"
#include "lib/auth/grants.h"
#include "lib/auth/jwt.h"
#include "lib/auth/ticket.h"
#include "lib/base/clock.h"

/* What one request is entitled to. */
struct claimant {
	const struct authority *authority;
	const struct params *params;
	struct grants *grants;
	struct buf scratch;		/* owned */
	bool is_known;			/* by a login, token or ticket */
	struct denial denial;
};

static int
deny(struct claimant *c, int status, const char *why)
{
	c->denial.status = status;
	c->denial.why = why;
	return -EACCES;
}

/* A token or ticket that is not good; what is wrong with it is the log's. */
static int
deny_credential(struct claimant *c, const char *why, const char *detail)
{
	c->denial.detail = detail;
	return deny(c, 401, c->authority->explains ? detail : why);
}

/* ---- where rights come from ---- */

static int
take_login(struct claimant *c)
{
	const struct authority *a = c->authority;
	struct slice user = c->params->remote_user;
	int r;

	c->is_known |= user.len > 0;
	if (!a->access)
		return 0;
	r = access_apply(a->access, user, c->grants);
	if (r == -ENOBUFS)
		r = deny(c, 500, "The access file has too many rules for this "
				 "user; each action may have 100 selectors.");
	if (r == 0 && c->grants->user.len == 0)
		r = buf_append_slice(&c->grants->user, user);
	return r;
}

/* What jwt_check or ticket_check has said. */
static int
take_result(struct claimant *c, int r, const char *what, const char *detail)
{
	if (r == -EACCES)
		return deny_credential(c, what, detail);
	if (r == -ENOBUFS)
		return deny_credential(c, what, "It grants more than 100 topics "
						"for one action.");
	c->is_known |= r == 0;
	return r;
}

static int
take_token(struct claimant *c)
{
	static const char what[] = "The request's token is not good.";
	const struct authority *a = c->authority;
	const char *why = NULL;
	struct slice token;
	int r;

	if (a->tokens.count == 0)
		return 0;
	r = credential_token(c->params, a->token_cookie, &c->scratch, &token);
	if (r == -EINVAL)
		return deny_credential(c, what, "The token in the query is "
						"badly percent-encoded.");
	if (r < 0 || token.len == 0)
		return r;
	r = jwt_check(&a->tokens, token, clock_wall_ms(),
		      c->params->topic_prefix, c->grants, &why);
	return take_result(c, r, what, why);
}

static int
take_ticket(struct claimant *c)
{
	static const char what[] = "The request's ticket is not good.";
	const struct authority *a = c->authority;
	const char *why = NULL;
	struct slice ticket;
	int r;

	if (a->tickets.count == 0)
		return 0;
	r = credential_ticket(c->params, a->ticket_cookie, &c->scratch,
			      &ticket);
	if (r == -EINVAL)
		return deny_credential(c, what, "The ticket in the query is "
						"badly percent-encoded.");
	if (r < 0 || ticket.len == 0)
		return r;
	r = ticket_check(&a->tickets, ticket, clock_wall_ms(),
			 c->params->topic_prefix, c->grants, &why);
	return take_result(c, r, what, why);
}

/* All that the request is entitled to. 0, -EACCES or -ENOMEM. */
static int
gather(struct claimant *c)
{
	int r = take_login(c);

	if (r == 0)
		r = take_token(c);
	if (r == 0)
		r = take_ticket(c);
	if (r == 0 && c->authority->refuses_anonymous && !c->is_known)
		r = deny(c, 401, "A login, a token or a ticket is needed here.");
	buf_done(&c->scratch);
	return r;
}

/* ---- what is asked ---- */

bool
authority_is_set(const struct authority *a)
{
	return a->access || a->tokens.count > 0 || a->tickets.count > 0 ||
	       a->refuses_anonymous;
}

/* RFC 6750 section 3: what would be needed, or what was not good. */
static int
append_challenge(const struct claimant *c, struct buf *headers)
{
	if (c->denial.status != 401 || c->authority->tokens.count == 0)
		return 0;
	return buf_append_text(headers, c->denial.detail ?
			       "WWW-Authenticate: Bearer "
			       "error=\"invalid_token\"\r\n" :
			       "WWW-Authenticate: Bearer\r\n");
}

int
authority_judge(void *authority, struct rights_case *rights)
{
	struct claimant c = { .authority = authority, .params = rights->params,
			      .grants = &rights->allowed };
	int r = gather(&c);

	rights->is_closed = c.authority->access;
	if (r != -EACCES)
		return r;
	rights->status = c.denial.status;
	rights->why = c.denial.why;
	rights->detail = c.denial.detail;
	return append_challenge(&c, rights->headers);
}

static int
deny_publish(struct claimant *c)
{
	return deny(c, c->is_known ? 403 : 401,
		    c->is_known ?
		    "No rule, token or ticket of yours lets you publish to "
		    "this topic." :
		    "To publish, a login, a token or a ticket is needed.");
}

int
authority_may_publish(const struct authority *a, const struct params *p,
		      struct slice topics, struct buf *headers,
		      struct denial *ret_denial)
{
	struct grants g = { 0 };
	struct claimant c = { .authority = a, .params = p, .grants = &g };
	struct slice topic;
	int r = gather(&c);

	/* Without a topic: whether there is one at all that it may. */
	if (r == 0 && topics.len == 0 && grants_are_empty(&g, GRANTS_PUBLISH))
		r = deny_publish(&c);
	while (r == 0 && grants_next(&topics, &topic))
		if (!grants_cover(&g, GRANTS_PUBLISH, topic))
			r = deny_publish(&c);
	if (r == -EACCES && append_challenge(&c, headers) < 0)
		r = -ENOMEM;
	grants_done(&g);
	*ret_denial = c.denial;
	return r;
}

void
authority_done(struct authority *a)
{
	access_free(a->access);
	keyring_done(&a->tokens);
	keyring_done(&a->tickets);
	memset(a, 0, sizeof(*a));
}
