/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/store_memory.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"

#define EPOCH UINT64_C(78364164096)

/* A store that fails when it is told to; only what the core calls. */
struct flaky {
	struct store store;
	uint64_t appended, committed;
	int append_result, commit_result;
	struct frame last;	/* the header of the last record, read again */
	char header[FRAME_HEADER_MAX];
};

static int
flaky_append(struct store *s, const struct store_record *r)
{
	struct flaky *f = (struct flaky *)(void *)s;
	const char *why;
	struct slice parts[3];

	if (f->append_result < 0)
		return f->append_result;
	assert_int_equal(r->number, f->appended + 1);
	f->appended = r->number;
	memcpy(f->header, r->header.p, r->header.len);
	parts[0] = r->topic;
	parts[1] = (struct slice){ f->header, r->header.len };
	parts[2] = r->data;
	assert_int_equal(frame_parse(parts, 3, &f->last, &why), 0);
	return 0;
}

static int
flaky_commit(struct store *s, int64_t now_ms)
{
	struct flaky *f = (struct flaky *)(void *)s;

	(void)now_ms;
	if (f->commit_result < 0)
		f->appended = f->committed;
	else
		f->committed = f->appended;
	return f->commit_result;
}

static void
flaky_state(const struct store *s, struct store_state *ret_state)
{
	const struct flaky *f = (const struct flaky *)(const void *)s;

	*ret_state = (struct store_state){
		.epoch = EPOCH, .first = 1, .last = f->committed,
	};
}

static const struct store_ops flaky_ops = {
	.append = flaky_append, .commit = flaky_commit, .state = flaky_state,
};

static struct event
event(const char *topic, const char *data, const char *key)
{
	return (struct event){
		.topic = slice_of(topic), .data = slice_of(data),
		.key = slice_of(key),
	};
}

static struct core_answer
offer(struct core *c, struct event e)
{
	struct core_answer a;

	core_offer(c, &e, 1000, 1700000000000, &a);
	return a;
}

static void
numbers_without_holes(void **state)
{
	struct flaky f = { .store.ops = &flaky_ops };
	struct core_answer a;
	struct core c;
	unsigned i;

	(void)state;
	assert_int_equal(core_init(&c, &f.store, 1000), 0);
	for (i = 1; i <= 10; i++) {
		a = offer(&c, event("t", "d", NULL));
		assert_int_equal(a.class, ACK_OK);
		assert_true(a.is_new);
		assert_int_equal(a.number, i);
		/* A refused one takes no number. */
		a = offer(&c, event("", "d", NULL));
		assert_int_equal(a.class, ACK_EVENT);
		assert_false(a.is_new);
		if (i % 3 == 0)
			assert_int_equal(core_commit(&c, 1000), 0);
	}
	assert_int_equal(c.committed, 9);
	assert_int_equal(core_commit(&c, 1000), 0);
	assert_int_equal(core_commit(&c, 1000), 0);
	assert_int_equal(f.committed, 10);
	assert_int_equal(c.counts.taken, 10);
	assert_int_equal(c.counts.refused, 10);
	core_done(&c);
}

static void
keeps_all_that_was_published(void **state)
{
	struct flaky f = { .store.ops = &flaky_ops };
	struct event e = event("a/b", "data", "key");
	struct core c;

	(void)state;
	e.name = SLICE_LIT("name");
	e.id = SLICE_LIT("order-7");
	e.has_retry = true;
	e.retry_ms = 77;
	e.is_private = true;
	/* What a publisher claims to be its place means nothing. */
	e.epoch = 1;
	e.number = 99;
	e.time_ms = 5;
	assert_int_equal(core_init(&c, &f.store, 1000), 0);
	assert_int_equal(offer(&c, e).number, 1);
	assert_true(f.last.is_full && f.last.is_replayed);
	assert_true(slice_eq(f.last.event.name, e.name));
	assert_true(slice_eq(f.last.event.id, e.id));
	assert_true(slice_eq(f.last.event.key, e.key));
	assert_true(f.last.event.is_private && f.last.event.has_retry);
	assert_int_equal(f.last.event.retry_ms, 77);
	assert_int_equal(f.last.event.epoch, EPOCH);
	assert_int_equal(f.last.event.number, 1);
	assert_int_equal(f.last.event.time_ms, 1700000000000);
	core_done(&c);
}

static void
is_the_one_door(void **state)
{
	static const struct {
		struct event e;
		enum ack_class want;
	} rows[] = {
		{ { .topic = SLICE_LIT("t") }, ACK_OK },
		{ { .topic = SLICE_LIT("t\n") }, ACK_EVENT },
		{ { .topic = SLICE_LIT("$SYS/x") }, ACK_EVENT },
		{ { .topic = SLICE_LIT("\xff" "hb") }, ACK_EVENT },
		{ { .topic = SLICE_LIT("a/*") }, ACK_EVENT },
		{ { .topic = SLICE_LIT("t"), .name = SLICE_LIT("sse-gap") },
		  ACK_EVENT },
		{ { .topic = SLICE_LIT("t"), .name = SLICE_LIT("a\nid: 9") },
		  ACK_EVENT },
		{ { .topic = SLICE_LIT("t"), .id = SLICE_LIT("10000000-5") },
		  ACK_EVENT },
		{ { .topic = SLICE_LIT("t"), .data = SLICE_LIT("\xc3\x28") },
		  ACK_EVENT },
		{ { .topic = SLICE_LIT("t"), .data = SLICE_LIT("12345678") },
		  ACK_OK },
		{ { .topic = SLICE_LIT("t"), .data = SLICE_LIT("123456789") },
		  ACK_SIZE },
	};
	struct flaky f = { .store.ops = &flaky_ops };
	struct core_answer a;
	struct core c;
	size_t i;

	(void)state;
	assert_int_equal(core_init(&c, &f.store, 8), 0);
	for (i = 0; i < COUNT_OF(rows); i++) {
		a = offer(&c, rows[i].e);
		unit_check(a.class == rows[i].want, "row %zu: %s", i,
			   a.reason);
		assert_int_equal(a.reason[0] != '\0', a.class != ACK_OK);
	}
	core_done(&c);
}

static void
answers_a_repeated_key_with_the_first_number(void **state)
{
	struct flaky f = { .store.ops = &flaky_ops };
	struct event e = event("t", "d", "k2");
	struct core_answer a;
	struct core c;

	(void)state;
	assert_int_equal(core_init(&c, &f.store, 1000), 0);
	offer(&c, event("t", "d", "k1"));
	offer(&c, event("t", "d", "k2"));
	offer(&c, event("t", "d", NULL));
	/* In the same batch, and after the commit. */
	a = offer(&c, event("t", "d", "k2"));
	assert_int_equal(a.number, 2);
	assert_false(a.is_new);
	assert_int_equal(core_commit(&c, 1000), 0);
	a = offer(&c, event("other", "even other data", "k1"));
	assert_int_equal(a.number, 1);
	assert_int_equal(c.last, 3);
	assert_int_equal(c.counts.repeated, 2);
	/* After ten minutes it is another one. */
	core_offer(&c, &e, 1000 + 600001, 1700000000000, &a);
	assert_int_equal(a.number, 4);
	core_done(&c);
}

static void
takes_back_what_could_not_be_stored(void **state)
{
	struct flaky f = { .store.ops = &flaky_ops };
	struct core_answer a;
	struct core c;

	(void)state;
	assert_int_equal(core_init(&c, &f.store, 1000), 0);
	offer(&c, event("t", "d", "k1"));
	assert_int_equal(core_commit(&c, 1000), 0);

	/* One does not fit: the others of its batch do. */
	offer(&c, event("t", "d", "k2"));
	f.append_result = -ENOSPC;
	a = offer(&c, event("t", "d", "k3"));
	assert_int_equal(a.class, ACK_FULL);
	assert_false(a.is_new);
	f.append_result = 0;
	a = offer(&c, event("t", "d", "k3"));
	assert_int_equal(a.class, ACK_OK);
	assert_int_equal(a.number, 3);
	assert_true(a.is_new);

	/* The whole batch is not stored. */
	f.commit_result = -ENOSPC;
	assert_int_equal(core_commit(&c, 1000), -ENOSPC);
	core_unstored(&c, &a, -ENOSPC);
	assert_int_equal(a.class, ACK_FULL);
	assert_int_equal(c.last, 1);
	f.commit_result = 0;
	a = offer(&c, event("t", "d", "k3"));
	assert_true(a.is_new);
	assert_int_equal(a.number, 2);
	a = offer(&c, event("t", "d", "k1"));
	assert_int_equal(a.number, 1);
	assert_int_equal(core_commit(&c, 1000), 0);
	assert_int_equal(f.committed, 2);
	core_done(&c);
}

static void
goes_on_after_what_is_stored(void **state)
{
	struct flaky f = {
		.store.ops = &flaky_ops, .appended = 41, .committed = 41,
	};
	struct core c;

	(void)state;
	assert_int_equal(core_init(&c, &f.store, 1000), 0);
	assert_int_equal(offer(&c, event("t", "d", NULL)).number, 42);
	core_done(&c);
}

/* One run over a memory store with the n-th allocation failing; what is
 * refused for want of memory leaves no hole and can be sent again. */
static bool
run_with_fault(size_t n)
{
	const struct store_limits limits = { .events = 100 };
	struct store *store = NULL;
	struct core_answer a;
	uint64_t next = 1;
	bool failed;
	struct core c;
	char key[8];
	unsigned i;

	fault_arm(n);
	if (store_memory_new(&limits, NULL, 0, EPOCH, &store) < 0) {
		assert_true(fault_disarm());
		return true;
	}
	assert_int_equal(core_init(&c, store, 1000), 0);
	for (i = 0; i < 70; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		a = offer(&c, event(i % 2 ? "t" : "u", "d", key));
		assert_true(a.class == ACK_OK || a.class == ACK_FULL);
		if (a.class == ACK_FULL) {
			a = offer(&c, event(i % 2 ? "t" : "u", "d", key));
			assert_int_equal(a.class, ACK_OK);
		}
		assert_true(a.is_new);
		assert_int_equal(a.number, next++);
	}
	assert_int_equal(core_commit(&c, 1000), 0);
	failed = fault_disarm();
	core_done(&c);
	store_free(store);
	return failed;
}

static void
goes_on_without_memory(void **state)
{
	size_t n;

	(void)state;
	for (n = 1; run_with_fault(n); n++)
		continue;
	assert_true(n > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_without_holes),
		cmocka_unit_test(keeps_all_that_was_published),
		cmocka_unit_test(is_the_one_door),
		cmocka_unit_test(answers_a_repeated_key_with_the_first_number),
		cmocka_unit_test(takes_back_what_could_not_be_stored),
		cmocka_unit_test(goes_on_after_what_is_stored),
		cmocka_unit_test(goes_on_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
