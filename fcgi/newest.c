/* SPDX-License-Identifier: MIT */
#include "fcgi/newest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
newest_init(struct newest *n, uint32_t most)
{
	*n = (struct newest){ .most = most };
	list_init(&n->events);
}

static int
topic_get(struct newest *n, struct slice name, struct newest_topic **ret_topic)
{
	struct newest_topic *t = map_get(&n->topics, name);

	if (!t) {
		t = calloc(1, sizeof(*t) + name.len + 1);
		if (!t)
			return -ENOMEM;
		list_init(&t->events);
		memcpy(t + 1, name.p, name.len);
		t->name = (struct slice){ (char *)(t + 1), name.len };
		if (map_put(&n->topics, t->name, t) < 0) {
			free(t);
			return -ENOMEM;
		}
	}
	*ret_topic = t;
	return 0;
}

static void
topic_release(struct newest *n, struct newest_topic *t)
{
	if (t->count > 0)
		return;
	(void)map_del(&n->topics, t->name);
	free(t);
}

/* Takes it out; its topic goes with the last one. */
static void
take_out(struct newest *n, struct newest_event *e)
{
	list_del(&e->node);
	list_del(&e->of_topic);
	n->bytes -= e->bytes.len;
	e->topic->count--;
	topic_release(n, e->topic);
}

static void
drop_first(struct newest *n, struct newest_topic *t)
{
	struct newest_event *e = list_entry(t->events.next,
					    struct newest_event, of_topic);

	take_out(n, e);
	free(e);
}

int
newest_add(struct newest *n, struct slice topic, uint64_t number,
	   struct slice bytes)
{
	struct newest_event *e = malloc(sizeof(*e) + bytes.len);
	struct newest_topic *t;
	int r = e ? topic_get(n, topic, &t) : -ENOMEM;

	if (r < 0) {
		free(e);
		return r;
	}
	e->topic = t;
	e->number = number;
	e->bytes = (struct slice){ memcpy(e + 1, bytes.p, bytes.len),
				   bytes.len };
	list_add(&n->events, &e->node);
	list_add(&t->events, &e->of_topic);
	n->bytes += bytes.len;
	if (++t->count > n->most)
		drop_first(n, t);
	while (n->bytes > NEWEST_BYTES && n->events.next != &e->node)
		drop_first(n, list_entry(n->events.next, struct newest_event,
					 node)->topic);
	return 0;
}

void
newest_count(struct newest *n, struct slice topic)
{
	struct newest_topic *t = map_get(&n->topics, topic);

	if (t && t->count + ++t->elsewhere > n->most)
		drop_first(n, t);
}

struct slice
newest_take(struct newest *n, struct newest_event **ret_event)
{
	struct newest_event *e, *next;

	*ret_event = NULL;
	if (list_is_empty(&n->events))
		return SLICE_NONE;
	e = list_entry(n->events.next, struct newest_event, node);
	take_out(n, e);
	while (!list_is_empty(&n->events)) {
		next = list_entry(n->events.next, struct newest_event, node);
		if (next->number != e->number)
			break;
		take_out(n, next);
		free(next);
	}
	*ret_event = e;
	return e->bytes;
}

void
newest_done(struct newest *n)
{
	struct newest_event *e;

	while (newest_take(n, &e).p)
		free(e);
	map_done(&n->topics);
}
