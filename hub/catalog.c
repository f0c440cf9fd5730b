/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sse/also.h"

enum {
	/* topics without events that are remembered, so that their readers
	 * hear of a gap only if there is one; they take some 3 MiB */
	IDLE_TOPICS = 16384,
};

struct catalog_id {
	uint64_t number;
	struct slice text;	/* points behind the struct */
};

enum step_kind { STEP_ADD, STEP_EVICT, STEP_LOSE, STEP_HOLD };

/* What was done, and what was before it. */
struct catalog_step {
	enum step_kind kind;
	bool was_held;			/* EVICT */
	struct catalog_topic *topic;	/* EVICT: NULL if nobody knows */
	uint64_t number, bytes;
	uint64_t topic_lost, lost;	/* EVICT: before; LOSE: topic_lost */
	uint64_t floor;			/* EVICT, HOLD: before */
	struct catalog_id *id;		/* ADD: its entry; EVICT: taken out */
	uint64_t id_number;		/* ADD: what the id stood for; 0: nothing */
};

static uint64_t
tighter(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

struct store_limits
catalog_tighter(const struct store_limits *a, const struct store_limits *b)
{
	return (struct store_limits){
		.events = tighter(a->events, b->events),
		.bytes = tighter(a->bytes, b->bytes),
		.age_ms = (int64_t)tighter((uint64_t)a->age_ms,
					   (uint64_t)b->age_ms),
	};
}

void
catalog_init(struct catalog *c, const struct store_limits *limits,
	     const struct catalog_rule *rules, size_t n_rules)
{
	memset(c, 0, sizeof(*c));
	c->limits = *limits;
	c->rules = rules;
	c->n_rules = n_rules;
	c->floor = 1;
	list_init(&c->by_lost);
	list_init(&c->idle);
	list_init(&c->over);
	list_init(&c->changed);
	list_init(&c->forgotten);
}

/* --- topics ------------------------------------------------------------- */

static void
topic_free(struct catalog_topic *t)
{
	list_del(&t->by_lost);
	list_del(&t->idle);
	list_del(&t->over);
	list_del(&t->changed);
	free(t->held);
	free(t);
}

static void
free_all(struct list *topics)
{
	while (!list_is_empty(topics))
		topic_free(list_entry(topics->next, struct catalog_topic,
				      by_lost));
}

static uint64_t
keep_of(const struct catalog *c, struct slice name)
{
	uint64_t keep = 0;
	size_t i;

	for (i = 0; i < c->n_rules; i++)
		if (c->rules[i].keep > keep &&
		    selector_match(c->rules[i].selector, c->rules[i].kind,
				   name))
			keep = c->rules[i].keep;
	return keep;
}

static uint64_t
bound_at(const struct list *by_lost)
{
	return list_entry((struct list *)(uintptr_t)by_lost,
			  struct catalog_topic, by_lost)->bound;
}

/* It is the last one that lost something. */
static void
note_loss(struct catalog *c, struct catalog_topic *t)
{
	const struct list *last;

	list_del(&t->by_lost);
	last = c->by_lost.prev;
	t->bound = t->lost;
	if (last != &c->by_lost && bound_at(last) > t->bound)
		t->bound = bound_at(last);
	list_add(&c->by_lost, &t->by_lost);
}

static void
topic_becomes_idle(struct catalog *c, struct catalog_topic *t)
{
	list_add(&c->idle, &t->idle);
	c->idle_count++;
}

static void
topic_gets_busy(struct catalog *c, struct catalog_topic *t)
{
	if (list_is_empty(&t->idle))
		return;
	list_del(&t->idle);
	c->idle_count--;
}

/* Found or made; one that was made is idle. */
static struct catalog_topic *
topic_of(struct catalog *c, struct slice name)
{
	struct catalog_topic *t = map_get(&c->topics, name);

	if (t)
		return t;
	t = calloc(1, sizeof(*t) + name.len);
	if (!t)
		return NULL;
	memcpy(t + 1, name.p, name.len);
	t->name = (struct slice){ (char *)(t + 1), name.len };
	list_init(&t->by_lost);
	list_init(&t->idle);
	list_init(&t->over);
	list_init(&t->changed);
	if (map_put(&c->topics, t->name, t) < 0) {
		free(t);
		return NULL;
	}
	t->keep = keep_of(c, name);
	/* It has lost nothing: it stands before all that have. */
	list_add(c->by_lost.next, &t->by_lost);
	topic_becomes_idle(c, t);
	return t;
}

/* Whether it holds more than its rule keeps. */
static void
check_over(struct catalog *c, struct catalog_topic *t)
{
	list_del(&t->over);
	if (t->held_count > 0 && t->kept > t->keep)
		list_add(&c->over, &t->over);
}

/* --- held numbers ------------------------------------------------------- */

static int
held_reserve(struct catalog_topic *t)
{
	size_t cap = t->held_cap ? 2 * t->held_cap : 4;
	uint64_t *held;

	if (t->held_at + t->held_count < t->held_cap)
		return 0;
	if (t->held_at > t->held_cap / 2) {
		memmove(t->held, t->held + t->held_at,
			t->held_count * sizeof(*t->held));
		t->held_at = 0;
		return 0;
	}
	held = realloc(t->held, cap * sizeof(*held));
	if (!held)
		return -ENOMEM;
	t->held = held;
	t->held_cap = cap;
	return 0;
}

static void
held_push(struct catalog_topic *t, uint64_t number)
{
	t->held[t->held_at + t->held_count++] = number;
}

/* Puts back what was taken out first; there is room for it. */
static void
held_push_front(struct catalog_topic *t, uint64_t number)
{
	if (t->held_at == 0) {
		memmove(t->held + 1, t->held,
			t->held_count * sizeof(*t->held));
		t->held_at = 1;
	}
	t->held[--t->held_at] = number;
	t->held_count++;
}

static void
held_pop_front(struct catalog_topic *t)
{
	t->held_at++;
	if (--t->held_count == 0)
		t->held_at = 0;
}

/* --- ids ---------------------------------------------------------------- */

static struct catalog_id *
id_of(struct catalog *c, struct slice text)
{
	struct catalog_id *id = map_get(&c->ids, text);

	if (id)
		return id;
	id = calloc(1, sizeof(*id) + text.len);
	if (!id)
		return NULL;
	memcpy(id + 1, text.p, text.len);
	id->text = (struct slice){ (char *)(id + 1), text.len };
	if (map_put(&c->ids, id->text, id) < 0) {
		free(id);
		return NULL;
	}
	return id;
}

static void
id_drop(struct catalog *c, struct catalog_id *id)
{
	(void)map_del(&c->ids, id->text);
	free(id);
}

/* --- steps -------------------------------------------------------------- */

/* Room for so many more, which are at most as many as the first 64. */
static int
steps_reserve(struct catalog *c, size_t n)
{
	size_t cap = c->step_cap ? 2 * c->step_cap : 64;
	struct catalog_step *steps;

	if (c->step_count + n <= c->step_cap)
		return 0;
	steps = realloc(c->steps, cap * sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	c->steps = steps;
	c->step_cap = cap;
	return 0;
}

/* Room for one more; NULL: no memory. It counts when step_count does. */
static struct catalog_step *
next_step(struct catalog *c)
{
	if (steps_reserve(c, 1) < 0)
		return NULL;
	memset(c->steps + c->step_count, 0, sizeof(*c->steps));
	return c->steps + c->step_count;
}

static void
forget_steps(struct catalog *c)
{
	enum { KEPT = 4096 };	/* more is given back after a burst */

	c->step_count = 0;
	if (c->step_cap <= KEPT)
		return;
	free(c->steps);
	c->steps = NULL;
	c->step_cap = 0;
}

/* One more, or one less, from the floor on or of the held ones. */
static void
count(struct catalog *c, bool is_front, uint64_t bytes, int one)
{
	uint64_t *events = is_front ? &c->events : &c->held_events;
	uint64_t *all = is_front ? &c->bytes : &c->held_bytes;

	*events += (uint64_t)one;
	*all += one > 0 ? bytes : -bytes;
}

/* --- coming ------------------------------------------------------------- */

/* One that has nothing and lost nothing is as good as none: events that are
 * refused leave none behind. */
static void
drop_if_unused(struct catalog *c, struct catalog_topic *t)
{
	if (t->kept > 0 || t->lost > 0)
		return;
	topic_gets_busy(c, t);
	(void)map_del(&c->topics, t->name);
	topic_free(t);
}

int
catalog_add(struct catalog *c, const struct catalog_item *item)
{
	struct catalog_step *step = next_step(c);
	struct catalog_topic *t = step ? topic_of(c, item->topic) : NULL;

	if (!t)
		return -ENOMEM;
	*step = (struct catalog_step){
		.kind = STEP_ADD, .topic = t,
		.number = item->number, .bytes = item->bytes,
	};
	if (item->id.p) {
		step->id = id_of(c, item->id);
		if (!step->id) {
			drop_if_unused(c, t);
			return -ENOMEM;
		}
		step->id_number = step->id->number;
		step->id->number = item->number;
	}
	topic_gets_busy(c, t);
	t->kept++;
	count(c, true, item->bytes, 1);
	check_over(c, t);
	c->step_count++;
	return 0;
}

static void
undo_add(struct catalog *c, const struct catalog_step *step)
{
	struct catalog_topic *t = step->topic;

	if (step->id && step->id_number)
		step->id->number = step->id_number;
	else if (step->id)
		id_drop(c, step->id);
	count(c, true, step->bytes, -1);
	if (--t->kept == 0)
		topic_becomes_idle(c, t);
	check_over(c, t);
	drop_if_unused(c, t);
}

int
catalog_load_topic(struct catalog *c, struct slice name, uint64_t lost)
{
	struct catalog_topic *t = topic_of(c, name);

	if (!t)
		return -ENOMEM;
	t->lost = lost;
	if (lost > c->lost)
		c->lost = lost;
	note_loss(c, t);
	return 0;
}

static int
compare_lost(const void *a, const void *b)
{
	const struct catalog_topic *const *x = a, *const *y = b;

	return (*x)->lost < (*y)->lost ? -1 : (*x)->lost > (*y)->lost;
}

/* Sorts topics anew, which were read in the order of their names: what was lost
 * last, and what is to be forgotten last, stands last. */
static void
sort_all(struct catalog *c)
{
	size_t n = c->topics.count, i = 0, iter = 0;
	struct catalog_topic **all = malloc((n ? n : 1) * sizeof(*all)), *t;

	while (all && (t = map_next(&c->topics, &iter)))
		all[i++] = t;
	if (all)
		qsort(all, i, sizeof(*all), compare_lost);
	/* Without memory for it they stay as they are. */
	for (n = 0; n < i; n++)
		list_del(&all[n]->by_lost);
	for (n = 0; n < i; n++) {
		note_loss(c, all[n]);
		list_del(&all[n]->idle);
		list_add(&c->idle, &all[n]->idle);
	}
	free(all);
}

void
catalog_load_lost(struct catalog *c, uint64_t floor, uint64_t lost,
		  uint64_t blind)
{
	c->floor = floor;
	if (lost > c->lost)
		c->lost = lost;
	c->blind = blind;
	sort_all(c);
}

int
catalog_load(struct catalog *c, const struct catalog_item *item)
{
	struct catalog_topic *t;
	int r;

	if (!item->topic.p) {
		count(c, item->number >= c->floor, item->bytes, 1);
		return 0;
	}
	r = catalog_add(c, item);
	if (r < 0)
		return r;
	t = c->steps[--c->step_count].topic;
	if (item->number >= c->floor)
		return 0;
	r = held_reserve(t);
	if (r < 0)
		return r;
	held_push(t, item->number);
	count(c, true, item->bytes, -1);
	count(c, false, item->bytes, 1);
	check_over(c, t);
	return 0;
}

/* --- going -------------------------------------------------------------- */

enum catalog_need
catalog_need(const struct catalog *c, uint64_t *ret_number)
{
	const struct store_limits *l = &c->limits;
	const struct catalog_topic *t;

	if (!list_is_empty(&c->over)) {
		t = list_entry(c->over.next, struct catalog_topic, over);
		*ret_number = t->held[t->held_at];
		return CATALOG_DISPLACED;
	}
	/* What is held may take as much room again as the rest. */
	if ((l->events && c->held_events > l->events) ||
	    (l->bytes && c->held_bytes > l->bytes))
		return CATALOG_HELD;
	if (catalog_can_pass(c) && ((l->events && c->events > l->events) ||
				    (l->bytes && c->bytes > l->bytes)))
		return CATALOG_FRONT;
	return CATALOG_FITS;
}

bool
catalog_can_pass(const struct catalog *c)
{
	return c->events > 1;
}

static void
take_out_id(struct catalog *c, const struct catalog_item *item,
	    struct catalog_step *step)
{
	struct catalog_id *id = item->id.p ? map_get(&c->ids, item->id) : NULL;

	/* A newer event may have the same id. */
	if (!id || id->number != item->number)
		return;
	(void)map_del(&c->ids, id->text);
	step->id = id;
}

static void
topic_loses(struct catalog *c, struct catalog_topic *t, uint64_t number)
{
	if (number > t->lost)
		t->lost = number;
	note_loss(c, t);
	list_del(&t->changed);
	list_add(&c->changed, &t->changed);
}

/* Its topic has lost `number`, or one of which nobody knows the topic. */
static void
lose(struct catalog *c, struct catalog_topic *t, uint64_t number)
{
	if (number > c->lost)
		c->lost = number;
	if (!t) {
		if (number > c->blind)
			c->blind = number;
		return;
	}
	topic_loses(c, t, number);
	if (--t->kept == 0)
		topic_becomes_idle(c, t);
}

/* After a failure to reserve for it: what was made for it goes again. */
static void
drop_also(struct catalog *c, struct slice rest)
{
	struct catalog_topic *t;
	struct slice name;

	while (also_next(&rest, &name)) {
		t = map_get(&c->topics, name);
		if (t)
			drop_if_unused(c, t);
	}
}

/* Room for all that an event does that goes. 0; -ENOMEM: nothing was done. */
static int
evict_reserve(struct catalog *c, const struct catalog_item *item)
{
	struct slice rest = item->also, name;

	if (steps_reserve(c, 1 + ALSO_MAX) < 0)
		return -ENOMEM;
	while (also_next(&rest, &name)) {
		if (!topic_of(c, name)) {
			drop_also(c, item->also);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The other topics of an event that goes hear of it. */
static void
lose_also(struct catalog *c, const struct catalog_item *item)
{
	struct slice rest = item->also, name;
	struct catalog_topic *t;
	unsigned n;

	for (n = 0; n < ALSO_MAX && also_next(&rest, &name); n++) {
		t = map_get(&c->topics, name);
		c->steps[c->step_count++] = (struct catalog_step){
			.kind = STEP_LOSE, .topic = t, .topic_lost = t->lost,
		};
		topic_loses(c, t, item->number);
		if (t->kept > 0)
			continue;
		/* Of those that have nothing it is the last to be forgotten. */
		topic_gets_busy(c, t);
		topic_becomes_idle(c, t);
	}
}

static void
undo_lose(struct catalog *c, const struct catalog_step *step)
{
	step->topic->lost = step->topic_lost;
	drop_if_unused(c, step->topic);
}

/* What is common to an event that goes, wherever it was. */
static struct catalog_step *
evict(struct catalog *c, struct catalog_topic *t,
      const struct catalog_item *item)
{
	struct catalog_step *step = c->steps + c->step_count++;

	*step = (struct catalog_step){
		.kind = STEP_EVICT, .topic = t,
		.number = item->number, .bytes = item->bytes,
		.topic_lost = t ? t->lost : 0, .lost = c->lost,
		.floor = c->floor,
	};
	take_out_id(c, item, step);
	lose(c, t, item->number);
	lose_also(c, item);
	return step;
}

int
catalog_pass(struct catalog *c, const struct catalog_item *item)
{
	struct catalog_topic *t = item->topic.p ?
		map_get(&c->topics, item->topic) : NULL;
	bool is_held = t && t->kept <= t->keep;

	if (is_held ? !next_step(c) || held_reserve(t) < 0 :
		      evict_reserve(c, item) < 0)
		return -ENOMEM;
	if (is_held) {
		c->steps[c->step_count++] = (struct catalog_step){
			.kind = STEP_HOLD, .topic = t,
			.number = item->number, .bytes = item->bytes,
			.floor = c->floor,
		};
		held_push(t, item->number);
		count(c, false, item->bytes, 1);
	} else {
		(void)evict(c, t, item);
	}
	count(c, true, item->bytes, -1);
	c->floor = item->number + 1;
	if (t)
		check_over(c, t);
	return !is_held;
}

static bool
holds_first(const struct catalog_topic *t, uint64_t number)
{
	return t && t->held_count > 0 && t->held[t->held_at] == number;
}

/* Whose oldest held one it is. NULL: nobody's, it could not be read when the
 * store was opened. */
static struct catalog_topic *
holder_of(const struct catalog *c, const struct catalog_item *item)
{
	struct catalog_topic *t = item->topic.p ?
		map_get(&c->topics, item->topic) : NULL;
	size_t iter = 0;

	if (holds_first(t, item->number))
		return t;
	while ((t = map_next(&c->topics, &iter)))
		if (holds_first(t, item->number))
			break;
	return t;
}

int
catalog_evict(struct catalog *c, const struct catalog_item *item)
{
	struct catalog_topic *t = holder_of(c, item);

	if (evict_reserve(c, item) < 0)
		return -ENOMEM;
	evict(c, t, item)->was_held = true;
	count(c, false, item->bytes, -1);
	if (t) {
		held_pop_front(t);
		check_over(c, t);
	}
	return 0;
}

/*
 * Without memory for it the id is not found any more: it is then unknown, and
 * what it stood for is told as a gap.
 */
static void
put_back_id(struct catalog *c, struct catalog_id *id)
{
	size_t i;

	if (map_put(&c->ids, id->text, id) == 0)
		return;
	for (i = 0; i < c->step_count; i++)
		if (c->steps[i].id == id)
			c->steps[i].id = NULL;
	free(id);
}

static void
undo_evict(struct catalog *c, const struct catalog_step *step)
{
	struct catalog_topic *t = step->topic;

	c->lost = step->lost;
	c->floor = step->floor;
	count(c, !step->was_held, step->bytes, 1);
	if (step->id)
		put_back_id(c, step->id);
	if (!t)
		return;
	topic_gets_busy(c, t);
	t->kept++;
	t->lost = step->topic_lost;
	if (step->was_held)
		held_push_front(t, step->number);
	check_over(c, t);
}

static void
undo_hold(struct catalog *c, const struct catalog_step *step)
{
	step->topic->held_count--;
	count(c, false, step->bytes, -1);
	count(c, true, step->bytes, 1);
	c->floor = step->floor;
	check_over(c, step->topic);
}

void
catalog_undo(struct catalog *c)
{
	while (c->step_count > 0) {
		const struct catalog_step *step = c->steps + --c->step_count;

		switch (step->kind) {
		case STEP_ADD:
			undo_add(c, step);
			break;
		case STEP_EVICT:
			undo_evict(c, step);
			break;
		case STEP_LOSE:
			undo_lose(c, step);
			break;
		case STEP_HOLD:
			undo_hold(c, step);
			break;
		}
	}
	forget_steps(c);
}

void
catalog_commit(struct catalog *c)
{
	struct catalog_topic *t;
	size_t i;

	for (i = 0; i < c->step_count; i++)
		if (c->steps[i].kind == STEP_EVICT)
			free(c->steps[i].id);
	forget_steps(c);
	while (c->idle_count > IDLE_TOPICS) {
		t = list_entry(c->idle.next, struct catalog_topic, idle);
		topic_gets_busy(c, t);
		if (t->lost > c->blind)
			c->blind = t->lost;
		(void)map_del(&c->topics, t->name);
		list_del(&t->changed);
		list_del(&t->by_lost);
		list_add(&c->forgotten, &t->by_lost);
	}
}

void
catalog_bury(struct catalog *c)
{
	free_all(&c->forgotten);
}

void
catalog_done(struct catalog *c)
{
	struct catalog_id *id;
	size_t iter = 0, i;

	if (!c->by_lost.next)
		return;
	for (i = 0; i < c->step_count; i++)
		if (c->steps[i].kind == STEP_EVICT)
			free(c->steps[i].id);
	while ((id = map_next(&c->ids, &iter)))
		free(id);
	map_done(&c->ids);
	free_all(&c->forgotten);
	free_all(&c->by_lost);
	map_done(&c->topics);
	free(c->steps);
}

/* --- looking ------------------------------------------------------------ */

/* Whether one of those selectors matches that are not one topic's name. */
static bool
is_matched(struct slice topic, const struct slice *selectors,
	   const enum selector_kind *kinds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (kinds[i] != SELECTOR_TOPIC &&
		    selector_match(selectors[i], kinds[i], topic))
			return true;
	return n == 0;
}

/* What the topics have lost that are named. Whether there are other selectors;
 * no selectors at all are one for all topics. */
static bool
look_up_named(const struct catalog *c, const struct slice *selectors,
	      const enum selector_kind *kinds, size_t n, uint64_t *lost)
{
	bool has_others = n == 0;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct catalog_topic *t;

		if (kinds[i] != SELECTOR_TOPIC) {
			has_others = true;
			continue;
		}
		t = map_get(&c->topics, selectors[i]);
		if (t && t->lost > *lost)
			*lost = t->lost;
	}
	return has_others;
}

uint64_t
catalog_lost(const struct catalog *c, const struct slice *selectors,
	     const enum selector_kind *kinds, size_t n, uint64_t after)
{
	uint64_t lost = n == 0 && c->lost > c->blind ? c->lost : c->blind;
	const struct list *at = &c->by_lost;

	/* Only the others take a walk, which may be one over all topics. */
	if (look_up_named(c, selectors, kinds, n, &lost))
		at = c->by_lost.prev;
	/* Until all that are left have lost less than is found already. */
	for (; at != &c->by_lost; at = at->prev) {
		const struct catalog_topic *t = list_entry(
			(struct list *)(uintptr_t)at, struct catalog_topic,
			by_lost);

		if (t->bound <= after || t->bound <= lost)
			break;
		if (t->lost > after && t->lost > lost &&
		    is_matched(t->name, selectors, kinds, n))
			lost = t->lost;
	}
	return lost > after ? lost : 0;
}

const struct catalog_topic *
catalog_next_topic(const struct catalog *c, const struct catalog_topic *t)
{
	struct list *next = t ? t->by_lost.next : c->by_lost.next;

	return next == &c->by_lost ? NULL :
	       list_entry(next, struct catalog_topic, by_lost);
}

bool
catalog_find_id(const struct catalog *c, struct slice id, uint64_t *ret_number)
{
	const struct catalog_id *found = map_get(&c->ids, id);

	if (!found)
		return false;
	*ret_number = found->number;
	return true;
}
