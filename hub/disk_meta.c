/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/disk_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hub/stored.h"
#include "lib/base/clock.h"
#include "lib/base/siphash.h"
#include "lib/sse/id.h"

#define KEY_FORMAT SLICE_LIT("format")
#define KEY_STATE SLICE_LIT("state")
#define FORMAT SLICE_LIT("sse-hub store 1")
#define FORMAT_ANY SLICE_LIT("sse-hub store ")

enum {
	FIELDS = 10,		/* numbers before the epochs */
	STATE_MAX = 8 * FIELDS + 16 * DISK_EPOCHS + DISK_BOOT_MAX,
	FLAG_CLEAN = 1,
	FLAG_ALWAYS = 2,
};

/* Longer than any hub rests; a clock that jumps further was wrong before. */
#define REST_MOST_MS (INT64_C(10) * 365 * 86400 * 1000)

/* --- the system --------------------------------------------------------- */

int64_t
disk_boottime_ms(void)
{
	struct timespec ts;
#ifdef CLOCK_BOOTTIME
	if (clock_gettime(CLOCK_BOOTTIME, &ts) == 0)
		return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
#endif
	(void)ts;
	return clock_mono_ms();
}

void
disk_now(struct disk_now *ret_now)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	memset(ret_now, 0, sizeof(*ret_now));
	ret_now->boottime_ms = disk_boottime_ms();
	ret_now->wall_ms = clock_wall_ms();
	if (!file)
		return;		/* "": no boot is known to be the same */
	if (!fgets(ret_now->boot, sizeof(ret_now->boot), file))
		ret_now->boot[0] = '\0';
	ret_now->boot[strcspn(ret_now->boot, "\n")] = '\0';
	fclose(file);
}

/* When the file was made, in nanoseconds; 0: the file system does not know. */
static uint64_t
born_ns(const char *path)
{
#ifdef STATX_BTIME
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_BTIME, &stx) == 0 &&
	    stx.stx_mask & STATX_BTIME)
		return (uint64_t)stx.stx_btime.tv_sec * 1000000000 +
		       stx.stx_btime.tv_nsec;
#endif
	(void)path;
	return 0;
}

int
disk_file_mark(const char *path, uint64_t *ret_mark)
{
	static const uint64_t no_secret[2];
	char text[16];
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	/* The number alone is not enough: whoever deletes the file and copies
	 * another one there often gets the same number again. */
	stored_put_u64(text, (uint64_t)st.st_ino);
	stored_put_u64(text + 8, born_ns(path));
	*ret_mark = siphash13(no_secret,
			      (struct slice){ text, sizeof(text) }) | 1;
	return 0;
}

static bool
is_same_boot(const struct disk_meta *m, const struct disk_now *now)
{
	return now->boot[0] && strcmp(m->boot, now->boot) == 0;
}

/* --- reading and writing ------------------------------------------------ */

static int
read_state(struct slice s, struct disk_meta *m)
{
	uint64_t n[FIELDS];
	const char *p = s.p;
	size_t i;

	if (s.len < 8 * FIELDS)
		return -EBADMSG;
	for (i = 0; i < FIELDS; i++, p += 8)
		n[i] = stored_get_u64(p);
	m->last = n[0];
	m->floor = n[1];
	m->lost = n[2];
	m->blind = n[3];
	m->clock_ms = (int64_t)n[4];
	m->boottime_ms = (int64_t)n[5];
	m->wall_ms = (int64_t)n[6];
	m->file = n[7];
	m->is_clean = n[8] & FLAG_CLEAN;
	m->is_always = n[8] & FLAG_ALWAYS;
	m->n_epochs = (size_t)n[9];
	/* Times that any machine can have had, and a number that can have been
	 * given, so that sums of them fit. */
	if ((n[4] | n[5] | n[6]) >> 56 || m->last > INT64_MAX)
		return -EBADMSG;
	if (n[9] < 1 || n[9] > DISK_EPOCHS || m->floor > m->last + 1 ||
	    m->floor == 0 || m->lost > m->last || m->blind > m->last ||
	    s.len != 8 * FIELDS + 16 * m->n_epochs + DISK_BOOT_MAX)
		return -EBADMSG;
	for (i = 0; i < m->n_epochs; i++, p += 16) {
		m->epochs[i].epoch = stored_get_u64(p);
		m->epochs[i].end = stored_get_u64(p + 8);
		if (m->epochs[i].epoch < ID_EPOCH_MIN ||
		    m->epochs[i].epoch > ID_EPOCH_MAX)
			return -EBADMSG;
	}
	memcpy(m->boot, p, DISK_BOOT_MAX);
	m->boot[DISK_BOOT_MAX - 1] = '\0';
	return 0;
}

int
disk_meta_read(struct lmdbport *p, struct disk_meta *ret_meta)
{
	struct slice value, key;
	int r;

	memset(ret_meta, 0, sizeof(*ret_meta));
	r = lmdbport_get(p, LMDBPORT_META, KEY_FORMAT, &value);
	if (r == -ENOENT)
		/* Tables with the names of ours, and something else in them. */
		return lmdbport_from(p, LMDBPORT_META, SLICE_NONE, &key,
				     &value) == -ENOENT ? -ENOENT : -EINVAL;
	if (r < 0)
		return r;
	if (!slice_eq(value, FORMAT))
		return slice_starts(value, FORMAT_ANY) ? -EPROTO : -EINVAL;
	r = lmdbport_get(p, LMDBPORT_META, KEY_STATE, &value);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	return read_state(value, ret_meta);
}

int
disk_meta_write(struct lmdbport *p, const struct disk_meta *m)
{
	const uint64_t n[FIELDS] = {
		m->last, m->floor, m->lost, m->blind, (uint64_t)m->clock_ms,
		(uint64_t)m->boottime_ms, (uint64_t)m->wall_ms, m->file,
		(m->is_clean ? FLAG_CLEAN : 0) |
		(m->is_always ? FLAG_ALWAYS : 0),
		m->n_epochs,
	};
	char text[STATE_MAX], *at = text;
	size_t i;
	int r;

	for (i = 0; i < FIELDS; i++, at += 8)
		stored_put_u64(at, n[i]);
	for (i = 0; i < m->n_epochs; i++, at += 16) {
		stored_put_u64(at, m->epochs[i].epoch);
		stored_put_u64(at + 8, m->epochs[i].end);
	}
	memcpy(at, m->boot, DISK_BOOT_MAX);
	at += DISK_BOOT_MAX;
	r = lmdbport_put(p, LMDBPORT_META, KEY_STATE,
			 (struct slice){ text, (size_t)(at - text) }, false);
	return r < 0 ? r : lmdbport_put(p, LMDBPORT_META, KEY_FORMAT, FORMAT,
					false);
}

/* --- epochs ------------------------------------------------------------- */

void
disk_meta_begin_epoch(struct disk_meta *m, uint64_t epoch)
{
	if (m->n_epochs > 0)
		m->epochs[0].end = m->last;
	if (m->n_epochs == DISK_EPOCHS)
		m->n_epochs--;
	memmove(m->epochs + 1, m->epochs, m->n_epochs * sizeof(*m->epochs));
	m->epochs[0] = (struct disk_epoch){ .epoch = epoch };
	m->n_epochs++;
}

bool
disk_meta_end_of(const struct disk_meta *m, uint64_t epoch, uint64_t *ret_end)
{
	size_t i;

	for (i = 1; i < m->n_epochs; i++) {
		if (m->epochs[i].epoch == epoch) {
			*ret_end = m->epochs[i].end;
			return true;
		}
	}
	return false;
}

bool
disk_meta_is_cut(const struct disk_meta *m, const struct disk_now *now)
{
	return !m->is_clean && !m->is_always && !is_same_boot(m, now);
}

const char *
disk_meta_doubt(const struct disk_meta *m, uint64_t file, bool has_less,
		const struct disk_now *now)
{
	if (m->file != file)
		return "it is a copy, or was restored from a backup";
	if (disk_meta_is_cut(m, now))
		return "the machine stopped while it was open, and --sync did not say always";
	if (has_less)
		return "it has less in it than it had: a backup was written over it, or its journal is damaged or gone";
	return NULL;
}

/* --- time --------------------------------------------------------------- */

int64_t
disk_meta_clock(const struct disk_meta *m, const struct disk_now *now)
{
	int64_t rest;

	if (is_same_boot(m, now))
		rest = now->boottime_ms - m->boottime_ms;
	else	/* boxes without a battery start in 1970 */
		rest = now->wall_ms - m->wall_ms;
	if (rest < 0 || rest > REST_MOST_MS)
		rest = 0;
	return m->clock_ms + rest;
}
