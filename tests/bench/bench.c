/* SPDX-License-Identifier: MIT */
#include "tests/bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *bench_name = "bench";
static void (*bench_at_end)(void);

void
bench_begin(const char *name, void (*at_end)(void))
{
	bench_name = name;
	bench_at_end = at_end;
}

void
bench_die(const char *what)
{
	if (errno)
		fprintf(stderr, "%s: %s: %s\n", bench_name, what,
			strerror(errno));
	else
		fprintf(stderr, "%s: %s\n", bench_name, what);
	if (bench_at_end)
		bench_at_end();
	exit(1);
}

double
bench_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t
thread_cpu_ns(pid_t pid, const char *thread)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)pid,
		 thread);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu", &ns) != 1)
		bench_die(path);
	fclose(file);
	return ns;
}

uint64_t
bench_cpu_ns(pid_t pid)
{
	char path[64];
	const struct dirent *e;
	uint64_t sum = 0;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		bench_die(path);
	while ((e = readdir(threads)))
		if (e->d_name[0] != '.')
			sum += thread_cpu_ns(pid, e->d_name);
	closedir(threads);
	return sum;
}

long
bench_private_kib(pid_t pid)
{
	char path[64], line[256];
	long sum = 0, kib;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (!file)
		bench_die(path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
		    sscanf(line, "Private_Dirty: %ld", &kib) == 1)
			sum += kib;
	fclose(file);
	return sum;
}

size_t
bench_files(size_t want)
{
	struct rlimit limit = { want, want };

	/* Beyond the hard limit only where privileges allow. */
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

int
bench_connect_unix(const char *path, int flags)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	int saved;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
