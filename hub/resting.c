/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/resting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/disk_priv.h"
#include "hub/journal.h"
#include "hub/stored.h"

enum { LOCK_WAIT_MS = 1000 };	/* for a hub that is just ending */

/*
 * Root may do everything, but what root makes here the hub's user could not
 * use, and a directory of somebody else's is no place for root to write. What a
 * group shares is made for the group.
 */
int
resting_check_owner(const char *directory, gid_t group, struct disk_fault *f)
{
	struct stat st;

	if (geteuid() != 0 || group != (gid_t)-1 ||
	    stat(directory, &st) < 0 || st.st_uid == 0)
		return 0;
	snprintf(f->why, sizeof(f->why), "The store in %s belongs to another user. Do this as that user: setpriv --reuid=%lu --regid=%lu --clear-groups sse-hub ...",
		 directory, (unsigned long)st.st_uid,
		 (unsigned long)st.st_gid);
	return -EPERM;
}

static int
find(struct resting *r, const char *directory, gid_t group,
     struct disk_fault *f)
{
	struct stat st;

	snprintf(r->path, sizeof(r->path), "%s/%s", directory,
		 STORE_DIR_EVENTS);
	snprintf(r->journal, sizeof(r->journal), "%s/%s", directory,
		 STORE_DIR_JOURNAL);
	if (stat(r->path, &st) == 0)
		return resting_check_owner(directory, group, f);
	if (errno != ENOENT && errno != ENOTDIR)
		return disk_say_error(f, -errno, r->path);
	snprintf(f->why, sizeof(f->why), "There is no store in %s. Name the directory of one with --store, or the hub's bus with --bus.",
		 directory);
	return -ENOENT;
}

int
resting_open(struct resting *r, const char *directory, gid_t group,
	     struct disk_fault *f)
{
	int e;

	memset(r, 0, sizeof(*r));
	memset(f, 0, sizeof(*f));
	r->dir.lock = -1;
	e = find(r, directory, group, f);
	if (e == 0)
		e = store_dir_open(&r->dir, directory, group, LOCK_WAIT_MS,
				   f->why, sizeof(f->why));
	f->error = e;
	return e;
}

void
resting_close(struct resting *r)
{
	r->port = lmdbport_close(r->port);
	store_dir_close(&r->dir);
}

/* The file can be trusted. */
static int
read_meta(struct resting *r, struct disk_fault *f)
{
	int e = lmdbport_open(r->path, 0, 0, true, &r->port);

	if (e == 0)
		e = disk_meta_read(r->port, &r->meta);
	return e < 0 ? disk_say_error(f, e, r->path) : 0;
}

/* --- the journal -------------------------------------------------------- */

struct news {
	store_on_record *on_record;
	void *user;
	uint64_t last;
	bool is_broken;		/* it does not go on where the store ends */
};

static int
on_journal(void *user, const struct store_record *record)
{
	struct news *n = user;

	if (record->number <= n->last)
		return 0;
	if (record->number != n->last + 1 || !stored_is_event(record)) {
		n->is_broken = true;
		return -EBADMSG;
	}
	n->last++;
	return n->on_record(n->user, record);
}

int
resting_journal(const struct resting *r, store_on_record *on_record,
		void *user, uint64_t *ret_cut)
{
	struct news n = { .on_record = on_record, .user = user,
			  .last = r->meta.last };
	uint64_t cut, epoch, end;
	struct disk_now now;
	int e = journal_read(r->journal, r->meta.epochs[0].epoch, on_journal,
			     &n, &cut, &epoch);

	if (ret_cut)
		*ret_cut = e == 0 ? cut : 0;
	disk_now(&now);
	/* A power cut may leave the end of it without the beginning. */
	if (n.is_broken && disk_meta_is_cut(&r->meta, &now))
		e = 0;
	/* Of an epoch that ended: the store has all of it. */
	if (e == -EINVAL)
		e = disk_meta_end_of(&r->meta, epoch, &end) ? 0 : -EBADMSG;
	return e == -ENOENT ? 0 : e;
}

static int
note_last(void *user, const struct store_record *record)
{
	uint64_t *last = user;

	*last = record->number;
	return 0;
}

const char *
resting_doubt(const struct resting *r)
{
	uint64_t mark, last = r->meta.last;
	struct disk_now now;

	disk_now(&now);
	if (r->meta.file == 0 || disk_file_mark(r->path, &mark) < 0)
		return NULL;
	(void)resting_journal(r, note_last, &last, NULL);
	return disk_meta_doubt(&r->meta, mark,
			       store_dir_remembered(&r->dir,
					r->meta.epochs[0].epoch) > last, &now);
}

/* --- checking ----------------------------------------------------------- */

static int
count(void *user, const struct store_record *record)
{
	struct resting_report *report = user;

	report->journal_events++;
	report->last = record->number;
	return 0;
}

static int
say_bad(const struct resting *r, const struct examine_report *report, int e,
	const char *what, struct disk_fault *f)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", what);
	if (report->bad)
		snprintf(text, sizeof(text), "%s: %llu of them, the first is number %llu",
			 what, (unsigned long long)report->bad,
			 (unsigned long long)report->first_bad);
	return disk_say_damage(f, e, r->path, text, r->dir.path);
}

int
resting_check(struct resting *r, struct resting_report *ret_report,
	      struct disk_fault *f)
{
	char what[256];
	int e;

	memset(ret_report, 0, sizeof(*ret_report));
	e = examine_run(r->path, true, &ret_report->file, what, sizeof(what));
	ret_report->last = ret_report->file.last;
	if (e == -EBADMSG || e == -EINVAL || e == -EPROTO)
		return say_bad(r, &ret_report->file, e, what, f);
	if (e < 0)
		return disk_say_error(f, e, r->path);
	e = read_meta(r, f);
	if (e < 0)
		return e;
	e = resting_journal(r, count, ret_report, &ret_report->journal_cut);
	if (e == -EBADMSG)
		return disk_say_damage(f, e, r->journal, "it does not go on where the store ends",
				       r->dir.path);
	return e < 0 ? disk_say_error(f, e, r->journal) : 0;
}
