/* SPDX-License-Identifier: MIT */
/*
 * Two workers that follow one hub, each at its own pace, and browsers that come
 * and go, read as they like, and take up at either worker what the other one
 * began. Whatever happens, a browser gets everything it asked for, once and in
 * order, or an sse-gap that stands exactly where something is missing; and an
 * id that it is given never stands for more than it has got. In some walks the
 * hub keeps more than the workers' windows, and gives it in pages; then only
 * what the hub keeps no more may be missing.
 *
 * UNIT_SEED=n tries other walks, UNIT_ROUNDS=n more of them.
 */
#include "config.h"

#include "lib/sse/also.h"
#include "lib/sse/selector.h"
#include "tests/unit/fanout_rig.h"
#include "tests/unit/unit_random.h"

enum {
	FACTS = 6000,
	WORKERS = 2,
	BROWSERS = 24,
	STEPS = 700,
	NO_FACT = FACTS + 1,	/* an entry of a log that is a gap */
};

static const char *const topics[] = {
	"a", "b", "news/x", "news/y/z", "private/me", "quiet",
};

struct line {
	const char *text;
	bool is_granted;
};

static const struct wish {
	const char *key;
	struct line lines[3];
} wishes[] = {
	{ "-a\n", { { "a", false } } },
	{ "+a\n-b\n", { { "a", true }, { "b", false } } },
	{ "-*\n", { { "*", false } } },
	{ "+*\n", { { "*", true } } },
	{ "-news/*\n", { { "news/*", false } } },
	{ "-news/{x}\n+quiet\n", { { "news/{x}", false }, { "quiet", true } } },
	{ "-quiet\n", { { "quiet", false } } },
	{ "+news/{+x}\n+private/me\n",
	  { { "news/{+x}", true }, { "private/me", true } } },
};

/* ---- the hub ---- */

struct fact {
	unsigned log;		/* which of the hub's logs */
	uint64_t number;
	const char *topic;
	const char *also;	/* another one, or NULL */
	bool is_private;
	bool has_id;		/* a publisher's own */
	bool is_gone;		/* the hub does not keep it any more */
	size_t len;
};

static struct {
	struct fact facts[FACTS];
	size_t count;
	unsigned log;
	uint64_t number;
	bool is_calm;		/* no log but one, no holes, no restarts */
	bool is_paged;		/* it gives pages of what it keeps: */
	size_t history;		/* the newest so many, */
	size_t keep;		/* and so many of the topic `quiet` */
} hub;

static uint64_t
epoch_of(unsigned log)
{
	return RIG_EPOCH + log;
}

static const char *
id_of(size_t fact)
{
	static char text[64];
	const struct fact *f = &hub.facts[fact];

	if (f->has_id)
		snprintf(text, sizeof(text), "own %zu", fact);
	else
		id_format(epoch_of(f->log), f->number, text);
	return text;
}

/* The first fact behind a place. */
static size_t
fact_after(unsigned log, uint64_t number)
{
	size_t i = 0;

	while (i < hub.count && (hub.facts[i].log < log ||
				 (hub.facts[i].log == log &&
				  hub.facts[i].number <= number)))
		i++;
	return i;
}

/* The first fact behind an id of ours or a fact's own. False: not one. */
static bool
fact_after_id(const char *id, size_t *ret_fact)
{
	uint64_t epoch, number;

	if (sscanf(id, "own %zu", ret_fact) == 1) {
		(*ret_fact)++;
		return true;
	}
	if (id_parse(slice_of(id), &epoch, &number) < 0 || epoch < RIG_EPOCH ||
	    epoch > epoch_of(hub.log))
		return false;
	*ret_fact = fact_after((unsigned)(epoch - RIG_EPOCH), number);
	return true;
}

static void
hub_publish(void)
{
	struct fact f = {
		.log = hub.log,
		.topic = topics[unit_below(unit_chance(30) ? COUNT_OF(topics) :
					   COUNT_OF(topics) - 1)],
		.is_private = unit_chance(5),
		.has_id = unit_chance(8),
		.len = unit_below(60),
	};

	if (hub.count == FACTS)
		return;
	if (unit_chance(6) && f.topic != topics[0])
		f.also = topics[unit_below(2) ? 0 : 2];
	if (f.also == f.topic)
		f.also = NULL;
	f.number = ++hub.number;
	if (unit_chance(10))
		f.len = 3000;
	if (unit_chance(60))
		f.len = 60000 + unit_below(20000);
	hub.facts[hub.count++] = f;
}

/* What is beyond the history leaves, but for the newest of the topic that is to be
 * kept. */
static void
hub_trim(void)
{
	size_t kept = 0, i = hub.count;

	while (i-- > 0) {
		struct fact *f = &hub.facts[i];

		if (f->log == hub.log && hub.count - i <= hub.history)
			kept += strcmp(f->topic, "quiet") == 0;
		else if (f->log != hub.log || strcmp(f->topic, "quiet") != 0 ||
			 kept++ >= hub.keep)
			f->is_gone = true;
	}
}

static bool
matches(struct slice text, enum selector_kind kind, const struct fact *f)
{
	return selector_match(text, kind, slice_of(f->topic)) ||
	       (f->also && selector_match(text, kind, slice_of(f->also)));
}

/* Its other topic, as it travels; good until the next call. */
static struct slice
also_of(const struct fact *f)
{
	static char field[32];
	size_t len = f->also ? strlen(f->also) : 0;

	if (!f->also)
		return SLICE_NONE;
	snprintf(field, sizeof(field), "%c%c%c%s", ALSO_TYPE, 0, (char)len,
		 f->also);
	return (struct slice){ field, 3 + len };
}

static bool
hub_matches(const char *selectors, const struct fact *f)
{
	const char *p = selectors, *end;

	for (; *p; p = end + 1) {
		enum selector_kind kind;
		struct slice text;

		end = strchr(p, '\n');
		text = (struct slice){ p, (size_t)(end - p) };
		assert_int_equal(selector_parse(text, &kind, NULL), 0);
		if (matches(text, kind, f))
			return true;
	}
	return false;
}

enum { PAGE_MOST = 300 };

static struct {
	struct event events[PAGE_MOST];
	struct buf data[PAGE_MOST];
	char ids[PAGE_MOST][32], also[PAGE_MOST][32];
} sheet;

static void
sheet_put(struct follower_page *page, size_t fact)
{
	const struct fact *f = &hub.facts[fact];
	struct buf *data = &sheet.data[page->count];

	buf_clear(data);
	assert_int_equal(buf_append_slice(data, rig_data(fact + 1, f->len)), 0);
	sheet.events[page->count] = (struct event){
		.topic = slice_of(f->topic),
		.data = buf_slice(data),
		.is_private = f->is_private,
		.epoch = epoch_of(f->log),
		.number = f->number,
	};
	if (f->also) {
		struct slice also = also_of(f);

		sheet.events[page->count].also = (struct slice){
			memcpy(sheet.also[page->count], also.p, also.len),
			also.len,
		};
	}
	if (f->has_id) {
		strcpy(sheet.ids[page->count], id_of(fact));
		sheet.events[page->count].id =
			slice_of(sheet.ids[page->count]);
	}
	page->count++;
}

/* A page ends where it likes, but not before its first event. */
static void
hub_page(struct rig *r, const struct rig_page_question *q)
{
	struct follower_page page = {
		.epoch = epoch_of(hub.log), .last = hub.number,
		.events = sheet.events,
	};
	size_t bytes = 0, most = 1 + unit_below(400000);
	size_t scan = 1 + unit_below(unit_chance(2) ? 10 : FACTS);

	page.from = q->q.epoch == page.epoch ? q->q.number + 1 : 1;
	if (page.from > page.last + 1)
		page.from = page.last + 1;
	page.to = page.from - 1;
	for (size_t i = 0; i < hub.count; i++) {
		const struct fact *f = &hub.facts[i];
		bool matches = hub_matches(q->selectors, f);

		if (f->log != hub.log)
			continue;
		if (f->is_gone && matches)
			page.lost = f->number;
		if (f->number < page.from || page.count == PAGE_MOST ||
		    page.count == q->q.limit || bytes > most || scan == 0)
			continue;
		page.to = f->number;
		if (f->is_gone)
			continue;
		scan--;
		if (matches) {
			sheet_put(&page, i);
			bytes += f->len;
		}
	}
	fanout_page(r->fanout, q->tag, &page);
}

/* ---- workers ---- */

struct worker {
	struct rig rig;
	struct fanout_config config;
	size_t at;			/* the next fact to be followed */
	unsigned log;
	uint64_t number;		/* the last one of log */
	bool is_live;
	size_t kept[2 * FACTS];		/* facts by position of the log */
	uint64_t end;
};

static struct worker workers[WORKERS];

/* Remembers what has come into the log. */
static void
worker_note(struct worker *w, size_t fact)
{
	uint64_t end = evlog_end(fanout_log(w->rig.fanout));

	assert_true(end <= w->end + 1 && end <= 2 * FACTS);
	if (end > w->end)
		w->kept[w->end] = fact;
	w->end = end;
}

static void
worker_gap(struct worker *w, unsigned log, uint64_t resumed_at,
	   const char *reason, bool is_hole)
{
	fanout_gap(w->rig.fanout, &(struct follower_gap){
		.after_known = w->end > 0,
		.after_epoch = epoch_of(w->log),
		.after_number = w->number,
		.epoch = epoch_of(log),
		.resumed_at = resumed_at,
		.reason = reason,
		.is_hole = is_hole,
	});
	worker_note(w, NO_FACT);
	w->log = log;
	w->number = resumed_at;
	w->at = fact_after(log, resumed_at);
}

/* How far nothing is kept of what comes next. */
static uint64_t
worker_hole(const struct worker *w)
{
	size_t to = w->at;

	while (to + 1 < hub.count && hub.facts[to + 1].log == w->log &&
	       hub.facts[to + 1].is_gone)
		to++;
	return hub.facts[to].number;
}

static void
worker_follow(struct worker *w, size_t count)
{
	while (count-- > 0 && w->at < hub.count) {
		const struct fact *f = &hub.facts[w->at];
		struct event e = {
			.topic = slice_of(f->topic),
			.also = also_of(f),
			.is_private = f->is_private,
			.epoch = epoch_of(f->log),
			.number = f->number,
			.time_ms = clock_wall_ms(),
		};

		if (f->log != w->log) {
			worker_gap(w, f->log, 0, "restarted", false);
			continue;
		}
		if (f->is_gone && hub.is_paged) {
			worker_gap(w, f->log, worker_hole(w), "trimmed", true);
			continue;
		}
		e.data = rig_data(w->at + 1, f->len);
		if (f->has_id)
			e.id = slice_of(id_of(w->at));
		fanout_event(w->rig.fanout, &e);
		worker_note(w, w->at++);
		w->number = f->number;
	}
}

static void
worker_begin(struct worker *w)
{
	uint64_t first = unit_chance(2) || (hub.is_calm && !hub.is_paged) ? 0 :
			 unit_below(hub.number + 1);

	rig_begin_with(&w->rig, &w->config, hub.is_paged ? &rig_paged_ops :
							   &rig_ops);
	w->end = 0;
	w->log = hub.log;
	w->is_live = false;
	worker_gap(w, hub.log, first, "trimmed", false);
}

static void
worker_go_live(struct worker *w)
{
	worker_follow(w, SIZE_MAX);
	w->is_live = true;
	fanout_state(w->rig.fanout, FOLLOWER_LIVE);
}

/* The hub has some of what comes next no more. */
static void
worker_miss(struct worker *w)
{
	size_t to;

	if (w->at == hub.count || hub.facts[w->at].log != w->log)
		return;
	to = w->at + unit_below(20);
	while (to >= hub.count || hub.facts[to].log != w->log)
		to--;
	worker_gap(w, w->log, hub.facts[to].number, "trimmed", false);
}

/* What a hub that knows only its last log says. */
static void
hub_answer(struct rig *r, const struct rig_question *q)
{
	uint64_t epoch = epoch_of(hub.log), asked, number = 0;
	size_t after;
	bool known;

	if (id_parse(slice_of(q->id), &asked, &number) == 0) {
		known = asked == epoch && number <= hub.number;
	} else {
		known = fact_after_id(q->id, &after) &&
			hub.facts[after - 1].log == hub.log;
		if (known)
			number = hub.facts[after - 1].number;
	}
	fanout_resolved(r->fanout, q->tag, known, epoch, number);
}

static void
worker_answer(struct worker *w)
{
	struct rig *r = &w->rig;
	unsigned kept = 0;

	for (unsigned i = 0; i < r->question_count; i++) {
		struct rig_question q = r->questions[i];

		if (q.is_forgotten)
			continue;
		if (unit_chance(2))
			hub_answer(r, &q);
		else
			r->questions[kept++] = q;
	}
	r->question_count = kept;
	while (r->page_count > 0 && unit_chance(2)) {
		struct rig_page_question q = r->pages[0];

		r->page_count--;
		memmove(r->pages, r->pages + 1,
			r->page_count * sizeof(*r->pages));
		hub_page(r, &q);
	}
}

/* ---- browsers ---- */

struct browser {
	struct page page;
	struct worker *worker;
	const struct wish *wish;
	size_t seen;			/* of page.got: looked at */
	char last_id[EVENT_ID_MAX + 1];
	bool has_start;			/* next is known */
	bool is_earliest;		/* and got nothing yet */
	size_t next;			/* wanted facts before it are got or told */
	size_t stands;			/* what last_id stands for: facts before */
	size_t replay[512];		/* what last=N promised */
	size_t replay_at, replay_count;
	size_t forgiven;		/* what is gone before it was told */
};

static struct browser browsers[BROWSERS];

static bool
browser_wants(const struct browser *b, const struct fact *f,
	      bool ignores_rights)
{
	for (size_t i = 0; i < 3 && b->wish->lines[i].text; i++) {
		const struct line *l = &b->wish->lines[i];
		enum selector_kind kind;

		if (selector_parse(slice_of(l->text), &kind, NULL) < 0)
			fail();
		if ((ignores_rights || l->is_granted || !f->is_private) &&
		    matches(slice_of(l->text), kind, f))
			return true;
	}
	return false;
}

static bool
wants(const struct browser *b, size_t fact, bool ignores_rights)
{
	return browser_wants(b, &hub.facts[fact], ignores_rights);
}

/* Whether it wants the fact for the sake of this topic of it. */
static bool
wants_for(const struct browser *b, size_t fact, const char *topic)
{
	struct fact f = hub.facts[fact];

	f.topic = topic;
	f.also = NULL;
	return browser_wants(b, &f, false);
}

/* The first wanted fact from `from` on, before `to`. */
static size_t
wanted_from(const struct browser *b, size_t from, size_t to)
{
	while (from < to && (!wants(b, from, false) ||
			     (from < b->forgiven && hub.facts[from].is_gone)))
		from++;
	return from;
}

static void
assert_nothing_between(const struct browser *b, size_t from, size_t to,
		       const char *what)
{
	size_t missed = wanted_from(b, from, to);

	unit_check(missed >= to, "%s: %s of browser %zu was not given (next "
		   "is %zu, key %s)", what, missed < hub.count ?
		   id_of(missed) : "?", (size_t)(b - browsers), b->next,
		   b->wish->key);
}

/* What was there and is not given must be gone at the hub, too. */
static void
assert_gone_between(const struct browser *b, size_t from, size_t to)
{
	for (; from < to; from++)
		unit_check(!wants(b, from, false) || hub.facts[from].is_gone,
			   "%s is not given, though the hub keeps it (key %s)",
			   id_of(from), b->wish->key);
}

/* What the hub said to be gone may be behind some that it keeps. */
static void
forgive(struct browser *b)
{
	for (size_t i = b->forgiven; i < hub.count; i++)
		if (hub.facts[i].is_gone && hub.keep > 0)
			b->forgiven = i + 1;
}

/* It asked for what is kept, not for what is gone. */
static void
browser_begins_earliest(struct browser *b, size_t fact)
{
	if (!b->is_earliest)
		return;
	assert_gone_between(b, 0, fact);
	b->next = fact;
	forgive(b);
	b->is_earliest = false;
}

static void
browser_on_event(struct browser *b, const struct got *got)
{
	size_t fact = got->number - 1;

	assert_true(fact < hub.count);
	browser_begins_earliest(b, fact);
	assert_true(wants(b, fact, false));
	assert_true(got->len >= hub.facts[fact].len);
	assert_string_equal(got->id, id_of(fact));
	if (b->replay_at < b->replay_count) {
		assert_int_equal(fact, b->replay[b->replay_at]);
		b->replay_at++;
		return;
	}
	if (b->has_start) {
		unit_check(fact >= b->next, "fact %zu (%u-%llu) after %zu, "
			   "last id %s, worker %zu at %zu", fact,
			   hub.facts[fact].log, (unsigned long long)
			   hub.facts[fact].number, b->next, b->last_id,
			   (size_t)(b->worker - workers), b->worker->at);
		assert_nothing_between(b, b->next, fact, "event");
	}
	b->has_start = true;
	b->next = fact + 1;
}

/* What `"name":"value"` says; false for null. */
static bool
field_of(const struct got *got, const char *name, char out[64])
{
	char format[64];

	snprintf(format, sizeof(format), "\"%s\":\"", name);
	if (!strstr(got->text, format))
		return false;
	return sscanf(strstr(got->text, format) + strlen(format), "%63[^\"]",
		      out) == 1;
}

static void
browser_on_gap(struct browser *b, const struct got *got)
{
	char after[64], reason[64];
	size_t to, from;

	assert_true(field_of(got, "reason", reason));
	assert_true(fact_after_id(got->id, &to));
	if (hub.is_paged)
		forgive(b);
	browser_begins_earliest(b, to);
	if (strcmp(reason, "unknown") == 0) {
		assert_false(field_of(got, "after", after));
		if (hub.is_paged)
			assert_gone_between(b, 0, to);
		b->has_start = true;
		b->next = b->stands = to;
		return;
	}
	/* What it had before it stands for what it has got. */
	if (b->has_start && field_of(got, "after", after) &&
	    fact_after_id(after, &from))
		assert_nothing_between(b, b->next, from, "gap");
	if (hub.is_paged && b->has_start && strcmp(reason, "restarted") != 0 &&
	    b->replay_count == 0)
		assert_gone_between(b, b->next, to);
	while (b->replay_at < b->replay_count && b->replay[b->replay_at] < to)
		b->replay_at++;
	if (b->has_start && hub.is_calm && b->replay_count == 0) {
		size_t lost = b->next, end = hub.is_paged ? hub.count : to;

		if (field_of(got, "after", after))	/* as with last=N */
			(void)fact_after_id(after, &lost);
		/* The hub may have lost what this worker is about to miss. */
		while (lost < end && (!wants(b, lost, true) ||
				      (hub.is_paged &&
				       !hub.facts[lost].is_gone)))
			lost++;
		unit_check(lost < end || b->forgiven > lost, "a gap (%s) without a loss", reason);
	}
	if (!b->has_start || b->next < to)
		b->next = to;
	b->has_start = true;
}

/* The last event id: a position too stands for no more than was given. */
static void
browser_on_id(struct browser *b)
{
	const char *id = page_last_id(&b->page);
	size_t after;

	/* A new connection goes on with the id of the one before. */
	if (!*id || strcmp(id, b->last_id) == 0)
		return;
	strcpy(b->last_id, id);
	if (!fact_after_id(id, &after))
		return;
	unit_check(after >= b->stands, "the id goes back to %s, from %zu", id,
		   b->stands);
	b->stands = after;
	browser_begins_earliest(b, after);
	if (b->replay_at < b->replay_count)
		return;
	if (b->has_start)
		assert_nothing_between(b, b->next, after, "position");
	else
		b->next = after;
	b->has_start = true;
}

static void
browser_read(struct browser *b, size_t most)
{
	if (b->page.fd < 0)
		return;
	while (most > 0 && page_read_some(&b->page, most < 50 ? most : 50)) {
		while (b->seen < b->page.count) {
			const struct got *got = &b->page.got[b->seen++];

			if (got->is_gap)
				browser_on_gap(b, got);
			else
				browser_on_event(b, got);
		}
		browser_on_id(b);
		most -= most < 50 ? most : 50;
	}
	if (b->page.is_closed)
		page_close(&b->page);
}

/* What the newest n of each topic are, from the worker's own positions. */
static void
expect_replay(struct browser *b, uint32_t n)
{
	const struct evlog *l = fanout_log(b->worker->rig.fanout);
	size_t counts[COUNT_OF(topics)] = { 0 };
	size_t at = COUNT_OF(b->replay);

	for (uint64_t pos = evlog_end(l); pos-- > evlog_first(l);) {
		size_t fact = b->worker->kept[pos];
		bool is_newest = false;

		if (fact == NO_FACT)
			continue;
		for (size_t i = 0; i < COUNT_OF(topics); i++)
			if ((topics[i] == hub.facts[fact].topic ||
			     topics[i] == hub.facts[fact].also) &&
			    wants_for(b, fact, topics[i]) && counts[i]++ < n)
				is_newest = true;
		if (is_newest)
			b->replay[--at] = fact;
	}
	b->replay_at = at;
	b->replay_count = COUNT_OF(b->replay);
	b->has_start = true;
	b->next = b->worker->at;
}

static void
browser_open(struct browser *b)
{
	struct page_request q = {
		.key = b->wish->key,
		.id = unit_chance(5) ? 12 : 1,
		.send_room = unit_chance(2) ? 5000 : 0,
	};

	b->worker = &workers[unit_below(WORKERS)];
	if (b->worker->rig.question_count >= RIG_QUESTIONS)
		return;
	/* It asks for what follows its id: after a last=N that may be more
	 * than what this worker had then. Or it begins anew. */
	if (b->next > b->stands)
		b->next = b->stands;
	if (!b->last_id[0])
		b->has_start = false;
	b->replay_at = b->replay_count = b->seen = 0;
	b->is_earliest = false;
	if (b->last_id[0]) {
		q.from = FROM_ID;
		q.after = b->last_id;
	} else if (!b->has_start && unit_chance(8)) {
		q.from = FROM_ID;
		q.after = unit_chance(2) ? "zzzzzzzz-9" : "no such id";
	} else if (!b->has_start && unit_chance(3)) {
		q.from = unit_chance(2) ? FROM_EARLIEST : FROM_UNKNOWN;
		if (q.from == FROM_EARLIEST && hub.is_paged) {
			b->has_start = true;
			b->next = b->stands = 0;
			b->is_earliest = true;
		}
	} else if (!b->has_start && b->worker->is_live && !hub.is_paged &&
		   unit_chance(2)) {
		q.from = FROM_LAST;
		q.last_n = 1 + (uint32_t)unit_below(20);
		expect_replay(b, q.last_n);
	}
	page_open(&b->worker->rig, &b->page, q);
	b->page.is_terse = true;
}

/* A new tab. */
static void
browser_begin(struct browser *b)
{
	*b = (struct browser){
		.page = { .fd = -1 },
		.wish = &wishes[unit_below(COUNT_OF(wishes))],
	};
}

/* ---- steps ---- */

static void
step_hub(void)
{
	size_t count = unit_chance(20) ? 200 : 1 + unit_below(10);

	if (!hub.is_calm && unit_chance(60)) {
		hub.log++;
		hub.number = 0;
		hub_trim();
	}
	while (count-- > 0)
		hub_publish();
	if (hub.is_paged && unit_chance(3))
		hub_trim();
}

static void
step_worker(struct worker *w)
{
	if (!w->is_live) {
		if (unit_chance(3))
			worker_go_live(w);
		else
			worker_follow(w, 1 + unit_below(20));
		return;
	}
	if (!hub.is_calm && !hub.is_paged && unit_chance(40))
		worker_miss(w);
	if ((!hub.is_calm || hub.is_paged) && unit_chance(150)) {
		rig_end(&w->rig);
		worker_begin(w);
		return;
	}
	worker_follow(w, unit_chance(10) ? SIZE_MAX : 1 + unit_below(40));
}

static void
step_browser(struct browser *b)
{
	if (b->page.fd < 0)
		browser_open(b);
	else if (unit_chance(40))
		page_close(&b->page);
	else if (unit_chance(80)) {
		page_close(&b->page);
		browser_begin(b);
	} else
		browser_read(b, unit_chance(6) ? SIZE_MAX :
			     unit_below(4000));
}

/* ---- the end: everything arrives ---- */

static bool
is_complete(const struct browser *b)
{
	return b->page.fd >= 0 && b->has_start &&
	       b->replay_at == b->replay_count &&
	       wanted_from(b, b->next, hub.count) == hub.count;
}

static bool
all_complete(void)
{
	for (size_t i = 0; i < BROWSERS; i++)
		if (!is_complete(&browsers[i]))
			return false;
	return true;
}

static void
finish(void)
{
	int64_t until_ms = clock_mono_ms() + RIG_PATIENCE_MS;

	for (size_t i = 0; i < WORKERS; i++) {
		worker_go_live(&workers[i]);
		workers[i].rig.nap_ms = 2;
	}
	while (!all_complete()) {
		assert_true(clock_mono_ms() < until_ms);
		for (size_t i = 0; i < WORKERS; i++) {
			worker_answer(&workers[i]);
			rig_pump(&workers[i].rig);
		}
		for (size_t i = 0; i < BROWSERS; i++) {
			if (browsers[i].page.fd < 0)
				browser_open(&browsers[i]);
			browser_read(&browsers[i], SIZE_MAX);
		}
	}
}

static struct fanout_config
random_config(void)
{
	struct fanout_config c = rig_config();

	c.heartbeat_ms = 20;
	c.window.events = 5 + unit_below(300);
	if (unit_chance(3))
		c.window.bytes = 20000 + unit_below(400000);
	if (unit_chance(4))
		c.window.age_ms = 30;
	if (unit_chance(3))
		c.coalesce_ms = 1 + (int64_t)unit_below(20);
	if (unit_chance(4))
		c.max_lifetime_ms = 50 + (int64_t)unit_below(200);
	return c;
}

static void
walk(void)
{
	memset(&hub, 0, sizeof(hub));
	hub.is_calm = unit_chance(3);
	hub.is_paged = !unit_chance(3);
	hub.history = 20 + unit_below(1000);
	hub.keep = unit_chance(2) ? 1 + unit_below(5) : 0;
	for (int i = 0; i < 30; i++)
		hub_publish();
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i].config = random_config();
		worker_begin(&workers[i]);
	}
	for (size_t i = 0; i < BROWSERS; i++)
		browser_begin(&browsers[i]);
	for (unsigned step = 0; step < STEPS; step++) {
		struct worker *w = &workers[unit_below(WORKERS)];

		if (unit_chance(4))
			step_hub();
		if (unit_chance(3))
			step_worker(w);
		if (unit_chance(2))
			worker_answer(w);
		for (size_t n = unit_below(8); n > 0; n--)
			step_browser(&browsers[unit_below(BROWSERS)]);
		rig_pump(w == workers ? &workers[unit_below(WORKERS)].rig :
			 &w->rig);
	}
	finish();
	for (size_t i = 0; i < BROWSERS; i++)
		page_close(&browsers[i].page);
	for (size_t i = 0; i < WORKERS; i++)
		rig_end(&workers[i].rig);
}

static void
browsers_get_everything_or_are_told(void **state)
{
	const char *text = getenv("UNIT_ROUNDS");
	uint64_t rounds = text ? strtoull(text, NULL, 10) : 12;

	(void)state;
	for (uint64_t round = 0; round < rounds; round++) {
		uint64_t seed = unit_seed() * 1000 + round;

		/* Time is not in the seed: a walk may not come out twice. */
		print_message("walk %llu\n", (unsigned long long)seed);
		unit_random_begin(seed);
		assert_int_equal(setenv("SSE_LOOP", round % 2 ? "poll" : "",
					1), 0);
		walk();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(browsers_get_everything_or_are_told),
	};

	return cmocka_run_group_tests_name("fcgi-fanout-walk", tests, NULL,
					   NULL);
}
