/* SPDX-License-Identifier: MIT */
/*
 * A journal of any bytes: what is behind its last whole record is let go of,
 * and then it is a journal with the same records, to which more can be added.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hub/journal.h"
#include "hub/stored.h"
#include "tests/fuzz/fuzz.h"

struct count {
	size_t records;
	uint64_t bytes;
};

static int
on_record(void *user, const struct store_record *r)
{
	struct count *c = user;

	must(r->number > 0 && r->topic.len > 0);
	c->records++;
	c->bytes += stored_size(r);
	return 0;
}

static int
load(struct journal *j, uint64_t epoch, struct count *c, uint64_t *ret_cut)
{
	uint64_t found;
	int r = journal_load(j, epoch, on_record, c, ret_cut, &found);

	must(r == 0 || r == -EBADMSG || (r == -EINVAL && found != epoch));
	return r;
}

static void
fill(int fd, const uint8_t *bytes, size_t len)
{
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, bytes, len, 0) == (ssize_t)len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char more[] = "more";
	static FILE *file;
	uint64_t cut, epoch = len >= 16 ?
		stored_get_u64((const char *)bytes + 8) : 1;
	struct count first = { 0 }, second = { 0 }, third = { 0 };
	struct journal j = { 0 };

	if (!file)
		file = tmpfile();
	must(file != NULL);
	j.fd = fileno(file);
	fill(j.fd, bytes, len);
	if (load(&j, epoch + 1, &first, &cut) == 0)
		must(first.records == 0);
	fill(j.fd, bytes, len);
	if (load(&j, epoch, &first, &cut) < 0)
		return 0;
	must(j.bytes == first.bytes);
	must(journal_append(&j, more, sizeof(more)) == 0);
	must(load(&j, epoch, &second, &cut) == 0);
	must(cut == sizeof(more));
	must(load(&j, epoch, &third, &cut) == 0 && cut == 0);
	must(second.records == first.records && third.bytes == first.bytes);
	must(journal_clear(&j, epoch + 1) == 0 && j.bytes == 0);
	return 0;
}
