/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* One end of a connection to pass; the other shows that it is the same. */
static int
connection(int *ret_far)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    fds), 0);
	*ret_far = fds[1];
	return fds[0];
}

static void
check_same(int near, int far, char byte)
{
	char got = 0;

	assert_int_equal(write(far, &byte, 1), 1);
	assert_int_equal(read(near, &got, 1), 1);
	assert_int_equal(got, byte);
	assert_true(fcntl(near, F_GETFD) & FD_CLOEXEC);
	close(near);
	close(far);
}

static void
connections_arrive_in_order(void **state)
{
	int far[3], near, i;
	struct pass p;

	(void)state;
	assert_int_equal(pass_open(&p), 0);
	assert_int_equal(pass_receive(p.out), -EAGAIN);
	for (i = 0; i < 3; i++) {
		near = connection(&far[i]);
		assert_int_equal(pass_send(p.in, near), 0);
		assert_int_equal(fcntl(near, F_GETFD), -1);	/* given away */
	}
	for (i = 0; i < 3; i++)
		check_same(pass_receive(p.out), far[i], (char)('a' + i));
	assert_int_equal(pass_receive(p.out), -EAGAIN);
	pass_close(&p);
}

/* It is the sender's until there is room, and none is lost. */
static void
a_full_way_says_so(void **state)
{
	int far[2000], near = -1, n = 0, i, r;
	struct pass p;

	(void)state;
	assert_int_equal(pass_open(&p), 0);
	do {
		near = connection(&far[n]);
		r = pass_send(p.in, near);
		n += r == 0;
	} while (r == 0 && n < 1999);
	assert_int_equal(r, -EAGAIN);
	assert_true(n > 10);
	check_same(pass_receive(p.out), far[0], 'x');
	assert_int_equal(pass_send(p.in, near), 0);
	for (i = 1; i <= n; i++)
		check_same(pass_receive(p.out), far[i], 'y');
	assert_int_equal(pass_receive(p.out), -EAGAIN);
	pass_close(&p);
}

/* Nor is one lost when more are on their way than one user may have, which no
 * socket tells the end of. */
static void
send_too_many(void)
{
	struct rlimit limit = { 40, 40 };
	int far, near, n = 0, r;
	struct pass p;

	if (pass_open(&p) < 0 || setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    setresuid(65533, 65533, 65533) < 0)
		_exit(2);
	do {
		near = connection(&far);
		close(far);
		r = pass_send(p.in, near);
	} while (r == 0 && ++n < 1000);
	_exit(r == -ENOBUFS && n >= 39 &&
	      fcntl(near, F_GETFD) >= 0 ? 0 : 1);
}

static void
too_many_on_their_way_are_for_later(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();		/* other programs of ours may count, too */
	pid = fork();
	if (pid == 0)
		send_too_many();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
no_worker_is_left(void **state)
{
	struct pass p;
	int far, near;

	(void)state;
	assert_int_equal(pass_open(&p), 0);
	close(p.out);
	p.out = -1;
	near = connection(&far);
	assert_int_equal(pass_send(p.in, near), -EPIPE);
	check_same(near, far, 'z');
	pass_close(&p);
	/* And of the other end, as a worker sees it. */
	assert_int_equal(pass_open(&p), 0);
	close(p.in);
	p.in = -1;
	assert_int_equal(pass_receive(p.out), -EAGAIN);
	pass_close(&p);
}

/* Without a descriptor to spare the connection waits, and is not lost. */
static void
waits_for_a_descriptor(void **state)
{
	struct rlimit before, limit;
	int far, near, last;
	struct pass p;

	(void)state;
	assert_int_equal(pass_open(&p), 0);
	near = connection(&far);
	assert_int_equal(pass_send(p.in, near), 0);
	assert_int_equal(pass_receive(-1), -EBADF);	/* keeps one */
	last = dup(far);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)last;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close(last);
	while (dup(far) >= 0)
		continue;
	/* The one that was kept is for this; after it there is none. */
	near = pass_receive(p.out);
	assert_true(near >= 0);
	assert_int_equal(pass_receive(p.out), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(pass_receive(p.out), -EAGAIN);
	check_same(near, far, 'w');
	pass_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_arrive_in_order),
		cmocka_unit_test(a_full_way_says_so),
		cmocka_unit_test(too_many_on_their_way_are_for_later),
		cmocka_unit_test(no_worker_is_left),
		cmocka_unit_test(waits_for_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
