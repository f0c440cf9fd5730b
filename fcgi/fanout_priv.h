/* SPDX-License-Identifier: MIT */
/* fanout_priv: what the files of the fan-out share. */
#ifndef FCGI_FANOUT_PRIV_H
#define FCGI_FANOUT_PRIV_H

#include "fcgi/fanout.h"
#include "fcgi/newest.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/log/groups.h"
#include "lib/sse/id.h"

enum {
	/* one write: enough for a burst, little enough that a copy of it, kept
	 * for those who took only a part, does not matter */
	PIECE_BYTES = 65536,
	PIECE_EVENTS = 256,

	/* what a stream behind the head is served in one turn, about, so that
	 * a thousand of them do not keep the others waiting */
	SERVE_BYTES = 256 * 1024,
	SERVE_SCAN = 16384,

	/* pacing: sockets looked at, how many of them may lag, from how many
	 * readers on, how long a flush may wait */
	PACE_SAMPLE = 8,
	PACE_LAGGING = 2,
	PACE_FROM = 64,
	PACE_MOST_MS = 100,
	/* in a burst: how long an event waits for the next ones, and how long
	 * after the last flush it is one */
	COMPANY_MS = 2,
	BURST_MS = 200,

	WHEEL_SLOTS = 128,

	/* pages that are here at a time, each a megabyte about and at the most
	 * one large event; so many events are asked for */
	PAGER_SLOTS = 8,
	PAGER_EVENTS = 256,
	/* a page that its stream has not taken by then is dropped, for others
	 * wait; one that the hub could not give is asked for again */
	PAGER_STALL_MS = 10000,
	PAGER_AGAIN_MS = 1000,
	/* a last=N looks through so many pages of a thousand events at most */
	PAGER_NEWEST_PAGES = 64,
};

enum {				/* evlog_item.mark */
	MARK_ONE_RECORD = 1,	/* the payload is one record, not several */
	MARK_HOLE = 2,		/* numbers are gone: a gap for whom it concerns */
};

/*
 * A stream's state names the place it is kept in.
 *   WAITING  fanout->waiting; it does not know yet where to begin
 *   HEAD     its group's audience
 *   BEHIND   its chunk's holders while it has a chunk, else nowhere; its socket is
 *            watched for room, unless it waits for a page
 *   DOOMED   fanout->doomed; closed, freed at the end of the turn
 */
enum stream_state {
	STREAM_WAITING,
	STREAM_HEAD,
	STREAM_BEHIND,
	STREAM_DOOMED,
};

struct stream {
	struct loop_io io;
	struct list wheel;		/* pulse.c */
	struct list kept;		/* see enum stream_state */
	struct group *group;		/* shared (counted) */
	struct chunk *chunk;		/* shared; what is partly written, or NULL */
	struct placing *placing;	/* owned; WAITING, or a replay; else NULL */
	struct paging *paging;		/* owned; BEHIND, before the window; or NULL */
	struct fanout *fanout;		/* borrowed */
	void *owner;			/* the request's, for on_close */
	uint64_t cursor;		/* BEHIND: the next position to look at */
	uint64_t told;			/* its last id: stood for what is before;
					 * HEAD: or for the audience's */
	int64_t last_write_ms;		/* HEAD: or the audience's last flush */
	int64_t ends_ms;
	uint32_t poll_ms;		/* it ends at the head; 0: it stays */
	uint32_t place;			/* HEAD: in the audience */
	uint32_t chunk_at;		/* bytes of the chunk that are written */
	uint16_t id;			/* of the FastCGI request */
	uint8_t state;			/* enum stream_state */
};

/*
 * Where a stream begins: a question still open (WAITING), or the positions of
 * a `last=N` that are still to be sent (BEHIND).
 */
struct placing {
	uint64_t tag;			/* of the question; 0: none asked */
	bool has_waited;
	bool is_answered;
	uint64_t epoch, number;		/* the answer */
	int64_t since_ms;		/* Unix time at which the stream opened */
	enum subscription_from from;
	uint32_t last_n;
	struct slice after;		/* points behind the struct */
	/* The stream has no header yet, because that says where it begins. */
	bool is_silent;
	struct buf headers;		/* owned: lines that it will have */
	uint64_t *replay;		/* owned */
	size_t replay_at, replay_count;
};

/*
 * What a stream gets from the hub, because it is not in the window. Pages are
 * asked for and held in one of few slots.
 */
struct paging {
	struct list node;		/* pager's queue; else in nothing */
	struct stream *stream;		/* borrowed: whose it is */
	struct pager_slot *slot;	/* borrowed; NULL: has none */
	struct evlog_place place;	/* what matches up to it is written */
	uint64_t hole;			/* the MARK_HOLE it stands at: it wants
					 * to know only whether that concerns
					 * it; or EVLOG_NONE */
	uint64_t told;			/* what was gone up to it has been told */
	bool has_begun;			/* a page of it was written */
	/* of a last=N: what is collected while `most` is not 0. Then is_replay:
	 * it is in the slot, and the window's part is stream->placing's */
	struct newest newest;
	bool is_replay;
	uint32_t pages;			/* that were looked through for it */
	bool is_all;			/* it gets all that is kept, */
	const char *reason;		/* and is told of this gap first; NULL:
					 * it did not miss anything */
	struct slice after;		/* what the first gap says, if it is not
					 * the place; into after_text */
	char after_text[];
};

struct pager_mark {		/* where an event of a page ends */
	size_t end;
	uint64_t number;
};

struct pager_slot {
	struct stream *stream;		/* NULL: free */
	uint64_t tag;			/* of the question; 0: none is open */
	bool has_page;
	int64_t due_ms;			/* has_page: to be taken by then; else,
					 * without tag: to be asked again */
	struct buf bytes;		/* of the page, as records for id 1 */
	struct pager_mark marks[PAGER_EVENTS + 1];
	size_t mark_at, mark_count;
	uint64_t to, lost;		/* what it reaches to, what is gone */
};

struct pager {
	struct list queue;		/* paging without a slot, in order */
	struct buf text;		/* selectors, or an event */
	struct pager_slot slots[PAGER_SLOTS];
};

/* Bytes that some streams have taken a part of. */
struct chunk {
	struct list all;		/* fanout->chunks */
	struct list holders;		/* streams */
	uint64_t first;			/* as in the piece */
	uint32_t len;
	const char *bytes;		/* the log's, as long as `first` is kept;
					 * or behind the struct */
};

/* Bytes to be written, at once or as a chunk. */
struct piece {
	const char *bytes;		/* borrowed */
	size_t len;
	uint64_t first;			/* its first event; EVLOG_NONE: has none */
	uint64_t back;			/* the cursor if none of it is taken, ... */
	uint64_t next;			/* ... and if some of it is, or all */
	uint64_t told;			/* what the last id in it stands for */
	bool is_once;			/* cannot be made again from `back` */
	bool is_logs;			/* the bytes are those of entry `first` */
};

/* All that a write needs, side by side: a flush does not touch the streams. */
struct member {
	struct stream *stream;		/* borrowed */
	int fd;
	uint16_t id;			/* of the FastCGI request */
};

/* A group's members at the head of the log. */
struct audience {
	struct member *head;		/* owned array */
	uint32_t count, cap;
	struct list recent;		/* fanout->recent */
	struct group *group;		/* borrowed: whose it is */
	int64_t last_flush_ms;
	int64_t since_ms;		/* something waits to be flushed; or 0 */
	uint32_t company;		/* events in the last flush */
	uint64_t told;			/* by the last flush: see stream */
	/*
	 * What the hub said at the last hole, when the log reached to number
	 * `sounded` of this gen: the newest that is gone of what the group
	 * wants.
	 */
	uint32_t sounded_gen;
	uint64_t sounded, lost;
};

struct fanout {
	struct loop *loop;		/* borrowed */
	struct fanout_config config;
	const struct fanout_ops *ops;	/* borrowed */
	void *user;			/* borrowed */
	struct evlog *log;		/* owned */
	struct groups *groups;		/* owned */
	struct list recent;		/* audiences that were flushed within
					 * coalesce_ms, in this order */
	struct buf scratch;		/* one piece, or one reply */
	struct buf patched;		/* a piece with another request id */
	uint64_t noted_end;		/* positions before it are in groups' pending */
	uint64_t began;			/* where the log's epoch began */
	struct evlog_place owed;	/* what followed it was dropped: a gap for all
					 * is due; gen 0: nothing */

	size_t count;			/* streams, without the doomed */
	struct list waiting;
	struct list chunks;
	uint64_t chunks_low;		/* no chunk's `first` is below it */
	struct list doomed;
	struct map questions;		/* tag -> stream */
	uint64_t last_tag;
	bool was_live;			/* the log has been complete once */
	bool has_news;			/* who waits may know more now */

	struct pager *pager;		/* owned; NULL: there is no hub to ask */

	struct loop_timer pulse;
	struct list wheel[WHEEL_SLOTS];
	int64_t wheel_tick_ms;
	int64_t wheel_at;		/* ticks that are done */
	int64_t drain_from_ms;		/* 0: not draining */
	size_t drain_total;		/* streams when the drain began */

	struct fanout_stats stats;
};

/* fanout.c */
void fanout_flush_group(struct fanout *f, struct group *group);
void fanout_flush_all(struct fanout *f);	/* what was held back, too */
int audience_new(struct group *group);	/* if it has none yet; 0 or -ENOMEM */
int audience_join(struct fanout *f, struct stream *s);	/* 0 or -ENOMEM */
void audience_leave(struct stream *s);
/* As many of the positions as fit; `back` is the first of them. */
int piece_from_positions(struct fanout *f, const uint64_t *positions,
			 size_t count, struct piece *ret_piece, size_t *ret_used);

/* stream.c */
enum write_result { WRITE_DONE, WRITE_BLOCKED, WRITE_GONE };
/*
 * Writes a piece to a stream that has no chunk. BLOCKED: the stream is BEHIND
 * now. `shared` (may be NULL) holds the chunk that several streams can share
 * for the same piece, NULL at first.
 */
enum write_result stream_write(struct stream *s, const struct piece *p,
			       struct chunk **shared);
/* Its two halves: what send(2) returns, and what comes of it for a piece of which
 * `bytes` (the piece's, or those for another request id) were sent. */
ssize_t stream_send(int fd, const char *bytes, size_t len);
enum write_result stream_wrote(struct stream *s, const struct piece *p,
			       const char *bytes, ssize_t n,
			       struct chunk **shared);
void stream_serve(struct stream *s);	/* BEHIND: on to the head */
void stream_end(struct stream *s, uint64_t retry_ms);	/* says so, and closes */
/* Ends it, or cuts it off when it is in the middle of a piece. */
void stream_end_later(struct stream *s);
/* Closes a stream that there is no memory for; its browser resumes. */
void stream_starve(struct stream *s);
void stream_doom(struct stream *s);	/* closes; harmless when it is DOOMED */
void stream_set_behind(struct stream *s, uint64_t cursor);
void stream_cut_chunks(struct fanout *f, uint64_t evicted);
void stream_reap(struct fanout *f);

/* placing.c */
struct placed {			/* what the decision is */
	bool must_wait;
	uint64_t cursor;
	struct slice position;	/* for the first record; absent: none */
	bool has_gap;		/* tell the stream; `after` absent: null */
	bool is_paged;		/* from the hub: what follows page_after */
	uint32_t last_n;	/* of each topic the newest, of those pages; 0: all */
	bool is_all;		/* see struct paging, also for the next two */
	struct slice after;
	const char *reason;
	/* of the gap: this, or before placing_first, if that is later */
	struct evlog_place resumed_at;
	struct evlog_place page_after;
	char id_text[ID_TEXT_MAX + 1];	/* holds position, if it is ours */
};
/* Decides for stream->placing, which lends the slices. 0 or -ENOMEM. */
int placing_decide(struct stream *s, struct placed *ret_placed);
void placing_settle(struct stream *s);	/* placed: frees what it needs no more */
int placing_new(const struct subscription *sub, struct placing **ret_placing);
struct placing *placing_free(struct fanout *f, struct placing *p);
/* Writes the first record of a stream, with these header lines beside its own. */
enum write_result stream_greet(struct stream *s, struct slice headers,
			       const struct placed *placed);
/* The same for one that has been silent (struct placing). */
enum write_result stream_speak(struct stream *s, const struct placed *placed);
/* The same before anybody knows what the header would say. */
enum write_result stream_speak_early(struct stream *s);
int placing_wait(struct stream *s);	/* asks the hub if that helps */
/* Whether its header has to wait until it is placed. */
bool placing_is_silent(const struct stream *s, const struct placed *placed);
/* Whether the window has all that the hub has of what the stream wants. */
bool placing_has_all(const struct stream *s);
/* Where to begin with all of the window from which on it has no hole. */
uint64_t placing_first(const struct fanout *f);
/* What follows a place of an earlier log in the one that there is now. */
struct evlog_place placing_in_this_log(const struct fanout *f,
				       struct evlog_place place);
void placing_retry_all(struct fanout *f);
/* A new log begins: what was answered about a log that never came is asked of
 * the hub that is there now. */
void placing_ask_again(struct fanout *f);
/* Appends a gap event, as records for request id 1. */
int placing_append_gap(struct fanout *f, const struct placed *p, struct buf *out);
int placing_append_gap_at(struct fanout *f, const struct placed *p,
			  struct evlog_place resumed_at, struct buf *out);
struct slice place_text(const struct fanout *f, struct evlog_place place,
			char out[ID_TEXT_MAX + 1]);

/* pager.c */
int pager_new(struct pager **ret_pager);
struct pager *pager_free(struct pager *p);
/* At the end of a turn: gives slots away. How long the loop may sleep at the
 * most, since what is asked leaves with its next turn; -1: no bound. */
int64_t pager_turn(struct fanout *f, int64_t now_ms);

/* paging.c */
enum next { NEXT_PIECE, NEXT_AGAIN, NEXT_HEAD, NEXT_WAIT, NEXT_FAILED };
enum hole { HOLE_UNKNOWN, HOLE_HARMLESS, HOLE_MISSED };

/* The stream, which is BEHIND, goes on after p->page_after. 0 or -ENOMEM. */
int paging_begin(struct stream *s, const struct placed *p);
/* Whether the MARK_HOLE at this position concerns the group. */
enum hole paging_hole(const struct fanout *f, const struct group *group,
		      uint64_t pos);
/* The stream stands at one of which that is not known. 0 or -ENOMEM. */
int paging_begin_at_hole(struct stream *s, uint64_t pos);
/* The answer to that. */
void paging_sound(struct stream *s, const struct follower_page *page);
enum next paging_next(struct stream *s, struct piece *ret_piece);
void paging_leave(struct stream *s);	/* it needs no page (any more) */
bool paging_is_waiting(const struct stream *s);	/* for the hub */
/* Whether the hub has another log than the one of the stream's place. */
bool paging_is_stale(const struct stream *s);
/* The gap for what is gone behind the stream's place; `text` holds its after. */
struct placed paging_gap(const struct stream *s, char text[ID_TEXT_MAX + 1]);

/* slot.c */
void slot_release(struct pager_slot *slot);
/* Asks for the next page. False: that is for later. */
bool slot_ask(struct pager_slot *slot, int64_t now_ms);
/* The page came, and so did all of a last=N. 0 or -ENOMEM. */
/* The first page says where a silent stream begins. */
enum write_result slot_speak(const struct pager_slot *slot,
			     const struct follower_page *page);
int slot_fill(struct pager_slot *slot, const struct follower_page *page,
	      int64_t now_ms);
int slot_fill_replay(struct pager_slot *slot, struct newest *newest);
/* As much of it as is written at a time. */
enum next slot_take_piece(struct pager_slot *slot, struct piece *ret_piece);
void slot_turn(struct pager_slot *slot);	/* all of its page is written */

/* pulse.c */
int pulse_start(struct fanout *f);
/* A new stream, which ends at a Unix time; 0: it has none. */
void pulse_add(struct stream *s, int64_t expires_ms);
void pulse_remove(struct stream *s);

#endif
