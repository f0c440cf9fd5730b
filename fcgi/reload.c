/* SPDX-License-Identifier: MIT */
/*
 * The text is a line of words: "1" (the version), then NAME=VALUE, the values
 * with commas between their parts. What could hold a blank or a comma is
 * written with %XX.
 */
#include "config.h"

#include "fcgi/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/units.h"

#define RELOAD_VERSION "1"

enum {
	PID_MOST = 1 << 22,	/* Linux's own bound */
	PARTS_MOST = 4,
};

/* Longer than any grace or deadline: a day, and 300 years after a boot. */
#define GRACE_MOST_MS INT64_C(86400000)
#define DEADLINE_MOST_MS INT64_C(10000000000000)

void
reload_done(struct reload *r)
{
	free(r->elders);
	r->elders = NULL;
	r->n_elders = 0;
}

/* ---- writing ---- */

static int
write_text(struct buf *out, const char *text)
{
	int r = 0;

	for (; *text && r == 0; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c > '~' || c == '%' || c == ',' || c == '=')
			r = buf_printf(out, "%%%02x", c);
		else
			r = buf_append_char(out, (char)c);
	}
	return r;
}

static int
write_sockets(const struct reload *r, struct buf *out)
{
	int e = 0;

	for (size_t i = 0; i < r->n_sockets && e == 0; i++) {
		const struct reload_socket *s = &r->sockets[i];

		e = buf_printf(out, " listen=%d,%d,", s->fd, (int)s->origin);
		if (e == 0)
			e = write_text(out, s->address);
	}
	if (e == 0 && r->handoff >= 0)
		e = buf_printf(out, " handoff=%d,", r->handoff);
	if (e == 0 && r->handoff >= 0)
		e = write_text(out, r->handoff_path);
	if (e == 0 && r->publish >= 0)
		e = buf_printf(out, " publish=%d,", r->publish);
	if (e == 0 && r->publish >= 0)
		e = write_text(out, r->publish_address);
	return e;
}

int
reload_format(const struct reload *r, pid_t pid, struct buf *out)
{
	int e = buf_printf(out, RELOAD_VERSION " pid=%ld lifeline=%d,%d pass=%d,%d",
			   (long)pid, r->lifeline[0], r->lifeline[1],
			   r->pass.in, r->pass.out);

	if (e == 0 && r->is_trial)
		e = buf_append_text(out, " trial=1");
	if (e == 0)
		e = write_sockets(r, out);
	if (e == 0 && r->hub)
		e = buf_printf(out, " hub=%ld,%" PRIu64 ",%" PRIu64,
			       (long)r->hub, r->hub_print, r->hub_place);
	for (size_t i = 0; i < r->n_elders && e == 0; i++) {
		const struct elder *one = &r->elders[i];

		e = buf_printf(out, " elder=%ld,%d,%" PRId64 ",%" PRId64,
			       (long)one->pid, one->is_hub, one->grace_ms,
			       one->deadline_ms);
	}
	return e;
}

/* ---- reading ---- */

/* The parts of a value: exactly `n`. */
static int
split(struct slice value, struct slice parts[PARTS_MOST], size_t n)
{
	size_t commas = 0;

	for (size_t i = 0; i < value.len; i++)
		commas += value.p[i] == ',';
	if (commas + 1 != n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		parts[i] = slice_take_until(&value, ',');
	return 0;
}

static int
read_number(struct slice s, uint64_t most, uint64_t *ret_number)
{
	uint64_t number;

	if (parse_u64(s, &number) < 0 || number > most)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

/* One above 2: nothing of ours is ever on those. */
static int
read_fd(struct slice s, int *ret_fd)
{
	uint64_t number;

	if (read_number(s, RELOAD_FD_MAX, &number) < 0 ||
	    number <= STDERR_FILENO)
		return -EINVAL;
	*ret_fd = (int)number;
	return 0;
}

/* Not 0 and not 1: kill(2) means other things by those than one process. */
static int
read_pid(struct slice s, pid_t *ret_pid)
{
	uint64_t number;

	if (read_number(s, PID_MOST, &number) < 0 || number < 2)
		return -EINVAL;
	*ret_pid = (pid_t)number;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
read_text(struct slice s, char out[RELOAD_TEXT_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		int c = (unsigned char)s.p[i];

		if (c == '%') {
			int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_digit(s.p[i + 2]);

			c = low < 0 ? 0 : high * 16 + low;
			i += 2;
		}
		if (c == 0 || len + 1 >= RELOAD_TEXT_MAX)
			return -EINVAL;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return 0;
}

static int
read_socket(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];
	struct reload_socket s = { 0 };
	uint64_t origin;

	if (r->n_sockets == RELOAD_SOCKETS_MAX || split(value, parts, 3) < 0 ||
	    read_fd(parts[0], &s.fd) < 0 ||
	    read_number(parts[1], LISTEN_MADE, &origin) < 0 ||
	    read_text(parts[2], s.address) < 0)
		return -EINVAL;
	s.origin = (enum listen_origin)origin;
	if ((s.origin == LISTEN_MADE) != (s.address[0] != '\0'))
		return -EINVAL;
	r->sockets[r->n_sockets++] = s;
	return 0;
}

static int
read_handoff(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];

	if (r->handoff >= 0 || split(value, parts, 2) < 0 ||
	    read_text(parts[1], r->handoff_path) < 0 || !r->handoff_path[0])
		return -EINVAL;
	return read_fd(parts[0], &r->handoff);
}

static int
read_publish(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];

	if (r->publish >= 0 || split(value, parts, 2) < 0 ||
	    read_text(parts[1], r->publish_address) < 0 ||
	    !r->publish_address[0])
		return -EINVAL;
	return read_fd(parts[0], &r->publish);
}

static int
read_lifeline(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];

	if (r->lifeline[0] >= 0 || split(value, parts, 2) < 0 ||
	    read_fd(parts[0], &r->lifeline[0]) < 0)
		return -EINVAL;
	return read_fd(parts[1], &r->lifeline[1]);
}

static int
read_pass(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];

	if (r->pass.in >= 0 || split(value, parts, 2) < 0 ||
	    read_fd(parts[0], &r->pass.in) < 0)
		return -EINVAL;
	return read_fd(parts[1], &r->pass.out);
}

static int
read_hub(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];

	if (r->hub || split(value, parts, 3) < 0 ||
	    read_number(parts[1], UINT64_MAX, &r->hub_print) < 0 ||
	    read_number(parts[2], UINT64_MAX, &r->hub_place) < 0)
		return -EINVAL;
	return read_pid(parts[0], &r->hub);
}

static int
read_elder(struct reload *r, struct slice value)
{
	struct slice parts[PARTS_MOST];
	struct elder one;
	uint64_t is_hub, grace, deadline;

	if (r->n_elders == RELOAD_ELDERS_MAX || split(value, parts, 4) < 0 ||
	    read_pid(parts[0], &one.pid) < 0 ||
	    read_number(parts[1], 1, &is_hub) < 0 ||
	    read_number(parts[2], GRACE_MOST_MS, &grace) < 0 ||
	    read_number(parts[3], DEADLINE_MOST_MS, &deadline) < 0)
		return -EINVAL;
	one.is_hub = is_hub;
	one.grace_ms = (int64_t)grace;
	one.deadline_ms = (int64_t)deadline;
	r->elders[r->n_elders++] = one;
	return 0;
}

static int
read_trial(struct reload *r, struct slice value)
{
	uint64_t is_trial;

	if (read_number(value, 1, &is_trial) < 0)
		return -EINVAL;
	r->is_trial = is_trial;
	return 0;
}

static int
read_word(struct reload *r, struct slice word)
{
	static const struct {
		const char *name;
		int (*read)(struct reload *r, struct slice value);
	} words[] = {
		{ "listen", read_socket },   { "handoff", read_handoff },
		{ "lifeline", read_lifeline }, { "pass", read_pass },
		{ "hub", read_hub },         { "elder", read_elder },
		{ "trial", read_trial },     { "publish", read_publish },
	};
	struct slice name = slice_take_until(&word, '=');

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (slice_eq(name, slice_of(words[i].name)))
			return words[i].read(r, word);
	return -EINVAL;
}

static int
read_words(struct reload *r, struct slice text)
{
	int e = 0;

	while (e == 0 && text.len > 0)
		e = read_word(r, slice_take_until(&text, ' '));
	if (e == 0 && (r->n_sockets == 0 || r->lifeline[0] < 0 ||
		       r->pass.in < 0))
		e = -EINVAL;
	return e;
}

int
reload_parse(struct slice text, pid_t pid, struct reload *ret_reload)
{
	struct reload r = { .is_set = true, .handoff = -1, .publish = -1,
			    .lifeline = { -1, -1 }, .pass = { -1, -1 } };
	struct slice version = slice_take_until(&text, ' ');
	struct slice word = slice_take_until(&text, ' ');
	struct slice name = slice_take_until(&word, '=');
	pid_t whose;
	int e;

	/* Whose it is stands at the same place in every version. */
	if (!slice_eq(name, SLICE_LIT("pid")) || read_pid(word, &whose) < 0 ||
	    whose != pid)
		return -ENOENT;
	if (!slice_eq(version, SLICE_LIT(RELOAD_VERSION)))
		return -EINVAL;
	r.elders = calloc(RELOAD_ELDERS_MAX + 1, sizeof(*r.elders));
	if (!r.elders)
		return -ENOMEM;
	e = read_words(&r, text);
	if (e < 0)
		reload_done(&r);
	else
		*ret_reload = r;
	return e;
}

int
reload_take(struct reload *ret_reload)
{
	const struct reload empty = { .handoff = -1, .publish = -1,
				      .lifeline = { -1, -1 },
				      .pass = { -1, -1 } };
	const char *text = getenv(RELOAD_VARIABLE);
	int r = -ENOENT;

	if (text)
		r = reload_parse(slice_of(text), getpid(), ret_reload);
	(void)unsetenv(RELOAD_VARIABLE);
	if (r != -ENOENT)
		return r;
	*ret_reload = empty;
	return 0;
}

/* ---- descriptors ---- */

static bool
is_socket(int fd, int type)
{
	int is_listening = 0, is_type = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening,
			  &len) == 0 &&
	       is_listening &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &is_type, &len) == 0 &&
	       is_type == type;
}

/* The two ends of one pipe: reading from the first, writing to the second. */
static bool
is_pipe(const int fds[2])
{
	struct stat st[2];

	return fstat(fds[0], &st[0]) == 0 && fstat(fds[1], &st[1]) == 0 &&
	       S_ISFIFO(st[0].st_mode) && S_ISFIFO(st[1].st_mode) &&
	       st[0].st_dev == st[1].st_dev && st[0].st_ino == st[1].st_ino &&
	       (fcntl(fds[0], F_GETFL) & O_ACCMODE) == O_RDONLY &&
	       (fcntl(fds[1], F_GETFL) & O_ACCMODE) == O_WRONLY;
}

int
reload_check(struct reload *r)
{
	for (size_t i = 0; i < r->n_sockets; i++)
		if (!is_socket(r->sockets[i].fd, SOCK_STREAM))
			return -EBADF;
	if (r->n_sockets == 2 && r->sockets[0].fd == r->sockets[1].fd)
		return -EBADF;
	if (!is_pipe(r->lifeline) || !pass_is_one(&r->pass))
		return -EBADF;
	if (r->handoff >= 0 && !is_socket(r->handoff, SOCK_SEQPACKET))
		r->handoff = -1;
	if (r->publish >= 0 && !is_socket(r->publish, SOCK_STREAM))
		r->publish = -1;
	return 0;
}

static void
keep(int fd, bool over_exec)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, over_exec ? 0 : FD_CLOEXEC);
}

void
reload_keep(const struct reload *r, bool over_exec)
{
	for (size_t i = 0; i < r->n_sockets; i++)
		keep(r->sockets[i].fd, over_exec);
	keep(r->handoff, over_exec);
	keep(r->publish, over_exec);
	keep(r->lifeline[0], over_exec);
	keep(r->pass.in, over_exec);
	keep(r->pass.out, over_exec);
	keep(r->lifeline[1], over_exec);
}

int
reload_exec(const struct reload *r, const struct program *p)
{
	struct buf text = { 0 };
	int e = reload_format(r, getpid(), &text);

	if (e == 0)
		e = buf_append_char(&text, '\0');
	if (e == 0 && setenv(RELOAD_VARIABLE, text.p, 1) < 0)
		e = -errno;
	if (e == 0) {
		reload_keep(r, true);
		e = program_exec(p, NULL);
		reload_keep(r, false);
	}
	(void)unsetenv(RELOAD_VARIABLE);
	buf_done(&text);
	return e;
}
