/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/handoff_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { NOT_TAKEN = 1 };

/* Somebody else may have put a socket of his where the worker's would be. */
static int
check_owner(int s)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	return cred.uid == 0 || cred.uid == geteuid() ? 0 : -EPERM;
}

/*
 * Connects. Both connecting to a full backlog and sending obey SO_SNDTIMEO,
 * so neither holds the program up for longer.
 */
static int
reach(int s, const struct sockaddr_un *address, int wait_ms)
{
	struct timeval wait = { wait_ms / 1000, wait_ms % 1000 * 1000 };

	if (fcntl(s, F_SETFD, FD_CLOEXEC) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	if (connect(s, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return check_owner(s);
	switch (errno) {
	case EACCES:
	case EPERM:
		return -EPERM;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
	case EAGAIN:
	case EINTR:
		return NOT_TAKEN;
	default:
		return -errno;
	}
}

static int
hand_out(int s, int fd, struct slice message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec v = { .iov_len = message.len };
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;

	/* sendmsg only reads, but its iovec has no const */
	memcpy(&v.iov_base, &message.p, sizeof(message.p));
	memset(&control, 0, sizeof(control));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));

	return sendmsg(s, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* 0: OK was said. Anything that is not an answer counts as none. */
static int
read_answer(int s)
{
	char text[256];
	ssize_t n;

	/*
	 * A worker that refused without reading what we sent leaves an error
	 * in front of its answer, which is told once.
	 */
	do
		n = recv(s, text, sizeof(text), MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));

	if (n == 2 && memcmp(text, "OK", 2) == 0)
		return 0;
	if (n >= 3 && memcmp(text, "ERR", 3) == 0)
		return -EPROTO;
	return NOT_TAKEN;
}

static int
await_answer(int s, int64_t until_ms)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	int r;

	do {
		int64_t left = until_ms - clock_mono_ms();

		r = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	/*
	 * From here on the worker cannot say OK any more; one that it said
	 * before can still be read.
	 */
	(void)shutdown(s, SHUT_RDWR);
	return read_answer(s);
}

static int
converse(int s, int fd, struct slice message, int64_t until_ms)
{
	int r = hand_out(s, fd, message);

	if (r == 0)
		return await_answer(s, until_ms);
	if (r == -EBADF || r == -EMSGSIZE)
		return r;
	/* It hung up; it may have said why. */
	return read_answer(s);
}

int
handoff_call(const char *path, int fd, struct slice message, int wait_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int64_t until_ms = clock_mono_ms() + wait_ms;
	int s, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);

	s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (s < 0)
		return -errno;
	r = reach(s, &address, wait_ms);
	if (r == 0)
		r = converse(s, fd, message, until_ms);
	close(s);
	return r;
}
