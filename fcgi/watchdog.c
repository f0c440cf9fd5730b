/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "fcgi/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	/* looks within the limit; and how far apart they are at the most */
	LOOKS = 10,
	INTERVAL_MOST_MS = 1000,
	/* of a look that comes late no more counts than so many intervals */
	LATE_MOST = 2,
};

int
watchdog_init(struct watchdog *w, int64_t limit_ms, size_t workers)
{
	void *p;

	*w = (struct watchdog){ 0 };
	if (limit_ms <= 0)
		return 0;
	w->watches = calloc(workers, sizeof(*w->watches));
	if (!w->watches)
		return -ENOMEM;
	p = mmap(NULL, workers * sizeof(*w->seats), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		int r = -errno;

		watchdog_done(w);
		return r;
	}
	w->limit_ms = limit_ms;
	w->seats = p;
	w->count = workers;
	return 0;
}

void
watchdog_done(struct watchdog *w)
{
	if (w->seats)
		(void)munmap(w->seats, w->count * sizeof(*w->seats));
	free(w->watches);
	*w = (struct watchdog){ 0 };
}

struct watchdog_seat *
watchdog_seat(const struct watchdog *w, unsigned number)
{
	return number >= 1 && number <= w->count ? &w->seats[number - 1] : NULL;
}

void
watchdog_tell(struct watchdog_seat *seat)
{
	if (seat)
		atomic_fetch_add(&seat->turns, 1);
}

int64_t
watchdog_interval_ms(const struct watchdog *w)
{
	int64_t ms = w->limit_ms / LOOKS;

	return ms < INTERVAL_MOST_MS ? ms : INTERVAL_MOST_MS;
}

/* ---- what it does ---- */

/* Of its first thread, which is the one with the loop. */
static bool
read_stat(pid_t pid, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/stat", (long)pid,
		 (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

bool
watchdog_see(pid_t pid, struct watchdog_sight *ret_sight)
{
	char text[1024], state;
	unsigned long long user, kernel;
	long per_second = sysconf(_SC_CLK_TCK);
	const char *p;

	if (!read_stat(pid, text, sizeof(text)))
		return false;
	/* The name before it may hold anything. */
	p = strrchr(text, ')');
	if (!p || per_second <= 0 ||
	    sscanf(p, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
		   &state, &user, &kernel) != 3)
		return false;
	*ret_sight = (struct watchdog_sight){
		.is_running = state == 'R',
		.is_traced = state == 't',
		.cpu_ms = (int64_t)((user + kernel) * 1000 /
				    (unsigned long long)per_second),
	};
	return true;
}

/* ---- looking ---- */

/* How much of the time since the last look was the worker's own. */
static int64_t
own_ms(const struct watchdog *w, const struct watchdog_watch *k,
       const struct watchdog_sight *sight, int64_t now_ms)
{
	int64_t passed = now_ms - k->looked_ms;
	int64_t most = LATE_MOST * watchdog_interval_ms(w);

	if (sight->is_traced)
		return 0;
	if (sight->is_running)
		passed = sight->cpu_ms - k->cpu_ms;
	return passed < most ? passed : most;
}

bool
watchdog_look(struct watchdog *w, unsigned number, pid_t pid,
	      const struct watchdog_sight *sight, int64_t now_ms)
{
	struct watchdog_watch *k;
	uint32_t turns;

	if (number < 1 || number > w->count)
		return false;
	k = &w->watches[number - 1];
	turns = atomic_load(&w->seats[number - 1].turns);
	if (!pid || pid != k->pid || turns != k->turns)
		k->stood_ms = 0;
	else
		k->stood_ms += own_ms(w, k, sight, now_ms);
	k->pid = pid;
	k->turns = turns;
	k->looked_ms = now_ms;
	k->cpu_ms = sight->cpu_ms;
	if (k->stood_ms < w->limit_ms)
		return false;
	k->stood_ms = 0;
	return true;
}
