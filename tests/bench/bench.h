/* SPDX-License-Identifier: MIT */
/* bench: what the benchmarks in C share. What fails ends the program. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

/* The program's name, and what is to be done when it dies (or NULL). */
void bench_begin(const char *name, void (*at_end)(void));
/* Says what went wrong, with errno's text unless that is 0, and exits. */
noreturn void bench_die(const char *what);

double bench_now_s(void);
uint64_t bench_cpu_ns(pid_t pid);	/* used by all its threads so far */
long bench_private_kib(pid_t pid);	/* memory that is its own */

/* Raises the limit of open files as far as `want`; what it is then. */
size_t bench_files(size_t want);

/* A connected stream socket to a unix path, or -1 with errno. */
int bench_connect_unix(const char *path, int flags);

#endif
