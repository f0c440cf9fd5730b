/* SPDX-License-Identifier: MIT */
#include "lib/base/netfs.h"

#include "tests/unit/unit.h"

static void
knows_file_systems_of_networks(void **state)
{
	(void)state;
	assert_int_equal(netfs_of_type(0x6969), NETFS_REMOTE);
	assert_int_equal(netfs_of_type(0xff534d42), NETFS_REMOTE);
	/* as a signed f_type of 32 bits comes */
	assert_int_equal(netfs_of_type((unsigned long)(int)0xff534d42),
			 NETFS_REMOTE);
	assert_int_equal(netfs_of_type(0x65735546), NETFS_MAYBE);
	assert_int_equal(netfs_of_type(0xef53), NETFS_LOCAL);
	assert_int_equal(netfs_of_type(0x01021994), NETFS_LOCAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_file_systems_of_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
