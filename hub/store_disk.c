/* SPDX-License-Identifier: MIT */
/*
 * What is appended waits in memory (the tail), as records back to back. With
 * --sync always a commit writes the tail to LMDB and waits for the disk. With
 * --sync SECONDS it writes the tail's new end to the journal, and LMDB gets
 * all of the tail at once, after that time or when it is long; what LMDB
 * cannot take for want of room stays in the tail and in the journal.
 *
 * Events go in the same transactions, a few for each that comes.
 */
#include "config.h"

#include "hub/disk_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/disk_compact.h"
#include "hub/disk_entry.h"
#include "hub/stored.h"
#include "hub/trim.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/logging.h"

enum {
	/* with --sync SECONDS: a longer tail is written at once, one that
	 * cannot be written takes no more events */
	TAIL_LONG = 4 << 20,
	TAIL_MOST = 64 << 20,
	AGAIN_MS = 1000,	/* after a write that failed */
};

static struct slice
key_of(uint64_t number, char out[8])
{
	stored_put_u64(out, number);
	return (struct slice){ out, 8 };
}

/* --- what went wrong ---------------------------------------------------- */

/* Notes why, and returns what it is to the outside. */
static int
fail(struct disk *d, int error)
{
	/* What does not fit any more may also be written in part. */
	if (error == -EIO &&
	    store_dir_is_full(&d->dir, lmdbport_file_bytes(d->port)))
		error = -ENOSPC;
	if (error == -ENOSPC)
		snprintf(d->why, sizeof(d->why), "disk full on %s; make room there, and it goes on by itself",
			 d->dir.path);
	else if (error == -EFBIG)
		snprintf(d->why, sizeof(d->why), "the store in %s is full; start the hub with larger --history bytes",
			 d->dir.path);
	else if (error == -ESTALE)
		snprintf(d->why, sizeof(d->why), "%s/" STORE_DIR_EVENTS " was removed or replaced while the hub uses it; stop the hub first, or put it back",
			 d->dir.path);
	else if (error == -EBADMSG)
		snprintf(d->why, sizeof(d->why), "%s cannot be written any more, its pages do not fit together; start the hub again, and it says what to do",
			 d->dir.path);
	else
		snprintf(d->why, sizeof(d->why), "cannot write to %s: %s",
			 d->dir.path, strerror(-error));
	return error == -EFBIG ? -ENOSPC : error;
}

static const char *
disk_why(const struct store *s)
{
	return ((const struct disk *)(const void *)s)->why;
}

/*
 * An event that a bad disk made unreadable is as good as gone. Of which topic
 * it was is not known, so everybody who asks for what was before is told.
 */
void
disk_note_bad(struct disk *d, struct slice key)
{
	struct catalog *c = &d->store.catalog;
	uint64_t number = key.len == 8 ? stored_get_u64(key.p) : 0;

	if (number <= c->blind)
		return;
	c->blind = number;
	log_error("event %" PRIu64 " in %s cannot be read any more: its bytes were changed on the disk; \"sse-hub --store %s --check\" says more",
		  number, d->dir.path, d->dir.path);
}

/* --- the tail ----------------------------------------------------------- */

static struct slice
tail_record(const struct disk *d, size_t i)
{
	size_t end = i + 1 < d->tail_count ? d->tail_at[i + 1] : d->tail.len;

	return (struct slice){ d->tail.p + d->tail_at[i],
			       end - d->tail_at[i] };
}

static int
tail_reserve(struct disk *d, size_t bytes)
{
	size_t cap = d->tail_cap ? 2 * d->tail_cap : 64;
	size_t *at;

	if (d->tail_count == d->tail_cap) {
		at = realloc(d->tail_at, cap * sizeof(*at));
		if (!at)
			return -ENOMEM;
		d->tail_at = at;
		d->tail_cap = cap;
	}
	return buf_reserve(&d->tail, bytes);
}

/* Drops all from the i-th on. */
static void
tail_cut(struct disk *d, size_t i)
{
	enum { KEPT = 1 << 20 };

	if (i < d->tail_count)
		d->tail.len = d->tail_at[i];
	d->last -= d->tail_count - i;
	d->tail_count = i;
	if (i == 0 && d->tail.cap > KEPT)
		buf_done(&d->tail);
}

/* LMDB has all of it. */
static void
tail_clear(struct disk *d)
{
	uint64_t last = d->last;

	tail_cut(d, 0);
	d->last = last;
	d->tail_stored = 0;
}

int
disk_append(struct store *s, const struct store_record *r)
{
	struct disk *d = disk_of(s);
	struct store_record record = *r;
	const struct catalog_item item = {
		.number = r->number, .topic = r->topic, .id = r->id,
		.bytes = stored_size(r),
	};

	if (d->tail.len + item.bytes > TAIL_MOST && d->tail_stored > 0)
		return d->why[0] ? -ENOSPC : fail(d, -ENOSPC);
	if (tail_reserve(d, item.bytes) < 0 ||
	    catalog_add(&s->catalog, &item) < 0)
		return fail(d, -ENOMEM);
	record.time_ms += d->clock_offset;
	d->tail_at[d->tail_count++] = d->tail.len;
	stored_write(&record, d->tail.p + d->tail.len);
	d->tail.len += item.bytes;
	d->last = r->number;
	return 0;
}

/* --- writing to LMDB ---------------------------------------------------- */

static int
put_tail(struct disk *d)
{
	struct store_record record;
	struct slice bytes;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < d->tail_count; i++) {
		bytes = tail_record(d, i);
		r = stored_parse(bytes, false, &record);
		if (r == 0)
			r = disk_entry_put_event(d->port, record.number, bytes,
						 true);
		if (r == 0 && record.key.p)
			r = disk_entry_put_key(d->port,
				&(struct disk_entry_key){ record.number,
					record.time_ms, record.key }, true);
	}
	return r;
}

/* Forgets keys that are too many or too old, about as many as came. */
static int
trim_keys(struct disk *d, int64_t now_ms, size_t most)
{
	struct slice key, value;
	uint64_t count;
	int r = lmdbport_count(d->port, LMDBPORT_KEYS, &count);

	while (r == 0 && count > 0 && most-- > 0) {
		r = lmdbport_from(d->port, LMDBPORT_KEYS, SLICE_NONE, &key,
				  &value);
		if (r < 0 || value.len < 8 ||
		    (count <= LIMIT_KEYS &&
		     now_ms - (int64_t)stored_get_u64(value.p) <=
		     LIMIT_KEY_AGE_MS))
			break;
		r = lmdbport_delete(d->port, LMDBPORT_KEYS, key);
		count--;
	}
	return r;
}

static int
disk_find(void *user, uint64_t from, struct store_record *ret_record,
	  uint64_t *ret_bytes)
{
	struct disk *d = user;
	struct slice key, value;
	char number[8];
	int r;

	r = lmdbport_from(d->port, LMDBPORT_EVENTS, key_of(from, number), &key,
			  &value);
	if (r < 0)
		return r;
	if (key.len != 8)
		return -EBADMSG;
	if (disk_entry_read_event(key, value, false, ret_record) < 0) {
		/* It goes like others. */
		disk_note_bad(d, key);
		*ret_record = (struct store_record){
			.number = stored_get_u64(key.p), .time_ms = INT64_MIN,
		};
	}
	*ret_bytes = value.len;
	return 0;
}

static int
disk_drop(void *user, uint64_t number)
{
	struct disk *d = user;
	char key[8];

	return lmdbport_delete(d->port, LMDBPORT_EVENTS, key_of(number, key));
}

static const struct trim_ops trim_ops = { disk_find, disk_drop };

/* What topics have lost, and those of which nobody knows any more. */
static int
put_topics(struct disk *d)
{
	struct catalog *c = &d->store.catalog;
	const struct list *at;
	int r = 0;

	for (at = c->forgotten.next; r == 0 && at != &c->forgotten;
	     at = at->next)
		r = lmdbport_delete(d->port, LMDBPORT_TOPICS,
				    list_entry((struct list *)(uintptr_t)at,
					       struct catalog_topic,
					       by_lost)->name);
	for (at = c->changed.next; r == 0 && at != &c->changed; at = at->next) {
		const struct catalog_topic *t = list_entry(
			(struct list *)(uintptr_t)at, struct catalog_topic,
			changed);

		r = disk_entry_put_topic(d->port, t->name, t->lost);
	}
	return r;
}

static int
put_meta(struct disk *d, int64_t now_ms, bool is_clean)
{
	struct disk_meta *m = &d->meta;
	const struct catalog *c = &d->store.catalog;

	m->last = d->last;
	m->floor = c->floor;
	m->lost = c->lost;
	m->blind = c->blind;
	m->clock_ms = now_ms + d->clock_offset;
	m->boottime_ms = disk_boottime_ms();
	m->wall_ms = clock_wall_ms();
	m->is_clean = is_clean;
	return disk_meta_write(d->port, m);
}

int
disk_write(struct disk *d, int64_t now_ms, unsigned most, bool is_clean)
{
	struct catalog *c = &d->store.catalog;
	int64_t clock_ms = now_ms + d->clock_offset;
	int r = lmdbport_begin(d->port), gone = 0;

	if (r == 0)
		r = put_tail(d);
	if (r == 0)
		r = gone = trim_run(c, clock_ms, most, &trim_ops, d);
	if (r >= 0)
		r = trim_keys(d, clock_ms, most);
	if (r == 0)
		r = put_topics(d);
	if (r == 0)
		r = put_meta(d, now_ms, is_clean);
	if (r == 0)
		r = disk_compact_settle(d);
	if (r == 0)
		r = lmdbport_commit(d->port);
	else
		lmdbport_abort(d->port);
	if (r < 0) {
		d->is_cramped = r == -EFBIG;
		catalog_undo(c);
		d->due_ms = now_ms + (d->sync_ms && d->sync_ms < AGAIN_MS ?
				      d->sync_ms : AGAIN_MS);
		return fail(d, r);
	}
	while (!list_is_empty(&c->changed))
		list_del(c->changed.next);
	catalog_bury(c);
	catalog_commit(c);
	tail_clear(d);
	store_dir_remember(&d->dir, d->meta.epochs[0].epoch, d->last);
	d->why[0] = '\0';
	d->is_cramped = false;
	return gone;
}

int
disk_begin_journal(struct disk *d)
{
	int r = 0;

	if (d->journal.fd >= 0 && (d->journal.bytes > 0 || !d->is_in_use))
		r = journal_clear(&d->journal, d->meta.epochs[0].epoch);
	if (r == 0)
		d->is_in_use = true;
	return r;
}

static int
write_tail(struct disk *d, int64_t now_ms, unsigned most)
{
	int r = disk_write(d, now_ms, most, false);

	if (r >= 0)
		/* What it cannot forget now it has twice: numbers tell. */
		(void)disk_begin_journal(d);
	else if (d->sync_ms && d->is_in_use)
		/* Then the journal is what keeps the promise. */
		d->is_in_use = journal_sync(&d->journal) == 0;
	return r;
}

/* --- committing --------------------------------------------------------- */

static int
commit_to_disk(struct disk *d, int64_t now_ms)
{
	unsigned most = 2 * (unsigned)d->tail_count + 1;
	int r = write_tail(d, now_ms, most);

	/* What a journal had at the start is stored, and stays. */
	if (r < 0)
		tail_cut(d, d->tail_stored);
	return r < 0 ? r : 0;
}

static int
commit_to_journal(struct disk *d, int64_t now_ms)
{
	size_t at = d->tail_at[d->tail_stored];
	int r = journal_append(&d->journal, d->tail.p + at, d->tail.len - at);

	if (r < 0) {
		catalog_undo(&d->store.catalog);
		tail_cut(d, d->tail_stored);
		return fail(d, r);
	}
	if (d->tail_stored == 0 && d->due_ms < now_ms)
		d->due_ms = now_ms + d->sync_ms;
	catalog_commit(&d->store.catalog);
	store_dir_remember(&d->dir, d->meta.epochs[0].epoch, d->last);
	d->tail_stored = d->tail_count;
	if (d->tail.len >= TAIL_LONG && (!d->why[0] || now_ms >= d->due_ms))
		(void)write_tail(d, now_ms, 2 * (unsigned)d->tail_count + 1);
	return 0;
}

/* What is written to a file without a name is gone when we end. */
static bool
is_replaced(const struct disk *d)
{
	char path[STORE_PATH_MAX + 32];
	uint64_t mark;
	int r = store_dir_path(&d->dir, STORE_DIR_EVENTS, path, sizeof(path));

	if (r == 0)
		r = disk_file_mark(path, &mark);
	return r == -ENOENT || r == -ENOTDIR ||
	       (r == 0 && mark != d->meta.file);
}

static int
disk_commit(struct store *s, int64_t now_ms)
{
	struct disk *d = disk_of(s);

	if (d->tail_stored == d->tail_count)
		return 0;
	if (is_replaced(d)) {
		catalog_undo(&s->catalog);
		tail_cut(d, d->tail_stored);
		(void)fail(d, -ESTALE);
		return -EIO;
	}
	return d->sync_ms && d->is_in_use ? commit_to_journal(d, now_ms) :
					    commit_to_disk(d, now_ms);
}

static int64_t
disk_due(const struct store *s)
{
	const struct disk *d = (const struct disk *)(const void *)s;

	return d->tail_count > 0 ? d->due_ms : INT64_MAX;
}

/* The store's time of the oldest event that is not held. */
static int64_t
oldest_ms(struct disk *d)
{
	struct store_record record;
	uint64_t bytes;

	if (disk_find(d, d->store.catalog.floor, &record, &bytes) < 0)
		return INT64_MAX;
	return record.time_ms;
}

static bool
disk_trim(struct store *s, int64_t now_ms)
{
	struct disk *d = disk_of(s);
	bool is_due = d->tail_count > 0 && now_ms >= d->due_ms;
	int r;

	lmdbport_rest(d->port);
	/* What fails here is tried again by the next who reads or writes. */
	(void)disk_compact(d, true);
	if (!is_due && d->why[0] && now_ms < d->due_ms)
		return false;	/* it has just failed */
	if (!is_due && !trim_is_due(&s->catalog, now_ms + d->clock_offset,
				    oldest_ms(d)))
		return false;
	r = write_tail(d, now_ms, DISK_TRIM_STEP);
	return r == DISK_TRIM_STEP;
}

/* --- looking ------------------------------------------------------------ */

struct walk {
	struct disk *disk;
	store_on_record *on_record;
	void *user;
	bool is_stopped;
};

static int
on_entry(void *user, struct slice key, struct slice value)
{
	struct walk *w = user;
	struct store_record record;

	if (disk_entry_read_event(key, value, true, &record) < 0) {
		disk_note_bad(w->disk, key);
		return 0;
	}
	w->is_stopped = w->on_record(w->user, &record) != 0;
	return w->is_stopped;
}

/* What LMDB does not have yet: memory of ours, and as it was written. */
static void
walk_tail(struct walk *w, uint64_t after)
{
	const struct disk *d = w->disk;
	uint64_t before = d->last - d->tail_count;
	size_t i = after > before ? (size_t)(after - before) : 0;
	struct store_record record;

	for (; i < d->tail_stored && !w->is_stopped; i++)
		if (stored_parse(tail_record(d, i), false, &record) == 0)
			w->is_stopped = w->on_record(w->user, &record) != 0;
}

static int
disk_scan(struct store *s, uint64_t after, store_on_record *on_record,
	  void *user)
{
	struct disk *d = disk_of(s);
	struct walk w = { .disk = d, .on_record = on_record, .user = user };
	char number[8];
	int r;

	if (after == UINT64_MAX)
		return 0;
	lmdbport_rest(d->port);
	r = lmdbport_walk(d->port, LMDBPORT_EVENTS, key_of(after + 1, number),
			  on_entry, &w);
	if (r == 0)
		walk_tail(&w, after);
	return r < 0 ? -EIO : 0;
}

struct keys_walk {
	store_on_key *on_key;
	void *user;
	int64_t offset;
};

static int
on_key_entry(void *user, struct slice key, struct slice value)
{
	struct keys_walk *w = user;
	struct disk_entry_key k;

	if (disk_entry_read_key(key, value, &k) < 0)
		return -EIO;
	return w->on_key(w->user, k.number, k.key, k.time_ms - w->offset);
}

static int
disk_keys(struct store *s, store_on_key *on_key, void *user)
{
	struct disk *d = disk_of(s);
	struct keys_walk w = { on_key, user, d->clock_offset };
	struct store_record record;
	size_t i;
	int r = lmdbport_walk(d->port, LMDBPORT_KEYS, SLICE_NONE, on_key_entry,
			      &w);

	for (i = 0; r == 0 && i < d->tail_stored; i++)
		if (stored_parse(tail_record(d, i), false, &record) == 0 &&
		    record.key.p)
			r = on_key(user, record.number, record.key,
				   record.time_ms - d->clock_offset);
	lmdbport_rest(d->port);
	return r;
}

static bool
disk_translate(const struct store *s, uint64_t epoch, uint64_t number,
	       uint64_t *ret_number)
{
	const struct disk *d = (const struct disk *)(const void *)s;
	uint64_t end;

	if (!disk_meta_end_of(&d->meta, epoch, &end))
		return false;
	*ret_number = number < end ? number : end;
	return true;
}

static void
disk_state(const struct store *s, struct store_state *ret_state)
{
	/* To look for the first one changes nothing that is seen. */
	struct disk *d = (struct disk *)(uintptr_t)s;
	const struct catalog *c = &s->catalog;
	struct store_record record;
	uint64_t bytes;

	*ret_state = (struct store_state){
		.epoch = d->meta.epochs[0].epoch,
		.first = c->floor,
		.last = d->last,
		.events = c->events + c->held_events,
		.bytes = c->bytes + c->held_bytes,
	};
	if (c->held_events > 0 && disk_find(d, 0, &record, &bytes) == 0)
		ret_state->first = record.number;
}

/* --- the end ------------------------------------------------------------ */

static void
disk_free(struct store *s)
{
	struct disk *d = disk_of(s);

	/* What was not committed was never there; what the journal still has
	 * is there at the next start. */
	catalog_undo(&s->catalog);
	tail_cut(d, d->tail_stored);
	if (d->port && d->meta.n_epochs > 0 &&
	    disk_write(d, clock_mono_ms(), DISK_TRIM_STEP, true) >= 0)
		(void)disk_begin_journal(d);
	d->port = lmdbport_close(d->port);
	journal_close(&d->journal);
	catalog_done(&s->catalog);
	buf_done(&d->tail);
	free(d->tail_at);
	store_dir_close(&d->dir);
	free(d);
}

const struct store_ops disk_ops = {
	.append = disk_append,
	.commit = disk_commit,
	.trim = disk_trim,
	.due = disk_due,
	.scan = disk_scan,
	.keys = disk_keys,
	.translate = disk_translate,
	.state = disk_state,
	.why = disk_why,
	.free = disk_free,
};
