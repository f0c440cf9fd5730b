/* SPDX-License-Identifier: MIT */
/*
 * The fan-out, one property after the other; test-fcgi-fanout-random mixes
 * them. Every test runs with each back-end of the loop.
 */
#include "config.h"

#include "tests/unit/fanout_rig.h"

static struct rig rig;
static struct page pages[400];

/* A page that is open, greeted, and at the head. */
static struct page *
follow(size_t i, const char *key)
{
	page_follow(&rig, &pages[i], key);
	return &pages[i];
}

static void
settle(size_t count)
{
	rig_settle(&rig, pages, count);
}

static void
end(size_t count)
{
	for (size_t i = 0; i < count; i++)
		page_close(&pages[i]);
	rig_pump(&rig);
	rig_pump(&rig);
	assert_int_equal(fanout_count(rig.fanout), 0);
	rig_end(&rig);
}

static void
begin(void)
{
	struct fanout_config config = rig_config();

	rig_begin_live(&rig, &config);
}

static void
begin_window(uint64_t events)
{
	struct fanout_config config = rig_config();

	config.window.events = events;
	rig_begin_live(&rig, &config);
}

/* ---- live ---- */

static void
a_stream_begins_with_header_retry_and_position(void **state)
{
	struct page *p;

	(void)state;
	begin();
	rig_topic(&rig, "a");
	p = follow(0, "-a\n");
	settle(1);
	assert_non_null(strstr(p->header.p, "Status: 200 OK\r\n"));
	assert_non_null(strstr(p->header.p,
			       "Content-Type: text/event-stream\r\n"));
	assert_int_equal(p->decode.retry_ms, 3000);
	assert_string_equal(page_last_id(p), rig_id(&rig, 1));
	assert_int_equal(p->records, 1);
	assert_int_equal(p->count, 0);
	end(1);
}

static void
events_arrive_in_order_at_those_who_asked(void **state)
{
	static const char *const keys[] = {
		"-a\n", "-b\n", "-a\n-b\n", "-*\n", "-n/*\n", "-n/{x}\n",
		"-n/a\n-{x}\n",
	};
	static const char *const stories[] = {
		"1 4 7 10", "2 5 8", "1 2 4 5 7 8 10",
		"1 2 3 4 5 6 7 8 9 10", "3 6 9", "3 9", "1 2 3 4 5 7 8 9 10",
	};
	static const char *const topics[] = {
		"a", "b", "n/a", "a", "b", "n/a/b", "a", "b", "n/a", "a",
	};

	(void)state;
	begin();
	for (size_t i = 0; i < 280; i++)
		follow(i, keys[i % COUNT_OF(keys)]);
	assert_int_equal(fanout_count(rig.fanout), 280);
	for (size_t i = 0; i < COUNT_OF(topics); i++) {
		rig_topic(&rig, topics[i]);
		if (i % 3 == 0)
			settle(280);
	}
	settle(280);
	for (size_t i = 0; i < 280; i++)
		assert_story(&pages[i], stories[i % COUNT_OF(keys)]);
	assert_string_equal(pages[0].got[3].id, rig_id(&rig, 10));
	end(280);
}

static void
another_request_id_is_in_every_record(void **state)
{
	struct page *p = &pages[0];

	(void)state;
	begin();
	page_open(&rig, p, (struct page_request){ .key = "-a\n", .id = 777 });
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-a\n", .id = 65535, .send_room = 5000 });
	settle(1);
	rig_topic(&rig, "a");
	settle(1);
	for (int i = 0; i < 20; i++)	/* several records in one piece */
		rig_big(&rig, "a", 20000);
	rig_big(&rig, "a", 200000);
	settle(1);
	assert_run(p, 0, 1, 22);
	settle(2);
	assert_run(&pages[1], 0, 1, 22);
	end(2);
}

static void
private_events_go_to_those_who_are_granted_them(void **state)
{
	(void)state;
	begin();
	follow(0, "-a\n");
	follow(1, "+a\n");
	follow(2, "-a\n+b\n");
	follow(3, "+*\n");
	for (int i = 0; i < 6; i++)
		rig_publish(&rig, (struct rig_event){
			.topic = i % 2 ? "b" : "a", .is_private = i / 2 == 1 });
	rig_publish(&rig, (struct rig_event){
		.topic = "private/x", .is_private = true });
	settle(4);
	assert_story(&pages[0], "1 5");
	assert_story(&pages[1], "1 3 5");
	assert_story(&pages[2], "1 2 4 5 6");
	assert_story(&pages[3], "1 2 3 4 5 6");
	/* and the same from the log */
	page_after(&rig, &pages[4], "-a\n+b\n", rig_id(&rig, 0));
	page_open(&rig, &pages[5], (struct page_request){
		.key = "-*\n", .from = FROM_LAST, .last_n = 2 });
	page_open(&rig, &pages[6], (struct page_request){
		.key = "+a\n-b\n", .from = FROM_EARLIEST });
	settle(7);
	assert_story(&pages[4], "1 2 4 5 6");
	assert_story(&pages[5], "1 2 5 6");
	assert_story(&pages[6], "1 2 3 5 6");
	end(7);
}

static const size_t big_sizes[] = {
	0, 65400, 3, 65500, 65510, 65520, 65530, 65535, 65536, 70000, 1, 2,
	200000, 131072, 5, 30000, 30000, 30000, 65000, 100, 400, 1 << 20, 7,
};

/* Whatever is merged into one write, records stay whole and full. */
static void
events_of_all_sizes_are_merged_into_valid_records(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 4; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = "-a\n", .id = i % 2 ? 9 : 1,
			.send_room = i / 2 ? 5000 : 0 });
	for (size_t i = 0; i < COUNT_OF(big_sizes); i++)
		rig_big(&rig, "a", big_sizes[i]);
	settle(4);
	for (size_t i = 0; i < 4; i++) {
		assert_run(&pages[i], 0, 1, COUNT_OF(big_sizes));
		for (size_t n = 0; n < COUNT_OF(big_sizes); n++)
			if (big_sizes[n] > 10)
				assert_int_equal(pages[i].got[n].len,
						 big_sizes[n]);
		assert_true(pages[i].largest <= RECORD_CONTENT_MAX);
	}
	end(4);
}

static void
a_burst_of_small_events_is_one_record(void **state)
{
	struct page *p;

	(void)state;
	begin();
	p = follow(0, "-a\n");
	settle(1);
	for (int i = 0; i < 100; i++)
		rig_topic(&rig, "a");
	settle(1);
	assert_run(p, 0, 1, 100);
	assert_int_equal(p->records, 2);
	end(1);
}

/* The log holds 10; who is at the head misses nothing of it. */
static void
a_burst_larger_than_the_window_reaches_the_head(void **state)
{
	(void)state;
	begin_window(10);
	for (size_t i = 0; i < 3; i++)
		follow(i, i ? "-*\n" : "-a\n");
	settle(3);
	for (int i = 0; i < 1000; i++)
		rig_topic(&rig, "a");
	settle(3);
	for (size_t i = 0; i < 3; i++)
		assert_run(&pages[i], 0, 1, 1000);
	end(3);
}

/* ---- resuming ---- */

static void
publish_ten(void)
{
	for (int i = 0; i < 10; i++)
		rig_publish(&rig, (struct rig_event){
			.topic = i % 2 ? "b" : "a",
			.id = i == 4 ? "mine" : NULL });
}

static void
an_id_resumes_after_it(void **state)
{
	(void)state;
	begin();
	publish_ten();
	page_after(&rig, &pages[0], "-a\n", rig_id(&rig, 3));
	page_after(&rig, &pages[1], "-b\n", rig_id(&rig, 3));
	page_after(&rig, &pages[2], "-*\n", rig_id(&rig, 0));
	page_after(&rig, &pages[3], "-*\n", rig_id(&rig, 10));
	page_after(&rig, &pages[4], "-*\n", "mine");
	settle(5);
	assert_int_equal(rig.question_count, 0);
	assert_story(&pages[0], "5 7 9");
	assert_story(&pages[1], "4 6 8 10");
	assert_story(&pages[2], "1 2 3 4 5 6 7 8 9 10");
	assert_story(&pages[3], "");
	assert_string_equal(page_last_id(&pages[3]), rig_id(&rig, 10));
	assert_story(&pages[4], "6 7 8 9 10");
	assert_string_equal(pages[0].got[0].id, "mine");
	rig_topic(&rig, "a");
	settle(5);
	assert_story(&pages[0], "5 7 9 11");
	assert_story(&pages[1], "4 6 8 10");
	assert_story(&pages[3], "11");
	end(5);
}

/* The first record echoes the id, so that a cut before the first event loses
 * nothing. */
static void
a_resumed_stream_says_where_it_is(void **state)
{
	(void)state;
	begin();
	publish_ten();
	page_after(&rig, &pages[0], "-c\n", "mine");
	settle(1);
	assert_string_equal(page_last_id(&pages[0]), "mine");
	end(1);
}

static void
earliest_gets_everything_kept(void **state)
{
	(void)state;
	begin_window(4);
	publish_ten();
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .from = FROM_EARLIEST });
	settle(1);
	assert_story(&pages[0], "7 8 9 10");
	end(1);
}

static void
last_gets_the_newest_of_each_topic(void **state)
{
	(void)state;
	begin();
	publish_ten();
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .from = FROM_LAST, .last_n = 2 });
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-b\n", .from = FROM_LAST, .last_n = 1 });
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-c\n", .from = FROM_LAST, .last_n = 3 });
	settle(3);
	rig_topic(&rig, "b");
	settle(3);
	assert_story(&pages[0], "7 8 9 10 11");
	assert_story(&pages[1], "10 11");
	assert_story(&pages[2], "");
	assert_string_equal(page_last_id(&pages[2]), rig_id(&rig, 10));
	end(3);
}

static void
what_the_log_has_no_more_is_told(void **state)
{
	(void)state;
	begin_window(4);
	publish_ten();
	page_after(&rig, &pages[0], "-a\n", rig_id(&rig, 3));
	/* of b and c nothing after that is gone */
	page_after(&rig, &pages[1], "-b\n", rig_id(&rig, 6));
	page_after(&rig, &pages[2], "-c\n", rig_id(&rig, 1));
	settle(3);
	assert_story(&pages[0], "gap 7 9");
	assert_non_null(strstr(pages[0].got[0].text, "\"trimmed\""));
	assert_non_null(strstr(pages[0].got[0].text, rig_id(&rig, 3)));
	assert_string_equal(pages[0].got[0].id, rig_id(&rig, 6));
	assert_story(&pages[1], "8 10");
	assert_story(&pages[2], "");
	assert_string_equal(page_last_id(&pages[2]), rig_id(&rig, 1));
	end(3);
}

static uint64_t
ask_of(const char *id)
{
	for (unsigned i = 0; i < rig.question_count; i++)
		if (strcmp(rig.questions[i].id, id) == 0)
			return rig.questions[i].tag;
	fail_msg("%s was not asked", id);
	return 0;
}

static void
an_unknown_id_is_asked_of_the_hub(void **state)
{
	static const char stranger[] = "zzzzzzzz-5";

	(void)state;
	begin_window(4);
	publish_ten();
	page_after(&rig, &pages[0], "-a\n", stranger);
	page_after(&rig, &pages[1], "-a\n", "no such");
	settle(2);
	assert_int_equal(rig.question_count, 2);
	/* the header says where it begins, so it waits */
	assert_false(pages[0].has_header || pages[1].has_header);
	assert_string_equal(page_last_id(&pages[0]), "");
	rig_topic(&rig, "a");
	settle(2);
	assert_story(&pages[0], "");
	fanout_resolved(rig.fanout, ask_of(stranger), false, 0, 0);
	fanout_resolved(rig.fanout, ask_of("no such"), true, rig.epoch, 8);
	settle(2);
	assert_story(&pages[0], "gap 9 11");
	assert_non_null(strstr(pages[0].header.p,
			       "\r\nLast-Event-ID: earliest\r\n"));
	assert_non_null(strstr(pages[1].header.p,
			       "\r\nLast-Event-ID: no such\r\n"));
	assert_non_null(strstr(pages[0].got[0].text, "\"after\":null"));
	assert_non_null(strstr(pages[0].got[0].text, "\"unknown\""));
	assert_string_equal(pages[0].got[0].id, rig_id(&rig, 7));
	assert_story(&pages[1], "9 11");
	assert_string_equal(pages[1].got[0].id, rig_id(&rig, 9));
	/* answered: nobody has to be told to forget it */
	assert_false(rig.questions[0].is_forgotten);
	assert_false(rig.questions[1].is_forgotten);
	/* a late answer to nobody */
	fanout_resolved(rig.fanout, ask_of(stranger), true, rig.epoch, 1);
	fanout_resolved(rig.fanout, 12345, true, rig.epoch, 1);
	end(2);
}

static void
an_id_ahead_of_us_waits_for_the_log(void **state)
{
	(void)state;
	begin();
	publish_ten();
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 12));
	page_after(&rig, &pages[1], "-*\n", rig_id(&rig, 11));
	page_after(&rig, &pages[2], "-*\n", "not here yet");
	settle(3);
	assert_int_equal(rig.question_count, 3);
	fanout_resolved(rig.fanout, ask_of(rig_id(&rig, 12)), true, rig.epoch,
			12);
	settle(3);
	rig_topic(&rig, "a");
	settle(3);
	/* the log itself has answered this one */
	assert_true(rig.questions[1].is_forgotten);
	assert_string_equal(page_last_id(&pages[1]), rig_id(&rig, 11));
	rig_publish(&rig, (struct rig_event){
		.topic = "a", .id = "not here yet" });
	rig_topic(&rig, "a");
	settle(3);
	assert_story(&pages[0], "13");
	assert_story(&pages[1], "12 13");
	assert_story(&pages[2], "13");
	assert_false(rig.questions[0].is_forgotten);
	assert_true(rig.questions[2].is_forgotten);
	end(3);
}

/* Ahead of us, and then there is a new log: what we never had is told. */
static void
an_id_ahead_of_a_log_that_ended_is_told(void **state)
{
	const char *ahead;

	(void)state;
	begin();
	publish_ten();
	ahead = rig_id(&rig, 12);
	page_after(&rig, &pages[0], "-*\n", ahead);
	settle(1);
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true, .after_epoch = rig.epoch,
		.after_number = 10, .epoch = rig.epoch + 1, .resumed_at = 0,
		.reason = "restarted" });
	rig.epoch++;
	rig.number = 0;
	rig_topic(&rig, "a");
	settle(1);
	assert_story(&pages[0], "gap 1");
	assert_true(rig.questions[0].is_forgotten);
	end(1);
}

/* A hub answers and is gone before we had its log: the next one is asked. */
static void
an_answer_about_a_log_that_never_came_is_asked_again(void **state)
{
	(void)state;
	begin();
	publish_ten();
	page_after(&rig, &pages[0], "-*\n", "own id");
	page_after(&rig, &pages[1], "-*\n", "other id");
	page_after(&rig, &pages[2], "-*\n", "third id");
	settle(3);
	fanout_resolved(rig.fanout, ask_of("own id"), true, rig.epoch + 1, 3);
	fanout_resolved(rig.fanout, ask_of("other id"), true, rig.epoch + 2, 0);
	fanout_resolved(rig.fanout, ask_of("third id"), true, rig.epoch + 1, 3);
	settle(3);
	assert_int_equal(rig.question_count, 3);
	rig.question_count = 0;
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true, .after_epoch = rig.epoch,
		.after_number = 10, .epoch = rig.epoch + 2, .resumed_at = 0,
		.reason = "restarted" });
	/* the one whose answer is about this log is not asked for again */
	assert_int_equal(rig.question_count, 2);
	rig.epoch += 2;
	rig.number = 0;
	fanout_resolved(rig.fanout, ask_of("own id"), false, 0, 0);
	rig_topic(&rig, "a");
	settle(3);
	/* everything kept, which ends with the gap between the two logs */
	assert_int_equal(pages[0].count, 1 + 10 + 1 + 1);
	assert_non_null(strstr(pages[0].got[0].text, "\"unknown\""));
	assert_story(&pages[1], "1");
	assert_story(&pages[2], "");
	/* no room for the question: it is to come back later */
	rig.ask_result = -ENOBUFS;
	fanout_resolved(rig.fanout, ask_of("third id"), true, rig.epoch + 7, 3);
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true, .after_epoch = rig.epoch,
		.after_number = 1, .epoch = rig.epoch + 1, .resumed_at = 0,
		.reason = "restarted" });
	rig.epoch++;
	rig.number = 0;
	settle(3);
	assert_true(pages[2].is_ended && pages[2].is_closed);
	assert_true(pages[2].decode.retry_ms >= 3000);
	end(3);
}

static void
a_question_ends_with_its_stream(void **state)
{
	(void)state;
	begin();
	page_after(&rig, &pages[0], "-a\n", "x");
	page_close(&pages[0]);
	rig_pump(&rig);
	assert_true(rig.questions[0].is_forgotten);
	fanout_resolved(rig.fanout, rig.questions[0].tag, true, rig.epoch, 0);
	/* the hub has no room for questions: come back later */
	rig.ask_result = -ENOBUFS;
	page_after(&rig, &pages[0], "-a\n", "x");
	settle(1);
	assert_true(pages[0].is_ended && pages[0].is_closed);
	assert_true(pages[0].decode.retry_ms >= 3000);
	end(1);
}

/* Until the log is complete nobody knows where to begin. */
static void
streams_wait_for_the_first_complete_log(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	rig_begin(&rig, &config);
	page_open(&rig, &pages[0], (struct page_request){ .key = "-a\n" });
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-a\n", .from = FROM_EARLIEST });
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-*\n", .from = FROM_LAST, .last_n = 1 });
	page_after(&rig, &pages[3], "-a\n", rig_id(&rig, 2));
	page_after(&rig, &pages[4], "-a\n", "nowhere");
	page_open(&rig, &pages[5], (struct page_request){
		.key = "-a\n", .from = FROM_UNKNOWN });
	settle(6);
	fanout_gap(rig.fanout, &(struct follower_gap){
		.epoch = rig.epoch, .resumed_at = 0, .reason = "trimmed" });
	rig.age_ms = 60000;
	publish_ten();
	rig.age_ms = -1000;	/* since the streams opened */
	rig_topic(&rig, "a");
	fanout_state(rig.fanout, FOLLOWER_REPAIRING);
	fanout_resolved(rig.fanout, ask_of("nowhere"), false, 0, 0);
	settle(6);
	for (size_t i = 0; i < 6; i++) {
		assert_true(pages[i].has_header);
		assert_int_equal(pages[i].decode.retry_ms, 3000);
		assert_string_equal(page_last_id(&pages[i]), "");
		assert_story(&pages[i], "");
	}
	fanout_state(rig.fanout, FOLLOWER_LIVE);
	settle(6);
	rig_topic(&rig, "a");
	settle(6);
	assert_story(&pages[0], "11 12");
	assert_story(&pages[1], "1 3 5 7 9 11 12");
	assert_story(&pages[2], "10 11 12");
	assert_story(&pages[3], "3 5 7 9 11 12");
	assert_story(&pages[4], "gap 1 3 5 7 9 11 12");
	assert_story(&pages[5], "gap 1 3 5 7 9 11 12");
	end(6);
}

/* ---- the log has a hole, or is another ---- */

static void
a_hole_is_told_once_to_everybody(void **state)
{
	(void)state;
	begin();
	follow(0, "-a\n");
	follow(1, "-nothing\n");
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-*\n", .send_room = 5000 });
	publish_ten();
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true, .after_epoch = rig.epoch,
		.after_number = 10, .epoch = rig.epoch, .resumed_at = 20,
		.reason = "trimmed" });
	rig.number = 20;
	publish_ten();
	settle(3);
	page_after(&rig, &pages[3], "-b\n", rig_id(&rig, 8));
	page_after(&rig, &pages[4], "-b\n", rig_id(&rig, 15));
	page_after(&rig, &pages[5], "-b\n", rig_id(&rig, 20));
	settle(6);
	assert_story(&pages[0], "1 3 5 7 9 gap 21 23 25 27 29");
	assert_story(&pages[1], "gap");
	assert_story(&pages[2], "1 2 3 4 5 6 7 8 9 10 gap 21 22 23 24 25 26 "
		     "27 28 29 30");
	assert_story(&pages[3], "10 gap 22 24 26 28 30");
	assert_story(&pages[4], "gap 22 24 26 28 30");
	assert_story(&pages[5], "22 24 26 28 30");
	assert_string_equal(pages[0].got[5].id, rig_id(&rig, 20));
	assert_non_null(strstr(pages[0].got[5].text, "\"trimmed\""));
	assert_non_null(strstr(pages[0].got[5].text, rig_id(&rig, 10)));
	end(6);
}

static void
another_log_is_told_once_to_everybody(void **state)
{
	const char *before;

	(void)state;
	begin();
	follow(0, "-a\n");
	publish_ten();
	settle(1);
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true, .after_epoch = rig.epoch,
		.after_number = 10, .epoch = rig.epoch + 1, .resumed_at = 0,
		.reason = "restarted" });
	rig.epoch++;
	rig.number = 0;
	publish_ten();
	settle(1);
	assert_story(&pages[0], "1 3 5 7 9 gap 1 3 5 7 9");
	assert_string_equal(pages[0].got[5].id, rig_id(&rig, 0));
	assert_non_null(strstr(pages[0].got[5].text, "\"restarted\""));
	rig.epoch--;
	before = rig_id(&rig, 10);
	assert_non_null(strstr(pages[0].got[5].text, before));
	/* an id of the log before is still good for what followed it */
	page_after(&rig, &pages[1], "-a\n", rig_id(&rig, 7));
	settle(2);
	assert_story(&pages[1], "9 gap 1 3 5 7 9");
	end(2);
}

/* ---- slow readers ---- */

static void
a_stalled_reader_gets_everything_that_is_kept(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 3; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = i ? "-a\n" : "-*\n", .send_room = 5000,
			.id = i == 2 ? 3 : 1 });
	for (int i = 0; i < 900; i++) {
		rig_topic(&rig, "a");
		if (i % 7 == 0)
			rig_pump(&rig);
	}
	settle(3);
	for (size_t i = 0; i < 3; i++)
		assert_run(&pages[i], 0, 1, 900);
	/* and it is at the head again */
	rig_topic(&rig, "a");
	settle(3);
	for (size_t i = 0; i < 3; i++)
		assert_run(&pages[i], 0, 1, 901);
	end(3);
}

/*
 * A reader that lags by more than the window. Either it was in the middle of
 * an event when that left, then it is cut; or it gets one gap and what
 * follows. What arrives before has no hole in any case.
 */
static void
check_lagging(const struct page *p, uint64_t kept_from, uint64_t last,
	      size_t *ret_gaps)
{
	size_t n = 0;

	while (n < p->count && !p->got[n].is_gap) {
		assert_int_equal(p->got[n].number, n + 1);
		n++;
	}
	*ret_gaps = n < p->count;
	if (n == p->count) {
		assert_true(p->is_closed && !p->is_ended);
		return;
	}
	assert_non_null(strstr(p->got[n].text, "\"slow\""));
	assert_string_equal(p->got[n].id, rig_id(&rig, kept_from - 1));
	assert_non_null(strstr(p->got[n].text, rig_id(&rig, n)));
	assert_run(p, n + 1, kept_from, last);
}

static void
a_stalled_reader_is_told_or_cut_when_the_log_moves_on(void **state)
{
	size_t gaps = 0, cuts = 0;

	(void)state;
	/* Small events fill a socket one by one, large ones in the middle. */
	for (size_t size = 1; size < 120000; size += size / 3 + 37) {
		size_t had;

		begin_window(20);
		page_open(&rig, &pages[0], (struct page_request){
			.key = "-*\n", .send_room = 5000 });
		for (uint64_t i = 0; i < 200; i++) {
			rig_big(&rig, "a", size);
			rig_pump(&rig);
		}
		settle(1);
		check_lagging(&pages[0], 181, 200, &had);
		gaps += had;
		cuts += !had;
		assert_int_equal(fanout_get_stats(rig.fanout)->cut, !had);
		end(1);
	}
	assert_true(gaps > 0 && cuts > 0);
}

/* Of what it did not ask for, nothing is missed. */
static void
a_lagging_reader_is_not_told_of_other_topics(void **state)
{
	(void)state;
	begin_window(20);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-a\n", .send_room = 5000 });
	for (int i = 0; i < 12; i++) {
		rig_big(&rig, "a", 1000);
		rig_pump(&rig);
	}
	for (int i = 0; i < 8; i++)
		rig_topic(&rig, "b");
	settle(1);
	assert_run(&pages[0], 0, 1, 12);
	for (int i = 0; i < 100; i++)
		rig_topic(&rig, "b");
	rig_topic(&rig, "a");
	settle(1);
	assert_int_equal(pages[0].count, 13);
	assert_int_equal(pages[0].got[12].number, 121);
	end(1);
}

/* The socket is full at any place of what is written: nothing is written
 * twice, and nothing left out. */
static void
a_full_socket_loses_nothing(void **state)
{
	(void)state;
	for (size_t filled = 0; filled < 9000; filled += 61) {
		const struct page_request requests[] = {
			{ .key = "-*\n" },
			{ .key = "-*\n", .from = FROM_LAST, .last_n = 3 },
			{ .key = "-*\n", .from = FROM_ID, .after = "mine" },
			{ .key = "-*\n", .from = FROM_UNKNOWN },
			{ .key = "-*\n", .from = FROM_EARLIEST, .id = 2 },
		};
		static const char *const stories[] = {
			"11", "5 6 7 8 9 10 11", "6 7 8 9 10 11",
			"gap 1 2 3 4 5 6 7 8 9 10 11",
			"1 2 3 4 5 6 7 8 9 10 11",
		};

		begin();
		publish_ten();
		for (size_t i = 0; i < COUNT_OF(requests); i++) {
			struct page_request q = requests[i];

			q.send_room = 5000;
			q.filled = filled;
			page_open(&rig, &pages[i], q);
		}
		rig_topic(&rig, "a");
		rig_pump(&rig);
		settle(COUNT_OF(requests));
		for (size_t i = 0; i < COUNT_OF(requests); i++) {
			assert_true(pages[i].has_header);
			unit_check(strcmp(page_story(&pages[i]),
					  stories[i]) == 0,
				   "filled %zu, page %zu: %s", filled, i,
				   page_story(&pages[i]));
		}
		end(COUNT_OF(requests));
	}
}

/* ... nor what it says first to one that had to wait. */
static void
a_full_socket_takes_its_place_later(void **state)
{
	int ours[2];

	(void)state;
	begin_window(4);
	publish_ten();
	for (size_t i = 0; i < 2; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = "-*\n", .from = FROM_ID,
			.after = i ? "one" : "other", .send_room = 5000,
			.keep = &ours[i] });
	settle(2);
	for (size_t i = 0; i < 2; i++) {
		page_stuff(ours[i]);
		close(ours[i]);
	}
	fanout_resolved(rig.fanout, ask_of("other"), false, 0, 0);
	fanout_resolved(rig.fanout, ask_of("one"), true, rig.epoch, 10);
	rig_pump(&rig);
	settle(2);
	assert_story(&pages[0], "gap 7 8 9 10");
	assert_story(&pages[1], "");
	assert_string_equal(page_last_id(&pages[1]), "one");
	/* they are at the head */
	rig_topic(&rig, "a");
	settle(2);
	assert_story(&pages[0], "gap 7 8 9 10 11");
	assert_story(&pages[1], "11");
	end(2);
}

/* ... nor when the pieces have any size. */
static void
replays_of_any_size_come_once(void **state)
{
	(void)state;
	for (size_t size = 1; size < 40000; size += size / 9 + 17) {
		begin();
		for (int i = 0; i < 10; i++)
			rig_big(&rig, i % 2 ? "a" : "b", size);
		for (size_t i = 0; i < 3; i++)
			page_open(&rig, &pages[i], (struct page_request){
				.key = i ? "-*\n" : "-a\n", .from = FROM_LAST,
				.last_n = 2, .send_room = 5000 });
		rig_big(&rig, "a", size);
		settle(3);
		assert_story(&pages[0], "8 10 11");
		for (size_t i = 1; i < 3; i++)
			unit_check(strcmp(page_story(&pages[i]),
					  "7 8 9 10 11") == 0,
				   "size %zu: %s", size,
				   page_story(&pages[i]));
		end(3);
	}
}

/* A replay that the log has moved past is told, too. */
static void
a_replay_that_leaves_the_log_is_told(void **state)
{
	(void)state;
	begin_window(30);
	for (int i = 0; i < 30; i++)
		rig_big(&rig, "a", 70000);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-a\n", .from = FROM_LAST, .last_n = 30,
		.send_room = 5000 });
	/* Past the event that it is writing, or not to leave it cut. */
	while (pages[0].count < 1) {
		rig_pump(&rig);
		page_read_some(&pages[0], 1000);
	}
	rig_big(&rig, "a", 1);
	assert_int_equal(fanout_get_stats(rig.fanout)->cut, 0);
	settle(1);
	assert_run(&pages[0], 0, 1, 31);
	end(1);
}

/* ---- time ---- */

static bool
all_have_ids(struct rig *r, const struct page *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(page_last_id(&p[i]), rig_id(r, r->number)) != 0)
			return false;
	return true;
}

static void
heartbeats_carry_the_position_when_it_moved(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.heartbeat_ms = 100;
	rig_begin_live(&rig, &config);
	follow(0, "-a\n");
	follow(1, "-b\n");
	page_after(&rig, &pages[2], "-c\n", rig_id(&rig, 0));
	settle(3);
	for (int i = 0; i < 20; i++)
		rig_topic(&rig, "a");
	rig_topic(&rig, "b");
	rig_topic(&rig, "z");
	settle(3);
	assert_run(&pages[0], 0, 1, 20);
	assert_story(&pages[1], "21");
	rig_wait(&rig, pages, 3, all_have_ids);
	/* told once; then silence is a comment */
	assert_run(&pages[0], 0, 1, 20);
	end(3);
}

static size_t
count_in(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static bool
has_three_comments(struct rig *r, const struct page *p, size_t count)
{
	(void)r;
	(void)count;
	return count_in(page_body((struct page *)(uintptr_t)p), "\n:\n") >= 3;
}

static void
heartbeats_of_those_who_stay_where_they_are_are_comments(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.heartbeat_ms = 50;
	rig_begin_live(&rig, &config);
	publish_ten();
	follow(0, "-a\n");
	rig_wait(&rig, pages, 1, has_three_comments);
	assert_int_equal(count_in(page_body(&pages[0]), "id: "), 1);
	assert_int_equal(pages[0].count, 0);
	end(1);
}

static bool
first_has_comments(struct rig *r, const struct page *p, size_t count)
{
	return has_three_comments(r, p, count);
}

/* One that has unsent bytes is told no position: it would lose them. */
static void
who_has_not_got_everything_is_told_no_position(void **state)
{
	struct fanout_config config = rig_config();
	struct page *slow = &pages[1];
	size_t before;

	(void)state;
	config.heartbeat_ms = 50;
	rig_begin_live(&rig, &config);
	follow(0, "-b\n");
	page_open(&rig, slow, (struct page_request){
		.key = "-a\n", .send_room = 5000 });
	for (int i = 0; i < 300; i++) {
		rig_big(&rig, "a", 1000);
		rig_pump(&rig);
	}
	rig_wait(&rig, pages, 1, first_has_comments);
	for (unsigned i = 0; i < 300; i++) {
		page_read_some(slow, 997);
		/* the last id is the last event's: no position between */
		before = slow->count;
		if (before > 0 && before < 300)
			assert_string_equal(page_last_id(slow),
					    slow->got[before - 1].id);
		rig_pump(&rig);
	}
	settle(2);
	assert_run(slow, 0, 1, 300);
	end(2);
}

/* ... and what is held back is not written. */
static void
what_is_held_back_is_no_position(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.heartbeat_ms = 50;
	config.coalesce_ms = 60000;
	rig_begin_live(&rig, &config);
	follow(0, "-a\n");
	rig_topic(&rig, "a");
	settle(1);
	rig_topic(&rig, "a");
	rig_topic(&rig, "b");
	rig_wait(&rig, pages, 1, has_three_comments);
	assert_story(&pages[0], "1");
	assert_string_equal(page_last_id(&pages[0]), rig_id(&rig, 1));
	end(1);
}

static bool
all_ended(struct rig *r, const struct page *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!p[i].is_closed)
			return false;
	assert_int_equal(fanout_count(r->fanout), 0);
	return true;
}

static void
streams_end_after_their_lifetime(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.max_lifetime_ms = 100;
	config.heartbeat_ms = 1000;
	/* What is held back leaves first. */
	config.coalesce_ms = 60000;
	rig_begin_live(&rig, &config);
	for (size_t i = 0; i < 20; i++)
		follow(i, "-a\n");
	rig_topic(&rig, "a");
	settle(20);
	rig_topic(&rig, "a");
	rig_wait(&rig, pages, 20, all_ended);
	for (size_t i = 0; i < 20; i++) {
		assert_true(pages[i].is_ended);
		assert_run(&pages[i], 0, 1, 2);
		assert_true(pages[i].decode.retry_ms >= 0);
	}
	end(20);
}

static void
draining_ends_all_with_a_retry(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.drain_ms = 200;
	config.coalesce_ms = 60000;
	rig_begin_live(&rig, &config);
	for (size_t i = 0; i < 50; i++)
		follow(i, i % 2 ? "-*\n" : "-a\n");
	page_after(&rig, &pages[50], "-a\n", "who knows");
	page_open(&rig, &pages[51], (struct page_request){
		.key = "-a\n", .id = 4 });
	rig_topic(&rig, "a");
	settle(52);
	rig_topic(&rig, "a");	/* is held back */
	fanout_drain(rig.fanout);
	fanout_drain(rig.fanout);
	rig_wait(&rig, pages, 52, all_ended);
	for (size_t i = 0; i < 52; i++) {
		assert_true(pages[i].is_ended);
		assert_true(pages[i].decode.retry_ms >= 3000 &&
			    pages[i].decode.retry_ms <= 3200);
		if (i != 50)
			assert_run(&pages[i], 0, 1, 2);
	}
	end(52);
}

/* The first of them ends at once, and a lone one is not waited for. */
static void
draining_begins_at_once(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.drain_ms = 3600000;
	for (size_t total = 1; total <= 4; total++) {
		rig_begin_live(&rig, &config);
		for (size_t i = 0; i < total; i++)
			follow(i, "-a\n");
		settle(total);
		fanout_drain(rig.fanout);
		rig_pump(&rig);
		assert_int_equal(fanout_count(rig.fanout), total - 1);
		end(total);
	}
}

/* Draining takes those who are in the middle of an event at last. */
static void
draining_closes_who_does_not_read(void **state)
{
	struct fanout_config config = rig_config();
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;

	(void)state;
	config.drain_ms = 50;
	rig_begin_live(&rig, &config);
	for (size_t i = 0; i < 3; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = "-a\n", .send_room = 5000 });
	for (int i = 0; i < 30; i++)
		rig_big(&rig, "a", 1000 + 100000 * (i % 2));
	rig_pump(&rig);
	fanout_drain(rig.fanout);
	rig.nap_ms = 20;
	while (fanout_count(rig.fanout) > 0) {
		rig_pump(&rig);
		assert_true(clock_mono_ms() < until_ms);
	}
	rig.nap_ms = 0;
	for (size_t i = 0; i < 3; i++) {
		page_read(&pages[i]);
		assert_true(pages[i].is_closed);
		assert_false(pages[i].is_ended);
	}
	end(3);
}

static void
draining_nobody_is_fine(void **state)
{
	(void)state;
	begin();
	fanout_drain(rig.fanout);
	rig_pump(&rig);
	end(0);
}

/* ---- holding back ---- */

static void
events_are_held_back_and_leave_together(void **state)
{
	struct fanout_config config = rig_config();
	uint64_t flushes;

	(void)state;
	config.coalesce_ms = 60000;
	config.window.events = 50;
	rig_begin_live(&rig, &config);
	follow(0, "-a\n");
	settle(1);
	rig_topic(&rig, "a");		/* after silence: at once */
	settle(1);
	assert_run(&pages[0], 0, 1, 1);
	flushes = fanout_get_stats(rig.fanout)->flushes;
	for (int i = 0; i < 40; i++) {
		rig_topic(&rig, "a");
		rig_topic(&rig, "b");
		settle(1);
		/* also when the log is full: what leaves it is read */
		if (i < 20)
			assert_run(&pages[0], 0, 1, 1);
	}
	/* 50 are kept, so what had to leave was written; nothing is lost */
	assert_true(fanout_get_stats(rig.fanout)->flushes - flushes <= 4);
	/* who joins gets all, and so do those who are there */
	page_after(&rig, &pages[1], "-a\n", rig_id(&rig, 80));
	settle(2);
	assert_int_equal(pages[0].count, 41);
	assert_story(&pages[1], "");
	end(2);
}

static bool
first_two_have_all(void)
{
	page_read(&pages[0]);
	page_read(&pages[1]);
	return pages[0].count == 3 && pages[1].count == 2;
}

/* Each reader's wait ends by itself, also when another's ends with it. */
static void
what_is_held_back_leaves_in_time(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.coalesce_ms = 50;
	rig_begin_live(&rig, &config);
	follow(0, "-a\n-b\n");
	follow(1, "-b\n");
	follow(2, "-c\n");
	rig_topic(&rig, "a");
	rig_topic(&rig, "c");
	settle(3);
	rig_topic(&rig, "b");		/* held back for one of its readers */
	rig_topic(&rig, "c");
	settle(3);
	rig_topic(&rig, "b");		/* ... and now for both */
	settle(3);
	page_close(&pages[2]);
	rig.nap_ms = 5;
	while (!first_two_have_all()) {
		int64_t sleep_ms = fanout_turn(rig.fanout,
					       loop_now_ms(rig.loop));

		/* The loop does not sleep longer than somebody waits. */
		if (!first_two_have_all())
			assert_in_range(sleep_ms, 1, 50);
		rig_pump(&rig);
	}
	rig.nap_ms = 0;
	assert_story(&pages[0], "1 3 5");
	assert_story(&pages[1], "3 5");
	end(3);
}

/* A log that is full, as it is always after a while, changes nothing. */
static void
a_full_log_is_no_reason_to_flush(void **state)
{
	struct fanout_config config = rig_config();
	uint64_t flushes;

	(void)state;
	config.window.events = 50;
	rig_begin_live(&rig, &config);
	follow(0, "-a\n");
	for (int i = 0; i < 60; i++)
		rig_topic(&rig, "a");
	settle(1);
	flushes = fanout_get_stats(rig.fanout)->flushes;
	for (int i = 0; i < 40; i++)
		rig_topic(&rig, "a");
	settle(1);
	assert_int_equal(fanout_get_stats(rig.fanout)->flushes, flushes + 1);
	assert_run(&pages[0], 0, 1, 100);
	end(1);
}

static bool
all_are_complete(struct rig *r, const struct page *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (p[i].count < r->number)
			return false;
	return true;
}

/* A crowd that the web server has not read yet: writes wait for it, not long. */
static void
a_crowd_is_paced_and_gets_everything(void **state)
{
	enum { CROWD = 100 };
	uint64_t flushes;

	(void)state;
	begin();
	for (size_t i = 0; i < CROWD; i++)
		follow(i, "-a\n");
	settle(CROWD);
	rig_topic(&rig, "a");
	rig_pump(&rig);
	flushes = fanout_get_stats(rig.fanout)->flushes;
	for (int i = 0; i < 20; i++) {
		rig_topic(&rig, "a");
		rig_pump(&rig);
	}
	/* 100 ms may have passed, on a slow machine more than once */
	assert_true(fanout_get_stats(rig.fanout)->flushes - flushes < 20);
	rig_wait(&rig, pages, CROWD, all_are_complete);
	for (size_t i = 0; i < CROWD; i++)
		assert_run(&pages[i], 0, 1, 21);
	end(CROWD);
}

static bool
stats_say_flushed(struct rig *r, const struct page *p, size_t count)
{
	(void)p;
	(void)count;
	return fanout_get_stats(r->fanout)->flushes >= 2;
}

/* ... nor does it wait for ever for a web server that reads nothing. */
static void
pacing_ends(void **state)
{
	enum { CROWD = 100 };

	(void)state;
	begin();
	for (size_t i = 0; i < CROWD; i++)
		follow(i, "-a\n");
	rig_topic(&rig, "a");
	rig_pump(&rig);
	rig_topic(&rig, "a");
	rig_wait(&rig, pages, 0, stats_say_flushed);
	settle(CROWD);
	for (size_t i = 0; i < CROWD; i++)
		assert_run(&pages[i], 0, 1, 2);
	end(CROWD);
}

static void
publish_many(unsigned n)
{
	while (n-- > 0)
		rig_topic(&rig, "a");
}

/* Whether one event, after a flush of four, still waits after one turn. */
static bool
one_waits_after_four(size_t crowd)
{
	uint64_t flushes;
	bool waits;

	publish_many(4);
	rig_wait(&rig, pages, crowd, all_are_complete);
	publish_many(1);
	flushes = fanout_get_stats(rig.fanout)->flushes;
	rig_pump(&rig);
	waits = fanout_get_stats(rig.fanout)->flushes == flushes;
	rig_wait(&rig, pages, crowd, all_are_complete);
	return waits;
}

/* In a burst an event waits for the next ones; alone it leaves at once. */
static void
a_burst_waits_for_its_company(void **state)
{
	enum { CROWD = 100, TRIES = 1000 };
	uint64_t flushes;
	int tries = 0;

	(void)state;
	begin();
	for (size_t i = 0; i < CROWD; i++)
		follow(i, "-a\n");
	settle(CROWD);
	/* A machine that sleeps too long in between sees no burst. */
	while (!one_waits_after_four(CROWD) && tries < TRIES)
		tries++;
	assert_true(tries < TRIES);
	publish_many(1);
	flushes = fanout_get_stats(rig.fanout)->flushes;
	rig_pump(&rig);
	assert_int_equal(fanout_get_stats(rig.fanout)->flushes, flushes + 1);
	end(CROWD);
}

/* ---- leaving ---- */

static void
closed_pages_are_forgotten(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 60; i++)
		follow(i, "-a\n");
	settle(60);
	for (size_t i = 0; i < 60; i += 2)
		page_close(&pages[i]);
	rig_pump(&rig);
	assert_int_equal(fanout_count(rig.fanout), 30);
	rig_topic(&rig, "a");
	settle(60);
	for (size_t i = 1; i < 60; i += 2)
		assert_run(&pages[i], 0, 1, 1);
	end(60);
}

/* The fan-out learns it from the write, before it had a chance to read. */
static void
pages_that_close_during_a_flush_are_forgotten(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 60; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = "-a\n", .id = i % 5 ? 1 : 2 });
	settle(60);
	rig_topic(&rig, "a");
	for (size_t i = 0; i < 60; i++)
		if (i % 3)
			page_close(&pages[i]);
	fanout_turn(rig.fanout, loop_now_ms(rig.loop));
	assert_int_equal(fanout_count(rig.fanout), 20);
	settle(60);
	for (size_t i = 0; i < 60; i += 3)
		assert_run(&pages[i], 0, 1, 1);
	end(60);
}

/* Whatever a web server sends after the request means the end. */
static void
bytes_from_the_web_server_end_the_stream(void **state)
{
	(void)state;
	begin();
	follow(0, "-a\n");
	settle(1);
	assert_int_equal(send(pages[0].fd, "\1\2", 2, 0), 2);
	settle(1);
	assert_true(pages[0].is_closed);
	assert_int_equal(fanout_count(rig.fanout), 0);
	end(1);
}

static void
everything_is_freed_in_any_state(void **state)
{
	(void)state;
	begin();
	publish_ten();
	follow(0, "-a\n");
	page_after(&rig, &pages[1], "-b\n", "asked");
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-*\n", .from = FROM_LAST, .last_n = 9,
		.send_room = 5000 });
	page_open(&rig, &pages[3], (struct page_request){
		.key = "-*\n", .from = FROM_EARLIEST, .send_room = 5000,
		.filled = 5000 });
	for (int i = 0; i < 20; i++)
		rig_big(&rig, "a", 10000);
	rig_pump(&rig);
	rig_topic(&rig, "a");
	rig_end(&rig);
	assert_true(rig.questions[0].is_forgotten);
	for (size_t i = 0; i < 4; i++) {
		page_read(&pages[i]);
		assert_true(pages[i].is_closed);
		page_close(&pages[i]);
	}
}

/* ---- no hub ---- */

static void
plain_events_have_no_ids_and_are_live_only(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.is_plain = true;
	config.heartbeat_ms = 50;
	rig_begin(&rig, &config);
	rig.epoch = 0;
	for (int i = 0; i < 3; i++)
		fanout_event(rig.fanout, &(struct event){
			.topic = SLICE_LIT("a"), .data = rig_data(0, 1) });
	follow(0, "-a\n");
	page_after(&rig, &pages[1], "-a\n", "zzzzzzzz-1");
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-a\n", .from = FROM_UNKNOWN });
	page_open(&rig, &pages[3], (struct page_request){
		.key = "-a\n", .from = FROM_LAST, .last_n = 2 });
	for (uint64_t i = 1; i <= 3; i++)
		fanout_event(rig.fanout, &(struct event){
			.topic = SLICE_LIT("a"), .data = rig_data(i, 1),
			.id = SLICE_LIT("ignored") });
	settle(4);
	for (size_t i = 0; i < 3; i++)
		assert_run(&pages[i], 0, 1, 3);
	assert_story(&pages[3], "0 0 1 2 3");
	rig_wait(&rig, pages, 1, has_three_comments);
	assert_int_equal(count_in(page_body(&pages[0]), "id: "), 0);
	assert_int_equal(rig.question_count, 0);
	end(4);
}

/* ---- memory runs out ---- */

/* What there is, then its place and the time to come again, and the end. */
static void
a_poll_ends_when_it_has_what_there_is(void **state)
{
	struct page *p = &pages[0];

	(void)state;
	begin();
	for (int i = 0; i < 6; i++)
		rig_topic(&rig, i % 2 ? "b" : "a");
	page_open(&rig, p, (struct page_request){
		.key = "-a\n", .from = FROM_ID, .after = rig_id(&rig, 1),
		.poll_ms = 5000 });
	settle(1);
	assert_story(p, "3 5");
	assert_true(p->is_ended && p->is_closed);
	assert_int_equal(p->decode.retry_ms, 5000);
	assert_string_equal(page_last_id(p), rig_id(&rig, 6));
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-a\n", .poll_ms = 200 });
	settle(2);
	assert_story(&pages[1], "");
	assert_true(pages[1].is_ended);
	assert_int_equal(pages[1].decode.retry_ms, 200);
	assert_string_equal(page_last_id(&pages[1]), rig_id(&rig, 6));
	assert_int_equal(fanout_count(rig.fanout), 0);
	end(2);
}

/* Behind a socket that is full, too, and it does not stay for what comes. */
static void
a_poll_gets_all_of_a_lot(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 40; i++)
		rig_big(&rig, "a", 20000);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-a\n", .from = FROM_EARLIEST, .poll_ms = 5000,
		.send_room = 5000, .id = 9 });
	page_follow(&rig, &pages[1], "-a\n");
	assert_int_equal(fanout_count(rig.fanout), 2);
	settle(2);
	assert_run(&pages[0], 0, 1, 40);
	assert_true(pages[0].is_closed);
	rig_topic(&rig, "a");
	settle(2);
	assert_run(&pages[0], 0, 1, 40);
	assert_story(&pages[1], "41");
	end(2);
}

/* It waits, as others do, for the worker to know the bus. */
static void
a_poll_waits_for_the_log(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	rig_begin(&rig, &config);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-a\n", .poll_ms = 5000 });
	settle(1);
	assert_false(pages[0].is_ended);
	rig_go_live(&rig);
	settle(1);
	assert_true(pages[0].is_ended);
	assert_int_equal(pages[0].decode.retry_ms, 5000);
	end(1);
}

static void
a_fanout_without_memory_is_not_made(void **state)
{
	const struct fanout_config config = rig_config();
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_new(LOOP_BACKEND_BEST, &loop), 0);
	for (size_t n = 1;; n++) {
		struct fanout *f = NULL;
		int r;

		fault_arm(n);
		r = fanout_new(loop, &config, &rig_ops, &rig, &f);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			fanout_free(f);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(f);
	}
	assert_null(fanout_free(NULL));
	loop_free(loop);
}

/* A stream that cannot be opened is refused or closed; the others go on. */
static void
a_stream_without_memory_leaves_nothing(void **state)
{
	const struct page_request requests[] = {
		{ .key = "-new\n+a\n" },
		{ .key = "-new\n", .from = FROM_ID, .after = "asked" },
		{ .key = "-*\n", .from = FROM_LAST, .last_n = 9 },
		{ .key = "-*\n", .from = FROM_UNKNOWN },
		{ .key = "-*\n", .from = FROM_EARLIEST, .id = 2,
		  .send_room = 5000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		bool failed = true;

		for (size_t n = 1; failed; n++) {
			int r;

			begin();
			for (int k = 0; k < 10; k++)
				rig_big(&rig, "a", 3000);
			follow(0, "-a\n");
			settle(1);
			rig.fault_at = n;
			r = page_try_open(&rig, &pages[1], requests[i]);
			failed = rig.had_fault;
			assert_true(r == 0 || (failed && r == -ENOMEM));
			rig_topic(&rig, "a");
			settle(2);
			assert_story(&pages[0], "11");
			end(2);
		}
	}
}

/* Three events and a turn, the n-th allocation of which fails. */
static bool
publish_without_memory(size_t n, size_t len)
{
	struct event e[3];
	struct slice data[3];
	bool failed;

	for (size_t i = 0; i < COUNT_OF(e); i++) {
		struct slice s = rig_data(++rig.number, len);

		data[i] = (struct slice){ memcpy(malloc(s.len), s.p, s.len),
					  s.len };
		e[i] = (struct event){
			.topic = i == 1 ? SLICE_LIT("new/b") :
				 SLICE_LIT("t/a"),
			.data = data[i],
			.id = i == 2 ? SLICE_LIT("own") : SLICE_NONE,
			.epoch = rig.epoch,
			.number = rig.number,
			.time_ms = clock_wall_ms(),
		};
	}
	fault_arm(n);
	for (size_t i = 0; i < COUNT_OF(e); i++)
		fanout_event(rig.fanout, &e[i]);
	rig_pump(&rig);
	failed = fault_disarm();
	for (size_t i = 0; i < COUNT_OF(e); i++)
		free((void *)(uintptr_t)data[i].p);
	return failed;
}

/* All of the events, but for those that a gap stands for. */
static void
check_without_memory(const struct page *p, uint64_t last, size_t *ret_gaps)
{
	uint64_t next = 1;

	for (size_t i = 0; i < p->count; i++) {
		const struct got *got = &p->got[i];

		if (!got->is_gap) {
			assert_int_equal(got->number, next);
			next++;
			continue;
		}
		(*ret_gaps)++;
		assert_non_null(strstr(got->text, "\"memory\""));
		assert_non_null(strstr(got->text, rig_id(&rig, next - 1)));
		while (strcmp(got->id, rig_id(&rig, next - 1)) != 0)
			assert_true(++next <= last);
	}
	assert_true(p->is_closed || next == last + 1);
}

static void
events_without_memory_are_not_lost_in_silence(void **state)
{
	enum { PAGES = 5 };
	size_t failures = 0, gaps = 0;
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed || n < 20; n++) {
		begin();
		for (size_t i = 0; i < PAGES; i++)
			page_open(&rig, &pages[i], (struct page_request){
				.key = i % 2 ? "-*\n" : "-{x}/{y}\n",
				.send_room = i < 3 ? 5000 : 0,
				.id = i == 1 || i == 4 ? 8 : 1 });
		settle(PAGES);
		for (int i = 0; i < 14; i++)
			rig_big(&rig, i % 3 ? "t/a" : "t/b", 300);
		failed = publish_without_memory(n, n % 2 ? 300 : 70000);
		failures += failed;
		settle(PAGES);
		rig_topic(&rig, "t/b");
		settle(PAGES);
		for (size_t i = 0; i < PAGES; i++)
			check_without_memory(&pages[i], rig.number, &gaps);
		end(PAGES);
	}
	assert_true(failures > 10 && gaps > 0);
}

/* A gap that cannot be told for want of memory is told a little later. */
static void
a_gap_without_memory_is_told_later(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		begin();
		follow(0, "-a\n");
		publish_ten();
		settle(1);
		fault_arm(n);
		fanout_gap(rig.fanout, &(struct follower_gap){
			.after_known = true, .after_epoch = rig.epoch,
			.after_number = 10, .epoch = rig.epoch,
			.resumed_at = 20, .reason = "trimmed" });
		failed = fault_disarm();
		rig.number = 20;
		rig_topic(&rig, "a");
		settle(1);
		assert_story(&pages[0], "1 3 5 7 9 gap 21");
		assert_string_equal(pages[0].got[5].id, rig_id(&rig, 20));
		end(1);
	}
}

/* ---- running ---- */

static int
with_back_end(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_begins_with_header_retry_and_position),
		cmocka_unit_test(events_arrive_in_order_at_those_who_asked),
		cmocka_unit_test(another_request_id_is_in_every_record),
		cmocka_unit_test(private_events_go_to_those_who_are_granted_them),
		cmocka_unit_test(events_of_all_sizes_are_merged_into_valid_records),
		cmocka_unit_test(a_burst_of_small_events_is_one_record),
		cmocka_unit_test(a_burst_larger_than_the_window_reaches_the_head),
		cmocka_unit_test(an_id_resumes_after_it),
		cmocka_unit_test(a_resumed_stream_says_where_it_is),
		cmocka_unit_test(earliest_gets_everything_kept),
		cmocka_unit_test(last_gets_the_newest_of_each_topic),
		cmocka_unit_test(what_the_log_has_no_more_is_told),
		cmocka_unit_test(an_unknown_id_is_asked_of_the_hub),
		cmocka_unit_test(an_id_ahead_of_us_waits_for_the_log),
		cmocka_unit_test(an_id_ahead_of_a_log_that_ended_is_told),
		cmocka_unit_test(
		    an_answer_about_a_log_that_never_came_is_asked_again),
		cmocka_unit_test(a_question_ends_with_its_stream),
		cmocka_unit_test(streams_wait_for_the_first_complete_log),
		cmocka_unit_test(a_hole_is_told_once_to_everybody),
		cmocka_unit_test(another_log_is_told_once_to_everybody),
		cmocka_unit_test(a_stalled_reader_gets_everything_that_is_kept),
		cmocka_unit_test(a_stalled_reader_is_told_or_cut_when_the_log_moves_on),
		cmocka_unit_test(a_lagging_reader_is_not_told_of_other_topics),
		cmocka_unit_test(a_full_socket_loses_nothing),
		cmocka_unit_test(a_full_socket_takes_its_place_later),
		cmocka_unit_test(replays_of_any_size_come_once),
		cmocka_unit_test(a_replay_that_leaves_the_log_is_told),
		cmocka_unit_test(heartbeats_carry_the_position_when_it_moved),
		cmocka_unit_test(heartbeats_of_those_who_stay_where_they_are_are_comments),
		cmocka_unit_test(who_has_not_got_everything_is_told_no_position),
		cmocka_unit_test(what_is_held_back_is_no_position),
		cmocka_unit_test(streams_end_after_their_lifetime),
		cmocka_unit_test(draining_ends_all_with_a_retry),
		cmocka_unit_test(draining_begins_at_once),
		cmocka_unit_test(draining_closes_who_does_not_read),
		cmocka_unit_test(draining_nobody_is_fine),
		cmocka_unit_test(events_are_held_back_and_leave_together),
		cmocka_unit_test(what_is_held_back_leaves_in_time),
		cmocka_unit_test(a_full_log_is_no_reason_to_flush),
		cmocka_unit_test(a_crowd_is_paced_and_gets_everything),
		cmocka_unit_test(a_burst_waits_for_its_company),
		cmocka_unit_test(pacing_ends),
		cmocka_unit_test(closed_pages_are_forgotten),
		cmocka_unit_test(pages_that_close_during_a_flush_are_forgotten),
		cmocka_unit_test(bytes_from_the_web_server_end_the_stream),
		cmocka_unit_test(everything_is_freed_in_any_state),
		cmocka_unit_test(plain_events_have_no_ids_and_are_live_only),
		cmocka_unit_test(a_poll_ends_when_it_has_what_there_is),
		cmocka_unit_test(a_poll_gets_all_of_a_lot),
		cmocka_unit_test(a_poll_waits_for_the_log),
		cmocka_unit_test(a_fanout_without_memory_is_not_made),
		cmocka_unit_test(a_stream_without_memory_leaves_nothing),
		cmocka_unit_test(events_without_memory_are_not_lost_in_silence),
		cmocka_unit_test(a_gap_without_memory_is_told_later),
	};

	assert_int_equal(setenv("SSE_LOOP", name, 1), 0);
	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	int failed = with_back_end("poll");

#ifdef HAVE_SYS_EPOLL_H
	failed += with_back_end("epoll");
#endif
	return failed;
}
