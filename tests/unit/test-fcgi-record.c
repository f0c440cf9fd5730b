/* SPDX-License-Identifier: MIT */
#include "fcgi/record.h"

#include "tests/unit/fcgi_bytes.h"
#include "tests/unit/unit.h"

/* Walks all of `in` and writes what came as text, for comparison. */
static void
walk(struct record_walker *w, struct slice in, struct buf *out, bool *bad)
{
	struct slice piece;
	const char *why;

	for (;;) {
		switch (record_next(w, &in, &piece, &why)) {
		case RECORD_MORE:
			assert_int_equal(in.len, 0);
			return;
		case RECORD_BEGIN:
			assert_int_equal(
			    buf_printf(out, "<%d %d %d ", w->type, w->id,
				       w->length), 0);
			break;
		case RECORD_PIECE:
			assert_true(piece.len > 0);
			put(out, piece.p, piece.len);
			break;
		case RECORD_END:
			put(out, ">", 1);
			break;
		case RECORD_BAD:
			assert_true(strlen(why) > 10);
			*bad = true;
			return;
		}
	}
}

static void
walks_at_every_split(void **state)
{
	static const char want[] = "<1 7 8 ........><4 7 5 hello><4 7 0 >"
				   "<5 7 3 abc><5 7 0 ><2 300 0 >";
	struct buf in = { 0 };

	(void)state;
	put_record(&in, FCGI_BEGIN_REQUEST, 7, SLICE_LIT("........"), 0);
	put_record(&in, FCGI_PARAMS, 7, SLICE_LIT("hello"), 3);
	put_record(&in, FCGI_PARAMS, 7, SLICE_NONE, 0);
	put_record(&in, FCGI_STDIN, 7, SLICE_LIT("abc"), 255);
	put_record(&in, FCGI_STDIN, 7, SLICE_NONE, 2);
	put_record(&in, FCGI_ABORT_REQUEST, 300, SLICE_NONE, 0);
	for (size_t i = 0; i <= in.len; i++) {
		for (size_t j = i; j <= in.len; j++) {
			struct record_walker w = { 0 };
			struct buf out = { 0 };
			bool bad = false;

			walk(&w, (struct slice){ in.p, i }, &out, &bad);
			walk(&w, (struct slice){ in.p + i, j - i }, &out,
			     &bad);
			walk(&w, (struct slice){ in.p + j, in.len - j }, &out,
			     &bad);
			unit_check(!bad && slice_eq(buf_slice(&out),
						    SLICE_LIT(want)),
				   "split at %zu and %zu: %.*s", i, j,
				   (int)out.len, out.p);
			assert_int_equal(w.have, 0);
			buf_done(&out);
		}
	}
	buf_done(&in);
}

static void
refuses_headers(void **state)
{
	static const uint8_t rows[][8] = {
		{ 0, 1, 0, 1, 0, 8 },	/* version 0 */
		{ 2, 1, 0, 1, 0, 8 },	/* version 2 */
		{ 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T' },
		{ 0x16, 3, 1, 2, 0, 1, 0, 1 },	/* TLS */
		{ 1, 9, 0, 0, 0, 15 },	/* GET_VALUES */
		{ 1, 1, 0, 0, 0, 8 },	/* BEGIN_REQUEST without an id */
		{ 1, 9, 0, 1, 0, 15 },	/* management with an id */
		{ 1, 0, 0, 1, 0, 0 },
		{ 1, 3, 0, 1, 0, 8 },	/* END_REQUEST */
		{ 1, 6, 0, 1, 0, 0 },	/* STDOUT */
		{ 1, 7, 0, 1, 0, 0 },	/* STDERR */
		{ 1, 8, 0, 1, 0, 0 },	/* DATA */
		{ 1, 10, 0, 1, 0, 0 },
		{ 1, 11, 0, 1, 0, 0 },
		{ 1, 12, 0, 1, 0, 0 },
		{ 1, 255, 255, 255, 255, 255, 255, 255 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t cut = 0; cut < 8; cut++) {
			struct record_walker w = { 0 };
			struct buf out = { 0 };
			bool bad = false;

			walk(&w, (struct slice){ (const char *)rows[i], cut },
			     &out, &bad);
			assert_false(bad);
			walk(&w, (struct slice){ (const char *)rows[i] + cut,
						 8 - cut }, &out, &bad);
			unit_check(bad && out.len == 0, "row %zu", i);
			buf_done(&out);
		}
	}
}

/* Puts the content of STDOUT records together again. */
static void
unwrap(struct slice in, uint16_t id, struct buf *out)
{
	while (in.len > 0) {
		const uint8_t *h = (const uint8_t *)in.p;
		size_t len;

		assert_true(in.len >= 8);
		assert_int_equal(h[0], 1);
		assert_int_equal(h[1], FCGI_STDOUT);
		assert_int_equal(h[2] << 8 | h[3], id);
		assert_int_equal(h[6], 0);
		len = (size_t)(h[4] << 8 | h[5]);
		assert_true(len > 0 && in.len >= 8 + len);
		put(out, in.p + 8, len);
		in.p += 8 + len;
		in.len -= 8 + len;
	}
}

static void
wraps_any_length(void **state)
{
	static const size_t sizes[] = { 0, 1, 65534, 65535, 65536, 131070,
					131071, 1000000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct buf bytes = { 0 }, out = { 0 }, back = { 0 };

		for (size_t k = 0; k < sizes[i]; k++)
			put(&bytes, &"abcdefghijk"[k % 11], 1);
		put(&out, "before", 6);
		assert_int_equal(
		    record_append_stdout(&out, 0x1234, buf_slice(&bytes)), 0);
		assert_int_equal(out.len - 6, record_stdout_size(sizes[i]));
		buf_consume(&out, 6);
		unwrap(buf_slice(&out), 0x1234, &back);
		assert_true(slice_eq(buf_slice(&back), buf_slice(&bytes)));
		buf_done(&bytes);
		buf_done(&out);
		buf_done(&back);
	}
}

static void
patches_the_id(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(record_append_stdout(&out, 1, SLICE_LIT("x")), 0);
	record_set_id(out.p, 0xfe01);
	assert_memory_equal(out.p, "\1\6\xfe\1\0\1\0\0x", 9);
	buf_done(&out);
}

static void
ends_a_request(void **state)
{
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(record_append_end(&out, 258, FCGI_CANT_MPX_CONN), 0);
	assert_int_equal(out.len, RECORD_END_LEN);
	assert_memory_equal(out.p, "\1\3\1\2\0\10\0\0\0\0\0\0\1\0\0\0", 16);
	buf_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_at_every_split),
		cmocka_unit_test(refuses_headers),
		cmocka_unit_test(wraps_any_length),
		cmocka_unit_test(patches_the_id),
		cmocka_unit_test(ends_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
