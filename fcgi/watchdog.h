/* SPDX-License-Identifier: MIT */
/*
 * watchdog: notices a worker that hangs (--worker-timeout).
 *
 * Each worker counts the turns of its loop in a seat of its own in memory that
 * it shares with the supervisor, which looks there now and then. A worker whose
 * count stands still has a while left; of that goes only time in which it could
 * have turned. Not what passed while nobody looked, because the machine slept or
 * the supervisor was held up, too; nor what the worker waited for a processor,
 * or stood still in a debugger.
 */
#ifndef FCGI_WATCHDOG_H
#define FCGI_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	WATCHDOG_LEAST_MS = 1000,
	WATCHDOG_MOST_MS = 3600 * 1000,
	WATCHDOG_DEFAULT_MS = 20000,
};

struct watchdog_seat {
	_Atomic uint32_t turns;
};

/* What a worker does now, as the system tells. */
struct watchdog_sight {
	bool is_running;	/* or would, if it had a processor */
	bool is_traced;		/* by a debugger */
	int64_t cpu_ms;		/* what its loop has had of them so far */
};

/* What is known of the worker in a seat. */
struct watchdog_watch {
	pid_t pid;		/* 0: nobody was there */
	uint32_t turns;
	int64_t looked_ms;	/* when it was last looked at */
	int64_t cpu_ms;		/* ... and what it had had then */
	int64_t stood_ms;	/* of its time, since it last turned */
};

struct watchdog {		/* zeroed: watches nobody */
	int64_t limit_ms;	/* 0: watches nobody */
	struct watchdog_seat *seats;	/* owned, shared */
	struct watchdog_watch *watches;	/* owned array, one for each seat */
	size_t count;
};

/* 0 or -errno. */
int watchdog_init(struct watchdog *w, int64_t limit_ms, size_t workers);
void watchdog_done(struct watchdog *w);

/* A worker's, by its number from 1; NULL without a limit. */
struct watchdog_seat *watchdog_seat(const struct watchdog *w, unsigned number);

/* By the worker, in each turn. Harmless for NULL. */
void watchdog_tell(struct watchdog_seat *seat);

/* When to look next, from now on; a worker turns that often, too. */
int64_t watchdog_interval_ms(const struct watchdog *w);

/* What a process does. False: that is not to be known. */
bool watchdog_see(pid_t pid, struct watchdog_sight *ret_sight);

/*
 * Looks at the worker in that seat. True: for all of the limit it could have
 * turned and did not; it gets another while then. `pid` 0: nobody is there.
 */
bool watchdog_look(struct watchdog *w, unsigned number, pid_t pid,
		   const struct watchdog_sight *sight, int64_t now_ms);

#endif
