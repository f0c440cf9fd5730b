/* SPDX-License-Identifier: MIT */
/*
 * Streams that are older than the window, and a hub that keeps more than that:
 * one property after the other; test-fcgi-fanout-walk mixes them.
 */
#include "config.h"

#include "lib/sse/selector.h"
#include "tests/unit/fanout_rig.h"

enum { KEPT = 3000, WINDOW = 10 };

static struct rig rig;
static struct page pages[60];

/* ---- a hub ---- */

static struct {
	struct rig_event events[KEPT];	/* of number i + 1 */
	uint64_t epoch;
	uint64_t gone;			/* numbers up to it are not kept, ... */
	const char *keep;		/* ... but of this topic, if not NULL */
	size_t most;			/* events of a page */
	uint64_t unfit;			/* this number cannot be read */
	size_t asked;
} hub;

static struct {
	struct event events[1000];
	struct buf data[1000];
	char also[1000][64];
} sheet;

static bool
is_kept(uint64_t number)
{
	return number > hub.gone || (hub.keep &&
	       strcmp(hub.events[number - 1].topic, hub.keep) == 0);
}

static bool
matches(const char *selectors, const struct rig_event *e)
{
	const char *end;

	for (; *selectors; selectors = end + 1) {
		struct slice text = { selectors, 0 };
		enum selector_kind kind;

		end = strchr(selectors, '\n');
		text.len = (size_t)(end - selectors);
		assert_int_equal(selector_parse(text, &kind, NULL), 0);
		if (selector_match(text, kind, slice_of(e->topic)) ||
		    (e->also && selector_match(text, kind, slice_of(e->also))))
			return true;
	}
	return false;
}

static void
sheet_put(struct follower_page *page, uint64_t number)
{
	const struct rig_event *e = &hub.events[number - 1];
	struct buf *data = &sheet.data[page->count];
	struct slice also = rig_also(e);

	if (also.p)
		also.p = memcpy(sheet.also[page->count], also.p, also.len);
	buf_clear(data);
	assert_int_equal(buf_append_slice(data, rig_data(number, e->len)), 0);
	sheet.events[page->count++] = number == hub.unfit ?
	    (struct event){ 0 } : (struct event){
		.topic = slice_of(e->topic),
		.also = also,
		.data = buf_slice(data),
		.id = slice_of(e->id),
		.is_private = e->is_private,
		.epoch = hub.epoch,
		.number = number,
	};
}

/* Makes the answer to the question that was asked first; returns its tag. */
static uint64_t
hub_make(struct follower_page *ret_page)
{
	struct rig_page_question q = rig.pages[0];
	struct follower_page page = {
		.epoch = hub.epoch, .last = rig.number, .events = sheet.events,
	};
	uint64_t n;

	assert_true(rig.page_count > 0);
	memmove(rig.pages, rig.pages + 1, --rig.page_count * sizeof(q));
	page.from = q.q.epoch == hub.epoch ? q.q.number + 1 : 1;
	page.to = page.from - 1;
	for (n = 1; n <= rig.number; n++) {
		bool is_wanted = matches(q.selectors, &hub.events[n - 1]);

		if (is_wanted && !is_kept(n))
			page.lost = n;
		if (n < page.from || page.count == hub.most ||
		    page.count == q.q.limit)
			continue;
		page.to = n;
		if (is_wanted && is_kept(n))
			sheet_put(&page, n);
	}
	hub.asked++;
	*ret_page = page;
	return q.tag;
}

static void
hub_answer(void)
{
	struct follower_page page;
	uint64_t tag = hub_make(&page);

	fanout_page(rig.fanout, tag, &page);
}

static void
publish(struct rig_event e)
{
	assert_true(rig.number < KEPT);
	hub.events[rig.number] = e;
	rig_publish(&rig, e);
}

/* a, b, a, b, ...; every tenth is of c. */
static void
publish_many(size_t count)
{
	while (count-- > 0) {
		uint64_t n = rig.number + 1;

		publish((struct rig_event){
			.topic = n % 10 == 0 ? "c" : n % 2 ? "a" : "b" });
	}
}

/* Answers whatever is asked until nothing more comes. */
static void
settle(size_t count)
{
	do {
		while (rig.page_count > 0)
			hub_answer();
		rig_settle(&rig, pages, count);
	} while (rig.page_count > 0);
}

static void
begin_with(struct fanout_config config)
{
	memset(&hub, 0, sizeof(hub));
	hub.most = 7;
	config.window.events = WINDOW;
	rig_begin_with(&rig, &config, &rig_paged_ops);
	hub.epoch = rig.epoch;
	rig_go_live(&rig);
}

static void
begin(void)
{
	begin_with(rig_config());
}

static void
end(size_t count)
{
	for (size_t i = 0; i < count; i++)
		page_close(&pages[i]);
	rig_pump(&rig);
	rig_pump(&rig);
	assert_int_equal(fanout_count(rig.fanout), 0);
	assert_int_equal(rig.page_count, 0);
	rig_end(&rig);
}

/* The numbers of a page's events, all of `step` from first to last. */
static void
assert_steps(const struct page *p, size_t from, uint64_t first, uint64_t last,
	     uint64_t step)
{
	assert_int_equal(p->count - from, (last - first) / step + 1);
	for (size_t i = from; i < p->count; i++) {
		assert_false(p->got[i].is_gap);
		assert_int_equal(p->got[i].number, first + (i - from) * step);
		assert_string_equal(p->got[i].id,
				    rig_id(&rig, p->got[i].number));
	}
}

/* What the header says: the id that was asked for, or `earliest`. */
static void
assert_begins_after(const struct page *p, const char *id)
{
	char line[300];

	snprintf(line, sizeof(line), "\r\nLast-Event-ID: %s\r\n", id);
	unit_check(strstr(p->header.p, line) != NULL, "%s: %s", id,
		   p->header.p);
}

/* ---- resumes ---- */

static void
a_resume_before_the_window_is_paged(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 3));
	page_after(&rig, &pages[1], "-c\n", rig_id(&rig, 15));
	/* The header says whether all is there, so it waits for the page. */
	rig_settle(&rig, pages, 2);
	assert_int_equal(rig.page_count, 2);
	assert_false(pages[0].has_header);
	assert_string_equal(rig.pages[1].selectors, "c\n");
	assert_int_equal(rig.pages[1].q.number, 15);
	assert_int_equal(rig.pages[1].q.epoch, rig.epoch);
	settle(2);
	assert_begins_after(&pages[0], rig_id(&rig, 3));
	assert_begins_after(&pages[1], rig_id(&rig, 15));
	assert_steps(&pages[0], 0, 4, 100, 1);
	assert_steps(&pages[1], 0, 20, 100, 10);
	/* and they are at the head. */
	publish_many(10);
	settle(2);
	assert_steps(&pages[0], 0, 4, 110, 1);
	assert_steps(&pages[1], 0, 20, 110, 10);
	assert_int_equal(fanout_get_stats(rig.fanout)->gaps, 0);
	end(2);
}

static void
what_the_window_has_is_not_asked_for(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 90));
	page_after(&rig, &pages[1], "-c\n", rig_id(&rig, 91));
	page_after(&rig, &pages[2], "-never\n", rig_id(&rig, 3));
	rig_settle(&rig, pages, 3);
	assert_int_equal(rig.page_count, 0);
	assert_steps(&pages[0], 0, 91, 100, 1);
	assert_story(&pages[1], "100");
	assert_story(&pages[2], "");
	/* The hub keeps just what the window has: one question is enough. */
	hub.gone = 90;
	page_open(&rig, &pages[3], (struct page_request){
		.key = "-*\n", .from = FROM_EARLIEST });
	settle(4);
	assert_int_equal(hub.asked, 1);
	assert_steps(&pages[3], 0, 91, 100, 1);
	end(4);
}

static void
private_events_are_paged_for_those_only_who_may_have_them(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 40; i++)
		publish((struct rig_event){ .topic = "a",
					    .is_private = i % 2 });
	page_after(&rig, &pages[0], "-a\n", rig_id(&rig, 2));
	page_after(&rig, &pages[1], "+a\n", rig_id(&rig, 2));
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-b\n+{x}\n", .from = FROM_EARLIEST, .id = 9 });
	settle(3);
	assert_steps(&pages[0], 0, 3, 39, 2);
	assert_steps(&pages[1], 0, 3, 40, 1);
	assert_steps(&pages[2], 0, 1, 40, 1);
	end(3);
}

static void
a_publishers_own_ids_are_paged_too(void **state)
{
	(void)state;
	begin();
	publish((struct rig_event){ .topic = "a", .id = "one" });
	publish((struct rig_event){ .topic = "a", .id = "two" });
	publish_many(30);
	page_after(&rig, &pages[0], "-a\n", "one");
	rig_settle(&rig, pages, 1);
	assert_int_equal(rig.question_count, 1);
	fanout_resolved(rig.fanout, rig.questions[0].tag, true, rig.epoch, 1);
	settle(1);
	assert_string_equal(pages[0].got[0].id, "two");
	assert_int_equal(pages[0].count, 16);
	assert_int_equal(pages[0].got[15].number, 31);
	end(1);
}

static void
what_the_hub_has_lost_is_told(void **state)
{
	char text[200];

	(void)state;
	begin();
	publish_many(100);
	hub.gone = 51;			/* the last c of it is 50 */
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 3));
	page_after(&rig, &pages[1], "-c\n", rig_id(&rig, 50));
	page_after(&rig, &pages[2], "-c\n", rig_id(&rig, 49));
	settle(3);
	assert_begins_after(&pages[0], "earliest");
	assert_begins_after(&pages[1], rig_id(&rig, 50));
	assert_begins_after(&pages[2], "earliest");
	assert_true(pages[0].got[0].is_gap);
	snprintf(text, sizeof(text), "{\"after\":\"%s\",\"resumed_at\":\"",
		 rig_id(&rig, 3));
	strcat(text, rig_id(&rig, 51));
	strcat(text, "\",\"reason\":\"trimmed\"}");
	assert_string_equal(pages[0].got[0].text, text);
	assert_string_equal(pages[0].got[0].id, rig_id(&rig, 51));
	assert_steps(&pages[0], 1, 52, 100, 1);
	assert_story(&pages[1], "60 70 80 90 100");
	assert_story(&pages[2], "gap 60 70 80 90 100");
	assert_string_equal(pages[2].got[0].id, rig_id(&rig, 59));
	assert_int_equal(fanout_get_stats(rig.fanout)->gaps, 2);
	end(3);
}

/* A topic whose newest stay has holes everywhere. One gap says it. */
static void
what_is_kept_among_what_is_gone_comes(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	hub.most = 2;
	hub.gone = 65;
	hub.keep = "c";
	page_after(&rig, &pages[0], "-c\n", rig_id(&rig, 25));
	page_after(&rig, &pages[1], "-b\n-c\n", rig_id(&rig, 25));
	page_open(&rig, &pages[2], (struct page_request){
		.key = "-c\n", .from = FROM_EARLIEST });
	settle(3);
	assert_story(&pages[0], "30 40 50 60 70 80 90 100");
	assert_true(strstr(page_story(&pages[1]), "gap 30 40 50 60 66 68 70 72"));
	assert_int_equal(strstr(page_story(&pages[1]) + 3, "gap") != NULL, 0);
	assert_story(&pages[2], "10 20 30 40 50 60 70 80 90 100");
	end(3);
}

static void
earliest_and_unknown_get_all_that_is_kept(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	hub.gone = 20;
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .from = FROM_EARLIEST });
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-*\n", .from = FROM_UNKNOWN });
	rig_settle(&rig, pages, 2);
	assert_string_equal(page_last_id(&pages[0]), "");
	settle(2);
	assert_steps(&pages[0], 0, 21, 100, 1);
	assert_true(pages[1].got[0].is_gap);
	assert_non_null(strstr(pages[1].got[0].text, "\"after\":null"));
	assert_non_null(strstr(pages[1].got[0].text, "\"unknown\""));
	assert_string_equal(pages[1].got[0].id, rig_id(&rig, 20));
	assert_steps(&pages[1], 1, 21, 100, 1);
	end(2);
}

static void
what_goes_while_it_pages_is_told(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .from = FROM_EARLIEST });
	rig_settle(&rig, pages, 1);
	hub_answer();
	rig_settle(&rig, pages, 1);
	assert_steps(&pages[0], 0, 1, 7, 1);
	hub.gone = 50;
	settle(1);
	assert_true(pages[0].got[7].is_gap);
	assert_string_equal(pages[0].got[7].id, rig_id(&rig, 50));
	assert_non_null(strstr(pages[0].got[7].text, rig_id(&rig, 7)));
	assert_steps(&pages[0], 8, 51, 100, 1);
	end(1);
}

static void
what_cannot_be_read_is_told(void **state)
{
	(void)state;
	begin();
	publish_many(50);
	hub.unfit = 10;
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 8));
	settle(1);
	assert_true(strncmp(page_story(&pages[0]), "9 gap 11 12", 11) == 0);
	assert_string_equal(pages[0].got[1].id, rig_id(&rig, 9));
	end(1);
}

/* The worker is behind the hub: what it has not followed comes by itself. */
static void
nothing_comes_twice(void **state)
{
	(void)state;
	begin();
	publish_many(40);
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 3));
	rig_settle(&rig, pages, 1);
	hub.most = 1000;
	for (uint64_t n = 41; n <= 60; n++)
		hub.events[n - 1] = (struct rig_event){ .topic = "a" };
	rig.number = 60;		/* of the hub */
	hub_answer();
	rig_settle(&rig, pages, 1);
	assert_steps(&pages[0], 0, 4, 40, 1);
	rig.number = 40;
	while (rig.number < 60)
		publish((struct rig_event){ .topic = "a" });
	settle(1);
	assert_steps(&pages[0], 0, 4, 60, 1);
	end(1);
}

/* The hub has a new log. */
static void
restart(void)
{
	struct follower_gap g = {
		.after_known = true,
		.after_epoch = rig.epoch,
		.after_number = rig.number,
		.epoch = rig.epoch + 1,
		.reason = "restarted",
	};

	rig.epoch = hub.epoch = g.epoch;
	rig.number = 0;
	hub.gone = 0;
	fanout_gap(rig.fanout, &g);
}

/* ---- the newest of each topic ---- */

static void
last(size_t i, const char *key, uint32_t n)
{
	page_open(&rig, &pages[i], (struct page_request){
		.key = key, .from = FROM_LAST, .last_n = n });
}

/* What a busy topic has pushed out of the window is not forgotten. */
static void
the_newest_of_each_topic_come_from_the_hub(void **state)
{
	(void)state;
	begin();
	publish((struct rig_event){ .topic = "quiet" });
	publish_many(19);		/* c is 10 and 20 */
	publish((struct rig_event){ .topic = "quiet", .is_private = true });
	publish_many(9);		/* and 30 */
	while (rig.number < 200)
		publish((struct rig_event){ .topic = "a" });
	last(0, "-quiet\n", 1);
	last(1, "+quiet\n-c\n", 2);
	last(2, "+quiet\n-c\n", 1);
	last(3, "-c\n-a\n", 2);
	last(4, "-*\n", 1);
	last(5, "-never\n", 5);
	last(6, "-a\n", 10);
	settle(7);
	assert_story(&pages[0], "1");
	assert_story(&pages[1], "1 20 21 30");
	assert_story(&pages[2], "21 30");
	assert_story(&pages[3], "20 30 199 200");
	assert_story(&pages[4], "1 28 30 200");
	assert_story(&pages[5], "");
	assert_steps(&pages[6], 0, 191, 200, 1);
	for (size_t i = 0; i < 7; i++)
		assert_null(strstr(page_story(&pages[i]), "gap"));
	publish((struct rig_event){ .topic = "quiet" });
	publish_many(9);
	settle(7);
	assert_story(&pages[0], "1 201");
	assert_story(&pages[2], "21 30 201 210");
	assert_story(&pages[5], "");
	end(7);
}

/* An event is one of the newest of each topic that the reader may have it for, and
 * comes once. */
static void
the_newest_of_several_topics_come_once(void **state)
{
	struct follower_page page;
	uint64_t tag;

	(void)state;
	begin();
	publish((struct rig_event){ .topic = "b" });
	publish((struct rig_event){ .topic = "a", .also = "b" });
	publish((struct rig_event){ .topic = "c", .also = "b",
				    .is_private = true });
	publish((struct rig_event){ .topic = "a" });
	while (rig.number < 199)
		publish((struct rig_event){ .topic = "x" });
	last(0, "-b\n", 1);
	last(1, "-b\n", 2);
	last(2, "+c\n-b\n", 1);
	last(3, "-a\n-b\n", 2);
	last(4, "-a\n+b\n", 1);
	settle(5);
	assert_story(&pages[0], "2");
	assert_story(&pages[1], "1 2");
	assert_story(&pages[2], "2 3");
	assert_story(&pages[3], "1 2 4");
	assert_story(&pages[4], "3 4");
	/* One that the window has is of `c` alone for who may not have it for
	 * `b`. */
	last(5, "+c\n-b\n", 1);
	rig_settle(&rig, pages, 6);
	tag = hub_make(&page);
	publish((struct rig_event){ .topic = "c", .also = "b",
				    .is_private = true });
	fanout_page(rig.fanout, tag, &page);
	settle(6);
	assert_story(&pages[5], "2 200");
	end(6);
}

static void
a_window_with_enough_is_not_asked_about(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	last(0, "-a\n", 4);
	last(1, "-a\n-b\n-c\n", 1);
	rig_settle(&rig, pages, 2);
	assert_int_equal(rig.page_count, 0);
	assert_story(&pages[0], "93 95 97 99");
	assert_story(&pages[1], "98 99 100");
	end(2);
}

/* Events go out of the window and come into it while it looks. */
static void
the_newest_are_those_at_the_end_of_the_search(void **state)
{
	(void)state;
	begin();
	hub.most = 9;
	publish_many(100);
	last(0, "-c\n", 12);
	rig_settle(&rig, pages, 1);
	for (int i = 0; i < 5; i++) {
		if (rig.page_count > 0)
			hub_answer();
		publish_many(10);
		rig_settle(&rig, pages, 1);
	}
	settle(1);
	publish_many(10);
	settle(1);
	assert_true(pages[0].count >= 12);
	for (size_t i = 0; i < pages[0].count; i++)
		assert_int_equal(pages[0].got[i].number,
				 160 - 10 * (pages[0].count - 1 - i));
	end(1);
}

/* A search has an end: then the window alone is what there is. */
static void
a_search_that_is_too_long_is_given_up(void **state)
{
	(void)state;
	begin();
	hub.most = 1;
	publish_many(200);
	last(0, "-a\n-c\n", 9);
	settle(1);
	assert_int_equal(hub.asked, 64);
	assert_story(&pages[0], "191 193 195 197 199 200");
	publish_many(10);
	settle(1);
	assert_int_equal(pages[0].count, 12);
	end(1);
}

static void
large_ones_come_as_far_as_they_fit(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 20; i++)
		publish((struct rig_event){ .topic = i % 2 ? "big" : "small",
					    .len = i % 2 ? 150000 : 10 });
	publish_many(20);
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-big\n-small\n", .from = FROM_LAST, .last_n = 50,
		.send_room = 5000, .id = 3 });
	settle(1);
	assert_story(&pages[0], "9 10 11 12 13 14 15 16 17 18 19 20");
	end(1);
}

static void
another_log_ends_the_search(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	for (size_t i = 0; i < 12; i++)
		last(i, "-c\n", 5);
	rig_settle(&rig, pages, 12);
	hub_answer();
	rig_settle(&rig, pages, 12);
	restart();
	publish_many(40);
	settle(12);
	for (size_t i = 0; i < 12; i++)
		assert_story(&pages[i], "10 20 30 40");
	publish_many(10);
	settle(12);
	assert_story(&pages[3], "10 20 30 40 50");
	end(12);
}

/* ---- whose turn it is ---- */

static void
few_page_at_a_time_and_all_get_theirs(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		page_after(&rig, &pages[i], i % 2 ? "-*\n" : "-a\n",
			   rig_id(&rig, i));
	rig_settle(&rig, pages, COUNT_OF(pages));
	assert_int_equal(rig.page_count, 8);
	assert_int_equal(rig.pages[0].q.number, 0);
	assert_int_equal(rig.pages[7].q.number, 7);
	hub_answer();
	rig_settle(&rig, pages, COUNT_OF(pages));
	/* The first has its page, and the ninth its turn. */
	assert_int_equal(rig.page_count, 8);
	assert_int_equal(rig.pages[7].q.number, 8);
	while (rig.page_count > 0) {
		assert_true(rig.page_count <= 8);
		hub_answer();
		rig_settle(&rig, pages, COUNT_OF(pages));
	}
	for (size_t i = 1; i < COUNT_OF(pages); i += 2)
		assert_steps(&pages[i], 0, i + 1, 100, 1);
	/* Those who leave make room, asked or not. */
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		page_close(&pages[i]);
	rig_settle(&rig, pages, 0);
	for (size_t i = 0; i < 20; i++)
		page_after(&rig, &pages[i], "-*\n", rig_id(&rig, i));
	rig_settle(&rig, pages, 20);
	for (size_t i = 0; i < 12; i++)
		page_close(&pages[i]);
	settle(20);
	for (size_t i = 12; i < 20; i++)
		assert_steps(&pages[i], 0, i + 1, 100, 1);
	end(20);
}

/* What happens by time: as if so much of it had passed. */
static void
pass(int64_t ms)
{
	(void)fanout_turn(rig.fanout, loop_now_ms(rig.loop) + ms);
}

static void
open_deaf(size_t i, enum subscription_from from, uint32_t n)
{
	page_open(&rig, &pages[i], (struct page_request){
		.key = "-a\n", .from = from, .send_room = 5000, .last_n = n,
		.after = from == FROM_ID ? rig_id(&rig, 1) : NULL });
}

/* Who does not read has its page for ten seconds; then others have their turn,
 * and it goes on when it reads again. */
static void
a_page_that_is_not_taken_is_dropped(void **state)
{
	(void)state;
	begin();
	hub.most = 50;
	for (int i = 0; i < 200; i++)
		publish((struct rig_event){ .topic = "a", .len = 3000 });
	for (size_t i = 0; i < 9; i++)
		open_deaf(i, FROM_ID, 0);
	rig_settle(&rig, pages, 0);
	assert_int_equal(rig.page_count, 8);
	while (rig.page_count > 0)
		hub_answer();
	rig_settle(&rig, pages, 0);
	pass(9000);
	assert_int_equal(rig.page_count, 0);
	pass(11000);
	assert_int_equal(rig.page_count, 1);
	assert_int_equal(fanout_count(rig.fanout), 9);
	settle(9);
	for (size_t i = 0; i < 9; i++)
		assert_steps(&pages[i], 0, 2, 200, 1);
	assert_int_equal(fanout_get_stats(rig.fanout)->cut, 0);
	end(9);
}

/* Nobody holds the rest of a large event for it; its browser resumes. */
static void
who_stalls_in_a_large_event_is_cut(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 30; i++)
		publish((struct rig_event){ .topic = "a", .len = 400000 });
	open_deaf(0, FROM_ID, 0);
	open_deaf(1, FROM_LAST, 20);
	rig_settle(&rig, pages, 0);
	while (rig.page_count > 0) {
		hub_answer();
		rig_settle(&rig, pages, 0);
	}
	assert_int_equal(fanout_count(rig.fanout), 2);
	pass(11000);
	assert_int_equal(fanout_count(rig.fanout), 0);
	assert_int_equal(fanout_get_stats(rig.fanout)->cut, 2);
	for (size_t i = 0; i < 2; i++) {
		page_read(&pages[i]);
		assert_true(pages[i].is_closed);
		assert_story(&pages[i], "");
		page_close(&pages[i]);
	}
	open_deaf(0, FROM_ID, 0);
	settle(1);
	assert_steps(&pages[0], 0, 2, 30, 1);
	end(1);
}

static bool
has_heard(struct rig *r, const struct page *p, size_t count)
{
	(void)r;
	for (size_t i = 0; i < count; i++)
		if (p[i].records < 3)
			return false;
	return true;
}

/* While the hub is away they wait on comments, without a position. */
static void
who_waits_for_a_page_is_kept_alive(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	config.heartbeat_ms = 100;
	begin_with(config);
	publish_many(100);
	for (size_t i = 0; i < 12; i++)
		page_after(&rig, &pages[i], "-*\n", rig_id(&rig, 5));
	rig_wait(&rig, pages, 12, has_heard);
	for (size_t i = 0; i < 12; i++) {
		assert_string_equal(page_last_id(&pages[i]), rig_id(&rig, 5));
		assert_non_null(strstr(page_body(&pages[i]), "\n:\n"));
		assert_int_equal(pages[i].count, 0);
	}
	settle(12);
	for (size_t i = 0; i < 12; i++)
		assert_steps(&pages[i], 0, 6, 100, 1);
	end(12);
}

static bool
has_asked(struct rig *r, const struct page *p, size_t count)
{
	(void)p;
	(void)count;
	return r->page_count > 0;
}

/* Questions that cannot be asked, and an answer of another log, are asked again
 * a little later. */
static void
it_is_asked_again(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	rig.ask_result = -ENOBUFS;
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 5));
	rig_settle(&rig, pages, 1);
	rig.ask_result = 0;
	rig_wait(&rig, pages, 1, has_asked);
	hub.epoch++;
	hub_answer();
	rig_settle(&rig, pages, 1);
	assert_int_equal(rig.page_count, 0);
	assert_int_equal(pages[0].count, 0);
	hub.epoch--;
	rig_wait(&rig, pages, 1, has_asked);
	settle(1);
	assert_steps(&pages[0], 0, 6, 100, 1);
	end(1);
}

static void
a_hub_that_does_not_understand_ends_the_stream(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	page_after(&rig, &pages[0], "-*\n", rig_id(&rig, 5));
	rig_settle(&rig, pages, 1);
	fanout_page(rig.fanout, rig.pages[0].tag, NULL);
	rig.page_count = 0;
	rig_settle(&rig, pages, 1);
	assert_true(pages[0].is_ended);
	assert_true(pages[0].decode.retry_ms >= 3000);
	fanout_page(rig.fanout, 12345, NULL);		/* nobody's */
	end(1);
}

/* ---- another log ---- */

static void
another_log_ends_the_paging(void **state)
{
	char old[64];

	(void)state;
	begin();
	publish_many(100);
	strcpy(old, rig_id(&rig, 5));
	for (size_t i = 0; i < 12; i++)
		page_after(&rig, &pages[i], "-a\n", old);
	page_open(&rig, &pages[12], (struct page_request){
		.key = "-a\n", .from = FROM_EARLIEST });
	rig_settle(&rig, pages, 13);
	hub_answer();
	rig_settle(&rig, pages, 13);
	restart();
	publish_many(5);
	settle(13);
	/* Of the old log the window has 97 and 99 yet. */
	for (size_t i = 1; i < 12; i++) {
		assert_story(&pages[i], "gap 97 99 gap 1 3 5");
		assert_non_null(strstr(pages[i].got[0].text, old));
		assert_non_null(strstr(pages[i].got[0].text, "\"trimmed\""));
	}
	assert_story(&pages[0], "7 9 11 13 15 17 19 gap 97 99 gap 1 3 5");
	assert_story(&pages[12], "97 99 gap 1 3 5");
	assert_int_equal(rig.page_count, 0);
	end(13);
}

/* There is more of the new log than the window holds. */
static void
another_log_is_paged_from_its_beginning(void **state)
{
	char old[64];

	(void)state;
	begin();
	publish_many(100);
	strcpy(old, rig_id(&rig, 5));
	page_after(&rig, &pages[0], "-*\n", old);
	rig_settle(&rig, pages, 1);
	restart();
	publish_many(50);
	page_after(&rig, &pages[1], "-*\n", old);
	settle(2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(pages[i].got[0].is_gap);
		assert_non_null(strstr(pages[i].got[0].text, old));
		assert_string_equal(pages[i].got[0].id, rig_id(&rig, 0));
		assert_steps(&pages[i], 1, 1, 50, 1);
	}
	end(2);
}

/* The numbers go on in the new log: what was written does not come again. */
static void
a_log_that_goes_on_is_paged_from_there(void **state)
{
	char old[64];
	uint64_t number;

	(void)state;
	begin();
	publish_many(100);
	strcpy(old, rig_id(&rig, 5));
	number = rig.number;
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true,
		.after_epoch = rig.epoch,
		.after_number = number,
		.epoch = rig.epoch + 1,
		.resumed_at = number,
		.reason = "restarted",
	});
	rig.epoch = hub.epoch = rig.epoch + 1;
	publish_many(50);
	page_after(&rig, &pages[0], "-*\n", old);
	settle(1);
	assert_true(pages[0].got[0].is_gap);
	assert_steps(&pages[0], 1, 6, 150, 1);
	end(1);
}

/* ---- slow readers ---- */

static void
a_slow_reader_catches_up_from_the_hub(void **state)
{
	(void)state;
	begin();
	hub.most = 50;
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .send_room = 5000 });
	page_open(&rig, &pages[1], (struct page_request){
		.key = "-*\n", .send_room = 5000, .id = 4 });
	for (int i = 0; i < 1000; i++) {
		publish_many(1);
		rig_pump(&rig);
	}
	settle(2);
	assert_steps(&pages[0], 0, 1, 1000, 1);
	assert_steps(&pages[1], 0, 1, 1000, 1);
	assert_true(hub.asked > 2);
	assert_int_equal(fanout_get_stats(rig.fanout)->gaps, 0);
	end(2);
}

static void
a_slow_reader_is_told_what_the_hub_has_lost(void **state)
{
	size_t n = 0;

	(void)state;
	begin();
	page_open(&rig, &pages[0], (struct page_request){
		.key = "-*\n", .send_room = 5000 });
	for (int i = 0; i < 1000; i++) {
		publish_many(1);
		rig_pump(&rig);
	}
	hub.gone = 900;
	settle(1);
	while (!pages[0].got[n].is_gap)
		n++;
	assert_non_null(strstr(pages[0].got[n].text, "\"slow\""));
	assert_non_null(strstr(pages[0].got[n].text, rig_id(&rig, n)));
	assert_string_equal(pages[0].got[n].id, rig_id(&rig, 900));
	assert_steps(&pages[0], n + 1, 901, 1000, 1);
	end(1);
}

/* Whatever the sizes, and however little is read at a time. */
static void
pages_of_any_size_come_whole(void **state)
{
	static const size_t sizes[] = { 10, 3000, 60000, 200000 };

	(void)state;
	for (size_t k = 0; k < COUNT_OF(sizes); k++) {
		begin();
		hub.most = 20;
		for (int i = 0; i < 60; i++)
			publish((struct rig_event){
				.topic = "a", .len = sizes[k] });
		page_open(&rig, &pages[0], (struct page_request){
			.key = "-a\n", .from = FROM_ID, .send_room = 5000,
			.after = rig_id(&rig, 1), .id = k % 2 ? 6 : 1 });
		settle(1);
		assert_steps(&pages[0], 0, 2, 60, 1);
		assert_int_equal(pages[0].got[20].len, sizes[k]);
		end(1);
	}
}

/* ---- holes ---- */

static void
hole(uint64_t to)
{
	fanout_gap(rig.fanout, &(struct follower_gap){
		.after_known = true,
		.after_epoch = rig.epoch,
		.after_number = rig.number,
		.epoch = rig.epoch,
		.resumed_at = to,
		.reason = "trimmed",
		.is_hole = true,
	});
	for (; rig.number < to; rig.number++)
		hub.events[rig.number] = (struct rig_event){ .topic = "gone" };
	hub.gone = to;
}

static void
a_hole_is_told_to_those_only_who_miss_something(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 48; i++)
		page_follow(&rig, &pages[i], i % 3 == 0 ? "-a\n" :
			    i % 3 == 1 ? "-gone\n" : "-*\n");
	publish((struct rig_event){ .topic = "a" });
	hole(20);
	publish((struct rig_event){ .topic = "a" });
	publish((struct rig_event){ .topic = "gone" });
	settle(48);
	for (size_t i = 0; i < 48; i++)
		assert_story(&pages[i], i % 3 == 0 ? "1 21" :
			     i % 3 == 1 ? "gap 22" : "1 gap 21 22");
	assert_string_equal(pages[1].got[0].id, rig_id(&rig, 20));
	assert_non_null(strstr(pages[1].got[0].text, rig_id(&rig, 1)));
	/* A question for a group, not for a stream; eight at the same time. */
	assert_true(hub.asked <= 3 * 8);
	/* Who comes later and stood before it hears of it, too. */
	page_after(&rig, &pages[48], "-*\n", rig_id(&rig, 1));
	page_after(&rig, &pages[49], "-a\n", rig_id(&rig, 1));
	settle(50);
	assert_story(&pages[48], "gap 21 22");
	assert_story(&pages[49], "21");
	end(50);
}

/* What the hub does not keep when the worker starts is nobody's gap. */
static void
holes_at_the_beginning_are_asked_about(void **state)
{
	struct fanout_config config = rig_config();

	(void)state;
	memset(&hub, 0, sizeof(hub));
	hub.most = 1000;
	config.window.events = 100;
	rig_begin_with(&rig, &config, &rig_paged_ops);
	hub.epoch = rig.epoch;
	page_follow(&rig, &pages[0], "-*\n");
	fanout_gap(rig.fanout, &(struct follower_gap){
		.epoch = rig.epoch, .reason = "trimmed",
	});
	publish((struct rig_event){ .topic = "a" });
	hole(20);
	hub.keep = "a";
	publish((struct rig_event){ .topic = "a" });
	hole(40);
	publish((struct rig_event){ .topic = "a" });
	hole(60);
	fanout_state(rig.fanout, FOLLOWER_LIVE);
	settle(1);
	assert_int_equal(rig.page_count, 0);
	page_follow(&rig, &pages[1], "-*\n");
	page_after(&rig, &pages[2], "-a\n", rig_id(&rig, 0));
	page_after(&rig, &pages[3], "-a\n-gone\n", rig_id(&rig, 1));
	page_open(&rig, &pages[4], (struct page_request){
		.key = "-a\n", .from = FROM_EARLIEST });
	page_open(&rig, &pages[5], (struct page_request){
		.key = "-a\n", .from = FROM_LAST, .last_n = 2 });
	page_after(&rig, &pages[6], "-*\n", rig_id(&rig, 60));
	publish((struct rig_event){ .topic = "a" });
	settle(7);
	/* It was there before they came. */
	assert_story(&pages[0], "gap 1 21 41 61");
	assert_story(&pages[1], "61");
	assert_story(&pages[2], "1 21 41 61");
	assert_story(&pages[3], "gap 21 41 61");
	assert_story(&pages[4], "1 21 41 61");
	assert_story(&pages[5], "21 41 61");
	assert_story(&pages[6], "61");
	end(7);
}

/* ---- the end, and no memory ---- */

static void
everything_is_freed_while_it_pages(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	for (size_t i = 0; i < 20; i++)
		page_open(&rig, &pages[i], (struct page_request){
			.key = "-*\n", .from = FROM_ID, .send_room = 5000,
			.after = rig_id(&rig, 5) });
	rig_settle(&rig, pages, 0);
	hub_answer();
	hub_answer();
	rig_end(&rig);
	assert_int_equal(rig.page_count, 0);
	for (size_t i = 0; i < 20; i++)
		page_close(&pages[i]);
}

static bool
are_closed(struct rig *r, const struct page *p, size_t count)
{
	(void)p;
	(void)count;
	return fanout_count(r->fanout) == 0;
}

static void
draining_ends_those_who_page(void **state)
{
	(void)state;
	begin();
	publish_many(100);
	for (size_t i = 0; i < 20; i++)
		page_after(&rig, &pages[i], "-*\n", rig_id(&rig, 5));
	rig_settle(&rig, pages, 20);
	hub_answer();
	fanout_drain(rig.fanout);
	rig_wait(&rig, pages, 20, are_closed);
	for (size_t i = 0; i < 20; i++) {
		page_read(&pages[i]);
		assert_true(pages[i].is_ended);
	}
	assert_string_equal(page_last_id(&pages[0]), rig_id(&rig, 12));
	end(20);
}

/* The n-th allocation fails when the stream opens, or when its page comes.
 * Returns whether there was one. */
static bool
page_without_memory(size_t n, bool at_opening)
{
	struct follower_page page;
	uint64_t tag;

	rig.fault_at = at_opening ? n : 0;
	if (page_try_open(&rig, &pages[0], (struct page_request){
			.key = "-*\n", .from = FROM_ID,
			.after = rig_id(&rig, 3) }) < 0) {
		page_close(&pages[0]);
		return true;
	}
	if (at_opening)
		return rig.had_fault;
	rig_settle(&rig, pages, 2);
	tag = hub_make(&page);
	fault_arm(n);
	fanout_page(rig.fanout, tag, &page);
	return fault_disarm();
}

/* Without memory a stream ends, and takes up where it was. */
static void
paging_without_memory_loses_nothing(void **state)
{
	size_t failures = 0, n = 0;
	bool at_opening = true, failed;

	(void)state;
	do {
		char last[64];
		size_t i;

		begin();
		publish_many(100);
		page_follow(&rig, &pages[1], "-c\n");
		failed = page_without_memory(++n, at_opening);
		failures += failed;
		settle(2);
		strcpy(last, page_last_id(&pages[0]));
		if (pages[0].fd < 0 || pages[0].is_closed) {
			page_close(&pages[0]);
			page_after(&rig, &pages[0], "-*\n",
				   *last ? last : rig_id(&rig, 3));
			settle(2);
		}
		i = pages[0].count;
		assert_true(i > 0 && i <= 97);
		assert_steps(&pages[0], 0, 101 - i, 100, 1);
		assert_true(i == 97 || strcmp(last, rig_id(&rig, 100 - i)) == 0);
		publish_many(10);
		settle(2);
		assert_story(&pages[1], "110");
		end(2);
		if (!failed && at_opening) {
			at_opening = false;
			failed = true;
			n = 0;
		}
	} while (failed);
	assert_true(failures > 10);
}

/* Of a last=N all is written, or nothing: then it is asked again. */
static void
a_search_without_memory_ends_the_stream(void **state)
{
	size_t failures = 0;
	bool failed = true;

	(void)state;
	for (size_t n = 1; failed; n++) {
		struct follower_page page;
		uint64_t tag;

		begin();
		hub.most = 1000;
		publish_many(100);
		last(0, "-c\n-{x}\n", 2);
		rig_settle(&rig, pages, 1);
		tag = hub_make(&page);
		fault_arm(n);
		fanout_page(rig.fanout, tag, &page);
		failed = fault_disarm();
		failures += failed;
		settle(1);
		assert_true(failed || !pages[0].is_closed);
		if (pages[0].is_closed && pages[0].count == 0) {
			page_close(&pages[0]);
			last(0, "-c\n-{x}\n", 2);
			settle(1);
		}
		assert_story(&pages[0], "90 96 97 98 99 100");
		end(1);
	}
	assert_true(failures > 5);
}

static int
with_back_end(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_resume_before_the_window_is_paged),
		cmocka_unit_test(what_the_window_has_is_not_asked_for),
		cmocka_unit_test(private_events_are_paged_for_those_only_who_may_have_them),
		cmocka_unit_test(a_publishers_own_ids_are_paged_too),
		cmocka_unit_test(what_the_hub_has_lost_is_told),
		cmocka_unit_test(what_is_kept_among_what_is_gone_comes),
		cmocka_unit_test(earliest_and_unknown_get_all_that_is_kept),
		cmocka_unit_test(what_goes_while_it_pages_is_told),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(nothing_comes_twice),
		cmocka_unit_test(the_newest_of_each_topic_come_from_the_hub),
		cmocka_unit_test(a_window_with_enough_is_not_asked_about),
		cmocka_unit_test(the_newest_of_several_topics_come_once),
		cmocka_unit_test(the_newest_are_those_at_the_end_of_the_search),
		cmocka_unit_test(a_search_that_is_too_long_is_given_up),
		cmocka_unit_test(large_ones_come_as_far_as_they_fit),
		cmocka_unit_test(another_log_ends_the_search),
		cmocka_unit_test(few_page_at_a_time_and_all_get_theirs),
		cmocka_unit_test(a_page_that_is_not_taken_is_dropped),
		cmocka_unit_test(who_stalls_in_a_large_event_is_cut),
		cmocka_unit_test(who_waits_for_a_page_is_kept_alive),
		cmocka_unit_test(it_is_asked_again),
		cmocka_unit_test(a_hub_that_does_not_understand_ends_the_stream),
		cmocka_unit_test(another_log_ends_the_paging),
		cmocka_unit_test(another_log_is_paged_from_its_beginning),
		cmocka_unit_test(a_log_that_goes_on_is_paged_from_there),
		cmocka_unit_test(a_slow_reader_catches_up_from_the_hub),
		cmocka_unit_test(a_slow_reader_is_told_what_the_hub_has_lost),
		cmocka_unit_test(pages_of_any_size_come_whole),
		cmocka_unit_test(a_hole_is_told_to_those_only_who_miss_something),
		cmocka_unit_test(holes_at_the_beginning_are_asked_about),
		cmocka_unit_test(everything_is_freed_while_it_pages),
		cmocka_unit_test(draining_ends_those_who_page),
		cmocka_unit_test(paging_without_memory_loses_nothing),
		cmocka_unit_test(a_search_without_memory_ends_the_stream),
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
