/* SPDX-License-Identifier: MIT */
/* fanout_priv: what fanout.c, stream.c, placing.c and pulse.c share. */
#ifndef FCGI_FANOUT_PRIV_H
#define FCGI_FANOUT_PRIV_H

#include "fcgi/fanout.h"
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

	WHEEL_SLOTS = 128,
};

/*
 * A stream's state names the place it is kept in.
 *   WAITING  fanout->waiting; it does not know yet where to begin
 *   HEAD     its group's audience
 *   BEHIND   its chunk's holders while it has a chunk, else nowhere; its socket is
 *            watched for room
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
	struct fanout *fanout;		/* borrowed */
	void *owner;			/* the request's, for on_close */
	uint64_t cursor;		/* BEHIND: the next position to look at */
	uint64_t told;			/* its last id: stood for what is before;
					 * HEAD: or for the audience's */
	int64_t last_write_ms;		/* HEAD: or the audience's last flush */
	int64_t ends_ms;
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
	uint64_t *replay;		/* owned */
	size_t replay_at, replay_count;
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

/* A group's members at the head of the log. */
struct audience {
	struct stream **head;		/* owned array */
	uint32_t count, cap;
	int64_t last_flush_ms;
	uint64_t told;			/* by the last flush: see stream */
};

struct fanout {
	struct loop *loop;		/* borrowed */
	struct fanout_config config;
	const struct fanout_ops *ops;	/* borrowed */
	void *user;			/* borrowed */
	struct evlog *log;		/* owned */
	struct groups *groups;		/* owned */
	struct buf scratch;		/* one piece, or one reply */
	struct buf patched;		/* a piece with another request id */
	uint64_t noted_end;		/* positions before it are in groups' pending */
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
void stream_serve(struct stream *s);	/* BEHIND: on to the head */
void stream_end(struct stream *s, uint64_t retry_ms);	/* says so, and closes */
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
	struct slice after;
	const char *reason;
	char id_text[ID_TEXT_MAX + 1];	/* holds position, if it is ours */
};
/* Decides for stream->placing, which lends the slices. 0 or -ENOMEM. */
int placing_decide(struct stream *s, struct placed *ret_placed);
void placing_settle(struct stream *s);	/* placed: frees what it needs no more */
int placing_new(const struct subscription *sub, struct placing **ret_placing);
struct placing *placing_free(struct fanout *f, struct placing *p);
int placing_wait(struct stream *s);	/* asks the hub if that helps */
void placing_retry_all(struct fanout *f);
/* A new log begins: what was answered about a log that never came is asked of
 * the hub that is there now. */
void placing_ask_again(struct fanout *f);
/* Appends the gap event that `p` speaks of, as records for request id 1. */
int placing_append_gap(struct fanout *f, const struct placed *p, struct buf *out);
struct slice place_text(const struct fanout *f, struct evlog_place place,
			char out[ID_TEXT_MAX + 1]);

/* pulse.c */
int pulse_start(struct fanout *f);
void pulse_add(struct stream *s);	/* a new stream */
void pulse_remove(struct stream *s);

#endif
