/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/siphash.h"
#include "lib/sse/event.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

static const struct store_record whole = {
	.number = UINT64_C(0x123456789abcdef0), .time_ms = -5,
	.topic = SLICE_LIT("a/b"), .id = SLICE_LIT("order-7"),
	.key = SLICE_LIT("key"), .header = SLICE_LIT("header"),
	.data = SLICE_LIT("some data"),
};

/* In memory of just that size, so that a look beyond is noticed. */
static char *
write_exactly(const struct store_record *r, size_t *ret_len)
{
	char *p = malloc(stored_size(r));

	assert_non_null(p);
	stored_write(r, p);
	*ret_len = stored_size(r);
	return p;
}

static void
check_same(const struct store_record *a, const struct store_record *b)
{
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->time_ms, b->time_ms);
	assert_true(slice_eq(a->topic, b->topic));
	assert_true(slice_eq(a->header, b->header));
	assert_true(slice_eq(a->data, b->data));
	assert_int_equal(!a->id.p, !b->id.p);
	assert_int_equal(!a->key.p, !b->key.p);
	assert_true(slice_eq(a->id, b->id));
	assert_true(slice_eq(a->key, b->key));
}

static void
reads_what_it_wrote(void **state)
{
	struct store_record rows[5] = { whole, whole, whole, whole, whole }, r;
	static char much[8 << 20];
	size_t i, len;
	char *p;

	(void)state;
	rows[1].id = SLICE_NONE;
	rows[2].key = SLICE_NONE;
	rows[3].data = SLICE_LIT("");
	rows[4].topic = (struct slice){ much, TOPIC_MAX };
	rows[4].id = (struct slice){ much, EVENT_ID_MAX };
	rows[4].key = (struct slice){ much, EVENT_KEY_MAX };
	rows[4].data = (struct slice){ much, sizeof(much) };
	for (i = 0; i < COUNT_OF(rows); i++) {
		p = write_exactly(&rows[i], &len);
		assert_int_equal(stored_length((struct slice){ p, len }), len);
		assert_int_equal(stored_parse((struct slice){ p, len }, true,
					      &r), 0);
		check_same(&r, &rows[i]);
		assert_int_equal(stored_get_u64(p + STORED_AT_NUMBER),
				 rows[i].number);
		free(p);
	}
}

/* The bytes are the same on every machine. */
static void
stands_in_one_order(void **state)
{
	static const char want[] = {
		1, 3, 7, 3, 0, 6, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0,
		0x12, 0x34, 0x56, 0x78, (char)0x9a, (char)0xbc, (char)0xde,
		(char)0xf0, -1, -1, -1, -1, -1, -1, -1, -5,
	};
	size_t len;
	char *p = write_exactly(&whole, &len);

	(void)state;
	assert_memory_equal(p + 8, want, sizeof(want));
	assert_memory_equal(p + STORED_HEAD, "a/border-7keyheadersome data",
			    len - STORED_HEAD);
	free(p);
}

/* Slices that a record has are within it. */
static void
check_within(const struct store_record *r, const char *p, size_t len)
{
	const struct slice all[] = {
		r->topic, r->id, r->key, r->header, r->data,
	};
	size_t i;

	for (i = 0; i < COUNT_OF(all); i++)
		if (all[i].p)
			assert_true(all[i].p >= p + STORED_HEAD &&
				    all[i].p + all[i].len <= p + len);
	assert_true(r->key.len <= EVENT_KEY_MAX);
}

static void
refuses_every_cut(void **state)
{
	size_t len, cut, more;
	char *p = write_exactly(&whole, &len), *part;
	struct store_record r;

	(void)state;
	assert_int_equal(stored_parse(SLICE_NONE, true, &r), -EINVAL);
	for (cut = 0; cut < len; cut++) {
		part = malloc(cut + 1);
		assert_non_null(part);
		memcpy(part, p, cut);
		part = realloc(part, cut ? cut : 1);
		assert_int_equal(stored_length((struct slice){ part, cut }),
				 0);
		assert_int_equal(stored_parse((struct slice){ part, cut },
					      false, &r), -EINVAL);
		free(part);
	}
	/* And something behind it, where only one record may stand. */
	more = len + 1;
	part = calloc(1, more);
	assert_non_null(part);
	memcpy(part, p, len);
	assert_int_equal(stored_length((struct slice){ part, more }), len);
	assert_int_equal(stored_parse((struct slice){ part, more }, true, &r),
			 -EINVAL);
	free(part);
	free(p);
}

static void
refuses_every_flipped_bit(void **state)
{
	struct store_record r;
	size_t len, bit;
	char *p = write_exactly(&whole, &len);

	(void)state;
	for (bit = 0; bit < 8 * len; bit++) {
		p[bit / 8] = (char)(p[bit / 8] ^ 1 << bit % 8);
		assert_true(stored_parse((struct slice){ p, len }, true, &r) <
			    0);
		if (stored_parse((struct slice){ p, len }, false, &r) == 0)
			check_within(&r, p, len);
		p[bit / 8] = (char)(p[bit / 8] ^ 1 << bit % 8);
	}
	free(p);
}

/* Whatever has a right checksum, or is not asked for it, is harmless. */
static void
bears_any_bytes(void **state)
{
	static const uint64_t no_secret[2];
	struct store_record r;
	unsigned round, taken = 0;
	size_t len, i;
	char *p;

	(void)state;
	unit_random_begin(unit_seed());
	for (round = 0; round < 100000; round++) {
		len = unit_below(120);
		p = malloc(len ? len : 1);
		assert_non_null(p);
		for (i = 0; i < len; i++)
			p[i] = (char)(unit_chance(3) ? unit_random() : 0);
		if (len > STORED_HEAD + 2) {
			/* Lengths that fit, now and then. */
			memset(p + 9, 0, 11);
			p[8] = 1;
			p[9] = (char)unit_below(3);
			p[11] = (char)unit_below(80);
			p[19] = (char)(len - STORED_HEAD - (size_t)p[9] -
				       (size_t)p[11]);
		}
		if (len >= STORED_HEAD)
			stored_put_u64(p, siphash13(no_secret, (struct slice){
				p + 8, len - 8 }));
		if (stored_parse((struct slice){ p, len }, true, &r) == 0) {
			check_within(&r, p, len);
			assert_true(r.number > 0 && r.topic.len > 0);
			taken++;
		}
		free(p);
	}
	assert_true(taken > 1000);
}

/* No longer key than a reader has room for. */
static void
refuses_what_no_event_has(void **state)
{
	struct store_record r = whole, read;
	char key[EVENT_KEY_MAX + 1] = "k", header[FRAME_HEADER_MAX + 1] = "h", *p;
	size_t len;

	(void)state;
	r.key = (struct slice){ key, sizeof(key) };
	p = write_exactly(&r, &len);
	assert_int_equal(stored_parse((struct slice){ p, len }, true, &read),
			 -EINVAL);
	free(p);
	r = whole;
	r.header = (struct slice){ header, sizeof(header) };
	p = write_exactly(&r, &len);
	assert_int_equal(stored_parse((struct slice){ p, len }, true, &read),
			 -EINVAL);
	free(p);
	r = whole;
	r.number = 0;
	p = write_exactly(&r, &len);
	assert_int_equal(stored_parse((struct slice){ p, len }, true, &read),
			 -EINVAL);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(stands_in_one_order),
		cmocka_unit_test(refuses_every_cut),
		cmocka_unit_test(refuses_every_flipped_bit),
		cmocka_unit_test(bears_any_bytes),
		cmocka_unit_test(refuses_what_no_event_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
