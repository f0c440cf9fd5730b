/* SPDX-License-Identifier: MIT */
#include "lib/base/buf.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static void
appends_bytes_of_every_kind(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(buf_append(&b, "a\0b", 3), 0);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_append_slice(&b, SLICE_LIT("cd")), 0);
	assert_int_equal(buf_append_slice(&b, SLICE_NONE), 0);
	assert_int_equal(buf_append_text(&b, "ef"), 0);
	assert_int_equal(buf_append_char(&b, '\0'), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "x"), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(b.len, 12);
	assert_memory_equal(b.p, "a\0bcdef\0" "42-x", 12);
	assert_true(slice_eq(buf_slice(&b), (struct slice){ b.p, 12 }));
	buf_done(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 0);
	buf_done(&b);
}

static void
keeps_content_while_it_grows(void **state)
{
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 100000; i++)
		assert_int_equal(buf_append_char(&b, (char)(i % 251)), 0);
	assert_int_equal(b.len, 100000);
	assert_true(b.cap >= b.len && b.cap < 3 * b.len);
	for (i = 0; i < b.len; i++)
		assert_int_equal((unsigned char)b.p[i], i % 251);
	buf_done(&b);
}

static void
refuses_what_cannot_be(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(buf_append_text(&b, "kept"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -ENOMEM);
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("kept")));
	buf_done(&b);
}

static void
consumes_from_the_front(void **state)
{
	static const struct {
		size_t drop;
		const char *rest;
	} rows[] = {
		{ 0, "0123456789" }, { 1, "123456789" }, { 9, "9" },
		{ 10, "" }, { 11, "" }, { SIZE_MAX, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = { 0 };

		assert_int_equal(buf_append_text(&b, "0123456789"), 0);
		buf_consume(&b, rows[i].drop);
		unit_check(slice_eq(buf_slice(&b), slice_of(rows[i].rest)),
			   "drop %zu left %zu bytes", rows[i].drop, b.len);
		buf_done(&b);
	}
}

static void
consumes_from_an_empty_one(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	assert_int_equal(b.len, 0);
}

static void
clear_keeps_the_memory(void **state)
{
	struct buf b = { 0 };
	char *p;

	(void)state;
	assert_int_equal(buf_append_text(&b, "x"), 0);
	p = b.p;
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_append_text(&b, "y"), 0);
	assert_ptr_equal(b.p, p);
	buf_done(&b);
}

static void
take_hands_over(void **state)
{
	struct buf b = { 0 };
	size_t len = 99;
	char *p;

	(void)state;
	assert_null(buf_take(&b, &len));
	assert_int_equal(len, 0);
	assert_int_equal(buf_append_text(&b, "mine"), 0);
	p = buf_take(&b, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(p, "mine", 4);
	assert_null(b.p);
	assert_int_equal(b.cap, 0);
	free(p);
}

static void
stays_whole_without_memory(void **state)
{
	size_t n, len;
	int r;

	(void)state;
	for (n = 1;; n++) {
		struct buf b = { 0 };

		fault_arm(n);
		do {
			len = b.len;
			r = buf_printf(&b, "%zu", len);
		} while (r == 0 && b.len < 5000);
		assert_int_equal(r, fault_disarm() ? -ENOMEM : 0);
		assert_true(r == 0 || b.len == len);
		buf_done(&b);
		if (r == 0)
			break;
	}
	assert_true(n > 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_bytes_of_every_kind),
		cmocka_unit_test(keeps_content_while_it_grows),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(consumes_from_the_front),
		cmocka_unit_test(consumes_from_an_empty_one),
		cmocka_unit_test(clear_keeps_the_memory),
		cmocka_unit_test(take_hands_over),
		cmocka_unit_test(stays_whole_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
