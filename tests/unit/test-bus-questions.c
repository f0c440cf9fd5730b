/* SPDX-License-Identifier: MIT */
#include "lib/bus/questions.h"

#include <errno.h>

#include "tests/unit/unit.h"

static uint64_t
send_next(struct questions *q, int64_t now)
{
	struct question *question = questions_next(q, now);

	if (!question)
		return 0;
	questions_sent(q, question, now);
	return question->serial;
}

static void
asks_until_answered(void **state)
{
	struct questions q;
	uint64_t serial, tag = 0;

	(void)state;
	questions_init(&q);
	assert_int_equal(questions_due(&q), INT64_MAX);
	assert_int_equal(questions_add(&q, 77, SLICE_LIT("order-7")), 0);
	assert_true(slice_eq(questions_next(&q, 10)->text, SLICE_LIT("order-7")));
	serial = send_next(&q, 10);
	assert_int_not_equal(serial, 0);
	assert_null(questions_next(&q, 10));
	assert_int_equal(questions_due(&q), 2010);
	questions_tick(&q, 2009);
	assert_null(questions_next(&q, 2009));
	questions_tick(&q, 2010);		/* late: again */
	assert_int_equal(send_next(&q, 2010), serial);
	questions_unanswered(&q, 3000);		/* busy */
	assert_null(questions_next(&q, 2999));
	assert_int_equal(questions_due(&q), 3000);
	/* The late answer to what now waits again. */
	assert_false(questions_answered(&q, serial + 1, &tag));
	assert_false(questions_answered(&q, 0, &tag));
	assert_true(questions_answered(&q, serial, &tag));
	assert_int_equal(tag, 77);
	assert_false(questions_answered(&q, serial, &tag));
	assert_int_equal(q.count, 0);
	assert_int_equal(q.under_way, 0);
	questions_done(&q);
}

static void
is_bounded(void **state)
{
	struct questions q;
	uint64_t i, tag, sent = 0;

	(void)state;
	questions_init(&q);
	for (i = 0; i < QUESTIONS_MAX; i++)
		assert_int_equal(questions_add(&q, i, SLICE_LIT("x")), 0);
	assert_int_equal(questions_add(&q, i, SLICE_LIT("x")), -ENOBUFS);
	while (send_next(&q, 0))
		sent++;
	assert_int_equal(sent, QUESTIONS_UNDER_WAY);
	questions_forget(&q, 0);	/* one that is under way */
	questions_forget(&q, 4000);	/* and one that waits */
	questions_forget(&q, 99999);
	assert_int_equal(q.under_way, QUESTIONS_UNDER_WAY - 1);
	assert_int_equal(q.count, QUESTIONS_MAX - 2);
	assert_true(questions_answered(&q, 2, &tag));
	assert_int_equal(tag, 1);
	assert_int_not_equal(send_next(&q, 0), 0);
	questions_done(&q);
	assert_int_equal(q.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_until_answered),
		cmocka_unit_test(is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
