/* SPDX-License-Identifier: MIT */
/* sse-cgi: server-sent events where a web server knows nothing but CGI. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "cgi/answer.h"
#include "cgi/gateway.h"
#include "cgi/reach.h"
#include "cgi/relay.h"
#include "cgi/settings.h"
#include "cgi/slots.h"
#include "fcgi/record.h"
#include "lib/base/clock.h"

extern char **environ;

enum {
	/* for a worker to be there and to answer: a start takes a fraction of
	 * it, and a browser is told to come back then */
	PATIENCE_MS = 15000,
	LATER_MS = 5000,
	/* the worker ended before it answered; another one may be there */
	TRIES = 50,
	NAP_MS = 20,
	PEEK = 4096,	/* of a FastCGI request */
};

/* The same, as SSE_POLL: who gets no stream comes back after that. */
static const char poll_time[] = "5s";

static const char away[] = "The event service is not there now.";
static const char see_log[] =
    "The event stream is not set up; the web server's error log says why.";

__attribute__((format(printf, 1, 2))) static void
complain(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "sse-cgi: %s\n", text);
}

/*
 * A web server may have handed down what it has ignored or blocked itself, and
 * its SIGTERM is to end us at once.
 */
static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* CGI has no HOME, and what has one may have another user's. */
static void
find_account(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	if (pw && pw->pw_dir[0] == '/')
		(void)setenv("HOME", pw->pw_dir, 1);
	else
		(void)unsetenv("HOME");
}

/* Where one of them is closed, what is opened next would be taken for it. */
static void
fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static bool
is_listening(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 &&
	       yes;
}

/* ---- a request by CGI ---- */

struct visit {
	struct gateway gateway;
	struct answer answer;
	struct reach reach;
	int64_t deadline_ms;
	bool is_read_only;	/* GET, HEAD: may be tried again */
};

static int
print(struct buf *out, int r)
{
	if (r == 0)
		(void)relay_write(STDOUT_FILENO, buf_slice(out));
	buf_done(out);
	return r == 0 ? EX_OK : EX_OSERR;
}

static int
refuse(const struct visit *v, const char *status, const char *text)
{
	struct buf out = { NULL, 0, 0 };

	return print(&out, answer_status(&v->answer, status, text, &out));
}

/* It may be well again soon. A browser gives up for good on any status but
 * 200; who sends something must not take it for done. */
static int
put_off(const struct visit *v)
{
	struct buf out = { NULL, 0, 0 };

	if (!v->is_read_only)
		return refuse(v, "503 Service Unavailable", away);
	return print(&out, answer_later(&v->answer, LATER_MS, &out));
}

static int
fail(const struct visit *v, int error, const char *why)
{
	complain("%s", why);
	if (reach_may_pass(error))
		return put_off(v);
	return refuse(v, "500 Internal Server Error", see_log);
}

/* NULL, or the time after which this request's browser comes back. */
static const char *
poll_of(const struct visit *v)
{
	const struct settings *s = v->reach.settings;

	if (strcmp(v->gateway.method, "GET") != 0 || !v->reach.home.path[0])
		return NULL;
	if (reach_is_fleeting(&v->reach))
		return poll_time;
	return slots_take(&v->reach.home, s->streams) ? NULL : poll_time;
}

/* One try: a relay_result or -errno, said. */
static int
try_worker(struct visit *v, struct relay *relay)
{
	char why[600];
	int r;

	relay->worker = reach_worker(&v->reach, v->deadline_ms, why,
				     sizeof(why));
	if (relay->worker < 0)
		return fail(v, relay->worker, why) == EX_OK ? RELAY_DONE :
							      RELAY_GONE;
	r = relay_run(relay);
	close(relay->worker);
	return r;
}

static int
begin(const char *poll_after, struct relay *relay)
{
	answer_restart(relay->answer);
	relay_done(relay);
	return gateway_begin(environ, poll_after, &relay->up);
}

/* After a moment, in which another worker can come. */
static bool
may_try_again(const struct visit *v, const struct relay *relay)
{
	return v->is_read_only && !relay->has_read &&
	       clock_mono_ms() < v->deadline_ms && poll(NULL, 0, NAP_MS) == 0;
}

static int
serve(struct visit *v)
{
	const char *poll_after = poll_of(v);
	struct relay relay = {
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO,
		.answer = &v->answer,
		.body = v->gateway.body,
	};
	int r = RELAY_UNANSWERED;

	/* One that was ending has answered nothing: the next one will. */
	for (int i = 0; i < TRIES && r == RELAY_UNANSWERED; i++) {
		if (i > 0 && !may_try_again(v, &relay))
			break;
		r = begin(poll_after, &relay);
		if (r == 0)
			r = try_worker(v, &relay);
	}
	relay_done(&relay);
	reach_done(&v->reach);
	if (r == -E2BIG)
		return refuse(v, "431 Request Header Fields Too Large",
			      "The request's header is too long.");
	if (r == RELAY_UNANSWERED)
		return fail(v, -EAGAIN, "The worker ends without an answer.");
	if (r >= 0)
		return EX_OK;
	complain("The answer broke off: %s.", strerror(-r));
	return v->answer.has_head ? EX_OSERR :
				    refuse(v, "502 Bad Gateway", see_log);
}

/* What must never hold our files. */
static void
find_roots(const char *roots[3])
{
	static const char *const names[] = { "DOCUMENT_ROOT",
					     "CONTEXT_DOCUMENT_ROOT" };
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		roots[n] = getenv(names[i]);
		n += roots[n] && roots[n][0];
	}
	roots[n] = NULL;
}

static int
find_worker(struct reach *reach, char *why, size_t size)
{
	const char *roots[3];
	int r;

	find_roots(roots);
	r = reach_find(reach, roots, why, size);
	if (r < 0 || !(reach->home.note[0] || reach_is_fleeting(reach)) ||
	    !home_is_to_tell(&reach->home))
		return r;
	if (reach->home.note[0])
		complain("%s", reach->home.note);
	if (reach_is_fleeting(reach))
		complain("No service may stay (cgi-stay), so every page polls "
			 "what is in the store.");
	return r;
}

static int
run_cgi(const struct settings *settings, const char *fault)
{
	struct visit v = {
		.reach = { .settings = settings },
		.deadline_ms = clock_mono_ms() + PATIENCE_MS,
	};
	bool is_bad = gateway_read(environ, &v.gateway) < 0;
	char why[1024];
	int r;

	v.answer.is_nph = v.gateway.is_nph;
	v.answer.no_body = strcmp(v.gateway.method, "HEAD") == 0;
	v.is_read_only = v.answer.no_body ||
			 strcmp(v.gateway.method, "GET") == 0;
	if (is_bad)
		return refuse(&v, "400 Bad Request",
			      "The request's Content-Length is no number.");
	r = fault ? -EINVAL : find_worker(&v.reach, why, sizeof(why));
	if (r < 0)
		return fail(&v, r, fault ? fault : why);
	r = serve(&v);
	answer_done(&v.answer);
	return r;
}

/* ---- requests by FastCGI, one at a time ---- */

/* As put_off, in records; no more is known of the request than this. */
static void
put_off_fastcgi(int fd, bool is_get)
{
	struct answer a = { .is_nph = false };
	struct buf text = { NULL, 0, 0 }, out = { NULL, 0, 0 };
	int r = is_get ? answer_later(&a, LATER_MS, &text) :
			 answer_status(&a, "503 Service Unavailable", away,
				       &text);

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
	ssize_t n = poll(&p, 1, PATIENCE_MS) > 0 ?
		    recv(fd, bytes, sizeof(bytes), MSG_PEEK) : 0;

	return n > 0 && memmem(bytes, (size_t)n, pair, sizeof(pair) - 1);
}

static void
serve_connection(struct reach *reach, int fd)
{
	bool may_wait = is_get(fd);
	char why[600];
	int r = RELAY_UNANSWERED;
	int worker = reach_worker(reach, clock_mono_ms() + PATIENCE_MS, why,
				  sizeof(why));

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

/* mod_fcgid gives a process one request at a time, and ends it by SIGTERM. */
static int
run_fastcgi(const struct settings *settings, const char *fault)
{
	struct reach reach = { .settings = settings };
	char why[1024];
	int r = fault ? -EINVAL : find_worker(&reach, why, sizeof(why));

	if (r == 0 && reach_is_fleeting(&reach)) {
		fault = "Without cgi-stay no stream can be held, so this works as CGI only.";
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

/* ---- by hand ---- */

/* Starts the service, if none runs, and says where its bus is, once it can be
 * published to. It lives a while longer for that (cgi-idle). */
static int
run_by_hand(const struct settings *settings, const char *fault)
{
	struct reach reach = { .settings = settings };
	char why[1024];
	int r = fault ? -EINVAL : find_worker(&reach, why, sizeof(why));

	if (r == 0 && reach_is_fleeting(&reach)) {
		fault = "No service may stay (cgi-stay); run sse-hub while there is something to publish.";
		r = -EINVAL;
	}
	if (r == 0)
		r = reach_worker(&reach, clock_mono_ms() + PATIENCE_MS, why,
				 sizeof(why));
	if (r >= 0)
		r = reach_bus(&reach, r, clock_mono_ms() + PATIENCE_MS, why,
			      sizeof(why));
	if (r < 0) {
		complain("%s", fault ? fault : why);
		return reach_may_pass(r) ? EX_TEMPFAIL : EX_CONFIG;
	}
	puts(reach.home.path[0] ? reach.home.path : HOME_SYSTEM);
	return EX_OK;
}

/* Only where no web server is: a client's query may come as arguments. */
static bool
explain(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		settings_print_help();
	else if (argc == 2 && strcmp(argv[1], "--version") == 0)
		puts("sse-cgi " PACKAGE_VERSION);
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	bool by_cgi = getenv("GATEWAY_INTERFACE") || getenv("REQUEST_METHOD");
	bool by_fastcgi = !by_cgi && is_listening(STDIN_FILENO);
	struct settings settings;
	char error[1024];
	const char *fault = NULL;
	int r;

	if (!by_cgi && !by_fastcgi && explain(argc, argv))
		return EX_OK;
	fill_standard_descriptors();
	reset_signals();
	find_account();
	if (settings_load(&settings, error, sizeof(error)) < 0)
		fault = error;
	if (by_cgi)
		r = run_cgi(&settings, fault);
	else if (by_fastcgi)
		r = run_fastcgi(&settings, fault);
	else
		r = run_by_hand(&settings, fault);
	settings_free();
	return r;
}
