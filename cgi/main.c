/* SPDX-License-Identifier: MIT */
/* sse-cgi: server-sent events where a web server knows nothing but CGI. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "cgi/complain.h"
#include "cgi/passage.h"
#include "cgi/reach.h"
#include "cgi/settings.h"
#include "cgi/visit.h"

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

/* Starts the service, if none runs, and says where its bus is, once it can be
 * published to. It lives a while longer for that (cgi-idle). */
static int
run_by_hand(const struct settings *settings, const char *fault)
{
	struct reach reach = { .settings = settings };
	int64_t deadline_ms = visit_deadline_ms();
	char why[1024];
	int r = fault ? -EINVAL : reach_find(&reach, why, sizeof(why));

	if (r == 0 && reach_is_fleeting(&reach)) {
		fault = "No service may stay (cgi-stay); run sse-hub while "
			"there is something to publish.";
		r = -EINVAL;
	}
	if (r == 0)
		r = reach_worker(&reach, deadline_ms, why, sizeof(why));
	if (r >= 0)
		r = reach_bus(&reach, r, deadline_ms, why, sizeof(why));
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
		r = visit_run(&settings, fault);
	else if (by_fastcgi)
		r = passage_run(&settings, fault);
	else
		r = run_by_hand(&settings, fault);
	settings_free();
	return r;
}
