/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_inherit.h"

#include <string.h>

#include "hub/disk_make.h"
#include "hub/stored.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"

/* What came before the machine started has a time below 0 on the hub's clock;
 * the store's begins so much earlier. */
#define EARLIER_MS (INT64_C(10) * 365 * 86400 * 1000)

struct inherit {
	struct disk_make make;
	struct buf record;
	int error;
};

static int
put_topics(struct inherit *h, const struct catalog *c)
{
	const struct catalog_topic *t = NULL;
	int r = 0;

	while (r == 0 && (t = catalog_next_topic(c, t))) {
		if (t->lost == 0)
			continue;
		r = disk_entry_put_topic(h->make.port, t->name, t->lost);
		if (r == 0)
			r = disk_make_next(&h->make, t->name.len);
	}
	return r;
}

static int
put_key(void *user, uint64_t number, struct slice key, int64_t time_ms)
{
	struct inherit *h = user;
	const struct disk_entry_key k = { number, time_ms + EARLIER_MS, key };
	int r = disk_entry_put_key(h->make.port, &k, true);

	return r < 0 ? r : disk_make_next(&h->make, key.len);
}

static int
put_event(void *user, const struct store_record *r)
{
	struct inherit *h = user;
	struct store_record record = *r;
	size_t size = stored_size(r);

	record.time_ms += EARLIER_MS;
	buf_clear(&h->record);
	h->error = buf_reserve(&h->record, size);
	if (h->error < 0)
		return h->error;
	stored_write(&record, h->record.p);
	h->error = disk_entry_put_event(h->make.port, record.number,
			(struct slice){ h->record.p, size }, true);
	if (h->error == 0)
		h->error = disk_make_next(&h->make, size);
	return h->error;
}

static int
put_all(struct inherit *h, struct store *from)
{
	int r = put_topics(h, &from->catalog);

	if (r == 0)
		r = from->ops->keys(from, put_key, h);
	if (r == 0)
		r = from->ops->scan(from, 0, put_event, h);
	return r < 0 ? r : h->error;
}

static void
fill_meta(const struct store *from, int64_t now_ms, struct disk_meta *ret_meta)
{
	const struct catalog *c = &from->catalog;
	struct store_state state;

	from->ops->state(from, &state);
	*ret_meta = (struct disk_meta){
		.n_epochs = 1, .last = state.last, .floor = c->floor,
		.lost = c->lost, .blind = c->blind,
		.clock_ms = now_ms + EARLIER_MS, .is_clean = true,
		.boottime_ms = disk_boottime_ms(), .wall_ms = clock_wall_ms(),
	};
	ret_meta->epochs[0].epoch = state.epoch;
}

int
disk_inherit(const struct store_dir *dir, struct store *from, int64_t now_ms)
{
	struct inherit h = { .error = 0 };
	struct disk_meta meta;
	int r = disk_make_begin(&h.make, dir);

	fill_meta(from, now_ms, &meta);
	if (r == 0)
		r = put_all(&h, from);
	if (r == 0)
		r = disk_make_end(&h.make, &meta);
	else
		disk_make_drop(&h.make);
	buf_done(&h.record);
	return r;
}
