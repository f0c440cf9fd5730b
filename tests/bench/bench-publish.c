/* SPDX-License-Identifier: MIT */
/*
 * bench-publish SSE-HUB SSE-PUBLISH EMPTY [TIMES]
 *
 * What one sse-publish costs from spawn to exit, beside an empty program that
 * is linked with libzmq, in turns. Medians, and the ratio of user+system CPU.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct cost {
	double wall_ms, cpu_ms;
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
tv_ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static pid_t
start(char *const *argv)
{
	pid_t pid;
	int r = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

	if (r != 0) {
		fprintf(stderr, "bench-publish: %s: %s\n", argv[0], strerror(r));
		exit(1);
	}
	return pid;
}

/* Runs a program to its end. Returns its exit status. */
static int
run(char *const *argv, struct cost *ret_cost)
{
	double from = now_ms();
	struct rusage use;
	int status;

	wait4(start(argv), &status, 0, &use);
	ret_cost->wall_ms = now_ms() - from;
	ret_cost->cpu_ms = tv_ms(use.ru_utime) + tv_ms(use.ru_stime);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int
by_wall(const void *a, const void *b)
{
	double x = ((const struct cost *)a)->wall_ms;
	double y = ((const struct cost *)b)->wall_ms;

	return x < y ? -1 : x > y;
}

static double
mean_cpu(const struct cost *c, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += c[i].cpu_ms;
	return sum / n;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/bench-publish.XXXXXX", command[96];
	int times = argc > 4 ? atoi(argv[4]) : 300, failed = 0;
	struct cost *ours, *empty, ignored;
	pid_t hub;

	if (argc < 4 || times < 1) {
		fputs("usage: bench-publish SSE-HUB SSE-PUBLISH EMPTY [TIMES]\n",
		      stderr);
		return 64;
	}
	ours = calloc((size_t)times, sizeof(*ours));
	empty = calloc((size_t)times, sizeof(*empty));
	if (!ours || !empty || !mkdtemp(dir))
		return 1;
	char topic[] = "bench", bus[] = "--bus";
	/* What waiting for a disk costs is bench-store's. */
	char store[] = "--store", memory[] = "memory";
	char *const hub_argv[] = { argv[1], bus, dir, store, memory, NULL };
	char *const our_argv[] = { argv[2], bus, dir, topic, topic, NULL };
	char *const empty_argv[] = { argv[3], NULL };

	hub = start(hub_argv);
	for (int i = 0; i < 100 && run(our_argv, &ignored) != 0; i++)
		usleep(20000);
	for (int i = 0; i < times; i++) {
		failed += run(our_argv, &ours[i]) != 0;
		(void)run(empty_argv, &empty[i]);
	}
	kill(hub, SIGTERM);
	waitpid(hub, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	(void)!system(command);
	if (failed) {
		fprintf(stderr, "bench-publish: %d of %d failed\n", failed, times);
		return 1;
	}
	double our_cpu = mean_cpu(ours, times), empty_cpu = mean_cpu(empty, times);

	qsort(ours, (size_t)times, sizeof(*ours), by_wall);
	qsort(empty, (size_t)times, sizeof(*empty), by_wall);
	double wall = ours[times / 2].wall_ms, base = empty[times / 2].wall_ms;

	printf("publish: sse-publish %.2f ms, empty program %.2f ms, ratio %.2f; "
	       "CPU %.2f ms, %.2f ms, ratio %.2f\n", wall, base, wall / base,
	       our_cpu, empty_cpu, our_cpu / empty_cpu);
	printf("{\"bench\":\"publish\",\"ms\":%.3f,\"empty_ms\":%.3f,"
	       "\"ratio\":%.3f,\"cpu_ratio\":%.3f}\n", wall, base, wall / base,
	       our_cpu / empty_cpu);
	printf("{\"figure\":\"one sse-publish from spawn to exit, beside an empty "
	       "program with libzmq\",\"value\":%.3f,\"unit\":\"\","
	       "\"most\":1.55}\n", wall / base);
	return 0;
}
