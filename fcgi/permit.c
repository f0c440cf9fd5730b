/* SPDX-License-Identifier: MIT */
#include "fcgi/permit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/handoff_message.h"
#include "fcgi/params.h"
#include "lib/base/list.h"

/* One request, while the program is asked. */
struct asking {
	struct sse_request seen;	/* what the program has of it */
	struct permit *permit;
	struct rights_case *c;
	struct slice variables;	/* of permit->text: name, NUL, value, NUL */
	struct slice cookies;	/* of permit->text: a NUL for each `;` */
	bool is_ambiguous;	/* a variable with two values was asked for */
};

static struct asking *
asking_of(struct sse_request *request)
{
	return list_entry(request, struct asking, seen);
}

/* ---- what the request says ---- */

/* One part of a list of text with a NUL behind each; NULL at the end. */
static const char *
take(struct slice *list)
{
	const char *text = list->p;
	size_t len;

	if (list->len == 0)
		return NULL;
	len = strlen(text) + 1;
	list->p += len;
	list->len -= len;
	return text;
}

static int
keep(struct buf *text, struct slice s)
{
	int r = buf_append_slice(text, s);

	return r < 0 ? r : buf_append_char(text, '\0');
}

static bool
has_nul(struct slice s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len);
}

/* 0, -ENOMEM, or -EINVAL: a NUL would hide what follows it. */
static int
keep_variables(struct asking *a)
{
	struct buf *text = &a->permit->text;
	struct slice block = a->c->params->block, name, value;
	int r = 0;

	while (r == 0 && params_next(&block, &name, &value) > 0) {
		if (has_nul(name) || has_nul(value))
			return -EINVAL;
		if (value.len == 0)
			continue;
		r = keep(text, name);
		if (r == 0)
			r = keep(text, value);
	}
	return r;
}

static int
keep_cookies(struct asking *a)
{
	struct buf *text = &a->permit->text;
	size_t at = text->len, end;
	int r = keep(text, a->c->params->cookie);

	if (r < 0)
		return r;
	for (; at < text->len; at++) {
		if (text->p[at] != ';')
			continue;
		for (end = at; end > 0 && text->p[end - 1] == ' '; end--)
			text->p[end - 1] = '\0';
		text->p[at] = '\0';
	}
	return 0;
}

static int
keep_topics(struct asking *a)
{
	struct permit *p = a->permit;
	struct slice list = a->c->asked;
	size_t n = a->c->n_asked, i;

	if (n + 1 > p->topics_cap) {
		const char **topics = realloc(p->topics,
					      (n + 1) * sizeof(*topics));

		if (!topics)
			return -ENOMEM;
		p->topics = topics;
		p->topics_cap = n + 1;
	}
	for (i = 0; i < n; i++)
		p->topics[i] = take(&list);
	p->topics[n] = NULL;
	return 0;
}

/* Copies the request, so that all text of it ends with a NUL. */
static int
keep_request(struct asking *a)
{
	struct buf *text = &a->permit->text;
	size_t variables_len;
	int r;

	buf_clear(text);
	r = keep_variables(a);
	variables_len = text->len;
	if (r == 0)
		r = keep_cookies(a);
	if (r == 0)
		r = keep_topics(a);
	if (r < 0)
		return r;
	a->variables = (struct slice){ text->p, variables_len };
	a->cookies = (struct slice){ text->p + variables_len,
				     text->len - variables_len };
	a->seen.topics = a->permit->topics;
	a->seen.method = sse_request_variable(&a->seen, "REQUEST_METHOD");
	a->seen.remote_user = sse_request_variable(&a->seen, "REMOTE_USER");
	a->seen.remote_addr = sse_request_variable(&a->seen, "REMOTE_ADDR");
	return 0;
}

const char *
sse_request_variable(struct sse_request *request, const char *name)
{
	struct asking *a = asking_of(request);
	struct slice rest = a->variables;
	const char *found = NULL, *key;

	while ((key = take(&rest))) {
		const char *value = take(&rest);

		if (strcmp(key, name) != 0)
			continue;
		if (found && strcmp(found, value) != 0) {
			a->is_ambiguous = true;
			return NULL;
		}
		found = value;
	}
	return found;
}

const char *
sse_request_cookie(struct sse_request *request, const char *name)
{
	struct slice rest = asking_of(request)->cookies;
	size_t len = strlen(name);
	const char *cookie;

	while ((cookie = take(&rest))) {
		while (*cookie == ' ')
			cookie++;
		if (strncmp(cookie, name, len) == 0 && cookie[len] == '=')
			return cookie + len + 1;
	}
	return NULL;
}

/* ---- what the program says ---- */

int
sse_request_grant(struct sse_request *request, const char *selector)
{
	return rights_grant(asking_of(request)->c, slice_of(selector));
}

int
sse_request_add_header(struct sse_request *request, const char *line)
{
	struct buf *headers = asking_of(request)->c->headers;
	struct slice text = slice_of(line);
	const char *why;
	size_t before = headers->len;
	int r;

	if (!handoff_header_check(text, &why))
		return -EINVAL;
	if (text.len > PERMIT_HEADERS_MAX ||
	    before + text.len + 2 > PERMIT_HEADERS_MAX)
		return -EMSGSIZE;
	r = buf_append_slice(headers, text);
	if (r == 0)
		r = buf_append_text(headers, "\r\n");
	if (r < 0)
		headers->len = before;
	return r;
}

static void
refuse(struct asking *a, int status, const char *reason)
{
	struct permit *p = a->permit;

	snprintf(p->why, sizeof(p->why), "%s", reason);
	a->c->status = status;
	a->c->why = p->why;
}

int
sse_request_refuse(struct sse_request *request, int status, const char *reason)
{
	if (status != 204 && (status < 400 || status > 599))
		status = 500;
	refuse(asking_of(request), status,
	       reason ? reason : "The request was refused.");
	return status;
}

int
permit_judge(void *permit, struct rights_case *c)
{
	struct permit *p = permit;
	struct asking a = { .permit = p, .c = c };
	int r = keep_request(&a);

	if (r == -EINVAL) {
		refuse(&a, 400, "The request has a variable with a NUL in it.");
		return 0;
	}
	if (r < 0)
		return r;
	r = p->on_request(p->user, &a.seen);
	if (a.is_ambiguous)
		refuse(&a, 400, "The request has a variable with two values.");
	else if (c->status == 0 && r != 0 && r != -EBUSY)
		refuse(&a, 500, "The program could not decide.");
	return r == -EBUSY ? r : 0;
}

void
permit_done(struct permit *p)
{
	buf_done(&p->text);
	free(p->topics);
	p->topics = NULL;
	p->topics_cap = 0;
}
