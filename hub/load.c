/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/disk_make.h"
#include "hub/disk_priv.h"
#include "hub/dumpline.h"
#include "hub/resting.h"
#include "hub/stored.h"
#include "lib/base/limits.h"
#include "lib/bus/frame.h"
#include "lib/sse/id.h"

enum {
	READ_BYTES = 1 << 16,
	/* each byte of data can be written as six */
	LINE_MOST = 6 * LIMIT_EVENT_MOST + (1 << 16),
	LOCK_WAIT_MS = 1000,
};

struct load {
	struct disk_make make;
	struct disk_meta meta;
	struct load_report report;
	struct buf record;
	enum dumpline_kind kind;	/* of the line before */
	uint64_t key, number;		/* the newest so far; 0: none */
	struct disk_fault *fault;
};

/* -EBADMSG, with what is wrong with the line. */
static int __attribute__((format(printf, 2, 3)))
refuse(struct load *l, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(l->fault->why, sizeof(l->fault->why), "Line %" PRIu64 " of the dump is refused: %s. Nothing was loaded.",
		 l->report.lines, what);
	return -EBADMSG;
}

/* --- lines -------------------------------------------------------------- */

static int
take_head(struct load *l, const struct dumpline *line)
{
	if (l->report.lines > 1)
		return refuse(l, "a dump has one head, and this is the second");
	if (line->floor > line->last + 1 || line->lost > line->last ||
	    line->blind > line->last)
		return refuse(l, "floor, lost and blind cannot be above last, which is %" PRIu64,
			      line->last);
	l->meta = (struct disk_meta){
		.n_epochs = 1, .last = line->last, .floor = line->floor,
		.lost = line->lost, .blind = line->blind,
		.clock_ms = line->clock_ms, .wall_ms = line->wall_ms,
		.is_clean = true,
	};
	l->meta.epochs[0].epoch = line->epoch;
	return 0;
}

static int
take_epoch(struct load *l, const struct dumpline *line)
{
	struct disk_meta *m = &l->meta;
	size_t i;

	if (m->n_epochs == DISK_EPOCHS)
		return refuse(l, "there are more than %d epochs", DISK_EPOCHS);
	for (i = 0; i < m->n_epochs; i++)
		if (m->epochs[i].epoch == line->epoch)
			return refuse(l, "this epoch was there before");
	if (line->end > m->last)
		return refuse(l, "an epoch cannot end above last, which is %" PRIu64,
			      m->last);
	m->epochs[m->n_epochs++] = (struct disk_epoch){ line->epoch,
							line->end };
	return 0;
}

static int
take_topic(struct load *l, const struct dumpline *line)
{
	struct event_fault fault;
	int r;

	if (topic_check(line->event.topic, &fault) < 0)
		return refuse(l, "%s", fault.why);
	if (line->lost > l->meta.last)
		return refuse(l, "lost cannot be above last, which is %" PRIu64,
			      l->meta.last);
	r = disk_entry_put_topic(l->make.port, line->event.topic, line->lost);
	return r < 0 ? r : disk_make_next(&l->make, line->event.topic.len);
}

static int
check_number(struct load *l, const struct dumpline *line, uint64_t before)
{
	if (line->event.number > l->meta.last)
		return refuse(l, "number %" PRIu64 " is above last, which is %" PRIu64,
			      line->event.number, l->meta.last);
	if (line->event.number <= before)
		return refuse(l, "number %" PRIu64 " comes behind %" PRIu64,
			      line->event.number, before);
	return 0;
}

static int
take_key(struct load *l, const struct dumpline *line)
{
	const struct disk_entry_key k = {
		line->event.number, line->clock_ms, line->event.key,
	};
	int r = check_number(l, line, l->key);

	if (r < 0)
		return r;
	l->key = k.number;
	l->report.keys++;
	r = disk_entry_put_key(l->make.port, &k, true);
	return r < 0 ? r : disk_make_next(&l->make, k.key.len);
}

/* From the floor on only what is known to be gone may be missing. */
static int
check_missing(struct load *l, uint64_t next)
{
	uint64_t first = l->number + 1;

	if (first < l->meta.floor)
		first = l->meta.floor;
	if (first >= next || next - 1 <= l->meta.blind)
		return 0;
	return refuse(l, "events are missing before it: those from number %" PRIu64 " to %" PRIu64,
		      first, next - 1);
}

/* As the hub would have stored it. */
static int
put_event(struct load *l, const struct dumpline *line)
{
	struct frame frame = {
		.type = FRAME_EVENT, .is_replayed = true, .event = line->event,
	};
	char header[FRAME_HEADER_MAX];
	struct store_record record = {
		.number = line->event.number, .time_ms = line->clock_ms,
		.id = line->event.id, .key = line->event.key,
		.topic = line->event.topic, .data = line->event.data,
	};
	size_t size;
	int r;

	frame.event.epoch = l->meta.epochs[0].epoch;
	record.header.p = header;
	record.header.len = frame_write_header(&frame, header);
	size = stored_size(&record);
	buf_clear(&l->record);
	r = buf_reserve(&l->record, size);
	if (r < 0)
		return r;
	stored_write(&record, l->record.p);
	r = disk_entry_put_event(l->make.port, record.number,
				 (struct slice){ l->record.p, size }, true);
	return r < 0 ? r : disk_make_next(&l->make, size);
}

static int
take_event(struct load *l, const struct dumpline *line)
{
	struct event_fault fault;
	int r = check_number(l, line, l->number);

	if (r == 0)
		r = check_missing(l, line->event.number);
	if (r < 0)
		return r;
	if (event_check(&line->event, LIMIT_EVENT_MOST, false, &fault) < 0)
		return refuse(l, "%s", fault.why);
	l->number = line->event.number;
	l->report.events++;
	return put_event(l, line);
}

static int
take_end(struct load *l, const struct dumpline *line)
{
	if (line->lines != l->report.lines)
		return refuse(l, "the dump had %" PRIu64 " lines when it was made",
			      line->lines);
	return check_missing(l, l->meta.last + 1);
}

static int
take_line(struct load *l, const struct dumpline *line)
{
	static int (*const takers[])(struct load *l,
				     const struct dumpline *line) = {
		[DUMPLINE_HEAD] = take_head,
		[DUMPLINE_EPOCH] = take_epoch,
		[DUMPLINE_TOPIC] = take_topic,
		[DUMPLINE_KEY] = take_key,
		[DUMPLINE_EVENT] = take_event,
		[DUMPLINE_END] = take_end,
	};

	if (l->report.lines == 1 && line->kind != DUMPLINE_HEAD)
		return refuse(l, "it is not the first line of a dump");
	if (line->kind < l->kind)
		return refuse(l, "lines of its kind come earlier in a dump");
	l->kind = line->kind;
	return takers[line->kind](l, line);
}

static int
on_line(struct load *l, struct slice text)
{
	struct dumpline line;
	char error[256];
	int r;

	if (l->kind == DUMPLINE_END) {
		l->report.lines++;
		return refuse(l, "it stands behind the end");
	}
	l->report.lines++;
	r = dumpline_parse(text, &line, error, sizeof(error));
	if (r == -EINVAL || r == -EPROTO) {
		(void)refuse(l, "%s", error);
		return r == -EINVAL ? -EBADMSG : r;
	}
	if (r < 0)
		return r;
	r = take_line(l, &line);
	dumpline_done(&line);
	return r;
}

/* --- reading ------------------------------------------------------------ */

/* Takes the whole lines out of `b`; `looked` is what has none. */
static int
take_lines(struct load *l, struct buf *b, size_t *looked)
{
	size_t at = 0;
	const char *end;
	int r = 0;

	while (r == 0 && (end = memchr(b->p + at + *looked, '\n',
				       b->len - at - *looked))) {
		r = on_line(l, (struct slice){ b->p + at,
					       (size_t)(end - b->p) - at });
		at = (size_t)(end - b->p) + 1;
		*looked = 0;
	}
	buf_consume(b, at);
	*looked = b->len;
	if (r == 0 && b->len > LINE_MOST) {
		l->report.lines++;
		r = refuse(l, "it is longer than %d bytes", (int)LINE_MOST);
	}
	return r;
}

static int
read_some(struct load *l, int in, struct buf *b)
{
	ssize_t n;

	if (buf_reserve(b, READ_BYTES) < 0)
		return -ENOMEM;
	do
		n = read(in, b->p + b->len, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		snprintf(l->fault->why, sizeof(l->fault->why), "Cannot read the dump from standard input: %s. Nothing was loaded.",
			 strerror(errno));
		return -EPIPE;
	}
	b->len += (size_t)n;
	return n > 0;
}

static int
read_dump(struct load *l, int in)
{
	struct buf b = { 0 };
	size_t looked = 0;
	int r;

	while ((r = read_some(l, in, &b)) > 0) {
		r = take_lines(l, &b, &looked);
		if (r < 0)
			break;
	}
	if (r == 0 && (l->kind != DUMPLINE_END || b.len > 0)) {
		l->report.lines += b.len > 0;
		r = refuse(l, l->report.lines ? "the dump ends there, and its last line, of kind \"end\", is missing" :
						"standard input is empty");
	}
	buf_done(&b);
	return r;
}

/* --- the store ---------------------------------------------------------- */

static int
say_exists(struct disk_fault *f, const char *path)
{
	snprintf(f->why, sizeof(f->why), "%s is there already, and is not overwritten. Name another directory with --store, or move what is in this one away.",
		 path);
	return -EEXIST;
}

/* Nothing there, or a store without events whose numbers nobody has seen. */
static int
check_place(const struct store_dir *dir, struct disk_fault *f)
{
	char path[STORE_PATH_MAX + 32], journal[STORE_PATH_MAX + 32], what[256];
	struct examine_report report;
	struct stat st;
	int r = store_dir_path(dir, STORE_DIR_EVENTS, path, sizeof(path));

	if (r == 0)
		r = store_dir_path(dir, STORE_DIR_JOURNAL, journal,
				   sizeof(journal));
	if (r < 0)
		return disk_say_error(f, r, dir->path);
	/* No more than its head. */
	if (lstat(journal, &st) == 0 && st.st_size > 16)
		return say_exists(f, journal);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : disk_say_error(f, -errno, path);
	r = examine_run(path, false, &report, what, sizeof(what));
	return r == 0 && report.last == 0 ? 0 : say_exists(f, path);
}

static int
make(struct load *l, const struct store_dir *dir, int in, bool is_new_epoch)
{
	int r = disk_make_begin(&l->make, dir);

	if (r == 0)
		r = read_dump(l, in);
	if (r < 0) {
		disk_make_drop(&l->make);
		return r;
	}
	if (is_new_epoch)
		disk_meta_begin_epoch(&l->meta, id_new_epoch());
	l->report.epoch = l->meta.epochs[0].epoch;
	l->report.last = l->meta.last;
	return disk_make_end(&l->make, &l->meta);
}

int
load_run(int in, const char *directory, gid_t group, bool is_new_epoch,
	 struct load_report *ret_report, struct disk_fault *f)
{
	struct load l = { .fault = f };
	struct store_dir dir;
	int r;

	memset(f, 0, sizeof(*f));
	r = resting_check_owner(directory, group, f);
	if (r == 0)
		r = store_dir_open(&dir, directory, group, LOCK_WAIT_MS,
				   f->why, sizeof(f->why));
	if (r < 0)
		return f->error = r;
	r = check_place(&dir, f);
	if (r == 0)
		r = make(&l, &dir, in, is_new_epoch);
	if (r < 0 && !f->why[0])
		(void)disk_say_error(f, r, directory);
	buf_done(&l.record);
	store_dir_close(&dir);
	*ret_report = l.report;
	f->error = r;
	return r;
}
