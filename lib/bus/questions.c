/* SPDX-License-Identifier: MIT */
#include "lib/bus/questions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct question *
entry(struct list *node)
{
	return list_entry(node, struct question, node);
}

void
questions_init(struct questions *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->waiting);
	list_init(&q->sent);
}

static void
end(struct questions *q, struct question *question)
{
	list_del(&question->node);
	free(question);
	q->count--;
}

void
questions_done(struct questions *q)
{
	while (!list_is_empty(&q->waiting))
		end(q, entry(q->waiting.next));
	while (!list_is_empty(&q->sent))
		end(q, entry(q->sent.next));
}

static int
add(struct questions *q, uint64_t tag, struct slice text,
    struct question **ret_question)
{
	struct question *question;
	char *bytes;

	if (q->count == QUESTIONS_MAX)
		return -ENOBUFS;
	question = malloc(sizeof(*question) + text.len);
	if (!question)
		return -ENOMEM;
	bytes = (char *)(question + 1);
	if (text.len > 0)
		memcpy(bytes, text.p, text.len);
	*question = (struct question){
		.tag = tag,
		.serial = ++q->serial,
		.text = { bytes, text.len },
	};
	list_add(&q->waiting, &question->node);
	q->count++;
	*ret_question = question;
	return 0;
}

int
questions_add(struct questions *q, uint64_t tag, struct slice id)
{
	struct question *question;

	return add(q, tag, id, &question);
}

int
questions_add_page(struct questions *q, uint64_t tag,
		   const struct follower_question *page)
{
	struct question *question;
	int r = add(q, tag, page->selectors, &question);

	if (r < 0)
		return r;
	question->is_page = true;
	question->epoch = page->epoch;
	question->number = page->number;
	question->limit = page->limit;
	return 0;
}

/* The first with this serial, or with this tag when serial is 0. */
static struct question *
find(struct list *list, uint64_t serial, uint64_t tag)
{
	struct list *node;

	for (node = list->next; node != list; node = node->next)
		if (serial ? entry(node)->serial == serial :
			     entry(node)->tag == tag)
			return entry(node);
	return NULL;
}

void
questions_forget(struct questions *q, uint64_t tag)
{
	struct question *question = find(&q->waiting, 0, tag);

	if (!question) {
		question = find(&q->sent, 0, tag);
		if (!question)
			return;
		q->under_way--;
	}
	end(q, question);
}

struct question *
questions_next(struct questions *q, int64_t now_ms)
{
	if (list_is_empty(&q->waiting) || now_ms < q->not_before_ms ||
	    q->under_way == QUESTIONS_UNDER_WAY)
		return NULL;
	return entry(q->waiting.next);
}

void
questions_sent(struct questions *q, struct question *question, int64_t now_ms)
{
	list_del(&question->node);
	list_add(&q->sent, &question->node);
	question->sent_ms = now_ms;
	q->under_way++;
}

bool
questions_answered(struct questions *q, uint64_t serial, uint64_t *ret_tag)
{
	struct question *question;

	if (serial == 0)
		return false;
	question = find(&q->sent, serial, 0);
	if (question) {
		q->under_way--;
	} else {
		/* A late answer is an answer. */
		question = find(&q->waiting, serial, 0);
		if (!question)
			return false;
	}
	*ret_tag = question->tag;
	end(q, question);
	return true;
}

static void
wait_again(struct questions *q, struct question *question)
{
	list_del(&question->node);
	list_add(&q->waiting, &question->node);
	q->under_way--;
}

void
questions_unanswered(struct questions *q, int64_t not_before_ms)
{
	while (!list_is_empty(&q->sent))
		wait_again(q, entry(q->sent.next));
	q->not_before_ms = not_before_ms;
}

void
questions_tick(struct questions *q, int64_t now_ms)
{
	while (!list_is_empty(&q->sent) &&
	       now_ms - entry(q->sent.next)->sent_ms >= QUESTIONS_ANSWER_MS)
		wait_again(q, entry(q->sent.next));
}

int64_t
questions_due(const struct questions *q)
{
	int64_t due = INT64_MAX;

	if (!list_is_empty(&q->sent))
		due = entry(q->sent.next)->sent_ms + QUESTIONS_ANSWER_MS;
	if (!list_is_empty(&q->waiting) &&
	    q->under_way < QUESTIONS_UNDER_WAY && due > q->not_before_ms)
		due = q->not_before_ms;
	return due;
}
