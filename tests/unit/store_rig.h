/* SPDX-License-Identifier: MIT */
/*
 * store_rig: a store of any kind as tests use it: opened in a directory of its
 * own, closed, opened again.
 */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/store_disk.h"
#include "hub/store_memory.h"
#include "lib/base/clock.h"
#include "lib/bus/frame.h"
#include "tests/unit/unit.h"

#define RIG_EPOCH UINT64_C(100000000000)	/* of the one in memory */

enum rig_kind { RIG_MEMORY, RIG_ALWAYS, RIG_TIME, RIG_KINDS };

static const char *const rig_names[] = {
	"memory", "sync always", "sync 50ms",
};

struct rig {
	enum rig_kind kind;
	char dir[64];		/* "": none was made */
	struct store_limits limits;
	const struct catalog_rule *rules;
	size_t n_rules;
	struct store *store;	/* NULL: closed */
	struct disk_fault fault;
};

/* In memory where that is possible: syncing is what costs the time. */
static inline void
rig_make_directory(char out[64])
{
	const char *base = getenv("UNIT_STORE_DIR");

	if (!base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(out, 64, "%.40s/store-XXXXXX", base);
	assert_non_null(mkdtemp(out));
}

static inline void
rig_remove_directory(const char *dir)
{
	char path[512];
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.')
			(void)unlink(path);
	}
	if (d)
		closedir(d);
	(void)rmdir(dir);
}

static inline int
rig_try_open(struct rig *rig)
{
	struct disk_config config = {
		.directory = rig->dir, .limits = rig->limits,
		.rules = rig->rules, .n_rules = rig->n_rules,
		.sync_ms = rig->kind == RIG_TIME ? 50 : 0, .group = (gid_t)-1,
	};

	if (rig->kind == RIG_MEMORY)
		return store_memory_new(&rig->limits, rig->rules, rig->n_rules,
					RIG_EPOCH, &rig->store);
	if (!rig->dir[0])
		rig_make_directory(rig->dir);
	return store_disk_open(&config, &rig->store, &rig->fault);
}

static inline struct store *
rig_open(struct rig *rig)
{
	int r = rig_try_open(rig);

	unit_check(r == 0, "%s: %d, %s", rig_names[rig->kind], r,
		   rig->fault.why);
	return rig->store;
}

static inline void
rig_close(struct rig *rig)
{
	rig->store = store_free(rig->store);
}

static inline void
rig_done(struct rig *rig)
{
	rig_close(rig);
	if (rig->dir[0])
		rig_remove_directory(rig->dir);
	rig->dir[0] = '\0';
}

static inline struct store_state
rig_state(const struct rig *rig)
{
	struct store_state state;

	rig->store->ops->state(rig->store, &state);
	return state;
}

/* A whole event, whose header is one. Data of `len` bytes that only this
 * number has. */
static inline int
rig_append_also(struct rig *rig, uint64_t number, const char *topic,
		struct slice also, size_t len, int64_t time_ms, const char *id,
		const char *key)
{
	struct frame frame = { .type = FRAME_EVENT, .is_replayed = true };
	char header[FRAME_HEADER_MAX];
	static char data[2 << 20];
	struct store_record r = {
		.number = number, .time_ms = time_ms, .topic = slice_of(topic),
		.id = slice_of(id), .key = slice_of(key),
	};
	size_t i;

	assert_true(len <= sizeof(data));
	for (i = 0; i < len; i++)
		data[i] = (char)('a' + (number + i) % 26);
	r.data = (struct slice){ data, len };
	frame.event = (struct event){
		.topic = r.topic, .id = r.id, .key = r.key, .data = r.data,
		.also = also,
		.epoch = rig_state(rig).epoch, .number = number,
	};
	r.header.p = header;
	r.header.len = frame_write_header(&frame, header);
	return rig->store->ops->append(rig->store, &r);
}

static inline int
rig_append(struct rig *rig, uint64_t number, const char *topic, size_t len,
	   int64_t time_ms, const char *id, const char *key)
{
	return rig_append_also(rig, number, topic, SLICE_NONE, len, time_ms, id,
			       key);
}

static inline bool
rig_is_data(struct slice data, uint64_t number)
{
	size_t i;

	for (i = 0; i < data.len; i++)
		if (data.p[i] != (char)('a' + (number + i) % 26))
			return false;
	return true;
}

static inline int
rig_commit(struct rig *rig, int64_t now_ms)
{
	return rig->store->ops->commit(rig->store, now_ms);
}

static inline void
rig_trim(struct rig *rig, int64_t now_ms)
{
	while (rig->store->ops->trim(rig->store, now_ms))
		continue;
}

struct rig_seen {		/* by a scan */
	uint64_t first, last, count;
};

static inline int
rig_on_record(void *user, const struct store_record *r)
{
	struct rig_seen *seen = user;

	unit_check(r->number > seen->last, "%llu after %llu",
		   (unsigned long long)r->number,
		   (unsigned long long)seen->last);
	unit_check(rig_is_data(r->data, r->number), "data of %llu",
		   (unsigned long long)r->number);
	if (seen->count++ == 0)
		seen->first = r->number;
	seen->last = r->number;
	return 0;
}

/* Sees that the events from `first` to `last` are there, and no others. */
static inline void
rig_check_holds(const struct rig *rig, uint64_t first, uint64_t last)
{
	struct rig_seen seen = { 0 };

	assert_int_equal(rig->store->ops->scan(rig->store, 0, rig_on_record,
					       &seen), 0);
	unit_check(seen.count == last + 1 - first &&
		   (seen.count == 0 || (seen.first == first &&
					seen.last == last)),
		   "%s: %llu to %llu, %llu of them, and not %llu to %llu",
		   rig_names[rig->kind], (unsigned long long)seen.first,
		   (unsigned long long)seen.last,
		   (unsigned long long)seen.count, (unsigned long long)first,
		   (unsigned long long)last);
}

#endif
