/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/examine.h"
#include "hub/stored.h"
#include "lib/base/buf.h"

enum {
	READ_BYTES = 1 << 16,
	WINDOW_BYTES = 2 * STORED_MOST,
	NO_MEMORY = 2,		/* an exit status */
	SECTOR_BYTES = 4096,	/* passed over where the disk cannot read */
};

/* --- in a child --------------------------------------------------------- */

static int
send_all(int out, const void *bytes, size_t len)
{
	const char *p = bytes;
	ssize_t n;

	while (len > 0) {
		n = write(out, p, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			p += n, len -= (size_t)n;
	}
	return 0;
}

static bool
is_good(struct slice bytes, struct store_record *ret_record)
{
	return stored_parse(bytes, true, ret_record) == 0 &&
	       stored_is_event(ret_record);
}

static int
send_meta(const char *path, int out)
{
	struct lmdbport *p;
	struct disk_meta meta;
	int r = lmdbport_open(path, 0, 0, true, &p);

	if (r == 0)
		r = disk_meta_read(p, &meta);
	return r < 0 ? r : send_all(out, &meta, sizeof(meta));
}

static int
on_entry(void *user, struct slice key, struct slice value)
{
	struct store_record record;

	if (!is_good(value, &record) || key.len != 8 ||
	    stored_get_u64(key.p) != record.number)
		return 0;
	return send_all(*(const int *)user, value.p, value.len);
}

static int
send_pages(const char *path, uint64_t from, int out)
{
	struct lmdbport *p;
	char key[8];
	int r = lmdbport_open(path, 0, 0, true, &p);

	stored_put_u64(key, from);
	if (r == 0)
		r = lmdbport_walk(p, LMDBPORT_EVENTS, (struct slice){ key, 8 },
				  on_entry, &out);
	/* A file that is damaged may seem to need any amount of memory. */
	return r == -ENOMEM ? -EBADMSG : r;
}

struct window {
	int in, out;
	off_t at;		/* of what is read next */
	size_t step;		/* where records may begin: each second byte */
	bool is_end;
	size_t len;
	char *p;
};

static void
fill(struct window *w)
{
	ssize_t n;

	while (!w->is_end && w->len + SECTOR_BYTES <= WINDOW_BYTES) {
		n = pread(w->in, w->p + w->len, WINDOW_BYTES - w->len, w->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EIO) {
			n = SECTOR_BYTES - w->at % SECTOR_BYTES;
			memset(w->p + w->len, 0, (size_t)n);
		}
		w->is_end = n <= 0;
		if (n > 0) {
			w->at += n;
			w->len += (size_t)n;
		}
	}
}

/* Sends what is whole; returns how many bytes are done with. */
static size_t
look(struct window *w, int *ret_error)
{
	struct store_record record;
	size_t at = 0, len;

	while (at + STORED_HEAD <= w->len && *ret_error == 0) {
		const char *p = w->p + at;

		if (!stored_begins(p, &len)) {
			at += w->step;
			continue;
		}
		if (len > w->len - at && !w->is_end)
			return at;
		if (len > w->len - at ||
		    !is_good((struct slice){ p, len }, &record)) {
			at += w->step;
			continue;
		}
		*ret_error = send_all(w->out, p, len);
		at += (len + w->step - 1) / w->step * w->step;
	}
	return at < w->len ? at : w->len;
}

static int
send_bytes(const char *path, int out, size_t step)
{
	struct window w = { .out = out, .step = step };
	size_t done;
	int r = 0;

	w.in = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	w.p = malloc(WINDOW_BYTES);
	if (w.in < 0 || !w.p)
		return w.in < 0 ? -errno : -ENOMEM;
	while (r == 0 && !w.is_end) {
		fill(&w);
		done = look(&w, &r);
		/* Even, so that what comes next begins at a place for one. */
		memmove(w.p, w.p + done, w.len - done);
		w.len -= done;
	}
	return r;
}

static void
be_child(int source, const char *path, uint64_t from, int out)
{
	int r;

	examine_be_child();
	switch (source) {
	case SALVAGE_PAGES:
		r = send_pages(path, from, out);
		break;
	case SALVAGE_BYTES:
		r = send_bytes(path, out, 2);
		break;
	case SALVAGE_JOURNAL:
		r = send_bytes(path, out, 1);
		break;
	default:
		r = send_meta(path, out);
		break;
	}
	_exit(r == 0 ? 0 : r == -ENOMEM ? NO_MEMORY : 1);
}

/* --- in the parent ------------------------------------------------------ */

/* The descriptor to read from, or -errno. */
static int
start(int source, const char *path, uint64_t from, pid_t *ret_pid)
{
	int fds[2], error;

	if (pipe(fds) < 0)
		return -errno;
	*ret_pid = fork();
	if (*ret_pid == 0) {
		close(fds[0]);
		be_child(source, path, from, fds[1]);
	}
	error = errno;
	close(fds[1]);
	if (*ret_pid > 0)
		return fds[0];
	close(fds[0]);
	return -error;
}

/* 0; SALVAGE_CUT; -ENOMEM: it had too little memory. */
static int
finish(int in, pid_t pid)
{
	int status;

	close(in);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return SALVAGE_CUT;
	if (!WIFEXITED(status))
		return SALVAGE_CUT;
	if (WEXITSTATUS(status) == NO_MEMORY)
		return -ENOMEM;
	return WEXITSTATUS(status) == 0 ? 0 : SALVAGE_CUT;
}

static ssize_t
read_some(int in, void *p, size_t len)
{
	ssize_t n;

	do
		n = read(in, p, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int
salvage_meta(const char *path, struct disk_meta *ret_meta)
{
	pid_t pid;
	int in = start(-1, path, 0, &pid);
	ssize_t n;

	if (in < 0)
		return in;
	n = read_some(in, ret_meta, sizeof(*ret_meta));
	(void)finish(in, pid);
	return n == sizeof(*ret_meta) ? 0 : -EBADMSG;
}

/* The whole records in it. It came from a process that read a broken file, so
 * it is looked at again. 1: more may come. */
static int
take(struct buf *b, salvage_on_record *on_record, void *user)
{
	struct store_record record;
	size_t at = 0, len;
	int r = 0;

	while (r == 0) {
		const struct slice rest = { b->p + at, b->len - at };

		len = stored_length(rest);
		if (len == 0)
			break;
		if (!is_good((struct slice){ rest.p, len }, &record))
			return 0;
		r = on_record(user, &record, (struct slice){ rest.p, len });
		at += len;
	}
	buf_consume(b, at);
	return r != 0 ? r : b->len < STORED_MOST;
}

int
salvage_run(enum salvage_source source, const char *path, uint64_t from,
	    salvage_on_record *on_record, void *user)
{
	struct buf b = { 0 };
	pid_t pid;
	int in = start((int)source, path, from, &pid), r = 1, end;
	ssize_t n = 0;

	if (in < 0)
		return in;
	while (r == 1) {
		r = buf_reserve(&b, READ_BYTES);
		if (r == 0)
			n = read_some(in, b.p + b.len, READ_BYTES);
		if (r < 0 || n <= 0)
			break;
		b.len += (size_t)n;
		r = take(&b, on_record, user);
	}
	end = finish(in, pid);
	buf_done(&b);
	return r < 0 ? r : end;
}
