/* SPDX-License-Identifier: MIT */
/*
 * Where off_t may have two sizes, a library may call either of two functions;
 * here both are what their names say.
 */
#undef _FILE_OFFSET_BITS
#include "tests/support/diskfault.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Libraries have to find these before those of the C library. */
#define SEEN __attribute__((visibility("default")))

static size_t left;		/* calls until one fails; 0: off */
static int fault_error;
static bool is_lasting_fault, has_happened;
static const char *file_name;

void
diskfault_arm(size_t n, int error, bool is_lasting, const char *name)
{
	left = n;
	fault_error = error;
	is_lasting_fault = is_lasting;
	file_name = name;
	has_happened = false;
}

bool
diskfault_disarm(void)
{
	left = 0;
	return has_happened;
}

static bool
is_meant(int fd)
{
	char link[64], path[4096];
	size_t len = file_name ? strlen(file_name) : 0;
	struct stat st;
	ssize_t n;

	if (fd <= 2 || fstat(fd, &st) < 0 || S_ISFIFO(st.st_mode))
		return false;
	if (!file_name)
		return true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n >= (ssize_t)len && memcmp(path + n - len, file_name, len) == 0;
}

static bool
is_due(int fd)
{
	if (left == 0 || !is_meant(fd) || (left > 1 && --left > 0))
		return false;
	if (!is_lasting_fault)
		left = 0;
	has_happened = true;
	errno = fault_error;
	return true;
}

SEEN ssize_t
write(int fd, const void *p, size_t len)
{
	return is_due(fd) ? -1 : syscall(SYS_write, fd, p, len);
}

/* Not by syscall: how a place of 64 bits is passed depends on the machine. */
static ssize_t
put(int fd, const void *p, size_t len, off64_t at)
{
	struct iovec part = { (void *)(uintptr_t)p, len };

	return is_due(fd) ? -1 : pwritev64(fd, &part, 1, at);
}

SEEN ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	return put(fd, p, len, at);
}

SEEN ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return put(fd, p, len, at);
}

SEEN ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	return is_due(fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}

SEEN int
fsync(int fd)
{
	return is_due(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

SEEN int
fdatasync(int fd)
{
	return is_due(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static int
cut(int fd, off64_t len)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return is_due(fd) ? -1 : truncate64(link, len);
}

SEEN int
ftruncate(int fd, off_t len)
{
	return cut(fd, len);
}

SEEN int
ftruncate64(int fd, off64_t len)
{
	return cut(fd, len);
}
