/* SPDX-License-Identifier: MIT */
/*
 * The file: a magic, a checksum of all that follows it, numbers, the boot's
 * name, and three lists: topics (number, length, name), keys (number, time,
 * length, key), events (stored.h). It is read only as a whole.
 */
#include "config.h"

#include "hub/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/disk_meta.h"
#include "hub/store_memory.h"
#include "hub/stored.h"
#include "lib/base/buf.h"
#include "lib/base/siphash.h"
#include "lib/sse/id.h"

enum {
	NUMBERS = 10,
	SUM_AT = 8,
	HEAD = 16,
	LISTS_AT = HEAD + 8 * NUMBERS + DISK_BOOT_MAX,
	PATH_MOST = 512,
};

static const char magic[8] = "sse-mem1";

static uint64_t
sum(const char *p, size_t len)
{
	static const uint64_t no_secret[2];

	return siphash13(no_secret, (struct slice){ p + HEAD, len - HEAD });
}

/* --- saving ------------------------------------------------------------- */

static int
put_u64(struct buf *out, uint64_t value)
{
	char text[8];

	stored_put_u64(text, value);
	return buf_append(out, text, 8);
}

static int
put_topics(struct buf *out, const struct catalog *c)
{
	const struct catalog_topic *t = NULL;
	int r = 0;

	/* In this order they are looked for as they are here. */
	while (r == 0 && (t = catalog_next_topic(c, t))) {
		r = put_u64(out, t->lost);
		if (r == 0)
			r = buf_append_char(out, (char)t->name.len);
		if (r == 0)
			r = buf_append_slice(out, t->name);
	}
	return r;
}

static int
put_key(void *user, uint64_t number, struct slice key, int64_t time_ms)
{
	struct buf *out = user;
	int r = put_u64(out, number);

	if (r == 0)
		r = put_u64(out, (uint64_t)time_ms);
	if (r == 0)
		r = buf_append_char(out, (char)key.len);
	return r < 0 ? r : buf_append_slice(out, key);
}

struct writer {
	struct buf *out;
	int error;
};

static int
put_event(void *user, const struct store_record *record)
{
	struct writer *w = user;
	size_t size = stored_size(record);

	w->error = buf_reserve(w->out, size);
	if (w->error < 0)
		return w->error;
	stored_write(record, w->out->p + w->out->len);
	w->out->len += size;
	return 0;
}

/* The numbers, and the name of the boot. */
static int
put_head(struct buf *out, const struct store_state *state,
	 const struct catalog *c, const struct keys *k, int64_t now_ms)
{
	struct disk_now now;

	disk_now(&now);
	const uint64_t n[NUMBERS] = {
		state->epoch, state->last, c->floor, c->lost, c->blind,
		(uint64_t)now_ms, (uint64_t)now.boottime_ms,
		(uint64_t)now.wall_ms, c->topics.count, keys_count(k),
	};
	size_t i;
	int r = buf_reserve(out, LISTS_AT);

	if (r < 0)
		return r;
	memset(out->p, 0, LISTS_AT);
	for (i = 0; i < NUMBERS; i++)
		stored_put_u64(out->p + HEAD + 8 * i, n[i]);
	memcpy(out->p + HEAD + 8 * NUMBERS, now.boot, DISK_BOOT_MAX);
	out->len = LISTS_AT;
	return 0;
}

static int
put_all(struct buf *out, struct store *s, const struct keys *k, int64_t now_ms)
{
	struct writer w = { .out = out };
	struct store_state state;
	int r;

	s->ops->state(s, &state);
	r = put_head(out, &state, &s->catalog, k, now_ms);
	if (r == 0)
		r = put_topics(out, &s->catalog);
	if (r == 0)
		r = keys_walk(k, put_key, out);
	if (r == 0)
		r = s->ops->scan(s, 0, put_event, &w);
	return r < 0 ? r : w.error;
}

static int
write_file(const char *path, const struct buf *bytes, gid_t group)
{
	char fresh[PATH_MOST + 8];
	size_t done = 0;
	ssize_t n = 0;
	int fd, r = 0;

	snprintf(fresh, sizeof(fresh), "%.511s.new", path);
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* The next hub may be another member's. */
	if (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group) == 0)
		(void)fchmod(fd, 0640);
	while (r == 0 && done < bytes->len) {
		n = write(fd, bytes->p + done, bytes->len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = n < 0 ? -errno : -ENOSPC;
	}
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int
memory_file_save(const char *path, gid_t group, struct store *s,
		 const struct keys *k, int64_t now_ms)
{
	struct buf bytes = { NULL, 0, 0 };
	int r = strlen(path) < PATH_MOST ? put_all(&bytes, s, k, now_ms) :
					   -ENAMETOOLONG;

	if (r == 0) {
		memcpy(bytes.p, magic, sizeof(magic));
		stored_put_u64(bytes.p + SUM_AT, sum(bytes.p, bytes.len));
		r = write_file(path, &bytes, group);
	}
	buf_done(&bytes);
	return r;
}

/* --- loading ------------------------------------------------------------ */

struct reader {
	const char *p, *end;
	int64_t shift_ms;	/* from the clock of then to that of now */
};

static bool
has(const struct reader *in, size_t bytes)
{
	return (size_t)(in->end - in->p) >= bytes;
}

static int
read_topics(struct reader *in, uint64_t count, struct store *s)
{
	struct slice name;
	uint64_t lost;

	for (; count > 0; count--) {
		int r;

		if (!has(in, 9))
			return -EINVAL;
		lost = stored_get_u64(in->p);
		name = (struct slice){ in->p + 9, (unsigned char)in->p[8] };
		if (!has(in, 9 + name.len) || name.len == 0)
			return -EINVAL;
		r = store_memory_add_topic(s, name, lost);
		if (r < 0)
			return r;
		in->p += 9 + name.len;
	}
	return 0;
}

static int
read_keys(struct reader *in, uint64_t count, struct store *s)
{
	for (; count > 0; count--) {
		size_t len;
		int r;

		if (!has(in, 17))
			return -EINVAL;
		len = (unsigned char)in->p[16];
		if (!has(in, 17 + len))
			return -EINVAL;
		r = store_memory_add_key(s, stored_get_u64(in->p),
					 (struct slice){ in->p + 17, len },
					 (int64_t)stored_get_u64(in->p + 8) +
					 in->shift_ms);
		if (r < 0)
			return r;
		in->p += 17 + len;
	}
	return 0;
}

static int
read_events(struct reader *in, struct store *s)
{
	struct store_record record;
	struct slice rest;
	size_t len;
	int r;

	while (in->p < in->end) {
		rest = (struct slice){ in->p, (size_t)(in->end - in->p) };
		len = stored_length(rest);
		rest.len = len;
		if (len == 0 || stored_parse(rest, false, &record) < 0)
			return -EINVAL;
		record.time_ms += in->shift_ms;
		r = store_memory_add_event(s, &record);
		if (r < 0)
			return r;
		in->p += len;
	}
	return 0;
}

/* The bytes are whole: they are what one of us wrote. */
static int
read_all(const char *p, size_t size, const struct store_limits *limits,
	 const struct catalog_rule *rules, size_t n_rules, int64_t now_ms,
	 struct store **ret_store)
{
	struct reader in = { .p = p + LISTS_AT, .end = p + size };
	struct disk_meta then = { 0 };
	struct memory_past past;
	struct store_state state;
	struct disk_now now;
	uint64_t n[NUMBERS];
	size_t i;
	int r;

	for (i = 0; i < NUMBERS; i++)
		n[i] = stored_get_u64(p + HEAD + 8 * i);
	past = (struct memory_past){ n[0], n[1], n[2], n[3], n[4] };
	then.clock_ms = (int64_t)n[5];
	then.boottime_ms = (int64_t)n[6];
	then.wall_ms = (int64_t)n[7];
	memcpy(then.boot, p + HEAD + 8 * NUMBERS, DISK_BOOT_MAX);
	then.boot[DISK_BOOT_MAX - 1] = '\0';
	if (past.epoch < ID_EPOCH_MIN || past.epoch > ID_EPOCH_MAX)
		return -EINVAL;
	disk_now(&now);
	in.shift_ms = now_ms - disk_meta_clock(&then, &now);
	r = store_memory_restore(limits, rules, n_rules, &past, ret_store);
	if (r < 0)
		return r;
	r = read_topics(&in, n[8], *ret_store);
	if (r == 0)
		r = read_keys(&in, n[9], *ret_store);
	if (r == 0)
		r = read_events(&in, *ret_store);
	(*ret_store)->ops->state(*ret_store, &state);
	if (r == 0 && state.last != past.last)
		r = -EINVAL;
	if (r < 0)
		*ret_store = store_free(*ret_store);
	return r;
}

/* What is whole is used. Who may write in the bus directory may be the hub. */
static int
read_file(int fd, const struct store_limits *limits,
	  const struct catalog_rule *rules, size_t n_rules, int64_t now_ms,
	  struct store **ret_store)
{
	struct stat st;
	size_t size;
	int r = -EINVAL;
	char *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < LISTS_AT)
		return -EINVAL;
	size = (size_t)st.st_size;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (memcmp(p, magic, sizeof(magic)) == 0 &&
	    stored_get_u64(p + SUM_AT) == sum(p, size))
		r = read_all(p, size, limits, rules, n_rules, now_ms,
			     ret_store);
	munmap(p, size);
	return r;
}

int
memory_file_load(const char *path, const struct store_limits *limits,
		 const struct catalog_rule *rules, size_t n_rules,
		 int64_t now_ms, struct store **ret_store)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), r;

	if (fd < 0)
		return -errno;
	/* Gone before it is used: it must not be used twice. */
	r = unlink(path) < 0 ? -errno :
	    read_file(fd, limits, rules, n_rules, now_ms, ret_store);
	close(fd);
	return r;
}
