/* SPDX-License-Identifier: MIT */
/*
 * handoff: an ordinary, blocking libfcgi program with pages of its own. It
 * hands the streams of those who are logged in to a running sse-fcgi and is
 * free for its next request at once, however many streams are open.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sse-fcgi/fcgx.h>

/* Here your site would ask its own sessions who this is. NULL: nobody. */
static const char *
user_of(const char *cookies)
{
	static const char *const sessions[][2] = {
		{ "session=4f1c", "alice" }, { "session=93be", "bob" } };
	size_t i, len;

	for (; cookies && *cookies; cookies += len + strspn(cookies + len, "; "))
		for (len = strcspn(cookies, ";"), i = 0; i < 2; i++)
			if (len == strlen(sessions[i][0]) &&
			    strncmp(cookies, sessions[i][0], len) == 0)
				return sessions[i][1];
	return NULL;
}

static int
answer(FCGX_Request *r, const char *status, const char *text)
{
	FCGX_FPrintF(r->out, "Status: %s\r\nContent-Type: text/plain\r\n"
			     "Cache-Control: no-store\r\n\r\n%s\n", status, text);
	return 0;
}

/* 1: the request is the worker's now. */
static int
hand_over(FCGX_Request *r)
{
	const char *user = user_of(FCGX_GetParam("HTTP_COOKIE", r->envp));
	char own[64];
	const char *const topics[] = { "news", own, NULL };
	const struct sse_handoff what = { .topics = topics };
	int result;

	if (!user)
		return answer(r, "403 Forbidden", "Log in first.");
	snprintf(own, sizeof(own), "private/%s/*", user);
	result = sse_handoff(r, &what);
	if (result < 0)	/* nothing was written yet */
		return answer(r, "500 Internal Error", strerror(-result));
	return result == 0;
}

int
main(void)
{
	FCGX_Request r;

	FCGX_Init();
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) == 0) {
		const char *path = FCGX_GetParam("REQUEST_URI", r.envp);
		time_t now = time(NULL);

		if (path && strncmp(path, "/app/events", 11) == 0) {
			if (hand_over(&r))
				continue;
		} else if (path && strcmp(path, "/app/time") == 0) {
			answer(&r, "200 OK", ctime(&now));
		} else {
			answer(&r, "404 Not Found", "There is no such page.");
		}
		FCGX_Finish_r(&r);
	}
	return 0;
}
