/* SPDX-License-Identifier: MIT */
#include "lib/bus/held.h"

#include <errno.h>
#include <string.h>

struct head {
	uint64_t epoch, number;
	size_t len[3];
};

static size_t
size_of(const struct head *head)
{
	return sizeof(*head) + head->len[0] + head->len[1] + head->len[2];
}

int
held_add(struct held *h, uint64_t epoch, uint64_t number,
	 const struct slice parts[3])
{
	struct head head = { epoch, number,
			     { parts[0].len, parts[1].len, parts[2].len } };
	size_t i, room = h->most - (h->bytes.len - h->at);

	for (i = 0; i < 3; i++)
		if (head.len[i] > h->most)
			return -ENOBUFS;
	if (size_of(&head) > room)
		return -ENOBUFS;
	/* Half of it is gone: move the rest down, which costs no more than
	 * what has been handed out since the last time. */
	if (h->at > h->bytes.len / 2) {
		buf_consume(&h->bytes, h->at);
		h->at = 0;
	}
	if (buf_reserve(&h->bytes, size_of(&head)) < 0)
		return -ENOMEM;
	(void)buf_append(&h->bytes, &head, sizeof(head));
	for (i = 0; i < 3; i++)
		(void)buf_append_slice(&h->bytes, parts[i]);
	return 0;
}

bool
held_front(const struct held *h, uint64_t *ret_epoch, uint64_t *ret_number,
	   struct slice parts[3])
{
	const char *p;
	struct head head;
	size_t i;

	if (held_is_empty(h))
		return false;
	p = h->bytes.p + h->at;
	memcpy(&head, p, sizeof(head));
	p += sizeof(head);
	for (i = 0; i < 3; i++) {
		parts[i] = (struct slice){ p, head.len[i] };
		p += head.len[i];
	}
	*ret_epoch = head.epoch;
	*ret_number = head.number;
	return true;
}

void
held_pop(struct held *h)
{
	struct head head;

	if (held_is_empty(h))
		return;
	memcpy(&head, h->bytes.p + h->at, sizeof(head));
	h->at += size_of(&head);
	if (held_is_empty(h))
		held_done(h);
}

void
held_done(struct held *h)
{
	buf_done(&h->bytes);
	h->at = 0;
}
