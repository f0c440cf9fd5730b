/* SPDX-License-Identifier: MIT */
/*
 * A stored event: what is taken lies within its bytes and is the same when it
 * was written and read again; with its checksum, only as it was written.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "hub/stored.h"
#include "tests/fuzz/fuzz.h"

static void
check_inside(struct slice part, struct slice all)
{
	must(!part.p || (part.p >= all.p &&
			 part.p + part.len <= all.p + all.len));
}

static void
check_again(const struct store_record *r)
{
	size_t len = stored_size(r), begins;
	char *out = malloc(len);
	struct store_record again;

	must(out != NULL);
	stored_write(r, out);
	must(stored_parse((struct slice){ out, len }, true, &again) == 0);
	must(again.number == r->number && again.time_ms == r->time_ms);
	must(slice_eq(again.topic, r->topic) && slice_eq(again.id, r->id));
	must(slice_eq(again.key, r->key) && slice_eq(again.data, r->data));
	must(slice_eq(again.header, r->header));
	if (stored_is_event(&again))
		must(stored_begins(out, &begins) && begins == len);
	/* One bit, somewhere. */
	out[len - 1 - r->number % len] ^= 1;
	must(stored_parse((struct slice){ out, len }, true, &again) < 0);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct slice all = { (const char *)bytes, len };
	size_t whole = stored_length(all), begins;
	struct store_record r;

	must(whole <= len);
	if (len >= STORED_HEAD && stored_begins(all.p, &begins))
		must(begins > STORED_HEAD && begins <= (size_t)STORED_MOST +
							2 * 255);
	all.len = whole;
	if (stored_parse(all, false, &r) < 0)
		return 0;
	must(whole > 0 && stored_size(&r) == whole && r.number > 0);
	check_inside(r.topic, all);
	check_inside(r.id, all);
	check_inside(r.key, all);
	check_inside(r.header, all);
	check_inside(r.data, all);
	check_again(&r);
	return 0;
}
