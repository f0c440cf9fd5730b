/* SPDX-License-Identifier: MIT */
#include "lib/json/jsonline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char error[512];

static void
takes_data_as_it_stands(void **state)
{
	const struct {
		const char *line;
		const char *data;
	} rows[] = {
		{ "{\"data\":\"x\"}", "x" },
		{ "{\"data\":\"\"}", "" },
		{ "{\"data\":\"a\\nb\\u00e4\\ud83d\\ude00\"}",
		  "a\nb\xc3\xa4\xf0\x9f\x98\x80" },
		{ "{\"data\":null}", "null" },
		{ "{\"data\":true}", "true" },
		{ "{\"data\":1.10}", "1.10" },
		{ "{\"data\":-0.0e-2 }", "-0.0e-2" },
		{ "{\"data\":123456789012345678901234567890}",
		  "123456789012345678901234567890" },
		{ "{\"data\":[]}", "[]" },
		{ " { \"data\" : [ 1,\t{\"b\":2,\"a\":1} ] } ",
		  "[ 1,\t{\"b\":2,\"a\":1} ]" },
		{ "{\"data\":{\"}\":\"{\\\"]\"},\"topic\":\"t\"}",
		  "{\"}\":\"{\\\"]\"}" },
		{ "{\"topic\":\"}{\\\\\",\"retry\":null,\"data\":7}", "7" },
		{ "{\"d\\u0061ta\":8,\"topic\":\"t\"}", "8" },
	};
	struct jsonline j;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		r = jsonline_parse(rows[i].line, strlen(rows[i].line), &j,
				   error, sizeof(error));
		unit_check(r == 0, "%s: %s", rows[i].line, error);
		unit_check(j.data.len == strlen(rows[i].data) &&
			   memcmp(j.data.p, rows[i].data, j.data.len) == 0,
			   "%s gave %.*s", rows[i].line, (int)j.data.len,
			   j.data.p);
		jsonline_done(&j);
	}
}

static void
takes_every_member(void **state)
{
	static const char line[] =
	    "{\"id\":\"i\",\"private\":true,\"event\":\"e\",\"key\":\"k\","
	    "\"data\":\"a\\u0000b\",\"retry\":4294967295,\"topic\":\"t\"}";
	static const char nulls[] =
	    "{\"id\":null,\"private\":null,\"event\":null,\"key\":null,"
	    "\"retry\":null,\"topic\":null}";
	struct jsonline j;

	(void)state;
	assert_int_equal(jsonline_parse(line, sizeof(line) - 1, &j, error,
					sizeof(error)), 0);
	assert_string_equal(j.topic.p, "t");
	assert_string_equal(j.event.p, "e");
	assert_string_equal(j.id.p, "i");
	assert_string_equal(j.key.p, "k");
	assert_true(j.retry_ms == 4294967295);
	assert_int_equal(j.is_private, JSONLINE_PRIVATE_YES);
	assert_int_equal(j.data.len, 3);
	assert_memory_equal(j.data.p, "a\0b", 3);
	jsonline_done(&j);
	assert_int_equal(jsonline_parse(nulls, sizeof(nulls) - 1, &j, error,
					sizeof(error)), 0);
	assert_null(j.topic.p);
	assert_null(j.event.p);
	assert_null(j.id.p);
	assert_null(j.key.p);
	assert_null(j.data.p);
	assert_true(j.retry_ms == -1);
	assert_int_equal(j.is_private, JSONLINE_PRIVATE_ABSENT);
	jsonline_done(&j);
}

static void
refuses_and_says_why(void **state)
{
	const struct {
		const char *line;
		const char *words;
	} rows[] = {
		{ "", "not a JSON object" },
		{ "hello", "not a JSON object" },
		{ "1", "not a JSON object" },
		{ "\"data\"", "not a JSON object" },
		{ "[\"data\"]", "not a JSON object" },
		{ "{\"data\":1", "not a JSON object" },
		{ "{\"data\":1} x", "byte 12" },
		{ "{\"data\":1}{}", "not a JSON object" },
		{ "{'data':1}", "not a JSON object" },
		{ "{\"data\":1,}", "not a JSON object" },
		{ "{\"data\":01}", "not a JSON object" },
		{ "{\"data\":\"a\tb\"}", "control character" },
		{ "{\"data\":\"\\ud800\"}", "Unicode" },
		{ "{\"data\":1,\"data\":2}", "duplicate" },
		{ "{\"data\":1,\"d\\u0061ta\":2}", "duplicate" },
		{ "{\"data\":\"abc\xff\"}", "byte 12" },
		{ "{\"data\":\"\xed\xa0\x80\"}", "0xed" },
		{ "{\"data\":\"\xc0\x80\"}", "0xc0" },
		{ "{\"Data\":1}", "\"Data\"" },
		{ "{\"data\":1,\"time\":2}", "\"time\" (its value is byte 17" },
		{ "{\"topic\":7}", "\"topic\" (byte 9 of the line) must be text" },
		{ "{\"event\":[]}", "\"event\"" },
		{ "{\"id\":true}", "\"id\"" },
		{ "{\"key\":1}", "\"key\"" },
		{ "{\"topic\":\"ab\\u0000c\"}", "NUL as its byte 2" },
		{ "{\"topic\\u0000\":1}", "NUL" },
		{ "{\"retry\":-1}", "not -1" },
		{ "{\"retry\":4294967296}", "not 4294967296" },
		{ "{\"retry\":99999999999999999999999}", "\"retry\"" },
		{ "{\"retry\":1.0}", "not 1.0" },
		{ "{\"retry\":1e3}", "not 1e3" },
		{ "{\"retry\":\"1\"}", "not \"1\"" },
		{ "{\"also\":\"a\"}", "\"also\" (byte 8 of the line) must be a list" },
		{ "{\"also\":[1]}", "must be text" },
		{ "{\"also\":[\"a\\u0000\"]}", "NUL as its byte 1" },
		{ "{\"also\":[1,2,3,4,5,6,7,8,9,0]}", "at most 9 topics" },
		{ "{\"private\":1}", "true or false" },
	};
	struct jsonline j;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		r = jsonline_parse(rows[i].line, strlen(rows[i].line), &j,
				   error, sizeof(error));
		unit_check(r == -EINVAL, "%s gave %d", rows[i].line, r);
		unit_check(strstr(error, rows[i].words) != NULL, "%s: %s",
			   rows[i].line, error);
	}
}

/* Nothing short of the whole line is taken, and nothing crashes on it. */
static void
refuses_each_beginning(void **state)
{
	static const char line[] =
	    "{\"topic\":\"a\\u00e4\",\"data\":{\"x\":[1.5,\"\\\"}\"]},"
	    "\"retry\":3}";
	struct jsonline j;
	size_t len;
	char *exact;

	(void)state;
	for (len = 0; len < sizeof(line) - 1; len++) {
		exact = malloc(len + (len == 0));
		assert_non_null(exact);
		memcpy(exact, line, len);
		assert_int_equal(jsonline_parse(exact, len, &j, error,
						sizeof(error)), -EINVAL);
		free(exact);
	}
	assert_int_equal(jsonline_parse(line, len, &j, error, sizeof(error)),
			 0);
	jsonline_done(&j);
}

static void
bounds_the_depth(void **state)
{
	static char deep[100000];
	struct jsonline j;

	(void)state;
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"data\":", 8);
	assert_int_equal(jsonline_parse(deep, sizeof(deep), &j, error,
					sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "depth"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_data_as_it_stands),
		cmocka_unit_test(takes_every_member),
		cmocka_unit_test(refuses_and_says_why),
		cmocka_unit_test(refuses_each_beginning),
		cmocka_unit_test(bounds_the_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
