/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "tools/curlport.h"
#include "tools/duration.h"

enum {
	CONNECT_MS = 10000,
	LOOK_MS = 50,		/* how often is_enough is asked when nothing comes */
	REDIRECTS_MOST = 20,	/* as browsers */
};

struct transfer {
	struct transfer *next;
	CURL *curl;
	struct curl_slist *headers;
	char *url;
	struct answer *answer;	/* borrowed */
	struct curlport_hook hook;
	char error[CURL_ERROR_SIZE];
};

struct fetch {
	CURLM *multi;
	struct transfer *transfers;
	bool is_one_connection;
};

int
fetch_new(bool is_one_connection, struct fetch **ret_fetch)
{
	struct fetch *f;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return -ENOMEM;
	f = calloc(1, sizeof(*f));
	if (f != NULL)
		f->multi = curl_multi_init();
	if (f == NULL || f->multi == NULL) {
		free(f);
		curl_global_cleanup();
		return -ENOMEM;
	}
	f->is_one_connection = is_one_connection;
	if (is_one_connection)
		curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
	*ret_fetch = f;
	return 0;
}

static void
transfer_free(struct fetch *f, struct transfer *t)
{
	if (t->curl != NULL) {
		curl_multi_remove_handle(f->multi, t->curl);
		curl_easy_cleanup(t->curl);
	}
	curl_slist_free_all(t->headers);
	free(t->url);
	free(t);
}

void
fetch_free(struct fetch *f)
{
	struct transfer *t;

	if (f == NULL)
		return;
	while ((t = f->transfers) != NULL) {
		f->transfers = t->next;
		transfer_free(f, t);
	}
	curl_multi_cleanup(f->multi);
	free(f);
	curl_global_cleanup();
}

/* ---- what comes ---- */

static size_t
on_header(char *bytes, size_t size, size_t count, void *user)
{
	struct transfer *t = user;

	answer_take_header(t->answer, bytes, size * count, duration_now());
	return size * count;
}

/* Both ends on one machine: then its sockets can be looked at. */
static void
note_ends(struct transfer *t)
{
	char *peer = NULL, *own = NULL;

	curl_easy_getinfo(t->curl, CURLINFO_PRIMARY_IP, &peer);
	curl_easy_getinfo(t->curl, CURLINFO_LOCAL_IP, &own);
	t->answer->is_local = peer != NULL && own != NULL && *peer != '\0' &&
			      strcmp(peer, own) == 0;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *user)
{
	struct transfer *t = user;
	size_t len = size * count;

	return answer_take_body(t->answer, bytes, len, duration_now()) ? len :
									 0;
}

/* The request is out when the connection is ready for it. */
static void
on_ready_to_ask(void *user)
{
	struct transfer *t = user;

	t->answer->asked_ms = duration_now();
	note_ends(t);
}

static enum answer_end
end_of(const struct answer *a, CURLcode result)
{
	switch (result) {
	case CURLE_OK:
		return ANSWER_WHOLE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return ANSWER_NO_HOST;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return ANSWER_BAD_TLS;
	default:
		return a->asked_ms < 0 ? ANSWER_NO_CONNECTION : ANSWER_BROKEN;
	}
}

static void
finish(struct transfer *t, CURLcode result)
{
	struct answer *a = t->answer;
	const char *why = *t->error != '\0' ? t->error :
					      curl_easy_strerror(result);

	a->end = end_of(a, result);
	a->end_ms = duration_now();
	if (result != CURLE_OK)
		told_copy(a->error, sizeof(a->error), why, strlen(why));
}

static void
finish_those_that_ended(struct fetch *f)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
		char *user = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
		finish((struct transfer *)(void *)user, message->data.result);
	}
}

/* ---- what is asked ---- */

static char *
make_url(const struct fetch_request *r)
{
	size_t len = strcspn(r->url, "#");
	const char *query = r->query != NULL ? r->query : "";
	char *url = malloc(len + strlen(query) + 2);

	if (url != NULL)
		sprintf(url, "%.*s%s%s", (int)len, r->url,
			r->query == NULL		      ? "" :
			memchr(r->url, '?', len) != NULL ? "&" :
								"?",
			query);
	return url;
}

static int
add_line(struct transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->headers, line);

	if (list == NULL)
		return -ENOMEM;
	t->headers = list;
	return 0;
}

static int
add_header(struct transfer *t, const char *name, const char *value)
{
	char line[400];

	if (value == NULL)
		return 0;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	return add_line(t, line);
}

static int
add_headers(struct transfer *t, const struct fetch_request *r)
{
	int e = add_header(t, "Accept", "text/event-stream");

	if (e == 0)
		e = add_header(t, "Cache-Control", "no-cache");
	if (e == 0)
		e = add_header(t, "Origin", r->origin);
	if (e == 0)
		e = add_header(t, "Last-Event-ID", r->last_id);
	for (size_t i = 0; e == 0 && r->headers[i] != NULL; i++)
		e = add_line(t, r->headers[i]);
	return e;
}

static void
set_connection(struct transfer *t, const struct fetch *f,
	       const struct fetch_request *r)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MOST);
	curlport_only_http(c);
	if (f->is_one_connection) {
		curl_easy_setopt(c, CURLOPT_PIPEWAIT, 1L);
	} else {
		curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	}
	if (r->is_insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void
set_request(struct transfer *t, const struct fetch_request *r)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_URL, t->url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(c, CURLOPT_NOBODY, r->is_head ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "sse-doctor/" PACKAGE_VERSION);
	/* All that libcurl knows, as browsers do; it unpacks it as it comes. */
	if (r->takes_packed)
		curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_PRIVATE, t);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	t->hook = (struct curlport_hook){ on_ready_to_ask, t };
	curlport_set_hook(c, &t->hook);
}

static int
begin(struct fetch *f, struct transfer *t, const struct fetch_request *r)
{
	t->url = make_url(r);
	t->curl = curl_easy_init();
	if (t->url == NULL || t->curl == NULL || add_headers(t, r) < 0)
		return -ENOMEM;
	set_connection(t, f, r);
	set_request(t, r);
	return curl_multi_add_handle(f->multi, t->curl) == CURLM_OK ? 0 :
								      -ENOMEM;
}

int
fetch_add(struct fetch *f, const struct fetch_request *r, struct answer *a)
{
	struct transfer *t;
	int e = answer_init(a);

	if (e < 0)
		return e;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->answer = a;
	e = begin(f, t, r);
	if (e < 0) {
		transfer_free(f, t);
		return e;
	}
	t->next = f->transfers;
	f->transfers = t;
	return 0;
}

void
fetch_drop(struct fetch *f, struct answer *a)
{
	struct transfer **at;

	for (at = &f->transfers; *at != NULL; at = &(*at)->next) {
		struct transfer *t = *at;

		if (t->answer != a)
			continue;
		*at = t->next;
		transfer_free(f, t);
		a->end = ANSWER_DROPPED;
		a->end_ms = duration_now();
		return;
	}
}

static unsigned
count_pending(const struct fetch *f)
{
	const struct transfer *t;
	unsigned n = 0;

	for (t = f->transfers; t != NULL; t = t->next)
		n += t->answer->end == ANSWER_PENDING;
	return n;
}

unsigned
fetch_run(struct fetch *f, int64_t until_ms,
	  bool (*is_enough)(void *user), void *user)
{
	for (;;) {
		int64_t left_ms;
		int running;

		if (curl_multi_perform(f->multi, &running) != CURLM_OK)
			break;
		finish_those_that_ended(f);
		left_ms = until_ms - duration_now();
		if (count_pending(f) == 0 || left_ms <= 0 ||
		    (is_enough != NULL && is_enough(user)))
			break;
		if (curl_multi_poll(f->multi, NULL, 0,
				    left_ms < LOOK_MS ? (int)left_ms : LOOK_MS,
				    NULL) != CURLM_OK)
			break;
	}
	return count_pending(f);
}
