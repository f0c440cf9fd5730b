/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/dump.h"

#include <errno.h>
#include <string.h>

#include "hub/disk_entry.h"
#include "hub/dumpline.h"
#include "hub/stored.h"
#include "lib/bus/frame.h"
#include "lib/sse/id.h"

struct dump {
	FILE *out;
	struct buf line;
	uint64_t lines;
	bool is_stuck;		/* the output takes no more */
};

static int
put(struct dump *d, const struct dumpline *l)
{
	int r;

	buf_clear(&d->line);
	r = dumpline_write(l, &d->line);
	if (r < 0)
		return r;
	d->lines++;
	if (fwrite(d->line.p, d->line.len, 1, d->out) == 1)
		return 0;
	d->is_stuck = true;
	return -errno;
}

static int
put_head(struct dump *d, const struct disk_meta *m)
{
	struct dumpline l = {
		.kind = DUMPLINE_HEAD, .epoch = m->epochs[0].epoch,
		.last = m->last, .floor = m->floor, .lost = m->lost,
		.blind = m->blind, .clock_ms = m->clock_ms,
		.wall_ms = m->wall_ms,
	};
	size_t i;
	int r = put(d, &l);

	for (i = 1; r == 0 && i < m->n_epochs; i++) {
		l = (struct dumpline){
			.kind = DUMPLINE_EPOCH, .epoch = m->epochs[i].epoch,
			.end = m->epochs[i].end,
		};
		r = put(d, &l);
	}
	return r;
}

static int
on_topic(void *user, struct slice key, struct slice value)
{
	struct dumpline l = {
		.kind = DUMPLINE_TOPIC, .event.topic = key,
	};
	int r = disk_entry_read_topic(key, value, &l.lost);

	return r < 0 ? r : put(user, &l);
}

static int
put_key(struct dump *d, uint64_t number, int64_t time_ms, struct slice key)
{
	return put(d, &(struct dumpline){
		.kind = DUMPLINE_KEY, .clock_ms = time_ms,
		.event.number = number, .event.key = key,
	});
}

static int
on_key(void *user, struct slice key, struct slice value)
{
	struct disk_entry_key k;
	int r = disk_entry_read_key(key, value, &k);

	return r < 0 ? r : put_key(user, k.number, k.time_ms, k.key);
}

static int
on_journal_key(void *user, const struct store_record *r)
{
	return r->key.p ? put_key(user, r->number, r->time_ms, r->key) : 0;
}

static int
on_record(void *user, const struct store_record *record)
{
	const struct slice parts[3] = {
		record->topic, record->header, record->data,
	};
	struct dumpline l = {
		.kind = DUMPLINE_EVENT, .clock_ms = record->time_ms,
	};
	struct frame frame;
	const char *why;
	int r = frame_parse(parts, 3, &frame, &why);

	if (r < 0)
		return -EBADMSG;
	l.event = frame.event;
	return put(user, &l);
}

static int
on_event(void *user, struct slice key, struct slice value)
{
	struct store_record record;

	(void)key;
	return stored_parse(value, true, &record) < 0 ?
		-EBADMSG : on_record(user, &record);
}

static int
put_all(struct dump *d, struct resting *r, const struct disk_meta *m)
{
	int e = put_head(d, m);

	if (e == 0)
		e = lmdbport_walk(r->port, LMDBPORT_TOPICS, SLICE_NONE,
				  on_topic, d);
	if (e == 0)
		e = lmdbport_walk(r->port, LMDBPORT_KEYS, SLICE_NONE, on_key,
				  d);
	if (e == 0)
		e = resting_journal(r, on_journal_key, d, NULL);
	if (e == 0)
		e = lmdbport_walk(r->port, LMDBPORT_EVENTS, SLICE_NONE,
				  on_event, d);
	if (e == 0)
		e = resting_journal(r, on_record, d, NULL);
	if (e == 0)
		e = put(d, &(struct dumpline){
			.kind = DUMPLINE_END, .lines = d->lines + 1,
		});
	if (e == 0 && fflush(d->out) != 0) {
		d->is_stuck = true;
		e = -errno;
	}
	return e;
}

int
dump_run(struct resting *r, const struct resting_report *report, FILE *out,
	 struct disk_fault *f)
{
	struct dump d = { .out = out };
	struct disk_meta m = r->meta;
	int e;

	m.last = report->last;
	/* What loads it sees a new file, and cannot know. */
	if (resting_doubt(r))
		disk_meta_begin_epoch(&m, id_new_epoch());
	e = put_all(&d, r, &m);

	buf_done(&d.line);
	if (e == 0)
		return 0;
	if (d.is_stuck)
		snprintf(f->why, sizeof(f->why), "Cannot write the dump: %s. What was written of it is not whole, and --load refuses it.",
			 strerror(-e));
	else
		snprintf(f->why, sizeof(f->why), "Cannot dump %s: %s.",
			 r->path, strerror(-e));
	f->error = d.is_stuck ? -EIO : e;
	return f->error;
}
