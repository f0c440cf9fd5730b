/* SPDX-License-Identifier: MIT */
/*
 * catalog: what a store keeps and what it had to let go, by topic and by id,
 * and which event goes next. Pure: the records themselves are the store's.
 *
 * Numbers from `floor` on are all kept. Below it there are only events that a
 * rule (--keep) holds back: the newest few of their topics. Each topic
 * remembers the number of its newest event that is gone, so that a reader is
 * told of a gap only if something that it asked for is gone.
 *
 * An event is counted under its first topic, which alone decides what a rule
 * keeps; its other topics hear of it when it goes, and cost nothing before.
 *
 * What is done counts at once and can be taken back until catalog_commit.
 */
#ifndef HUB_CATALOG_H
#define HUB_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/slice.h"
#include "lib/sse/selector.h"

struct store_limits {		/* 0: no such bound */
	uint64_t events, bytes;
	int64_t age_ms;
};

/* Each of the bounds, where there are two. */
struct store_limits catalog_tighter(const struct store_limits *a,
				    const struct store_limits *b);

struct catalog_rule {		/* of each topic that it matches, the newest N */
	struct slice selector;	/* borrowed */
	enum selector_kind kind;
	uint64_t keep;
};

struct catalog_topic {
	struct list by_lost;	/* catalog->by_lost, or ->forgotten */
	struct list idle;	/* catalog->idle while none is kept */
	struct list over;	/* catalog->over while too many are held */
	struct list changed;	/* catalog->changed: lost was changed */
	uint64_t lost;		/* its newest that is gone; 0: none */
	/* No topic before it in by_lost, nor it, has lost a newer one: what is
	 * held goes in another order than it came. */
	uint64_t bound;
	/* events, the held ones too, and any that became unreadable */
	uint64_t kept;
	uint64_t keep;		/* what a rule keeps; 0: no rule */
	uint64_t *held;		/* owned; numbers, ascending */
	size_t held_at, held_count, held_cap;
	struct slice name;	/* points behind the struct */
};

struct catalog_item {		/* an event, as the catalog sees it */
	uint64_t number;
	struct slice topic;	/* absent: it cannot be read any more */
	struct slice also;	/* going: its other topics (also.h) */
	struct slice id;	/* a publisher's own; absent: none */
	uint64_t bytes;		/* that it takes in the store */
};

struct catalog {		/* made by catalog_init */
	struct store_limits limits;
	const struct catalog_rule *rules;	/* borrowed */
	size_t n_rules;

	struct map topics;	/* name -> catalog_topic, owned */
	struct list by_lost;	/* all of them, who lost last comes last */
	struct list idle;	/* without events, the first to be idle first */
	struct list over, changed;
	struct list forgotten;	/* names that a store may delete */
	size_t idle_count;
	struct map ids;		/* text -> catalog_id, owned */

	uint64_t floor;
	uint64_t events, bytes;		/* from the floor on */
	uint64_t held_events, held_bytes;
	uint64_t lost;		/* the newest that is gone, of any topic */
	/* Up to this number events may be gone of topics that are forgotten. */
	uint64_t blind;

	struct catalog_step *steps;	/* owned; since the last commit */
	size_t step_count, step_cap;
};

void catalog_init(struct catalog *c, const struct store_limits *limits,
		  const struct catalog_rule *rules, size_t n_rules);
void catalog_done(struct catalog *c);

/* --- reading a store ---------------------------------------------------- */

/* What is known from before; in any order, before the first event. 0 or
 * -ENOMEM. */
int catalog_load_topic(struct catalog *c, struct slice name, uint64_t lost);
void catalog_load_lost(struct catalog *c, uint64_t floor, uint64_t lost,
		       uint64_t blind);
/* Each kept event, in order; those below the floor are held. 0 or -ENOMEM. */
int catalog_load(struct catalog *c, const struct catalog_item *item);

/* --- events come and go ------------------------------------------------- */

int catalog_add(struct catalog *c, const struct catalog_item *item);	/* 0, -ENOMEM */

/*
 * Which one has to go now. DISPLACED: the held one with *ret_number; HELD: the
 * oldest of all; FRONT: the one at the floor must be passed.
 */
enum catalog_need {
	CATALOG_FITS,
	CATALOG_DISPLACED,
	CATALOG_HELD,
	CATALOG_FRONT,
};
enum catalog_need catalog_need(const struct catalog *c, uint64_t *ret_number);

/* Whether there is more than one from the floor on: the newest never goes by
 * age or size. */
bool catalog_can_pass(const struct catalog *c);

/*
 * The floor moves past its event, which is to be deleted (1) or held (0).
 * -ENOMEM: nothing was done.
 */
int catalog_pass(struct catalog *c, const struct catalog_item *item);
/* A held one is deleted. 0 or -ENOMEM. */
int catalog_evict(struct catalog *c, const struct catalog_item *item);

void catalog_commit(struct catalog *c);		/* it is so */
void catalog_undo(struct catalog *c);		/* since the last commit */

/* Frees what catalog_commit moved to `forgotten`, once the store knows. */
void catalog_bury(struct catalog *c);

/* --- looking ------------------------------------------------------------ */

/*
 * The newest number above `after` of an event that matches and is gone; 0:
 * there is none. No selectors: every topic matches.
 */
uint64_t catalog_lost(const struct catalog *c, const struct slice *selectors,
		      const enum selector_kind *kinds, size_t n,
		      uint64_t after);

/* Walks all topics, the oldest loss first: begin with NULL, which is the end,
 * too. */
const struct catalog_topic *catalog_next_topic(const struct catalog *c,
					       const struct catalog_topic *t);

/* The number of the newest kept event with this id. False: there is none. */
bool catalog_find_id(const struct catalog *c, struct slice id,
		     uint64_t *ret_number);

#endif
