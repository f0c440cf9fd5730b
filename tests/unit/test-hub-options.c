/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/options.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/limits.h"
#include "tests/unit/unit.h"

#define KIB UINT64_C(1024)

static char error[512];

/* Reads "NAME", "VALUE" pairs as a command line, from scratch. */
static int
configure(const char *const *args, struct hub_config *config)
{
	const struct option *tables[] = { hub_options(), NULL };
	const struct options o = { .tables = tables, .program = "test" };
	char *argv[32];
	int argc = 0, first, r;

	options_free(&o);
	argv[argc++] = (char *)(uintptr_t)"test";
	while (*args)
		argv[argc++] = (char *)(uintptr_t)*args++;
	argv[argc] = NULL;
	error[0] = '\0';
	r = options_command_line(&o, argc, argv, &first, error, sizeof(error));
	return r < 0 ? r : hub_options_config(config, error, sizeof(error));
}

static void
reads_bounds(void **state)
{
	static const struct {
		const char *history, *window;
		int want;
		struct store_limits kept, held;
	} rows[] = {
		{ NULL, NULL, 0, { 10000, 8192 * KIB, 3600000 },
		  { 10000, 8192 * KIB, 3600000 } },
		{ "5events", NULL, 0, { 5, 0, 0 }, { 5, 8192 * KIB, 3600000 } },
		{ "1h", NULL, 0, { 0, 0, 3600000 },
		  { 10000, 8192 * KIB, 3600000 } },
		{ "2h,50000events", NULL, 0, { 50000, 0, 7200000 },
		  { 10000, 8192 * KIB, 3600000 } },
		{ "64KiB", NULL, 0, { 0, 64 * KIB, 0 },
		  { 10000, 64 * KIB, 3600000 } },
		{ "2M,2m", "3events", 0, { 0, 2048 * KIB, 120000 },
		  { 3, 2048 * KIB, 120000 } },
		{ "500ms,7events,1k", NULL, 0, { 7, KIB, 500 }, { 7, KIB, 500 } },
		{ NULL, "9events", 0, { 10000, 8192 * KIB, 3600000 },
		  { 9, 8192 * KIB, 3600000 } },
		{ "100events,1h", "50events,1KiB", 0, { 100, 0, 3600000 },
		  { 50, KIB, 3600000 } },
		{ "10events", "20events", 0, { 10, 0, 0 }, { 10, 0, 0 } },
		{ "", NULL, -EINVAL, { 0 }, { 0 } },
		{ ",", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1h,", NULL, -EINVAL, { 0 }, { 0 } },
		{ "5", NULL, -EINVAL, { 0 }, { 0 } },
		{ "events", NULL, -EINVAL, { 0 }, { 0 } },
		{ "0events", NULL, -EINVAL, { 0 }, { 0 } },
		{ "-1events", NULL, -EINVAL, { 0 }, { 0 } },
		{ "0s", NULL, -EINVAL, { 0 }, { 0 } },
		{ "0k", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1h,2h", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1events,2events", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1k,2k", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1h, 2k", NULL, -EINVAL, { 0 }, { 0 } },
		{ "many", NULL, -EINVAL, { 0 }, { 0 } },
		{ "99999999999999999999events", NULL, -EINVAL, { 0 }, { 0 } },
		{ "1h", "x", -EINVAL, { 0 }, { 0 } },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		const char *args[5] = { NULL };
		struct hub_config c;
		size_t n = 0;
		int r;

		if (rows[i].history) {
			args[n++] = "--history";
			args[n++] = rows[i].history;
		}
		if (rows[i].window) {
			args[n++] = "--window";
			args[n++] = rows[i].window;
		}
		r = configure(args, &c);
		unit_check(r == rows[i].want, "row %zu gave %d: %s", i, r,
			   error);
		unit_check(!error[0] == !r, "row %zu: \"%s\"", i, error);
		if (r < 0)
			continue;
		unit_check(memcmp(&c.history, &rows[i].kept,
				  sizeof(c.history)) == 0, "row %zu", i);
		unit_check(memcmp(&c.window, &rows[i].held,
				  sizeof(c.window)) == 0, "row %zu: window", i);
	}
}

static void
reads_the_rest(void **state)
{
	static const char *const good[] = {
		"--store", "memory", "--source", "ipc:///a", "--source",
		"ipc:///b", "--max-event", "64KiB", "--sync", "1500ms",
		"--on-damage", "start-new", "--keep", "alarm/*=1", "--keep",
		"a=b=7", NULL,
	};
	static const char *const bad[][3] = {
		{ "--store", "var/lib/x", NULL },
		{ "--store", "", NULL },
		{ "--max-event", "0", NULL },
		{ "--max-event", "9MiB", NULL },
		{ "--keep", "x", NULL },
		{ "--keep", "x=", NULL },
		{ "--keep", "x=0", NULL },
		{ "--keep", "x=-1", NULL },
		{ "--keep", "x=100001", NULL },
		{ "--keep", "a/{=1", NULL },
		{ "--keep", "=1", NULL },
		{ "--sync", "never", NULL },
		{ "--sync", "0", NULL },
		{ "--sync", "2h", NULL },
		{ "--on-damage", "panic", NULL },
	};
	struct hub_config c;
	size_t i;

	(void)state;
	assert_int_equal(configure(good, &c), 0);
	assert_string_equal(c.store, "memory");
	assert_int_equal(c.sync_ms, 1500);
	assert_true(c.may_start_new);
	assert_int_equal(c.n_keeps, 2);
	assert_int_equal(c.keeps[0].keep, 1);
	assert_int_equal(c.keeps[0].kind, SELECTOR_SUBTREE);
	assert_true(slice_eq(c.keeps[1].selector, SLICE_LIT("a=b")));
	assert_int_equal(c.keeps[1].keep, 7);
	assert_int_equal(c.max_event, 64 * KIB);
	assert_int_equal(c.sources->count, 2);
	assert_string_equal(c.sources->items[1], "ipc:///b");
	assert_int_equal(c.lifeline, -1);
	assert_int_equal(c.ready, -1);
	for (i = 0; i < COUNT_OF(bad); i++) {
		unit_check(configure(bad[i], &c) == -EINVAL, "%s %s",
			   bad[i][0], bad[i][1]);
		assert_true(error[0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_bounds),
		cmocka_unit_test(reads_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
