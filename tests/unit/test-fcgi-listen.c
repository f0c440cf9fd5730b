/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static char folder[64];

static int
make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-listen-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *
in_folder(const char *before, const char *after, char out[200])
{
	snprintf(out, 200, "%s%s%s", before, folder, after);
	return out;
}

static bool
can_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool can;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	can = connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0;
	close(fd);
	return can;
}

static void
open_fails(const struct listen_config *c, int error, int status,
	   const char *part)
{
	struct listener l = { .fd = -7 };
	struct listen_fault f = { 0 };
	int r = listen_open(c, &l, &f);

	unit_check(r == -error && f.status == status, "%s: %d, status %d: %s",
		   c->address, r, f.status, f.why);
	unit_check(strstr(f.why, part), "%s: %s", c->address, f.why);
	unit_check(f.why[strlen(f.why) - 1] == '.', "no sentence: %s", f.why);
	assert_int_equal(l.fd, -7);
}

static void
makes_a_unix_socket(void **state)
{
	char address[200], path[200];
	struct listen_config c = { .address = in_folder("unix:", "/s", address) };
	struct listener l;
	struct listen_fault f;
	struct stat st;
	int one;

	(void)state;
	in_folder("", "/s", path);
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_true(l.fd > 2);
	assert_int_equal(l.origin, LISTEN_MADE);
	assert_false(l.is_tcp);
	assert_string_equal(l.name, address);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_true(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(l.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(listen_accept(&l), -EAGAIN);
	assert_true(can_connect(path));
	one = listen_accept(&l);
	assert_true(one > 2);
	assert_true(fcntl(one, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(one, F_GETFL) & O_NONBLOCK);
	close(one);
	listen_close(&l, true);
	assert_int_equal(l.fd, -1);
	assert_int_equal(stat(path, &st), -1);
}

static void
obeys_mode_and_group(void **state)
{
	char address[200], path[200], group[20];
	struct listen_config c = { .address = in_folder("unix:", "/s", address),
				   .mode = "0606", .group = group };
	struct listener l;
	struct listen_fault f;
	struct stat st;

	(void)state;
	in_folder("", "/s", path);
	snprintf(group, sizeof(group), "%u", (unsigned)getegid());
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0606);
	assert_int_equal(st.st_gid, getegid());
	listen_close(&l, true);
	c.mode = "0668";
	open_fails(&c, EINVAL, EX_USAGE, "--listen-mode 0668");
	c.mode = "";
	open_fails(&c, EINVAL, EX_USAGE, "--listen-mode");
	c.mode = "1660";
	open_fails(&c, EINVAL, EX_USAGE, "--listen-mode");
	c.mode = NULL;
	c.group = "no such group";
	open_fails(&c, EINVAL, EX_CONFIG, "--listen-group");
	/* Nothing of those tries is left. */
	assert_int_equal(stat(path, &st), -1);
}

static void
never_steals_a_live_socket(void **state)
{
	char address[200], path[200];
	struct listen_config c = { .address = in_folder("unix:", "/s", address) };
	struct listener first, second;
	struct listen_fault f;
	struct stat st;

	(void)state;
	in_folder("", "/s", path);
	assert_int_equal(listen_open(&c, &first, &f), 0);
	open_fails(&c, EADDRINUSE, EX_CANTCREAT, "belongs to another program");
	assert_true(can_connect(path));
	/* It dies and leaves its file: that one is replaced. */
	listen_close(&first, false);
	assert_int_equal(stat(path, &st), 0);
	assert_false(can_connect(path));
	assert_int_equal(listen_open(&c, &second, &f), 0);
	assert_true(can_connect(path));
	listen_close(&second, true);
}

static void
keeps_what_is_not_a_socket(void **state)
{
	char address[200], path[200];
	struct listen_config c = { .address = in_folder("unix:", "/s", address) };
	struct stat st;

	(void)state;
	in_folder("", "/s", path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	open_fails(&c, EEXIST, EX_CANTCREAT, "is not a socket");
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	open_fails(&c, EEXIST, EX_CANTCREAT, "is not a socket");
	unlink(path);
}

static void
refuses_paths(void **state)
{
	char address[200];
	struct listen_config c = { .address = address };
	struct listener l;
	struct listen_fault f;

	(void)state;
	in_folder("unix:", "/none/s", address);
	open_fails(&c, ENOENT, EX_CANTCREAT, "folder must be there");
	strcpy(address, "unix:");
	open_fails(&c, EINVAL, EX_USAGE, "needs a path");
	/* 107 bytes fit, 108 do not. */
	in_folder("unix:", "/", address);
	for (size_t len = strlen(address); len < 5 + 107; len++)
		strcpy(address + len, "x");
	assert_int_equal(listen_open(&c, &l, &f), 0);
	listen_close(&l, true);
	strcat(address, "x");
	open_fails(&c, ENAMETOOLONG, EX_USAGE, "108 bytes");
}

static void
refuses_what_is_no_address(void **state)
{
	static const char *const rows[] = {
		"", "/run/x.sock", "tcp", "127.0.0.1:9000", "unix", "udp:x:1",
		"tcp:", "tcp:9000", "tcp::9000", "tcp:127.0.0.1:",
		"tcp:127.0.0.1:x", "tcp:127.0.0.1:65536", "tcp:127.0.0.1:-1",
		"tcp:::1:9000", "tcp:[]:9000", "tcp:127.0.0.1:000080",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct listen_config c = { .address = rows[i] };

		open_fails(&c, EINVAL, EX_USAGE, "--listen");
	}
	struct listen_config none = { .address = NULL };

	open_fails(&none, EINVAL, EX_USAGE, "--listen unix:PATH");
}

static void
listens_on_loopback_only(void **state)
{
	struct listen_config c = { .address = "tcp:127.0.0.1:0" };
	struct listener l;
	struct listen_fault f;

	(void)state;
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_true(l.is_tcp);
	assert_memory_equal(l.name, "tcp:127.0.0.1:", 14);
	assert_true(atoi(l.name + 14) > 0);
	listen_close(&l, true);
	c.address = "tcp:0.0.0.0:0";
	open_fails(&c, EPERM, EX_CONFIG, "FCGI_WEB_SERVER_ADDRS");
	c.web_servers = "";
	open_fails(&c, EPERM, EX_CONFIG, "FCGI_WEB_SERVER_ADDRS");
	c.web_servers = "10.0.0.1,web.example";
	open_fails(&c, EINVAL, EX_CONFIG, "web.example");
	c.web_servers = "10.0.0.1";
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_int_equal(l.n_peers, 1);
	listen_close(&l, true);
}

static int
connect_tcp(const struct listener *l)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(getsockname(l->fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, len), 0);
	return fd;
}

static void
takes_only_the_web_servers(void **state)
{
	struct listen_config c = { .address = "tcp:127.0.0.1:0",
				   .web_servers = "10.0.0.1" };
	struct listener l;
	struct listen_fault f;
	int client, one;

	(void)state;
	assert_int_equal(listen_open(&c, &l, &f), 0);
	client = connect_tcp(&l);
	assert_int_equal(listen_accept(&l), -EPERM);
	assert_int_equal(listen_accept(&l), -EAGAIN);
	close(client);
	listen_close(&l, true);
	c.web_servers = " 10.0.0.1 , 127.0.0.1,";
	assert_int_equal(listen_open(&c, &l, &f), 0);
	client = connect_tcp(&l);
	one = listen_accept(&l);
	assert_true(one > 2);
	close(one);
	close(client);
	listen_close(&l, true);
}

static bool
allows(const struct listener *l, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return listen_peer_allowed(l, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return listen_peer_allowed(l, (struct sockaddr *)&in6);
}

static void
compares_peers(void **state)
{
	struct listener l = { .fd = -1, .is_tcp = true };
	struct listen_fault f;
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	assert_true(allows(&l, "192.0.2.1"));
	assert_int_equal(listen_parse_peers("10.0.0.5,fd00::5,::ffff:10.0.0.6",
					    &l.peers, &l.n_peers, &f), 0);
	assert_int_equal(l.n_peers, 3);
	assert_true(allows(&l, "10.0.0.5"));
	assert_true(allows(&l, "::ffff:10.0.0.5"));
	assert_true(allows(&l, "10.0.0.6"));
	assert_true(allows(&l, "fd00::5"));
	assert_false(allows(&l, "10.0.0.7"));
	assert_false(allows(&l, "::10.0.0.5"));
	assert_false(allows(&l, "fd00::6"));
	assert_false(allows(&l, "127.0.0.1"));
	assert_false(listen_peer_allowed(&l, (struct sockaddr *)&un));
	l.is_tcp = false;
	assert_true(listen_peer_allowed(&l, (struct sockaddr *)&un));
	free(l.peers);
}

static void
refuses_peer_lists(void **state)
{
	static const char *const rows[] = {
		",", "10.0.0.1,,10.0.0.2", "10.0.0.0/8", "10.0.0.256",
		"localhost", "10.0.0.1 10.0.0.2",
		"1111111111111111111111111111111111111111111111111111111",
	};
	struct in6_addr *peers = NULL;
	size_t n;
	struct listen_fault f;
	char many[65 * 8 + 1] = "";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		unit_check(listen_parse_peers(rows[i], &peers, &n, &f) ==
			       -EINVAL && f.status == EX_CONFIG,
			   "%s", rows[i]);
	for (int i = 0; i < 65; i++)
		strcat(many, "1.2.3.4,");
	assert_int_equal(listen_parse_peers(many, &peers, &n, &f), -EINVAL);
	assert_null(peers);
}

/* A listening socket on `fd`, as a web server hands it down. */
static void
hand_down(int fd)
{
	struct listen_config c = { .address = "tcp:127.0.0.1:0" };
	struct listener made;
	struct listen_fault f;

	assert_int_equal(listen_open(&c, &made, &f), 0);
	if (made.fd == fd) {
		free(made.address);
		return;
	}
	assert_int_equal(dup2(made.fd, fd), fd);
	listen_close(&made, false);
}

static void
finds_descriptor_0(void **state)
{
	struct listen_config c = { .address = "unix:/not/used" };
	struct listener l;
	struct listen_fault f;
	int saved = dup(0);

	(void)state;
	hand_down(0);
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_int_equal(l.origin, LISTEN_STDIN);
	assert_true(l.fd > 2 && l.is_tcp && !l.path);
	close(connect_tcp(&l));
	/* /dev/null stands there now. */
	assert_int_equal(read(0, &saved, 0), 0);
	assert_true(lseek(0, 0, SEEK_CUR) >= 0);
	listen_close(&l, true);
	dup2(saved, 0);
	close(saved);
}

static void
finds_what_systemd_hands_down(void **state)
{
	struct listen_config c = { .address = NULL };
	struct listener l;
	struct listen_fault f;
	char pid[20];
	int saved = fcntl(3, F_GETFD) >= 0 ? dup(3) : -1;

	(void)state;
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	hand_down(3);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	assert_int_equal(listen_open(&c, &l, &f), 0);
	assert_int_equal(l.origin, LISTEN_SYSTEMD);
	assert_int_equal(l.fd, 3);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	/* Somebody else's variables mean nothing. */
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	open_fails(&c, EINVAL, EX_USAGE, "no socket to serve");
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	open_fails(&c, EINVAL, EX_CONFIG, "2 sockets");
	listen_close(&l, true);
	assert_int_equal(open("/dev/null", O_RDONLY), 3);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	open_fails(&c, EINVAL, EX_CONFIG, "not a listening stream socket");
	close(3);
	if (saved >= 0) {
		dup2(saved, 3);
		close(saved);
	}
}

static void
gives_up_without_memory(void **state)
{
	char address[200];
	const char *const rows[] = {
		in_folder("unix:", "/s", address), "tcp:127.0.0.1:0",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct listen_config c = { .address = rows[i],
					   .web_servers = "127.0.0.1" };
		bool failed = true;

		for (size_t n = 1; failed; n++) {
			struct listener l = { .fd = -1 };
			struct listen_fault f;
			int e;

			fault_arm(n);
			e = listen_open(&c, &l, &f);
			failed = fault_disarm();
			assert_int_equal(e, failed ? -ENOMEM : 0);
			listen_close(&l, true);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_unix_socket),
		cmocka_unit_test(obeys_mode_and_group),
		cmocka_unit_test(never_steals_a_live_socket),
		cmocka_unit_test(keeps_what_is_not_a_socket),
		cmocka_unit_test(refuses_paths),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(listens_on_loopback_only),
		cmocka_unit_test(takes_only_the_web_servers),
		cmocka_unit_test(compares_peers),
		cmocka_unit_test(refuses_peer_lists),
		cmocka_unit_test(finds_descriptor_0),
		cmocka_unit_test(finds_what_systemd_hands_down),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
