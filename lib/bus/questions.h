/* SPDX-License-Identifier: MIT */
/*
 * questions: where is this id, and what came after this number? Asked of the
 * hub until it answers. Pure.
 *
 * A question waits, is under way (a few at a time), and waits again when its
 * answer is late, the connection lost or the hub busy. Only the hub's own
 * answer ends it.
 */
#ifndef LIB_BUS_QUESTIONS_H
#define LIB_BUS_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/slice.h"
#include "lib/bus/follower.h"

enum {
	QUESTIONS_MAX = 4096,
	QUESTIONS_UNDER_WAY = 64,
	QUESTIONS_ANSWER_MS = 2000,
	QUESTIONS_BUSY_MS = 1000,
};

struct question {
	struct list node;
	uint64_t tag;		/* the asker's */
	uint64_t serial;	/* ours: what the hub echoes */
	int64_t sent_ms;
	bool is_page;		/* what follows a number, else: where is id */
	uint64_t epoch, number;	/* of a page, as limit */
	unsigned limit;
	struct slice text;	/* the id, or the page's selectors, one a line;
				 * into this very piece of memory */
};

struct questions {
	struct list waiting;
	struct list sent;	/* in the order of sent_ms */
	size_t count, under_way;
	uint64_t serial;
	int64_t not_before_ms;
};

void questions_init(struct questions *q);
void questions_done(struct questions *q);

/* 0, -ENOMEM, or -ENOBUFS when QUESTIONS_MAX are open. */
int questions_add(struct questions *q, uint64_t tag, struct slice id);
int questions_add_page(struct questions *q, uint64_t tag,
		       const struct follower_question *page);
void questions_forget(struct questions *q, uint64_t tag);

/* The next one to send, if one may be sent now; questions_sent once it is. */
struct question *questions_next(struct questions *q, int64_t now_ms);
void questions_sent(struct questions *q, struct question *question,
		    int64_t now_ms);

/* The hub answered: ends the question. False: nobody asked (any more). */
bool questions_answered(struct questions *q, uint64_t serial,
			uint64_t *ret_tag);

/* All that are under way wait again: the hub is gone, or (later) busy. */
void questions_unanswered(struct questions *q, int64_t not_before_ms);

/* Those whose answer is late wait again. */
void questions_tick(struct questions *q, int64_t now_ms);
/* When to tick or send; INT64_MAX: nothing is open. */
int64_t questions_due(const struct questions *q);

#endif
