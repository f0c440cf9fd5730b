/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/trim.h"

#include <errno.h>

#include "lib/bus/frame.h"

static bool
is_old(const struct catalog *c, int64_t now_ms, int64_t time_ms)
{
	return c->limits.age_ms && catalog_can_pass(c) &&
	       time_ms < now_ms - c->limits.age_ms;
}

bool
trim_is_due(const struct catalog *c, int64_t now_ms, int64_t oldest_ms)
{
	uint64_t number;

	return catalog_need(c, &number) != CATALOG_FITS ||
	       is_old(c, now_ms, oldest_ms);
}

/* One event that has to go, if there is one. 1: went, or was passed. 0: all
 * fits. */
static int
step(struct catalog *c, int64_t now_ms, const struct trim_ops *ops, void *user)
{
	struct store_record record;
	struct catalog_item item = { 0 };
	uint64_t number = c->floor;
	enum catalog_need need = catalog_need(c, &number);
	int r;

	if (need == CATALOG_FITS && (!c->limits.age_ms || !catalog_can_pass(c)))
		return 0;
	r = ops->find(user, need == CATALOG_HELD ? 0 : number, &record,
		      &item.bytes);
	if (r < 0)
		/* Nothing that is counted is there: nothing can go. */
		return r == -ENOENT ? 0 : r;
	if (need == CATALOG_FITS && !is_old(c, now_ms, record.time_ms))
		return 0;
	item.number = record.number;
	item.topic = record.topic;
	item.also = frame_header_also(record.header);
	item.id = record.id;
	if (need == CATALOG_DISPLACED || need == CATALOG_HELD)
		r = catalog_evict(c, &item) < 0 ? -ENOMEM : 1;
	else
		r = catalog_pass(c, &item);
	if (r == 1)
		r = ops->drop(user, item.number);
	return r < 0 ? r : 1;
}

int
trim_run(struct catalog *c, int64_t now_ms, unsigned most,
	 const struct trim_ops *ops, void *user)
{
	unsigned n;
	int r;

	for (n = 0; n < most; n++) {
		r = step(c, now_ms, ops, user);
		if (r < 0)
			return r;
		if (r == 0)
			break;
	}
	return (int)n;
}
