/* SPDX-License-Identifier: MIT */
/*
 * stream: one open response, from its first record to its end.
 *
 * Behind the head a stream is served in bounded steps whenever its socket
 * takes bytes. What it took a part of is kept as a chunk until it has taken
 * the rest: a record that was begun must be finished as it was announced.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fcgi/fanout_priv.h"
#include "fcgi/record.h"
#include "fcgi/reply.h"
#include "lib/sse/encode.h"

/* ---- chunks ---- */

/*
 * The log's own bytes are not copied: a crowd that stalls in a large event would
 * take as much memory for each. They go when the log evicts the entry, and then
 * the chunk's holders are cut anyway.
 */
static struct chunk *
chunk_new(struct fanout *f, uint64_t first, const char *bytes, size_t len,
	  bool is_logs)
{
	struct chunk *c = malloc(sizeof(*c) + (is_logs ? 0 : len));

	if (!c)
		return NULL;
	c->bytes = is_logs ? bytes : memcpy(c + 1, bytes, len);
	f->stats.held_bytes += is_logs ? 0 : len;
	c->len = (uint32_t)len;
	c->first = first;
	list_init(&c->holders);
	list_add(&f->chunks, &c->all);
	if (c->first < f->chunks_low)
		f->chunks_low = c->first;
	return c;
}

static void
chunk_let_go(struct stream *s)
{
	struct chunk *c = s->chunk;

	list_del(&s->kept);
	s->chunk = NULL;
	if (list_is_empty(&c->holders)) {
		if (c->bytes == (const char *)(c + 1))
			s->fanout->stats.held_bytes -= c->len;
		list_del(&c->all);
		free(c);
	}
}

void
stream_cut_chunks(struct fanout *f, uint64_t evicted)
{
	uint64_t low = EVLOG_NONE;
	struct list *at, *next;

	if (evicted < f->chunks_low)
		return;
	for (at = f->chunks.next; at != &f->chunks; at = next) {
		struct chunk *c = list_entry(at, struct chunk, all);
		struct list *holder, *after;

		next = at->next;
		if (c->first > evicted) {
			low = c->first < low ? c->first : low;
			continue;
		}
		/* The last holder's leaving frees the chunk. */
		for (holder = c->holders.next; holder != &c->holders;
		     holder = after) {
			bool is_last = holder->next == &c->holders;

			after = holder->next;
			f->stats.cut++;
			stream_doom(list_entry(holder, struct stream, kept));
			if (is_last)
				break;
		}
	}
	f->chunks_low = low;
}

void
stream_starve(struct stream *s)
{
	s->fanout->stats.starved++;
	stream_doom(s);
}

/* ---- writing ---- */

/* The piece with the stream's own request id; NULL: no memory. */
static const char *
bytes_for(struct stream *s, const struct piece *p)
{
	struct buf *out = &s->fanout->patched;
	size_t at = 0;

	if (s->id == 1)
		return p->bytes;
	buf_clear(out);
	if (buf_append(out, p->bytes, p->len) < 0)
		return NULL;
	while (at + RECORD_HEADER_LEN <= out->len) {
		const uint8_t *header = (const uint8_t *)out->p + at;
		size_t len = (size_t)header[4] << 8 | header[5];

		record_set_id(out->p + at, s->id);
		at += RECORD_HEADER_LEN + len + header[6];
	}
	return out->p;
}

/*
 * Remembers what is left of a piece: of one that others get too, all of it, for
 * all of them. False: no memory.
 */
static bool
keep_rest(struct stream *s, const struct piece *p, const char *bytes,
	  size_t done, struct chunk **shared)
{
	bool is_shared = s->id == 1 && shared;
	bool is_logs = p->is_logs && bytes == p->bytes;
	size_t skip = is_shared ? 0 : done;
	struct chunk *c = is_shared ? *shared : NULL;

	if (!c) {
		c = chunk_new(s->fanout, p->first, bytes + skip, p->len - skip,
			      is_logs);
		if (!c)
			return false;
		if (is_shared)
			*shared = c;
	}
	list_add(&c->holders, &s->kept);
	s->chunk = c;
	s->chunk_at = (uint32_t)(done - skip);
	return true;
}

static bool
is_full(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

ssize_t
stream_send(int fd, const char *bytes, size_t len)
{
#ifdef SYS_sendto
	/* send(3) can be cancelled, which costs 15 ns in a process with threads
	 * where the call itself takes 900. */
	return syscall(SYS_sendto, fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		       NULL, 0);
#else
	return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
#endif
}

enum write_result
stream_write(struct stream *s, const struct piece *p, struct chunk **shared)
{
	const char *bytes = bytes_for(s, p);

	if (!bytes) {
		stream_starve(s);
		return WRITE_GONE;
	}
	return stream_wrote(s, p, bytes, stream_send(s->io.fd, bytes, p->len),
			    shared);
}

enum write_result
stream_wrote(struct stream *s, const struct piece *p, const char *bytes,
	     ssize_t n, struct chunk **shared)
{
	if (n == (ssize_t)p->len)
		return WRITE_DONE;
	if (n < 0 && !is_full(errno))
		goto gone;
	/* A stream that waits has had its few first bytes or is not worth it. */
	if (s->state == STREAM_WAITING)
		goto gone;
	if (n <= 0 && !p->is_once) {
		stream_set_behind(s, p->back);
		return WRITE_BLOCKED;
	}
	stream_set_behind(s, p->next);
	if (keep_rest(s, p, bytes, n > 0 ? (size_t)n : 0, shared))
		return WRITE_BLOCKED;
	s->fanout->stats.starved++;
gone:
	stream_doom(s);
	return WRITE_GONE;
}

void
stream_set_behind(struct stream *s, uint64_t cursor)
{
	if (s->state == STREAM_HEAD)
		audience_leave(s);
	s->state = STREAM_BEHIND;
	s->cursor = cursor;
	(void)loop_want(s->fanout->loop, &s->io, LOOP_READ | LOOP_WRITE);
}

/* Writes what is left of the chunk. True: it is done. */
static bool
chunk_write(struct stream *s)
{
	const struct chunk *c = s->chunk;
	ssize_t n = send(s->io.fd, c->bytes + s->chunk_at,
			 c->len - s->chunk_at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_full(errno))
			stream_doom(s);
		return false;
	}
	s->chunk_at += (uint32_t)n;
	if (s->chunk_at < c->len)
		return false;
	chunk_let_go(s);
	s->last_write_ms = loop_now_ms(s->fanout->loop);
	return true;
}

/* ---- behind the head ---- */

/* The log has moved past what the stream should get now; it goes on with the
 * first entry that is kept. */
static enum next
next_is_gap(struct stream *s, struct slice after, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	struct placed placed = {
		.has_gap = true, .after = after, .reason = "slow",
	};
	uint64_t first = placing_first(f);

	f->stats.slow++;
	buf_clear(&f->scratch);
	if (placing_append_gap(f, &placed, &f->scratch) < 0)
		return NEXT_FAILED;
	*ret_piece = (struct piece){
		.bytes = f->scratch.p,
		.len = f->scratch.len,
		.first = EVLOG_NONE,
		.next = first,
		.told = first,
	};
	return NEXT_PIECE;
}

static enum next
next_of_replay(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	struct placing *p = s->placing;
	size_t used, had = p->replay_at;
	enum next next;

	while (p->replay_at < p->replay_count &&
	       p->replay[p->replay_at] < evlog_first(f->log))
		p->replay_at++;
	if (p->replay_at > had) {
		next = next_is_gap(s, SLICE_NONE, ret_piece);
		ret_piece->next = s->cursor;
		ret_piece->is_once = true;
		return next;
	}
	if (p->replay_at == p->replay_count) {
		s->placing = placing_free(f, p);
		return NEXT_AGAIN;
	}
	if (piece_from_positions(f, p->replay + p->replay_at,
				 p->replay_count - p->replay_at,
				 ret_piece, &used) < 0)
		return NEXT_FAILED;
	p->replay_at += used;
	ret_piece->next = s->cursor;
	ret_piece->is_once = true;
	return NEXT_PIECE;
}

/* The window has moved past the stream, which costs it something. */
static enum next
next_in_pages(struct stream *s, struct evlog_place after)
{
	struct fanout *f = s->fanout;
	struct placed placed = { .page_after = after, .reason = "slow" };
	char text[ID_TEXT_MAX + 1];

	if (after.gen != evlog_last_place(f->log).gen) {
		placed.is_all = true;
		placed.after = place_text(f, after, text);
		placed.page_after = placing_in_this_log(f, after);
	}
	return paging_begin(s, &placed) < 0 ? NEXT_FAILED : NEXT_AGAIN;
}

/*
 * The log has moved past the stream. If that cost it anything, the hub may have
 * it; else the stream is told.
 */
static enum next
next_after_loss(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	struct slice after = SLICE_NONE;
	char after_text[ID_TEXT_MAX + 1];
	struct evlog_place place;

	if (!group_has_lost_at(f->groups, s->group, s->cursor)) {
		s->cursor = evlog_first(f->log);
		return NEXT_AGAIN;
	}
	if (evlog_place_before(f->log, s->cursor, &place)) {
		if (f->pager && (!placing_has_all(s) ||
				 place.gen == evlog_last_place(f->log).gen))
			return next_in_pages(s, place);
		after = place_text(f, place, after_text);
	}
	return next_is_gap(s, after, ret_piece);
}

/* What follows stands at a hole: NEXT_PIECE if it is to be told of it. */
static enum next
next_of_hole(struct stream *s, uint64_t pos)
{
	switch (paging_hole(s->fanout, s->group, pos)) {
	case HOLE_UNKNOWN:
		s->cursor = pos;
		return paging_begin_at_hole(s, pos) < 0 ? NEXT_FAILED :
							 NEXT_AGAIN;
	case HOLE_HARMLESS:
		s->cursor = pos + 1;
		return NEXT_AGAIN;
	case HOLE_MISSED:
		break;
	}
	s->fanout->stats.gaps++;
	return NEXT_PIECE;
}

static enum next
next_of_log(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;
	uint64_t positions[PIECE_EVENTS], next;
	enum next at_hole;
	size_t n, used;

	n = group_collect(f->groups, s->group, s->cursor, positions,
			  PIECE_EVENTS, SERVE_SCAN, &next);
	if (n == 0) {
		s->cursor = next;
		return next == evlog_end(f->log) ? NEXT_HEAD : NEXT_AGAIN;
	}
	if (evlog_at(f->log, positions[0])->mark == MARK_HOLE) {
		at_hole = next_of_hole(s, positions[0]);
		if (at_hole != NEXT_PIECE)
			return at_hole;
	}
	if (piece_from_positions(f, positions, n, ret_piece, &used) < 0)
		return NEXT_FAILED;
	if (used == n)
		ret_piece->next = next;
	return NEXT_PIECE;
}

static enum next
stream_next(struct stream *s, struct piece *ret_piece)
{
	struct fanout *f = s->fanout;

	if (s->paging)
		return paging_next(s, ret_piece);
	if (s->placing)
		return next_of_replay(s, ret_piece);
	if (s->cursor < evlog_first(f->log))
		return next_after_loss(s, ret_piece);
	return next_of_log(s, ret_piece);
}

/* The last record: retry:, the position if there is one, and the end. */
static void
stream_finish(struct stream *s, uint64_t retry_ms, struct slice position)
{
	struct buf text = { NULL, 0, 0 };
	struct buf *out = &s->fanout->scratch;
	int r;

	if (s->placing && s->placing->is_silent &&
	    stream_speak_early(s) == WRITE_GONE)
		return;
	buf_clear(out);
	r = encode_retry(&text, retry_ms);
	if (r == 0)
		r = position.p ? encode_position(&text, position) :
				 buf_append_char(&text, '\n');
	if (r == 0)
		r = record_append_stdout(out, s->id, buf_slice(&text));
	if (r == 0)
		r = reply_end(out, s->id);
	if (r == 0)
		(void)!send(s->io.fd, out->p, out->len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_done(&text);
	stream_doom(s);
}

/*
 * A poll has got what there is: with its position, so that the next one begins
 * here even if nothing matched, and with the time until then.
 */
static void
stream_end_poll(struct stream *s)
{
	const struct fanout *f = s->fanout;
	char id_text[ID_TEXT_MAX + 1];

	stream_finish(s, s->poll_ms, place_text(f, evlog_last_place(f->log),
						id_text));
}

static void
stream_reach_head(struct stream *s)
{
	if (s->poll_ms) {
		stream_end_poll(s);
		return;
	}
	if (audience_join(s->fanout, s) < 0) {
		stream_starve(s);
		return;
	}
	(void)loop_want(s->fanout->loop, &s->io, LOOP_READ);
}

void
stream_serve(struct stream *s)
{
	uint64_t scanned_from = s->cursor;
	size_t written = 0;

	while (s->state == STREAM_BEHIND && written < SERVE_BYTES &&
	       s->cursor - scanned_from < SERVE_SCAN) {
		struct piece p;

		if (s->chunk && !chunk_write(s))
			break;
		switch (stream_next(s, &p)) {
		case NEXT_AGAIN:
			continue;
		case NEXT_HEAD:
			stream_reach_head(s);
			return;
		case NEXT_WAIT:
			(void)loop_want(s->fanout->loop, &s->io, LOOP_READ);
			return;
		case NEXT_FAILED:
			stream_starve(s);
			return;
		case NEXT_PIECE:
			break;
		}
		p.back = s->cursor;
		if (stream_write(s, &p, NULL) != WRITE_DONE)
			return;
		s->cursor = p.next;
		s->told = p.told;
		s->last_write_ms = loop_now_ms(s->fanout->loop);
		written += p.len;
	}
	if (s->state == STREAM_BEHIND)
		(void)loop_want(s->fanout->loop, &s->io,
				LOOP_READ | LOOP_WRITE);
}

/* ---- the beginning and the end ---- */

/*
 * The browser has gone. lighttpd says so by closing its half only, and writes
 * two lines of complaint into its log for each closed tab when the answer just
 * breaks off. Nothing of it matters any more, so one try is enough.
 */
static void
answer_goodbye(struct stream *s)
{
	struct buf *out = &s->fanout->scratch;

	buf_clear(out);
	if (!s->chunk && reply_end(out, s->id) == 0)
		(void)send(s->io.fd, out->p, out->len,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * Once its request is read, a web server sends nothing more on a connection
 * but the end: EOF, or ABORT_REQUEST, which none of them really uses.
 */
static void
stream_on_ready(struct loop_io *io, unsigned ready)
{
	struct stream *s = list_entry(io, struct stream, io);
	char junk[64];

	if (ready & (LOOP_READ | LOOP_CLOSED)) {
		ssize_t n = recv(io->fd, junk, sizeof(junk), MSG_DONTWAIT);

		if (n >= 0 || !is_full(errno)) {
			answer_goodbye(s);
			stream_doom(s);
			return;
		}
	}
	if ((ready & LOOP_WRITE) && s->state == STREAM_BEHIND)
		stream_serve(s);
}

void
stream_doom(struct stream *s)
{
	struct fanout *f = s->fanout;
	int fd = s->io.fd;

	if (s->state == STREAM_DOOMED)
		return;
	if (s->state == STREAM_HEAD)
		audience_leave(s);
	if (s->chunk)
		chunk_let_go(s);
	else
		list_del(&s->kept);
	s->placing = placing_free(f, s->placing);
	if (s->paging)
		paging_leave(s);
	pulse_remove(s);
	loop_del(f->loop, &s->io);
	close(fd);
	s->state = STREAM_DOOMED;
	list_add(&f->doomed, &s->kept);
	f->count--;
	f->stats.closed++;
	if (f->ops->on_close)
		f->ops->on_close(f->user, s->owner);
}

void
stream_end(struct stream *s, uint64_t retry_ms)
{
	stream_finish(s, retry_ms, SLICE_NONE);
}

void
stream_end_later(struct stream *s)
{
	if (s->chunk)
		stream_doom(s);
	else
		stream_end(s, fanout_later_ms(&s->fanout->config));
}

static void
on_group_free(void *user, struct group *group)
{
	struct audience *a = group->user;

	(void)user;
	if (!a)
		return;
	list_del(&a->recent);
	free(a->head);
	free(a);
}

void
stream_reap(struct fanout *f)
{
	while (!list_is_empty(&f->doomed)) {
		struct stream *s = list_entry(f->doomed.next, struct stream,
					      kept);

		list_del(&s->kept);
		groups_put(f->groups, s->group, on_group_free, f);
		free(s);
	}
}

static int
stream_new(struct fanout *f, const struct fanout_request *request,
	   struct stream **ret_stream)
{
	const struct subscription *sub = request->subscription;
	struct stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->fanout = f;
	s->id = request->id;
	s->poll_ms = sub->poll_ms;
	s->owner = request->owner;
	s->io.fd = request->fd;
	s->io.on_ready = stream_on_ready;
	s->state = STREAM_WAITING;
	list_init(&s->kept);
	list_init(&s->wheel);
	r = groups_get(f->groups, buf_slice(&sub->key), &s->group);
	if (r < 0)
		goto out_free;
	r = audience_new(s->group);
	if (r == 0)
		r = placing_new(sub, &s->placing);
	if (r == 0)
		r = loop_add(f->loop, &s->io, LOOP_READ);
	if (r == 0) {
		*ret_stream = s;
		return 0;
	}
	s->placing = placing_free(f, s->placing);
	groups_put(f->groups, s->group, on_group_free, f);
out_free:
	free(s);
	return r;
}

/*
 * Who says where it was is told where the stream begins: at that id, or with
 * everything that is kept, because something after the id is not.
 */
static int
append_begin(const struct stream *s, const struct placed *placed,
	     struct buf *headers)
{
	const struct placing *p = s->placing;
	bool is_kept = p->from == FROM_ID && !placed->reason;

	if (placed->must_wait || p->from == FROM_NOW || p->from == FROM_LAST ||
	    s->fanout->config.is_plain)
		return 0;
	return buf_printf(headers, "Last-Event-ID: %.*s\r\n",
			  is_kept ? (int)p->after.len : 8,
			  is_kept ? p->after.p : "earliest");
}

enum write_result
stream_greet(struct stream *s, struct slice headers,
	     const struct placed *placed)
{
	struct fanout *f = s->fanout;
	struct buf lines = { 0 };
	struct reply head = { .id = s->id };
	struct piece p = {
		.first = EVLOG_NONE, .next = s->cursor, .is_once = true,
	};
	int r = append_begin(s, placed, &lines);

	if (r == 0 && lines.len > 0)
		r = buf_append_slice(&lines, headers);
	head.headers = lines.len > 0 ? buf_slice(&lines) : headers;
	buf_clear(&f->scratch);
	if (r == 0)
		r = reply_stream(&f->scratch, &head,
				 (uint64_t)f->config.retry_ms,
				 placed->position);
	buf_done(&lines);
	if (r == 0 && placed->has_gap)
		r = placing_append_gap(f, placed, &f->scratch);
	if (r < 0) {
		stream_starve(s);
		return WRITE_GONE;
	}
	p.bytes = f->scratch.p;
	p.len = f->scratch.len;
	s->last_write_ms = loop_now_ms(f->loop);
	return stream_write(s, &p, NULL);
}

enum write_result
stream_speak(struct stream *s, const struct placed *placed)
{
	struct buf headers = s->placing->headers;
	enum write_result result;

	s->placing->is_silent = false;
	s->placing->headers = (struct buf){ 0 };
	result = stream_greet(s, buf_slice(&headers), placed);
	buf_done(&headers);
	return result;
}

enum write_result
stream_speak_early(struct stream *s)
{
	const struct placed placed = {
		.must_wait = true,
		/* what is in the hub's pages follows it, whatever is lost */
		.position = s->paging ? s->placing->after : SLICE_NONE,
	};

	return stream_speak(s, &placed);
}

int
fanout_open(struct fanout *f, const struct fanout_request *request)
{
	struct placed placed;
	struct stream *s = NULL;
	int r = stream_new(f, request, &s);

	if (r < 0)
		return r;
	f->count++;
	f->stats.opened++;
	pulse_add(s, request->subscription->expires_ms);
	if (placing_decide(s, &placed) < 0) {
		stream_starve(s);
		return 0;
	}
	if (placed.must_wait) {
		list_add(&f->waiting, &s->kept);
	} else {
		s->state = STREAM_BEHIND;
		s->cursor = placed.cursor;
		s->told = placed.position.p && !placed.is_paged ?
			  placed.cursor : 0;
	}
	if (placing_is_silent(s, &placed)) {
		s->placing->is_silent = true;
		if (buf_append_slice(&s->placing->headers, request->headers) <
		    0) {
			stream_starve(s);
			return 0;
		}
	} else if (stream_greet(s, request->headers, &placed) == WRITE_GONE) {
		return 0;
	}
	if (placed.must_wait) {
		if (placing_wait(s) < 0)
			stream_end(s, fanout_later_ms(&f->config));
		return 0;
	}
	if (placed.is_paged && paging_begin(s, &placed) < 0) {
		stream_starve(s);
		return 0;
	}
	placing_settle(s);
	stream_serve(s);
	return 0;
}
