/* SPDX-License-Identifier: MIT */
/*
 * stream: counts for one browser, as FastCGI or as plain CGI, until it is
 * gone. A browser that comes back goes on where it was.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sse-fcgi/fcgx.h>

static void
count(FCGX_Stream *out, const char *last_id)
{
	unsigned long n = last_id ? strtoul(last_id, NULL, 10) : 0;
	char text[24];
	int len;

	if (sse_fcgx_begin(out, 2000) < 0)
		return;
	for (;;) {
		len = snprintf(text, sizeof(text), "%lu", ++n);
		if (sse_fcgx_send(out, NULL, text, text, (size_t)len) < 0)
			return;		/* the browser is gone */
		sleep(1);
	}
}

int
main(void)
{
	FCGX_Request r;

	if (FCGX_IsCGI()) {
		signal(SIGPIPE, SIG_IGN);	/* to be told instead */
		count(sse_fcgx_cgi_out(), getenv("HTTP_LAST_EVENT_ID"));
		return 0;
	}
	FCGX_Init();
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) == 0) {
		count(r.out, FCGX_GetParam("HTTP_LAST_EVENT_ID", r.envp));
		FCGX_Finish_r(&r);
	}
	return 0;
}
