/* SPDX-License-Identifier: MIT */
#include "lib/base/list.h"

#include "tests/unit/unit.h"

struct item {
	int number;
	struct list node;
};

static void
check_order(struct list *head, const int *numbers, size_t count)
{
	struct list *node;
	size_t i = 0;

	for (node = head->next; node != head; node = node->next) {
		assert_true(i < count);
		assert_int_equal(list_entry(node, struct item, node)->number,
				 numbers[i++]);
		assert_ptr_equal(node->next->prev, node);
	}
	assert_int_equal(i, count);
	assert_true(list_is_empty(head) == (count == 0));
}

static void
keeps_the_order(void **state)
{
	struct item items[4] = { { .number = 0 }, { .number = 1 },
				 { .number = 2 }, { .number = 3 } };
	struct list head;
	size_t i;

	(void)state;
	list_init(&head);
	check_order(&head, NULL, 0);
	for (i = 0; i < 4; i++)
		list_add(&head, &items[i].node);
	check_order(&head, (int[]){ 0, 1, 2, 3 }, 4);
	list_del(&items[1].node);
	check_order(&head, (int[]){ 0, 2, 3 }, 3);
	list_del(&items[1].node);	/* harmless again */
	check_order(&head, (int[]){ 0, 2, 3 }, 3);
	list_del(&items[0].node);
	list_del(&items[3].node);
	check_order(&head, (int[]){ 2 }, 1);
	list_add(&head, &items[0].node);
	check_order(&head, (int[]){ 2, 0 }, 2);
	list_del(&items[2].node);
	list_del(&items[0].node);
	check_order(&head, NULL, 0);
}

static void
entry_is_found_from_its_node(void **state)
{
	struct item item = { .number = 7 };

	(void)state;
	list_init(&item.node);
	assert_ptr_equal(list_entry(&item.node, struct item, node), &item);
	list_del(&item.node);
	assert_true(list_is_empty(&item.node));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order),
		cmocka_unit_test(entry_is_found_from_its_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
