/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "tests/support/fault_call.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#ifdef HAVE_SYS_EPOLL_H
#include <sys/epoll.h>
#endif

static struct {
	unsigned calls;		/* enum fault_call */
	size_t left;		/* until one fails; 0: off */
	int error;
	bool has_happened, is_paused;
} fault;

/* The linker's --wrap gives these names. */
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t len, int flags);
int __real_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
int __wrap_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags);
#ifdef HAVE_SYS_EPOLL_H
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
#endif

void
fault_call_arm(unsigned calls, size_t n, int error)
{
	fault.calls = calls;
	fault.left = n;
	fault.error = error;
	fault.has_happened = fault.is_paused = false;
}

bool
fault_call_disarm(void)
{
	fault.left = 0;
	return fault.has_happened;
}

void
fault_call_pause(bool is_paused)
{
	fault.is_paused = is_paused;
}

static bool
is_due(enum fault_call call)
{
	if (fault.left == 0 || fault.is_paused || !(fault.calls & call) ||
	    --fault.left > 0)
		return false;
	fault.has_happened = true;
	errno = fault.error;
	return true;
}

ssize_t
__wrap_send(int fd, const void *bytes, size_t len, int flags)
{
	if (!is_due(FAULT_SEND))
		return __real_send(fd, bytes, len, flags);
	return fault.error == FAULT_SHORT ?
	       __real_send(fd, bytes, len > 0, flags) : -1;
}

ssize_t
__wrap_recv(int fd, void *bytes, size_t len, int flags)
{
	return is_due(FAULT_RECV) ? -1 : __real_recv(fd, bytes, len, flags);
}

int
__wrap_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
	return is_due(FAULT_ACCEPT) ? -1 : __real_accept4(fd, peer, len, flags);
}

#ifdef HAVE_SYS_EPOLL_H
int
__wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	if (op == EPOLL_CTL_ADD && is_due(FAULT_WATCH))
		return -1;
	return __real_epoll_ctl(epoll, op, fd, event);
}
#endif
