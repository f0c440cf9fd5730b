/* SPDX-License-Identifier: MIT */
#include "fcgi/elders.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "lib/base/list.h"
#include "lib/base/logging.h"

bool
elder_is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* When the next of them has to be gone; 0: none has to. */
static int64_t
next_deadline(const struct elders *e)
{
	int64_t next_ms = 0;

	for (size_t i = 0; i < e->count; i++) {
		int64_t at_ms = e->items[i].deadline_ms;

		if (at_ms && (!next_ms || at_ms < next_ms))
			next_ms = at_ms;
	}
	return next_ms;
}

static void
watch(struct elders *e)
{
	int64_t next_ms = next_deadline(e);

	if (next_ms)
		(void)loop_timer_set(e->loop, &e->overdue, next_ms);
	else
		loop_timer_stop(e->loop, &e->overdue);
}

static void
on_overdue(struct loop_timer *t, int64_t now_ms)
{
	struct elders *e = list_entry(t, struct elders, overdue);

	for (size_t i = 0; i < e->count; i++) {
		struct elder *one = &e->items[i];

		if (!one->deadline_ms || one->deadline_ms > now_ms)
			continue;
		log_warning("the old %s %ld did not end in time; it is killed",
			    one->is_hub ? "hub" : "worker", (long)one->pid);
		(void)kill(one->pid, SIGKILL);
		one->deadline_ms = now_ms + one->grace_ms + 1;
	}
	watch(e);
}

void
elders_init(struct elders *e, struct loop *loop, struct elder *items,
	    size_t count)
{
	*e = (struct elders){ .loop = loop, .items = items };
	e->overdue.on_due = on_overdue;
	for (size_t i = 0; i < count; i++) {
		if (elder_is_child(items[i].pid))
			e->items[e->count++] = items[i];
		else
			log_warning("process %ld is no child of ours; it is left alone",
				    (long)items[i].pid);
	}
	watch(e);
}

void
elders_done(struct elders *e)
{
	if (e->loop)
		loop_timer_stop(e->loop, &e->overdue);
	free(e->items);
	e->items = NULL;
	e->count = 0;
}

size_t
elders_serving(const struct elders *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->count; i++)
		if (!e->items[i].is_hub && !e->items[i].deadline_ms)
			n++;
	return n;
}

size_t
elders_workers(const struct elders *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->count; i++)
		n += !e->items[i].is_hub;
	return n;
}

bool
elders_hub_ends(const struct elders *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->items[i].is_hub && e->items[i].deadline_ms)
			return true;
	return false;
}

void
elders_tell(struct elders *e, bool hub)
{
	for (size_t i = 0; i < e->count; i++) {
		struct elder *one = &e->items[i];

		if (one->is_hub != hub || one->deadline_ms)
			continue;
		(void)kill(one->pid, SIGTERM);
		one->deadline_ms = loop_now_ms(e->loop) + one->grace_ms + 1;
	}
	watch(e);
}

void
elders_signal(const struct elders *e, int number)
{
	for (size_t i = 0; i < e->count; i++)
		(void)kill(e->items[i].pid, number);
}

bool
elders_bury(struct elders *e, pid_t pid, struct elder *ret_elder)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->items[i].pid != pid)
			continue;
		*ret_elder = e->items[i];
		e->items[i] = e->items[--e->count];
		watch(e);
		return true;
	}
	return false;
}
