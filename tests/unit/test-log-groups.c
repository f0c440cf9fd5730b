/* SPDX-License-Identifier: MIT */
/*
 * Groups against naive matching: every event that ever was, asked with
 * selector_match, tells what a group must get.
 */
#include "lib/log/groups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/sse/also.h"
#include "lib/sse/selector.h"
#include "tests/support/fault.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit_random.h"

enum {
	GROUPS = 12,		/* at once */
	LINES = 20,		/* of a key; more than are merged by chains */
	EVENTS_MOST = 1500,
	COLLECT_MOST = 64,
	ALLOWED = 3,		/* of a key */
	ALSO = 3,		/* other topics of an event */
};

static const char *const topics[] = {
	"news", "news/a", "news/b", "news/a/x", "news/a/y", "stock/ibm",
	"stock/ibm/bid", "stock/private", "private/me", "private/me/too",
	"a/private/b", "$SYS/hub", "$SYS/private/x", "*x", "a//b", "/", "a/",
	"t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9",
};

static const char *const selectors[] = {
	"*", "news/*", "news/a/*", "stock/*", "private/*", "a/private/*",
	"$SYS/*", "$SYS/private/*", "/*", "a/*", "nothing/*", "news/{x}",
	"news/{+x}", "{x}", "{+x}", "{a}/{b}", "stock/{x}/bid",
	"private/{+x}", "$SYS/{x}", "{a}/private/{b}", "news{/x*}",
	"news{/x}", "stock/ibm{/x}", "t1{?q}", "{/x}",
};

struct fact {
	const char *topic;	/* NULL: for everybody */
	const char *also[ALSO];	/* NULL: none, or no more */
	bool is_private;
	struct evlog_place place;
};

struct line {
	const char *text;
	enum selector_kind kind;
	char sign;
};

struct member {			/* a group, and what the model says of it */
	struct group *group;	/* NULL: this place is free */
	struct line lines[LINES];
	unsigned count;
	struct line allowed[ALLOWED];	/* `=`, or `!` */
	unsigned n_allowed;
	uint32_t refs;
	uint64_t since;		/* pending begins with what came then */
	bool is_missed;		/* a note was missed: pending proves nothing */
};

struct model {
	struct fact facts[EVENTS_MOST];
	uint64_t first, end;
	struct evlog_place begin;
	struct evlog *log;
	struct groups *groups;
	struct member members[GROUPS];
	uint64_t next_number;
	bool has_also;		/* events with other topics */
};

static void
on_topic(void *user, struct evlog_topic *t, bool is_new)
{
	struct model *m = user;

	groups_on_topic(m->groups, t, is_new);
}

static const struct evlog_ops ops = { NULL, on_topic };

/* ---- the naive answers ---- */

/* Its topics, one after the other; NULL: there are no more. */
static const char *
topic_of(const struct fact *f, unsigned i)
{
	if (i == 0)
		return f->topic;
	return i <= ALSO ? f->also[i - 1] : NULL;
}

static bool
line_wants(const struct line *l, const struct fact *f)
{
	const char *topic;

	for (unsigned i = 0; (topic = topic_of(f, i)); i++)
		if (selector_match(slice_of(l->text), l->kind,
				   slice_of(topic)))
			return true;
	return false;
}

static bool
has_none_of_ours(const struct fact *f)
{
	const char *topic;

	for (unsigned i = 0; (topic = topic_of(f, i)); i++)
		if (strncmp(topic, "$SYS/", 5) != 0)
			return true;
	return false;
}

static bool
is_allowed(const struct member *g, const struct fact *f)
{
	for (unsigned i = 0; i < g->n_allowed; i++)
		if (line_wants(&g->allowed[i], f) ||
		    (g->allowed[i].sign == '!' && has_none_of_ours(f)))
			return true;
	return false;
}

/* Of what its selector matches. */
static bool
takes(const struct member *g, const struct line *l, const struct fact *f,
      bool is_private)
{
	switch (l->sign) {
	case '+':
		return true;
	case '-':
		return !is_private;
	case '~':
		return !is_private || is_allowed(g, f);
	default:
		return is_allowed(g, f);
	}
}

static bool
wants_if(const struct member *g, const struct fact *f, bool is_private)
{
	if (!f->topic)
		return true;
	for (unsigned i = 0; i < g->count; i++)
		if (line_wants(&g->lines[i], f) &&
		    takes(g, &g->lines[i], f, is_private))
			return true;
	return false;
}

/* Whether it wants the event for the sake of this topic of it. */
static bool
wants_for(const struct member *g, const struct fact *f, const char *topic)
{
	const struct fact one = { .topic = topic };

	for (unsigned i = 0; i < g->count; i++)
		if (line_wants(&g->lines[i], &one) &&
		    takes(g, &g->lines[i], f, f->is_private))
			return true;
	return false;
}

/* The most that it may be told of: what other topics made of what has left is not
 * known. */
static bool
may_want(const struct member *g, const struct fact *f)
{
	if (!f->topic)
		return true;
	for (unsigned i = 0; i < g->count; i++)
		if (line_wants(&g->lines[i], f))
			return true;
	return false;
}

/* What has been lost of a topic counts as not private. */
static bool
wants_topic(const struct member *g, const struct fact *f)
{
	return wants_if(g, f, false);
}

static bool
wants(const struct member *g, const struct fact *f)
{
	return wants_if(g, f, f->is_private);
}

/* ---- groups come and go ---- */

static void
append_lines(const struct line *lines, unsigned count, struct buf *key)
{
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(buf_append_char(key, lines[i].sign), 0);
		assert_int_equal(buf_append_text(key, lines[i].text), 0);
		assert_int_equal(buf_append_char(key, '\n'), 0);
	}
}

static struct slice
key_of(const struct member *g, struct buf *key)
{
	buf_clear(key);
	append_lines(g->lines, g->count, key);
	append_lines(g->allowed, g->n_allowed, key);
	return buf_slice(key);
}

static char
choose_sign(void)
{
	return "---+?~"[unit_below(6)];
}

static void
choose_allowed(struct member *g)
{
	g->n_allowed = (unsigned)unit_below(ALLOWED + 1);
	for (unsigned i = 0; i < g->n_allowed; i++) {
		struct line *l = &g->allowed[i];

		l->sign = unit_chance(8) ? '!' : '=';
		if (l->sign == '!')
			l->text = "*";
		else if (unit_chance(2))
			l->text = topics[unit_below(COUNT_OF(topics))];
		else
			l->text = selectors[unit_below(COUNT_OF(selectors))];
		if (selector_parse(slice_of(l->text), &l->kind, NULL) < 0)
			fail();
	}
}

static void
choose_lines(struct member *g, unsigned most)
{
	g->count = 1 + (unsigned)unit_below(most);
	for (unsigned i = 0; i < g->count; i++) {
		struct line *l = &g->lines[i];

		if (unit_chance(2))
			l->text = topics[unit_below(COUNT_OF(topics))];
		else
			l->text = selectors[unit_below(COUNT_OF(selectors))];
		if (selector_parse(slice_of(l->text), &l->kind, NULL) < 0)
			fail();
		l->sign = choose_sign();
	}
}

/* Only topics: the way along the chains. */
static void
choose_topics(struct member *g)
{
	g->count = 1 + (unsigned)unit_below(LINES);
	for (unsigned i = 0; i < g->count; i++)
		g->lines[i] = (struct line){
			topics[unit_below(COUNT_OF(topics))], SELECTOR_TOPIC,
			choose_sign(),
		};
}

static void
member_come(struct model *m, struct member *g)
{
	struct buf key = { NULL, 0, 0 };

	if (unit_chance(2))
		choose_topics(g);
	else
		choose_lines(g, unit_chance(4) ? LINES : 3);
	choose_allowed(g);
	for (unsigned i = 0; i < GROUPS; i++) {
		struct member *other = &m->members[i];
		struct buf other_key = { NULL, 0, 0 };
		bool same = other != g && other->group &&
		    slice_eq(key_of(g, &key), key_of(other, &other_key));

		buf_done(&other_key);
		if (same) {	/* the model has one member for each group */
			buf_done(&key);
			g->group = NULL;
			return;
		}
	}
	assert_int_equal(groups_get(m->groups, key_of(g, &key), &g->group), 0);
	assert_int_equal(g->group->refs, 1);
	assert_true(slice_eq(g->group->key, buf_slice(&key)));
	buf_done(&key);
	g->refs = 1;
	g->since = m->end;
	g->is_missed = false;
}

static void
member_again(struct model *m, struct member *g)
{
	struct buf key = { NULL, 0, 0 };
	struct group *same;

	assert_int_equal(groups_get(m->groups, key_of(g, &key), &same), 0);
	assert_ptr_equal(same, g->group);
	assert_int_equal(same->refs, ++g->refs);
	buf_done(&key);
}

static unsigned freed;

static void
on_free(void *user, struct group *group)
{
	const struct member *g = user;

	assert_ptr_equal(g->group, group);
	freed++;
}

static void
member_go(struct model *m, struct member *g)
{
	freed = 0;
	groups_put(m->groups, g->group, on_free, g);
	assert_int_equal(freed, --g->refs == 0);
	if (g->refs == 0)
		g->group = NULL;
}

/* ---- events ---- */

static void
on_missed(void *user, struct group *group)
{
	struct model *m = user;

	for (unsigned i = 0; i < GROUPS; i++)
		if (m->members[i].group == group)
			m->members[i].is_missed = true;
}

/* Some other topics, none of them twice. */
static void
choose_also(struct fact *f, bool is_wanted, struct buf *also)
{
	unsigned n = is_wanted && f->topic && unit_chance(3) ?
		     1 + (unsigned)unit_below(ALSO) : 0;

	for (unsigned i = 0; i < n; i++) {
		const char *topic = topics[unit_below(COUNT_OF(topics))];
		bool is_double = topic == f->topic;

		for (unsigned k = 0; k < i; k++)
			is_double |= topic == f->also[k];
		if (is_double)
			return;
		f->also[i] = topic;
		assert_int_equal(also_append(also, slice_of(topic)), 0);
	}
}

static void
event_come(struct model *m)
{
	struct buf also = { NULL, 0, 0 };
	struct fact f = {
		.topic = unit_chance(50) ? NULL :
			 topics[unit_below(COUNT_OF(topics))],
		.is_private = unit_chance(4),
	};
	struct evlog_item item = {
		.number = m->next_number++,
		.topic = slice_of(f.topic),
		.is_private = f.is_private,
	};
	uint64_t pos;

	choose_also(&f, m->has_also, &also);
	item.also = buf_slice(&also);
	assert_int_equal(evlog_append(m->log, &item, NULL, 0, &pos), 0);
	assert_int_equal(groups_note(m->groups, pos, on_missed, m), 0);
	buf_done(&also);
	f.place = evlog_at(m->log, pos)->place;
	m->facts[m->end++] = f;
	m->first = evlog_first(m->log);
}

/* ---- comparing ---- */

static bool
is_dirty(struct model *m, const struct group *group)
{
	struct list *dirty = groups_dirty(m->groups);

	for (struct list *n = dirty->next; n != dirty; n = n->next)
		if (list_entry(n, struct group, dirty) == group)
			return true;
	return false;
}

/* The group whose pending positions begin first stands first. */
static void
check_dirty_order(struct model *m)
{
	struct list *dirty = groups_dirty(m->groups);
	uint64_t before = 0;

	for (struct list *n = dirty->next; n != dirty; n = n->next) {
		const struct group *group = list_entry(n, struct group, dirty);

		assert_true(group->pending_count > 0);
		assert_true(group->pending[0] >= before);
		before = group->pending[0];
	}
}

static void
check_pending(struct model *m, const struct member *g)
{
	uint32_t n = 0;

	for (uint64_t pos = g->since; pos < m->end; pos++) {
		if (!wants(g, &m->facts[pos]))
			continue;
		assert_true(n < g->group->pending_count);
		assert_true(g->group->pending[n++] == pos);
	}
	assert_int_equal(n, g->group->pending_count);
	assert_int_equal(is_dirty(m, g->group), n > 0);
}

static void
check_wants(struct model *m, const struct member *g)
{
	for (uint64_t pos = m->first; pos < m->end; pos++)
		assert_int_equal(group_wants(m->groups, g->group,
					     evlog_at(m->log, pos)),
				 wants(g, &m->facts[pos]));
}

/* Collects in steps from a random cursor to the end. */
static void
check_collect(struct model *m, const struct member *g)
{
	uint64_t from = unit_below(m->end + 1), next;
	uint64_t at = from < m->first ? m->first : from;
	size_t max = 1 + unit_below(COLLECT_MOST);
	size_t scan = 1 + unit_below(200);

	for (;;) {
		uint64_t out[COLLECT_MOST];
		size_t n = group_collect(m->groups, g->group, from, out, max,
					 scan, &next);

		assert_true(n <= max && next <= m->end);
		for (size_t i = 0; i < n; i++) {
			while (at < m->end && !wants(g, &m->facts[at]))
				at++;
			assert_true(at < m->end && out[i] == at);
			at++;
		}
		/* nothing wanted is passed over */
		for (; at < next; at++)
			assert_false(wants(g, &m->facts[at]));
		assert_true(at == next || next == m->end);
		if (next == m->end)
			break;
		assert_true(next > from);	/* it gets on */
		from = next;
	}
	while (at < m->end)
		assert_false(wants(g, &m->facts[at++]));
}

static void
check_newest(struct model *m, const struct member *g)
{
	uint32_t n = 1 + (uint32_t)unit_below(5), seen[COUNT_OF(topics)] = { 0 };
	uint64_t *got = NULL;
	size_t count = 0;

	assert_int_equal(group_newest(m->groups, g->group, n, &got, &count), 0);
	for (uint64_t pos = m->end; pos-- > m->first;) {
		const struct fact *f = &m->facts[pos];
		const char *name;
		bool is_newest = false;

		for (unsigned i = 0; (name = topic_of(f, i)); i++) {
			size_t topic = 0;

			while (topics[topic] != name)
				topic++;
			if (wants_for(g, f, name) && seen[topic]++ < n)
				is_newest = true;
		}
		if (is_newest)
			assert_true(count > 0 && got[--count] == pos);
	}
	assert_int_equal(count, 0);
	free(got);
}

/* A private event that left counts like another of its topic. */
static bool
naive_has_lost(const struct model *m, const struct member *g,
	       struct evlog_place place,
	       bool (*counts)(const struct member *g, const struct fact *f))
{
	if (evlog_place_cmp(place, m->begin) < 0)
		return true;
	for (uint64_t pos = 0; pos < m->first; pos++)
		if (evlog_place_cmp(m->facts[pos].place, place) > 0 &&
		    counts(g, &m->facts[pos]))
			return true;
	return false;
}

static bool
naive_has_lost_at(const struct model *m, const struct member *g,
		  uint64_t cursor,
		  bool (*counts)(const struct member *g, const struct fact *f))
{
	for (uint64_t pos = cursor; pos < m->first; pos++)
		if (counts(g, &m->facts[pos]))
			return true;
	return false;
}

static void
check_lost_between(const struct model *m, bool is, bool least, bool most)
{
	assert_true(is >= least && is <= (m->has_also ? most : least));
}

static void
check_lost(struct model *m, const struct member *g)
{
	uint64_t cursor = unit_below(m->end + 1);
	struct evlog_place place = {
		1 + (uint32_t)unit_below(evlog_last_place(m->log).gen + 1),
		unit_below(m->next_number + 5),
	};

	check_lost_between(m, group_has_lost(m->groups, g->group, place),
			   naive_has_lost(m, g, place, wants_topic),
			   naive_has_lost(m, g, place, may_want));
	check_lost_between(m, group_has_lost_at(m->groups, g->group, cursor),
			   naive_has_lost_at(m, g, cursor, wants_topic),
			   naive_has_lost_at(m, g, cursor, may_want));
	if (cursor > 0) {
		place = m->facts[cursor - 1].place;
		check_lost_between(m, group_has_lost(m->groups, g->group, place),
				   naive_has_lost(m, g, place, wants_topic),
				   naive_has_lost(m, g, place, may_want));
	}
}

static void
check_member(struct model *m, const struct member *g)
{
	check_dirty_order(m);
	check_pending(m, g);
	check_collect(m, g);
	check_newest(m, g);
	check_lost(m, g);
	if (unit_chance(10))
		check_wants(m, g);
}

/* ---- the random test ---- */

static void
model_begin(struct model *m, uint64_t events)
{
	const struct evlog_limits limits = { .events = events };

	memset(m, 0, sizeof(*m));
	m->next_number = 11;
	assert_int_equal(groups_new(&m->groups), 0);
	assert_int_equal(evlog_new(&limits, &ops, m, &m->log), 0);
	groups_set_log(m->groups, m->log);
	assert_int_equal(evlog_begin_epoch(m->log, 9, 10), 0);
	m->begin = evlog_last_place(m->log);
}

static void
model_end(struct model *m)
{
	for (unsigned i = 0; i < GROUPS; i++)
		while (m->members[i].group)
			member_go(m, &m->members[i]);
	assert_int_equal(groups_count(m->groups), 0);
	m->log = evlog_free(m->log);
	m->groups = groups_free(m->groups);
	assert_null(m->groups);
}

static void
member_step(struct model *m, struct member *g)
{
	if (!g->group)
		member_come(m, g);
	else if (unit_chance(3))
		member_again(m, g);
	else
		member_go(m, g);
}

static void
flush_some(struct model *m)
{
	for (unsigned i = 0; i < GROUPS; i++) {
		struct member *g = &m->members[i];

		if (!g->group || !unit_chance(2))
			continue;
		group_flushed(g->group);
		g->since = m->end;
	}
}

static void
walk_randomly(struct model *m)
{
	model_begin(m, 1 + unit_below(300));
	m->has_also = unit_chance(2);
	for (unsigned step = 0; step < 600; step++) {
		struct member *g = &m->members[unit_below(GROUPS)];
		size_t count = 0;

		if (unit_chance(8))
			member_step(m, g);
		else
			event_come(m);
		if (unit_chance(20))
			flush_some(m);
		if (unit_chance(100)) {
			m->next_number = unit_below(30) + 1;
			assert_int_equal(evlog_begin_epoch(m->log, step + 10,
				m->next_number - 1), 0);
		}
		g = &m->members[unit_below(GROUPS)];
		if (g->group)
			check_member(m, g);
		for (unsigned i = 0; i < GROUPS; i++)
			count += m->members[i].group != NULL;
		assert_int_equal(groups_count(m->groups), count);
	}
	model_end(m);
}

static struct model model;

static void
agrees_with_naive_matching(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 25; round++) {
		unit_random_begin(unit_seed() * 1000 + round);
		walk_randomly(&model);
	}
}

/* ---- keys ---- */

static void
keys_that_are_none_are_refused(void **state)
{
	static const char *const keys[] = {
		"-", "-\n", "\n", "+a", "+a\n-", "+a\n\n", "-a{\n", "-a}b\n",
		"-{x\n", "-a\n-{x}/*\n", "-\x01\n", "-\xff\n",
		"a\n", " a\n", "-a\n=\n", "?a\n=b{\n", "?a\n!\n", "=",
	};
	struct group *group = NULL;

	(void)state;
	model_begin(&model, 10);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		unit_check(groups_get(model.groups, slice_of(keys[i]),
				      &group) == -EINVAL, "key %zu", i);
		assert_null(group);
		assert_int_equal(groups_count(model.groups), 0);
	}
	model_end(&model);
}

static void
a_selector_that_stands_twice_counts_once(void **state)
{
	struct member *g = &model.members[0];

	(void)state;
	model_begin(&model, 10);
	*g = (struct member){
		.lines = { { "news", SELECTOR_TOPIC, '-' },
			   { "news", SELECTOR_TOPIC, '+' },
			   { "{x}", SELECTOR_TEMPLATE, '-' } },
		.count = 3, .refs = 1,
	};
	assert_int_equal(groups_get(model.groups,
				    SLICE_LIT("-news\n+news\n-{x}\n"),
				    &g->group), 0);
	assert_int_equal(g->group->selector_count, 2);
	unit_random_begin(7);
	for (int i = 0; i < 200; i++) {
		event_come(&model);
		check_member(&model, g);
	}
	model_end(&model);
}

/* The log forgets topics of which it keeps nothing; who wants them is told,
 * and what is published there again arrives. */
static void
forgotten_topics_come_back(void **state)
{
	struct member *g = &model.members[0];
	struct evlog_place before;
	char name[24];
	uint64_t pos;

	(void)state;
	model_begin(&model, 1);
	assert_int_equal(groups_get(model.groups, SLICE_LIT("-c/0\n-c/{x}\n"),
				    &g->group), 0);
	g->refs = 1;
	before = evlog_last_place(model.log);
	for (unsigned i = 0; i < 20000; i++) {
		struct evlog_item item = { .number = model.next_number++ };

		snprintf(name, sizeof(name), "%s/%u", i ? "d" : "c", i);
		item.topic = slice_of(name);
		assert_int_equal(evlog_append(model.log, &item, NULL, 0, &pos),
				 0);
		assert_int_equal(groups_note(model.groups, pos, on_missed,
					     &model), 0);
		group_flushed(g->group);
	}
	assert_null(evlog_find_topic(model.log, SLICE_LIT("c/0")));
	assert_true(group_has_lost(model.groups, g->group, before));
	assert_true(group_has_lost_at(model.groups, g->group, 0));
	assert_false(group_has_lost_at(model.groups, g->group, 19999));
	assert_int_equal(evlog_append(model.log, &(struct evlog_item){
		.number = model.next_number++, .topic = SLICE_LIT("c/0") },
		NULL, 0, &pos), 0);
	assert_int_equal(groups_note(model.groups, pos, on_missed, &model), 0);
	assert_int_equal(g->group->pending_count, 1);
	assert_true(g->group->pending[0] == pos);
	model_end(&model);
}

/* ---- bounded work ---- */

/* What may not be read is passed in bounded steps too. */
static void
collecting_is_bounded_where_nothing_is_granted(void **state)
{
	struct member *g = &model.members[0];
	uint64_t out[4], next, pos;

	(void)state;
	model_begin(&model, 0);
	assert_int_equal(groups_get(model.groups, SLICE_LIT("-t\n"), &g->group),
			 0);
	g->refs = 1;
	for (int i = 0; i < 1000; i++) {
		struct evlog_item item = {
			.number = model.next_number++,
			.topic = SLICE_LIT("t"), .is_private = true,
		};

		assert_int_equal(evlog_append(model.log, &item, NULL, 0, &pos),
				 0);
	}
	assert_int_equal(group_collect(model.groups, g->group, 0, out, 4, 100,
				       &next), 0);
	assert_true(next > 0 && next <= 101);
	assert_int_equal(group_collect(model.groups, g->group, next, out, 4,
				       2000, &next), 0);
	assert_true(next == 1000);
	model_end(&model);
}

/*
 * More matches of templates than are remembered at topics (a million): the
 * rest is worked out anew, and what is remembered makes room when templates
 * have changed.
 */
static void
matches_beyond_the_bound_are_found_too(void **state)
{
	enum { TEMPLATES = 1100, TOPICS = 1000, ROUNDS = 3 };
	static struct group *all[TEMPLATES];
	struct model *m = &model;
	char text[40];
	uint64_t pos;

	(void)state;
	model_begin(m, 10);
	for (unsigned i = 0; i < TEMPLATES; i++) {
		snprintf(text, sizeof(text), "-t/{+x%u}\n", i);
		assert_int_equal(groups_get(m->groups, slice_of(text), &all[i]),
				 0);
	}
	for (unsigned i = 0; i < ROUNDS * TOPICS; i++) {
		struct evlog_item item = { .number = m->next_number++ };

		snprintf(text, sizeof(text), "t/%u", i % TOPICS);
		item.topic = slice_of(text);
		if (i % TOPICS == TOPICS / 2) {	/* the templates change */
			groups_put(m->groups, all[0], NULL, NULL);
			assert_int_equal(groups_get(m->groups, SLICE_LIT("-t/{y}\n"),
						    &all[0]), 0);
		}
		assert_int_equal(evlog_append(m->log, &item, NULL, 0, &pos), 0);
		assert_int_equal(groups_note(m->groups, pos, on_missed, m), 0);
		for (unsigned k = 0; k < TEMPLATES; k++) {
			assert_int_equal(all[k]->pending_count, 1);
			assert_int_equal(all[k]->pending[0], pos);
			group_flushed(all[k]);
		}
	}
	for (unsigned i = 0; i < TEMPLATES; i++)
		groups_put(m->groups, all[i], NULL, NULL);
	model_end(m);
}

/* ---- memory runs out ---- */

static void
a_group_without_memory_leaves_nothing(void **state)
{
	static const char key[] =
	    "-a\n+b/*\n-{x}\n-*\n-a/{x}/b\n+c\n-d\n-e/*\n";
	size_t failed = 0;

	(void)state;
	for (size_t n = 1;; n++) {
		struct group *group = NULL;
		int r;

		model_begin(&model, 10);
		fault_arm(n);
		r = groups_get(model.groups, SLICE_LIT(key), &group);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			groups_put(model.groups, group, NULL, NULL);
			model_end(&model);
			break;
		}
		failed++;
		assert_int_equal(r, -ENOMEM);
		assert_null(group);
		assert_int_equal(groups_count(model.groups), 0);
		unit_random_begin(n);
		for (int i = 0; i < 30; i++)
			event_come(&model);
		model_end(&model);
	}
	assert_true(failed > 10);
}

static void
check_note(struct model *m, bool was_missed)
{
	bool missed = false;

	for (unsigned i = 0; i < GROUPS; i++) {
		struct member *g = &m->members[i];
		uint64_t pos = m->end - 1;
		bool noted;

		if (!g->group)
			continue;
		noted = g->group->pending_count > 0 &&
		    g->group->pending[g->group->pending_count - 1] == pos;
		missed = missed || g->is_missed;
		if (wants(g, &m->facts[pos]))
			assert_true(noted != g->is_missed);
		else
			assert_false(noted || g->is_missed);
		g->is_missed = false;
	}
	assert_int_equal(missed, was_missed);
}

/* Each group that wants the event has it in pending, or is told. */
static void
what_cannot_be_noted_is_told(void **state)
{
	struct model *m = &model;
	size_t failed = 0;

	(void)state;
	unit_random_begin(unit_seed());
	model_begin(m, 1000);
	for (unsigned i = 0; i < GROUPS; i++)
		member_come(m, &m->members[i]);
	for (int i = 0; i < 900; i++) {
		struct fact f = {
			.topic = topics[unit_below(COUNT_OF(topics))],
		};
		struct evlog_item item = {
			.number = m->next_number++, .topic = slice_of(f.topic),
		};
		uint64_t pos;
		int r;

		assert_int_equal(evlog_append(m->log, &item, NULL, 0, &pos), 0);
		m->facts[m->end++] = f;
		if (unit_chance(20))	/* forget what the topics remember */
			member_step(m, &m->members[unit_below(GROUPS)]);
		fault_arm(1 + unit_below(3));
		r = groups_note(m->groups, pos, on_missed, m);
		failed += fault_disarm();
		check_note(m, r == -ENOMEM);
	}
	assert_true(failed > 20);
	model_end(m);
}

static void
the_newest_without_memory_is_an_error(void **state)
{
	struct model *m = &model;
	uint64_t *positions = NULL;
	size_t count = 0;

	(void)state;
	unit_random_begin(3);
	model_begin(m, 1000);
	for (int i = 0; i < 100; i++)
		event_come(m);
	assert_int_equal(groups_get(m->groups, SLICE_LIT("+*\n"),
				    &m->members[0].group), 0);
	m->members[0].refs = 1;
	for (size_t n = 1;; n++) {
		int r;

		fault_arm(n);
		r = group_newest(m->groups, m->members[0].group, 100,
				 &positions, &count);
		if (!fault_disarm()) {
			assert_int_equal(r, 0);
			assert_true(count > 16);
			free(positions);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(positions);
	}
	model_end(m);
	assert_null(groups_free(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_are_none_are_refused),
		cmocka_unit_test(a_selector_that_stands_twice_counts_once),
		cmocka_unit_test(forgotten_topics_come_back),
		cmocka_unit_test(collecting_is_bounded_where_nothing_is_granted),
		cmocka_unit_test(matches_beyond_the_bound_are_found_too),
		cmocka_unit_test(a_group_without_memory_leaves_nothing),
		cmocka_unit_test(what_cannot_be_noted_is_told),
		cmocka_unit_test(the_newest_without_memory_is_an_error),
		cmocka_unit_test(agrees_with_naive_matching),
	};

	return cmocka_run_group_tests_name("log-groups", tests, NULL, NULL);
}
