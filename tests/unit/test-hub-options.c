/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/limits.h"
#include "lib/base/siphash.h"
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

static uint64_t
text_of(const struct hub_config *c, struct buf *text)
{
	static const uint64_t key[2] = { 0 };

	buf_clear(text);
	assert_int_equal(hub_options_text(c, text), 0);
	return siphash13(key, buf_slice(text));
}

/* Whatever option there is, or will be: to change it changes the text. */
static void
tells_hubs_apart(void **state)
{
	static const char *const args[] = { "--max-event", "1k", NULL };
	struct hub_config c;
	struct buf text = { 0 };
	uint64_t plain, now;

	(void)state;
	assert_int_equal(configure(args, &c), 0);
	c.bus = (struct bus_address){ .path = "/run/x" };
	plain = text_of(&c, &text);
	assert_true(text_of(&c, &text) == plain);
	for (const struct option *o = hub_options(); o->name; o++) {
		union {
			char *text;
			uint64_t number;
			bool flag;
			struct option_texts texts;
		} saved, *target = o->target;
		static char *items[] = { (char *)(uintptr_t)"x", NULL };

		memset(&saved, 0, sizeof(saved));
		if (o->type == OPTION_TEXT) {
			saved.text = target->text;
			target->text = items[0];
		} else if (o->type == OPTION_TEXTS) {
			saved.texts = target->texts;
			target->texts = (struct option_texts){ items, 1, 0 };
		} else if (o->type == OPTION_FLAG || o->type == OPTION_ACTION) {
			saved.flag = target->flag;
			target->flag = !target->flag;
		} else {
			saved.number = target->number;
			target->number++;
		}
		now = text_of(&c, &text);
		if (o->type == OPTION_TEXT)
			target->text = saved.text;
		else if (o->type == OPTION_TEXTS)
			target->texts = saved.texts;
		else if (o->type == OPTION_FLAG || o->type == OPTION_ACTION)
			target->flag = saved.flag;
		else
			target->number = saved.number;
		unit_check(now != plain, "--%s", o->name);
	}
	assert_true(text_of(&c, &text) == plain);
	strcpy(c.bus.path, "/run/y");
	assert_true(text_of(&c, &text) != plain);
	strcpy(c.bus.path, "/run/x");
	strcpy(c.bus.curve.secret, "k");
	assert_true(text_of(&c, &text) != plain);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_bounds),
		cmocka_unit_test(reads_the_rest),
		cmocka_unit_test(tells_hubs_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
