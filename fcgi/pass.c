/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
pass_open(struct pass *p)
{
	int fds[2];

	p->in = p->out = -1;
	/* Messages, not bytes: one is taken whole by one worker. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		       0, fds) < 0)
		return -errno;
	p->in = fds[0];
	p->out = fds[1];
	return 0;
}

void
pass_close(struct pass *p)
{
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	p->in = p->out = -1;
}

static bool
is_end(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(int), peer_len = sizeof(peer);
	int type = 0;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       peer.ss_family == AF_UNIX;
}

bool
pass_is_one(const struct pass *p)
{
	return p->in != p->out && is_end(p->in) && is_end(p->out);
}

int
pass_send(int in, int fd)
{
	union control control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;

	memset(&control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do
		n = sendmsg(in, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 1) {
		close(fd);
		return 0;
	}
	if (errno == EWOULDBLOCK)
		return -EAGAIN;
	/* Of this user's too many may be on their way, anywhere. */
	if (errno == ETOOMANYREFS || errno == ENOMEM)
		return -ENOBUFS;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

/*
 * A connection for which there is no descriptor is lost in recvmsg(2). So one
 * is kept, and is free for just that call. One set per process, as there is one
 * table of descriptors. (To open the file anew each time took a fifth of all
 * that a worker does for a new stream; to duplicate it, next to nothing.)
 */
static int null = -1, spare = -1;

static bool
reserve(void)
{
	if (null < 0)
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (spare < 0 && null >= 0)
		spare = fcntl(null, F_DUPFD_CLOEXEC, 0);
	return spare >= 0;
}

static int
take(int out)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(out, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		/* The end: the supervisor is gone, as another pipe says. */
		return n == 0 || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int
pass_receive(int out)
{
	int fd;

	if (!reserve())
		return -EMFILE;
	close(spare);
	spare = -1;
	fd = take(out);
	(void)reserve();
	return fd;
}
