/* SPDX-License-Identifier: MIT */
/*
 * sse-doctor's judgement: answers are played to it byte by byte with times of
 * our own, one thing is made wrong, and that thing is found, and no other.
 */
#include "config.h"

#include "tools/judge.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tests/unit/unit.h"

enum { EVENTS = 15, EVERY_MS = 120, ASKED_MS = 1000 };

static struct seen seen;
static struct findings findings;

/* ---- playing ---- */

static void
play_header(struct answer *a, const char *line, int64_t at_ms)
{
	answer_take_header(a, line, strlen(line), at_ms);
}

static void
play_body(struct answer *a, const char *text, int64_t at_ms)
{
	assert_true(answer_take_body(a, text, strlen(text), at_ms));
}

static void
play_head(struct answer *a, const char *status, const char *type)
{
	char line[100];

	a->asked_ms = ASKED_MS;
	snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n", status);
	play_header(a, line, ASKED_MS + 5);
	snprintf(line, sizeof(line), "content-type: %s\r\n", type);
	play_header(a, line, ASKED_MS + 5);
	play_header(a, "Cache-Control: no-cache, no-transform\r\n", ASKED_MS);
	play_header(a, "X-Accel-Buffering: no\r\n", ASKED_MS);
	play_header(a, "Server: Apache/2.4.71 (Debian)\r\n", ASKED_MS);
	play_header(a, "\r\n", ASKED_MS);
}

static void
end(struct answer *a, enum answer_end how, int64_t at_ms)
{
	a->end = how;
	a->end_ms = at_ms;
}

static void
play_hello(struct answer *a, int64_t at_ms)
{
	play_body(a, ":\nretry: 3000\n\nevent: sse-probe\ndata: {\"probe\":"
		  "\"hello\",\"worker\":\"w1\",\"count\":15,\"every_ms\":120,"
		  "\"idle_ms\":500,\"heartbeat_ms\":15000,\"hub\":\"followed\","
		  "\"streams\":3,\"probes\":0,\"saw\":{\"SERVER_SOFTWARE\":"
		  "\"lighttpd\",\"HTTP_LAST_EVENT_ID\":\"sse-doctor\"}}\n\n",
		  at_ms);
}

static void
play_event(struct answer *a, const char *kind, int64_t since_ms, int64_t at_ms)
{
	char text[120];

	snprintf(text, sizeof(text), "event: sse-probe\ndata: {\"probe\":"
		 "\"%s\",\"n\":1,\"since_ms\":%lld}\n\n", kind,
		 (long long)since_ms);
	play_body(a, text, at_ms);
}

/* When an event that was sent then comes: the fault is in here. */
typedef int64_t passage(int64_t sent_ms);

static void
play_probe(struct answer *a, passage *comes)
{
	int64_t last_ms = EVENTS * EVERY_MS + 500;

	play_head(a, "200 OK", "text/event-stream");
	play_hello(a, comes(ASKED_MS));
	for (int i = 1; i <= EVENTS; i++)
		play_event(a, "event", i * EVERY_MS,
			   comes(ASKED_MS + i * EVERY_MS));
	play_event(a, "last", last_ms, comes(ASKED_MS + last_ms));
	end(a, ANSWER_WHOLE, comes(ASKED_MS + last_ms));
}

static int64_t
at_once(int64_t sent_ms)
{
	return sent_ms + 3;
}

static int64_t
at_the_end(int64_t sent_ms)
{
	(void)sent_ms;
	return ASKED_MS + EVENTS * EVERY_MS + 510;
}

static int64_t
by_the_second(int64_t sent_ms)
{
	return (sent_ms + 999) / 1000 * 1000;
}

static int64_t
with_a_stall(int64_t sent_ms)
{
	return sent_ms > ASKED_MS + 300 && sent_ms < ASKED_MS + 900 ?
	       ASKED_MS + 900 : sent_ms + 3;
}

static int64_t
from_far_away(int64_t sent_ms)
{
	return sent_ms + 700;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.url = "http://a/events/x";
	if (answer_init(&seen.page) < 0 || answer_init(&seen.plain) < 0 ||
	    answer_init(&seen.packed) < 0 || answer_init(&seen.silent) < 0 ||
	    answer_init(&seen.beating) < 0)
		return -1;
	play_head(&seen.page, "200 OK", "text/event-stream");
	end(&seen.page, ANSWER_WHOLE, ASKED_MS + 5);
	seen.gone = SEEN_GONE_NOTICED;
	seen.gone_ms = 3;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	answer_done(&seen.page);
	answer_done(&seen.plain);
	answer_done(&seen.packed);
	answer_done(&seen.silent);
	answer_done(&seen.beating);
	return 0;
}

static void
play_both(passage *comes)
{
	play_probe(&seen.plain, comes);
	play_probe(&seen.packed, comes);
}

/* ---- what is found ---- */

static const struct finding *
find(const char *check)
{
	for (unsigned i = 0; i < findings.count; i++)
		if (strcmp(findings.list[i].check, check) == 0)
			return &findings.list[i];
	unit_check(false, "no finding of %s", check);
	return NULL;
}

/* That check alone is a problem; NULL: none is. */
static void
expect(const char *check, int exit_code)
{
	judge(&seen, &findings);
	for (unsigned i = 0; i < findings.count; i++) {
		const struct finding *f = &findings.list[i];
		bool is_it = check != NULL && strcmp(f->check, check) == 0;

		unit_check((f->verdict == VERDICT_PROBLEM) == is_it, "%s: %s",
			   f->check, f->text);
	}
	assert_int_equal(findings_problems(&findings), check != NULL);
	assert_int_equal(findings_exit_code(&findings), exit_code);
}

static void
expect_verdict(const char *check, enum verdict verdict)
{
	unit_check(find(check)->verdict == verdict, "%s: %s", check,
		   find(check)->text);
}

static void
test_nothing_is_wrong(void **state)
{
	(void)state;
	play_both(at_once);
	expect(NULL, EX_OK);
	expect_verdict("buffering", VERDICT_OK);
	expect_verdict("gone", VERDICT_OK);
	expect_verdict("idle", VERDICT_NOT_CHECKED);
	assert_int_equal(findings.front, REMEDY_APACHE);
	assert_int_equal(findings.back, REMEDY_LIGHTTPD);
}

static void
test_events_are_held_back(void **state)
{
	(void)state;
	play_both(at_the_end);
	seen.gone = SEEN_GONE_NOT_TRIED;
	expect("buffering", EX_PROTOCOL);
	expect_verdict("compression", VERDICT_NOT_CHECKED);
	expect_verdict("gone", VERDICT_NOT_CHECKED);
}

static void
test_events_come_in_batches(void **state)
{
	(void)state;
	play_both(by_the_second);
	expect("buffering", EX_PROTOCOL);
	assert_non_null(strstr(find("buffering")->text, "in 3 batches"));
}

static void
test_a_busy_machine_is_no_fault(void **state)
{
	(void)state;
	play_both(with_a_stall);
	expect(NULL, EX_OK);
}

static void
test_a_long_way_is_no_fault(void **state)
{
	(void)state;
	play_both(from_far_away);
	expect(NULL, EX_OK);
}

static void
test_compression_holds_back(void **state)
{
	(void)state;
	play_probe(&seen.plain, at_once);
	play_header(&seen.packed, "HTTP/1.1 200 OK", 0);
	play_probe(&seen.packed, at_the_end);
	play_header(&seen.packed, "Content-Encoding: gzip\r\n", 0);
	expect("compression", EX_PROTOCOL);
}

static void
test_a_probe_is_cut(void **state)
{
	(void)state;
	play_probe(&seen.packed, at_once);
	play_head(&seen.plain, "200 OK", "text/event-stream");
	play_hello(&seen.plain, ASKED_MS + 3);
	for (int i = 1; i <= 5; i++)
		play_event(&seen.plain, "event", i * EVERY_MS,
			   ASKED_MS + i * EVERY_MS);
	end(&seen.plain, ANSWER_BROKEN, ASKED_MS + 700);
	expect("cut", EX_PROTOCOL);
}

static void
test_bad_answers(void **state)
{
	static const struct {
		const char *status, *type;
		int exit_code;
		enum remedy remedy;
	} rows[] = {
		{ "404 Not Found", "text/html", EX_UNAVAILABLE, REMEDY_MOUNT },
		{ "400 Bad Request", "text/html", EX_UNAVAILABLE,
		  REMEDY_MOUNT },
		{ "400 Bad Request", "text/plain", EX_UNAVAILABLE,
		  REMEDY_REFUSED },
		{ "204 No Content", "", EX_UNAVAILABLE, REMEDY_NONE },
		{ "401 Unauthorized", "text/html", EX_NOPERM, REMEDY_RIGHTS },
		{ "403 Forbidden", "text/html", EX_NOPERM, REMEDY_RIGHTS },
		{ "429 Too Many Requests", "text/plain", EX_TEMPFAIL,
		  REMEDY_REFUSED },
		{ "502 Bad Gateway", "text/html", EX_UNAVAILABLE,
		  REMEDY_WORKER },
		{ "503 Service Unavailable", "text/html", EX_UNAVAILABLE,
		  REMEDY_WORKER },
		{ "200 OK", "text/html", EX_UNAVAILABLE, REMEDY_MOUNT },
		{ "200 OK", "text/event-streams", EX_UNAVAILABLE,
		  REMEDY_MOUNT },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tear_down(state);
		set_up(state);
		play_head(&seen.plain, rows[i].status, rows[i].type);
		play_body(&seen.plain, "It is \x1b[31mwrong.\nReally.",
			  ASKED_MS);
		end(&seen.plain, ANSWER_WHOLE, ASKED_MS + 9);
		expect("status", rows[i].exit_code);
		assert_int_equal(find("status")->remedy, rows[i].remedy);
		assert_null(strchr(find("status")->text, '\x1b'));
		assert_null(strchr(find("status")->text, '\n'));
	}
}

static void
test_a_redirect_to_something_else(void **state)
{
	(void)state;
	play_header(&seen.plain, "HTTP/1.1 302 Found\r\n", ASKED_MS);
	play_header(&seen.plain, "Location: /login\r\n", ASKED_MS);
	play_head(&seen.plain, "200 OK", "text/html");
	end(&seen.plain, ANSWER_WHOLE, ASKED_MS + 9);
	expect("status", EX_UNAVAILABLE);
	assert_int_equal(find("status")->remedy, REMEDY_REDIRECT);
	assert_non_null(strstr(find("status")->text, "/login"));
}

static void
test_a_stream_for_later(void **state)
{
	(void)state;
	play_head(&seen.plain, "200 OK", "text/event-stream");
	play_body(&seen.plain, ":\nretry: 5000\n\n", ASKED_MS);
	end(&seen.plain, ANSWER_WHOLE, ASKED_MS + 9);
	expect("ready", EX_UNAVAILABLE);
	play_body(&seen.plain, "id: a-1\n\n", ASKED_MS);	/* it polls */
	expect(NULL, EX_OK);
	expect_verdict("buffering", VERDICT_NOTE);
}

static void
test_no_header_comes(void **state)
{
	(void)state;
	seen.plain.asked_ms = ASKED_MS;
	end(&seen.plain, ANSWER_DROPPED, ASKED_MS + 20000);
	expect("status", EX_UNAVAILABLE);
	assert_int_equal(find("status")->remedy, REMEDY_FLUSH);
	end(&seen.plain, ANSWER_BROKEN, ASKED_MS + 20000);
	expect("status", EX_UNAVAILABLE);
	assert_int_equal(find("status")->remedy, REMEDY_WORKER);
	end(&seen.plain, ANSWER_DROPPED, ASKED_MS + 20000);
	seen.page.status = 0;
	expect("status", EX_UNAVAILABLE);
	assert_int_equal(find("status")->remedy, REMEDY_WORKER);
}

static void
test_nobody_is_there(void **state)
{
	(void)state;
	seen.page.asked_ms = -1;
	end(&seen.page, ANSWER_NO_HOST, 5);
	expect("reach", EX_UNAVAILABLE);
	assert_int_equal(findings.count, 1);
}

static void
test_headers(void **state)
{
	static const struct {
		const char *line;
		enum verdict verdict;
	} rows[] = {
		{ "Cache-Control: max-age=60", VERDICT_PROBLEM },
		{ "Cache-Control: x-no-cache", VERDICT_PROBLEM },
		{ "Cache-Control: no-store", VERDICT_NOTE },
		{ "Cache-Control: NO-CACHE,no-transform", VERDICT_OK },
		{ "Cache-Control: private, no-cache=\"a\", no-transform",
		  VERDICT_OK },
	};

	(void)state;
	play_both(at_once);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		play_header(&seen.plain, rows[i].line, 0);
		judge(&seen, &findings);
		unit_check(find("headers")->verdict == rows[i].verdict, "%s",
			   rows[i].line);
	}
	seen.plain.has_accel = false;
	judge(&seen, &findings);
	expect_verdict("headers", VERDICT_NOTE);
	play_header(&seen.plain, "Server: nginx", 0);	/* which takes it */
	judge(&seen, &findings);
	expect_verdict("headers", VERDICT_OK);
}

static void
test_what_the_worker_tells(void **state)
{
	(void)state;
	play_both(at_once);
	strcpy(seen.plain.hello.last_id, "");
	expect("resume", EX_PROTOCOL);
	strcpy(seen.plain.hello.last_id, "sse-doctor");
	strcpy(seen.plain.hello.hub, "away");
	expect("hub", EX_UNAVAILABLE);
	strcpy(seen.plain.hello.hub, "none");
	expect(NULL, EX_OK);
	seen.page.status = 403;
	expect("page", EX_NOPERM);
	seen.page.status = 400;
	expect(NULL, EX_OK);
	expect_verdict("page", VERDICT_NOTE);
}

static void
test_streams_of_one_connection(void **state)
{
	(void)state;
	play_both(at_once);
	seen.plain.http = 20;
	seen.streams_asked = 10;
	seen.streams_served = 2;
	expect("http2", EX_PROTOCOL);
	seen.streams_served = 6;
	expect(NULL, EX_OK);
	expect_verdict("http2", VERDICT_NOTE);
	seen.streams_served = 10;
	expect(NULL, EX_OK);
	expect_verdict("http2", VERDICT_OK);
}

static void
test_how_leaving_is_noticed(void **state)
{
	(void)state;
	play_both(at_once);
	seen.gone = SEEN_GONE_NOT_NOTICED;
	expect("gone", EX_PROTOCOL);
	seen.gone = SEEN_GONE_NOT_TOLD;
	expect(NULL, EX_OK);
	expect_verdict("gone", VERDICT_NOT_CHECKED);
	seen.gone = SEEN_GONE_NOTICED;
	seen.gone_beats = 2;
	expect(NULL, EX_OK);
	expect_verdict("gone", VERDICT_NOTE);
	assert_non_null(strstr(find("gone")->text, "30 s later"));
}

static void
play_silence(struct answer *a, bool is_whole, int64_t lived_ms)
{
	answer_done(a);
	assert_int_equal(answer_init(a), 0);
	play_head(a, "200 OK", "text/event-stream");
	play_hello(a, ASKED_MS);
	if (is_whole)
		play_event(a, "last", lived_ms, ASKED_MS + lived_ms);
	end(a, is_whole ? ANSWER_WHOLE : ANSWER_BROKEN, ASKED_MS + lived_ms);
}

static void
test_silence(void **state)
{
	(void)state;
	play_both(at_once);
	seen.long_ms = 90000;
	play_silence(&seen.silent, true, 90000);
	play_silence(&seen.beating, true, 90000);
	expect(NULL, EX_OK);
	expect_verdict("idle", VERDICT_OK);
	play_silence(&seen.silent, false, 60000);
	expect(NULL, EX_OK);	/* heartbeats keep a real stream alive */
	play_silence(&seen.silent, false, 5000);
	play_silence(&seen.beating, false, 5000);
	expect("idle", EX_PROTOCOL);
	assert_non_null(strstr(find("idle")->text, "before the heartbeat"));
	play_silence(&seen.silent, false, 40000);
	play_silence(&seen.beating, false, 40000);
	expect("idle", EX_PROTOCOL);
	assert_non_null(strstr(find("idle")->text, "in spite of"));
}

static void
test_other_sites(void **state)
{
	(void)state;
	play_both(at_once);
	seen.origin = "https://b";
	expect("cors", EX_PROTOCOL);
	play_header(&seen.plain, "Access-Control-Allow-Origin: https://b", 0);
	expect(NULL, EX_OK);
	play_header(&seen.plain, "Access-Control-Allow-Origin: *", 0);
	expect(NULL, EX_OK);
}

static void
test_sockets(void **state)
{
	static const struct {
		enum seen_socket socket;
		bool user_is_out;
		int exit_code;
	} rows[] = {
		{ SEEN_SOCKET_NOT_TRIED, false, EX_OK },
		{ SEEN_SOCKET_NONE, false, EX_UNAVAILABLE },
		{ SEEN_SOCKET_HIDDEN, false, EX_OK },
		{ SEEN_SOCKET_NO_SOCKET, false, EX_UNAVAILABLE },
		{ SEEN_SOCKET_CLOSED, true, EX_UNAVAILABLE },
		{ SEEN_SOCKET_OPEN, true, EX_NOPERM },
		{ SEEN_SOCKET_OPEN, false, EX_OK },
		{ SEEN_SOCKET_FORBIDDEN, true, EX_NOPERM },
	};

	(void)state;
	play_both(at_once);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		seen.reach.socket = rows[i].socket;
		seen.reach.user_is_out = rows[i].user_is_out;
		expect(rows[i].exit_code ? "socket" : NULL, rows[i].exit_code);
	}
}

/* ---- streams without probes ---- */

static void
play_any(int pieces, int64_t end_ms)
{
	answer_done(&seen.plain);
	assert_int_equal(answer_init(&seen.plain), 0);
	play_head(&seen.plain, "200 OK", "text/event-stream");
	for (int i = 0; i < pieces; i++)
		play_body(&seen.plain, "data: x\n\n", ASKED_MS + i * 100);
	end(&seen.plain, ANSWER_DROPPED, ASKED_MS + end_ms);
}

static void
test_a_stream_without_probes(void **state)
{
	(void)state;
	play_any(3, 20000);
	expect(NULL, EX_OK);
	expect_verdict("buffering", VERDICT_OK);
	expect_verdict("probes", VERDICT_NOT_CHECKED);
	play_any(1, 20000);
	expect(NULL, EX_OK);
	expect_verdict("buffering", VERDICT_NOTE);
	play_any(0, 20000);
	expect("buffering", EX_PROTOCOL);
}

/* ---- what is hostile ---- */

static void
test_strange_events(void **state)
{
	static const char *const rows[] = {
		"", "x", "[]", "{}", "{\"probe\":7}", "{\"probe\":\"hello",
		"{\"probe\":\"event\",\"since_ms\":-5}",
		"{\"probe\":\"event\",\"since_ms\":1e300}",
		"{\"probe\":\"hello\",\"saw\":[],\"about\":3,\"hub\":{}}",
		"{\"probe\":\"hello\",\"hub\":\"\\u001b\\u00e4 a long one\"}",
	};

	(void)state;
	play_head(&seen.plain, "200 OK", "text/event-stream");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[200];

		snprintf(text, sizeof(text), "event: sse-probe\ndata: %s\n\n",
			 rows[i]);
		play_body(&seen.plain, text, ASKED_MS);
	}
	assert_string_equal(seen.plain.hello.hub, "??? a long ");
	for (int i = 0; i < 2 * ANSWER_MARKS_MAX; i++)
		play_event(&seen.plain, "event", 1, ASKED_MS + i);
	assert_int_equal(seen.plain.mark_count, ANSWER_MARKS_MAX);
	end(&seen.plain, ANSWER_BROKEN, ASKED_MS + 99);
	judge(&seen, &findings);
	assert_true(findings_problems(&findings) > 0);
}

static void
test_every_problem_has_a_remedy(void **state)
{
	static const struct remedy_place place = { "events", "events" };
	char out[REMEDY_TEXT_SIZE];

	(void)state;
	for (int i = REMEDY_NONE + 1; i < REMEDY_COUNT; i++) {
		const char *any = remedy_text((enum remedy)i, REMEDY_UNKNOWN,
					      &place, out, sizeof(out));

		unit_check(any != NULL, "remedy %d", i);
		assert_int_equal(any[strlen(any) - 1], '\n');
	}
	assert_int_equal(remedy_server_of("nginx"), REMEDY_NGINX);
	assert_int_equal(remedy_server_of("caddy/2"), REMEDY_CADDY);
	assert_int_equal(remedy_server_of(""), REMEDY_UNKNOWN);
}

static void
test_remedies_name_the_mount(void **state)
{
	static const struct {
		const char *url, *mount, *pattern;
	} rows[] = {
		{ "http://a.example/events/news", "events", "events" },
		{ "https://a.example:81/app/v1.2/news", "app/v1.2",
		  "app/v1\\.2" },
		{ "http://a.example/live?topic=a/b", "live", "live" },
		{ "http://a.example/live/?x=1&topic=a#b", "live", "live" },
		{ "http://a.example/live?last=3", "live", "live" },
		{ "http://a.example/live", "live", "live" },
		/* nothing that could be one */
		{ "http://a.example", "events", "events" },
		{ "http://a.example/", "events", "events" },
		{ "http://a.example?topic=/x/y", "events", "events" },
		{ "http://a.example/x\"y/news", "events", "events" },
		{ "http://a.example/x%0Ay/news", "events", "events" },
		{ "nonsense", "events", "events" },
	};
	char url[300], out[REMEDY_TEXT_SIZE];
	struct remedy_place place;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		remedy_place_of(rows[i].url, &place);
		unit_check(strcmp(place.mount, rows[i].mount) == 0,
			   "%s: %s", rows[i].url, place.mount);
		unit_check(strcmp(place.pattern, rows[i].pattern) == 0,
			   "%s: %s", rows[i].url, place.pattern);
	}
	/* The longest that fits, and one byte more. */
	for (int len = REMEDY_MOUNT_SIZE - 1; len <= REMEDY_MOUNT_SIZE; len++) {
		int at = snprintf(url, sizeof(url), "http://h/");

		memset(url + at, '.', (size_t)len);
		snprintf(url + at + len, sizeof(url) - (size_t)(at + len),
			 "/t");
		remedy_place_of(url, &place);
		assert_int_equal(place.mount[0],
				 len < REMEDY_MOUNT_SIZE ? '.' : 'e');
		for (int i = 0; i < REMEDY_COUNT * REMEDY_SERVER_COUNT; i++)
			(void)remedy_text((enum remedy)(i % REMEDY_COUNT),
					  (enum remedy_server)(i / REMEDY_COUNT),
					  &place, out, sizeof(out));
	}
	remedy_place_of("http://h/a.b/news", &place);
	assert_string_equal(remedy_text(REMEDY_COMPRESSION, REMEDY_APACHE,
					&place, out, sizeof(out)),
		"Leave streams alone with mod_deflate and mod_brotli:\n"
		"  SetEnvIf Request_URI \"^/a\\.b(/|$)\" no-gzip no-brotli\n");
	assert_non_null(strstr(remedy_text(REMEDY_MOUNT, REMEDY_APACHE, &place,
					   out, sizeof(out)),
			       "ProxyPass \"/a.b\" \"unix:"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_wrong),
		TEST(test_events_are_held_back),
		TEST(test_events_come_in_batches),
		TEST(test_a_busy_machine_is_no_fault),
		TEST(test_a_long_way_is_no_fault),
		TEST(test_compression_holds_back),
		TEST(test_a_probe_is_cut),
		TEST(test_bad_answers),
		TEST(test_a_redirect_to_something_else),
		TEST(test_a_stream_for_later),
		TEST(test_no_header_comes),
		TEST(test_nobody_is_there),
		TEST(test_headers),
		TEST(test_what_the_worker_tells),
		TEST(test_streams_of_one_connection),
		TEST(test_how_leaving_is_noticed),
		TEST(test_silence),
		TEST(test_other_sites),
		TEST(test_sockets),
		TEST(test_a_stream_without_probes),
		TEST(test_remedies_name_the_mount),
		TEST(test_strange_events),
		TEST(test_every_problem_has_a_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
