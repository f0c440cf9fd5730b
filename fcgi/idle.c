/* SPDX-License-Identifier: MIT */
#include "fcgi/idle.h"

#include <errno.h>
#include <sys/mman.h>

enum {
	/* looks within the limit; and how far apart they are at the most */
	LOOKS = 8,
	INTERVAL_MOST_MS = 10000,
};

int
idle_init(struct idle *i, int64_t limit_ms, size_t workers)
{
	void *p;

	*i = (struct idle){ .since_ms = -1 };
	if (limit_ms <= 0)
		return 0;
	p = mmap(NULL, workers * sizeof(*i->seats), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	i->limit_ms = limit_ms;
	i->seats = p;
	i->count = workers;
	for (size_t n = 0; n < workers; n++)
		idle_tell(&i->seats[n], true);
	return 0;
}

void
idle_done(struct idle *i)
{
	if (i->seats)
		(void)munmap(i->seats, i->count * sizeof(*i->seats));
	*i = (struct idle){ .since_ms = -1 };
}

struct idle_seat *
idle_seat(const struct idle *i, unsigned number)
{
	return i->seats && number >= 1 && number <= i->count ?
	       &i->seats[number - 1] : NULL;
}

void
idle_tell(struct idle_seat *seat, bool is_busy)
{
	if (seat)
		atomic_store(&seat->is_busy, is_busy);
}

int64_t
idle_interval_ms(const struct idle *i)
{
	int64_t ms = i->limit_ms / LOOKS;

	return ms < INTERVAL_MOST_MS ? ms : INTERVAL_MOST_MS;
}

bool
idle_look(struct idle *i, bool is_busy, int64_t now_ms)
{
	for (size_t n = 0; n < i->count && !is_busy; n++)
		is_busy = atomic_load(&i->seats[n].is_busy);
	if (is_busy)
		i->since_ms = -1;
	else if (i->since_ms < 0)
		i->since_ms = now_ms;
	return i->limit_ms > 0 && !is_busy &&
	       now_ms - i->since_ms >= i->limit_ms;
}
