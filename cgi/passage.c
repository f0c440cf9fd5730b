/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cgi/passage.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "cgi/answer.h"
#include "cgi/complain.h"
#include "cgi/gateway.h"
#include "cgi/reach.h"
#include "cgi/relay.h"
#include "cgi/visit.h"
#include "fcgi/record.h"

enum {
	PEEK = 4096,		/* of a request */
	STALL_MS = 5000,	/* for its first bytes to come */
};

/* As put_off, in records; no more is known of the request than this. */
static void
put_off_fastcgi(int fd, bool is_get)
{
	struct answer a = { .is_nph = false };
	struct buf text = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	int r = is_get ? answer_later(&a, VISIT_LATER_MS, &text) :
			 answer_status(&a, "503 Service Unavailable",
				       VISIT_AWAY, &text);

	if (r == 0 &&
	    record_append_stdout(&out, GATEWAY_ID, buf_slice(&text)) == 0 &&
	    record_append_end(&out, GATEWAY_ID, 0) == 0)
		(void)relay_write(fd, buf_slice(&out));
	buf_done(&text);
	buf_done(&out);
}

/* The pair that each GET has, as FastCGI writes it; no header of a client can
 * hold its control characters. The bytes stay where they are. */
static bool
is_get(int fd)
{
	static const char pair[] = "\x0e\x03" "REQUEST_METHODGET";
	static char bytes[PEEK];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&p, 1, STALL_MS) > 0 ?
		    recv(fd, bytes, sizeof(bytes), MSG_PEEK) : 0;

	return n > 0 && memmem(bytes, (size_t)n, pair, sizeof(pair) - 1);
}

static void
serve_connection(struct reach *reach, int fd)
{
	bool may_wait = is_get(fd);
	char why[600];
	int r = RELAY_UNANSWERED;
	int worker = reach_worker(reach, visit_deadline_ms(), why, sizeof(why));

	if (worker < 0) {
		complain("%s", why);
	} else {
		r = relay_sockets(fd, worker);
		close(worker);
	}
	if (r == RELAY_UNANSWERED)
		put_off_fastcgi(fd, may_wait);
	relay_linger(fd);
}

int
passage_run(const struct settings *settings, const char *fault)
{
	struct reach reach = { .settings = settings };
	char why[1024];
	int r = fault ? -EINVAL : reach_find(&reach, why, sizeof(why));

	if (r == 0 && reach_is_fleeting(&reach)) {
		fault = "Without cgi-stay no stream can be held, so this "
			"works as CGI only.";
		r = -EINVAL;
	}
	if (r < 0) {
		complain("%s", fault ? fault : why);
		return EX_CONFIG;
	}
	for (;;) {
		int fd = accept(STDIN_FILENO, NULL, NULL);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
			complain("Cannot accept: %s.", strerror(errno));
			return EX_OSERR;
		}
		if (fd < 0)
			continue;
		serve_connection(&reach, fd);
		close(fd);
	}
}
