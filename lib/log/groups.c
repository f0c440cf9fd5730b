/* SPDX-License-Identifier: MIT */
/*
 * How an event finds its groups: the topic's name is looked up among the
 * selectors that are topics, each of its prefixes that end in `/` among the
 * subtrees, and each that is as long as the literal beginning of some template
 * among those. The templates that match a topic are remembered at the topic
 * until the set of templates changes, because many can begin alike.
 */
#include "lib/log/groups.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/log/allowance.h"
#include "lib/sse/also.h"
#include "lib/sse/selector.h"

enum {
	/* up to this many topics are merged along their chains; above it a
	 * scan of the log is no dearer */
	GROUP_CHAINS = 16,
	/* template matches that are remembered at topics, 8 bytes each; more
	 * than this, which takes a crowd of odd readers, is worked out anew */
	GROUPS_MATCHES = 1 << 20,
	/* a hub takes this many selectors, and this many templates of those that
	 * are allowed: each is tried for each event of a page */
	GROUP_ASKED = 128,
	GROUP_ASKED_TEMPLATES = 16,
};

struct selector_use {
	struct group *group;
	uint32_t index;			/* in group->selectors */
};

struct selector {
	enum selector_kind kind;
	struct evlog_topic *topic;	/* SELECTOR_TOPIC: NULL while unknown */
	struct selector_use *uses;	/* owned */
	uint32_t use_count, use_cap;
	struct list templates;		/* SELECTOR_TEMPLATE: in its beginning's */
	struct slice text;		/* points behind the struct */
};

/* Templates that begin alike: what stands before their first variable. */
struct beginning {
	struct list templates;
	struct slice text;		/* points behind the struct */
};

struct template_matches {
	size_t count;
	struct selector *items[];	/* borrowed */
};

struct groups {
	struct evlog *log;		/* borrowed */
	struct map by_key;		/* subscription key -> group */
	struct map selectors;		/* text -> selector */
	struct map subtrees;		/* text without its `*` -> selector */
	struct selector *all;		/* `*`, or NULL */
	struct map beginnings;		/* text -> beginning, owned */
	uint32_t beginning_lens[SELECTOR_MAX + 1];	/* how many so long */
	uint64_t templates_turn;	/* counts changes of the templates */
	uint64_t swept_turn;		/* when stale matches were last freed */
	size_t matches;			/* remembered at all topics */
	struct buf found;		/* the matches being collected */
	struct list dirty, fresh;
};

int
groups_new(struct groups **ret_groups)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	list_init(&g->dirty);
	list_init(&g->fresh);
	g->templates_turn = 1;
	*ret_groups = g;
	return 0;
}

void
groups_set_log(struct groups *g, struct evlog *log)
{
	g->log = log;
}

struct groups *
groups_free(struct groups *g)
{
	if (!g)
		return NULL;
	assert(g->by_key.count == 0);
	map_done(&g->by_key);
	map_done(&g->selectors);
	map_done(&g->subtrees);
	map_done(&g->beginnings);
	buf_done(&g->found);
	free(g);
	return NULL;
}

size_t
groups_count(const struct groups *g)
{
	return g->by_key.count;
}

/* ---- selectors ---- */

static struct slice
subtree_prefix(const struct selector *s)
{
	return (struct slice){ s->text.p, s->text.len - 1 };
}

/* ---- templates by their beginnings ---- */

static struct slice
template_beginning(struct slice text)
{
	const char *brace = memchr(text.p, '{', text.len);

	return (struct slice){ text.p, (size_t)(brace - text.p) };
}

static int
beginning_get(struct groups *g, struct slice text,
	      struct beginning **ret_beginning)
{
	struct beginning *b = map_get(&g->beginnings, text);

	*ret_beginning = b;
	if (b)
		return 0;
	b = calloc(1, sizeof(*b) + text.len);
	if (!b)
		return -ENOMEM;
	memcpy(b + 1, text.p, text.len);
	b->text = (struct slice){ (char *)(b + 1), text.len };
	list_init(&b->templates);
	if (map_put(&g->beginnings, b->text, b) < 0) {
		free(b);
		return -ENOMEM;
	}
	g->beginning_lens[text.len]++;
	*ret_beginning = b;
	return 0;
}

static int
template_index(struct groups *g, struct selector *s)
{
	struct beginning *b;
	int r = beginning_get(g, template_beginning(s->text), &b);

	if (r < 0)
		return r;
	list_add(&b->templates, &s->templates);
	g->templates_turn++;
	return 0;
}

static void
template_forget(struct groups *g, struct selector *s)
{
	struct beginning *b = map_get(&g->beginnings,
				      template_beginning(s->text));

	list_del(&s->templates);
	g->templates_turn++;
	if (!list_is_empty(&b->templates))
		return;
	g->beginning_lens[b->text.len]--;
	(void)map_del(&g->beginnings, b->text);
	free(b);
}

/* Goes through the templates that match a topic. */
struct template_walk {
	const struct groups *groups;
	struct slice topic;
	size_t len;			/* of the beginning to look for next */
	struct list *all, *at;		/* its templates; NULL: there is none */
};

static struct beginning *
next_beginning(struct template_walk *w)
{
	struct beginning *b = NULL;

	while (!b && w->len <= w->topic.len && w->len <= SELECTOR_MAX) {
		if (w->groups->beginning_lens[w->len])
			b = map_get(&w->groups->beginnings,
				    (struct slice){ w->topic.p, w->len });
		w->len++;
	}
	return b;
}

static struct selector *
next_template(struct template_walk *w)
{
	for (;;) {
		struct selector *s;

		if (!w->at || w->at->next == w->all) {
			struct beginning *b = next_beginning(w);

			if (!b)
				return NULL;
			w->all = w->at = &b->templates;
		}
		w->at = w->at->next;
		s = list_entry(w->at, struct selector, templates);
		if (selector_match(s->text, s->kind, w->topic))
			return s;
	}
}

/* ---- selectors by their text ---- */

static int
selector_index(struct groups *g, struct selector *s)
{
	int r = map_put(&g->selectors, s->text, s);

	if (r < 0)
		return r;
	switch (s->kind) {
	case SELECTOR_TOPIC:
		s->topic = evlog_find_topic(g->log, s->text);
		if (s->topic)
			s->topic->exact = s;
		break;
	case SELECTOR_SUBTREE:
		r = map_put(&g->subtrees, subtree_prefix(s), s);
		if (r < 0)
			(void)map_del(&g->selectors, s->text);
		break;
	case SELECTOR_ALL:
		g->all = s;
		break;
	case SELECTOR_TEMPLATE:
		r = template_index(g, s);
		if (r < 0)
			(void)map_del(&g->selectors, s->text);
		break;
	}
	return r;
}

static int
selector_get(struct groups *g, struct slice text, struct selector **ret_selector)
{
	struct selector *s = map_get(&g->selectors, text);
	struct event_fault fault;
	enum selector_kind kind;
	int r;

	if (s) {
		*ret_selector = s;
		return 0;
	}
	r = selector_parse(text, &kind, &fault);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s) + text.len);
	if (!s)
		return -ENOMEM;
	memcpy(s + 1, text.p, text.len);
	s->text = (struct slice){ (char *)(s + 1), text.len };
	s->kind = kind;
	list_init(&s->templates);
	r = selector_index(g, s);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret_selector = s;
	return 0;
}

/* Forgets a selector that no group uses any more. */
static void
selector_release(struct groups *g, struct selector *s)
{
	if (s->use_count)
		return;
	(void)map_del(&g->selectors, s->text);
	if (s->topic)
		s->topic->exact = NULL;
	if (s->kind == SELECTOR_SUBTREE)
		(void)map_del(&g->subtrees, subtree_prefix(s));
	if (s == g->all)
		g->all = NULL;
	if (s->kind == SELECTOR_TEMPLATE)
		template_forget(g, s);
	free(s->uses);
	free(s);
}

static int
selector_use(struct selector *s, struct group *group, uint32_t index)
{
	if (s->use_count == s->use_cap) {
		uint32_t cap = s->use_cap ? s->use_cap * 2 : 1;
		struct selector_use *uses =
		    realloc(s->uses, cap * sizeof(*uses));

		if (!uses)
			return -ENOMEM;
		s->uses = uses;
		s->use_cap = cap;
	}
	group->selectors[index].back = s->use_count;
	s->uses[s->use_count++] = (struct selector_use){ group, index };
	return 0;
}

static void
selector_unuse(struct selector *s, uint32_t back)
{
	struct selector_use *moved = &s->uses[--s->use_count];

	s->uses[back] = *moved;
	moved->group->selectors[moved->index].back = back;
}

static void
matches_forget(struct groups *g, struct evlog_topic *t)
{
	struct template_matches *m = t->templates;

	if (m)
		g->matches -= m->count;
	free(m);
	t->templates = NULL;
}

void
groups_on_topic(struct groups *g, struct evlog_topic *t, bool is_new)
{
	struct selector *s;

	if (is_new) {
		s = map_get(&g->selectors, t->name);
		t->exact = s;
		if (s)
			s->topic = t;
		return;
	}
	s = t->exact;
	if (s)
		s->topic = NULL;
	matches_forget(g, t);
}

/* Frees what was worked out for templates that have changed since. */
static void
matches_sweep(struct groups *g)
{
	struct list *topics = evlog_topics(g->log);

	for (struct list *n = topics->next; n != topics; n = n->next) {
		struct evlog_topic *t = list_entry(n, struct evlog_topic, all);

		if (t->templates_turn != g->templates_turn)
			matches_forget(g, t);
	}
	g->swept_turn = g->templates_turn;
}

/* Collects the templates that match the topic. False: no memory. */
static bool
matches_find(struct groups *g, const struct evlog_topic *t)
{
	struct template_walk w = { .groups = g, .topic = t->name };
	struct selector *s;

	buf_clear(&g->found);
	while ((s = next_template(&w)))
		if (buf_append(&g->found, &s, sizeof(s)) < 0)
			return false;
	return true;
}

/* The templates that match a topic; NULL: no room to remember them. */
static const struct template_matches *
topic_templates(struct groups *g, struct evlog_topic *t)
{
	struct template_matches *m;
	size_t count;

	if (t->templates && t->templates_turn == g->templates_turn)
		return t->templates;
	matches_forget(g, t);
	if (!matches_find(g, t))
		return NULL;
	count = g->found.len / sizeof(*m->items);
	if (g->matches + count > GROUPS_MATCHES &&
	    g->swept_turn != g->templates_turn)
		matches_sweep(g);
	if (g->matches + count > GROUPS_MATCHES)
		return NULL;
	m = malloc(sizeof(*m) + g->found.len);
	if (!m)
		return NULL;
	m->count = count;
	if (count > 0)
		memcpy(m->items, g->found.p, g->found.len);
	g->matches += count;
	t->templates = m;
	t->templates_turn = g->templates_turn;
	return m;
}

/* ---- groups ---- */

/* Undoes the first `count` selectors of a group and frees it. */
static void
group_free(struct groups *g, struct group *group, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct selector *s = group->selectors[i].selector;

		selector_unuse(s, group->selectors[i].back);
		selector_release(g, s);
	}
	list_del(&group->dirty);
	list_del(&group->fresh);
	free(group->pending);
	free(group->allowance);
	free((void *)(uintptr_t)group->key.p);
	free(group);
}

/* What a line of a key is about; 0: something else than what is taken. */
static unsigned
takes_of(char sign)
{
	switch (sign) {
	case '-':
		return GROUP_TAKES_PUBLIC;
	case '+':
		return GROUP_TAKES_PUBLIC | GROUP_TAKES_PRIVATE;
	case '~':
		return GROUP_TAKES_PUBLIC | GROUP_TAKES_ALLOWED;
	case '?':
		return GROUP_TAKES_ALLOWED;
	default:
		return 0;
	}
}

/* Takes a selector up; one that stands in the key twice counts once. */
static int
group_add_selector(struct groups *g, struct group *group, struct slice text,
		   unsigned takes)
{
	struct selector *s;
	int r = selector_get(g, text, &s);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < group->selector_count; i++) {
		if (group->selectors[i].selector == s) {
			group->selectors[i].takes |= (uint8_t)takes;
			return 0;
		}
	}
	r = selector_use(s, group, group->selector_count);
	if (r < 0) {
		selector_release(g, s);
		return r;
	}
	group->selectors[group->selector_count].selector = s;
	group->selectors[group->selector_count].takes = (uint8_t)takes;
	group->selector_count++;
	return 0;
}

/* Adds to the allowance, which gets room for `room` with its first. */
static int
group_allow(struct group *group, struct slice text, bool is_whole, size_t room)
{
	if (!group->allowance)
		group->allowance = allowance_new(room);
	if (!group->allowance)
		return -ENOMEM;
	return allowance_add(group->allowance, text, is_whole);
}

/* Adds one line of a key that has `lines`. */
static int
group_add_line(struct groups *g, struct group *group, struct slice line,
	       size_t lines)
{
	struct slice text = { line.p + 1, line.len - 1 };
	unsigned takes = takes_of(line.p[0]);

	if (takes)
		return group_add_selector(g, group, text, takes);
	if (line.p[0] != '=' && line.p[0] != '!')
		return -EINVAL;
	return group_allow(group, text, line.p[0] == '!', lines);
}

static size_t
count_lines(struct slice key)
{
	size_t n = 0;

	for (size_t i = 0; i < key.len; i++)
		n += key.p[i] == '\n';
	return n;
}

static int
group_make(struct groups *g, struct slice key, struct group **ret_group)
{
	size_t lines = count_lines(key);
	struct group *group;
	char *copy;
	int r = 0;

	group = calloc(1, sizeof(*group) + lines * sizeof(*group->selectors));
	copy = malloc(key.len ? key.len : 1);
	if (!group || !copy) {
		free(group);
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, key.p, key.len);
	group->key = (struct slice){ copy, key.len };
	list_init(&group->dirty);
	list_init(&group->fresh);
	for (const char *p = copy, *end = copy + key.len; p < end && r == 0;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		r = stop && stop - p >= 2 ?
		    group_add_line(g, group, (struct slice){ p,
				   (size_t)(stop - p) }, lines) : -EINVAL;
		p = stop ? stop + 1 : end;
	}
	if (r == 0)
		r = map_put(&g->by_key, group->key, group);
	if (r < 0) {
		group_free(g, group, group->selector_count);
		return r;
	}
	*ret_group = group;
	return 0;
}

int
groups_get(struct groups *g, struct slice key, struct group **ret_group)
{
	struct group *group = map_get(&g->by_key, key);
	int r;

	if (!group) {
		r = group_make(g, key, &group);
		if (r < 0)
			return r;
	}
	group->refs++;
	*ret_group = group;
	return 0;
}

void
groups_put(struct groups *g, struct group *group,
	   void (*on_free)(void *user, struct group *group), void *user)
{
	assert(group->refs > 0);
	if (--group->refs > 0)
		return;
	if (on_free)
		on_free(user, group);
	(void)map_del(&g->by_key, group->key);
	group_free(g, group, group->selector_count);
}

/* ---- what it takes ---- */

/* Whether the readers get an event of a topic that the selector matches. */
static bool
group_takes(const struct group *group, const struct group_selector *gs,
	    struct slice topic, bool is_private)
{
	unsigned takes = is_private ? GROUP_TAKES_PRIVATE : GROUP_TAKES_PUBLIC;

	if (gs->takes & takes)
		return true;
	return (gs->takes & GROUP_TAKES_ALLOWED) && group->allowance &&
	       allowance_covers(group->allowance, topic);
}

static bool
allows_entry(const struct group *group, const struct evlog_entry *e)
{
	const struct evlog_topic *t;

	for (uint32_t i = 0; (t = evlog_topic_at(e, i)); i++)
		if (allowance_covers(group->allowance, t->name))
			return true;
	return false;
}

/* The same for an entry, of which the selector matches `t`: with several topics
 * it is enough that another of them is allowed. */
static inline bool
group_takes_entry(const struct group *group, const struct group_selector *gs,
		  const struct evlog_topic *t, const struct evlog_entry *e)
{
	if (group_takes(group, gs, t->name, e->is_private))
		return true;
	return e->also && (gs->takes & GROUP_TAKES_ALLOWED) &&
	       group->allowance && allows_entry(group, e);
}

/* ---- the head of the log ---- */

struct note {
	struct groups *groups;
	uint64_t pos;
	const struct evlog_entry *entry;
	void (*missed)(void *user, struct group *group);
	void *user;
	int result;
};

static void
note_group(struct note *n, struct group *group)
{
	if (group->noted == n->pos + 1)
		return;
	group->noted = n->pos + 1;
	if (group->pending_count == group->pending_cap) {
		uint32_t cap = group->pending_cap ? group->pending_cap * 2 : 4;
		uint64_t *pending =
		    realloc(group->pending, cap * sizeof(*pending));

		if (!pending) {
			n->result = -ENOMEM;
			n->missed(n->user, group);
			return;
		}
		group->pending = pending;
		group->pending_cap = cap;
	}
	group->pending[group->pending_count++] = n->pos;
	if (list_is_empty(&group->dirty))
		list_add(&n->groups->dirty, &group->dirty);
	if (list_is_empty(&group->fresh))
		list_add(&n->groups->fresh, &group->fresh);
}

static void
note_selector(struct note *n, const struct selector *s,
	      const struct evlog_topic *t)
{
	for (uint32_t i = 0; i < s->use_count; i++) {
		struct group *group = s->uses[i].group;

		if (group_takes_entry(group, &group->selectors[s->uses[i].index],
				      t, n->entry))
			note_group(n, group);
	}
}

static void
note_subtrees(struct note *n, const struct evlog_topic *t)
{
	struct slice topic = t->name;

	if (n->groups->subtrees.count == 0)
		return;
	for (size_t i = 0; i < topic.len; i++) {
		const struct selector *s;

		if (topic.p[i] != '/')
			continue;
		s = map_get(&n->groups->subtrees,
			    (struct slice){ topic.p, i + 1 });
		if (s && selector_match(s->text, s->kind, topic))
			note_selector(n, s, t);
	}
}

static void
note_templates(struct note *n, struct evlog_topic *t)
{
	struct template_walk w = { .groups = n->groups, .topic = t->name };
	const struct template_matches *m;
	const struct selector *s;

	if (n->groups->beginnings.count == 0)
		return;
	m = topic_templates(n->groups, t);
	for (size_t i = 0; m && i < m->count; i++)
		note_selector(n, m->items[i], t);
	while (!m && (s = next_template(&w)))
		note_selector(n, s, t);
}

static void
note_everyone(struct note *n)
{
	size_t iter = 0;
	struct group *group;

	while ((group = map_next(&n->groups->by_key, &iter)))
		note_group(n, group);
}

static void
note_topic(struct note *n, struct evlog_topic *t)
{
	if (t->exact)
		note_selector(n, t->exact, t);
	note_subtrees(n, t);
	if (n->groups->all && !t->is_guarded)
		note_selector(n, n->groups->all, t);
	note_templates(n, t);
}

int
groups_note(struct groups *g, uint64_t pos,
	    void (*missed)(void *user, struct group *group), void *user)
{
	const struct evlog_entry *e = evlog_at(g->log, pos);
	struct note n = { g, pos, e, missed, user, 0 };
	struct evlog_topic *t;

	if (!e->topic) {
		note_everyone(&n);
		return n.result;
	}
	/* A group that wants it for several of them notes it once. */
	for (uint32_t i = 0; (t = evlog_topic_at(e, i)); i++)
		note_topic(&n, t);
	return n.result;
}

struct list *
groups_dirty(struct groups *g)
{
	return &g->dirty;
}

struct list *
groups_fresh(struct groups *g)
{
	return &g->fresh;
}

void
group_flushed(struct group *group)
{
	/* A burst should not hold its memory for ever. */
	if (group->pending_cap > 1024) {
		free(group->pending);
		group->pending = NULL;
		group->pending_cap = 0;
	}
	group->pending_count = 0;
	list_del(&group->dirty);
	list_del(&group->fresh);
}

/* ---- behind the head ---- */

static bool
selector_wants(const struct selector *s, const struct evlog_topic *t)
{
	switch (s->kind) {
	case SELECTOR_TOPIC:
		return s->topic == t;
	case SELECTOR_ALL:
		return !t->is_guarded;
	default:
		return selector_match(s->text, s->kind, t->name);
	}
}

static bool
group_wants_topic(const struct group *group, const struct evlog_topic *t,
		  bool is_private)
{
	for (uint32_t i = 0; i < group->selector_count; i++) {
		const struct group_selector *gs = &group->selectors[i];

		if (selector_wants(gs->selector, t) &&
		    group_takes(group, gs, t->name, is_private))
			return true;
	}
	return false;
}

bool
group_wants_entry_for(const struct group *group, const struct evlog_topic *t,
		      const struct evlog_entry *e)
{
	for (uint32_t i = 0; i < group->selector_count; i++) {
		const struct group_selector *gs = &group->selectors[i];

		if (selector_wants(gs->selector, t) &&
		    group_takes_entry(group, gs, t, e))
			return true;
	}
	return false;
}

/* It has a topic. */
static bool
group_wants_entry(const struct group *group, const struct evlog_entry *e)
{
	const struct evlog_topic *t;

	for (uint32_t i = 0; (t = evlog_topic_at(e, i)); i++)
		if (group_wants_entry_for(group, t, e))
			return true;
	return false;
}

bool
group_wants(const struct groups *g, const struct group *group,
	    const struct evlog_entry *e)
{
	(void)g;
	return !e->topic || group_wants_entry(group, e);
}

static bool
allows_event(const struct group *group, const struct event *e)
{
	struct slice rest = e->also, topic = e->topic;

	do {
		if (allowance_covers(group->allowance, topic))
			return true;
	} while (also_next(&rest, &topic));
	return false;
}

bool
group_wants_event_for(const struct group *group, struct slice topic,
		      const struct event *e)
{
	for (uint32_t i = 0; i < group->selector_count; i++) {
		const struct group_selector *gs = &group->selectors[i];

		if (!selector_match(gs->selector->text, gs->selector->kind,
				    topic))
			continue;
		if (group_takes(group, gs, topic, e->is_private) ||
		    (e->also.len > 0 && (gs->takes & GROUP_TAKES_ALLOWED) &&
		     group->allowance && allows_event(group, e)))
			return true;
	}
	return false;
}

bool
group_wants_event(const struct group *group, const struct event *e)
{
	struct slice rest = e->also, topic = e->topic;

	do {
		if (group_wants_event_for(group, topic, e))
			return true;
	} while (also_next(&rest, &topic));
	return false;
}

/* A wildcard of which only some is allowed. */
static bool
is_partial(const struct group_selector *gs)
{
	return gs->takes == GROUP_TAKES_ALLOWED &&
	       gs->selector->kind != SELECTOR_TOPIC;
}

/*
 * Whether the hub is asked for what is allowed in the place of such wildcards: it
 * would say what of all else is lost, too. What is allowed means at least what the
 * readers get, also of events of several topics, of which the wildcard may match
 * another one than is allowed.
 */
static bool
asks_for_allowed(const struct group *group)
{
	const struct allowance *a = group->allowance;
	uint32_t n = 0;

	if (!a || a->count == 0 || a->has_whole ||
	    allowance_templates(a) > GROUP_ASKED_TEMPLATES)
		return false;
	for (uint32_t i = 0; i < group->selector_count; i++)
		n += !is_partial(&group->selectors[i]);
	return n < group->selector_count && n + a->count <= GROUP_ASKED;
}

int
group_append_selectors(const struct group *group, struct buf *out)
{
	bool with_allowed = asks_for_allowed(group);
	int r = with_allowed ? allowance_append(group->allowance, out) : 0;

	for (uint32_t i = 0; i < group->selector_count && r == 0; i++) {
		const struct group_selector *gs = &group->selectors[i];

		if (with_allowed && is_partial(gs))
			continue;
		r = buf_append_slice(out, gs->selector->text);
		if (r == 0)
			r = buf_append_char(out, '\n');
	}
	return r;
}

static bool
names_its_topics(const struct group *group)
{
	for (uint32_t i = 0; i < group->selector_count; i++)
		if (group->selectors[i].selector->kind != SELECTOR_TOPIC)
			return false;
	return true;
}

static bool
is_of(const struct evlog_entry *e, const struct evlog_topic *t)
{
	if (e->topic == t)
		return true;
	for (uint32_t i = 0; e->also && i < e->also->count; i++)
		if (e->also->links[i].topic == t)
			return true;
	return false;
}

/*
 * The first position of a topic that is not before `from`. Looked for from
 * both ends at once: it is near `from` in a busy topic, and near the chain's
 * end for a reader that lags little.
 */
static uint64_t
chain_from(const struct evlog *l, const struct evlog_topic *t, uint64_t from)
{
	uint64_t pos, ahead = from;

	if (!t || t->last == EVLOG_NONE || t->last < from)
		return EVLOG_NONE;
	if (t->first >= from)
		return t->first;
	for (pos = t->last;; ahead++) {
		uint64_t prev = evlog_prev(evlog_at(l, pos), t);

		if (prev == EVLOG_NONE || prev < from)
			return pos;
		if (is_of(evlog_at(l, ahead), t))
			return ahead;
		pos = prev;
	}
}

/* Moves on in all of the chains that an entry stands in. */
static void
pass_in_all(const struct group *group, const struct evlog_entry *e,
	    uint64_t at[GROUP_CHAINS], uint64_t pos)
{
	for (uint32_t i = 0; i < group->selector_count; i++)
		if (at[i] == pos)
			at[i] = evlog_next(e,
					   group->selectors[i].selector->topic);
}

static size_t
collect_chains(const struct evlog *l, const struct group *group, uint64_t from,
	       uint64_t *out, size_t max, size_t scan, uint64_t *ret_next)
{
	uint64_t at[GROUP_CHAINS];
	size_t n = 0;

	for (uint32_t i = 0; i < group->selector_count; i++)
		at[i] = chain_from(l, group->selectors[i].selector->topic, from);
	*ret_next = from;
	while (n < max && scan-- > 0) {
		const struct evlog_entry *e;
		uint32_t least = 0;

		for (uint32_t i = 1; i < group->selector_count; i++)
			if (at[i] < at[least])
				least = i;
		if (group->selector_count == 0 || at[least] == EVLOG_NONE) {
			*ret_next = evlog_end(l);
			return n;
		}
		e = evlog_at(l, at[least]);
		*ret_next = at[least] + 1;
		if (e->also) {
			if (group_wants_entry(group, e))
				out[n++] = at[least];
			pass_in_all(group, e, at, at[least]);
			continue;
		}
		if (group_takes(group, &group->selectors[least],
				e->topic->name, e->is_private))
			out[n++] = at[least];
		at[least] = e->next;
	}
	return n;
}

/*
 * Neighbouring entries often share their topic, so the last answer is kept;
 * with the many topics of a template or a long list it is worked out anew.
 */
static size_t
collect_scan(const struct evlog *l, const struct group *group, uint64_t from,
	     uint64_t *out, size_t max, size_t scan, uint64_t *ret_next)
{
	const struct evlog_topic *seen = NULL;
	bool seen_private = false, wanted = false;
	uint64_t end = evlog_end(l), pos = from;
	size_t n = 0;

	if (end - from > scan)
		end = from + scan;
	for (; pos < end && n < max; pos++) {
		const struct evlog_entry *e = evlog_at(l, pos);

		if (!e->topic) {
			out[n++] = pos;
			continue;
		}
		if (e->also) {
			if (group_wants_entry(group, e))
				out[n++] = pos;
			continue;
		}
		if (e->topic != seen || e->is_private != seen_private) {
			seen = e->topic;
			seen_private = e->is_private;
			wanted = group_wants_topic(group, seen, seen_private);
		}
		if (wanted)
			out[n++] = pos;
	}
	*ret_next = pos;
	return n;
}

size_t
group_collect(struct groups *g, const struct group *group, uint64_t from,
	      uint64_t *out, size_t max, size_t scan, uint64_t *ret_next)
{
	uint64_t everyone = evlog_everyone(g->log);

	if (from < evlog_first(g->log))
		from = evlog_first(g->log);
	if (group->selector_count <= GROUP_CHAINS && names_its_topics(group) &&
	    (everyone == EVLOG_NONE || everyone < from))
		return collect_chains(g->log, group, from, out, max, scan,
				      ret_next);
	return collect_scan(g->log, group, from, out, max, scan, ret_next);
}

/* ---- topic by topic ---- */

/*
 * Walks the topics that a group could want: those it names, or all there are
 * when it names them by patterns.
 */
struct walk {
	const struct group *group;
	struct list *all;
	struct list *at;		/* in all */
	uint32_t next;			/* in group->selectors */
	bool is_by_name;
};

static struct walk
walk_begin(struct groups *g, const struct group *group)
{
	struct list *all = evlog_topics(g->log);

	return (struct walk){ group, all, all, 0, names_its_topics(group) };
}

static const struct evlog_topic *
walk_next(struct walk *w)
{
	const struct evlog_topic *t = NULL;

	if (!w->is_by_name) {
		w->at = w->at->next;
		return w->at == w->all ? NULL :
		       list_entry(w->at, struct evlog_topic, all);
	}
	while (!t && w->next < w->group->selector_count)
		t = w->group->selectors[w->next++].selector->topic;
	return t;
}

/* Whether the group wants the topic that walk_next has returned last. */
static bool
walk_wants(const struct walk *w, const struct evlog_topic *t, bool is_private)
{
	if (!w->is_by_name)
		return group_wants_topic(w->group, t, is_private);
	return group_takes(w->group, &w->group->selectors[w->next - 1], t->name,
			   is_private);
}

/*
 * The same for what has left: what other topics that had is not known any more, so
 * where one of them may have been allowed, it was.
 */
static bool
walk_may_want(const struct walk *w, const struct evlog_topic *t)
{
	if (walk_wants(w, t, false))
		return true;
	if (!t->is_shared || !w->group->allowance)
		return false;
	for (uint32_t i = 0; i < w->group->selector_count; i++) {
		const struct group_selector *gs = &w->group->selectors[i];

		if ((gs->takes & GROUP_TAKES_ALLOWED) &&
		    selector_wants(gs->selector, t))
			return true;
	}
	return false;
}

bool
group_has_lost(struct groups *g, const struct group *group,
	       struct evlog_place place)
{
	struct walk w = walk_begin(g, group);
	const struct evlog_topic *t;

	if (evlog_place_cmp(place, evlog_blind(g->log)) < 0)
		return true;
	if (evlog_place_cmp(place, evlog_evicted(g->log)) >= 0)
		return false;
	while ((t = walk_next(&w)))
		if (evlog_place_cmp(t->lost, place) > 0 &&
		    walk_may_want(&w, t))
			return true;
	return false;
}

bool
group_has_lost_at(struct groups *g, const struct group *group, uint64_t cursor)
{
	struct walk w = walk_begin(g, group);
	const struct evlog_topic *t;

	if (cursor >= evlog_first(g->log))
		return false;
	if (evlog_blind_end(g->log) > cursor)
		return true;
	while ((t = walk_next(&w)))
		if (t->lost_end > cursor && walk_may_want(&w, t))
			return true;
	return false;
}

/* ---- the newest of each topic ---- */

struct newest {
	uint64_t *positions;		/* owned */
	size_t count, cap;
};

static int
newest_add(struct newest *out, uint64_t pos)
{
	if (out->count == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 16;
		uint64_t *grown = realloc(out->positions, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		out->positions = grown;
		out->cap = cap;
	}
	out->positions[out->count++] = pos;
	return 0;
}

static int
newest_of_topic(struct walk *w, const struct evlog *l,
		const struct evlog_topic *t, uint32_t n, struct newest *out)
{
	bool with_public = walk_wants(w, t, false);
	bool with_private = walk_wants(w, t, true);
	uint64_t pos = walk_may_want(w, t) ? t->last : EVLOG_NONE;
	int r = 0;

	while (pos != EVLOG_NONE && n > 0 && r == 0) {
		const struct evlog_entry *e = evlog_at(l, pos);

		if (e->also ? group_wants_entry_for(w->group, t, e) :
			      e->is_private ? with_private : with_public) {
			r = newest_add(out, pos);
			n--;
		}
		pos = evlog_prev(e, t);
	}
	return r;
}

static int
by_position(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What is the newest of several topics is there once. */
static void
newest_once(struct newest *out)
{
	size_t n = 1;

	for (size_t i = 1; i < out->count; i++)
		if (out->positions[i] != out->positions[n - 1])
			out->positions[n++] = out->positions[i];
	out->count = n;
}

int
group_newest(struct groups *g, const struct group *group, uint32_t n,
	     uint64_t **ret_positions, size_t *ret_count)
{
	struct walk w = walk_begin(g, group);
	struct newest out = { NULL, 0, 0 };
	const struct evlog_topic *t;
	int r = 0;

	while (r == 0 && (t = walk_next(&w)))
		r = newest_of_topic(&w, g->log, t, n, &out);
	if (r < 0) {
		free(out.positions);
		return r;
	}
	if (out.count) {
		qsort(out.positions, out.count, sizeof(*out.positions),
		      by_position);
		newest_once(&out);
	}
	*ret_positions = out.positions;
	*ret_count = out.count;
	return 0;
}

bool
group_is_short(struct groups *g, const struct group *group, uint32_t n)
{
	if (!names_its_topics(group))
		return true;
	for (uint32_t i = 0; i < group->selector_count; i++) {
		const struct group_selector *gs = &group->selectors[i];
		const struct evlog_topic *t = gs->selector->topic;
		uint64_t pos = t ? t->last : EVLOG_NONE;
		uint32_t left = n;

		for (; pos != EVLOG_NONE && left > 0;
		     pos = evlog_prev(evlog_at(g->log, pos), t))
			if (group_takes_entry(group, gs, t,
					      evlog_at(g->log, pos)))
				left--;
		if (left > 0)
			return true;
	}
	return false;
}
