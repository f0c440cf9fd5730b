/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/spare.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int accept4_function(int fd, struct sockaddr *address, socklen_t *len,
			     int flags);

/* One set per process, as there is one table of descriptors. libzmq's thread
 * uses it; it is written before that starts and after it has ended. */
static struct {
	bool is_open;
	int fd;				/* owned; -1: could not be had again */
	atomic_bool has_news;
} spare = { .fd = -1 };

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int
spare_open(void)
{
	raise_limit();
	spare.fd = reserve();
	if (spare.fd < 0)
		return -errno;
	spare.is_open = true;
	return 0;
}

void
spare_close(void)
{
	if (spare.fd >= 0)
		close(spare.fd);
	spare.fd = -1;
	spare.is_open = false;
}

bool
spare_take_news(void)
{
	return atomic_exchange(&spare.has_news, false);
}

/* Takes one connection with the reserve, and closes it. */
static void
turn_away(accept4_function *next, int listening, int flags)
{
	int fd;

	atomic_store(&spare.has_news, true);
	if (spare.fd >= 0)
		close(spare.fd);
	fd = next(listening, NULL, NULL, flags);
	if (fd >= 0)
		close(fd);
	spare.fd = reserve();
}

/*
 * Stands before libc's, in this process, for libzmq as well: a name that a
 * shared library wants and the program has is the program's.
 */
__attribute__((visibility("default"))) int
accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len,
	int flags)
{
	/* A cast by way of memory, as ISO C knows no other for functions. */
	static _Atomic(accept4_function *) found;
	accept4_function *next = atomic_load(&found);
	int got;

	if (!next) {
		*(void **)&next = dlsym(RTLD_NEXT, "accept4");
		atomic_store(&found, next);
	}
	if (!next) {
		errno = ENOSYS;
		return -1;
	}
	got = next(fd, address, len, flags);
	if (got >= 0 || !spare.is_open ||
	    (errno != EMFILE && errno != ENOMEM && errno != ENOBUFS))
		return got;
	turn_away(next, fd, flags);
	errno = EAGAIN;
	return -1;
}
