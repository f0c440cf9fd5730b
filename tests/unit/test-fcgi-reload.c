/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

enum { PID = 4711 };

#define HEAD "1 pid=4711 "
#define LEAST "lifeline=4,5 pass=16,17 listen=6,0,"

static void
reads_what_it_writes(void **state)
{
	static const char odd[] = "unix:/a b,c=d%20\n\x01\x7f\xff";
	struct elder elders[] = {
		{ 100, false, 8000, 0 },
		{ 101, true, 0, 123456789 },
		{ 4194304, false, 86400000, 1 },
	};
	struct reload in = {
		.sockets = { { 6, LISTEN_MADE, "" },
			     { 1000, LISTEN_STDIN, "" } },
		.n_sockets = 2,
		.is_trial = true,
		.handoff = 9,
		.publish = 10,
		.lifeline = { 4, 5 },
		.pass = { 16, 17 },
		.hub = 2,
		.hub_print = UINT64_MAX,
		.hub_place = 17,
		.elders = elders,
		.n_elders = 3,
	};
	struct reload out;
	struct buf text = { 0 };

	(void)state;
	strcpy(in.sockets[0].address, odd);
	strcpy(in.handoff_path, "/run/x y/handoff");
	strcpy(in.publish_address, "unix:/run/x,y");
	assert_int_equal(reload_format(&in, PID, &text), 0);
	for (size_t i = 0; i < text.len; i++)
		assert_true(text.p[i] >= ' ' && text.p[i] <= '~');
	assert_int_equal(reload_parse(buf_slice(&text), PID, &out), 0);
	assert_true(out.is_set && out.is_trial);
	assert_int_equal(out.n_sockets, 2);
	assert_int_equal(out.sockets[0].fd, 6);
	assert_int_equal(out.sockets[0].origin, LISTEN_MADE);
	assert_string_equal(out.sockets[0].address, odd);
	assert_int_equal(out.sockets[1].fd, 1000);
	assert_string_equal(out.sockets[1].address, "");
	assert_int_equal(out.handoff, 9);
	assert_string_equal(out.handoff_path, in.handoff_path);
	assert_int_equal(out.publish, 10);
	assert_string_equal(out.publish_address, in.publish_address);
	assert_int_equal(out.lifeline[0], 4);
	assert_int_equal(out.lifeline[1], 5);
	assert_int_equal(out.pass.in, 16);
	assert_int_equal(out.pass.out, 17);
	assert_int_equal(out.hub, 2);
	assert_true(out.hub_print == UINT64_MAX && out.hub_place == 17);
	assert_int_equal(out.n_elders, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(out.elders[i].pid, elders[i].pid);
		assert_int_equal(out.elders[i].is_hub, elders[i].is_hub);
		assert_int_equal(out.elders[i].grace_ms, elders[i].grace_ms);
		assert_int_equal(out.elders[i].deadline_ms,
				 elders[i].deadline_ms);
	}
	reload_done(&out);
	buf_done(&text);
}

static void
refuses_what_it_did_not_write(void **state)
{
	static const char *const rows[] = {
		"2 pid=4711 " LEAST,	/* a later version */
		" pid=4711 " LEAST,
		HEAD,
		HEAD "lifeline=4,5 pass=16,17",
		HEAD "lifeline=4,5 listen=6,0,",
		HEAD "lifeline=4,5 pass=16 listen=6,0,",
		HEAD "lifeline=4,5 pass=1,17 listen=6,0,",
		HEAD LEAST " pass=16,17",
		HEAD "listen=6,0,",
		HEAD LEAST "  hub=7,1,2",
		HEAD LEAST " what",
		HEAD LEAST " what=1",
		HEAD LEAST " lifeline=4,5",
		HEAD LEAST " trial=2",
		HEAD "lifeline=4 pass=16,17 listen=6,0,",
		HEAD "lifeline=4,5,6 pass=16,17 listen=6,0,",
		HEAD "lifeline=2,5 pass=16,17 listen=6,0,",
		HEAD "lifeline=4,-5 pass=16,17 listen=6,0,",
		HEAD "lifeline=4,1048577 pass=16,17 listen=6,0,",
		HEAD "lifeline=4,5 pass=16,17 listen=0,0,",
		HEAD "lifeline=4,5 pass=16,17 listen=6,3,",
		HEAD "lifeline=4,5 pass=16,17 listen=6,2,",
		HEAD "lifeline=4,5 pass=16,17 listen=6,1,unix:/x",
		HEAD "lifeline=4,5 pass=16,17 listen=6,2,a%",
		HEAD "lifeline=4,5 pass=16,17 listen=6,2,a%2",
		HEAD "lifeline=4,5 pass=16,17 listen=6,2,a%2X",
		HEAD "lifeline=4,5 pass=16,17 listen=6,2,a%00b",
		HEAD LEAST " listen=7,0, listen=8,0,",
		HEAD LEAST " handoff=7",
		HEAD LEAST " handoff=7,",
		HEAD LEAST " handoff=1,/x",
		HEAD LEAST " handoff=7,/x handoff=8,/x",
		HEAD LEAST " hub=1,5,6",
		HEAD LEAST " hub=0,5,6",
		HEAD LEAST " hub=-1,5,6",
		HEAD LEAST " hub=7",
		HEAD LEAST " hub=7,18446744073709551616,1",
		HEAD LEAST " hub=7,1,18446744073709551616",
		HEAD LEAST " hub=7,1",
		HEAD LEAST " hub=7,1,2 hub=8,1,2",
		HEAD LEAST " elder=1,0,0,0",
		HEAD LEAST " elder=7,2,0,0",
		HEAD LEAST " elder=7,0,86400001,0",
		HEAD LEAST " elder=7,0,0,-1",
		HEAD LEAST " elder=7,0,0",
		HEAD LEAST " elder=4194305,0,0,0",
	};
	struct reload r;

	(void)state;
	assert_int_equal(reload_parse(slice_of(HEAD LEAST), PID, &r), 0);
	reload_done(&r);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int e = reload_parse(slice_of(rows[i]), PID, &r);

		unit_check(e == -EINVAL, "\"%s\" gave %d", rows[i], e);
	}
}

static void
is_for_one_process(void **state)
{
	static const char *const rows[] = {
		"", " ", "1", "1 ", "1 pid", "1 pid=", "1 pid=4712 " LEAST,
		"1 pid=47110 " LEAST, "1 pid=-4711 ", "1 pid=04711x", LEAST,
		"1 " LEAST " pid=4711", "9 pid=1",
	};
	struct reload r;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int e = reload_parse(slice_of(rows[i]), PID, &r);

		unit_check(e == -ENOENT, "\"%s\" gave %d", rows[i], e);
	}
}

static void
has_bounds(void **state)
{
	struct buf text = { 0 };
	struct reload r;
	size_t i;

	(void)state;
	buf_append_text(&text, HEAD LEAST);
	for (i = 0; i < RELOAD_ELDERS_MAX; i++)
		buf_append_text(&text,
				" elder=4000000,0,86400000,9999999999999");
	assert_true(text.len < 128 * 1024);
	assert_int_equal(reload_parse(buf_slice(&text), PID, &r), 0);
	assert_int_equal(r.n_elders, RELOAD_ELDERS_MAX);
	reload_done(&r);
	buf_append_text(&text, " elder=7,0,0,0");
	assert_int_equal(reload_parse(buf_slice(&text), PID, &r), -EINVAL);
	buf_clear(&text);
	buf_append_text(&text, HEAD "lifeline=4,5 pass=16,17 listen=6,2,");
	for (i = 0; i < RELOAD_TEXT_MAX - 1; i++)
		buf_append_text(&text, "%78");
	assert_int_equal(reload_parse(buf_slice(&text), PID, &r), 0);
	assert_int_equal(strlen(r.sockets[0].address), RELOAD_TEXT_MAX - 1);
	reload_done(&r);
	buf_append_text(&text, "x");
	assert_int_equal(reload_parse(buf_slice(&text), PID, &r), -EINVAL);
	buf_done(&text);
}

/* Whatever bytes come: refused, or read within bounds (sanitizers look on). */
static void
survives_any_bytes(void **state)
{
	static const char good[] =
	    HEAD "lifeline=4,5 pass=16,17 listen=6,2,unix:/%20x handoff=7,/h hub=8,9,1 "
		 "elder=10,0,11,12 elder=13,1,14,0";
	static const char bytes[] = "0123456789abcdef%,= \xff-lx";
	struct reload r;
	char text[sizeof(good)];

	(void)state;
	unit_random_begin(unit_seed());
	for (size_t len = 0; len < sizeof(good); len++) {
		memcpy(text, good, len);
		if (reload_parse((struct slice){ text, len }, PID, &r) == 0)
			reload_done(&r);
	}
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(text, good, sizeof(good));
		for (uint64_t n = unit_below(4); n > 0; n--)
			text[unit_below(sizeof(good) - 1)] =
			    bytes[unit_below(sizeof(bytes) - 1)];
		if (reload_parse(slice_of(text), PID, &r) == 0) {
			assert_true(r.n_sockets >= 1 && r.n_elders <= 2);
			reload_done(&r);
		}
	}
}

static void
leaves_the_environment(void **state)
{
	char text[200];
	struct reload r = { 0 };

	(void)state;
	unsetenv(RELOAD_VARIABLE);
	assert_int_equal(reload_take(&r), 0);
	assert_false(r.is_set);
	setenv(RELOAD_VARIABLE, "1 pid=1 " LEAST, 1);
	assert_int_equal(reload_take(&r), 0);
	assert_false(r.is_set);
	assert_int_equal(r.handoff, -1);
	assert_int_equal(r.publish, -1);
	assert_null(getenv(RELOAD_VARIABLE));
	snprintf(text, sizeof(text), "1 pid=%ld what", (long)getpid());
	setenv(RELOAD_VARIABLE, text, 1);
	assert_int_equal(reload_take(&r), -EINVAL);
	assert_null(getenv(RELOAD_VARIABLE));
	snprintf(text, sizeof(text), "1 pid=%ld " LEAST, (long)getpid());
	setenv(RELOAD_VARIABLE, text, 1);
	assert_int_equal(reload_take(&r), 0);
	assert_true(r.is_set);
	assert_null(getenv(RELOAD_VARIABLE));
	reload_done(&r);
}

static int
listening(int type)
{
	/* Bound to a name that the kernel chooses. */
	struct sockaddr name = { .sa_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	assert_true(fd > 2);
	assert_int_equal(bind(fd, &name, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void
checks_descriptors(void **state)
{
	struct reload r = { .n_sockets = 1 }, bad;
	int plain = socket(AF_UNIX, SOCK_STREAM, 0), other[2];

	(void)state;
	r.sockets[0].fd = listening(SOCK_STREAM);
	r.handoff = listening(SOCK_SEQPACKET);
	r.publish = listening(SOCK_STREAM);
	assert_int_equal(pipe(r.lifeline), 0);
	assert_int_equal(pipe(other), 0);
	assert_int_equal(pass_open(&r.pass), 0);
	assert_int_equal(reload_check(&r), 0);
	assert_true(r.handoff >= 0 && r.publish >= 0);

	bad = r;
	bad.sockets[0].fd = plain;
	assert_int_equal(reload_check(&bad), -EBADF);
	bad.sockets[0].fd = 1000000;
	assert_int_equal(reload_check(&bad), -EBADF);
	bad = r;
	bad.n_sockets = 2;
	bad.sockets[1] = bad.sockets[0];
	assert_int_equal(reload_check(&bad), -EBADF);
	bad = r;
	bad.lifeline[0] = r.lifeline[1];
	bad.lifeline[1] = r.lifeline[0];
	assert_int_equal(reload_check(&bad), -EBADF);
	bad.lifeline[0] = r.lifeline[0];
	bad.lifeline[1] = other[1];
	assert_int_equal(reload_check(&bad), -EBADF);
	bad = r;
	bad.pass.in = r.pass.out;
	assert_int_equal(reload_check(&bad), -EBADF);
	bad.pass.in = plain;
	assert_int_equal(reload_check(&bad), -EBADF);
	bad = r;
	bad.handoff = plain;
	assert_int_equal(reload_check(&bad), 0);
	assert_int_equal(bad.handoff, -1);
	assert_true(bad.publish >= 0);
	bad = r;
	bad.publish = plain;
	assert_int_equal(reload_check(&bad), 0);
	assert_int_equal(bad.publish, -1);

	reload_keep(&r, false);
	assert_true(fcntl(r.lifeline[1], F_GETFD) & FD_CLOEXEC);
	reload_keep(&r, true);
	assert_false(fcntl(r.lifeline[0], F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.lifeline[1], F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.sockets[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.handoff, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.publish, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.pass.in, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(r.pass.out, F_GETFD) & FD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		close(r.lifeline[i]);
		close(other[i]);
	}
	close(r.sockets[0].fd);
	close(r.handoff);
	close(r.publish);
	pass_close(&r.pass);
	close(plain);
}

static void
gives_up_without_memory(void **state)
{
	struct elder elders[50] = { { 100, false, 0, 0 } };
	struct reload r = { .handoff = -1, .publish = -1, .elders = elders,
			    .n_elders = 50 };
	bool failed = true;
	int e;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct buf text = { 0 };

		fault_arm(n);
		e = reload_format(&r, PID, &text);
		failed = fault_disarm();
		assert_int_equal(e, failed ? -ENOMEM : 0);
		buf_done(&text);
	}
	fault_arm(1);
	e = reload_parse(slice_of(HEAD LEAST), PID, &r);
	assert_true(fault_disarm());
	assert_int_equal(e, -ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(refuses_what_it_did_not_write),
		cmocka_unit_test(is_for_one_process),
		cmocka_unit_test(has_bounds),
		cmocka_unit_test(survives_any_bytes),
		cmocka_unit_test(leaves_the_environment),
		cmocka_unit_test(checks_descriptors),
		cmocka_unit_test(gives_up_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
