/* SPDX-License-Identifier: MIT */
#include "lib/bus/message.h"
#include "lib/sse/also.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/unit/unit.h"

static void
holds_what_it_was_given(void **state)
{
	struct sse_event *e;
	size_t len;

	(void)state;
	assert_int_equal(sse_event_new("news", "a\0b", 3, &e), 0);
	assert_string_equal(sse_event_topic(e, &len), "news");
	assert_int_equal(len, 4);
	assert_memory_equal(sse_event_data(e, &len), "a\0b", 4);
	assert_int_equal(len, 3);
	assert_null(sse_event_name(e, &len));
	assert_int_equal(len, 0);
	assert_int_equal(sse_event_retry(e), -1);
	assert_int_equal(sse_event_is_private(e), 0);
	assert_int_equal(sse_event_time(e), 0);
	assert_string_equal(sse_event_error(e), "");
	assert_int_equal(message_check(e), 0);

	assert_int_equal(sse_event_set_name(e, "tick"), 0);
	assert_int_equal(sse_event_set_id(e, "order-7"), 0);
	assert_int_equal(sse_event_set_key(e, "k"), 0);
	sse_event_set_retry(e, 3000);
	sse_event_set_private(e, 1);
	assert_string_equal(sse_event_name(e, NULL), "tick");
	assert_null(sse_event_id(e, NULL));	/* not numbered */
	assert_int_equal(sse_event_retry(e), 3000);
	assert_int_equal(sse_event_is_private(e), 1);
	assert_true(slice_eq(message_event(e)->id, SLICE_LIT("order-7")));
	assert_true(slice_eq(message_event(e)->key, SLICE_LIT("k")));

	assert_int_equal(sse_event_set_name(e, NULL), 0);
	assert_null(sse_event_name(e, NULL));
	sse_event_set_retry(e, INT64_MAX);
	assert_int_equal(sse_event_retry(e), UINT32_MAX);
	sse_event_set_retry(e, -1);
	assert_int_equal(sse_event_retry(e), -1);
	sse_event_free(e);
}

static void
says_what_is_wrong(void **state)
{
	const struct {
		const char *topic, *data;
		int want;
	} rows[] = {
		{ "news", "", 0 },
		{ "", "x", -EINVAL },
		{ NULL, "x", -EINVAL },
		{ "a\nb", "x", -EINVAL },
		{ "$SYS/x", "x", -EINVAL },
		{ "news", "a\xff" "b", -EINVAL },
	};
	struct sse_event *e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		unit_check(sse_event_new(rows[i].topic, rows[i].data,
					 strlen(rows[i].data), &e) ==
			   rows[i].want, "row %zu", i);
		assert_non_null(e);
		assert_int_equal(message_check(e), rows[i].want);
		assert_int_equal(!sse_event_error(e)[0], rows[i].want == 0);
		sse_event_free(e);
	}
	sse_event_free(NULL);
}

static void
takes_other_topics(void **state)
{
	struct sse_event *e, copy = { 0 };
	char text[8];
	size_t len;

	(void)state;
	assert_int_equal(sse_event_new("a", "x", 1, &e), 0);
	assert_null(sse_event_also(e, 0, &len));
	assert_int_equal(sse_event_add_topic(e, "a"), -EINVAL);
	assert_int_equal(sse_event_add_topic(e, "b/*"), -EINVAL);
	assert_int_equal(sse_event_add_topic(e, NULL), -EINVAL);
	assert_int_equal(sse_event_add_topic(e, "$SYS/x"), -EINVAL);
	assert_string_not_equal(sse_event_error(e), "");
	assert_int_equal(message_event(e)->also.len, 0);
	for (int i = 0; i < ALSO_MAX; i++) {
		snprintf(text, sizeof(text), "t/%d", i);
		assert_int_equal(sse_event_add_topic(e, text), 0);
		assert_int_equal(sse_event_add_topic(e, text), -EINVAL);
	}
	assert_int_equal(sse_event_add_topic(e, "more"), -EINVAL);
	assert_int_equal(message_check(e), 0);
	assert_int_equal(message_fill(&copy, message_event(e)), 0);
	sse_event_free(e);
	for (size_t i = 0; i < ALSO_MAX; i++) {
		snprintf(text, sizeof(text), "t/%zu", i);
		assert_string_equal(sse_event_also(&copy, i, &len), text);
		assert_int_equal(len, 3);
	}
	assert_null(sse_event_also(&copy, ALSO_MAX, NULL));
	message_done(&copy);
}

static void
keeps_the_old_value(void **state)
{
	struct sse_event *e;

	(void)state;
	assert_int_equal(sse_event_new("news", NULL, 0, &e), 0);
	assert_string_equal(sse_event_data(e, NULL), "");
	assert_int_equal(sse_event_set_name(e, "good"), 0);
	assert_int_equal(sse_event_set_name(e, "bad\n"), -EINVAL);
	assert_string_not_equal(sse_event_error(e), "");
	assert_int_equal(sse_event_set_name(e, "sse-gap"), -EINVAL);
	assert_int_equal(sse_event_set_name(e, ""), -EINVAL);
	assert_string_equal(sse_event_name(e, NULL), "good");
	assert_int_equal(sse_event_set_id(e, "abcdefgh-1"), -EINVAL);
	assert_int_equal(sse_event_set_key(e, ""), -EINVAL);
	assert_int_equal(message_check(e), 0);
	sse_event_free(e);
}

static void
is_filled_again_and_again(void **state)
{
	struct sse_event e = { 0 };
	struct event from = { .topic = SLICE_LIT("t"), .data = SLICE_LIT("one"),
			      .id = SLICE_LIT("own"), .epoch = ID_EPOCH_MIN,
			      .number = 5, .time_ms = 9 };

	(void)state;
	assert_int_equal(message_fill(&e, &from), 0);
	assert_string_equal(sse_event_id(&e, NULL), "own");
	assert_int_equal(sse_event_time(&e), 9);
	from.id = SLICE_NONE;
	from.data = SLICE_LIT("");
	assert_int_equal(message_fill(&e, &from), 0);
	assert_string_equal(sse_event_id(&e, NULL), "10000000-5");
	assert_string_equal(sse_event_data(&e, NULL), "");
	from.epoch = from.number = 0;
	from.data = SLICE_NONE;
	assert_int_equal(message_fill(&e, &from), 0);
	assert_null(sse_event_id(&e, NULL));
	assert_string_equal(sse_event_data(&e, NULL), "");
	message_done(&e);
}

static void
stands_failing_allocations(void **state)
{
	struct sse_event *e;
	size_t n;
	int r;

	(void)state;
	for (n = 1; ; n++) {
		fault_arm(n);
		r = sse_event_new("topic", "data", 4, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_null(e);
	}
	assert_int_equal(r, 0);
	assert_true(n > 2);
	assert_int_equal(sse_event_set_name(e, "old"), 0);
	for (n = 1; ; n++) {
		fault_arm(n);
		r = sse_event_set_name(e, "new");
		if (!fault_disarm())
			break;
		assert_int_equal(r, -ENOMEM);
		assert_string_equal(sse_event_name(e, NULL), "old");
	}
	assert_int_equal(r, 0);
	assert_string_equal(sse_event_name(e, NULL), "new");
	sse_event_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_it_was_given),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(takes_other_topics),
		cmocka_unit_test(keeps_the_old_value),
		cmocka_unit_test(is_filled_again_and_again),
		cmocka_unit_test(stands_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
