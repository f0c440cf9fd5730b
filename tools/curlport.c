/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tools/curlport.h"

#include <curl/curl.h>

void
curlport_only_http(void *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
			 (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
			 (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

#if LIBCURL_VERSION_NUM >= 0x075000

static int
on_ready_to_ask(void *user, char *peer, char *own, int peer_port, int own_port)
{
	const struct curlport_hook *hook = user;

	(void)peer, (void)own, (void)peer_port, (void)own_port;
	hook->ask(hook->user);
	return CURL_PREREQFUNC_OK;
}

void
curlport_set_hook(void *curl, struct curlport_hook *hook)
{
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_ready_to_ask);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, hook);
}

#else

/* What it tells of its work: the request's header is among it. */
static int
on_debug(CURL *curl, curl_infotype type, char *bytes, size_t size, void *user)
{
	const struct curlport_hook *hook = user;

	(void)curl, (void)bytes, (void)size;
	if (type == CURLINFO_HEADER_OUT)
		hook->ask(hook->user);
	return 0;
}

void
curlport_set_hook(void *curl, struct curlport_hook *hook)
{
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, hook);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
}

#endif
