/* SPDX-License-Identifier: MIT */
#include "lib/bus/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct window_entry {
	uint64_t cookie;
	bool is_behind;		/* as sent last: it names the one before it */
	bool is_refused;	/* sent, and refused for now */
	bool was_sent;		/* over whatever connection, and not refused since */
	size_t key_len, topic_len, header_len, data_len;
	char bytes[];		/* key, topic, header, data */
};

/* The i-th oldest. */
static struct window_entry **
place(const struct window *w, unsigned i)
{
	return (struct window_entry **)(uintptr_t)w->entries +
	       (w->head + i) % LIMIT_PUBLISH_WINDOW;
}

static size_t
entry_size(const struct window_entry *e)
{
	return e->key_len + e->topic_len + e->header_len + e->data_len;
}

static struct slice
entry_key(const struct window_entry *e)
{
	return (struct slice){ e->bytes, e->key_len };
}

void
window_done(struct window *w)
{
	while (w->count > 0)
		free(*place(w, --w->count));
	w->head = w->sent = w->refused = 0;
	w->bytes = 0;
}

void
window_restart(struct window *w)
{
	for (unsigned i = 0; i < w->sent; i++)
		(*place(w, i))->is_refused = false;
	w->sent = w->refused = 0;
}

static char *
put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.p, s.len);
	return at + s.len;
}

int
window_add(struct window *w, const struct event *e, struct slice key,
	   uint64_t cookie)
{
	struct frame frame = {
		.type = FRAME_EVENT, .event = *e, .may_share = true,
	};
	char header[FRAME_HEADER_MAX], *at;
	struct window_entry *entry;
	size_t header_len, size;

	frame.event.key = key;
	header_len = frame_write_header(&frame, header);
	if (header_len == 0)
		return -EINVAL;
	size = key.len + e->topic.len + header_len + e->data.len;
	if (w->count == LIMIT_PUBLISH_WINDOW ||
	    (w->count > 0 && w->bytes + size > LIMIT_PUBLISH_WINDOW_BYTES))
		return -EAGAIN;
	entry = malloc(sizeof(*entry) + size);
	if (!entry)
		return -ENOMEM;
	*entry = (struct window_entry){
		.cookie = cookie,
		.key_len = key.len,
		.topic_len = e->topic.len,
		.header_len = header_len,
		.data_len = e->data.len,
	};
	at = put(entry->bytes, key);
	at = put(at, e->topic);
	at = put(at, (struct slice){ header, header_len });
	put(at, e->data);
	*place(w, w->count++) = entry;
	w->bytes += size;
	return 0;
}

void
window_next(struct window *w, struct slice parts[3])
{
	struct window_entry *e = *place(w, w->sent);
	const char *p = e->bytes + e->key_len;
	size_t header_len = e->header_len;

	parts[0] = (struct slice){ p, e->topic_len };
	p += e->topic_len;
	memcpy(w->header, p, header_len);
	e->was_sent = true;
	e->is_behind = w->sent > 0;
	if (e->is_behind)
		header_len = frame_add_previous(w->header, header_len,
		    entry_key(*place(w, w->sent - 1)));
	parts[1] = (struct slice){ w->header, header_len };
	p += e->header_len;
	parts[2] = (struct slice){ p, e->data_len };
}

static bool
has_key(const struct window_entry *e, struct slice key)
{
	return key.len == 0 || slice_eq(entry_key(e), key);
}

/* Answers come in the order of the questions: mostly it is the first. */
static unsigned
find(const struct window *w, struct slice key)
{
	unsigned i = 0;

	while (i < w->sent &&
	       ((*place(w, i))->is_refused || !has_key(*place(w, i), key)))
		i++;
	return i;
}

uint64_t
window_take_at(struct window *w, unsigned at)
{
	struct window_entry *e = *place(w, at);
	uint64_t cookie = e->cookie;

	w->bytes -= entry_size(e);
	if (at < w->sent)
		w->sent--;
	for (; at > 0; at--)
		*place(w, at) = *place(w, at - 1);
	w->head = (w->head + 1) % LIMIT_PUBLISH_WINDOW;
	w->count--;
	free(e);
	return cookie;
}

int
window_cancel(struct window *w, uint64_t cookie)
{
	for (unsigned i = 0; i < w->count; i++) {
		const struct window_entry *e = *place(w, i);

		if (e->cookie != cookie)
			continue;
		if (e->was_sent || i < w->sent)
			return -EALREADY;
		(void)window_take_at(w, i);
		return 0;
	}
	return -ENOENT;
}

int
window_take(struct window *w, struct slice key, uint64_t *ret_cookie)
{
	unsigned i = find(w, key);

	if (i == w->sent)
		return -ENOENT;
	*ret_cookie = window_take_at(w, i);
	return 0;
}

int
window_find_row(const struct window *w, struct slice key, unsigned count,
		unsigned *ret_first)
{
	unsigned last = count - 1, i;

	/* Where it is if the row is of the oldest, as it mostly is. */
	if (key.len == 0 || count == 0 || count > w->sent)
		return -ENOENT;
	while (last < w->sent && ((*place(w, last))->is_refused ||
				  !has_key(*place(w, last), key)))
		last++;
	if (last == w->sent)
		return -ENOENT;
	*ret_first = last + 1 - count;
	for (i = *ret_first; i <= last; i++)
		if ((*place(w, i))->is_refused)
			return -ENOENT;
	return 0;
}

enum window_refused
window_find(const struct window *w, struct slice key)
{
	unsigned i = find(w, key);

	if (i == w->sent)
		return WINDOW_STRANGER;
	return (*place(w, i))->is_behind ? WINDOW_BEHIND : WINDOW_ALONE;
}

void
window_refuse(struct window *w, struct slice key)
{
	unsigned i = find(w, key);

	if (i == w->sent)
		return;
	(*place(w, i))->is_refused = true;
	/* The hub looks for its key first: it has not got it from before. */
	(*place(w, i))->was_sent = false;
	w->refused++;
}

bool
window_is_refused(const struct window *w)
{
	return w->refused > 0 && w->refused == w->sent;
}
